"""Checkpoints: atomic files, import of older formats, and a compact split form that fits small transfers.

A checkpoint is a dict: m (averaged weights), raw (weights being trained), opt (the optimiser's moments by parameter name), step,
minutes, done, stage, config, and ladder from stage B on. A published one holds m alone, in fp16.
"""
import glob
import io
import os

import torch

from .levels import widen

SLOW = ("ga", "gs", "ha", "la", "ls")   # the transforms: trained at a lower rate than the context
PART = (16 << 20) - (1 << 16)           # bytes of a part of the compact form


def is_slow(name):
    return name.split(".")[0] in SLOW


def save(path, state):
    """Writes under another name first: a crash never leaves half a checkpoint."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    part = f"{path}.{os.getpid()}.tmp"
    torch.save(state, part)
    os.replace(part, path)


def load(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def floats(state):
    return {k: v.float() for k, v in state.items()}


def by_name(opt, names):
    """Adam's state by parameter name. Accepts the state dict of an optimiser with the groups (slow, fast)."""
    if "param_groups" not in opt:
        return opt
    order = [n for n in names if is_slow(n)] + [n for n in names if not is_slow(n)]
    return {order[i]: {k: v.float() for k, v in s.items()} for i, s in opt["state"].items()}


def start(path, levels, names):
    """What training starts from: dict with m, raw, step and, where the file holds one of fitting shape, opt."""
    state = load(path)
    if "m" not in state:
        raise ValueError(f"{path}: not a checkpoint (no key 'm')")
    ema = floats(state["m"])
    raw = floats(state.get("raw", state["m"]))
    same = raw["loggain"].shape[0] == levels
    out = dict(m=widen(ema, levels), raw=widen(raw, levels), step=int(state.get("step", 0)), opt=None)
    if same and state.get("opt"):
        out["opt"] = by_name(state["opt"], names)
    return out


def publish(path, state):
    """The averaged weights in fp16, and what there is of the ladder and the steps that stage D trained with."""
    out = dict(m={k: v.half() for k, v in state["m"].items()}, config=state.get("config"))
    out.update({k: state[k] for k in ("ladder", "steps") if state.get(k)})
    save(path, out)


def write_compact(folder, state):
    """weights.pt (fp16) and the whole state in state.00, state.01, ... of at most 16 MiB: m in fp16, moments in bf16."""
    os.makedirs(folder, exist_ok=True)
    publish(os.path.join(folder, "weights.pt"), state)
    rest = {k: v for k, v in state.items() if k not in ("m", "opt")}
    rest["opt"] = {n: {k: v.bfloat16() if v.numel() > 1 else v for k, v in s.items()}
                   for n, s in (state.get("opt") or {}).items()}
    blob = io.BytesIO()
    torch.save(rest, blob)
    data = blob.getvalue()
    parts = [data[i:i + PART] for i in range(0, len(data), PART)]
    for stale in glob.glob(os.path.join(folder, "state.*")):
        os.remove(stale)
    for i, part in enumerate(parts):
        with open(os.path.join(folder, f"state.{i:02d}"), "wb") as f:
            f.write(part)


def read_compact(folder):
    """The checkpoint that write_compact() wrote."""
    parts = sorted(glob.glob(os.path.join(folder, "state.*")))
    if not parts:
        raise FileNotFoundError(f"{folder}: no state.00")
    data = b"".join(open(p, "rb").read() for p in parts)
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    state["m"] = floats(load(os.path.join(folder, "weights.pt"))["m"])
    state["opt"] = {n: {k: v.float() for k, v in s.items()} for n, s in state["opt"].items()}
    return state
