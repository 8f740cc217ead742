"""Packs code, training pictures and, with --state, a checkpoint into parts that each fit one transfer.

python -m training.gpu.pack [--parts N] [--max-side PIXELS] [--state runs/base/trunk.pt] [--max-mib 56]

Writes training/gpu/parts/NN/part.tar: part 00 also holds the code; every part holds a fair sample of the pictures, so that
training can begin with any one of them. The state becomes training/gpu/parts/state/ (weights and optimiser, several files).
"""
import argparse
import glob
import io
import os
import random
import shutil
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
TRAINING = os.path.dirname(HERE)
sys.path.insert(0, TRAINING)

from vqztrain import checkpoint   # noqa: E402

MIB = 1 << 20
CODE = ("run.py", "__init__.py", "vqztrain/*.py", "configs/*.json", "gpu/*.py", "gpu/*.sh", "gpu/*.json")


def picture(path, side, quality):
    """Bytes of a picture; side: reduced to this and encoded again, where that is smaller. 0: the file as it is."""
    with open(path, "rb") as f:
        data = f.read()
    if not side:
        return data
    with Image.open(io.BytesIO(data)) as im:
        im = im.convert("RGB")
    if max(im.size) > side:
        im.thumbnail((side, side), Image.LANCZOS)
    out = io.BytesIO()
    im.save(out, "JPEG", quality=quality, subsampling=0)
    return min(data, out.getvalue(), key=len)


def encode(files, side, quality):
    """{name: bytes} of all pictures."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        data = pool.map(lambda f: picture(f, side, quality), files)
        return dict(zip(map(os.path.basename, files), data))


def split(entries, limit):
    """Lists of names, each of at most `limit` bytes with tar headers; names in random order."""
    names = sorted(entries)
    random.Random(1).shuffle(names)
    out, room = [], 0
    for name in names:
        need = (len(entries[name]) + 1023) // 512 * 512 + 512
        if need > limit:
            raise ValueError(f"{name}: {len(entries[name])} bytes exceed a part")
        if need > room:
            out.append([])
            room = limit
        out[-1].append(name)
        room -= need
    return out


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def pack(folder, out, parts=0, max_bytes=56 * MIB, state="", side=0, quality=92):
    """-> sizes of the parts in bytes. parts: pictures beyond so many parts stay behind; 0: all are packed."""
    files = sorted(glob.glob(os.path.join(folder, "**", "*.jpg"), recursive=True))
    if not files:
        raise FileNotFoundError(f"no JPEG files in {folder}")
    shutil.rmtree(out, ignore_errors=True)
    code = [f for pattern in CODE for f in glob.glob(os.path.join(TRAINING, pattern))]
    reserve = sum(os.path.getsize(f) + 2048 for f in code) + 16384
    entries = encode(files, side, quality)
    sizes = []
    for i, names in enumerate(split(entries, max_bytes - reserve)[:parts or None]):
        path = os.path.join(out, f"{i:02d}", "part.tar")
        os.makedirs(os.path.dirname(path))
        with tarfile.open(path, "w") as tar:
            for name in names:
                add(tar, "data/" + name, entries[name])
            if i == 0:
                for f in code:
                    tar.add(f, "code/training/" + os.path.relpath(f, TRAINING))
        sizes.append(os.path.getsize(path))
    if state:
        checkpoint.write_compact(os.path.join(out, "state"), checkpoint.load(state))
    return sizes


def main():
    p = argparse.ArgumentParser(description="packs code and data for a borrowed GPU")
    p.add_argument("--data", default="../shared/train")
    p.add_argument("--out", default=os.path.join(HERE, "parts"))
    p.add_argument("--parts", type=int, default=0, help="at most so many parts: a random choice of pictures")
    p.add_argument("--max-side", type=int, default=0, help="reduce larger pictures to this and encode all again")
    p.add_argument("--quality", type=int, default=92, help="of JPEG files encoded again (4:4:4)")
    p.add_argument("--max-mib", type=float, default=56)
    p.add_argument("--state", default="", help="checkpoint to take along with its optimiser state")
    a = p.parse_args()
    for i, size in enumerate(pack(a.data, a.out, a.parts, int(a.max_mib * MIB), a.state, a.max_side, a.quality)):
        print(f"{a.out}/{i:02d}/part.tar: {size / MIB:.1f} MiB")
    if a.state:
        files = glob.glob(os.path.join(a.out, "state", "*"))
        print(f"{a.out}/state: {sum(map(os.path.getsize, files)) / MIB:.1f} MiB in {len(files)} files")


if __name__ == "__main__":
    main()
