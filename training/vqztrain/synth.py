"""Generated pictures that photos lack: text, user interfaces, charts, line art, gradients, flat and saturated colour.

picture(seed, size) is deterministic for a given set of fonts. Only PIL's own font is needed; DejaVu is used where installed.
"""
import glob
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WORDS = ("the of and to in is for on that with as at by from codec image level rate signal model table value open close "
         "File Edit View Help Cancel Save Search Settings Report 2024 3.14 100% $42 error: warning: return while if "
         "const int float == != <= && || -> () {} [] #1 @home user@host 10:45 Mon Tue x = y + 1; // note").split()


def _fonts():
    return sorted(glob.glob("/usr/share/fonts/truetype/dejavu/*.ttf"))


def _font(rng, size):
    files = _fonts()
    if files and rng.random() < 0.7:
        return ImageFont.truetype(files[rng.integers(len(files))], size)
    return ImageFont.load_default(size)


def _colour(rng, vivid=False):
    if vivid:
        c = np.zeros(3)
        c[rng.permutation(3)[:rng.integers(1, 3)]] = rng.integers(180, 256)
        return tuple(int(v) for v in c)
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def _palette(rng):
    """Background and ink of good contrast."""
    light, dark = rng.integers(215, 256, 3), rng.integers(0, 70, 3)
    pair = [tuple(int(v) for v in light), tuple(int(v) for v in dark)]
    return pair if rng.random() < 0.7 else pair[::-1]


def _line(rng, words):
    return " ".join(WORDS[i] for i in rng.integers(0, len(WORDS), words))


def text(rng, size):
    paper, ink = _palette(rng)
    im = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(im)
    y = int(rng.integers(0, 20))
    while y < size:
        px = int(rng.choice([9, 10, 11, 12, 13, 14, 16, 18, 24, 36]))
        font, left = _font(rng, px), int(rng.integers(4, 40))
        for _ in range(rng.integers(1, 9)):
            colour = ink if rng.random() < 0.85 else _colour(rng, True)
            draw.text((left, y), _line(rng, rng.integers(4, 30)), font=font, fill=colour)
            y += int(px * 1.35)
        y += int(rng.integers(4, 24))
    return im


