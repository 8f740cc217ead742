"""A file that is read as far as it is needed."""
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, BinaryIO, TypeVar, Unpack, cast

import numpy as np

from . import _vqz
from ._files import Source
from ._orientation import Pixels
from ._settings import DecoderSettings

T = TypeVar("T")
PIECE = 1 << 18


@dataclass(frozen=True)
class Info:
    """What a file says of itself."""

    width: int
    height: int
    channels: int
    """1 gray, 2 gray and alpha, 3 RGB, 4 RGBA; alpha is straight."""
    orientation: int
    """EXIF 1 to 8: how to turn the stored picture for viewing. Width and height are those of the stored one."""
    quality: float
    """As asked for when encoding."""
    sequence: bool
    """Any number of frames instead of a still picture."""
    frames: int
    """How many, as the header has it; 0: not known."""
    timebase: Fraction
    """Seconds in a unit of time of a sequence, else 0."""
    format_version: tuple[int, int]
    model_id: bytes
    tile_size: tuple[int, int]
    tiles: tuple[int, int]
    peak_memory: int
    """Bytes that decoding will allocate; 0 where the model is unknown."""
    cicp: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    exif: bytes | None = field(repr=False)
    xmp: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Frame:
    """A picture of a sequence, at its time."""

    pixels: Pixels
    number: int
    pts: int
    """When it is shown, in units of `Info.timebase`."""
    duration: int
    """In the same units; 0: not known."""
    key: bool
    """Decoding can begin here."""
    unverified_tiles: int
    """With ``partial``: tiles that were missing, damaged, or next to such a tile."""


class Reader:
    """What `decode`, `info`, `frames` and the Pillow plug-in have in common."""

    info: Info

    def __init__(self, source: Source, **settings: Unpack[DecoderSettings]) -> None:
        self._decoder = _vqz.Decoder(**settings)
        self._file: BinaryIO | None = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._read: Callable[[int], bytes | memoryview] = _pieces(source)
        elif isinstance(source, (str, os.PathLike)):
            self._file = open(source, "rb")
            self._read = self._file.read
        elif hasattr(source, "read"):
            self._read = source.read
        else:
            raise TypeError(f"a file name, a binary file or bytes are needed, not {type(source).__name__}")
        try:
            self.info = _info(self._feed(self._decoder.info))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file, where this object has opened it."""
        if self._file:
            self._file.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _feed(self, step: Callable[[], T | None]) -> T:
        """Takes a step as soon as enough of the file has been read for it."""
        while (result := step()) is None:
            piece = self._read(PIECE)
            if piece:
                self._decoder.send(piece)
            else:
                self._decoder.flush()
        return result

    def pixels(self) -> tuple[Pixels, int]:
        """The picture as it is stored, and how many tiles of it are not verified."""
        shape = (self.info.height, self.info.width, self.info.channels)
        pixels = np.zeros(shape if self.info.channels > 1 else shape[:2], np.uint8)
        return pixels, self._feed(lambda: self._decoder.receive(pixels.data.cast("B")))

    def next_frame(self) -> tuple[int, int, int, bool] | None:
        """Goes to the next frame, whose number, pts, duration and whether it is a key frame these are; None: there are no more."""
        frame = self._feed(self._decoder.next_frame)
        return cast(tuple[int, int, int, bool], frame) if frame else None


def _pieces(data: bytes | bytearray | memoryview) -> Callable[[int], memoryview]:
    rest = memoryview(data).cast("B")

    def read(size: int) -> memoryview:
        nonlocal rest
        piece, rest = rest[:size], rest[size:]
        return piece

    return read


def _info(found: dict[str, Any]) -> Info:
    num, den = found["timebase"]
    found["timebase"] = Fraction(num, den) if den else Fraction(0)
    found["cicp"] = found["cicp"] if any(found["cicp"]) else None
    return Info(**found)
