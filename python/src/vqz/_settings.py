"""Keywords that functions share. Those left out have the defaults of the C library."""
from collections.abc import Iterable
from fractions import Fraction
from typing import TypedDict

from ._vqz import Model


class EncoderSettings(TypedDict, total=False):
    """How to encode: keywords of `encode`, `write` and `Writer`, and of Pillow's ``Image.save``."""

    quality: float
    """0 (smallest) to 100 (best), in steps of 1/16; default 75."""
    effort: int
    """0 (fastest) to 9 (best); default 4. Up to 4 the same file on every machine."""
    tune: str
    """"visual" (the default) or "psnr": what choices are judged by."""
    lossless: bool
    """Keep every sample as it is; quality, effort and tune then count for nothing."""
    tile_size: int
    """Side of a tile, a multiple of 64 from 128 to 1024; default by picture size."""
    pixel_hash: bool
    """Store a hash of the decoded pixels, which every decode then checks."""
    threads: int
    """Threads for one picture; default one per core. Changes no byte."""
    cpu: str
    """Kernels: "auto", "scalar", "avx2" and so on. Changes no byte up to effort 4."""
    max_pixels: int
    """Refuse larger pictures."""
    max_memory: int
    """Refuse to allocate more bytes; default 4 GiB."""
    key_interval: int
    """Of sequences: at most so many frames from one key frame to the next; default 1. With more, frames refer to the one before, and take less."""
    model: Model | None
    """Encode with this model instead of a built-in one."""


class Metadata(TypedDict, total=False):
    """What travels with a picture, unchanged: keywords of `encode`, `write` and `Writer`."""

    icc: bytes | None
    """The ICC profile."""
    exif: bytes | None
    """EXIF, from its TIFF header on; "Exif\\0\\0" before it is taken off."""
    xmp: bytes | None
    orientation: int | None
    """EXIF 1 to 8: how to turn the array for viewing; default: as `exif` says, else 1."""
    cicp: bytes | tuple[int, int, int, int] | None
    """Primaries, transfer, matrix, full range of ITU-T H.273; default: not given (sRGB)."""


class DecoderSettings(TypedDict, total=False):
    """How to decode: keywords of `decode`, `info` and `frames`."""

    partial: bool
    """Take what can be decoded of a truncated or damaged file; what is missing is gray."""
    verify: bool
    """Check the hashes of latents and pixels; default true."""
    threads: int
    """Threads for one picture; default one per core."""
    cpu: str
    """Kernels: "auto", "scalar", "avx2" and so on. Changes no pixel."""
    max_pixels: int
    """Refuse larger pictures."""
    max_memory: int
    """Refuse to allocate more bytes; default 4 GiB."""
    models: Iterable[Model]
    """Models beside the built-in ones."""


Rate = int | float | str | Fraction
"""Frames per second: 25, 29.97, "30000/1001"."""