def interface(rng, size):
    paper, ink = _palette(rng)
    im = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(im)
    font = _font(rng, int(rng.integers(10, 16)))
    draw.rectangle((0, 0, size, int(rng.integers(20, 48))), fill=_colour(rng))
    for _ in range(rng.integers(6, 26)):
        x, y = (int(v) for v in rng.integers(0, size, 2))
        w, h = int(rng.integers(20, size // 2)), int(rng.integers(12, size // 4))
        fill = None if rng.random() < 0.3 else (_colour(rng) if rng.random() < 0.5 else paper)
        draw.rounded_rectangle((x, y, x + w, y + h), radius=int(rng.integers(0, 9)), fill=fill, outline=ink,
                               width=int(rng.integers(1, 3)))
        draw.text((x + 5, y + 3), _line(rng, rng.integers(1, 6)), font=font, fill=ink)
    for _ in range(rng.integers(2, 14)):   # icons
        x, y = (int(v) for v in rng.integers(0, size, 2))
        d = int(rng.integers(6, 28))
        draw.ellipse((x, y, x + d, y + d), fill=_colour(rng, rng.random() < 0.5), outline=ink)
    return im


def chart(rng, size):
    paper, ink = _palette(rng)
    im = Image.new("RGB", (size, size), paper)
    draw = ImageDraw.Draw(im)
    step = int(rng.integers(16, 64))
    grid = tuple((3 * p + i) // 4 for p, i in zip(paper, ink))
    for v in range(0, size, step):
        draw.line((v, 0, v, size), fill=grid)
        draw.line((0, v, size, v), fill=grid)
    x = np.arange(0, size, 4)
    for _ in range(rng.integers(1, 6)):
        y = size / 2 + np.cumsum(rng.normal(0, rng.uniform(1, 9), len(x)))
        draw.line(list(zip(x.tolist(), y.tolist())), fill=_colour(rng, True), width=int(rng.integers(1, 4)))
    if rng.random() < 0.5:
        w = int(rng.integers(8, 40))
        colour = _colour(rng)
        for left in range(10, size, 2 * w):
            draw.rectangle((left, size - int(rng.integers(5, size // 2)), left + w, size), fill=colour, outline=ink)
    font = _font(rng, 12)
    for v in range(0, size, 2 * step):
        draw.text((2, v), f"{v / 7:.1f}", font=font, fill=ink)
    return im


def line_art(rng, size):
    paper, ink = _palette(rng)
    scale = 2 if rng.random() < 0.6 else 1   # drawn large and reduced: antialiased
    im = Image.new("RGB", (size * scale, size * scale), paper)
    draw = ImageDraw.Draw(im)
    for _ in range(rng.integers(15, 80)):
        width = scale * int(rng.integers(1, 5))
        kind = rng.integers(0, 4)
        p = (rng.random((4, 2)) * size * scale)
        colour = ink if rng.random() < 0.8 else _colour(rng)
        if kind == 0:
            draw.line([tuple(p[0]), tuple(p[1])], fill=colour, width=width)
        elif kind == 1:
            t = np.linspace(0, 1, 40)[:, None]
            curve = (1 - t) ** 3 * p[0] + 3 * t * (1 - t) ** 2 * p[1] + 3 * t * t * (1 - t) * p[2] + t ** 3 * p[3]
            draw.line([tuple(q) for q in curve], fill=colour, width=width, joint="curve")
        elif kind == 2:
            draw.polygon([tuple(q) for q in p[:3]], outline=colour, fill=_colour(rng) if rng.random() < 0.2 else None)
        else:
            r = rng.random() * size * scale / 4
            x, y = p[0]
            draw.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=width)
    return im.resize((size, size), Image.LANCZOS) if scale > 1 else im


def gradient(rng, size):
    y, x = np.mgrid[0:size, 0:size] / size
    if rng.random() < 0.5:
        angle = rng.random() * 2 * math.pi
        t = x * math.cos(angle) + y * math.sin(angle)
    else:
        cx, cy = rng.random(2)
        t = np.hypot(x - cx, y - cy)
    t = (t - t.min()) / (t.max() - t.min())
    stops = rng.integers(2, 5)
    colours = rng.random((stops, 3)) * 255
    if rng.random() < 0.4:   # dark or nearly flat: where banding shows
        colours = colours.mean(0) * rng.uniform(0.2, 1) + (colours - colours.mean(0)) * 0.15
    at = np.linspace(0, 1, stops)
    out = np.stack([np.interp(t, at, colours[:, c]) for c in range(3)], 2)
    if rng.random() < 0.3:
        out = out + rng.normal(0, rng.uniform(0.3, 2), out.shape)
    return Image.fromarray(np.clip(out + 0.5, 0, 255).astype(np.uint8))


def flat(rng, size):
    vivid = rng.random() < 0.6
    im = Image.new("RGB", (size, size), _colour(rng, vivid))
    draw = ImageDraw.Draw(im)
    for _ in range(rng.integers(3, 40)):
        p = [tuple(q) for q in rng.random((int(rng.integers(3, 7)), 2)) * size]
        draw.polygon(p, fill=_colour(rng, vivid))
    return im.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 3))) if rng.random() < 0.25 else im


def pattern(rng, size):
    y, x = np.mgrid[0:size, 0:size]
    a, b = np.array(_colour(rng), float), np.array(_colour(rng), float)
    kind = rng.integers(0, 3)
    if kind == 0:
        period = rng.integers(1, 33)
        t = ((x // period + y // period) % 2).astype(float)
    elif kind == 1:
        angle, freq = rng.random() * math.pi, rng.uniform(0.02, 1.5)
        t = 0.5 + 0.5 * np.sin((x * math.cos(angle) + y * math.sin(angle)) * freq)
    else:
        t = (rng.random((size // 4 + 1, size // 4 + 1)) > 0.5).astype(float).repeat(4, 0).repeat(4, 1)[:size, :size]
    return Image.fromarray((a + (b - a) * t[..., None]).round().astype(np.uint8))


KINDS = (text, text, interface, interface, chart, line_art, gradient, gradient, flat, pattern)


def picture(seed, size=512):
    """uint8 [size,size,3]; the kind follows from the seed, so that any run of seeds holds all kinds."""
    rng = np.random.default_rng([77, seed])
    im = KINDS[seed % len(KINDS)](rng, size)
    if rng.random() < 0.25:   # layouts of two halves
        other = KINDS[rng.integers(len(KINDS))](rng, size)
        im.paste(other.crop((0, 0, size // 2, size)), (size // 2, 0))
    return np.array(im.convert("RGB"))
