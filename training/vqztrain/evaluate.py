"""The float codec on a folder of pictures: hard ladder choices, real table bits, ideal coding of the hyper-latent.

An estimate for decisions during training; what counts are files written and read by the C codec (bench/).
"""
import csv
import glob
import os
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .probe import psnr


@torch.no_grad()
def measure(codec, ladder, picture, level):
    """One uint8 picture [H,W,3] -> bits per pixel, PSNR."""
    device = codec.nrm.device
    h, w = picture.shape[:2]
    x = torch.from_numpy(picture.copy()).to(device).permute(2, 0, 1)[None].float()
    padded = F.pad(x, (0, -w % 64, 0, -h % 64), mode="replicate") / 255 - 0.5
    if ladder is not None:
        ladder.bits = 0.0
    out, bits, parts = codec(padded, torch.tensor([level], device=device), ladder)
    if ladder is not None:   # the table's bits instead of the Gaussian's
        bits = parts["zbits"] + ladder.bits
    out = ((out[:, :, :h, :w].clamp(-0.5, 0.5) + 0.5) * 255).round()
    return float(bits) / (h * w), psnr(float((out - x).square().mean()))


def curve(codec, ladder, files, levels):
    """Mean (bpp, PSNR) per level over picture files."""
    codec.eval()
    total = np.zeros((len(levels), 2))
    for f in files:
        picture = np.asarray(Image.open(f).convert("RGB"))
        total += [measure(codec, ladder, picture, k) for k in levels]
    return total / len(files)


def baselines(path, files):
    """{codec: [(bpp, PSNR)]} averaged over the files, from a CSV with image, codec, setting, bpp, psnr, where image is
    the end of the file's name (01 for kodim01.png)."""
    stems = [os.path.splitext(os.path.basename(f))[0] for f in files]
    points = defaultdict(lambda: defaultdict(list))
    with open(path, newline="", encoding="utf-8") as f:
        for r in csv.DictReader(f):
            if any(stem.endswith(r["image"]) for stem in stems):
                points[r["codec"]][r["setting"]].append((float(r["bpp"]), float(r["psnr"])))
    return {c: np.array(sorted(np.mean(v, 0).tolist() for v in s.values() if len(v) == len(stems))).reshape(-1, 2)
            for c, s in points.items()}


def bd_rate(reference, test):
    """Mean difference of rate at equal PSNR, in percent, over the common range; curves are (bpp, PSNR)."""
    from scipy.interpolate import PchipInterpolator

    def log_rate(c):
        c = c[np.argsort(c[:, 1])]
        return PchipInterpolator(c[:, 1], np.log(c[:, 0]))
    low = max(reference[:, 1].min(), test[:, 1].min())
    high = min(reference[:, 1].max(), test[:, 1].max())
    t = np.linspace(low, high, 500)
    return (np.exp((log_rate(test)(t) - log_rate(reference)(t)).mean()) - 1) * 100, low, high


def pictures(folder, every=1):
    return sorted(f for e in ("png", "jpg") for f in glob.glob(os.path.join(folder, f"*.{e}")))[::every]
