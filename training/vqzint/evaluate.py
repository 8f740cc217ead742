"""Kodak figures of a model file by exact table bits plus the container's overhead; BD-rate against the baselines.

python -m vqzint.evaluate MODEL [--every 4] [--rows all|trained] --kodak DIR --baselines CSV
"""
import argparse
import collections
import csv
import glob

import numpy as np
import torch
from PIL import Image
from scipy.interpolate import PchipInterpolator

from . import modelfile, quantize
from .codec import Codec, pad_to
from .ladder import Quantizer

OVERHEAD = 60                             # bytes of header, chunk frames, hash and rANS states of a one-tile file


def load_pixels(path):
    """uint8 [1,3,H,W]."""
    return torch.from_numpy(np.asarray(Image.open(path).convert('RGB')).copy()).permute(2, 0, 1)[None]


def psnr(a, b):
    """PSNR of two uint8 pictures."""
    return 10 * np.log10(65025 / ((a.double() - b.double()) ** 2).mean().item())


def baselines(path, images):
    """Mean (bpp, psnr) curves by codec over the images named by their two digits."""
    rows = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path) as f:
        for r in csv.DictReader(f):
            if r['image'] in images:
                rows[r['codec']][r['setting']].append((float(r['bpp']), float(r['psnr'])))
    return {k: np.array(sorted(np.mean(v, 0).tolist() for v in c.values() if len(v) == len(images))) for k, c in rows.items()}


def bd_rate(ours, base):
    """BD-rate in percent of a curve [n,2] (bpp, psnr) against another, and the PSNR range compared."""
    ours = ours[np.argsort(ours[:, 1])]
    p1, p2 = (PchipInterpolator(c[:, 1], np.log(c[:, 0])) for c in (base, ours))
    t = np.linspace(max(base[0, 1], ours[0, 1]), min(base[-1, 1], ours[-1, 1]), 500)
    return (np.exp((p2(t) - p1(t)).mean()) - 1) * 100, t[0], t[-1]


def curve(codec, files, rows, chooser):
    """Mean (bpp without overhead, bpp with it, psnr) [rows,3] over the files."""
    out = np.zeros((len(rows), 3))
    for f in files:
        pixels = load_pixels(f)
        h, w = pixels.shape[2:]
        y = codec.analyse(pad_to(pixels))
        for k, row in enumerate(rows):
            latents, bits = codec.encode(y, [row], chooser)
            picture = codec.synthesise(latents)[..., :h, :w]
            out[k] += [float(bits) / (h * w), (float(bits) + OVERHEAD * 8) / (h * w), psnr(picture, pixels)]
    return out / len(files)


def trained_rows(model):
    """Rows of the levels that were trained (each has a feature of its own)."""
    return list(range(0, len(model.levels.lam), (len(model.levels.lam) - 1) // (model.features - 1)))


def report(c, files, base, rows):
    """Prints rows and BD-rates; returns the BD-rate against jpeg420 without and with overhead."""
    curves = baselines(base, {f[-6:-4] for f in files})
    jpeg = curves['jpeg420']
    p = PchipInterpolator(jpeg[:, 1], np.log(jpeg[:, 0]))
    for row, (bpp, full, db) in zip(rows, c):
        print(f'row {row} bpp {bpp:.4f} (file {full:.4f}) psnr {db:.3f}' + (f' {(bpp / np.exp(p(db)) - 1) * 100:+.1f} % against JPEG' if p.x[0] <= db <= p.x[-1] else ''))
    for name in ('jpeg420', 'webp', 'jp2', 'avif-aom-s6-420', 'avif-aom-s6-444'):
        (bd, lo, hi), (bd2, _, _) = bd_rate(c[:, [0, 2]], curves[name]), bd_rate(c[:, [1, 2]], curves[name])
        print(f'BD-rate against {name}: {bd:+.2f} %, with overhead {bd2:+.2f} %, over {lo:.1f}..{hi:.1f} dB, {len(files)} images', flush=True)
    return bd_rate(c[:, [0, 2]], jpeg)[0], bd_rate(c[:, [1, 2]], jpeg)[0]


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument('model')
    a.add_argument('--every', type=int, default=1)
    a.add_argument('--rows', default='trained', choices=('trained', 'all'))
    a.add_argument('--kodak', default='data/kodak')
    a.add_argument('--baselines', default='data/kodak_baselines.csv')
    a.add_argument('--threads', type=int, default=1)
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    model = modelfile.load(args.model)
    files = sorted(glob.glob(args.kodak + '/*.png'))[::args.every]
    rows = list(quantize.trained_rows(len(model.levels.lam)) if args.rows == 'trained' else range(len(model.levels.lam)))
    report(curve(Codec(model), files, rows, Quantizer(model.ladder)), files, args.baselines, rows)


if __name__ == '__main__':
    main()
