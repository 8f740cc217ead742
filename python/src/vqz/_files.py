"""Files by name, as objects, or as bytes."""
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

Path = str | os.PathLike[str]
Source = Path | BinaryIO | bytes | bytearray | memoryview
"""A file name, an open binary file, or the bytes of a file."""

@contextmanager
def replacing(file: Path | BinaryIO) -> Iterator[BinaryIO]:
    """What is written to a name stands there when all of it is on the disk; after an error nothing has changed."""
    if not isinstance(file, (str, os.PathLike)):
        yield file
        return
    folder, name = os.path.split(os.fspath(file))
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(3)}")
    with open(temporary, "xb") as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
