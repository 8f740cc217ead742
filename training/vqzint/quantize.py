"""Float graphs to integer networks: weights per output channel, multipliers, shifts, addend multipliers; LATQ; level rows."""
import math

import numpy as np

from . import modelfile as mf
from .graph import FEATURE_ONE, LATENT_UNIT, RUNG_UNIT

ROWS_PER_LEVEL = 6      # a row is then about 7 % of a file's size
ROWS_BELOW, ROWS_CUT = 11, 8  # 0.05 bits a pixel want coarser steps than the lowest trained level; at the top, residuals take over. 64 rows at most


def multiplier(ratio, most=46):
    """(m, s) with m / 2^s close to each positive ratio, m as large as 15 bits and s <= most (one for all or for each) allow."""
    ratio = np.asarray(ratio, np.float64)
    s = np.clip(14 - np.floor(np.log2(ratio)), 1, most)
    m = np.round(ratio * 2. ** s)
    s = np.where((m > 32767) & (s > 1), s - 1, s)
    m = np.clip(np.round(ratio * 2. ** s), 1, 32767)
    return m.astype(np.int64), s.astype(np.int64)


def common_shift(values, bits=16, most=15):
    """Largest shift at which all values fit in `bits` unsigned bits."""
    return int(min(most, math.floor(math.log2((2 ** bits - 1) / np.max(values)))))


def _weight_step(w, bias, limit, wide_bound=None):
    """Step of the weights of every output channel [o, i, k, k] so that |W| <= limit; wide_bound: also |bias| + sum |W| * bound < 2^31 (with room)."""
    step = np.abs(w).max((1, 2, 3)) / limit
    if wide_bound is not None:
        step = np.maximum(step, (np.abs(w).sum((1, 2, 3)) * wide_bound + np.abs(bias)) / (2 ** 31 * .98))
    return step


def _best_step(w, step, weight, tries=(1., .97, .94, .91, .88, .85, .8)):
    """Per output channel, the fraction of the full step with the least squared rounding and clipping error (input importance `weight`)."""
    error = np.full((len(tries), len(w)), np.inf)
    for i, f in enumerate(tries):
        s = (step * f)[:, None, None, None]
        error[i] = (((np.clip(np.round(w / s), -127, 127) * s - w) ** 2) * weight).sum((1, 2, 3))
    return step * np.array(tries)[error.argmin(0)]


def layer(op, nodes, units, energy=None):
    """Integer layer of a graph's op. energy [i]: mean square of every input channel in integer steps; None: weights are trained for the full step."""
    src, dst = nodes[op.src], nodes[op.dst]
    su, du = units(src), units(dst)
    du = np.repeat(du, op.shuffle ** 2)
    out = dict(k=1, stride=op.stride, act=op.act, edge=op.edge, shuffle=op.shuffle, src=op.src, dst=op.dst, add=op.add)
    if op.weight is None:
        out.update(op=mf.REQUANT)
        step = su
    else:
        w = op.weight.double().numpy() * su[None, :, None, None]
        wide = src.type == mf.S16
        bias = op.bias.double().numpy()
        step = _weight_step(w, bias, 32767 if wide else 127, src.bound if wide else None)
        dead = step == 0
        step[dead] = du[dead] / 256
        if not wide and energy is not None:
            step = _best_step(w, step, energy[None, :, None, None])
        limit = 32767 if wide else 127
        q = np.clip(np.round(w / step[:, None, None, None]), -limit, limit).astype(np.int64)
        out.update(op=mf.CONV, k=w.shape[2], weights=q.transpose(0, 2, 3, 1), bias=np.round(bias / step).astype(np.int64))
    if op.add == mf.NO_TENSOR:
        m, s = multiplier(step / du)
    else:   # the addend's multiplier has 31 bits: a branch that adds next to nothing has a smaller one instead
        ratio = units(nodes[op.add]) / du
        m, s = multiplier(step / du, np.minimum(46, np.floor(30.9 - np.log2(ratio))))
        out['n'] = np.round(ratio * 2. ** s).astype(np.int64)
    return mf.Layer(m=m, s=s, **out)


def network(graph, units, record=None):
    """Integer network of a graph. units: name -> array; record: calibration samples for the importance of input channels, if they matter."""
    unit = lambda n: n.unit if n.unit is not None else units[n.name]
    tensors = [mf.Tensor(n.type, n.channels, n.zsplit, n.bound) for n in graph.nodes]
    layers = []
    for op in graph.ops:
        src = graph.nodes[op.src]
        energy = None
        if record is not None:
            energy = np.ones(src.channels)
            if src.name in record.samples:
                energy = ((record.sample(src.name).double() ** 2).mean(0).numpy() + 1e-12) / unit(src) ** 2
        layers.append(layer(op, graph.nodes, unit, energy))
    return mf.Net(graph.role, graph.index, tensors, layers)


def latq(sx, nrm):
    """m, s of LATQ: latents with 8 fractional bits -> y * nrm / sx."""
    return multiplier(LATENT_UNIT * nrm / sx)


def trained_rows(count):
    """Numbers of the rows, of so many, that are trained levels themselves."""
    return range(ROWS_BELOW, count, ROWS_PER_LEVEL)


def between(a, beyond=False):
    """Trained rows with interpolated ones between them, ROWS_BELOW below the first, ROWS_CUT of the last left out: [L,...] -> [rows,...]. Below the first row
    values stay (what networks see) or run on (beyond)."""
    at = np.arange(-ROWS_BELOW, (len(a) - 1) * ROWS_PER_LEVEL + 1 - ROWS_CUT) / ROWS_PER_LEVEL
    low = np.clip(np.floor(at).astype(int), 0, len(a) - 2)
    part = (at - low).reshape(-1, *[1] * (a.ndim - 1))
    part = part if beyond else np.maximum(part, 0)
    return a[low] * (1 - part) + a[low + 1] * part


def levels(loggain, zgain, zunit, lam):
    """Level rows from the trained log-gains [L,C], hyper log-gains [L,Z], units of the hyper input [Z]; tables are filled in later."""
    trained = len(loggain)
    lg, zg = between(loggain, beyond=True), between(zgain)
    n = len(lg)
    is_ = common_shift(np.exp(-lg))
    inv = np.maximum(1, np.round(np.exp(-lg) * 2. ** is_))
    gain = 2. ** is_ / inv                                             # of the inverse that the decoder has
    gs, zs, zi = common_shift(gain), common_shift(np.exp(zg)), np.exp(-zg) / zunit
    zis = common_shift(zi, most=12)
    feat = np.round(between(np.eye(trained)) * FEATURE_ONE)
    lam = np.full(n, round(lam * 65536)) if np.isscalar(lam) else np.round(between(np.asarray(lam)) * 65536)
    return mf.Levels(lam.astype(np.int64), np.round(gain * 2. ** gs).astype(np.int64), inv.astype(np.int64), np.round(np.log(gain) / RUNG_UNIT).astype(np.int64),
                     np.round(np.exp(zg) * 2. ** zs).astype(np.int64), np.round(zi * 2. ** zis).astype(np.int64), feat.astype(np.int64),
                     np.zeros((n, zg.shape[1]), np.int64), np.zeros((n, zg.shape[1]), np.int64), gs, is_, zs, zis)
