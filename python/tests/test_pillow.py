"""Pillow both ways."""
import io
import subprocess
import sys

import numpy as np
import pytest
from conftest import picture
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from test_picture import exif

import vqz

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def saved(im, **settings) -> bytes:
    out = io.BytesIO()
    im.save(out, "VQZ", **settings)
    return out.getvalue()


@pytest.mark.parametrize("channels", MODES)
def test_open_and_save_are_decode_and_encode(tmp_path, channels):
    pixels = picture(channels)
    im = Image.fromarray(pixels)
    path = tmp_path / "a.vqz"
    im.save(path, quality=60, effort=2)
    assert path.read_bytes() == vqz.encode(pixels, quality=60, effort=2)
    with Image.open(path) as back:
        assert (back.format, back.mode, back.size, back.get_format_mimetype()) == ("VQZ", MODES[channels], (150, 100), "image/x-vqz")
        assert np.array_equal(np.asarray(back), vqz.decode(path))
        assert not back.is_animated and back.n_frames == 1


def test_import_is_enough_and_pillow_is_not_needed(tmp_path):
    path = tmp_path / "a.vqz"
    vqz.write(path, picture(3))
    code = "import sys, vqz; from PIL import Image; print(Image.open(sys.argv[1]).size)"
    assert subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout == "(150, 100)\n"
    code = "import sys; sys.modules['PIL'] = None; import vqz; print(vqz.decode(sys.argv[1]).shape)"
    assert subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True).stdout == "(100, 150, 3)\n"


def test_metadata_travels():
    im = Image.fromarray(picture(3))
    back = Image.open(io.BytesIO(saved(im, icc_profile=b"icc" * 50, exif=exif(6), xmp=b"<x/>")))
    assert back.info["icc_profile"] == b"icc" * 50 and back.info["xmp"] == b"<x/>"
    assert back.getexif()[0x0112] == 6 and back.size == (150, 100)
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(back)), vqz.decode(saved(im, exif=exif(6))))
    given = Image.Exif()
    given[0x0112], given[0x010F] = 3, "maker"
    back = Image.open(io.BytesIO(saved(im, exif=given)))
    assert (back.getexif()[0x0112], back.getexif()[0x010F]) == (3, "maker")
    assert Image.open(io.BytesIO(saved(back))).getexif().get(0x010F) is None      # as with Pillow's own formats, only what save() is given


def test_an_orientation_without_exif_is_told():
    back = Image.open(io.BytesIO(vqz.encode(picture(3), orientation=8)))
    assert back.getexif()[0x0112] == 8 and ImageOps.exif_transpose(back).size == (100, 150)


@pytest.mark.parametrize(("mode", "stored"), [("1", "L"), ("P", "RGB"), ("PA", "RGBA"), ("RGBa", "RGBA"), ("RGBX", "RGB")])
def test_other_modes_are_converted_without_loss(mode, stored):
    source = Image.fromarray(picture(3)).convert("P") if mode == "PA" else Image.fromarray(picture(4) if mode == "RGBa" else picture(3))
    im = source.convert(mode)
    back = Image.open(io.BytesIO(saved(im, lossless=True)))
    assert back.mode == stored and np.array_equal(np.asarray(back), np.asarray(im.convert(stored)))


def test_transparent_palettes_keep_it():
    im = Image.fromarray(picture(3)).convert("P")
    im.info["transparency"] = 0
    assert Image.open(io.BytesIO(saved(im))).mode == "RGBA"


@pytest.mark.parametrize("mode", ["CMYK", "F", "I", "I;16", "YCbCr"])
def test_modes_that_would_lose_are_refused(tmp_path, mode):
    with pytest.raises(OSError, match=f"cannot write mode {mode}"):
        Image.new(mode, (64, 64)).save(tmp_path / "a.vqz")


def test_damaged_files():
    data = saved(Image.fromarray(picture(3, 640, 600)), tile_size=128)
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"GIF?" + data))
    with pytest.raises(OSError, match="at byte"):
        Image.open(io.BytesIO(data[:20]))
    with pytest.raises(OSError, match="at byte"):
        Image.open(io.BytesIO(data[: len(data) // 2])).load()
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        half = np.asarray(Image.open(io.BytesIO(data[: len(data) // 2])))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    assert np.array_equal(half[:64], vqz.decode(data)[:64])


def test_sequences_both_ways(tmp_path):
    frames = [Image.fromarray(np.roll(picture(3, 96, 64), 9 * i, axis=0)) for i in range(3)]
    path = tmp_path / "a.vqz"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[40, 100, 60], quality=70)
    expected = list(vqz.frames(path))
    assert [(f.pts, f.duration) for f in expected] == [(0, 40), (40, 100), (140, 60)]
    with Image.open(path) as film:
        assert film.is_animated and film.n_frames == 3
        for i in (0, 1, 2, 1, 0, 2):        # forwards and back
            film.seek(i)
            assert film.tell() == i and np.array_equal(np.asarray(film), expected[i].pixels)
            assert film.info["duration"] == expected[i].duration and film.info["timestamp"] == expected[i].pts
        with pytest.raises(EOFError):
            film.seek(3)
        out = io.BytesIO()
        film.save(out, "GIF", save_all=True)
        assert Image.open(out).n_frames == 3
        again = io.BytesIO()
        film.save(again, "VQZ", save_all=True)
    assert [f.duration for f in vqz.frames(again.getvalue())] == [40, 100, 60]
