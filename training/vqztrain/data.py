"""Training pictures: decoded once into one flat uint8 file (memory-mapped, or resident on the GPU), crops by index.

A batch is a function of (seed, rank, step) alone, so a resumed run sees exactly what an uninterrupted one would.
"""
import glob
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image

from . import synth

SYNTH_SIZE = 512
TRAIN, HOLDOUT, SYNTH = 0, 1, 2


def _files(config):
    files = sorted(f for ext in ("jpg", "jpeg", "png", "webp")
                   for f in glob.glob(os.path.join(config.folder, "**", f"*.{ext}"), recursive=True))
    files = files[:config.limit] if config.limit else files
    if not files:
        raise FileNotFoundError(f"no images in {config.folder}")
    return files


def _versions(path, number, config):
    """The picture, reduced to max_side, and its downscaled copies."""
    with Image.open(path) as im:
        im = im.convert("RGB")
    if max(im.size) > config.max_side:
        im.thumbnail((config.max_side, config.max_side), Image.LANCZOS)
    rng = np.random.default_rng([5, number])
    sizes = [im.size] + [tuple(round(v * s) for v in im.size)
                         for s in rng.uniform(config.scale_min, config.scale_max, config.copies)]
    return [np.asarray(im if size == im.size else im.resize(size, Image.LANCZOS))
            for size in sizes if min(size) >= config.crop]


@dataclass
class Pool:
    """Pictures in one flat pixel array [N,3]; table rows are (first pixel, width, height, kind)."""
    pixels: torch.Tensor
    table: np.ndarray

    def to(self, device):
        return Pool(self.pixels.to(device), self.table)

    def of(self, kind):
        return self.table[self.table[:, 3] == kind]


def _key(config, files):
    parts = [{k: v for k, v in asdict(config).items() if k not in ("cache", "folder", "synthetic", "area_power", "gray",
                                                                   "transpose")}]
    parts += [(os.path.basename(f), os.path.getsize(f)) for f in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def load(config):
    """The Pool of a config.DataConfig, from the cache or built into it."""
    files = _files(config)
    base = f"{config.cache}-{_key(config, files)}"
    if not os.path.exists(base + ".json"):
        _build(config, files, base)
    with open(base + ".json", encoding="utf-8") as f:
        table = np.array(json.load(f), np.int64).reshape(-1, 4)
    if not len(table[table[:, 3] == TRAIN]):
        raise ValueError(f"{config.folder}: no image of at least {config.crop} pixels a side")
    pixels = np.memmap(base + ".bin", np.uint8, "c").reshape(-1, 3)   # copy on write: torch wants a writable array
    return Pool(torch.from_numpy(pixels), table)


def _build(config, files, base):
    os.makedirs(os.path.dirname(base) or ".", exist_ok=True)
    part = f"{base}.{os.getpid()}"
    table, first = [], 0
    jobs = [(lambda f=f, i=i: _versions(f, i, config),
             HOLDOUT if config.holdout and i % config.holdout == config.holdout - 1 else TRAIN)
            for i, f in enumerate(files)]
    size = max(SYNTH_SIZE, config.crop)
    jobs += [(lambda i=i: [synth.picture(i, size)], SYNTH) for i in range(config.synthetic_count)]
    with open(part, "wb") as out, ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(jobs), 64):   # in portions: bounds the memory
            some = jobs[start:start + 64]
            for (_, kind), pictures in zip(some, threads.map(lambda job: job[0](), some)):
                for im in pictures:
                    out.write(im.tobytes())
                    table.append((first, im.shape[1], im.shape[0], kind))
                    first += im.shape[0] * im.shape[1]
    os.replace(part, base + ".bin")
    with open(part, "w", encoding="utf-8") as f:
        json.dump(table, f)
    os.replace(part, base + ".json")


class Crops:
    """Random crops of a pool as float batches [B,3,crop,crop] in -0.5..0.5, channels last."""

    def __init__(self, pool, config, seed, rank=0):
        self.pool, self.config, self.seed, self.rank = pool, config, seed, rank
        self.kinds = {}
        for kind in (TRAIN, HOLDOUT, SYNTH):
            rows = pool.of(kind)
            weight = np.cumsum((rows[:, 1] * rows[:, 2]).astype(float) ** config.area_power)
            self.kinds[kind] = rows, weight / weight[-1] if len(rows) else weight

    def _place(self, rng, kind):
        """First pixel and strides of one crop; flips and transposition are a matter of strides."""
        rows, weight = self.kinds[kind]
        first, w, h, _ = rows[min(np.searchsorted(weight, rng.random()), len(rows) - 1)]
        crop = self.config.crop
        y, x = rng.integers(0, h - crop + 1), rng.integers(0, w - crop + 1)
        start, down, right = first + y * w + x, w, 1
        if rng.random() < 0.5:
            start, right = start + crop - 1, -1
        if rng.random() < self.config.transpose:
            down, right = right, down
        return start, down, right

    def _gather(self, places, gray):
        device = self.pool.pixels.device
        start, down, right = torch.tensor(np.array(places), device=device).T[..., None, None]
        i = torch.arange(self.config.crop, device=device)
        x = self.pool.pixels[start + i[:, None] * down + i * right].permute(0, 3, 1, 2).float() / 255 - 0.5
        if gray.any():
            gray = torch.tensor(gray, device=device)
            x[gray] = x[gray].mean(1, keepdim=True)
        return x.contiguous(memory_format=torch.channels_last)

    def batch(self, step, size):
        """Training batch number `step`."""
        rng = np.random.default_rng([self.seed, self.rank, step])
        synthetic = self.config.synthetic if len(self.kinds[SYNTH][0]) else 0.0
        kinds = np.where(rng.random(size) < synthetic, SYNTH, TRAIN)
        gray = rng.random(size) < self.config.gray
        return self._gather([self._place(rng, k) for k in kinds], gray)

    def held_out(self, number, size):
        """Fixed batches from the pictures that training never sees (or from all, where none are held out)."""
        rng = np.random.default_rng([99, number])
        kind = HOLDOUT if len(self.kinds[HOLDOUT][0]) else TRAIN
        return self._gather([self._place(rng, kind) for _ in range(size)], np.zeros(size, bool))
