"""Exact execution of integer networks (spec/arithmetic.md) in PyTorch.

Activations are float32 tensors [B,c,h,w] that hold integers. Accumulators are exact: 8-bit convolutions run in float32 over groups of
input channels whose worst sum stays below 2^24, everything else in float64, where all intermediate values stay below 2^53.
"""
import numpy as np
import torch
import torch.nn.functional as F

from . import modelfile as mf

RANGE = {mf.U8: (0, 255), mf.S8: (-128, 127), mf.S16: (-32768, 32767)}


def limits(tensor):
    """Smallest and largest value of a (not mixed) tensor."""
    lo, hi = RANGE[tensor.type]
    return (max(lo, -tensor.bound), min(hi, tensor.bound)) if tensor.type == mf.S16 else (lo, hi)


def magnitude(tensor):
    """Largest absolute value of every channel of a tensor, as the bound proof uses it."""
    if tensor.type == mf.S16:
        return np.full(tensor.channels, tensor.bound, np.int64)
    if tensor.type == mf.MIXED:
        return np.where(np.arange(tensor.channels) < tensor.zsplit, 255, 128).astype(np.int64)
    return np.full(tensor.channels, 255 if tensor.type == mf.U8 else 128, np.int64)


def check(net):
    """Raises ValueError unless every layer keeps the bounds of spec/arithmetic.md section 5."""
    for i, y in enumerate(net.layers):
        if y.m.min() < 1 or y.m.max() > 32767 or y.s.min() < 1 or y.s.max() > 46:
            raise ValueError(f'role {net.role}.{net.index} layer {i}: multiplier or shift out of range')
        if y.op == mf.CONV:
            reach = (np.abs(y.weights.astype(np.int64)) * magnitude(net.tensors[y.src])).sum((1, 2, 3)) + np.abs(y.bias.astype(np.int64))
            if reach.max() >= 2 ** 31:
                raise ValueError(f'role {net.role}.{net.index} layer {i}: accumulator bound {reach.max()}')


def _groups(weights, mag):
    """Input channel ranges whose worst accumulator stays below 2^24, so that float32 sums are exact."""
    cost = np.abs(weights.astype(np.int64)).sum((1, 2)) * mag
    total, start, out = np.cumsum(cost, 1), 0, []
    while start < cost.shape[1]:
        base = total[:, start - 1] if start else np.zeros(len(cost), np.int64)
        end = int(np.searchsorted((total - base[:, None]).max(0)[start:], 2 ** 24)) + start
        if end == start:
            return None
        out.append((start, end))
        start = end
    return out


class IntNet:
    """A network ready to run."""
    def __init__(self, net):
        check(net)
        self.net = net
        self.layers = [self._prepare(y) for y in net.layers]

    def _prepare(self, y):
        column = lambda a: torch.from_numpy(np.asarray(a, np.float64))[None, :, None, None]
        p = dict(scale=column(y.m.astype(np.float64) * 2.0 ** -y.s.astype(np.float64)))
        if y.n is not None:
            p['add'] = column(y.n.astype(np.float64) * 2.0 ** -y.s.astype(np.float64))
        if y.op == mf.CONV:
            groups = _groups(y.weights, magnitude(self.net.tensors[y.src]))
            weights = torch.from_numpy(y.weights.astype(np.float64)).permute(0, 3, 1, 2).contiguous()
            p['groups'] = groups or [(0, weights.shape[1])]
            p['weights'] = [weights[:, a:b].contiguous().to(torch.float32 if groups else torch.float64) for a, b in p['groups']]
            p['bias'] = column(y.bias)
        return p

    @torch.no_grad()
    def run(self, *inputs, trace=None):
        """Output of the last layer; `trace` (a list) receives every layer's output."""
        values = dict(enumerate(inputs))
        for y, p in zip(self.net.layers, self.layers):
            x = values[y.src]
            if y.op == mf.CONV:
                a = convolve(x, y, p)
            else:
                a = x.double()
            t = a.mul_(p['scale'])                                     # exact: |a * m| < 2^46 and the shift only moves the binary point
            if y.add != mf.NO_TENSOR:
                t = t.add_(values[y.add].double() * p['add'])
            lo, hi = limits(self.net.tensors[y.dst])
            if y.act == mf.LEAKY:                                      # t >> 3 is a floor of t in units of 2^-s
                unit = torch.from_numpy(2.0 ** y.s.astype(np.float64))[None, :, None, None]
                t = torch.where(t < 0, torch.floor(t * unit / 8) / unit, t)
            q = t.add_(.5).floor_().clamp_(0 if y.act == mf.RELU else lo, hi).float()
            if y.shuffle > 1:
                q = F.pixel_shuffle(q, y.shuffle)
            values[y.dst] = q
            if trace is not None:
                trace.append(q)
        return values[self.net.layers[-1].dst]


def convolve(x, y, p):
    """Exact accumulators (float64) of a convolution layer."""
    pad = (y.k - 1) // 2
    if pad:
        x = F.pad(x, (pad,) * 4, mode='replicate' if y.edge else 'constant')
    out = None
    for (a, b), w in zip(p['groups'], p['weights']):
        part = F.conv2d(x[:, a:b].to(w.dtype), w, stride=y.stride).double()
        out = part if out is None else out.add_(part)
    return out.add_(p['bias'])


def latq(y, m, s):
    """Latents (s16, 8 fractional bits) [B,C,h,w] through LATQ: what the networks see."""
    m, s = (torch.from_numpy(np.asarray(a, np.float64))[None, :, None, None] for a in (m, s))
    return torch.floor(y.double() * m * 2 ** -s + .5).clamp_(-128, 127).float()
