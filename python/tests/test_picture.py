"""Arrays to files and back, against the program: the same bytes, the same pixels."""
import importlib.metadata
import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import ROOT, picture, pnm, psnr

import vqz


def exif(orientation, order="<"):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def test_version_is_that_of_the_library_and_of_the_package():
    assert vqz.__version__ == importlib.metadata.version("vqz")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, []),
        ({"quality": 30.5, "effort": 1, "tile_size": 128}, ["-q", "30.5", "-e", "1", "--tile-size", "128"]),
        ({"quality": 90, "tune": "psnr", "pixel_hash": True}, ["-q", "90", "--tune", "psnr", "--pixel-hash"]),
        ({"lossless": True}, ["--lossless"]),
    ],
)
def test_bytes_and_pixels_are_those_of_the_program(vqz_program, channels, settings, words):
    pixels = picture(channels)
    data = vqz.encode(pixels, **settings)
    assert data == vqz_program("encode", *words, "-o", "-", "-", stdin=pnm(pixels))
    decoded = vqz.decode(data)
    assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
    assert pnm(decoded) == vqz_program("decode", "--format", "pam", "-o", "-", "-", stdin=data)
    if settings.get("lossless"):
        assert np.array_equal(decoded, pixels)
    else:
        assert psnr(decoded, pixels) > 24


def test_one_channel_is_gray():
    assert vqz.encode(picture(1)[:, :, None]) == vqz.encode(picture(1))


def test_views_are_read_in_their_order():
    pixels = picture(3)
    for view in (pixels[::-1], pixels[:, ::2], pixels.swapaxes(0, 1), np.asfortranarray(pixels), pixels[:, :, ::-1], np.broadcast_to(pixels[:1], pixels.shape)):
        assert vqz.encode(view) == vqz.encode(np.array(view, order="C", copy=True))
    read_only = pixels.copy()
    read_only.flags.writeable = False
    assert vqz.encode(read_only) == vqz.encode(pixels)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.int8, bool, object])
def test_other_samples_are_refused_by_name(dtype):
    with pytest.raises(TypeError, match=f"uint8.*not {np.dtype(dtype)}"):
        vqz.encode(picture(3).astype(dtype))


@pytest.mark.parametrize("shape", [(5,), (4, 4, 5), (2, 4, 4, 3), (4, 4, 0), ()])
def test_other_shapes_are_refused_by_name(shape):
    with pytest.raises(ValueError, match="shape"):
        vqz.encode(np.zeros(shape, np.uint8))


def test_empty_pictures_are_an_error_of_the_library():
    with pytest.raises(vqz.Error) as caught:
        vqz.encode(np.zeros((0, 4, 3), np.uint8))
    assert caught.value.name == "VQZ_ERR_ARGUMENT" and caught.value.code == 3 and caught.value.offset is None


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"quality": 101}, vqz.Error),
        ({"quality": float("nan")}, vqz.Error),
        ({"quality": "high"}, TypeError),
        ({"effort": 10}, vqz.Error),
        ({"tune": "nothing"}, ValueError),
        ({"threads": -1}, ValueError),
        ({"threads": 1 << 40}, ValueError),
        ({"tile_size": 100}, vqz.Error),
        ({"cpu": "z80"}, ValueError),
        ({"max_pixels": 100}, vqz.Error),
        ({"max_memory": 1000}, vqz.Error),
        ({"model": b""}, TypeError),
        ({"orientation": 9}, vqz.Error),
        ({"cicp": b"\1"}, ValueError),
        ({"icc": bytes(5 << 20)}, vqz.Error),
        ({"icc": "text"}, TypeError),
        ({"speed": 3}, TypeError),
    ],
)
def test_wrong_settings_raise(settings, kind):
    with pytest.raises(kind):
        vqz.encode(picture(3), **settings)


def test_files_by_name_as_objects_and_as_bytes(tmp_path):
    pixels = picture(4)
    path = tmp_path / "a.vqz"
    data = vqz.encode(pixels)
    assert vqz.write(path, pixels) == len(data)
    assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["a.vqz"]
    with path.open("rb") as file:
        sources = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), file]
        decoded = [vqz.decode(source) for source in sources]
    assert all(np.array_equal(d, decoded[0]) for d in decoded)
    out = io.BytesIO()
    vqz.write(out, pixels)
    assert out.getvalue() == data
    with pytest.raises(FileNotFoundError):
        vqz.decode(tmp_path / "b.vqz")
    with pytest.raises(FileNotFoundError):
        vqz.write(tmp_path / "none" / "b.vqz", pixels)


