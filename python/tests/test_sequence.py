"""Sequences, against the program."""
import io
from fractions import Fraction

import numpy as np
import pytest
from conftest import picture, pnm
from PIL import Image

import vqz

PICTURES = [np.roll(picture(3, 96, 64), 5 * i, axis=1) for i in range(4)]


def film(**settings) -> bytes:
    out = io.BytesIO()
    with vqz.Writer(out, **settings) as writer:
        for pixels in PICTURES:
            writer.write(pixels)
    return out.getvalue()


@pytest.mark.parametrize("rate", ["25", "29.97", "30000/1001"])
def test_bytes_are_those_of_the_program(vqz_program, tmp_path, rate):
    for i, pixels in enumerate(PICTURES):
        (tmp_path / f"f{i}.pam").write_bytes(pnm(pixels))
    path = tmp_path / "film.vqz"
    with vqz.Writer(path, fps=rate, quality=50) as writer:
        for pixels in PICTURES:
            writer.write(pixels)
    vqz_program("encode", "-q", "50", "--fps", rate, "-o", tmp_path / "other.vqz", tmp_path / "f%d.pam")
    assert path.read_bytes() == (tmp_path / "other.vqz").read_bytes()
    frames = list(vqz.frames(path))
    assert [(f.number, f.pts, f.duration, f.unverified_tiles) for f in frames] == [(i, i, 1, 0) for i in range(4)]
    vqz_program("decode", "-o", tmp_path / "out%d.pam", path)
    for i, frame in enumerate(frames):
        assert pnm(frame.pixels) == (tmp_path / f"out{i + 1}.pam").read_bytes()


def test_info_frames_and_the_first_picture():
    data = film(fps=29.97, orientation=6)
    info = vqz.info(data)
    assert (info.sequence, info.timebase, info.width, info.height) == (True, Fraction(100, 2997), 96, 64)
    assert np.array_equal(vqz.decode(data), next(vqz.frames(data)).pixels)
    assert vqz.decode(data).shape == (96, 64, 3) and vqz.decode(data, upright=False).shape == (64, 96, 3)


def test_frames_that_refer_to_others_are_the_same_in_any_order():
    data = film(key_interval=3, quality=60)
    frames = list(vqz.frames(data))
    assert [f.key for f in frames] == [True, False, False, True] and all(f.key for f in vqz.frames(film()))
    im = Image.open(io.BytesIO(data))
    for i in (2, 1, 3, 0):
        im.seek(i)
        assert np.array_equal(np.asarray(im), frames[i].pixels)


def test_a_still_has_one_frame():
    data = vqz.encode(PICTURES[0])
    (frame,) = vqz.frames(data)
    assert np.array_equal(frame.pixels, vqz.decode(data)) and (frame.number, frame.pts) == (0, 0)


def test_times_of_ones_own():
    out = io.BytesIO()
    with vqz.Writer(out, timebase=Fraction(1, 90000)) as writer:
        for pts, pixels in zip((-5, 100, 7000), PICTURES, strict=False):
            writer.write(pixels, pts=pts, duration=30)
        with pytest.raises(vqz.Error, match="times must grow"):
            writer.write(PICTURES[3], pts=7000)
        with pytest.raises(ValueError, match="shape"):
            writer.write(PICTURES[3][1:])
    assert [(f.pts, f.duration) for f in vqz.frames(out.getvalue())] == [(-5, 30), (100, 30), (7000, 30)]


def test_what_is_not_finished_is_not_there(tmp_path):
    path = tmp_path / "film.vqz"
    with pytest.raises(ZeroDivisionError), vqz.Writer(path) as writer:
        writer.write(PICTURES[0])
        1 / 0
    with pytest.raises(ValueError, match="at least one frame"), vqz.Writer(path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_film_that_is_cut_gives_what_came_before():
    data = film()
    frames = vqz.frames(data[: len(data) * 2 // 3])
    assert np.array_equal(next(frames).pixels, next(vqz.frames(data)).pixels)
    with pytest.raises(vqz.Error) as caught:
        list(frames)
    assert caught.value.name == "VQZ_ERR_TRUNCATED"
