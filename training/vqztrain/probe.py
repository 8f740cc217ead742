"""What to watch while training: dead units, use of rungs and codewords, held-out loss."""
import math

import torch
from torch.func import functional_call

from .ladder import use
from .layers import Conv

EXACT_INPUTS = ("ga.1", "la", "ls")   # fed by pixels or latents, not by hidden units


@torch.no_grad()
def dead_units(codec, x, lev):
    """{layer: share of its input channels that are zero for the whole batch}."""
    dead = {}

    def look(name):
        def hook(_, inputs):
            x = inputs[0][:, :-codec.levels] if name == "hs.0" else inputs[0]   # without the level's one-hot features
            peak = x.float().abs().amax((0, 2, 3))
            dead[name] = float((peak < 1e-6).float().mean())
        return hook

    hooks = [q.register_forward_pre_hook(look(n)) for n, q in codec.named_modules()
             if isinstance(q, Conv) and n not in EXACT_INPUTS]
    try:
        codec(x, lev)
    finally:
        for h in hooks:
            h.remove()
    return dead


def rung_use(scales, config):
    """Shares of the rungs in log-scales, and exp(entropy): how many rungs are effectively in use."""
    r = torch.round((torch.nan_to_num(scales.float()) - config.low) / config.step).clamp(0, config.rungs - 1).long()
    p = torch.bincount(r.reshape(-1), minlength=config.rungs).double()
    p = p / p.sum()
    return p.tolist(), math.exp(float(-(p[p > 0] * p[p > 0].log()).sum()))


@torch.no_grad()
def held_out(objective, weights, batches, levels, quantizer=None):
    """Mean loss, bpp and squared error of `weights` on held-out batches; every batch runs a spread of levels."""
    objective.eval()
    total = torch.zeros(5)
    state = {f"codec.{k}": v for k, v in weights.items()}
    for i, x in enumerate(batches):
        lev = (torch.arange(len(x), device=x.device) + i) % levels
        total += functional_call(objective, state, (x, lev, quantizer))[1].cpu()
    objective.train()
    loss, bpp, _, mse, _ = (total / len(batches)).tolist()
    return loss, bpp, psnr(mse)


def psnr(mse):
    return 10 * math.log10(65025 / max(mse, 1e-9))


def codeword_use(ladder):
    """Columns of the log from the ladder's counts, which start anew."""
    if ladder is None or ladder.counts is None:
        return {}
    scalar, pair = use(ladder.scalar, ladder.counts[0]), use(ladder.pairs, ladder.counts[1])
    ladder.count()
    return dict(scalar_used=scalar[0], scalar_spread=scalar[1], pair_used=pair[0], pair_spread=pair[1])
