"""Every stage runs, goes on where it stopped bit for bit, and feeds the next."""
import os

import pytest
import torch

from vqztrain import checkpoint, data, qat, stages
from vqztrain.logs import read


@pytest.fixture
def start(tiny, crops, tmp_path):
    """run(name, **options): one stage in a folder; before(): a folder in which the stages up to a name have run."""
    def run(name, out="whole", resume=False, steps=0, **more):
        torch.manual_seed(torch.randint(1 << 30, (1,)).item())   # nothing may hang on the generator's state
        r = stages.Run(tiny, str(tmp_path / out), crops, resume, **more)
        return stages.FUNCTIONS[name](r, 0, steps)
    return run


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def assert_equal_states(a, b):
    assert a["step"] == b["step"]
    assert same(a["raw"], b["raw"]) and same(a["m"], b["m"])
    assert all(same(a["opt"][n], b["opt"][n]) for n in a["opt"])


class Cut(Exception):
    pass


@pytest.fixture
def interrupted(monkeypatch):
    """Makes training stop after some steps of a stage, as a crash right after a checkpoint would."""
    def cut(after):
        from vqztrain.trainer import Trainer
        step = Trainer.train_step

        def train_step(self, lr):
            if self.step - self.first == after and not getattr(self, "went_on", False):
                self.save()
                raise Cut
            return step(self, lr)
        monkeypatch.setattr(Trainer, "train_step", train_step)
        return lambda: monkeypatch.setattr(Trainer, "train_step", step)
    return cut


@pytest.mark.parametrize("name", ["trunk", "decay", "hard", "qat"])
def test_resume_is_bit_identical(name, start, interrupted, tmp_path):
    before = stages.ORDER[:stages.ORDER.index(name)]
    for out in ("whole", "cut"):
        for s in before:
            start(s, out)
    whole = start(name)
    undo = interrupted(4)
    with pytest.raises(Cut):
        start(name, "cut")
    undo()
    resumed = start(name, "cut", resume=True)
    assert_equal_states(whole, resumed)
    if "ladder" in whole:
        assert torch.equal(whole["ladder"]["map"], resumed["ladder"]["map"])
        for a, b in zip(whole["ladder"]["pairs"], resumed["ladder"]["pairs"]):
            assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
    assert [r["step"] for r in read(tmp_path / "cut" / f"{name}.csv")] == [
        r["step"] for r in read(tmp_path / "whole" / f"{name}.csv")]


def test_all_stages_in_order(start, tiny, tmp_path, monkeypatch):
    exports = []
    monkeypatch.setattr(stages.subprocess, "run", lambda command, **_: exports.append(command))   # vqzint has its own tests
    for name in stages.ORDER:
        start(name)
    out = tmp_path / "whole"
    for f in ("trunk.pt", "decay.pt", "ladder.pt", "hard.pt", "qat.pt", "weights.pt", "progress.png"):
        assert (out / f).stat().st_size > 1000, f
    assert exports and str(out / "weights.pt") in exports[0]
    weights = checkpoint.load(out / "weights.pt")
    assert weights["m"]["la.weight"].dtype == torch.float16 and "ladder" in weights
    rows = read(out / "hard.csv")
    assert 0 < float(rows[-1]["pair_used"]) <= 1 and float(rows[1]["held_bpp"]) > 0
    # A second run with --resume trains nothing again.
    times = {s: (out / f"{s}.pt").stat().st_mtime_ns for s in ("trunk", "decay", "ladder", "hard", "qat")}
    for name in times:
        start(name, resume=True)
    assert times == {s: (out / f"{s}.pt").stat().st_mtime_ns for s in times}


def test_trunk_goes_on_for_more_steps(start):
    first = start("trunk")
    assert start("trunk", resume=True, steps=4)["step"] == first["step"] + 4


def test_training_lowers_the_loss(start, tmp_path):
    start("trunk", steps=60)
    rows = read(tmp_path / "whole" / "trunk.csv")
    assert float(rows[-1]["held_loss"]) < 0.97 * float(rows[1]["held_loss"])


def test_guard_skips_and_then_stops(tiny, crops, tmp_path, monkeypatch):
    batch = data.Crops.batch
    bad = set(range(2, 4))
    monkeypatch.setattr(data.Crops, "batch", lambda self, step, size: batch(self, step, size) * (
        float("nan") if step in bad else 1))
    state = stages.trunk(stages.Run(tiny, str(tmp_path), crops))
    assert all(v.isfinite().all() for v in state["raw"].values())
    assert read(tmp_path / "trunk.csv")[-1]["skipped"] == "2"
    tiny.train.max_bad, bad = 3, bad.update(range(6)) or bad
    with pytest.raises(FloatingPointError, match="3 steps in a row"):
        stages.trunk(stages.Run(tiny, str(tmp_path), crops))


def test_missing_source_is_named(start):
    with pytest.raises(FileNotFoundError, match="trunk.pt"):
        start("decay")


def test_fake_quantization_is_close_and_exact_on_its_grid(tiny):
    tiny.data.synthetic = tiny.data.synthetic_count = 0     # an untrained network's ranges on text tell nothing
    crops = data.Crops(data.load(tiny.data), tiny.data, tiny.seed)
    run = stages.Run(tiny, os.devnull, crops)
    codec = run.codec()
    batch = [crops.batch(i, 4) for i in range(3)]
    lev = torch.arange(4) % tiny.model.levels
    codec.eval()
    plain = codec(batch[0], lev)[0]
    qat.calibrate(codec, tiny.qat, batch, tiny.model.levels)
    codec.eval()
    fake = codec(batch[0], lev)[0]
    assert 0 < (fake - plain).abs().mean() < 0.05 * plain.abs().mean()
    layer = codec.ga[2].b
    steps = layer.fake.own.step
    x = torch.randn(1, len(steps), 4, 4) * steps[None, :, None, None] * 40
    whole = layer.fake.act(x) / steps[None, :, None, None]
    assert torch.allclose(whole, whole.round(), atol=1e-3) and whole.abs().max() <= 255
    w = layer.weight.detach().clone().normal_()
    q = layer.fake.weight(w) * steps[None, :, None, None]
    unit = (w * steps[None, :, None, None]).abs().amax((1, 2, 3), keepdim=True) / 127
    assert torch.allclose(q / unit, (q / unit).round(), atol=1e-3)
    qat.detach(codec)
    assert torch.equal(codec(batch[0], lev)[0], plain)
