"""Symbol counts of real files: the C programs against the integer simulation, and the whole command."""
import collections
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from test_export import checkpoint, photographs
from vqzint import export, hyper, ladder, recount, tables
from vqzint import modelfile as mf
from vqzint.codec import Codec

BUILD = recount.ROOT / 'build'


@pytest.fixture(scope='module')
def programs():
    """vqz and vqz-count: those of build/, where the C tests were run, else built for this."""
    return recount.programs(BUILD if (BUILD / 'vqz-count').exists() else None)


def grid(step, reach):
    """A pair codebook on a grid."""
    words = np.array([(a, b) for a in range(-reach, reach + 1, step) for b in range(-reach, reach + 1, step)], np.int16)
    return mf.Codebook(words, ladder.frequencies(np.append(np.exp(-np.abs(words / 256.).sum(1)), .01)))


@pytest.fixture(scope='module')
def invented(tmp_path_factory):
    """(model file, model, folder with photographs). Residuals are small for their rungs, so that the C encoder sets no rung bias, which
    the simulation does not know."""
    x = ((photographs(12).float() - 128) / 6 + 128).round().to(torch.uint8)
    model, _, _ = export.quantized(checkpoint(), x, .1)
    model.info = dict(name='x', version='1', licence='none', provenance='invented')
    y = tables.latents_of(Codec(model), x)
    tables.set_z_tables(model, tables.z_histograms(Codec(model), y).counts)
    which = np.tril(np.repeat(np.arange(ladder.TOP + 1)[:, None] > 14, ladder.TOP + 1, 1)).astype(np.uint16)
    scalars = [ladder.fit_scalar(torch.zeros(0), t, .1) for t in range(ladder.RUNGS)]
    model.ladder = mf.Ladder(ladder.TOP, scalars, [grid(256, 256), grid(160, 640)], which)
    folder = tmp_path_factory.mktemp('invented')
    mf.save(model, folder / 'm.vqzm')
    for i in range(4):
        Image.fromarray(x[i].permute(1, 2, 0).numpy()).save(folder / f'{i}.png')
    return folder / 'm.vqzm', model, x, folder


def test_equals_simulation(invented, programs):
    """Symbols by codebook, escapes and hyper-latents of a picture's file are those of the simulation, which neither corrects latents nor knows
    where a picture hides errors."""
    path, model, x, folder = invented
    last, seen = len(model.levels.lam) - 1, collections.Counter()
    for i, row in ((0, 9), (0, 12), (0, 15), (1, 15), (2, 15), (3, 15)):
        counts, hist = recount.read(recount.coded(programs, path, [folder / f'{i}.png'], row / last * 100, '--effort', '0', '--tune', 'psnr'), model)
        codec, chooser, z = Codec(model), ladder.Quantizer(model.ladder), hyper.Histograms(last + 1, model.z)
        y = codec.analyse(x[i:i + 1])
        codec.encode(y, [row], chooser)
        z.add(codec.hyper_latent(y, np.array([row])), np.array([row]))
        expected = {k: n.tolist() for k, n in chooser.counts.items() if n.sum()}
        assert {k: n.tolist() for k, n in counts.items()} == expected
        assert (hist == z.counts).all()
        for kind in 'SP':
            part = [n for k, n in counts.items() if k[0] == kind]
            seen[kind] += sum(n.sum() for n in part)
            seen[kind + ' escapes'] += sum(n[-1] for n in part)
    assert seen['S'] > 10 and seen['P'] > 200 and seen['P escapes'] > 1, seen


def test_command(invented, programs, tmp_path, monkeypatch, capsys):
    """Photos to a new model file: the same codebooks, frequencies that suit the files better, another id."""
    path, model, _, folder = invented
    for i in range(4):
        Image.open(folder / f'{i}.png').save(tmp_path / f'{i}.jpg', quality=95)
    monkeypatch.setattr(recount, 'SIDE', 64)
    monkeypatch.setattr(sys, 'argv', ['recount', str(path), '-o', str(tmp_path / 'n.vqzm'), '--photos', str(tmp_path), '--per-row', '2', '--build', str(programs[0].parent)])
    recount.main()
    again, said = mf.load(tmp_path / 'n.vqzm'), capsys.readouterr().out
    assert float(said.split(':')[1].split('%')[0]) < -.1 and said.startswith('4 photos')
    moved = 0
    for a, b in zip(model.ladder.scalars + model.ladder.pairs, again.ladder.scalars + again.ladder.pairs):
        assert (a.values == b.values).all() and b.freq.sum() == ladder.TOTAL
        moved += (a.freq != b.freq).any()
    assert moved > 3 and mf.model_id(mf.to_bytes(again)) != mf.model_id(mf.to_bytes(model))
    assert all((a == b).all() for a, b in zip(model.ztables, again.ztables))
    files = recount.coded(programs, tmp_path / 'n.vqzm', [folder / '0.png'], 50)       # the C loader accepts it
    assert recount.read(files, again)[0]


def test_rows_weigh_alike():
    """A row with ten times the bits moves the tables no more."""
    counts = [{('S', 0): np.array([100., 0.])}, {('S', 0): np.array([0., 1000.])}]
    a, b = recount.weighted(counts, [10., 100.])['S', 0]
    assert a == pytest.approx(b)
