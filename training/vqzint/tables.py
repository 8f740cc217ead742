"""Tables from photos: hyper-latent tables and the ladder, with the integer networks and hard decisions in the loop."""
import numpy as np
import torch

from . import hyper, ladder
from . import modelfile as mf
from .codec import Codec
from .ladder import Quantizer, Rounding


class Residuals:
    """Observer that keeps a share of the residual pairs and their rungs."""
    def __init__(self, share, seed=0):
        self.share, self.r, self.rungs = share, [], []
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, index, second, r, rungs, rows):
        """Called by Codec.encode for every pass."""
        r, rungs = r.reshape(-1, 2), rungs.reshape(-1, 2)
        u = (torch.rand(len(r), generator=self.generator) < self.share).nonzero()[:, 0]
        self.r.append(r[u].clamp(-2 ** 31, 2 ** 31 - 1).int())
        self.rungs.append(rungs[u].to(torch.uint8))

    def pairs(self):
        """r [N,2] int32, rungs [N,2] uint8."""
        return torch.cat(self.r), torch.cat(self.rungs)


def latents_of(codec, photos, batch=4):
    """Latents of photos in batches."""
    return [codec.analyse(photos[i:i + batch]) for i in range(0, len(photos), batch)]


def row_plan(batches, rows, per_photo):
    """For every batch a list of row arrays: `per_photo` passes, all rows equally often, neighbouring samples at different rows."""
    k, plan = 0, []
    for b in batches:
        passes = []
        for _ in range(per_photo):
            passes.append(np.arange(k, k + len(b)) * 8 % rows if np.gcd(8, rows) == 1 else np.arange(k, k + len(b)) % rows)
            k += len(b)
        plan.append(passes)
    return plan


def z_histograms(codec, batches):
    """Histograms of every row and channel over all batches."""
    rows = len(codec.model.levels.lam)
    out = hyper.Histograms(rows, codec.model.z)
    for y in batches:
        raw = codec.run(mf.HYPER_ANALYSIS, codec.latq(y))
        for row in range(rows):
            out.add(codec.hyper_round(raw, np.full(len(y), row)), np.full(len(y), row))
    return out


def set_z_tables(model, hist):
    """Replace the hyper-latent tables of a model by those of histograms [rows,Z,values]."""
    model.ztables, model.levels.ztab, model.levels.zoff = hyper.build(hist)


def collect(codec, batches, plan, chooser, share):
    """Residual pairs under a chooser."""
    seen = Residuals(share)
    for y, passes in zip(batches, plan):
        for rows in passes:
            codec.encode(y, rows, chooser, seen)
    return seen.pairs()


def fit_ladder(model, batches, lam, start=None, per_photo=2, share=.5, rounds=2, say=print):
    """Fits the ladder of a model at `lam` in `rounds` rounds (the first one sees rounding unless a ladder is given), then recounts frequencies
    with the rows' own lambda."""
    codec = Codec(model)
    plan = row_plan(batches, len(model.levels.lam), per_photo)
    chooser = Quantizer(start) if start else Rounding()
    for i in range(rounds):
        r, rungs = collect(codec, batches, plan, chooser, share)
        model.ladder = ladder.fit(r, rungs, lam, verbose=True)
        chooser = Quantizer(model.ladder)
        say(f'ladder round {i + 1} of {rounds}')
    recount(model, codec, batches, plan)


def recount(model, codec, batches, plan):
    """Frequencies from one more pass with the final codebooks."""
    chooser = Quantizer(model.ladder)
    for y, passes in zip(batches, plan):
        for rows in passes:
            codec.encode(y, rows, chooser)
    model.ladder = ladder.recount(model.ladder, chooser.counts)
