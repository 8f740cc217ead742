"""Evaluation and the experiment harness."""
import copy
import json
import os
import sys

import numpy as np
import pytest

from conftest import TINY, TRAINING, photo
from vqztrain import evaluate

sys.path.insert(0, os.path.dirname(TRAINING))
from training import experiment   # noqa: E402


def test_bd_rate_of_a_curve_that_saves_a_tenth():
    reference = np.array([(0.1, 28.0), (0.2, 31.0), (0.4, 34.0), (0.8, 37.0)])
    rate, low, high = evaluate.bd_rate(reference, reference * (0.9, 1.0))
    assert rate == pytest.approx(-10.0, abs=1e-6) and (low, high) == (28.0, 37.0)


def test_baselines_are_averaged_over_the_files(tmp_path):
    (tmp_path / "b.csv").write_text("codec,setting,image,bpp,psnr\nx,1,01,1,30\nx,1,02,3,32\nx,1,03,9,99\nx,2,01,5,5\n")
    out = evaluate.baselines(tmp_path / "b.csv", ["a/kodim01.png", "a/kodim02.png"])
    assert out["x"].tolist() == [[2.0, 31.0]]


def test_measure_covers_odd_sizes(tiny, crops):
    from vqztrain.model import build
    codec = build(tiny.model).eval()
    bpp, psnr = evaluate.measure(codec, None, photo(1, 160)[:77, :101], 2)
    assert bpp > 0 and 0 < psnr < 99


def test_experiment_writes_a_table(folder, tmp_path):
    values = copy.deepcopy(TINY)
    values["data"].update(folder=str(folder), cache=str(folder / "cache" / "tiny"))
    (tmp_path / "c.json").write_text(json.dumps(values))
    command = ["--config", str(tmp_path / "c.json"), "--question", "Which rate?", "--steps", "3", "--out",
               str(tmp_path / "e"), "--record", str(tmp_path / "E.md"), "--variant", "base", "--variant"]
    experiment.main(command + ["fast: train.lr=2e-3 stages.trunk.warmup=1"])
    text = (tmp_path / "E.md").read_text()
    assert "## Which rate?" in text and "| base | 3 | " in text and "| fast | 3 | " in text and "(+0.00 %)" in text
    with pytest.raises(ValueError, match="unknown key"):
        experiment.main(command + ["bad: train.lrr=1"])
