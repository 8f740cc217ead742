"""Full-reference quality of 8-bit RGB pictures.

psnr         10 log10(255^2 / MSE), MSE over all R, G and B samples
msssim       multi-scale SSIM (Wang, Simoncelli, Bovik 2003): five scales, 11x11 Gaussian window of sigma 1.5,
             K1 = 0.01, K2 = 0.03, L = 255, windows inside the picture only, 2x2 means between scales;
             mean of the three values of R, G and B
ssimulacra2  the Python package of that name
butteraugli  3-norm printed by Debian's butteraugli_main (libjxl-devtools); lower is better
"""
import functools
import re
import subprocess

import numpy as np
from PIL import Image
from scipy.ndimage import correlate1d

NAMES = ("psnr", "msssim", "ssimulacra2", "butteraugli")
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_x = np.arange(-5, 6)
WINDOW = np.exp(-_x * _x / 4.5)
WINDOW /= WINDOW.sum()


def load(path):
    return np.asarray(Image.open(path).convert("RGB"))


def psnr(ref, dist):
    mse = np.mean((ref.astype(np.float64) - dist) ** 2)
    return float(10 * np.log10(255.0 ** 2 / max(mse, 1e-10)))


def _local_mean(a):
    for axis in (0, 1):
        a = correlate1d(a, WINDOW, axis=axis, mode="constant")
    return a[5:-5, 5:-5]


def _halve(a):
    a = a[:a.shape[0] // 2 * 2, :a.shape[1] // 2 * 2]
    return (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4


class MsSsim:
    """Keeps the statistics of the reference: many pictures are compared with each."""

    def __init__(self, ref):
        if min(ref.shape[:2]) < 176:
            raise ValueError(f"MS-SSIM needs at least 176 pixels a side, not {ref.shape[1]}x{ref.shape[0]}")
        self.levels = []
        a = ref.astype(np.float64)
        for _ in SCALE_WEIGHTS:
            mean = _local_mean(a)
            self.levels.append((a, mean, _local_mean(a * a) - mean * mean))
            a = _halve(a)

    def __call__(self, dist):
        result = np.ones(3)
        b = dist.astype(np.float64)
        for scale, (weight, (a, mean_a, var_a)) in enumerate(zip(SCALE_WEIGHTS, self.levels)):
            mean_b = _local_mean(b)
            var_b = _local_mean(b * b) - mean_b * mean_b
            cov = _local_mean(a * b) - mean_a * mean_b
            ssim = (2 * cov + C2) / (var_a + var_b + C2)
            if scale == len(SCALE_WEIGHTS) - 1:
                ssim *= (2 * mean_a * mean_b + C1) / (mean_a ** 2 + mean_b ** 2 + C1)
            result *= np.maximum(ssim.mean(axis=(0, 1)), 0) ** weight
            b = _halve(b)
        return float(result.mean())


def ssimulacra2(ref_path, dist_path):
    from ssimulacra2 import compute_ssimulacra2
    return float(compute_ssimulacra2(ref_path, dist_path))


def butteraugli(ref_path, dist_path):
    out = subprocess.run(["butteraugli_main", ref_path, dist_path], capture_output=True, text=True)
    norm = re.search(r"^3-norm: *([0-9.]+)", out.stdout, re.M)
    if out.returncode or not norm:
        raise RuntimeError(f"butteraugli_main {ref_path} {dist_path}: {out.stderr.strip() or out.stdout.strip()}")
    return float(norm[1])


class Reference:
    def __init__(self, path):
        self.path, self.pixels = path, load(path)

    @functools.cached_property
    def msssim(self):
        return MsSsim(self.pixels)

    def measure(self, dist_path, names):
        dist = load(dist_path)
        if dist.shape != self.pixels.shape:
            raise RuntimeError(f"{dist_path}: {dist.shape[1]}x{dist.shape[0]} pixels, the reference has "
                               f"{self.pixels.shape[1]}x{self.pixels.shape[0]}")
        how = {"psnr": lambda: psnr(self.pixels, dist), "msssim": lambda: self.msssim(dist),
               "ssimulacra2": lambda: ssimulacra2(self.path, dist_path),
               "butteraugli": lambda: butteraugli(self.path, dist_path)}
        return {name: how[name]() for name in names}
