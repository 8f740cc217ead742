"""screens.py FOLDER   Makes the generated set of screens, charts, line art, gradients and flat pictures: PNG files of 512 x 512, by kind and seed.

They come from training/vqztrain/synth.py with seeds that training never uses; the fonts are DejaVu where installed."""
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))
from vqztrain import synth  # noqa: E402

FIRST, COUNT = 3_000_000_000, 20   # training counts its seeds from 0


def make(folder):
    """All of them; those that are there are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(COUNT):
        seed = FIRST + i
        path = folder / f"{i:02}-{synth.KINDS[seed % len(synth.KINDS)].__name__}.png"
        if path.exists():
            continue
        rgb = synth.picture(seed)
        if i == COUNT - 1:   # one in gray
            rgb = np.repeat(rgb.mean(2, keepdims=True).astype(np.uint8), 3, 2)
        Image.fromarray(rgb).save(path)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
