"""One picture of a run: loss, rate, distortion, dead units, use of rungs and codewords, all stages on one time axis."""
import os

import numpy as np

from .logs import read

STAGES = ("trunk", "decay", "hard", "qat")
COLOURS = dict(zip(STAGES, ("tab:blue", "tab:green", "tab:orange", "tab:red")))
PANELS = [   # title, [(column, line style)]
    ("loss", [("loss", "-"), ("held_loss", "o")]),
    ("rate (bpp)", [("bpp", "-"), ("held_bpp", "o"), ("zbpp", ":")]),
    ("PSNR (dB)", [("psnr", "-"), ("held_psnr", "o")]),
    ("dead units (share)", [("dead_mean", "o"), ("dead_max", "x")]),
    ("rungs in effective use", [("rungs", "-")]),
    ("codewords used (share)", [("pair_used", "-"), ("scalar_used", "--"), ("pair_spread", ":")]),
    ("gradient norm", [("grad", "-")]),
]


def _series(rows, column):
    points = [(float(r["minutes"]), float(r[column])) for r in rows if r.get(column)]
    return np.array(points).reshape(-1, 2).T


def draw(folder, path):
    """Reads the CSV logs of a run's folder, writes a PNG."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(18, 8), constrained_layout=True)
    begin, rungs = 0.0, []
    for stage in STAGES:
        rows = read(os.path.join(folder, stage + ".csv"))
        if not rows:
            continue
        for axis, (title, columns) in zip(axes.flat, PANELS):
            axis.set_title(title)
            for column, style in columns:
                t, v = _series(rows, column)
                if len(t):
                    axis.plot(t + begin, v, style, color=COLOURS[stage], markersize=4, label=f"{stage}: {column}")
        rungs += read(os.path.join(folder, stage + ".rungs.csv"))
        begin += float(rows[-1]["minutes"])
    for axis in axes.flat[:len(PANELS)]:
        axis.set_xlabel("minutes")
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=6)
    last = axes.flat[len(PANELS)]
    last.set_title("rung use over probes (log10 share)")
    if rungs:
        share = np.array([[float(v) for k, v in r.items() if k != "step"] for r in rungs]).T
        image = last.imshow(np.log10(share + 1e-6), aspect="auto", origin="lower", interpolation="nearest", vmin=-5)
        last.set_ylabel("rung")
        figure.colorbar(image, ax=last)
    figure.savefig(path, dpi=80)
    plt.close(figure)
