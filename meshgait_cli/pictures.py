"""Pictures that other people made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_picture"]

_MOST = 256 << 20  # bytes: more is no picture, and a whole film need not be read to find that out


def read_picture(path: Path, flags: int) -> NDArray | None:
    """The picture in a file as `cv2.imread` gives it (BGR), None where there is none. Raises OSError."""
    import cv2

    with path.open("rb") as file:  # imread itself dies of a name that is not UTF-8
        content = file.read(_MOST)
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # a size that is made up
        return None
