"""Levels, ladder, generated pictures, data, configuration, checkpoints, logs, MS-SSIM."""
import json
import math

import numpy as np
import pytest
import torch

from vqztrain import checkpoint, config as configuration, data, ladderfit, layers, logs, msssim, probe, synth
from vqztrain.ladder import Ladder, golomb_bits
from vqztrain.levels import LOG_STEP, widen
from vqztrain.model import Codec, build, kmacs


def laplacian(n, seed):
    """Residual pairs whose log-scales are known, as the context network would predict them."""
    g = torch.Generator().manual_seed(seed)
    ls = torch.rand(n, 1, generator=g) * 3.4 - 2.8 + 0.25 * torch.randn(n, 2, generator=g)
    u = torch.rand(n, 2, generator=g) - 0.5
    return -u.sign() * torch.log1p(-2 * u.abs()) / 2 ** 0.5 * torch.exp(ls), ls


@pytest.fixture(scope="module")
def fitted():
    torch.manual_seed(0)
    return ladderfit.fit(*laplacian(120000, 1), configuration.LadderConfig(iterations=8, min_pair=1500, per_book=5000))


# ---- levels ----
def test_widen_extends_the_gains_and_keeps_the_rest():
    torch.manual_seed(0)
    small, large = Codec(levels=8), Codec(levels=11)
    state = widen(small.state_dict(), 11)
    large.load_state_dict(state)
    assert torch.allclose(state["loggain"][8:] - state["loggain"][7:-1], torch.full((3, 320), LOG_STEP))
    assert torch.equal(state["zscale"][10], state["zscale"][7])
    x, lev = torch.rand(2, 3, 64, 64) - 0.5, torch.tensor([0, 7])
    with torch.no_grad():
        a, b = small.eval()(x, lev), large.eval()(x, lev)
    assert torch.allclose(a[0], b[0], atol=1e-5) and torch.allclose(a[1], b[1], rtol=1e-4)
    assert widen(state, 11) is state
    with pytest.raises(ValueError, match="11 levels"):
        widen(state, 8)


def test_base_model_keeps_its_compute_budget():
    cost = kmacs(build(configuration.ModelConfig()), 128)
    assert sum(cost[k] for k in ("hs", "trunk", "mid", "hmu", "hls", "anch", "gs", "ls")) < 15
    assert cost["ga"] + cost["la"] + cost["ha"] < 40 - 15


# ---- ladder ----
def test_ladder_beats_rounding_on_new_samples(fitted):
    cost = ladderfit.compare(fitted, *laplacian(60000, 2))
    assert cost["ladder"] < 0.95 * cost["rounding"] and cost["scalar"] < 0.95 * cost["rounding"]


def test_lookup_is_nearly_exact_and_storage_is_lossless(fitted):
    x, ls = laplacian(40000, 3)
    fast = Ladder.from_dict(fitted.to_dict()).prepare()
    exact, quick = ladderfit.compare(fitted, x, ls), ladderfit.compare(fast, x, ls)
    assert exact["ladder"] <= quick["ladder"] < 1.01 * exact["ladder"]
    again = Ladder.from_dict(fitted.to_dict())
    for a, b in zip(fitted.choose_pairs(x, ls), again.choose_pairs(x, ls)):
        assert torch.equal(a, b)


@pytest.mark.parametrize("scale", [0.05, 0.5, 5.0, 50.0, 500.0])
@pytest.mark.parametrize("predicted", [-3.0, 0.0, 2.0, 5.0])
def test_a_wrong_scale_costs_bits_never_quality(fitted, scale, predicted):
    x = torch.randn(2000, 2) * scale
    for ladder in (fitted, Ladder.from_dict(fitted.to_dict()).prepare()):
        q, bits = ladder.choose_pairs(x, torch.full_like(x, predicted))
        # An escape costs at most 13 bits and twice the length of two whole numbers: no error may exceed its worth.
        worst = fitted.lam * (13 + golomb_bits(torch.round(x)).sum(1)) * 2 + 2 * 0.5 ** 2 + 0.1
        assert ((x - q).square().sum(1) <= worst).all()
        assert (bits > 0).all()


def test_golomb_lengths():
    assert golomb_bits(torch.tensor([0., 1, -1, 4, -4, 5, 100])).tolist() == [4, 4, 4, 4, 6, 6, 12]


