"""One process trains; two gloo processes under torchrun go on with it."""
import json
import os
import subprocess
import sys

import torch

from conftest import TINY, TRAINING
from vqztrain import checkpoint
from vqztrain.logs import read


def test_two_processes_go_on_where_one_stopped(folder, tmp_path):
    config = {k: dict(v) if isinstance(v, dict) else v for k, v in TINY.items()}
    config["data"].update(folder=str(folder), cache=str(tmp_path / "cache"))
    (tmp_path / "c.json").write_text(json.dumps(config))
    sys.path.insert(0, os.path.dirname(TRAINING))
    from training import run
    common = ["--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "out"), "--stage", "trunk", "--steps", "4"]
    run.main(common)
    first = checkpoint.load(tmp_path / "out" / "trunk.pt")
    # The run fails unless both processes end with the same weights.
    subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29653",
                    "-m", "training.run", "--resume", *common],
                   check=True, cwd=os.path.dirname(TRAINING), env=dict(os.environ, OMP_NUM_THREADS="1"), timeout=120)
    second = checkpoint.load(tmp_path / "out" / "trunk.pt")
    assert (first["step"], second["step"]) == (4, 8)
    assert all(v.isfinite().all() for v in second["raw"].values())
    assert [r["step"] for r in read(tmp_path / "out" / "trunk.csv")] == ["2", "4", "6", "8"]
    assert not torch.equal(first["raw"]["la.weight"], second["raw"]["la.weight"])
