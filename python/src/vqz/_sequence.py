"""Sequences: any number of pictures of one size, each at its time, in one file."""
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Unpack

import numpy.typing as npt

from ._files import Path, Source, replacing
from ._orientation import turned
from ._picture import Settings, checked, start
from ._reader import Frame, Reader
from ._settings import DecoderSettings, Rate


def frames(source: Source, *, upright: bool = True, **settings: Unpack[DecoderSettings]) -> Iterator[Frame]:
    """The frames of a sequence one after the other, as `decode` gives pictures; a still has one. One frame at a time is held."""
    with Reader(source, **settings) as reader:
        orientation = reader.info.orientation if upright else 1
        while frame := reader.next_frame():
            pixels, unverified = reader.pixels()
            yield Frame(turned(pixels, orientation), *frame, unverified)


class Writer:
    """Writes a sequence, frame by frame.

    >>> with vqz.Writer("film.vqz", fps=25, quality=60) as film:
    ...     for picture in pictures:
    ...         film.write(picture)

    `file` is a name, which stands for a whole file or nothing, or an open binary file. Units of time are ``1 / fps`` seconds
    (`timebase`: others). Keywords are those of `encode`. An exception in the block leaves no file under the name.
    """

    def __init__(
        self,
        file: Path | BinaryIO,
        *,
        fps: Rate = 25,
        timebase: Fraction | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        unit = timebase or 1 / Fraction(str(fps))
        self._timebase = (unit.numerator, unit.denominator)
        self._encoder, self._meta = start(settings)
        self._shape: tuple[int, ...] | None = None
        self._next = 0
        self._file = replacing(file)

    def write(self, image: npt.ArrayLike, *, pts: int | None = None, duration: int = 1) -> None:
        """The next frame, of the size of the first one; `pts` is by default where the one before ends."""
        pixels = checked(image)
        if self._shape is None:
            channels = pixels.shape[2] if pixels.ndim == 3 else 1
            head = self._encoder.begin(
                pixels.shape[1], pixels.shape[0], channels, timebase=self._timebase, **self._meta
            )
            self._out.write(head)
            self._shape = pixels.shape
        elif pixels.shape != self._shape:
            raise ValueError(f"a frame of shape {self._shape} is needed, as the first one is, not {pixels.shape}")
        pts = self._next if pts is None else pts
        self._encoder.frame(pts, duration)
        self._out.write(self._encoder.add(pixels.data.cast("B")))
        self._next = pts + duration

    def __enter__(self) -> "Writer":
        self._out = self._file.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if value is not None:
            self._file.__exit__(kind, value, trace)
            return
        with ExitStack() as stack:
            stack.push(self._file)
            if self._shape is None:
                raise ValueError("a sequence has at least one frame")
            self._out.write(self._encoder.end())