def test_starved_codewords_respawn():
    torch.manual_seed(1)
    x = torch.randn(4000, 2)
    values = torch.zeros(32, 2)
    values[1:] = 50.0   # all but one are useless
    moved, bits = ladderfit.lloyd(x, values, torch.full((32,), 4.0), 0.02, 12)
    used = torch.bincount(((x[:, None] - moved) ** 2).sum(2).argmin(1), minlength=32)
    assert (used > 0).sum() > 24 and bits.isfinite().all()


def test_quantizer_fills_the_mask_alone(fitted):
    mask = ((torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0)[None, None]
    r = torch.randn(2, 6, 4, 4) * 3
    q = fitted(r, torch.ones_like(r), mask)
    assert (q * ~mask).abs().max() == 0 and ((q - r) * mask).abs().max() < 1.5


# ---- generated pictures and data ----
def test_generator_is_deterministic_and_varied():
    pictures = [synth.picture(i, 96) for i in range(20)]
    assert all(np.array_equal(p, synth.picture(i, 96)) for i, p in enumerate(pictures[:10]))
    assert all(p.shape == (96, 96, 3) and p.dtype == np.uint8 for p in pictures)
    assert len({p.tobytes() for p in pictures}) == 20
    assert sum(p.std() > 3 for p in pictures) >= 15


def test_batches_depend_on_seed_rank_and_step_alone(tiny):
    pool = data.load(tiny.data)
    a, b = data.Crops(pool, tiny.data, 1), data.Crops(pool, tiny.data, 1)
    a.batch(0, 4)
    assert torch.equal(a.batch(7, 4), b.batch(7, 4))
    assert not torch.equal(a.batch(7, 4), data.Crops(pool, tiny.data, 1, rank=1).batch(7, 4))
    x = a.batch(3, 4)
    assert x.shape == (4, 3, 64, 64) and x.min() >= -0.5 and x.max() <= 0.5
    assert x.is_contiguous(memory_format=torch.channels_last)
    # Held-out pictures are never drawn for training.
    table = {k: {tuple(r) for r in pool.of(k).tolist()} for k in (data.TRAIN, data.HOLDOUT)}
    assert table[data.HOLDOUT] and not table[data.TRAIN] & table[data.HOLDOUT]


def test_crops_are_pixels_of_the_picture(tiny, folder):
    from PIL import Image
    tiny.data.synthetic = tiny.data.gray = 0
    pool = data.load(tiny.data)
    pictures = {p.tobytes() for p in (np.asarray(Image.open(f).convert("RGB")) for f in folder.glob("*.png"))}
    first, w, h, _ = pool.of(data.TRAIN)[0]
    assert pool.pixels[first:first + w * h].numpy().tobytes() in pictures
    c = data.Crops(pool, tiny.data, 1)
    start, down, right = c._place(np.random.default_rng(0), data.TRAIN)
    x = ((c._gather([(start, down, right)], np.zeros(1, bool))[0] + 0.5) * 255).round().byte()
    assert torch.equal(x[:, 5, 9], pool.pixels[start + 5 * down + 9 * right])


def test_no_pictures_is_an_error(tiny, tmp_path):
    tiny.data.folder = str(tmp_path)
    with pytest.raises(FileNotFoundError, match="no images"):
        data.load(tiny.data)


# ---- configuration, checkpoints, logs ----
def test_unknown_keys_are_refused(tmp_path):
    for text in ({"modle": {}}, {"model": {"lvels": 3}}, {"stages": {"hard": {"lrr": 1}}}):
        (tmp_path / "c.json").write_text(json.dumps(text))
        with pytest.raises(ValueError, match="unknown key"):
            configuration.load(tmp_path / "c.json")


def test_published_configurations_load():
    import glob
    import os
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for f in glob.glob(os.path.join(here, "configs", "*.json")) + glob.glob(os.path.join(here, "gpu", "*.json")):
        c = configuration.load(f)
        assert len(c.lambdas()) == c.model.levels


def test_import_of_published_and_prototype_checkpoints(tmp_path):
    torch.manual_seed(0)
    small = Codec(levels=8)
    names = [n for n, _ in small.named_parameters()]
    torch.save(dict(m={k: v.half() for k, v in small.state_dict().items()}), tmp_path / "published.pt")
    state = checkpoint.start(tmp_path / "published.pt", 11, names)
    assert state["opt"] is None and state["raw"]["loggain"].shape[0] == 11
    groups = [[p for n, p in small.named_parameters() if checkpoint.is_slow(n) == slow] for slow in (True, False)]
    opt = torch.optim.Adam([dict(params=g) for g in groups])
    for i, p in enumerate(small.parameters()):
        p.grad = torch.full_like(p, float(i + 1))
    opt.step()
    torch.save(dict(m=small.state_dict(), raw=small.state_dict(), opt=opt.state_dict(), step=5), tmp_path / "sketch.pt")
    state = checkpoint.start(tmp_path / "sketch.pt", 8, names)
    assert state["step"] == 5
    for i, (n, p) in enumerate(small.named_parameters()):
        assert state["opt"][n]["exp_avg"].shape == p.shape
        assert torch.allclose(state["opt"][n]["exp_avg"], torch.full_like(p, 0.1 * (i + 1)))


def test_compact_form_is_small_and_complete(tmp_path):
    torch.manual_seed(0)
    codec = Codec(levels=11)
    weights = codec.state_dict()
    opt = {n: dict(step=torch.tensor(9.0), exp_avg=torch.randn_like(p) * 1e-6, exp_avg_sq=torch.rand_like(p) * 1e-12)
           for n, p in codec.named_parameters()}
    checkpoint.write_compact(tmp_path, dict(m=weights, raw=weights, opt=opt, step=9, first=0, minutes=1.5, config={}))
    files = list(tmp_path.iterdir())
    assert len(files) <= 5 and all(f.stat().st_size <= 16 << 20 for f in files)
    state = checkpoint.read_compact(tmp_path)
    assert state["step"] == 9 and all(torch.equal(state["raw"][k], weights[k]) for k in weights)
    for n in opt:
        assert torch.allclose(state["opt"][n]["exp_avg_sq"], opt[n]["exp_avg_sq"], rtol=1e-2, atol=0)


def test_log_drops_rows_after_the_resumed_step(tmp_path):
    log = logs.Log(tmp_path / "a.csv", ["step", "loss"])
    for i in (10, 20, 30):
        log.row(step=i, loss=i / 7)
    logs.Log(tmp_path / "a.csv", ["step", "loss"], resume_step=20).row(step=30, loss=1.0)
    assert [(r["step"], r["loss"]) for r in logs.read(tmp_path / "a.csv")] == [
        ("10", "1.42857"), ("20", "2.85714"), ("30", "1")]


# ---- probes and loss ----
def test_dead_units_are_found():
    torch.manual_seed(0)
    codec = Codec(enc=(8, 8, 16), dec=(8, 16), nenc=(1, 1, 1), ndec=(1, 1), slices=(4, 8), levels=3, hyper=6, h=16)
    x, lev = torch.rand(2, 3, 64, 64) - 0.5, torch.tensor([0, 2])
    before = probe.dead_units(codec, x, lev)["mid.0"]
    codec.trunk[0].bias.data[:8] = -1e4
    codec.anch[0].weight.data.zero_()
    codec.anch[0].bias.data.zero_()
    assert before < 0.5 and probe.dead_units(codec, x, lev)["mid.0"] >= 0.5


def test_rung_use():
    config = configuration.LadderConfig()
    shares, effective = probe.rung_use(torch.tensor([-3.0, -2.8, -2.8, -3.0, 99.0, 99.0]), config)
    assert math.isclose(effective, 3, rel_tol=1e-6) and math.isclose(shares[config.rungs - 1], 1 / 3)


def test_msssim_ranks_distortions():
    torch.manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24), size=(192, 192), mode="bicubic").clamp(0, 1)
    noise = torch.randn_like(x)
    assert torch.allclose(msssim.msssim(x, x), torch.ones(1), atol=1e-5)
    assert 1 > msssim.msssim(x, x + 0.02 * noise) > msssim.msssim(x, x + 0.1 * noise) > 0


@pytest.mark.parametrize("k, stride, edge", [(1, 1, False), (3, 1, True), (3, 2, False), (5, 2, True)])
def test_convolution_is_exact_forward_and_near_backward(k, stride, edge):
    """Derivatives come from bfloat16, results do not."""
    torch.manual_seed(k)
    layer = layers.Conv(24, 16, k, stride, edge)
    x = torch.randn(2, 24, 13, 10, requires_grad=True)
    seed = torch.randn_like(layer(x))
    wanted = x, layer.weight, layer.bias
    plain = layer._conv_forward(x, layer.weight, layer.bias)
    assert torch.allclose(layer(x), plain, atol=1e-5)
    for a, b in zip(torch.autograd.grad(layer(x), wanted, seed), torch.autograd.grad(plain, wanted, seed)):
        assert (a - b).norm() < 0.01 * b.norm()
