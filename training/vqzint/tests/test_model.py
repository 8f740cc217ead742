"""Model file round trip, ladder frequencies and choices, hyper-latent tables, quantization helpers."""
import dataclasses

import numpy as np
import pytest
import torch

from vqzint import hyper, ladder, quantize, recount
from vqzint import modelfile as mf


def small_model():
    """A model with every kind of section, invented numbers."""
    rng = np.random.default_rng(1)
    tensors = [mf.Tensor(mf.S16, 3, bound=700), mf.Tensor(mf.MIXED, 4, 2), mf.Tensor(mf.S16, 2, bound=32768)]
    layers = [mf.Layer(mf.REQUANT, 1, 1, 1, 0, 1, 0, 1, 255, rng.integers(1, 32768, 3), rng.integers(1, 47, 3)),
              mf.Layer(mf.CONV, 3, 2, 2, 1, 2, 1, 2, 0, rng.integers(1, 32768, 8), rng.integers(1, 47, 8), rng.integers(-127, 128, (8, 3, 3, 4)),
                       rng.integers(-2 ** 31, 2 ** 31, 8), rng.integers(-2 ** 31, 2 ** 31, 8)),
              mf.Layer(mf.CONV, 1, 1, 0, 0, 1, 0, 2, 255, rng.integers(1, 32768, 2), rng.integers(1, 47, 2), rng.integers(-32767, 32768, (2, 1, 1, 3)), rng.integers(-9, 9, 2))]
    column = lambda lo, hi, c: rng.integers(lo, hi, (3, c))
    levels = mf.Levels(rng.integers(0, 2 ** 32, 3), column(0, 65536, 4), column(0, 65536, 4), column(-32768, 32768, 4), column(0, 65536, 2),
                       column(0, 65536, 2), column(-128, 128, 5), column(0, 2, 2), column(-128, 128, 2), 12, 13, 14, 3)
    scalars = [mf.Codebook(np.array([-256, 3, 300]), ladder.frequencies([1, 5, 1, .1])), mf.Codebook(np.array([0]), ladder.frequencies([9, 1]), 3)]
    pairs = [mf.Codebook(np.array([[0, 0], [256, -20]]), ladder.frequencies([5, 2, .1]))]
    return mf.Model(dict(name='x', version='1', licence='l', provenance='p=q'), 2, 5, 7, [2, 2], [mf.Net(4, 1, tensors, layers)], rng.integers(1, 32768, 4),
                    rng.integers(1, 47, 4), levels, mf.Ladder(0, scalars, pairs, np.zeros((1, 1))), [ladder.frequencies([1, 2, 3, .1]), ladder.frequencies([3, 1])])


def same(a, b):
    """Equal contents of nested data classes, lists and arrays."""
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def test_round_trip():
    """Reader and writer agree; the id ignores INFO only."""
    model = small_model()
    data = mf.to_bytes(model)
    again = mf.from_bytes(data)
    assert same(model, again) and mf.to_bytes(again) == data
    model.info['name'] = 'another'
    assert mf.model_id(mf.to_bytes(model)) == mf.model_id(data)
    model.levels.feat[0, 0] ^= 1
    assert mf.model_id(mf.to_bytes(model)) != mf.model_id(data)


def test_malformed():
    """Bytes too many, a missing section and a value out of range are refused."""
    model = small_model()
    data = mf.to_bytes(model)
    for bad in (data + b'x', data[:-1], data.replace(b'LATQ', b'LATX')):
        with pytest.raises(Exception):
            mf.from_bytes(bad)
    model.latq_m[0] = 70000
    with pytest.raises(ValueError):
        mf.to_bytes(model)


@pytest.mark.parametrize('counts', [[1], [1e9, 1e-9, 0], list(range(511)), [0] * 1000 + [1], [1 / 3] * 3])
def test_frequencies(counts):
    """Each at least 1, sum 2^15, close to the shares."""
    f = ladder.frequencies(counts).astype(int)
    assert f.sum() == 32768 and f.min() >= 1
    share = np.array(counts) / np.sum(counts) * 32768
    assert np.abs(f - share).max() <= len(counts) + 1


def test_golomb():
    """Lengths of the code in spec/bitstream.md."""
    assert ladder.golomb_bits(torch.tensor([0, 1, -1, 4, -4, 5, -12, 12, 13])).tolist() == [4, 4, 4, 4, 6, 6, 8, 6, 8]


def laplacian_data(count=200000):
    """Residual pairs whose scales follow their rungs."""
    g = np.random.default_rng(2)
    rungs = g.integers(8, 36, (count, 1)) + g.integers(0, 3, (count, 2))
    r = g.laplace(0, np.exp(-3 + .2 * rungs) / 1.2) * 256
    return torch.from_numpy(np.round(r)).int(), torch.from_numpy(rungs).to(torch.uint8)


