"""The stages: A trunk and decay, B ladder, C hard, D qat, then export and plots. Each reads the last one's checkpoint.

  trunk   continuous proxy at constant rate; continued whenever there is time            trunk.pt
  decay   a short branch of the trunk with falling rate                                  decay.pt
  ladder  entropy-constrained K-means of every codebook                                  ladder.pt
  hard    hard ladder choices in the loop, ladder refitted on the way and at the end     hard.pt
  qat     fine-tuning with the integer codec's rounding                                  qat.pt
  export  the integer model, by vqzint
  plot    progress.png
"""
import os
import subprocess
import sys

import torch

from . import checkpoint, dist, klt, ladderfit, plots, qat
from .ladder import Ladder
from .model import build
from .trainer import Trainer

ORDER = ("trunk", "decay", "ladder", "hard", "qat", "export", "plot")
ALIASES = dict(A="trunk", B="ladder", C="hard", D="qat")
SOURCES = dict(decay=("trunk",), ladder=("decay", "trunk"), hard=("ladder",), qat=("hard", "ladder"),
               export=("qat", "hard", "ladder"))
KLT_BATCHES = 150
COLLECT_ROUNDS = 4      # level assignments per batch of photos
COLLECT_SHARE = 0.3     # of the residuals kept
REFIT_BATCHES = 12


class Run:
    """What all stages of one run share. more: the length asked for comes on top of what a resumed stage has done."""

    def __init__(self, config, out, crops, resume=False, init="", source="", home=None, more=False):
        self.config, self.out, self.crops, self.resume, self.more = config, out, crops, resume, more
        self.init, self.source, self.home = init or config.init, source, home
        self.device = crops.pool.pixels.device

    def path(self, stage):
        return os.path.join(self.out, stage + ".pt")

    def own(self, stage):
        """This stage's checkpoint to go on from, or None."""
        return checkpoint.load(self.path(stage)) if self.resume and os.path.exists(self.path(stage)) else None

    def before(self, stage):
        """The checkpoint of the stage before, or of --source."""
        paths = [self.source] if self.source else [self.path(s) for s in SOURCES[stage]]
        for p in paths:
            if os.path.exists(p):
                print(f"{stage}: from {p}", flush=True)
                return checkpoint.load(p)
        raise FileNotFoundError(f"stage {stage} starts from {' or '.join(paths)}, which does not exist")

    def codec(self):
        torch.manual_seed(self.config.seed)
        return build(self.config.model)


def _options(run, stage, own, minutes, steps):
    """Training options with the length that the command line asked for: the whole length of a stage, but so much more
    for the trunk, which has no end of its own."""
    o = run.config.stage(stage)
    if minutes or steps:
        o.minutes, o.steps = minutes or o.minutes, steps
        if own and (run.more or stage == "trunk"):
            o.minutes += own["minutes"]
            o.steps = steps and steps + own["step"] - own["first"]
    return o


def _train(run, stage, codec, state, own, minutes, steps, **more):
    options = _options(run, stage, own, minutes, steps)
    if own and own.get("done") and not (minutes or steps):
        print(f"{stage}: done before", flush=True)
        return own
    trainer = Trainer(run.config, stage, options, codec, run.crops, run.out, own or state, resume=bool(own),
                      home=run.home, **more)
    return trainer.run()


def trunk(run, minutes=0, steps=0):
    codec, own = run.codec(), run.own("trunk")
    state = None
    if not own and run.init:
        state = checkpoint.start(run.init, run.config.model.levels, [n for n, _ in codec.named_parameters()])
        print(f"trunk: from {run.init}, step {state['step']}", flush=True)
    elif not own:
        batches = [run.crops.batch(1 << 40 | i, 8).cpu() for i in range(KLT_BATCHES)]
        klt.start(codec, klt.patches_of(batches))
        weights = {k: v.clone() for k, v in codec.state_dict().items()}
        state = dict(m=weights, raw=weights, step=0)
    return _train(run, "trunk", codec, state, own, minutes, steps)


def decay(run, minutes=0, steps=0):
    """The branch of a trunk, or of a hard stage at constant rate (--source): then with its ladder."""
    own = run.own("decay")
    state = own or run.before("decay")
    quantizer = Ladder.from_dict(state["ladder"], run.device).prepare() if "ladder" in state else None
    return _train(run, "decay", run.codec(), state, own, minutes, steps, quantizer=quantizer)


