"""Short runs of equal length that answer one question; a row per variant is added to EXPERIMENTS.md.

python -m training.experiment --question "learning rate?" --minutes 8 --variant base --variant "high: train.lr=1e-3"

A variant is a name and changes of the configuration. All share seed, data order and start (KLT, or --init), and are
measured on the same held-out pictures with averaged weights.
"""
import argparse
import copy
import json
import os
import shlex
import sys

import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from vqztrain import config as configuration, data, model, probe, stages   # noqa: E402
from vqztrain.objective import Objective                                   # noqa: E402

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "EXPERIMENTS.md")
HELD_BATCHES = 8


def variant(values, text):
    """(name, configuration dict) of "name: section.key=value section.key=value"."""
    name, _, changes = text.partition(":")
    values = copy.deepcopy(values)
    for change in changes.split():
        path, _, value = change.partition("=")
        at = values
        *sections, key = path.split(".")
        for s in sections:
            at = at.setdefault(s, {})
        at[key] = json.loads(value)
    return name.strip(), values


def held_out(config, state, crops, device):
    """Loss, bits per pixel and PSNR of the averaged weights, and the model's cost in kMAC per pixel."""
    codec = model.build(config.model)
    cost = sum(model.kmacs(codec).values())
    codec.to(device).load_state_dict(state["m"])
    objective = Objective(codec, config.lambdas(), amp=config.train.bf16).to(device)
    batches = [crops.held_out(1000 + i, 8) for i in range(HELD_BATCHES)]
    return *probe.held_out(objective, state["m"], batches, config.model.levels), cost


def run(config, out, device, init, minutes, steps):
    crops = data.Crops(data.load(config.data).to(device), config.data, config.seed)
    state = stages.trunk(stages.Run(config, out, crops, init=init), minutes, steps)
    weights = {k: v.to(device) for k, v in state["m"].items()}
    return state["step"] - state["first"], *held_out(config, dict(m=weights), crops, device)


def record(path, question, command, rows):
    """Appends the question with its table; the decision is for a person to write."""
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"\n## {question}\n\n`{command}`\n\n| variant | steps | held-out loss | bpp | PSNR | kMAC/px |\n"
                "|---|---|---|---|---|---|\n")
        for name, steps, loss, bpp, psnr, cost in rows:
            change = (loss / rows[0][2] - 1) * 100
            f.write(f"| {name} | {steps} | {loss:.4f} ({change:+.2f} %) | {bpp:.4f} | {psnr:.3f} | {cost:.1f} |\n")
        f.write("\nDecision:\n")


def main(argv=None):
    p = argparse.ArgumentParser(description="compares variants at equal time or steps")
    p.add_argument("--question", required=True)
    p.add_argument("--variant", action="append", required=True, help='"name: section.key=value ..."; the first is the base')
    p.add_argument("--config", default="training/configs/base.json")
    p.add_argument("--minutes", type=float, default=0)
    p.add_argument("--steps", type=int, default=0)
    p.add_argument("--init", default="")
    p.add_argument("--out", default="runs/experiments")
    p.add_argument("--record", default=RECORD)
    p.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    p.add_argument("--threads", type=int, default=0)
    argv = sys.argv[1:] if argv is None else argv
    a = p.parse_args(argv)
    if not a.minutes and not a.steps:
        p.error("give --minutes or --steps")
    if a.threads:
        torch.set_num_threads(a.threads)
    with open(a.config, encoding="utf-8") as f:
        values = json.load(f)
    variants = [variant(values, v) for v in a.variant]
    configs = [(name, configuration.from_dict(v)) for name, v in variants]   # all are checked before the first run
    rows = [(name, *run(c, os.path.join(a.out, name), a.device, a.init, a.minutes, a.steps)) for name, c in configs]
    record(a.record, a.question, "python -m training.experiment " + shlex.join(argv), rows)


if __name__ == "__main__":
    main()
