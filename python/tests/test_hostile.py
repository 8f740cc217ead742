"""Files that are cut, damaged or made up: always an Error with its code, or a picture; never a crash, never a hang."""
import pickle

import numpy as np
import pytest
from conftest import ROOT, picture

import vqz

GOOD = vqz.encode(picture(3), pixel_hash=True)


def test_errors_tell_code_name_offset_and_reason():
    with pytest.raises(vqz.Error) as caught:
        vqz.decode(GOOD[:-20])
    error = caught.value
    assert (error.code, error.name, error.offset) == (8, "VQZ_ERR_TRUNCATED", len(GOOD) - 20)
    assert str(error).startswith(f"at byte {error.offset}: ") and "ends after" in error.text
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.name, again.offset, str(again)) == (error.code, error.name, error.offset, str(error))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "VQZ_ERR_TRUNCATED"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "VQZ_ERR_SIGNATURE"),
        (GOOD[:8], "VQZ_ERR_TRUNCATED"),
        (GOOD[:8] + b"\xff" + GOOD[9:], "VQZ_ERR_VERSION"),
        (GOOD[:-30] + bytes([GOOD[-30] ^ 1]) + GOOD[-29:], "VQZ_ERR_CHECKSUM"),
    ],
)
def test_what_is_wrong_has_its_name(data, name):
    with pytest.raises(vqz.Error) as caught:
        vqz.decode(data)
    assert caught.value.name == name


def test_every_length_is_an_error():
    for size in range(0, len(GOOD), 97):
        with pytest.raises(vqz.Error):
            vqz.decode(GOOD[:size], threads=1)


def test_every_changed_byte_is_an_error_or_a_picture():
    errors = 0
    for at in range(0, len(GOOD), 61):
        damaged = bytearray(GOOD)
        damaged[at] ^= 0x55
        try:
            vqz.decode(damaged, threads=1)
        except vqz.Error:
            errors += 1
    assert errors


@pytest.mark.parametrize("path", sorted((ROOT / "conformance" / "invalid").glob("*.vqz")), ids=lambda p: p.stem)
def test_invalid_files_raise(path):
    with pytest.raises(vqz.Error):
        vqz.decode(path, threads=1, max_memory=256 << 20)


def test_limits_hold():
    for limit in ({"max_pixels": 100}, {"max_memory": 5000}):
        with pytest.raises(vqz.Error) as caught:
            vqz.decode(GOOD, **limit)
        assert caught.value.name == "VQZ_ERR_LIMIT"


def test_partial_takes_what_is_there():
    data = vqz.encode(picture(3, 640, 600), tile_size=128, quality=30)
    whole = vqz.decode(data)
    (frame,) = vqz.frames(data[: len(data) // 2], partial=True)
    assert 0 < frame.unverified_tiles < 25
    assert np.array_equal(frame.pixels[:64], whole[:64]) and not np.array_equal(frame.pixels, whole)
    with pytest.raises(vqz.Error):
        vqz.decode(data[: len(data) // 2])


def test_sources_that_misbehave():
    class Broken:
        def read(self, size):
            raise OSError("the disk is gone")

    class Text:
        def read(self, size):
            return "text"

    with pytest.raises(OSError, match="the disk is gone"):
        vqz.decode(Broken())
    with pytest.raises(TypeError):
        vqz.decode(Text())
    for source in (None, 5, [1, 2]):
        with pytest.raises(TypeError, match="a file name"):
            vqz.decode(source)
