#!/usr/bin/env python3
"""Encodes a folder on a Dask cluster, through the Python package.

    dask_folder.py --scheduler-file FILE [-q Q] [-e N] --manifest web.tsv PHOTOS OUT

PHOTOS and OUT are folders that all workers see under the same names. OUT mirrors PHOTOS. A file is there when it is whole, and takes the time of its
source: the same command, run again, leaves alone what is done, so it finishes what was interrupted. (Other settings want another OUT.) The manifest is one of
docs/scale.md: `vqz manifest verify web.tsv OUT`. Exit status 1: some files failed, and the manifest says which.
"""
import argparse
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import vqz
import xxhash
from distributed import Client, as_completed
from PIL import Image

PICTURES = {".png", ".jpg", ".jpeg", ".pgm", ".ppm", ".webp", ".tif", ".tiff"}
MODES = {"L", "LA", "RGB", "RGBA"}
TASKS = 10_000  # known to the scheduler at the same time


class Row(NamedTuple):
    """A line of the manifest."""

    state: str
    bytes_in: int
    time: str
    bytes_out: int
    hash: str
    source: str
    output: str
    error: str = ""


def output_of(name: str) -> str:
    return str(Path(name).with_suffix(".vqz"))


def encode(photos: str, out: str, name: str, settings: dict[str, float]) -> Row:
    """What a worker does with one file. Errors are its result: Dask must not try such files again."""
    source, output = Path(photos, name), Path(out, output_of(name))
    size, ns = 0, 0
    try:
        stat = source.stat()
        size, ns = stat.st_size, stat.st_mtime_ns
        done = output.exists() and output.stat().st_mtime_ns == ns
        if not done:
            with Image.open(source) as image:
                meta = {"exif": image.info.get("exif"), "icc": image.info.get("icc_profile"), "xmp": image.info.get("xmp")}
                if image.mode == "P":
                    image = image.convert("RGBA" if "transparency" in image.info else "RGB")
                if image.mode not in MODES:
                    raise ValueError(f"pictures of mode {image.mode} have no 8-bit form that loses nothing")
                output.parent.mkdir(parents=True, exist_ok=True)
                vqz.write(output, np.asarray(image), threads=1, **meta, **settings)  # type: ignore[arg-type]
            os.utime(output, ns=(ns, ns))
        data = output.read_bytes()
        found = ("current" if done else "done", len(data), xxhash.xxh64_hexdigest(data), "")
    except Exception as error:
        found = ("failed", 0, "-", str(error) or type(error).__name__)
    state, bytes_out, digest, error = found
    return Row(state, size, f"{ns // 10**9}.{ns % 10**9:09}", bytes_out, digest, name, output_of(name), error)


def names(photos: Path) -> list[str]:
    return sorted(str(path.relative_to(photos)) for path in photos.rglob("*") if path.suffix.lower() in PICTURES and not path.name.startswith("."))


def rows(client: Client, options: argparse.Namespace, found: list[str]) -> Iterator[Row]:
    """Results as they come, with as many tasks at a time as a scheduler can well hold."""
    settings = {"quality": options.quality, "effort": options.effort}
    rest = iter(found)

    def tasks(count: int) -> list:
        return [client.submit(encode, options.photos, options.out, name, settings, key=f"encode-{name}") for name in itertools.islice(rest, count)]

    running = as_completed(tasks(TASKS), raise_errors=False)
    for task in running:
        if task.status == "finished":
            yield task.result()
        else:  # Dask has given up: each worker that had it died
            name = task.key.removeprefix("encode-")
            yield Row("failed", 0, "0.000000000", 0, "-", name, output_of(name), str(task.exception()))
        running.update(tasks(1))


def escaped(field: object) -> str:
    return str(field).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scheduler-file", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("-q", "--quality", type=float, default=75)
    parser.add_argument("-e", "--effort", type=int, default=4)
    parser.add_argument("photos", type=os.path.abspath)
    parser.add_argument("out", type=os.path.abspath)
    options = parser.parse_args()
    found = names(Path(options.photos))
    first = {output_of(name): name for name in reversed(found)}     # a.jpg and a.png would be one a.vqz
    twice = [Row("failed", 0, "0.000000000", 0, "-", name, output_of(name), "another file has the same output") for name in found if first[output_of(name)] != name]
    made = xxhash.xxh64_hexdigest(f"{vqz.__version__} {options.quality} {options.effort}".encode())
    with Client(scheduler_file=options.scheduler_file) as client:
        lines = sorted(twice + list(rows(client, options, list(first.values()))), key=lambda row: row.output)
    with open(options.manifest, "w", encoding="utf-8", errors="surrogateescape") as manifest:
        manifest.write(f"#vqz-manifest 1\tshare=0/1\tseen={len(found)}\tproblems=0\tmade={made}\n")
        manifest.writelines("\t".join(map(escaped, row)) + "\n" for row in lines)
        manifest.write(f"#end\trows={len(lines)}\n")
    count = {state: sum(row.state == state for row in lines) for state in ("done", "current", "failed")}
    print(f"{count['done']} done, {count['current']} were up to date, {count['failed']} failed")
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
