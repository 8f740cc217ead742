"""intnet against loops written from spec/arithmetic.md."""
import numpy as np
import pytest
import torch

from vqzint import modelfile as mf
from vqzint.intnet import IntNet, check, limits, magnitude


def brute(net, inputs):
    """Plain integer loops; tensors [h,w,c] int64."""
    values = dict(enumerate(inputs))
    for y in net.layers:
        x = values[y.src]
        h, w, _ = x.shape
        p, oh, ow = (y.k - 1) // 2, -(-h // y.stride), -(-w // y.stride)
        out = np.zeros((oh, ow, len(y.m)), object)
        lo, hi = limits(net.tensors[y.dst])
        for r in range(oh):
            for c in range(ow):
                for o in range(len(y.m)):
                    if y.op == mf.REQUANT:
                        a = int(x[r, c, o])
                    else:
                        a = int(y.bias[o])
                        for i in range(y.k):
                            for j in range(y.k):
                                yy, xx = r * y.stride + i - p, c * y.stride + j - p
                                if y.edge:
                                    yy, xx = min(max(yy, 0), h - 1), min(max(xx, 0), w - 1)
                                if 0 <= yy < h and 0 <= xx < w:
                                    a += int((y.weights[o, i, j].astype(np.int64) * x[yy, xx]).sum())
                    assert -2 ** 31 <= a < 2 ** 31
                    t = a * int(y.m[o])
                    if y.add != mf.NO_TENSOR:
                        t += int(values[y.add][r, c, o]) * int(y.n[o])
                    if y.act == mf.LEAKY and t < 0:
                        t >>= 3
                    q = (t + (1 << int(y.s[o]) - 1)) >> int(y.s[o])
                    out[r, c, o] = min(max(q, 0 if y.act == mf.RELU else lo), hi)
        if y.shuffle > 1:
            s = y.shuffle
            out = out.reshape(oh, ow, -1, s, s).transpose(0, 3, 1, 4, 2).reshape(oh * s, ow * s, -1)
        values[y.dst] = out.astype(np.int64)
    return values[net.layers[-1].dst]


def random_tensor(rng, tensor, h, w):
    """Random [h,w,c] in the tensor's range."""
    if tensor.type == mf.MIXED:
        v = rng.integers(-128, 128, (h, w, tensor.channels))
        v[..., :tensor.zsplit] = rng.integers(0, 256, (h, w, tensor.zsplit))
        return v
    lo, hi = limits(tensor)
    return rng.integers(lo, hi + 1, (h, w, tensor.channels))


def random_layer(rng, tensors, src, dst, k, stride, act, edge, shuffle=1, add=mf.NO_TENSOR):
    """Convolution with random weights whose output roughly fills the output range."""
    cin, cout = tensors[src].channels, tensors[dst].channels * shuffle ** 2
    top = 3000 if tensors[src].type == mf.S16 else 127
    weights = rng.integers(-top, top + 1, (cout, k, k, cin))
    spread = np.sqrt(k * k * cin) * top * magnitude(tensors[src]).mean() / 3
    s = rng.integers(20, 40, cout)
    m = np.clip(2. ** s * limits(tensors[dst])[1] / spread / 2, 1, 32767).astype(np.int64)
    n = None if add == mf.NO_TENSOR else (2. ** s * rng.uniform(-.5, .5, cout) * limits(tensors[dst])[1] / 32768).astype(np.int64).clip(-2 ** 31, 2 ** 31 - 1)
    bias = rng.integers(-spread / 4, spread / 4, cout).clip(-10 ** 9, 10 ** 9)
    return mf.Layer(mf.CONV, k, stride, act, edge, shuffle, src, dst, add, m.astype(np.uint16), s.astype(np.uint8), weights.astype(np.int16),
                    bias.astype(np.int32), None if n is None else n.astype(np.int32))


@pytest.mark.parametrize('kind,k,stride,act,edge,shuffle,h,w', [
    (mf.U8, 3, 1, mf.RELU, 0, 1, 5, 4), (mf.S8, 5, 2, mf.LEAKY, 1, 1, 7, 6), (mf.MIXED, 3, 2, mf.NONE, 0, 2, 5, 5),
    (mf.S16, 1, 1, mf.NONE, 0, 4, 3, 2), (mf.S8, 1, 1, mf.NONE, 1, 2, 1, 1), (mf.S16, 3, 1, mf.LEAKY, 1, 1, 2, 3)])
