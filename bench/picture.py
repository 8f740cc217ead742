"""Makes the README's picture: a cut of a photo, of a vqz file, and of the smallest JPEG that has at least
as many bytes, side by side.

    bench/.venv/bin/python bench/picture.py samples/perched-osprey.jpg docs/compare.png --quality 22 --cut 230,60,280,280
"""
import argparse
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import metrics
from coders import anchors, vqz

ROOT = Path(__file__).resolve().parent.parent
MARGIN, LINE = 6, 22


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("photo", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("--quality", default="22")
    p.add_argument("--cut", default="230,60,280,280", help="left,top,width,height (%(default)s)")
    p.add_argument("--vqz", default=str(ROOT / "build" / "vqz"))
    a = p.parse_args()
    left, top, width, height = map(int, a.cut.split(","))
    with tempfile.TemporaryDirectory() as scratch:
        ref = Path(scratch) / "ref.png"
        source = Image.open(a.photo).convert("RGB")
        source.save(ref)
        source.save(ref.with_suffix(".ppm"))

        def coded(codec, setting):
            file = ref.with_name("coded" + codec.suffix)
            png = ref.with_name("decoded.png")
            codec.encode(ref, setting, file)
            codec.decode(file, png)
            pixels = metrics.load(png)
            return file.stat().st_size, metrics.psnr(metrics.load(ref), pixels), Image.fromarray(pixels)

        ours = coded(vqz("vqz", a.vqz, None, "4", "visual", ""), a.quality)
        for quality in range(1, 101):   # the first JPEG that is not smaller
            jpeg = coded(anchors()["jpeg420"], str(quality))
            if jpeg[0] >= ours[0]:
                break
    panels = [("original", source)]
    panels += [(f"{name}: {size:,} bytes, {db:.1f} dB", image) for name, (size, db, image) in (("JPEG", jpeg), ("vqz", ours))]
    sheet = Image.new("RGB", (3 * width + 2 * MARGIN, height + LINE), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (text, image) in enumerate(panels):
        x = i * (width + MARGIN)
        sheet.paste(image.crop((left, top, left + width, top + height)), (x, 0))
        draw.text((x + 2, height + 4), text, fill="black", font=ImageFont.load_default(14))
    sheet.save(a.out, optimize=True)


if __name__ == "__main__":
    main()
