"""Exact execution of integer networks (spec/arithmetic.md) in PyTorch.

Activations are float32 tensors [B,c,h,w] that hold integers. Accumulators are exact: 8-bit convolutions run in float32 over groups of
input channels whose worst sum stays below 2^24, 16-bit ones in float64. Requantization runs in float64: a * m + v * n + (1 << (s-1)) stays
below 2^53, and the shift only moves the binary point.
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
        unit = 2.0 ** -y.s.astype(np.float64)
        p = dict(scale=column(y.m * unit), unit=column(unit))
        if y.n is not None:
            p['add'] = column(y.n * unit)
        if y.op == mf.CONV:
            wide = self.net.tensors[y.src].type == mf.S16
            weights = torch.from_numpy(y.weights.astype(np.float64)).permute(0, 3, 1, 2).contiguous()
            p['groups'] = [(0, weights.shape[1])] if wide else _groups(y.weights, magnitude(self.net.tensors[y.src]))
            p['weights'] = [weights[:, a:b].contiguous().to(torch.float64 if wide else torch.float32) for a, b in p['groups']]
            p['offset'] = column(y.bias.astype(np.float64) * y.m * unit)
        else:
            p['offset'] = torch.zeros(1, dtype=torch.float64)
        return p

    @torch.no_grad()
    def run(self, *inputs, trace=None):
        """Output of the last layer; `trace` (a list) receives every layer's output."""
        values = dict(enumerate(inputs))
        for y, p in zip(self.net.layers, self.layers):
            x = values[y.src]
            t = torch.addcmul(p['offset'], convolve(x, y, p) if y.op == mf.CONV else x.double(), p['scale'])
            if y.add != mf.NO_TENSOR:
                t = t.addcmul_(values[y.add].double(), p['add'])
            lo, hi = limits(self.net.tensors[y.dst])
            if y.act == mf.LEAKY:                                      # t >> 3, a floor in units of 2^-s; only negative t change
                low = torch.floor(t / (8 * p['unit'])) * p['unit']
                t = torch.maximum(t, low)
            q = t.add_(.5).floor_().float().clamp_(0 if y.act == mf.RELU else lo, hi)
            if y.shuffle > 1:
                q = F.pixel_shuffle(q, y.shuffle)
            values[y.dst] = q
            if trace is not None:
                trace.append(q)
        return values[self.net.layers[-1].dst]


def convolve(x, y, p):
    """Exact sums (float64) of a convolution layer, without its bias."""
    pad = (y.k - 1) // 2
    if pad:
        x = F.pad(x, (pad,) * 4, mode='replicate' if y.edge else 'constant')
    out = None
    for (a, b), w in zip(p['groups'], p['weights']):
        part = F.conv2d(x[:, a:b].to(w.dtype), w, stride=y.stride).double()
        out = part if out is None else out.add_(part)
    return out


def latq(y, m, s):
    """Latents (s16, 8 fractional bits) [B,C,h,w] through LATQ: what the networks see."""
    m, s = (torch.from_numpy(np.asarray(a, np.float64))[None, :, None, None] for a in (m, s))
    return torch.floor(y.double() * m * 2 ** -s + .5).clamp_(-128, 127).float()
