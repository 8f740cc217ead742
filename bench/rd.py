"""Rate-distortion bench. Every picture is encoded to a file and decoded to a PNG by the real programs; sizes are
those of the files on disk. The anchor, cjpeg -optimize 4:2:0, is measured by the same tools in the same run.

Results are cached per picture, setting, program version and metric, so an interrupted run goes on where it stopped
and a new vqz binary does not measure the anchors again.
"""
import argparse
import csv
import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from PIL import Image

import coders
import metrics
import report
import screens

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PICTURES = (".png", ".jpg", ".jpeg", ".ppm")


def arguments():
    p = argparse.ArgumentParser(prog="bench/rd.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--set", default=str(ROOT.parent / "shared" / "kodak"), metavar="DIR", help="folder of pictures (%(default)s); `screen`: the generated screens, drawings and gradients")
    p.add_argument("--images", type=int, metavar="N", help="only the first N pictures, in order of name")
    p.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th picture")
    p.add_argument("--codecs", default="vqz,jpeg420", metavar="LIST",
                   help="of vqz, " + ", ".join(coders.anchors()) + " (%(default)s); jpeg420 is always measured")
    p.add_argument("--qualities", default="0 8 15 22 29 36 43 50 58 65 72 79 84 88 92 96 100", metavar="LIST",
                   help="vqz qualities (%(default)s)")
    p.add_argument("--effort", default="4", help="vqz effort (%(default)s)")
    p.add_argument("--tune", default="visual", help="vqz tune of plain `vqz`; `vqz-psnr` is always tuned for PSNR (%(default)s)")
    p.add_argument("--vqz", default=str(ROOT / "build" / "vqz"), metavar="PROGRAM", help="(%(default)s)")
    p.add_argument("--model", action="append", default=[], metavar="[NAME=]FILE",
                   help="also measure vqz with this model file, as vqz-NAME; may be given again")
    p.add_argument("--metrics", default=",".join(metrics.NAMES), metavar="LIST", help="(%(default)s)")
    p.add_argument("--baselines", metavar="CSV", help="add other codecs' PSNR and MS-SSIM from this table "
                   "(columns codec, setting, image, bpp, psnr, msssim) of the same pictures")
    p.add_argument("--out", default=str(ROOT / "runs" / "rd"), metavar="DIR", help="where results go (%(default)s)")
    p.add_argument("--cache", default=str(ROOT / ".cache" / "rd"), metavar="DIR", help="(%(default)s)")
    p.add_argument("--keep", action="store_true", help="keep coded and decoded pictures in OUT/files")
    p.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (%(default)s)")
    return p.parse_args()


def digest(data):
    return hashlib.sha256(data).hexdigest()[:24]


def metric_versions(names):
    """Part of the cache key of each metric; a missing tool ends the run here."""
    versions = {}
    own = digest((HERE / "metrics.py").read_bytes())
    for name in names:
        versions[name] = own
        if name == "ssimulacra2":
            versions[name] += " " + importlib.metadata.version("ssimulacra2")
        elif name == "butteraugli":
            path = shutil.which("butteraugli_main")
            if not path:
                sys.exit("butteraugli_main not found: install libjxl-devtools (bench/setup.sh) or choose --metrics without it")
            versions[name] += " " + digest(Path(path).read_bytes())
    return versions


def reference(path, folder):
    """The picture as PNG and PPM without metadata, so that every program reads the same samples."""
    png = folder / (path.stem + ".png")
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
    rgb.save(png, compress_level=1)
    rgb.save(png.with_suffix(".ppm"))
    return png, digest(rgb.tobytes()), rgb.size


def codec_of(name, args, models):
    if name == "vqz" or name.startswith("vqz-"):
        return coders.vqz(name, args.vqz, models.get(name), args.effort, "psnr" if name == "vqz-psnr" else args.tune, args.qualities)
    return coders.anchors()[name]


class Cache:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, *key):
        return self.folder / (digest("\n".join(key).encode()) + ".json")

    def get(self, *key):
        try:
            return json.loads(self.path(*key).read_text())
        except FileNotFoundError:
            return None

    def put(self, value, *key):
        path = self.path(*key)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(value))
        part.replace(path)