def test_convolution(kind, k, stride, act, edge, shuffle, h, w):
    """One convolution, then a requant, for every kind of input."""
    rng = np.random.default_rng(k * 100 + h)
    first = mf.Tensor(kind, 12, 5 if kind == mf.MIXED else 0, 900 if kind == mf.S16 else 0)
    out = mf.S8 if act == mf.LEAKY else mf.U8 if act == mf.RELU else mf.S16
    tensors = [first, mf.Tensor(out, 6, bound=2000 if out == mf.S16 else 0), mf.Tensor(mf.U8, 6)]
    layers = [random_layer(rng, tensors, 0, 1, k, stride, act, edge, shuffle)]
    layers.append(mf.Layer(mf.REQUANT, 1, 1, mf.RELU, 0, 1, 1, 2, mf.NO_TENSOR, rng.integers(1, 32768, 6), rng.integers(14, 17, 6)))
    net = mf.Net(4, 0, tensors, layers)
    x = random_tensor(rng, first, h, w)
    got = IntNet(net).run(torch.from_numpy(x).permute(2, 0, 1)[None].float())[0].permute(1, 2, 0).numpy()
    want = brute(net, [x])
    assert len(np.unique(want)) > 3 and (got == want).all()


def test_addend():
    """Addend of a 16-bit tensor, leaky activation over the sum."""
    rng = np.random.default_rng(3)
    tensors = [mf.Tensor(mf.S8, 8), mf.Tensor(mf.S16, 7, bound=32768), mf.Tensor(mf.S8, 7)]
    net = mf.Net(5, 0, tensors, [random_layer(rng, tensors, 0, 2, 3, 1, mf.LEAKY, 0, add=1)])
    x, a = random_tensor(rng, tensors[0], 4, 5), random_tensor(rng, tensors[1], 4, 5)
    got = IntNet(net).run(*(torch.from_numpy(v).permute(2, 0, 1)[None].float() for v in (x, a)))[0].permute(1, 2, 0).numpy()
    want = brute(net, [x, a])
    assert want.min() < -3 and (got == want).all()


def test_wide_sums_are_exact():
    """A layer whose sums leave 2^24: grouped float32 equals one float64 convolution."""
    rng = np.random.default_rng(5)
    tensors = [mf.Tensor(mf.U8, 300), mf.Tensor(mf.S16, 4, bound=32768)]
    y = mf.Layer(mf.CONV, 3, 1, mf.NONE, 0, 1, 0, 1, mf.NO_TENSOR, np.full(4, 32767), np.full(4, 28), rng.integers(100, 128, (4, 3, 3, 300)), np.zeros(4, np.int64))
    net = IntNet(mf.Net(3, 0, tensors, [y]))
    assert len(net.layers[0]['groups']) > 1
    x = torch.from_numpy(rng.integers(200, 256, (1, 300, 6, 6))).double()
    a = torch.nn.functional.conv2d(x, torch.from_numpy(y.weights).double().permute(0, 3, 1, 2), padding=1)
    assert a.max() > 2 ** 24
    assert (net.run(x.float()).double() == torch.floor(a * 32767 * 2. ** -28 + .5).clamp(-32768, 32767)).all()


def test_bound_is_refused():
    """A 16-bit layer beyond 2^31."""
    tensors = [mf.Tensor(mf.S16, 3, bound=32768), mf.Tensor(mf.S16, 1, bound=32768)]
    y = mf.Layer(mf.CONV, 1, 1, 0, 0, 1, 0, 1, mf.NO_TENSOR, np.ones(1), np.ones(1), np.full((1, 1, 1, 3), 21846), np.zeros(1))
    with pytest.raises(ValueError):
        check(mf.Net(8, 0, tensors, [y]))
    y.weights = np.full((1, 1, 1, 3), 21845)
    check(mf.Net(8, 0, tensors, [y]))