def test_an_error_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "a.vqz"
    path.write_bytes(b"before")
    with pytest.raises(vqz.Error):
        vqz.write(path, picture(3), quality=-1)
    path.with_name("folder").mkdir()
    with pytest.raises(OSError):
        vqz.write(path.with_name("folder"), picture(3))
    assert path.read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 2


def test_metadata_comes_back_and_info_tells():
    icc, xmp = bytes(range(256)) * 3, b"<x:xmpmeta/>"
    data = vqz.encode(picture(3), quality=40, icc=icc, exif=b"Exif\0\0" + exif(6), xmp=xmp, cicp=(9, 16, 0, 1))
    info = vqz.info(data)
    assert (info.icc, info.exif, info.xmp, info.cicp) == (icc, exif(6), xmp, b"\x09\x10\x00\x01")
    assert (info.width, info.height, info.channels, info.orientation) == (150, 100, 3, 6)
    assert (info.quality, info.sequence, info.frames, info.format_version[0]) == (40, False, 1, 0)
    assert len(info.model_id) == 16 and info.peak_memory > 0
    plain = vqz.info(vqz.encode(picture(1)))
    assert (plain.icc, plain.exif, plain.xmp, plain.cicp, plain.orientation) == (None, None, None, None, 1)
    assert vqz.info(data[:2000]) == info    # the header is enough


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
def test_orientation_is_that_of_the_program(vqz_program, orientation, order):
    data = vqz.encode(picture(3, 80, 50), exif=exif(orientation, order))
    assert vqz.info(data).orientation == orientation
    assert pnm(vqz.decode(data)) == vqz_program("decode", "--format", "pam", "-o", "-", "-", stdin=data)
    assert pnm(vqz.decode(data, upright=False)) == vqz_program("decode", "--stored-orientation", "--format", "pam", "-o", "-", "-", stdin=data)


@pytest.mark.parametrize("blob", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(20), exif(9), exif(0), b"II*\0\x08\0\0\0\xff\xff" + bytes(30)])
def test_broken_exif_is_kept_and_turns_nothing(blob):
    assert vqz.info(vqz.encode(picture(1, 64, 64), exif=blob)).orientation == 1


def test_a_model_of_ones_own():
    data, blob = vqz.encode(picture(3)), (ROOT / "models" / "base.vqzm").read_bytes()
    model = vqz.Model(blob)
    assert vqz.info(data).model_id == model.id and model.name and model.version and model.licence and model.provenance
    assert vqz.encode(picture(3), model=model) == data
    assert np.array_equal(vqz.decode(data, models=[model]), vqz.decode(data))
    with pytest.raises(TypeError):
        vqz.decode(data, models=[blob])
    with pytest.raises(vqz.Error) as caught:
        vqz.Model(blob[:-1])
    assert caught.value.name == "VQZ_ERR_MODEL_INVALID"


def test_many_threads_make_the_same_bytes_and_pixels():
    pictures = [picture(c, 130 + 3 * i, 90) for i in range(4) for c in (1, 2, 3, 4)]

    def both(pixels):
        data = vqz.encode(pixels, threads=2)
        return data, vqz.decode(data, threads=2)

    alone = [both(p) for p in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(both, pictures * 3))
    for (data, pixels), (expected, expected_pixels) in zip(together, alone * 3, strict=True):
        assert data == expected and np.array_equal(pixels, expected_pixels)


def test_one_context_in_two_threads_is_refused():
    from vqz import _vqz

    encoder = _vqz.Encoder(effort=6)
    pixels = picture(3, 640, 480)
    refused = 0

    def add():
        nonlocal refused
        try:
            encoder.add(pixels.data.cast("B"))
        except RuntimeError:
            refused += 1

    encoder.begin(640, 480, 3)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(encoder.add, pixels.data.cast("B"))
        while not refused and not first.done():
            add()
    assert refused and first.result()


def test_the_interpreter_goes_on_while_a_picture_is_encoded():
    ticks = 0
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(vqz.encode, picture(3, 640, 480), effort=5, threads=1)
        while not work.done():
            ticks += 1
    assert ticks > 1000