class Recorder:
    """A quantizer that keeps a share of the residuals it sees and hands the choice on."""

    def __init__(self, inner, share):
        self.inner, self.share, self.parts = inner, share, []

    def __call__(self, r, ls, mask):
        b, c, h, w = r.shape
        at = mask.reshape(-1).nonzero()[:, 0]
        both = torch.stack([r.float(), ls.float()]).reshape(2, b, c // 2, 2, h * w)[..., at]
        both = both.permute(0, 1, 2, 4, 3).reshape(2, -1, 2)
        keep = torch.rand(both.shape[1], device=r.device) < self.share
        self.parts.append(both[:, keep])
        return torch.round(r) if self.inner is None else self.inner(r, ls, mask)

    def samples(self):
        x, ls = torch.cat(self.parts, 1)
        return x, ls


@torch.no_grad()
def collect(codec, batches, levels, inner=None, rounds=COLLECT_ROUNDS, share=COLLECT_SHARE):
    """Residual pairs and log-scales [N,2] over all levels."""
    codec.eval()
    recorder = Recorder(inner, share)
    for i, x in enumerate(batches):
        for j in range(rounds):
            start = (i * rounds + j) * len(x)
            codec(x, (torch.arange(len(x), device=x.device) + start) % levels, recorder)
    return recorder.samples()


def ladder(run, minutes=0, steps=0):
    """Two passes: the contexts see plain rounding first, then the choices of the first ladder."""
    own = run.own("ladder")
    if own:
        print("ladder: done before", flush=True)
        return own
    state = run.before("ladder")
    if dist.main():
        codec = run.codec().to(run.device)
        codec.load_state_dict(state["m"])
        config = run.config
        torch.manual_seed(config.seed)
        size = config.train.batch
        batches = [run.crops.batch(1 << 41 | i, size) for i in range(max(1, config.ladder.photos // size))]
        levels, fitted = config.model.levels, None
        for _ in range(2):
            fitted = ladderfit.fit(*collect(codec, batches, levels, fitted), config.ladder).prepare()
        held = [run.crops.held_out(i, size) for i in range(4)]
        report = ladderfit.compare(fitted, *collect(codec, held, levels, fitted))
        print("ladder: cost per value on held-out pictures:", report, flush=True)
        state = dict(m=state["m"], raw=state["m"], opt=None, step=state.get("step", 0), stage="ladder", done=True,
                     config=state.get("config"), ladder=fitted.to_dict(), report=report)
        checkpoint.save(run.path("ladder"), state)
    dist.barrier()
    return checkpoint.load(run.path("ladder"))


def _refit(run):
    """Lloyd iterations from the codebooks in use, starved codewords respawned, on fresh residuals."""
    def refit(codec, old, step):
        batches = [run.crops.batch(1 << 42 | step << 8 | i, run.config.train.batch) for i in range(REFIT_BATCHES)]
        x, ls = collect(codec, batches, run.config.model.levels, old, rounds=2)
        return ladderfit.fit(x, ls, run.config.ladder, old).prepare()
    return refit


def hard(run, minutes=0, steps=0):
    own = run.own("hard")
    if own and own["done"] and not (minutes or steps):
        print("hard: done before", flush=True)
        return own
    source = own or run.before("hard")
    start = own or dict(m=source["m"], raw=source["m"], step=source.get("step", 0))
    quantizer = Ladder.from_dict(source["ladder"], run.device).prepare()
    state = _train(run, "hard", run.codec(), start, own, minutes, steps, quantizer=quantizer, refit=_refit(run))
    if dist.main():   # the ladder that goes with the averaged weights
        codec = run.codec().to(run.device)
        codec.load_state_dict(state["m"])
        torch.manual_seed(run.config.seed)
        old = Ladder.from_dict(state["ladder"], run.device).prepare()
        state["ladder"] = _refit(run)(codec, old, state["step"]).to_dict()
        checkpoint.save(run.path("hard"), state)
    dist.barrier()
    return state


def train_qat(run, minutes=0, steps=0):
    """Of a hard stage at constant rate (--source) with a falling one: then it is the decay, too."""
    own = run.own("qat")
    start = own or run.before("qat")
    config, codec = run.config, run.codec().to(run.device)
    # Ranges come from the weights the stage began with, so that a resumed run has the same ones.
    base = start.get("base", start["m"])
    codec.load_state_dict(base)
    quantizer = Ladder.from_dict(start["ladder"], run.device).prepare()
    batches = [run.crops.batch(1 << 43 | i, config.train.batch) for i in range(config.qat.calibration)]
    trained = qat.calibrate(codec, config.qat, batches, config.model.levels, quantizer)
    if config.qat.freeze_encoder:
        for name, p in codec.named_parameters():
            p.requires_grad &= name.split(".")[0] not in ("ga", "la", "ha")
    return _train(run, "qat", codec, start, own, minutes, steps, quantizer=quantizer, extra=dict(base=base, steps=trained))


def export(run, minutes=0, steps=0):
    """The integer model from the newest checkpoint, by vqzint."""
    if not dist.main():
        return
    source = run.source or next((run.path(s) for s in SOURCES["export"] if os.path.exists(run.path(s))), None)
    if source is None:
        raise FileNotFoundError("stage export: no checkpoint of stage ladder, hard or qat")
    weights = os.path.join(run.out, "weights.pt")
    checkpoint.publish(weights, checkpoint.load(source))
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not os.path.exists(os.path.join(here, "vqzint", "export.py")):
        print(f"export: {weights} written; vqzint is not installed", flush=True)
        return
    command = [sys.executable, "-m", "vqzint.export", weights, "-o", os.path.join(run.out, run.config.name + ".vqzm"),
               "--photos", run.config.data.folder, "--name", run.config.name, "--lam", str(run.config.ladder.lam)]
    subprocess.run(command, check=True, env=dict(os.environ, PYTHONPATH=here))


def plot(run, minutes=0, steps=0):
    if dist.main():
        plots.draw(run.out, os.path.join(run.out, "progress.png"))


FUNCTIONS = dict(trunk=trunk, decay=decay, ladder=ladder, hard=hard, qat=train_qat, export=export, plot=plot)
