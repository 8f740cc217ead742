"""Turns a compact checkpoint (what a call brought home, or what start.sh finds) into a regular one.

python -m training.gpu.take FOLDER --out runs/base        writes runs/base/STAGE.pt and copies the logs
"""
import argparse
import glob
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from vqztrain import checkpoint   # noqa: E402


def take(folder, out, keep_newer=True):
    """-> path of the checkpoint. An existing one of more steps is kept."""
    state = checkpoint.read_compact(folder)
    path = os.path.join(out, state["stage"] + ".pt")
    if keep_newer and os.path.exists(path) and checkpoint.load(path)["step"] >= state["step"]:
        return path
    checkpoint.save(path, state)
    for f in glob.glob(os.path.join(folder, "*.csv")):
        shutil.copy(f, out)
    return path


def main():
    p = argparse.ArgumentParser(description="joins a compact checkpoint")
    p.add_argument("folder")
    p.add_argument("--out", default="runs/base")
    p.add_argument("--force", action="store_true", help="replace a checkpoint of more steps, too")
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    print(take(a.folder, a.out, not a.force))


if __name__ == "__main__":
    main()
