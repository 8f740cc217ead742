"""A picture of any size out of samples/, written row by row: mosaic.py WIDTH HEIGHT OUT.ppm|OUT.png

Photos of 900x640 side by side; every row of them starts one photo later, and the whole is cut to size. PNG comes out
without filters at the fastest level, non-interlaced. Only the standard library and djpeg are needed."""
import pathlib
import struct
import subprocess
import sys
import zlib

SAMPLES = pathlib.Path(__file__).resolve().parent.parent / "samples"


def read_photo(path):
    """-> width, height, rows of RGB"""
    ppm = subprocess.run(["djpeg", "-ppm", path], check=True, stdout=subprocess.PIPE).stdout
    magic, size, top, data = ppm.split(b"\n", 3)
    assert magic == b"P6" and top == b"255"
    width, height = map(int, size.split())
    return width, height, [data[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def rows(width, height):
    photos = [read_photo(p) for p in sorted(SAMPLES.glob("*.jpg"))]
    photo_width, photo_height, _ = photos[0]
    assert all(p[:2] == (photo_width, photo_height) for p in photos)
    across = -(-width // photo_width)
    for y in range(height):
        band, line = divmod(y, photo_height)
        yield b"".join(photos[(band + x) % len(photos)][2][line] for x in range(across))[:width * 3]


def write_ppm(f, width, height):
    f.write(b"P6\n%d %d\n255\n" % (width, height))
    for row in rows(width, height):
        f.write(row)


def write_png(f, width, height):
    def chunk(kind, data):
        f.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))

    f.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    packer, packed = zlib.compressobj(1), b""
    for row in rows(width, height):
        packed += packer.compress(b"\0" + row)
        if len(packed) > 1 << 16:
            chunk(b"IDAT", packed)
            packed = b""
    chunk(b"IDAT", packed + packer.flush())
    chunk(b"IEND", b"")


def main():
    if len(sys.argv) != 4 or pathlib.Path(sys.argv[3]).suffix not in (".ppm", ".png"):
        sys.exit(__doc__)
    width, height, out = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
    with out.open("wb") as f:
        (write_ppm if out.suffix == ".ppm" else write_png)(f, width, height)


main()
