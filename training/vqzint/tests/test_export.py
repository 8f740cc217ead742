"""From an invented small checkpoint to an integer model: graphs, calibration, quantization, coding, golden tensors."""
import struct
import zlib

import numpy as np
import pytest
import torch

from vqzint import calibrate, export, golden, graph, ladder, quantize, tables
from vqzint import modelfile as mf
from vqzint.codec import Codec

SLICES, Z, LEVELS, H = (4, 6), 3, 3, 8


def checkpoint():
    """State dictionary with the names of a real one."""
    g, sd, c = torch.Generator().manual_seed(1), {}, sum(SLICES)

    def conv(name, out, inputs, k=1, gain=1.):
        sd[name + '.weight'] = torch.randn(out, inputs, k, k, generator=g) * gain / (inputs * k * k) ** .5
        sd[name + '.bias'] = torch.randn(out, generator=g) * .1
    for n, (o, i, k) in {'1': (8, 12, 5), '3': (8, 8, 3), '4': (8, 8, 3), '5': (c, 8, 1)}.items():
        conv('ga.' + n, o, i, k)
    conv('ga.2.a', 8, 8, 3)
    conv('ga.2.b', 8, 8, 3, .3)
    conv('la', c, 768, gain=40.)
    conv('ls', 768, c, gain=.02)
    conv('gs.0', 32, c)
    conv('gs.2.a', 4, 8)
    conv('gs.2.b', 4, 4, 3)
    conv('gs.2.c', 8, 4, 1, .3)
    conv('gs.3', 32, 8)
    conv('gs.5', 48, 8, 3, .1)
    conv('ha.0', 6, c, 3)
    conv('ha.2', 6, 6, 3)
    conv('ha.4', Z, 6, gain=3.)
    conv('hs.0', 6, Z + LEVELS, 3)
    conv('hs.2', 24, 6)
    conv('hs.5', 6, 6, 3)
    conv('hs.7', 4 * H, 6)
    for i, s in enumerate(SLICES):
        conv(f'trunk.{i}', H, H + sum(SLICES[:i]), 3 if i else 1)
        conv(f'anch.{i}', H, s, 3)
        conv(f'mid.{i}', H, H)
        conv(f'hmu.{i}', s, H)
        conv(f'hls.{i}', s, H)
    sd['nrm'] = torch.rand(1, c, 1, 1, generator=g) + .3
    sd['loggain'] = torch.linspace(-1, 1, LEVELS)[:, None].repeat(1, c) + torch.randn(LEVELS, c, generator=g) * .1
    sd['zgain'] = torch.linspace(-.5, .5, LEVELS)[:, None].repeat(1, Z)
    return sd


def photographs(count):
    """Smooth noise as uint8 [count,3,64,64]."""
    x = torch.nn.functional.interpolate(torch.randn(count, 3, 9, 9, generator=torch.Generator().manual_seed(2)), 64, mode='bicubic')
    return (x * 40 + 128).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope='module', params=[False, True], ids=['narrow', 'wide'])
def exported(request):
    """(model, float codec, photographs)."""
    sd, x = checkpoint(), photographs(12)
    model, graphs, _ = export.quantized(sd, x, .1, request.param)
    codec = Codec(model)
    y = tables.latents_of(codec, x)
    tables.set_z_tables(model, tables.z_histograms(codec, y).counts)
    scalars = [ladder.fit_scalar(torch.zeros(0), t, .1) for t in range(ladder.RUNGS)]
    pair = mf.Codebook(np.zeros((1, 2), np.int16), ladder.frequencies([9, 1]))
    model.ladder = mf.Ladder(ladder.TOP, scalars, [pair], np.zeros((ladder.TOP + 1,) * 2, np.uint16))
    return model, calibrate.FloatCodec(graphs, sd, graph.shape_of(sd)), x


def test_close_to_float(exported):
    """Latents and pictures of the integer model are those of the float graphs up to 8-bit rounding."""
    model, exact, x = exported
    codec = Codec(mf.from_bytes(mf.to_bytes(model)))
    assert len(model.levels.lam) == (LEVELS - 1) * 6 + 1 + quantize.ROWS_BELOW - quantize.ROWS_CUT
    for level in range(len(quantize.trained_rows(len(model.levels.lam)))):   # the last row lies below the last levels
        picture, y, q = exact.run(x, [level] * len(x))
        mine = codec.analyse(x)
        assert (mine.double() / 256 - y).abs().mean() < .02 * y.abs().mean()
        latents, bits = codec.encode(mine, [quantize.ROWS_BELOW + level * 6] * len(x), ladder.Rounding())
        assert (latents / 256 - q).abs().mean() < .1 * q.abs().mean() + .05 and (bits > 0).all()
        direct = codec.synthesise(torch.round(q.double() * 256))
        error = (direct.double() - picture.clamp(0, 255)).abs()
        assert error.mean() < 1.5 and picture.std() > 10


def test_rows_are_consistent(exported):
    """gain * inv is one, log-gains fit the gains, features of a row sum to one."""
    v = exported[0].levels
    assert np.abs(v.gain * 2. ** -v.gs * v.inv * 2. ** -v.is_ - 1).max() < 1e-3
    assert np.abs(v.loggain - np.log(v.gain * 2. ** -v.gs) * 1280).max() <= 1
    assert (v.feat.sum(1) == 126).all()


def test_golden_file(exported):
    """Records can be read back; a layer's checksum is that of the output that follows the last layer."""
    model, _, x = exported
    data = golden.make(model, x[:1], (0, 7))
    assert data[:4] == b'VQZG' and data[8:24].hex() == mf.model_id(mf.to_bytes(model))
    pos, count, outputs, checked, last = 28, 0, 0, 0, None
    while pos < len(data):
        role, index, kind, number, kind_of, row, _, h, w, c = struct.unpack_from('<6BH3I', data, pos)
        pos += 20
        size = 4 if kind == 1 else h * w * c * (2 if kind_of == mf.S16 else 1)
        payload = data[pos:pos + size]
        pos += size
        count += 1
        if kind == 2:
            outputs += 1
            checked += zlib.crc32(payload) == struct.unpack('<I', last)[0]
        last = payload
    assert pos == len(data) and count == struct.unpack_from('<I', data, 24)[0]
    assert checked == outputs == 2 + 2 * (2 + 1 + 5 * len(SLICES) + 2)     # analysis once; z twice, hyper, slices, synthesis per row