def measure(job):
    """One picture with one codec at all settings; runs in a worker process."""
    args, models, name, png, pixels, size, versions, identity = job
    codec, cache, rows, ref = codec_of(name, args, models), Cache(args.cache), [], None
    with tempfile.TemporaryDirectory(prefix="vqz-rd-") as scratch:
        folder = Path(args.out) / "files" / name if args.keep else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for setting in codec.settings.replace(",", " ").split():
            key = (identity, setting, pixels)
            known = {m: cache.get(*key, m, v) for m, v in versions.items()}
            todo = [m for m, v in known.items() if v is None]
            if todo or args.keep:
                coded = folder / f"{png.stem}_{setting}{codec.suffix}"
                decoded = coded.with_name(coded.name + ".png")
                codec.encode(png, setting, coded)
                codec.decode(coded, decoded)
                ref = ref or metrics.Reference(str(png))
                for m, value in ref.measure(str(decoded), todo).items():
                    known[m] = {"bytes": coded.stat().st_size, "value": value}
                    cache.put(known[m], *key, m, versions[m])
                if not args.keep:
                    coded.unlink()
                    decoded.unlink()
            size_bytes = next(iter(known.values()))["bytes"]
            rows.append({"codec": name, "setting": setting, "image": png.stem, "bytes": size_bytes,
                         "bpp": size_bytes * 8 / (size[0] * size[1]), **{m: v["value"] for m, v in known.items()}})
    return rows


def main():
    args = arguments()
    names = list(dict.fromkeys(["jpeg420"] + [n for n in args.codecs.split(",") if n]))
    models = {}
    for given in args.model:
        label, _, path = given.rpartition("=")
        models["vqz-" + (label or Path(path).stem)] = path
    names += models
    for name in names:
        if not name.startswith("vqz") and name not in coders.anchors():
            sys.exit(f"no codec '{name}'")
    wanted = args.metrics.split(",")
    if not set(wanted) <= set(metrics.NAMES):
        sys.exit(f"metrics are {', '.join(metrics.NAMES)}")
    versions = metric_versions(wanted)
    if args.set == "screen":
        args.set = ROOT / ".cache" / "screens"
        screens.make(args.set)
    pictures = sorted(p for p in Path(args.set).iterdir() if p.suffix.lower() in PICTURES)[::args.every][:args.images]
    if not pictures:
        sys.exit(f"{args.set}: no pictures")
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)

    rows = []
    with tempfile.TemporaryDirectory(prefix="vqz-rd-") as scratch, ProcessPoolExecutor(args.jobs) as pool:
        if any(name.startswith("vqz") for name in names):   # a copy: the program may be built anew while this runs
            if not shutil.which(args.vqz):
                sys.exit(f"{args.vqz}: no such program (./quickstart.sh builds it)")
            args.vqz = shutil.copy2(shutil.which(args.vqz), Path(scratch) / "vqz")
        codecs = {name: codec_of(name, args, models) for name in names}
        for codec in codecs.values():
            codec.check()
        refs = [reference(p, Path(scratch)) for p in pictures]
        jobs = [pool.submit(measure, (args, models, name, *ref, versions, codecs[name].identity()))
                for name in names for ref in refs]
        try:
            for n, job in enumerate(as_completed(jobs), 1):
                rows += job.result()
                if sys.stderr.isatty():
                    print(f"\r{n} of {len(jobs)}", end="", file=sys.stderr, flush=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if sys.stderr.isatty():
        print(file=sys.stderr)
    order = {name: i for i, name in enumerate(names)}
    rows.sort(key=lambda r: (order[r["codec"]], r["image"], float(r["setting"])))
    with open(out / "rd.csv", "w", newline="") as f:
        writer = csv.DictWriter(f, ["codec", "setting", "image", "bytes", "bpp", *wanted], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in r.items()} for r in rows)
    text = report.write(out, rows, names, wanted, args.baselines, [p.stem for p in pictures])
    print(text)
    print(f"written: {out}/rd.csv, {out}/rd.md, {out}/rd.png")


if __name__ == "__main__":
    main()
