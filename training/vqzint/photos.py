"""Training photos as crops, deterministically chosen."""
import glob
import os
import random

import numpy as np
import torch
from PIL import Image

DATA = os.environ.get('VQZ_PHOTOS', 'data/photos')


def crops(count, size=256, seed=1, data=None):
    """Up to `count` crops [3,size,size] uint8 from different photos; every third one from a photo scaled down by 0.5-0.9."""
    rng = random.Random(seed)
    files = sorted(glob.glob((data or DATA) + '/**/*.jpg', recursive=True))
    if not files:
        raise FileNotFoundError(f'no photos in {data or DATA}')
    out = []
    for f in rng.sample(files, len(files)):
        im = Image.open(f).convert('RGB')
        scale = rng.uniform(.5, .9) if len(out) % 3 == 2 else 1.
        if scale < 1 and min(im.size) * scale >= size:
            im = im.resize((round(im.width * scale), round(im.height * scale)), Image.LANCZOS)
        if min(im.size) < size:
            continue
        x, y = rng.randint(0, im.width - size), rng.randint(0, im.height - size)
        out.append(torch.from_numpy(np.asarray(im.crop((x, y, x + size, y + size))).copy()).permute(2, 0, 1))
        if len(out) == count:
            break
    return torch.stack(out)
