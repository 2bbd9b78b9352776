"""OpenGait's .pkl files without the danger: only NumPy arrays come out, and no code runs."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SilhouetteError

__all__ = ["read_arrays"]

# All that a pickled array needs, under the names that NumPy 1 and 2 and pickle protocols 2 to 5 use.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),  # how protocol 2 writes bytes
}
_LIMIT = 4 << 30  # bytes


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_arrays(path: Path) -> list[np.ndarray]:
    """The array, or list of arrays, in a pickle. SilhouetteError for anything else, with what it was."""
    try:
        if path.stat().st_size > _LIMIT:
            raise SilhouetteError(f"{path} is larger than 4 GB: split it")
        with path.open("rb") as file:
            content = _Arrays(file).load()
    except SilhouetteError:
        raise
    except OSError as error:
        raise SilhouetteError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a hostile or cut pickle raises anything
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise SilhouetteError(f"{path} is not a pickle of NumPy arrays alone: {said}") from error
    arrays = content if isinstance(content, list | tuple) else [content]
    if not arrays or not all(isinstance(array, np.ndarray) and array.dtype != object for array in arrays):
        raise SilhouetteError(f"{path} does not hold NumPy arrays, but {type(content).__name__}")
    return list(arrays)
