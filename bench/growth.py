"""Time and memory of vqz against the size of the picture, one thread."""
import math
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SIZES = [(400, 256), (768, 512), (1200, 832), (2304, 1728), (4000, 3000), (8000, 6000)]
HUGE = (16384, 16384)


def mosaic(width, height, path):
    subprocess.run([sys.executable, HERE / "mosaic.py", str(width), str(height), path], check=True)


def one(program, measure, size, work, source, target, quality=60):
    """Encoding from a file of one kind, decoding to one of another."""
    picture, coded = work / ("picture" + source), work / "coded.vqz"
    if source == ".jpg":
        mosaic(*size, work / "plain.ppm")
        subprocess.run(["cjpeg", "-quality", "90", "-outfile", picture, work / "plain.ppm"], check=True)
        (work / "plain.ppm").unlink()
    else:
        mosaic(*size, picture)
    common = ["--quiet", "-f", "-j", 1]
    row = {"width": size[0], "height": size[1], "source": source, "target": target,
           "encode": measure([program, "encode", *common, "-q", quality, "-o", coded, picture], work)}
    picture.unlink()
    row["bpp"] = coded.stat().st_size * 8 / (size[0] * size[1])
    row["decode"] = measure([program, "decode", *common, "-o", work / ("out" + target), coded], work)
    (work / ("out" + target)).unlink()
    return row


def measure_all(program, measure, huge):
    rows = []
    with tempfile.TemporaryDirectory() as work:      # on the disk: the pictures must not take the memory
        work = pathlib.Path(work)
        for size in SIZES:
            rows.append(one(program, measure, size, work, ".ppm", ".ppm"))
        if huge:
            for source, target in ((".ppm", ".ppm"), (".png", ".png"), (".jpg", ".ppm")):
                rows.append(one(program, measure, HUGE, work, source, target))
    return rows


def table(rows):
    lines = ["| picture | MP | from, to | encode s | MP/s | MiB | decode s | MP/s | MiB |", "|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        mp = r["width"] * r["height"] / 1e6
        cells = [f"{r[what]['cpu']:.3g} | {mp / r[what]['cpu']:.1f} | {r[what]['memory'] / 2**20:.0f}" for what in ("encode", "decode")]
        lines.append(f"| {r['width']}x{r['height']} | {mp:.1f} | {r['source'][1:]}, {r['target'][1:]} | {cells[0]} | {cells[1]} |")
    return lines


def figure(rows):
    """Seconds over megapixels, both logarithmic, as SVG. The thin lines have slope 1: time in proportion to pixels."""
    wide, high, left, top = 560, 380, 60, 20
    xs = (-1.2, 2.6)
    seconds = [r[w]["cpu"] for r in rows for w in ("encode", "decode")]
    ys = (math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds))))
    x = lambda v: left + (math.log10(v) - xs[0]) / (xs[1] - xs[0]) * wide
    y = lambda v: top + high - (math.log10(v) - ys[0]) / (ys[1] - ys[0]) * high
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide + left + 30}" height="{high + top + 50}" font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>']
    for e in range(math.ceil(xs[0]), math.floor(xs[1]) + 1):
        parts.append(f'<line x1="{x(10**e):.1f}" x2="{x(10**e):.1f}" y1="{top}" y2="{top + high}" stroke="#ddd"/>'
                     f'<text x="{x(10**e):.1f}" y="{top + high + 18}" text-anchor="middle">{10**e:g}</text>')
    for e in range(ys[0], ys[1] + 1):
        parts.append(f'<line x1="{left}" x2="{left + wide}" y1="{y(10**e):.1f}" y2="{y(10**e):.1f}" stroke="#ddd"/>'
                     f'<text x="{left - 8}" y="{y(10**e) + 4:.1f}" text-anchor="end">{10**e:g}</text>')
    parts.append(f'<text x="{left + wide / 2}" y="{top + high + 40}" text-anchor="middle">megapixels</text>'
                 f'<text x="16" y="{top + high / 2}" text-anchor="middle" transform="rotate(-90 16 {top + high / 2})">seconds, one thread</text>')
    for what, colour in (("encode", "#c04000"), ("decode", "#0050a0")):
        points = sorted((r["width"] * r["height"] / 1e6, r[what]["cpu"]) for r in rows if r["source"] == ".ppm")
        rate = points[-1][1] / points[-1][0]
        low = max(10 ** xs[0], 10 ** ys[0] / rate)
        parts.append(f'<line x1="{x(low):.1f}" y1="{y(rate * low):.1f}" x2="{x(points[-1][0]):.1f}" y2="{y(points[-1][1]):.1f}" stroke="{colour}" stroke-width="0.7"/>')
        parts += [f'<circle cx="{x(m):.1f}" cy="{y(s):.1f}" r="4" fill="{colour}"/>' for m, s in points]
        parts.append(f'<text x="{x(points[0][0]) + 8:.1f}" y="{y(points[0][1]) - 8:.1f}" fill="{colour}">{what}</text>')
    return "\n".join(parts + ["</svg>"]) + "\n"
