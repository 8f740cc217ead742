"""Tiny data and a tiny model, made on the fly."""
import os
import sys

import numpy as np
import pytest
import torch
from PIL import Image

TRAINING = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TRAINING)
torch.set_num_threads(1)

from vqztrain import config as configuration   # noqa: E402
from vqztrain import data, synth               # noqa: E402

TINY = dict(
    name="tiny", seed=3,
    model=dict(enc=[8, 8, 16], dec=[8, 16], nenc=[1, 1, 1], ndec=[1, 1], slices=[4, 8, 12], hyper=6, h=16, levels=5),
    data=dict(crop=64, synthetic_count=4, synthetic=0.25, holdout=4),
    train=dict(batch=2, steps=6, warmup=2, log_every=2, probe_every=4, bf16=False),
    ladder=dict(photos=48, iterations=7, min_pair=50, per_book=1500),
    qat=dict(calibration=2),
    stages=dict(decay=dict(decay=True), hard=dict(commitment=0.01, refit_every=3), qat=dict(lr=1e-5)))


def photo(seed, size=160):
    """Smooth noise with edges: enough structure for a KLT."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (size // 16, size // 16, 3), np.uint8)
    im = np.asarray(Image.fromarray(small).resize((size, size), Image.BICUBIC)).astype(int)
    im[:, rng.integers(20, size - 20):] += rng.integers(-60, 60)
    return np.clip(im + rng.normal(0, 4, im.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session", autouse=True)
def same_pictures_everywhere():
    """Generated pictures draw text in whatever fonts a machine has; the tests' ones in the built-in font only."""
    synth._fonts = lambda: []


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of eight small pictures."""
    path = tmp_path_factory.mktemp("pictures")
    for i in range(8):
        Image.fromarray(photo(i)).save(path / f"{i}.png")
    return path


@pytest.fixture
def tiny(folder):
    values = {k: dict(v) if isinstance(v, dict) else v for k, v in TINY.items()}
    values["data"].update(folder=str(folder), cache=str(folder / "cache" / "tiny"))
    return configuration.from_dict(values)


@pytest.fixture
def crops(tiny):
    return data.Crops(data.load(tiny.data), tiny.data, tiny.seed)
