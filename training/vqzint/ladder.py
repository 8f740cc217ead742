"""Quantizer ladder: integer codebooks, symbol costs, rate-distortion choice of codewords, fitting (entropy-constrained Lloyd).

Residuals r are integers with 8 fractional bits of a quantization step; rungs are integers.
"""
import numpy as np
import torch

from . import modelfile as mf
from .graph import RUNG_LOW, RUNG_STEP

TOTAL = 1 << 15
RUNGS, TOP = 48, 17                       # rungs in all; pairs up to this larger rung use pair codebooks
SHIFT_SCALE = 24.                         # rungs whose scale exceeds this many steps code the low bits raw
MIN_PAIRS = 2500                          # a rung pair with fewer samples borrows the nearest codebook
WINDOW = 5                                # scalar search: codewords on either side of the nearest one


def scale_of(rung):
    """Scale (steps) at the centre of a rung."""
    return float(np.exp(RUNG_LOW + rung * RUNG_STEP))


def golomb_bits(e):
    """Length of the signed exp-Golomb code of order 3."""
    u = torch.where(e > 0, 2 * e - 1, -2 * e).double() + 8
    return (2 * torch.floor(torch.log2(u)) - 2).float()


def frequencies(counts):
    """Integer frequencies, each at least 1, that sum to 2^15."""
    p = np.asarray(counts, np.float64)
    p = p / p.sum() * (TOTAL - len(p))
    f = np.floor(p).astype(np.int64)
    f[np.argsort(f - p, kind='stable')[:TOTAL - len(p) - f.sum()]] += 1
    return (f + 1).astype(np.uint16)


def costs(freq):
    """Bits of every symbol."""
    return torch.from_numpy(15 - np.log2(np.asarray(freq, np.float64))).float()


def runs(keys):
    """(key, positions) of equal keys."""
    order = torch.argsort(keys)
    values, counts = torch.unique_consecutive(keys[order], return_counts=True)
    start = 0
    for v, n in zip(values.tolist(), counts.tolist()):
        yield v, order[start:start + n]
        start += n


def nearest(x, words, tab, lam, chunk=1 << 15):
    """argmin_k |x - w_k|^2 + lam * tab_k for x [N,d]: indices, costs."""
    index, best = [], []
    square = (words * words).sum(1)
    for i in range(0, len(x), chunk):
        v = x[i:i + chunk]
        value, k = torch.addmm(square + lam * tab, v, words.T, alpha=-2).min(1)
        index.append(k)
        best.append(value + (v * v).sum(1))
    return torch.cat(index), torch.cat(best)


def nearest_scalar(x, words, tab, lam):
    """The same for one dimension and ascending words [n]; long codebooks are searched around the nearest word only."""
    if len(words) <= 4 * WINDOW:
        return nearest(x[:, None], words[:, None], tab, lam)
    around = (torch.searchsorted(words, x)[:, None] + torch.arange(-WINDOW, WINDOW)).clamp_(0, len(words) - 1)
    value, k = ((x[:, None] - words[around]) ** 2 + lam * tab[around]).min(1)
    return around.gather(1, k[:, None])[:, 0], value


class Book:
    """A codebook prepared for searching: words in steps, bits, escape bits."""
    def __init__(self, book):
        self.shift = book.shift
        self.words = torch.from_numpy(book.values.astype(np.float32)) / 256
        bits = costs(book.freq)
        self.bits, self.escape = bits[:-1], bits[-1]
        self.values = torch.from_numpy(book.values.astype(np.int64))


