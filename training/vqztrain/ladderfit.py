"""Stage B: fits every codebook of the ladder to residuals by entropy-constrained K-means, and refits it during stage C.

Samples come as residual pairs x [N,2] in steps with their log-scales ls [N,2].
"""
import math

import torch

from .ladder import Ladder, nearest, runs
from .model import gauss_bits

WIDE = 16.0         # rungs of a larger scale code low bits raw
SEED_SAMPLES = 4096
MIN_SCALAR = 300    # fewer samples: the scalar codebook stays at whole steps with a Laplacian table


def reach(scale):
    """Whole steps a codebook of this scale must cover on each side."""
    return max(2, math.ceil(5.5 * scale))


def laplace_bits(values, scale):
    p = torch.exp(-values.abs() * 1.2 / scale)
    return -torch.log2(p / p.sum())


def lloyd(x, values, bits, lam, iterations, floor=0.05, respawn=True):
    """Entropy-constrained K-means from (values [K,d], bits [K]). floor: pseudo-count per codeword, number or [K].

    With respawn, codewords used less than twice move to badly served samples until the last few iterations.
    """
    values, bits = values.clone(), bits.clone()
    settle = max(1, iterations - 5)
    for i in range(iterations):
        k = nearest(x, values, bits, lam)
        count = torch.bincount(k, minlength=len(values)).float()
        total = torch.zeros_like(values).index_add_(0, k, x)
        move = count > (0 if respawn else 50)
        err = (x - values[k]).square().sum(1)
        values[move] = total[move] / count[move, None]
        if respawn and i < settle:
            starved = (count < 2).nonzero()[:, 0]
            if len(starved):
                values[starved] = x[torch.multinomial(err + 1e-6, len(starved), replacement=True)]
        weight = count + floor
        bits = -torch.log2(weight / weight.sum())
        if i < settle:
            bits = bits.clamp_max(11.0)   # keeps a respawned codeword affordable until it has proved itself
    k = nearest(x, values, bits, lam)
    weight = torch.bincount(k, minlength=len(values)).float() + floor
    return values, -torch.log2(weight / weight.sum())


def seeds(x, count):
    """K-means++ start: zero first, then samples with probability by squared distance to the nearest seed."""
    x = x[torch.randperm(len(x), device=x.device)[:SEED_SAMPLES]]
    values = torch.zeros(count, x.shape[1], device=x.device)
    far = x.square().sum(1)
    for i in range(1, count):
        values[i] = x[torch.multinomial(far + 1e-9, 1)[0]]
        far = torch.minimum(far, (x - values[i]).square().sum(1))
    return values


def shift_of(scale):
    """Raw low bits of a scalar codebook."""
    return max(0, int(math.log2(scale / 4))) if scale > WIDE else 0


def fit_scalar(x, scale, config, start=None):
    """x [N] of one rung -> (values [K,1], bits [K]), shift."""
    shift = shift_of(scale)
    if shift:
        n = min(127, reach(scale / 2 ** shift))
        values = torch.arange(-n, n + 1, device=x.device).float()
        bits = laplace_bits(values, scale / 2 ** shift)
        coarse = torch.floor((torch.round(x) + 2 ** (shift - 1)) / 2 ** shift).long()
        coarse = coarse[coarse.abs() <= n] + n
        weight = torch.bincount(coarse, minlength=2 * n + 1) + MIN_SCALAR * 2 ** -bits
        return (values[:, None], -torch.log2(weight / weight.sum())), shift
    n = min(127, reach(scale))
    values = torch.arange(-n, n + 1, device=x.device).float()[:, None]
    prior = laplace_bits(values[:, 0], scale)
    if len(x) < MIN_SCALAR:
        return start or (values, prior), 0
    values, bits = start or (values, prior)
    floor = 0.05 + 2.0 * 2 ** -prior
    return lloyd(x[:, None], values, bits, config.lam, config.iterations, floor, respawn=False), 0


