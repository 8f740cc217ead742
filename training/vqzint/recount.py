"""New frequencies for a model file from symbol counts of the C encoder, the codebooks unchanged.

python -m vqzint.recount MODEL STATS... -o OUT

A stats file is text, one line each, in any order; lines about the same thing add up:
    S rung count...            symbols of a scalar codebook, escape last
    P number count...          symbols of a pair codebook, escape last
    Z row channel z count      hyper-latents: z as it is (the offset included)
Ladder frequencies are smoothed by the old ones. Hyper-latent tables are clustered anew where every row and channel has counts.
"""
import argparse

import numpy as np

from . import ladder, modelfile, tables
from .hyper import REACH, Histograms


def read(paths, model):
    """({('S'|'P', number): counts}, histograms [rows,Z,2*REACH+1])."""
    counts, hist = {}, Histograms(len(model.levels.lam), model.z).counts
    sizes = {('S', i): len(b.freq) for i, b in enumerate(model.ladder.scalars)}
    sizes.update({('P', i): len(b.freq) for i, b in enumerate(model.ladder.pairs)})
    for path in paths:
        with open(path) as f:
            for number, line in enumerate(f, 1):
                kind, *v = line.split()
                v = [int(x) for x in v]
                if kind == 'Z' and len(v) == 4:
                    hist[v[0], v[1], min(max(v[2], -REACH), REACH) + REACH] += v[3]
                elif kind in ('S', 'P') and sizes.get((kind, v[0])) == len(v) - 1:
                    counts[kind, v[0]] = counts.get((kind, v[0]), 0) + np.array(v[1:])
                else:
                    raise ValueError(f'{path}:{number}: not a count of this model')
    return counts, hist


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('model')
    a.add_argument('stats', nargs='+')
    a.add_argument('-o', '--output', required=True)
    args = a.parse_args()
    model = modelfile.load(args.model)
    counts, hist = read(args.stats, model)
    model.ladder = ladder.recount(model.ladder, counts)
    if hist.sum(2).all():
        tables.set_z_tables(model, hist)
    print(*modelfile.save(model, args.output))


if __name__ == '__main__':
    main()
