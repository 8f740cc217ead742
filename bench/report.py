"""Tables and plot of a rate-distortion run."""
import csv
import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import bdrate

LABELS = {"psnr": "PSNR (dB)", "msssim": "MS-SSIM (dB)", "ssimulacra2": "SSIMULACRA2",
          "butteraugli": "butteraugli 3-norm"}
ANCHOR = "jpeg420"


def baseline_rows(path, images, known):
    """Other codecs' rows of the same pictures; only the metrics whose definition is independent of a tool's version.
    Pictures are matched by the digits that end their names."""
    digits = {"".join(c for c in i if c.isdigit()): i for i in images}
    with open(path, newline="") as f:
        for r in csv.DictReader(f):
            if r["image"] in digits and r["codec"] not in known:
                yield {"codec": r["codec"] + " *", "setting": r["setting"], "image": digits[r["image"]],
                       "bpp": float(r["bpp"]), "psnr": r["psnr"], "msssim": r["msssim"]}


def bd_table(rows, codecs, metrics):
    lines = ["| codec | " + " | ".join(LABELS[m].split(" (")[0] for m in metrics) + " |",
             "|---|" + "---|" * len(metrics)]
    curves = {m: bdrate.curves(rows, m) for m in metrics}
    for codec in codecs:
        cells = []
        for m in metrics:
            c = bdrate.compare(curves[m][ANCHOR], curves[m][codec]) if codec in curves[m] else None
            cells.append(f"{c[0]:+.1f} ({c[1]:+.1f}) [{c[2]:.1f}..{c[3]:.1f}]" if c else "-")
        lines.append(f"| {codec} | " + " | ".join(cells) + " |")
    return lines


def picture_cell(anchor, test):
    found = bdrate.bdrate(anchor.values(), test.values())
    if found:
        return f"{found[0]:+.1f}"
    (most_rate, best), (rate, worst) = (f(c.values(), key=lambda p: p[1]) for f, c in ((max, anchor), (min, test)))
    return "above" if worst >= best and rate <= most_rate else "-"


def picture_table(rows, codec, metrics):
    """BD-rate of every picture."""
    curves = {m: bdrate.curves(rows, m) for m in metrics}
    pictures = sorted(set.intersection(*(set(c[codec]) & set(c[ANCHOR]) for c in curves.values())))
    lines = [f"| {codec} | " + " | ".join(LABELS[m].split(" (")[0] for m in metrics) + " |", "|---|" + "---|" * len(metrics)]
    return lines + [f"| {p} | " + " | ".join(picture_cell(c[ANCHOR][p], c[codec][p]) for c in curves.values()) + " |" for p in pictures]


def level_table(rows, codec, metrics):
    """Means over the pictures at every setting, and the rate against the anchor's at equal PSNR."""
    lines = [f"| {codec} | bpp | bytes | " + " | ".join(m.replace("msssim", "MS-SSIM (dB)").replace("psnr", "PSNR")
                                                       for m in metrics) + " |", "|---|---|---|" + "---|" * len(metrics)]
    mine = [r for r in rows if r["codec"] == codec]
    for setting in sorted({r["setting"] for r in mine}, key=float):
        here = [r for r in mine if r["setting"] == setting]
        mean = lambda f: sum(map(f, here)) / len(here)
        cells = [f"{mean(lambda r: r['bpp']):.4f}", f"{mean(lambda r: r['bytes']):.0f}"]
        for m in metrics:
            value = mean(lambda r: bdrate.quality(m, r[m]) if m == "msssim" else r[m])
            cells.append(f"{value:.{3 if m == 'butteraugli' else 2}f}")
        lines.append(f"| {setting} | " + " | ".join(cells) + " |")
    return lines


def plot(path, rows, codecs, metrics):
    columns = 2 if len(metrics) > 1 else 1
    height = (len(metrics) + columns - 1) // columns
    figure, axes = plt.subplots(height, columns, figsize=(6.5 * columns, 4.6 * height), squeeze=False)
    for ax, m in zip(axes.flat, metrics):
        curves = bdrate.curves(rows, m)
        for codec in codecs:
            if codec in curves:
                points = sorted(bdrate.mean_curve(curves[codec]))
                style = {"color": "black", "linewidth": 2.2} if codec == "vqz" else {"linewidth": 1.2}
                values = [math.exp(-p[1]) if m == "butteraugli" else p[1] for p in points]
                ax.plot([p[0] for p in points], values, marker="o", markersize=3, label=codec, **style)
        ax.set_xscale("log")
        if m == "butteraugli":   # the only one where less is better: up is better in every panel
            ax.set_yscale("log")
            ax.invert_yaxis()
            ax.yaxis.set_major_formatter("{x:g}")
        ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 4) if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]]
        ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        ax.set_xlabel("bits per pixel")
        ax.set_ylabel(LABELS[m])
        ax.grid(alpha=0.3)
    for ax in axes.flat[len(metrics):]:
        ax.axis("off")
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def write(out, rows, names, metrics, baselines, images):
    codecs = list(names)
    if baselines:
        extra = list(baseline_rows(baselines, images, set(names)))
        rows = rows + extra
        codecs += sorted({r["codec"] for r in extra})
    lines = [f"BD-rate against `cjpeg -optimize` 4:2:0 in percent, {len(images)} pictures: mean curves",
             "(mean of the pictures' own BD-rates) [common range of quality]. Negative: smaller files.", ""]
    lines += bd_table(rows, [c for c in codecs if c != ANCHOR], metrics)
    if baselines:
        lines += ["", "\\* from the given table of measurements, not measured in this run"]
    for codec in names:
        if codec.startswith("vqz"):
            lines += [""] + level_table(rows, codec, metrics)
    for codec in names:
        if codec.startswith("vqz"):
            lines += ["", "BD-rate of every picture; `above`: its worst quality is better than the anchor's best, and takes no more", ""]
            lines += picture_table(rows, codec, metrics)
    text = "\n".join(lines) + "\n"
    (out / "rd.md").write_text(text)
    plot(out / "rd.png", rows, names, metrics)
    return text