class Quantizer:
    """Chooses codewords by squared error + lambda * bits. `counts` (per codebook, escape last) collects the symbols used."""
    def __init__(self, ladder):
        self.ladder = ladder
        self.scalars = [Book(b) for b in ladder.scalars]
        self.pairs = [Book(b) for b in ladder.pairs]
        self.map = torch.from_numpy(ladder.map.astype(np.int64))
        self.counts = {('S', i): np.zeros(len(b.freq), np.int64) for i, b in enumerate(ladder.scalars)}
        self.counts.update({('P', i): np.zeros(len(b.freq), np.int64) for i, b in enumerate(ladder.pairs)})

    def _finish(self, key, book, x, k, cost, lam):
        """Compare the chosen codewords with the escape: (values, bits)."""
        d = x.shape[1]
        values, bits = book.values[k].reshape(-1, d), book.bits[k]
        u = (cost > lam * (book.escape + 4 * d)).nonzero()[:, 0]
        if len(u):
            e = torch.round(x[u])
            far = book.escape + golomb_bits(e).sum(1)
            better = ((x[u] - e) ** 2).sum(1) + lam * far < cost[u]
            u, e, far = u[better], e[better], far[better]
            values[u], bits[u] = (e * 256).long(), far
            k = k.clone()
            k[u] = len(book.bits)
        self.counts[key] += np.bincount(k.numpy(), minlength=len(book.bits) + 1)
        return values, bits

    def _shifted(self, key, book, r):
        """Rungs with raw low bits: nearest step, no rate-distortion choice."""
        step = torch.floor(r.double() / 256 + .5).long()
        k = torch.searchsorted(book.values, ((step + (1 << book.shift - 1)) >> book.shift) * 256)
        inside = k.clamp(0, len(book.values) - 1)
        ok = book.values[inside] == ((step + (1 << book.shift - 1)) >> book.shift) * 256
        bits = torch.where(ok, book.bits[inside] + book.shift, book.escape + golomb_bits(step))
        self.counts[key] += np.bincount(torch.where(ok, inside, len(book.bits)).numpy(), minlength=len(book.bits) + 1)
        return step * 256, bits

    def choose(self, r, rungs, lam):
        """r [N,2] int64, rungs [N,2] int64, lam scalar -> values [N,2] int64, bits [N]."""
        values, bits = torch.zeros_like(r), torch.zeros(len(r))
        swap = rungs[:, :1] < rungs[:, 1:]
        ordered = torch.where(swap, rungs.flip(1), rungs)
        paired = ordered[:, 0] <= self.ladder.top
        u = paired.nonzero()[:, 0]
        x = torch.where(swap, r.flip(1), r).float() / 256
        for t, w in runs(self.map[ordered[u, 0], ordered[u, 1]]):
            w, book = u[w], self.pairs[t]
            k, cost = nearest(x[w], book.words, book.bits, lam)
            v, bits[w] = self._finish(('P', t), book, x[w], k, cost, lam)
            values[w] = torch.where(swap[w], v.flip(1), v)
        u = (~paired).nonzero()[:, 0]
        if len(u):
            flat, v, b = r[u].reshape(-1), torch.zeros(2 * len(u), dtype=torch.int64), torch.zeros(2 * len(u))
            for t, w in runs(rungs[u].reshape(-1)):
                book, xs = self.scalars[t], flat[w].float() / 256
                if book.shift:
                    v[w], b[w] = self._shifted(('S', t), book, flat[w])
                else:
                    k, cost = nearest_scalar(xs, book.words, book.bits, lam)
                    vv, b[w] = self._finish(('S', t), book, xs[:, None], k, cost, lam)
                    v[w] = vv[:, 0]
            values[u], bits[u] = v.reshape(-1, 2), b.reshape(-1, 2).sum(1)
        return values, bits


class Rounding:
    """Plain rounding without a rate: for calibration and for the first collection of residuals."""
    @staticmethod
    def choose(r, rungs, lam):
        """As Quantizer.choose, with zero bits."""
        return torch.floor(r.double() / 256 + .5).long() * 256, torch.zeros(len(r))


# ---- fitting ----------------------------------------------------------------------------------------------------------

def _scalar_start(rung):
    """Codewords at whole steps as far as the rung's scale asks for."""
    n = int(min(127, max(2, np.ceil(scale_of(rung) * 6.))))
    return torch.arange(-n, n + 1).float()


def lloyd(x, words, tab, lam, floor, iterations=16, respawn=False):
    """Entropy-constrained Lloyd on x [N,d] -> words, weights. floor [K]: pseudo counts."""
    count = len(words)
    for i in range(iterations):
        k, cost = nearest_scalar(x[:, 0], words[:, 0], tab, lam) if words.shape[1] == 1 else nearest(x, words, tab, lam)
        used = torch.bincount(k, minlength=count).float()
        if i < iterations - 1:
            sums = torch.zeros_like(words).index_add_(0, k, x)
            move = used > (0 if respawn else 50)
            words[move] = sums[move] / used[move][:, None]
            if respawn and i < iterations - 6:
                dead = (used < 2).nonzero()[:, 0]
                if len(dead):
                    words[dead] = x[torch.multinomial((cost - lam * tab[k]).clamp_min(1e-5), len(dead), replacement=True)]
        weight = used + floor
        tab = -torch.log2(weight / weight.sum())
        if i < iterations - 6:
            tab = tab.clamp_max(11)
    return words, weight


def _finished(words, weight, escape):
    """Codebook from float words [K,d] and counts: integers, unused words dropped, scalars strictly ascending."""
    values = torch.round(words * 256).clamp(-32768, 32767).long()
    keep = weight >= .5
    keep[(values == 0).all(1)] = True
    values, weight = values[keep], weight[keep]
    values, inverse = torch.unique(values, dim=0, return_inverse=True)                     # sorted, equal words merged
    weight = torch.zeros(len(values)).index_add_(0, inverse, weight)
    values = values[:, 0] if values.shape[1] == 1 else values
    return mf.Codebook(values.numpy().astype(np.int16), frequencies(np.append(weight.numpy(), escape)))


def _laplace(n, scale):
    """Counts of the integers -n..n under a Laplacian of this scale."""
    return np.exp(-np.abs(np.arange(-n, n + 1)) / scale * 1.2)


