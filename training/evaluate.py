"""Rate and distortion of a float checkpoint on a folder of pictures:

python -m training.evaluate runs/base/hard.pt --images ../shared/kodak --baselines ../shared/baselines/kodak_baselines.csv
"""
import argparse
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vqztrain import checkpoint, config as configuration, evaluate   # noqa: E402
from vqztrain.ladder import Ladder                                   # noqa: E402
from vqztrain.model import build                                     # noqa: E402


def main():
    p = argparse.ArgumentParser(description="float estimate of rate and distortion")
    p.add_argument("checkpoint")
    p.add_argument("--config", default="training/configs/base.json")
    p.add_argument("--ladder", help="checkpoint that holds the ladder (default: the same); none: rounding, ideal bits")
    p.add_argument("--images", required=True)
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--levels", default="", help="numbers, comma separated (default: all)")
    p.add_argument("--baselines", help="CSV with image, codec, setting, bpp, psnr")
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    state = checkpoint.load(a.checkpoint)
    config = configuration.load(a.config)
    config.model.levels = state["m"]["loggain"].shape[0]
    codec = build(config.model).to(a.device)
    codec.load_state_dict(checkpoint.floats(state["m"]))
    ladder = None
    if a.ladder != "none":
        held = checkpoint.load(a.ladder) if a.ladder else state
        if "ladder" not in held and "pairs" not in held:
            p.error("no ladder in the checkpoint: give --ladder FILE or --ladder none")
        ladder = Ladder.from_dict(held.get("ladder", held), a.device)
    files = evaluate.pictures(a.images, a.every)
    levels = [int(v) for v in a.levels.split(",")] if a.levels else list(range(codec.levels))
    points = evaluate.curve(codec, ladder, files, levels)
    for level, (bpp, psnr) in zip(levels, points):
        print(f"level {level:2d}  bpp {bpp:.4f}  PSNR {psnr:.3f}")
    if a.baselines and len(levels) > 1:
        for name, reference in evaluate.baselines(a.baselines, files).items():
            if len(reference) > 1:
                rate, low, high = evaluate.bd_rate(reference, points)
                print(f"BD-rate against {name}: {rate:+.1f} % over {low:.1f}..{high:.1f} dB, {len(files)} pictures")


if __name__ == "__main__":
    main()