def pair_size(high, low, samples, kmax):
    """Codewords of a pair codebook from the scales of both channels."""
    area = math.prod(2 * math.ceil(3.4 * s) + 1 for s in (high, low))
    return int(max(2, min(kmax, area, samples // 25)))


def fit_pair(x, size, config, start=None):
    """x [N,2], larger rung first -> (values [size,2], bits [size])."""
    if start is None:
        start = seeds(x, size), torch.full((size,), 4.0, device=x.device)
    return lloyd(x, *start, config.lam, config.iterations)


def fit(x, ls, config, old=None):
    """The ladder of samples. old: a ladder to start from; its codebooks keep their sizes and map."""
    device = x.device
    geometry = dict(step=config.step, low=config.low, top=config.top, lam=config.lam)
    probe = Ladder(geometry, [(torch.zeros(1, 1), torch.zeros(1))] * config.rungs, [0] * config.rungs, [],
                   torch.zeros(config.rungs, config.rungs, dtype=torch.long), device)
    scales = [math.exp(probe.centre(t)) for t in range(config.rungs)]
    rung = probe.rung(ls)

    flat = x.reshape(-1)
    by_rung = {t: flat[at[torch.randperm(len(at), device=device)[:config.per_book]]]
               for t, at in runs(rung.reshape(-1))}
    scalar, shift = [], []
    for t, scale in enumerate(scales):
        start = old.scalar.book(t) if old else None
        book, bits = fit_scalar(by_rung.get(t, flat[:0]), scale, config, start)
        scalar.append(tuple(v.cpu() for v in book))
        shift.append(bits)

    swap = (rung[:, 0] < rung[:, 1])[:, None]
    v, high, low = torch.where(swap, x.flip(1), x), rung.amax(1), rung.amin(1)
    low_pairs = (high <= config.top).nonzero()[:, 0]
    if old:
        pairs = [tuple(t.cpu() for t in old.pairs.book(i)) for i in range(len(old.pairs))]
        for i, at in runs(old.pair_map[high[low_pairs], low[low_pairs]]) if pairs else ():
            if len(at) >= 25 * old.pairs.sizes[i]:
                at = low_pairs[at[torch.randperm(len(at), device=device)[:config.per_book]]]
                pairs[i] = tuple(t.cpu() for t in fit_pair(v[at], 0, config, old.pairs.book(i)))
        return Ladder(geometry, scalar, shift, pairs, old.pair_map, device)

    keys, pairs = [], []
    for key, at in runs(high[low_pairs] * config.rungs + low[low_pairs]):
        if len(at) < config.min_pair:
            continue
        a, b = divmod(key, config.rungs)
        at = low_pairs[at[torch.randperm(len(at), device=device)[:config.per_book]]]
        keys.append((a, b))
        size = pair_size(scales[a], scales[b], len(at), config.kmax)
        pairs.append(tuple(t.cpu() for t in fit_pair(v[at], size, config)))
    return Ladder(geometry, scalar, shift, pairs, pair_map(keys, config.rungs, config.top), device)


def pair_map(keys, rungs, top):
    """Codebook of every (larger, smaller) rung pair: its own, or the nearest; the larger rung counts double."""
    table = torch.zeros(rungs, rungs, dtype=torch.long)
    if keys:
        known = torch.tensor(keys)
        for a in range(top + 1):
            for b in range(a + 1):
                table[a, b] = (4 * (known[:, 0] - a).square() + (known[:, 1] - b).square()).argmin()
    return table


def compare(ladder, x, ls):
    """Cost per value (squared error + lam * bits) on held-out samples: the ladder, its scalar codebooks alone, and
    rounding with ideal Gaussian bits."""
    lam, flat, fls = ladder.lam, x.reshape(-1), ls.reshape(-1)

    def cost(q, bits):
        return float((flat - q.reshape(-1)).square().mean() + lam * bits.sum() / len(flat))

    whole = torch.round(flat)
    return dict(ladder=cost(*ladder.choose_pairs(x, ls)),
                scalar=cost(*ladder.choose_scalar(flat, ladder.rung(fls))),
                rounding=cost(whole, gauss_bits(whole, torch.zeros_like(flat), fls)))