def fit_scalar(x, rung, lam):
    """Scalar codebook of a rung from residuals x [N] in steps."""
    shift = max(0, int(np.ceil(np.log2(scale_of(rung) / SHIFT_SCALE))))
    scale = scale_of(rung) / 2 ** shift
    if shift:
        n = min(127, int(np.ceil(scale * 6)))
        k = torch.floor((torch.round(x) + 2 ** (shift - 1)) / 2 ** shift).long()
        inside = k[k.abs() <= n] + n
        weight = np.bincount(inside.numpy(), minlength=2 * n + 1) + .02 * len(x) * _laplace(n, scale) / scale + 1e-3 * _laplace(n, scale)
        escape = max(len(x) - len(inside), weight.sum() * 4e-4)
        return mf.Codebook((np.arange(-n, n + 1) * 256).astype(np.int16), frequencies(np.append(weight, escape)), shift)
    words = _scalar_start(rung)
    if len(x) < 300:
        weight = torch.from_numpy(_laplace(len(words) // 2, scale)).float() * 1e4
    else:
        far = x.abs() > words[-1] + .5
        words, weight = lloyd(x[~far][:, None], words[:, None], .7 * words.abs() / scale, lam, .05 + 2 * torch.exp(-words.abs() / scale))
        words = words[:, 0]
        weight = weight * len(x) / min(len(x), len(x[~far]) + 1)
    escape = max(float((x.abs() > words.max() + 1.5).sum()), float(weight.sum()) * 1.5e-4)
    return _finished(words[:, None], weight + .5, escape)


def fit_pair(x, top, low, lam):
    """Pair codebook from residuals x [N,2] in steps, larger rung first."""
    span = lambda r: 2 * int(np.ceil(3.4 * scale_of(r))) + 1
    size = int(min(256, span(top) * span(low), len(x) // 25))
    energy = (x * x).sum(1).clamp_min(1e-3)
    words = x[torch.multinomial(energy ** .7, size, replacement=len(x) < size)].clone()
    words[0] = 0
    words, weight = lloyd(x, words, torch.full((size,), 4.), lam, torch.full((size,), .05), respawn=True)
    far = ((x.abs().amax(1) - words.abs().max()) > 1.5).sum()
    return _finished(words, weight, max(float(far), len(x) * 1.5e-4))


def fit(r, rungs, lam, verbose=False):
    """Ladder from residual pairs r [N,2] (8 fractional bits) and their rungs [N,2]."""
    torch.manual_seed(0)
    x, rungs = r.float() / 256, rungs.long()
    flat, fr = x.reshape(-1), rungs.reshape(-1)
    by_rung = {t: flat[w[torch.randperm(len(w))[:150000]]] for t, w in runs(fr)}
    scalars = [fit_scalar(by_rung.get(t, flat[:0]), t, lam) for t in range(RUNGS)]
    swap = rungs[:, :1] < rungs[:, 1:]
    x, ordered = torch.where(swap, x.flip(1), x), torch.where(swap, rungs.flip(1), rungs)
    keys, pairs = [], []
    for t, w in runs(ordered[:, 0] * RUNGS + ordered[:, 1]):
        a, b = divmod(t, RUNGS)
        if a <= TOP and len(w) >= MIN_PAIRS:
            keys.append((a, b))
            pairs.append(fit_pair(x[w[torch.randperm(len(w))[:60000]]], a, b, lam))
    if verbose:
        print(f'ladder: {len(r)} pairs, {len(pairs)} pair codebooks, {sum(len(p.values) for p in pairs)} codewords', flush=True)
    return mf.Ladder(TOP, scalars, pairs, pair_map(keys))


def pair_map(keys):
    """Nearest fitted (larger, smaller) rung pair for every pair up to TOP."""
    k, table = np.array(keys), np.zeros((TOP + 1, TOP + 1), np.uint16)
    for a in range(TOP + 1):
        for b in range(a + 1):
            table[a, b] = ((k[:, 0] - a) ** 2 * 4 + (k[:, 1] - b) ** 2).argmin()
    return table


def recount(ladder, counts, smooth=32.):
    """The same codebooks with frequencies from symbol counts {('S'|'P', index): counts}, smoothed by the old frequencies (`smooth` symbols)."""
    def again(kind, i, book):
        c = counts.get((kind, i))
        if c is None or c.sum() == 0:
            return book
        old = book.freq.astype(np.float64) / TOTAL
        total = c + smooth * old
        total[-1] = max(total[-1], total.sum() * 5e-5)
        return mf.Codebook(book.values, frequencies(total), book.shift)
    return mf.Ladder(ladder.top, [again('S', i, b) for i, b in enumerate(ladder.scalars)], [again('P', i, b) for i, b in enumerate(ladder.pairs)], ladder.map)


def from_float(lad):
    """Ladder of the prototype's file: lists of (codewords, bits) and a map; higher rungs without data."""
    def convert(words, bits):
        weight = 2. ** -bits.double()
        weight /= weight.sum()
        return _finished(words, weight.float() * 1e6 + .5, 1e6 * 1.5e-4)
    empty = torch.zeros(0)
    scalars = [convert(*lad['scalar'][t]) if t < min(len(lad['scalar']), 31) else fit_scalar(empty, t, .12) for t in range(RUNGS)]
    return mf.Ladder(TOP, scalars, [convert(*p) for p in lad['pairs']], np.tril(lad['map'][:TOP + 1, :TOP + 1].numpy()).astype(np.uint16))
