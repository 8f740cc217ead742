"""Models with one part taken out, to show what the part is worth on real files.

python -m vqzint.ablate MODEL -o FOLDER     from training/: writes zeromeans.vqzm, zerohyper.vqzm, linear.vqzm

zeromeans: every predicted mean is 0 (log-scales stay).  zerohyper: the hyper-latent is 0 everywhere and costs nothing.
linear: the synthesis network adds nothing to the linear path. Nothing is trained or fitted again, so a part's worth is an upper estimate.
"""
import argparse
import copy
import pathlib

import numpy as np

from . import modelfile as mf


def zero_means(model):
    """The first half of every head's outputs, the means, become 0."""
    for net in model.nets:
        if net.role == mf.HEADS:
            last, half = net.layers[-1], len(net.layers[-1].m) // 2
            last.weights, last.bias = last.weights.copy(), last.bias.copy()
            last.weights[:half] = 0
            last.bias[:half] = 0


def zero_hyper(model):
    """z = 0 everywhere, coded by a table that makes 0 (almost) free."""
    model.ztables = model.ztables + [np.array([32767, 1])]
    v = model.levels
    v.zgain, v.zoff = np.zeros_like(v.zgain), np.zeros_like(v.zoff)
    v.ztab = np.full_like(v.ztab, len(model.ztables) - 1)


def linear_only(model):
    """The last synthesis layer passes its addend, the linear path, through."""
    last = model.net(mf.SYNTHESIS).layers[-1]
    last.weights, last.bias = np.zeros_like(last.weights), np.zeros_like(last.bias)


VARIANTS = {'zeromeans': zero_means, 'zerohyper': zero_hyper, 'linear': linear_only}


def main():
    """Command line."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('model')
    ap.add_argument('-o', '--out', type=pathlib.Path, required=True)
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    original = mf.load(args.model)
    for name, change in VARIANTS.items():
        model = copy.deepcopy(original)
        change(model)
        model.info = dict(model.info, name=name)
        mf.save(model, args.out / f'{name}.vqzm')


if __name__ == '__main__':
    main()
