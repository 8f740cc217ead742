"""Pictures: arrays to files and back."""
from typing import Any, BinaryIO, Unpack

import numpy as np
import numpy.typing as npt

from . import _vqz
from ._files import Path, Source, replacing
from ._orientation import Pixels, orientation_of, turned
from ._reader import Info, Reader
from ._settings import DecoderSettings, EncoderSettings, Metadata

_METADATA = Metadata.__annotations__


class Settings(EncoderSettings, Metadata, total=False):
    """Both, as `encode`, `write` and `Writer` take them."""


def checked(image: npt.ArrayLike) -> Pixels:
    """The image as an array that the library can read; a copy only where it has to be."""
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8:
        raise TypeError(f"samples of 8 bits are needed (dtype uint8), not {pixels.dtype}: scale and convert them first")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4)):
        raise ValueError(
            f"an array of shape (height, width) or (height, width, channels) with 1 to 4 channels is needed, not {pixels.shape}"
        )
    return np.ascontiguousarray(pixels)


def start(settings: Settings) -> tuple[_vqz.Encoder, dict[str, Any]]:
    """An encoder, and what its `begin` is to be told."""
    meta: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in settings.items():
        if value is not None:
            (meta if name in _METADATA else rest)[name] = value
    if "exif" in meta:
        meta["exif"] = meta["exif"].removeprefix(b"Exif\0\0")
        meta.setdefault("orientation", orientation_of(meta["exif"]))
    if "cicp" in meta:
        meta["cicp"] = bytes(meta["cicp"])
    return _vqz.Encoder(**rest), meta


def encode(image: npt.ArrayLike, **settings: Unpack[Settings]) -> bytes:
    """The .vqz file of a picture.

    `image` is an array of uint8 samples: gray (height, width), or with 1 to 4 channels: gray, gray and alpha, RGB,
    RGBA. Keywords are those of `EncoderSettings` and `Metadata`. The same array and settings give the same bytes on
    every machine (up to effort 4), those of ``vqz encode``.

    >>> data = vqz.encode(np.zeros((64, 64, 3), np.uint8), quality=60)
    """
    pixels = checked(image)
    encoder, meta = start(settings)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    head = encoder.begin(pixels.shape[1], pixels.shape[0], channels, **meta)
    return head + encoder.add(pixels.data.cast("B"))


def write(file: Path | BinaryIO, image: npt.ArrayLike, **settings: Unpack[Settings]) -> int:
    """Writes what `encode` makes, and says how many bytes. A name stands for a whole file, or for what it stood for before."""
    data = encode(image, **settings)
    with replacing(file) as out:
        return out.write(data)


def decode(source: Source, *, upright: bool = True, **settings: Unpack[DecoderSettings]) -> Pixels:
    """The picture in a .vqz file, or the first one of a sequence.

    `source` is a file name, an open binary file, or the bytes of a file. The array is of uint8, (height, width) for gray,
    else (height, width, channels). It is turned as the orientation in the file says, unless `upright` is false: then the
    array is as stored (``info(source).orientation``). Keywords are those of `DecoderSettings`.
    """
    with Reader(source, **settings) as reader:
        pixels, _ = reader.pixels()
        return turned(pixels, reader.info.orientation) if upright else pixels


def info(source: Source, **settings: Unpack[DecoderSettings]) -> Info:
    """What a .vqz file says of itself, metadata included. Only its first bytes are read."""
    with Reader(source, **settings) as reader:
        return reader.info