def test_fit_and_choose():
    """A fitted ladder is valid, beats rounding in rate-distortion terms, and codes outliers by escape."""
    r, rungs = laplacian_data()
    lad = ladder.fit(r, rungs, .12)
    assert len(lad.scalars) == ladder.RUNGS and len(lad.pairs) > 5 and lad.map.max() < len(lad.pairs)
    for b in lad.scalars:
        assert (np.diff(b.values.astype(int)) > 0).all() and len(b.freq) == len(b.values) + 1 <= 1024 and b.freq.sum() == 32768
    for b in lad.pairs:
        assert len(b.freq) == len(b.values) + 1 <= 512 and b.freq.sum() == 32768
    q = ladder.Quantizer(lad)
    r, rungs = r.long(), rungs.long()
    v, bits = q.choose(r, rungs, .12)
    assert sum(c.sum() for (k, _), c in q.counts.items() if k == 'P') + sum(c.sum() for (k, _), c in q.counts.items() if k == 'S') / 2 == len(r)
    cost = (((r - v).double() / 256) ** 2).sum(1) + .12 * bits
    scale = torch.exp(-3 + .2 * rungs.double()) / 1.2
    cells = torch.floor(r.double() / 256 + .5)
    p = .5 * (torch.sign(cells + .5) * (1 - torch.exp(-(cells + .5).abs() / scale)) - torch.sign(cells - .5) * (1 - torch.exp(-(cells - .5).abs() / scale)))
    rounded = ((r.double() / 256 - cells) ** 2 - .12 * torch.log2(p.clamp_min(1e-12))).sum(1)
    assert cost.mean() < rounded.mean()
    v, bits = q.choose(torch.tensor([[100000, -300], [5, 70000000]]), torch.tensor([[3, 2], [30, 45]]), .12)
    assert v[0, 0] == round(100000 / 256) * 256 and abs(v[1, 1] - 70000000) <= 128 and bits.max() < 80


def test_hyper_tables():
    """Clustered tables cost little more than the histograms' entropies."""
    g, hist = np.random.default_rng(4), hyper.Histograms(3, 8)
    scale = np.exp(g.uniform(-2, 2, (3, 8)))
    for row in range(3):
        z = np.round(g.laplace(0, 1, (4, 8, 20, 20)) * scale[row][:, None, None] + np.arange(8)[:, None, None])
        hist.add(torch.from_numpy(z), np.full(4, row))
    tables, ztab, zoff = hyper.build(hist.counts, 12)
    assert ztab.max() < len(tables) <= 12 and all(t.sum() == 32768 and len(t) % 2 == 0 for t in tables)
    p = hist.counts / hist.counts.sum(2, keepdims=True)
    entropy = -(p * np.log2(np.where(p > 0, p, 1))).sum()
    k = np.clip(np.arange(-255, 256) - zoff[..., None].astype(int), -255, 255) + 255
    lengths = np.stack([hyper._code_lengths(t) for t in tables])[ztab[..., None], k]
    assert entropy <= (p * lengths).sum() < entropy * 1.1


def test_multiplier():
    """m / 2^s is within 2^-15 of the ratio wherever s allows."""
    ratio = np.exp(np.random.default_rng(1).uniform(-20, 9, 1000))
    m, s = quantize.multiplier(ratio)
    assert m.min() >= 1 and m.max() <= 32767 and s.min() >= 1 and s.max() <= 46
    assert (np.abs(m * 2. ** -s / ratio - 1) < 2 ** -14.).all()
    m, s = quantize.multiplier(ratio, np.minimum(46, np.arange(len(ratio)) % 30 + 1))
    assert (s <= np.minimum(46, np.arange(len(ratio)) % 30 + 1)).all() and m.min() >= 1 and m.max() <= 32767


def test_recount():
    """Counts add up and move the frequencies; a line of another model is refused."""
    model = small_model()
    counts, hist = recount.read(['S 0 10 0 0 0', 'P 0 0 100000 0', 'Z 2 1 -3 7', 'S 0 5 0 0 1'], model)
    assert counts['S', 0].tolist() == [15, 0, 0, 1] and hist[2, 1, hyper.REACH - 3] == 7 and hist.sum() == 7
    again = ladder.recount(model.ladder, counts)
    assert again.pairs[0].freq[1] > 32000 and (again.scalars[1].freq == model.ladder.scalars[1].freq).all()
    with pytest.raises(ValueError):
        recount.read(['P 0 1 2'], model)
