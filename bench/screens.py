"""screens.py FOLDER   Makes the generated set of screens, charts, line art, gradients and flat pictures: PNG files of 512 x 512, by kind and seed.

The first twenty come from training/vqztrain/synth.py with seeds that training never uses; the fonts are DejaVu where installed. The others
are what that file lacks: blurred polygons, ramps, saturated colour, night, noise, a gray scan, hatching, waves."""
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))
from vqztrain import synth  # noqa: E402

FIRST, COUNT = 3_000_000_000, 20   # training counts its seeds from 0
SIZE = 512


def _picture(samples):
    return Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8))


def _square():
    return np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)


def _polygons(rng, radius):
    im = Image.new("RGB", (SIZE, SIZE), synth._colour(rng))
    draw = ImageDraw.Draw(im)
    for _ in range(24):
        at, reach = rng.random(2) * SIZE, rng.uniform(30, 200)
        draw.polygon([tuple(at + rng.normal(0, reach, 2)) for _ in range(5)], fill=synth._colour(rng, rng.random() < 0.5))
    return im.filter(ImageFilter.GaussianBlur(radius))


def polygons_soft(rng):
    return _polygons(rng, 1)


def polygons_blurred(rng):
    return _polygons(rng, 4)


def ramps(rng):
    """Eight bands, each from one colour to another; the first are gray, and dark."""
    _, x = _square()
    bands = [((0, 0, 0), (255, 255, 255)), ((16, 16, 16), (40, 40, 44)), ((255, 0, 0), (0, 0, 255)), ((0, 255, 0), (255, 0, 255))]
    bands += [(synth._colour(rng), synth._colour(rng)) for _ in range(4)]
    out = np.zeros((SIZE, SIZE, 3))
    for i, (a, b) in enumerate(bands):
        rows = slice(i * SIZE // 8, (i + 1) * SIZE // 8)
        out[rows] = np.array(a) + (np.array(b) - np.array(a)) * x[rows, :, None]
    return _picture(out)


def sky(rng):
    """Evening: from dark blue to orange, with a soft sun."""
    y, x = _square()
    out = np.stack([np.interp(y, [0, 0.5, 0.8, 1], c) for c in ((12, 60, 230, 255), (18, 80, 150, 190), (52, 140, 110, 80))], 2)
    sun = np.exp(-((x - 0.62) ** 2 + (y - 0.74) ** 2) / 0.02)
    return _picture(out + sun[..., None] * (60, 70, 60))


def soft(rng):
    """Wide lights of several colours on a dark wall: banding shows in it before anywhere else."""
    y, x = _square()
    out = np.full((SIZE, SIZE, 3), 14.0)
    for _ in range(5):
        cx, cy, wide = rng.random(), rng.random(), rng.uniform(0.05, 0.3)
        out += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / wide)[..., None] * rng.uniform(5, 45, 3)
    return _picture(out)


def wheel(rng):
    """All hues, saturated, over brightness."""
    y, x = _square()
    hue = np.stack([np.clip(np.abs((x * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)], 2)
    light = y[..., None] * 2
    return _picture(255 * np.where(light < 1, hue * light, hue + (1 - hue) * (light - 1)))


def night(rng):
    """A dark sky with stars, lit windows and sensor noise."""
    y, _ = _square()
    out = np.stack([6 + 14 * y, 7 + 16 * y, 14 + 26 * y], 2)
    for _ in range(150):
        out[rng.integers(0, 300), rng.integers(0, SIZE)] += rng.uniform(20, 220)
    for left in range(0, SIZE, 64):
        top, lit = int(rng.integers(260, 420)), synth._colour(rng, True)
        out[top:, left:left + 60] = 9
        for wy in range(top + 8, SIZE - 12, 20):
            for wx in range(left + 6, left + 52, 14):
                if rng.random() < 0.3:
                    out[wy:wy + 10, wx:wx + 8] = lit
    blurred = np.asarray(_picture(out).filter(ImageFilter.GaussianBlur(0.8)), float)
    return _picture(blurred + rng.normal(0, 2.5, blurred.shape))


def noise(rng):
    """Gray noise of growing strength, and of colour in the lower half."""
    y, x = _square()
    gray = rng.normal(0, 1, (SIZE, SIZE, 1)).repeat(3, 2)
    out = np.where(y[..., None] < 0.5, gray, rng.normal(0, 1, (SIZE, SIZE, 3)))
    return _picture(120 + 30 * x[..., None] * out)


def scan(rng):
    """A gray scan of text: soft, uneven paper, a little noise."""
    y, x = _square()
    page = np.asarray(synth.text(rng, SIZE).convert("L").filter(ImageFilter.GaussianBlur(0.7)), float)
    page = 30 + page * 0.8 - 18 * x * y + rng.normal(0, 1.2, page.shape)
    return _picture(page[..., None].repeat(3, 2))


def hatching(rng):
    """A pen drawing: fine antialiased lines, parallel and crossed."""
    im = Image.new("RGB", (SIZE * 3, SIZE * 3), (250, 248, 240))
    draw = ImageDraw.Draw(im)
    for _ in range(14):
        at, angle, gap = rng.random(2) * SIZE * 3, rng.random() * np.pi, rng.uniform(9, 24)
        along = np.array([np.cos(angle), np.sin(angle)])
        across, reach = np.array([-along[1], along[0]]), rng.uniform(100, 420)
        for i in range(int(rng.integers(10, 30))):
            a = at + across * gap * i
            draw.line([tuple(a), tuple(a + along * reach * rng.uniform(0.9, 1.1))], fill=(20, 20, 30), width=3)
    return im.resize((SIZE, SIZE), Image.LANCZOS)


def waves(rng):
    """A smooth pattern: rings whose frequency rises to the right."""
    y, x = _square()
    t = 0.5 + 0.5 * np.sin(40 * np.hypot(x - 0.1, y - 0.5) * (1 + 2 * x))
    a, b = np.array(synth._colour(rng), float), np.array(synth._colour(rng, True), float)
    return _picture(a + (b - a) * t[..., None])


MORE = (polygons_soft, polygons_blurred, ramps, sky, soft, wheel, night, noise, scan, hatching, waves)


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
    for i, kind in enumerate(MORE, COUNT):
        path = folder / f"{i:02}-{kind.__name__}.png"
        if not path.exists():
            kind(np.random.default_rng([FIRST, i])).save(path)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
