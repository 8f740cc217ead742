"""The GPU kit end to end on the CPU: pack, first call, second call with another part, the way home."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import TINY, TRAINING, photo
from vqztrain import checkpoint

sys.path.insert(0, os.path.dirname(TRAINING))
from training.gpu import pack, take   # noqa: E402


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for i in range(12):
        Image.fromarray(photo(100 + i, 320)).save(path / f"{i}.jpg", quality=95)
    return path


def test_parts_keep_their_limit_and_every_picture(photos, tmp_path):
    sizes = pack.pack(str(photos), str(tmp_path / "parts"), 0, 400_000)
    assert len(sizes) > 1 and max(sizes) <= 400_000
    for i in range(len(sizes)):
        shutil.unpack_archive(tmp_path / "parts" / f"{i:02d}" / "part.tar", tmp_path / "all")
    for f in photos.glob("*.jpg"):
        assert (tmp_path / "all" / "data" / f.name).read_bytes() == f.read_bytes()
    assert (tmp_path / "all" / "code" / "training" / "gpu" / "start.sh").exists()


def test_pictures_are_limited_and_encoded_again(photos, tmp_path):
    assert len(pack.pack(str(photos), str(tmp_path), 1, 400_000)) == 1
    files = sorted(map(str, photos.glob("*.jpg")))
    small = pack.encode(files, 160, 80)
    assert len(small) == 12 and all(len(small[os.path.basename(f)]) < os.path.getsize(f) / 2 for f in files)
    with pytest.raises(ValueError, match="exceed a part"):
        pack.split(small, 1000)


def test_two_calls_and_the_way_home(photos, tmp_path):
    config = {k: dict(v) if isinstance(v, dict) else v for k, v in TINY.items()}
    config["data"]["cache"] = str(tmp_path / "cache")
    config["train"].pop("steps")
    (tmp_path / "c.json").write_text(json.dumps(config))
    sizes = pack.pack(str(photos), str(tmp_path / "parts"), 0, 500_000)
    assert len(sizes) >= 2

    def call(part, number, limit):
        arrived = tmp_path / f"arrived{number}"
        shutil.copytree(tmp_path / "parts" / part, arrived / part)
        env = dict(os.environ, PARTS=str(arrived), WORK=str(tmp_path / "work"), OUT=str(tmp_path / f"out{number}"),
                   DEVICE="cpu", CONFIG=str(tmp_path / "c.json"), LIMIT=str(limit), RESERVE="60", PYTHON=sys.executable,
                   OMP_NUM_THREADS="1", ARGS="--threads 1")
        subprocess.run(["bash", "training/gpu/start.sh"], cwd=os.path.dirname(TRAINING), env=env, check=True, timeout=100)
        files = list((tmp_path / f"out{number}").iterdir())
        assert 0 < len(files) <= 8 and all(f.stat().st_size <= 16 << 20 for f in files)
        return checkpoint.read_compact(tmp_path / f"out{number}")

    first = call("00", 1, 66)
    second = call("01", 2, 66)
    assert first["step"] > 0 and second["step"] > first["step"] and second["minutes"] > first["minutes"]
    path = take.take(str(tmp_path / "out2"), str(tmp_path / "taken"))
    taken = checkpoint.load(path)
    assert taken["step"] == second["step"]
    assert (tmp_path / "taken" / "trunk.csv").exists() and (tmp_path / "out2" / "progress.png").exists()
    assert torch.equal(taken["raw"]["la.weight"], second["raw"]["la.weight"])
    assert np.isfinite(float(taken["opt"]["la.weight"]["exp_avg"].sum()))
    # An older checkpoint does not replace a newer one.
    take.take(str(tmp_path / "out1"), str(tmp_path / "taken"))
    assert checkpoint.load(path)["step"] == second["step"]
