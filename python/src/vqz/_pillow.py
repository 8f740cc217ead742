"""Pillow plug-in: after ``import vqz``, ``Image.open`` and ``Image.save`` know .vqz files."""
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import chain
from typing import IO, Any, cast

import numpy as np
from PIL import Image, ImageFile, ImageSequence

from ._error import Error
from ._picture import Settings, start
from ._reader import Reader
from ._sequence import Writer
from ._settings import EncoderSettings

MAGIC = b"\x89VQZ\r\n\x1a\n"
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
ORIENTATION = 0x0112


class VqzImageFile(ImageFile.ImageFile):
    """Pixels as stored, with their orientation in EXIF; a sequence has frames. ImageFile.LOAD_TRUNCATED_IMAGES is respected."""

    format = "VQZ"
    format_description = "vqz picture"

    def _open(self) -> None:
        assert self.fp is not None
        self._bytes = self.fp.read()
        self._rewind()
        info = self._reader.info
        self._size = info.width, info.height
        self._mode = MODES[info.channels]
        self._frame, self._loaded = 0, -1
        self._n_frames = info.frames if info.sequence else 1
        self.is_animated = info.sequence
        self.info["quality"] = info.quality
        if info.icc:
            self.info["icc_profile"] = info.icc
        if info.xmp:
            self.info["xmp"] = info.xmp
        if info.exif:
            self.info["exif"] = b"Exif\0\0" + info.exif
        if info.orientation != self.getexif().get(ORIENTATION, 1):
            self.getexif()[ORIENTATION] = info.orientation
            self.info["exif"] = self.getexif().tobytes()

    def _rewind(self) -> None:
        try:
            self._reader = Reader(self._bytes, partial=ImageFile.LOAD_TRUNCATED_IMAGES)
        except Error as error:
            raise OSError(str(error)) from error
        self._begun = 0  # frames that the reader has come to

    @property
    def n_frames(self) -> int:
        if not self._n_frames:  # the header does not say
            with Reader(self._bytes) as reader:
                while reader.next_frame():
                    self._n_frames += 1
        return self._n_frames

    def seek(self, frame: int) -> None:
        if self._seek_check(frame):
            self._frame = frame

    def tell(self) -> int:
        return self._frame

    def load(self) -> Any:
        if self._loaded != self._frame:
            try:
                pixels = self._pixels()
            except Error as error:
                raise OSError(str(error)) from error
            self._loaded = self._frame
            if self.fp and self._exclusive_fp:
                self.fp.close()
            self.fp = BytesIO(pixels)
            self.tile = [ImageFile._Tile("raw", (0, 0, *self._size), 0, self._mode)]
        return super().load()

    def _pixels(self) -> bytes:
        if self._frame < self._begun:
            self._rewind()
        while self._begun <= self._frame:
            if not (frame := self._reader.next_frame()):
                raise EOFError(f"there is no frame {self._frame}")
            _, pts, duration, _ = frame
            self._begun += 1
        if self.is_animated:
            unit = self._reader.info.timebase * 1000
            self.info["timestamp"], self.info["duration"] = float(pts * unit), float(duration * unit)
        return self._reader.pixels()[0].tobytes()


def _settings(im: Image.Image) -> Settings:
    """Pillow's keywords as those of `vqz.encode`; others are left alone, as Pillow's own plug-ins do."""
    given = im.encoderinfo
    settings: dict[str, Any] = {name: given[name] for name in EncoderSettings.__annotations__ if name in given}
    exif = given.get("exif")
    settings["exif"] = exif.tobytes() if isinstance(exif, Image.Exif) else exif
    settings["icc"] = given.get("icc_profile", im.info.get("icc_profile"))
    settings["xmp"] = given.get("xmp")
    return cast(Settings, settings)


def _convert(im: Image.Image) -> Image.Image:
    if im.mode in MODES.values():
        return im
    if im.mode == "1":
        return im.convert("L")
    if im.mode == "La":
        return im.convert("LA")
    if im.mode in ("P", "PA", "RGBa", "RGBX"):
        return im.convert("RGBA" if im.has_transparency_data else "RGB")
    raise OSError(f"cannot write mode {im.mode} as VQZ")


def _save(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    settings = _settings(im)
    im = _convert(im)
    encoder, meta = start(settings)
    head = encoder.begin(*im.size, len(im.getbands()), **meta)
    fp.write(head + encoder.add(im.tobytes()))


def _save_all(im: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """`duration`: milliseconds of a frame, or a list with those of each."""
    given = im.encoderinfo
    images = [im, *given.get("append_images", [])]
    durations: Iterator[int] | None = None
    if isinstance(given.get("duration"), (list, tuple)):
        durations = iter(given["duration"])
    mode = _convert(im).mode
    with Writer(cast(Any, fp), timebase=Fraction(1, 1000), **_settings(im)) as film:
        for frame in chain.from_iterable(ImageSequence.Iterator(image) for image in images):
            picture = _convert(frame).convert(mode)
            duration = next(durations) if durations else given.get("duration", frame.info.get("duration", 40))
            film.write(np.asarray(picture), duration=round(duration))


Image.register_open(VqzImageFile.format, VqzImageFile, lambda prefix: prefix.startswith(MAGIC))
Image.register_save(VqzImageFile.format, _save)
Image.register_save_all(VqzImageFile.format, _save_all)
Image.register_extension(VqzImageFile.format, ".vqz")
Image.register_mime(VqzImageFile.format, "image/x-vqz")
