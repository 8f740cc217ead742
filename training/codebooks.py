"""What the size of the codebooks trades: ladders with at most K codewords a pair codebook, fitted to the same checkpoint, on pictures.

python -m training.codebooks training/checkpoints/trunk.pt --images ../shared/kodak --every 4

A row per K: codewords, bytes of values and frequencies, the cost per value on held-out training pictures, and the BD-rate of the
float estimate against the largest K. The networks are not trained again.
"""
import argparse
import os
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vqztrain import checkpoint, config as configuration, data, evaluate, ladderfit, stages   # noqa: E402
from vqztrain.model import build                                                              # noqa: E402

SIZES = 256, 128, 64, 32, 16, 8, 4, 2
BYTES = {1: 4, 2: 6}      # of a codeword: 16 bits a value and 16 of frequency


def fitted(codec, crops, config):
    """The ladder of stage B for these options, and its cost on held-out pictures."""
    size, levels, ladder = config.train.batch, config.model.levels, None
    torch.manual_seed(config.seed)
    batches = [crops.batch(1 << 41 | i, size) for i in range(max(1, config.ladder.photos // size))]
    for _ in range(2):
        ladder = ladderfit.fit(*stages.collect(codec, batches, levels, ladder), config.ladder).prepare()
    held = [crops.held_out(i, size) for i in range(4)]
    return ladder, ladderfit.compare(ladder, *stages.collect(codec, held, levels, ladder))["ladder"]


def main():
    p = argparse.ArgumentParser(description="rate against the size of the codebooks")
    p.add_argument("checkpoint")
    p.add_argument("--config", default="training/configs/base.json")
    p.add_argument("--images", required=True)
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--sizes", default=",".join(map(str, SIZES)), help="K, the reference first; 0: scalar codebooks alone")
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    config = configuration.load(a.config)
    codec = build(config.model)
    codec.load_state_dict(checkpoint.floats(checkpoint.load(a.checkpoint)["m"]))
    crops = data.Crops(data.load(config.data), config.data, config.seed)
    files, reference = evaluate.pictures(a.images, a.every), None
    levels = list(range(0, codec.levels, 2))
    print("| K at most | pair codebooks | codewords | bytes | cost per value | BD-rate |\n|---|---|---|---|---|---|")
    for k in map(int, a.sizes.split(",")):
        config.ladder.kmax = max(1, k)
        config.ladder.top = config.ladder.top if k else -1
        ladder, cost = fitted(codec, crops, config)
        ladder.lam = config.ladder.lam
        points = evaluate.curve(codec, ladder, files, levels)
        reference = points if reference is None else reference
        rate = evaluate.bd_rate(reference, points)[0]
        words = [sum(b.sizes) for b in (ladder.scalar, ladder.pairs)]
        size = words[0] * BYTES[1] + words[1] * BYTES[2]
        print(f"| {k or 'scalars alone'} | {len(ladder.pairs)} | {sum(words)} | {size} | {cost:.4f} | {rate:+.2f} % |", flush=True)


if __name__ == "__main__":
    main()
