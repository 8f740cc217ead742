"""Hyper-latent tables: clustering of the histograms of every (row, channel), costs."""
import numpy as np
import torch

from .ladder import costs, frequencies, golomb_bits

REACH = 255                               # histograms hold z of -REACH..REACH


class Histograms:
    """Counts of integer z per (row, channel)."""
    def __init__(self, rows, channels):
        self.counts = np.zeros((rows, channels, 2 * REACH + 1), np.int64)

    def add(self, z, rows):
        """z [B,Z,h,w], rows [B]."""
        for row in np.unique(rows):
            v = z[torch.from_numpy(rows == row)].clamp(-REACH, REACH).long().permute(1, 0, 2, 3).reshape(z.shape[1], -1) + REACH
            for c in range(v.shape[0]):
                self.counts[row, c] += np.bincount(v[c].numpy(), minlength=2 * REACH + 1)


def _table(hist):
    """Frequencies of the symbols -M..M and escape from a centred histogram: M leaves about 1e-4 of the mass to the escape."""
    total, tail = hist.sum(), 0.
    m = REACH
    while m > 0 and (m > 127 or tail + hist[REACH - m] + hist[REACH + m] <= 1e-4 * total):
        tail += hist[REACH - m] + hist[REACH + m]
        m -= 1
    inner = hist[REACH - m:REACH + m + 1]
    smooth = np.exp(-np.abs(np.arange(-m, m + 1)) / max(1., m / 4))
    return frequencies(np.append(inner + smooth * max(1., 1e-4 * total), max(tail, 1e-4 * total, 1.)))


def _code_lengths(freq):
    """Bits of z - zoff of -REACH..REACH under a table."""
    bits, m = costs(freq).numpy(), len(freq) // 2 - 1
    z = np.arange(-REACH, REACH + 1)
    escape = bits[-1] + golomb_bits(torch.from_numpy(z)).numpy()
    return np.where(np.abs(z) <= m, bits[np.clip(z + m, 0, 2 * m)], escape)


def build(hist, tables=64, iterations=12):
    """Clusters histograms [rows,Z,2*REACH+1] -> list of frequency tables, ztab [rows,Z], zoff [rows,Z]."""
    rows, channels, width = hist.shape
    flat = hist.reshape(-1, width).astype(np.float64)
    centre = np.array([int(np.searchsorted(np.cumsum(h), h.sum() / 2)) - REACH for h in flat]).clip(-128, 127)
    shifted = np.stack([np.roll(h, -c) for h, c in zip(flat, centre)])
    shifted = shifted / np.maximum(shifted.sum(1, keepdims=True), 1) * 1e4                    # every row and channel counts alike
    spread = (shifted * np.abs(np.arange(-REACH, REACH + 1))).sum(1)
    order = np.argsort(spread, kind='stable')
    member = np.empty(len(flat), np.int64)
    member[order] = np.arange(len(flat)) * min(tables, len(flat)) // len(flat)
    for i in range(iterations):
        used = np.unique(member)
        books = [_table(shifted[member == t].sum(0)) for t in used]
        if i == iterations - 1:
            member = np.searchsorted(used, member)
            break
        bits = np.stack([_code_lengths(b) for b in books])
        member = used[(shifted @ bits.T).argmin(1)]
    return books, member.reshape(rows, channels).astype(np.uint8), centre.reshape(rows, channels).astype(np.int8)


class ZCosts:
    """Bits of hyper-latents under a model's tables."""
    def __init__(self, model):
        self.bits = torch.from_numpy(np.stack([_code_lengths(f) for f in model.ztables])).float()
        self.tab = torch.from_numpy(model.levels.ztab.astype(np.int64))
        self.off = torch.from_numpy(model.levels.zoff.astype(np.int64))

    def __call__(self, z, rows):
        """Bits [B] of z [B,Z,h,w]."""
        k = (z.long() - self.off[rows][:, :, None, None]).clamp(-REACH, REACH) + REACH
        flat = k.reshape(*k.shape[:2], -1)
        return self.bits[self.tab[rows]].gather(2, flat).sum((1, 2))
