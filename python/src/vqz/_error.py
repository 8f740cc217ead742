"""What goes wrong in the library."""


class Error(Exception):
    """An error of the C library. ``str()`` names the thing and the reason."""

    code: int
    """The number of the status in vqz.h; it never changes."""
    name: str
    """Its name there, such as ``"VQZ_ERR_TRUNCATED"``."""
    offset: int | None
    """The offset in the file that the error is about, where there is one."""
    text: str

    def __init__(self, code: int, name: str, offset: int | None, text: str) -> None:
        super().__init__(code, name, offset, text)  # so that it can be pickled, and raised in another process
        self.code, self.name, self.offset, self.text = code, name, offset, text

    def __str__(self) -> str:
        return self.text if self.offset is None else f"at byte {self.offset}: {self.text}"
