"""Trains a model: python -m training.run --stage all --resume --config training/configs/base.json

Run from the root of the repository, or under torchrun for several processes. Stages: vqztrain/stages.py.
"""
import argparse
import os
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))   # vqztrain and vqzint are found as they are by themselves

from vqztrain import config as configuration   # noqa: E402
from vqztrain import data, dist, plots, stages # noqa: E402


def arguments(argv):
    p = argparse.ArgumentParser(prog="python -m training.run", description="trains a vqz model")
    names = stages.ORDER + tuple(stages.ALIASES) + ("all", "product")
    p.add_argument("--stage", default="all", choices=names,
                   help="one stage; all; or product: everything after the trunk (default: all)")
    p.add_argument("--config", default="training/configs/base.json", help="JSON file")
    p.add_argument("--out", help="folder of checkpoints and logs (default: runs/NAME)")
    p.add_argument("--resume", action="store_true", help="go on from the stage's own checkpoint; skip finished stages")
    p.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    p.add_argument("--minutes", type=float, default=0, help="length of the stage; the trunk: so much more")
    p.add_argument("--steps", type=int, default=0, help="length in steps instead")
    p.add_argument("--deadline", type=float, help="instead of --minutes: the stage ends at this time (seconds since 1970)")
    p.add_argument("--init", default="", help="checkpoint that a new trunk starts from")
    p.add_argument("--source", default="", help="checkpoint to start from instead of the stage before's")
    p.add_argument("--data", help="folder of training pictures")
    p.add_argument("--batch", type=int, help="pictures per step and process")
    p.add_argument("--threads", type=int, default=0, help="CPU threads of this process")
    p.add_argument("--compile", action="store_true", help="torch.compile the step")
    p.add_argument("--home", help="folder for a compact copy of every checkpoint (files of at most 16 MiB)")
    a = p.parse_args(argv)
    if a.stage in ("all", "product") and (a.minutes or a.deadline or a.steps or a.source):
        p.error("--minutes, --deadline, --steps and --source are for a single stage")
    return a


def main(argv=None):
    a = arguments(argv)
    config = configuration.load(a.config)
    if a.data:
        config.data.folder = a.data
    if a.batch:
        config.train.batch = a.batch
    config.train.compile |= a.compile
    if a.threads:
        torch.set_num_threads(a.threads)
    if a.device == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    device = dist.start(a.device)
    out = a.out or os.path.join("runs", config.name)
    os.makedirs(out, exist_ok=True)
    begin = time.time()
    if dist.main():
        data.load(config.data)   # builds the cache
    dist.barrier()
    pool = data.load(config.data).to(device)
    if dist.main():
        print(f"{len(pool.table)} pictures, {len(pool.pixels) * 3 / 1e9:.2f} GB, {time.time() - begin:.0f} s", flush=True)
    crops = data.Crops(pool, config.data, config.seed, dist.rank())
    if a.deadline:
        a.minutes = max(0.01, (a.deadline - time.time()) / 60)
    run = stages.Run(config, out, crops, a.resume, a.init, a.source, a.home, more=bool(a.deadline))
    names = {"all": stages.ORDER, "product": stages.ORDER[1:]}.get(a.stage, (stages.ALIASES.get(a.stage, a.stage),))
    try:
        for name in names:
            stages.FUNCTIONS[name](run, a.minutes, a.steps)
    finally:
        if a.home and dist.main() and os.path.isdir(a.home):
            plots.draw(out, os.path.join(a.home, "progress.png"))
        dist.stop()


if __name__ == "__main__":
    main()
