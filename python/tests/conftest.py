"""What the tests share: the program (VQZ, or build/vqz) to compare with, and pictures."""
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("VQZ", ROOT / "build" / "vqz"))


@pytest.fixture(scope="session")
def vqz_program() -> Callable[..., bytes]:
    """Runs vqz with these words and bytes; returns what it prints."""
    assert PROGRAM.exists(), f"{PROGRAM} is not there: build it, or name another one in VQZ"

    def run(*words: str | Path, stdin: bytes = b"") -> bytes:
        return subprocess.run([PROGRAM, *words], input=stdin, check=True, capture_output=True).stdout

    return run


def picture(channels: int = 3, width: int = 150, height: int = 100) -> np.ndarray:
    """Something with slopes, edges and noise; gray has no third axis."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(channels).integers(0, 12, (height, width))
    planes = [
        120 + 90 * np.sin(x / 17 + y / 31) + noise,
        np.where((x // 24 + y // 24) % 2, 200, 60) + noise,
        x * 200 // width + y * 50 // height,
        np.where(x > width // 3, 255, y * 255 // height),
    ]
    chosen = {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]
    pixels = np.stack([planes[i] for i in chosen], axis=2).clip(0, 255).astype(np.uint8)
    return pixels[:, :, 0] if channels == 1 else pixels


def pnm(pixels: np.ndarray) -> bytes:
    """The same picture as a PAM file."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = {1: "GRAYSCALE", 2: "GRAYSCALE_ALPHA", 3: "RGB", 4: "RGB_ALPHA"}[channels]
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
    return head.encode() + pixels.tobytes()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(float) - b) ** 2))))
