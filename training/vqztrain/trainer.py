"""The training loop of every gradient stage: resumable to the bit, averaged weights, clipping, guard, logs."""
import os
import shutil
import signal
import time

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint, dist, probe
from .config import to_dict
from .logs import Log
from .objective import Objective
from .optim import Muon

COLUMNS = ("step minutes lr loss bpp zbpp psnr commit grad skipped held_loss held_bpp held_psnr dead_mean dead_max "
           "dead_layer rungs pair_used pair_spread scalar_used scalar_spread").split()
HELD_BATCHES = 2


class _StopRequest:
    """SIGTERM asks for a checkpoint and an early end."""

    def __init__(self):
        self.set = 0.0
        self.before = signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, *_):
        self.set = 1.0

    def asked(self, device):
        return dist.agree_number(self.set, device) > 0

    def end(self):
        signal.signal(signal.SIGTERM, self.before)


class Trainer:
    """Trains one stage.

    state: what to start from (m, raw, step, opt) or, with resume, this stage's own checkpoint. quantizer: ladder of
    stages C and D. refit(codec, ladder, step) -> new ladder, called every options.refit_every steps on the main process.
    home: folder for compact copies of the checkpoints. extra: entries that checkpoints shall hold besides.
    """

    def __init__(self, config, stage, options, codec, crops, out, state, resume=False, quantizer=None, refit=None,
                 home=None, extra=None):
        self.config, self.stage, self.options, self.crops, self.out = config, stage, options, crops, out
        self.quantizer, self.refit, self.home, self.extra = quantizer, refit, home, extra or {}
        self.device = crops.pool.pixels.device
        self.codec = codec.to(self.device, memory_format=torch.channels_last)
        self.codec.load_state_dict(state["raw"])
        self.ema = {k: state["m"][k].to(self.device).float().clone() for k in self.codec.state_dict()}
        self.objective = Objective(self.codec, config.lambdas(), options.commitment, options.msssim,
                                   options.bf16, options.seam, options.relative).to(self.device)
        self.opt = self._optimizer(state.get("opt"))
        self.step, self.minutes = state.get("step", 0), state.get("minutes", 0.0) if resume else 0.0
        self.first = state.get("first", self.step) if resume else self.step
        # Where the weight average began; one that comes with its optimiser is as long as it gets.
        begun = 0 if state.get("opt") else self.step
        self.averaged_from = state.get("averaged_from", begun) if resume else begun
        self.skipped = 0
        model = self.objective
        if dist.world() > 1:
            ids = [self.device.index] if self.device.type == "cuda" else None
            model = DistributedDataParallel(model, device_ids=ids, gradient_as_bucket_view=True)
        if options.compile:   # a part that fails to compile runs as it is
            torch._dynamo.config.suppress_errors = True
            model = torch.compile(model)
        self.model = model
        if dist.main():
            base, at = os.path.join(out, stage), self.step if resume else None
            self.log = Log(base + ".csv", COLUMNS, at)
            self.rung_log = Log(base + ".rungs.csv", ["step"] + [f"r{i}" for i in range(config.ladder.rungs)], at)

    # ---- optimiser and averaged weights ----
    def _optimizer(self, moments):
        named = [(n, p) for n, p in self.codec.named_parameters() if p.requires_grad]
        groups = [dict(params=[p for n, p in named if checkpoint.is_slow(n)], scale=self.options.slow),
                  dict(params=[p for n, p in named if not checkpoint.is_slow(n)], scale=1.0)]
        groups = [g for g in groups if g["params"]]
        opt = Muon(groups, self.options.lr)
        for name, p in named:
            if moments and name in moments:
                opt.state[p] = {k: torch.empty_like(p).copy_(v) if v.ndim else v.clone() for k, v in moments[name].items()}
        return opt

    def _moments(self):
        return {n: {k: v.detach().cpu() for k, v in self.opt.state[p].items()}
                for n, p in self.codec.named_parameters() if p in self.opt.state}

    def _average(self):
        """Weight average; its memory grows from a few steps to the configured length."""
        age = self.step - self.averaged_from
        keep = min(self.options.ema, (age + 1) / (age + 10)) ** self.options.ema_every
        raw = self.codec.state_dict()
        torch._foreach_lerp_(list(self.ema.values()), [raw[k].float() for k in self.ema], 1 - keep)

    # ---- schedule ----
    def progress(self):
        """Share of the stage that is done."""
        if self.options.steps:
            return (self.step - self.first) / self.options.steps
        return dist.agree_number(self.minutes / self.options.minutes, self.device)

    def rate(self, progress):
        warm = min(1.0, (self.step - self.first + 1) / max(1, self.options.warmup))
        return self.options.lr * warm * (max(0.01, 1 - progress) if self.options.decay else 1.0)

    # ---- one step ----
    def _seed(self):
        """Noise depends on (seed, rank, step) alone."""
        torch.manual_seed((self.config.seed * 1000003 + dist.rank()) * (1 << 32) % (1 << 62) + self.step)

    def train_step(self, lr):
        o = self.options
        for g in self.opt.param_groups:
            g["lr"] = lr * g["scale"]
        self._seed()
        x = self.crops.batch(self.step, o.batch)
        lev = torch.randint(0, self.config.model.levels, (o.batch,)).to(self.device)
        z_weight = 0.0 if self.step - self.first < o.z_free else 1.0
        loss, stats, scales = self.model(x, lev, self.quantizer, z_weight)
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.codec.parameters(), o.clip)
        finite = bool(torch.isfinite(norm))
        if finite:
            self.opt.step()
        self.step += 1
        if self.step % o.ema_every == 0:
            self._average()
        return stats, norm.detach(), finite, scales

    # ---- the loop ----
    def run(self):
        """Trains to the stage's end. -> the final state."""
        o, recent, bad = self.options, [], 0
        stop = _StopRequest()
        started = saved = time.time()
        before = self.minutes
        if self.quantizer is not None:
            self.quantizer.count()
        self.model.train()
        while (progress := self.progress()) < 1 and not stop.asked(self.device):
            lr = self.rate(progress)
            stats, norm, finite, scales = self.train_step(lr)
            self.minutes = before + (time.time() - started) / 60
            bad = 0 if finite else bad + 1
            self.skipped += not finite
            if bad >= o.max_bad:
                raise FloatingPointError(f"stage {self.stage}, step {self.step}: the gradient was not finite for "
                                         f"{bad} steps in a row")
            if finite:
                recent.append(torch.cat([stats, norm[None]]))
            if dist.main() and self.step % o.log_every == 0:
                self._report(recent, lr, scales)
                recent = []
            if self.refit and o.refit_every and (self.step - self.first) % o.refit_every == 0:
                self._refit()
            if dist.main() and time.time() - saved > 60 * o.save_minutes:
                self.save()
                saved = time.time()
        weights = sum(p.detach().double().abs().sum() for p in self.codec.parameters())
        dist.check_same(weights, "the sum of all weights", self.device)
        stop.end()
        if dist.main():
            self.save(done=progress >= 1)
        dist.barrier()
        if progress < 1:
            raise SystemExit(f"{self.stage}: stopped at step {self.step} as asked; --resume goes on")
        return self.state(done=True)

    def _refit(self):
        fitted = None
        if dist.main():
            self.codec.eval()
            fitted = self.refit(self.codec, self.quantizer, self.step).to_dict()
            self.codec.train()
        self.quantizer = type(self.quantizer).from_dict(dist.agree(fitted), self.device).prepare()
        self.quantizer.count()

    def _report(self, recent, lr, scales):
        values = dict(step=self.step, minutes=self.minutes, lr=lr, skipped=self.skipped)
        if recent:
            loss, bpp, zbpp, mse, commit, norm = torch.stack(recent).mean(0).tolist()
            values.update(loss=loss, bpp=bpp, zbpp=zbpp, psnr=probe.psnr(mse), commit=commit, grad=norm)
        shares, values["rungs"] = probe.rung_use(scales, self.config.ladder)
        values.update(probe.codeword_use(self.quantizer))
        if self.step % self.options.probe_every == 0:
            values.update(self._probe())
            self.rung_log.row(step=self.step, **{f"r{i}": p for i, p in enumerate(shares)})
        self.log.row(**values)
        print(f"{self.stage} {self.step} {self.minutes:.1f} min", *(f"{k} {values[k]:.4f}" for k in
              ("loss", "bpp", "psnr", "grad", "held_loss", "dead_max") if k in values), flush=True)

    def _probe(self):
        batches = [self.crops.held_out(i, self.options.batch) for i in range(HELD_BATCHES)]
        loss, bpp, psnr = probe.held_out(self.objective, self.ema, batches, self.config.model.levels, self.quantizer)
        dead = probe.dead_units(self.codec, batches[0],
                                torch.arange(len(batches[0]), device=self.device) % self.config.model.levels)
        worst = max(dead, key=dead.get)
        return dict(held_loss=loss, held_bpp=bpp, held_psnr=psnr, dead_mean=float(np.mean(list(dead.values()))),
                    dead_max=dead[worst], dead_layer=worst)

    # ---- state ----
    def state(self, done=False):
        def cpu(d):
            return {k: v.detach().float().cpu().contiguous() for k, v in d.items()}
        out = dict(m=cpu(self.ema), raw=cpu(self.codec.state_dict()), opt=self._moments(), step=self.step,
                   first=self.first, averaged_from=self.averaged_from, minutes=self.minutes, done=done, stage=self.stage,
                   config=to_dict(self.config), **self.extra)
        if self.quantizer is not None:
            out["ladder"] = self.quantizer.to_dict()
        return out

    def save(self, done=False):
        state = self.state(done)
        checkpoint.save(os.path.join(self.out, self.stage + ".pt"), state)
        if self.home:
            checkpoint.write_compact(self.home, state)
            for log in (self.log, self.rung_log):
                shutil.copy(log.path, self.home)

