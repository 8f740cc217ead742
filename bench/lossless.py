"""Lossless coding of photos and of generated screens by vqz, PNG, WebP and JPEG XL: whole programs, files on disk, one thread."""
import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import screens
from tools import package

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"kodak": "24 Kodak photos", "screen": "20 generated screens, drawings and gradients"}


def arguments():
    p = argparse.ArgumentParser(prog="bench/lossless.sh", description=__doc__)
    p.add_argument("--vqz", default=str(ROOT / "build" / "vqz"), metavar="PROGRAM", help="(%(default)s)")
    p.add_argument("--kodak", default=str(ROOT.parent / "shared" / "kodak"), metavar="DIR", help="folder of the photos (%(default)s)")
    p.add_argument("--out", default=str(ROOT / "docs" / "lossless.md"), metavar="FILE", help="(%(default)s)")
    return p.parse_args()


def coders(vqz):
    """(name, suffix of the file, command to encode a PPM, command to decode to a PPM or None where the time means nothing)"""
    return [
        ("vqz --lossless", ".vqz", lambda src, to: [vqz, "encode", "--quiet", "-f", "-j", "1", "--lossless", "-o", to, src],
         lambda src, to: [vqz, "decode", "--quiet", "-f", "-j", "1", "-o", to, src]),
        ("PNG, optipng -o2", ".png", lambda src, to: ["optipng", "-quiet", "-clobber", "-o2", "-out", to, src], None),
        ("WebP, -m 6 -q 100", ".webp", lambda src, to: ["cwebp", "-quiet", "-lossless", "-m", "6", "-q", "100", src, "-o", to],
         lambda src, to: ["dwebp", "-quiet", "-ppm", src, "-o", to]),
        ("JPEG XL, -e 3", ".jxl", lambda src, to: ["cjxl", "--quiet", "--num_threads=0", "-d", "0", "-e", "3", src, to],
         lambda src, to: ["djxl", "--quiet", "--num_threads=0", src, to]),
        ("JPEG XL, -e 7", ".jxl", lambda src, to: ["cjxl", "--quiet", "--num_threads=0", "-d", "0", "-e", "7", src, to],
         lambda src, to: ["djxl", "--quiet", "--num_threads=0", src, to]),
    ]


def run(command):
    """Seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.decode(errors='replace').strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(pictures, tools, folder):
    """{name: [bytes by picture]}, {name: [seconds to encode, to decode]}, pixels"""
    sizes, times, pixels = {t[0]: [] for t in tools}, {t[0]: [0.0, 0.0] for t in tools}, 0
    for path in pictures:
        source, out = folder / "in.ppm", folder / "out.ppm"
        with Image.open(path) as picture:
            rgb = picture.convert("RGB")
        rgb.save(source)
        pixels += rgb.width * rgb.height
        for name, suffix, encode, decode in tools:
            coded = folder / ("coded" + suffix)
            origin = source
            if suffix == ".png":   # optipng starts from a PNG
                origin = folder / "in.png"
                rgb.save(origin)
            times[name][0] += run(encode(origin, coded))
            sizes[name].append(os.path.getsize(coded))
            if decode:
                times[name][1] += run(decode(coded, out))
                with Image.open(out) as back:
                    if back.convert("RGB").tobytes() != rgb.tobytes():
                        raise SystemExit(f"{name}: {path.name} comes back changed")
    return sizes, times, pixels


def table(sizes, times, pixels):
    first = sum(next(iter(sizes.values())))
    lines = ["| coder | bytes | bits per pixel | vqz is smaller by | encode MP/s | decode MP/s |", "|---|---|---|---|---|---|"]
    for name, s in sizes.items():
        saved = "" if sum(s) == first else f"{100 - 100 * first / sum(s):.1f} %"
        decode = f"{pixels / 1e6 / times[name][1]:.1f}" if times[name][1] else "-"
        lines.append(f"| {name} | {sum(s)} | {8 * sum(s) / pixels:.3f} | {saved} | {pixels / 1e6 / times[name][0]:.2f} | {decode} |")
    return lines


def each(pictures, sizes):
    lines = ["| picture | " + " | ".join(sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    return lines + [f"| {p.stem} | " + " | ".join(str(s[i]) for s in sizes.values()) + " |" for i, p in enumerate(pictures)]


def main():
    args = arguments()
    generated = ROOT / ".cache" / "screens"
    screens.make(generated)
    tools = coders(args.vqz)
    text = ["# Lossless", "", "Made by `bench/lossless.sh`. Whole programs, from PPM (optipng: from PNG) and to PPM, one thread, times by the processor's clock. "
            "Every file of vqz, WebP and JPEG XL is decoded and compared.",
            f"libwebp {package('webp')}, libjxl {package('libjxl-tools')}, optipng {package('optipng')}.", ""]
    for key, folder in (("kodak", Path(args.kodak)), ("screen", generated)):
        pictures = sorted(folder.glob("*.png"))[:screens.COUNT if folder == generated else None]
        if not pictures:
            sys.exit(f"{folder}: no pictures")
        with tempfile.TemporaryDirectory(prefix="vqz-lossless-") as scratch:
            sizes, times, pixels = measure(pictures, tools, Path(scratch))
        text += [f"## {NAMES[key]}", "", *table(sizes, times, pixels), "", *each(pictures, sizes), ""]
    Path(args.out).write_text("\n".join(text))
    print("\n".join(text))


if __name__ == "__main__":
    main()
