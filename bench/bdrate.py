"""Bjontegaard rate difference: percent of bytes more (+) or less (-) than the anchor at equal quality.

The logarithm of the rate is interpolated over quality (PCHIP) and integrated over the range of quality that
both curves cover. Quality is PSNR in dB, MS-SSIM as -10 log10(1 - x), SSIMULACRA2 as it is, butteraugli as
-log(3-norm).
"""
from collections import defaultdict

import numpy as np
from scipy.interpolate import PchipInterpolator


def quality(metric, value):
    if metric == "msssim":
        return float(-10 * np.log10(max(1 - value, 1e-10)))
    return float(-np.log(max(value, 1e-6))) if metric == "butteraugli" else value


def rising(points):
    """(rate, quality) pairs in order of rate, without those that spend more for less."""
    kept = []
    for rate, q in sorted(points):
        if not kept or q > kept[-1][1] + 1e-9:
            kept.append((rate, q))
    return np.array(kept)


def bdrate(anchor, test):
    """(percent, lowest, highest common quality); None where the curves share no range."""
    a, t = rising(anchor), rising(test)
    if len(a) < 2 or len(t) < 2:
        return None
    lo, hi = max(a[0, 1], t[0, 1]), min(a[-1, 1], t[-1, 1])
    if hi <= lo:
        return None
    area = [PchipInterpolator(c[:, 1], np.log(c[:, 0])).integrate(lo, hi) for c in (a, t)]
    return float(np.expm1((area[1] - area[0]) / (hi - lo)) * 100), lo, hi


def curves(rows, metric):
    """{codec: {image: {setting: (bpp, quality)}}} of the rows that have this metric."""
    out = defaultdict(lambda: defaultdict(dict))
    for r in rows:
        if r.get(metric) not in (None, ""):
            out[r["codec"]][r["image"]][r["setting"]] = (float(r["bpp"]), quality(metric, float(r[metric])))
    return out


def mean_curve(by_image):
    """Means over the images, of the settings that every image has."""
    settings = set.intersection(*(set(s) for s in by_image.values()))
    return [tuple(np.mean([s[k] for s in by_image.values()], axis=0)) for k in settings]


def compare(anchor, test):
    """{image: {setting: point}} twice -> (BD-rate of the mean curves, mean of the images' BD-rates, lo, hi, images)."""
    common = sorted(set(anchor) & set(test))
    if not common:
        return None
    whole = bdrate(mean_curve({i: anchor[i] for i in common}), mean_curve({i: test[i] for i in common}))
    if whole is None:
        return None
    each = [b[0] for b in (bdrate(anchor[i].values(), test[i].values()) for i in common) if b]
    return whole[0], float(np.mean(each)) if each else float("nan"), whole[1], whole[2], len(common)
