"""vqz, a learned image codec whose files decode to the same pixels on every machine.

>>> import numpy as np, vqz
>>> data = vqz.encode(np.zeros((64, 64, 3), np.uint8), quality=60)
>>> vqz.decode(data).shape
(64, 64, 3)

`encode` and `decode` turn arrays of uint8 into files and back, `write` puts a file under its name when it is whole, `info`
reads headers, `frames` and `Writer` are for sequences. What is wrong with a file, or with settings, is an `Error`. Where Pillow
is installed, ``Image.open`` and ``Image.save`` know .vqz files after ``import vqz``. Any number of threads may call these
functions at the same time: they calculate without the interpreter's lock.
"""
from ._error import Error
from ._picture import decode, encode, info, write
from ._reader import Frame, Info
from ._sequence import Writer, frames
from ._settings import DecoderSettings, EncoderSettings, Metadata
from ._vqz import Model
from ._vqz import version as __version__

try:
    from . import _pillow as _pillow
except ModuleNotFoundError as _missing:
    if _missing.name != "PIL":
        raise

__all__ = [
    "DecoderSettings",
    "EncoderSettings",
    "Error",
    "Frame",
    "Info",
    "Metadata",
    "Model",
    "Writer",
    "__version__",
    "decode",
    "encode",
    "frames",
    "info",
    "write",
]
