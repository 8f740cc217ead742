"""EXIF orientation: where it stands, and what it does to an array."""
import struct

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def orientation_of(exif: bytes) -> int:
    """1 to 8; 1 where the blob (from the TIFF header on) has none."""
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order = "<" if exif[0] == ord("I") else ">"
    try:
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, directory)
        for at in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", exif, at)
            if (tag, kind, number) == (0x0112, 3, 1):
                return value if 1 <= value <= 8 else 1
    except struct.error:  # it ends early
        pass
    return 1


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """A picture turned as its orientation says."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)
