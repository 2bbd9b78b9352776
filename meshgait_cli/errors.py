"""Everything that meshgait raises on purpose.

    MeshgaitError                 something went wrong; the command line exits with 1
    ├── UsageError                what was asked for cannot be done as asked; exits with 2
    │   ├── SourceNotFound        a path, glob or camera that is not there
    │   └── DeviceError           a compute device that does not exist here
    ├── VideoError                a video that cannot be decoded (empty, damaged, no picture in it)
    ├── NoWalkerError             nobody in the video can be used as a gait sample
    ├── WeightsError              a model file that is missing, damaged or of the wrong kind
    │   └── ChecksumError         a file whose sha256 is not the registered one
    ├── SilhouetteError           silhouettes that cannot be read, or are not silhouettes
    ├── ResultError               a result directory that is damaged, incomplete or of another version
    ├── GalleryError              a gallery that is empty, or made by another model or version
    │   └── GalleryUnreadable     one that is damaged
    ├── BodyError                 a body model file that is missing or not in SMPL's format
    └── RenderError               nothing to draw, or no way to draw it

Every message is one line that says what is wrong and what to do about it. It is written for the
person at the terminal; the cause, where there is one, is chained with ``raise … from``.
"""

from __future__ import annotations

import zipfile
import zlib

__all__ = [
    "BodyError",
    "ChecksumError",
    "DeviceError",
    "GalleryError",
    "GalleryUnreadable",
    "MeshgaitError",
    "NoWalkerError",
    "RenderError",
    "ResultError",
    "SilhouetteError",
    "SourceNotFound",
    "UsageError",
    "VideoError",
    "WeightsError",
]


# Caught wherever arrays are read, never raised here: what numpy raises for a damaged or hostile .npy
# or .npz. A MemoryError is for a size that is made up.
DAMAGED_ARRAYS = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class MeshgaitError(Exception):
    """Base of every error below. `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(MeshgaitError):
    """The request itself cannot be met: a wrong option, name or combination."""

    exit_code = 2


class SourceNotFound(UsageError):
    """A path, glob or camera address that leads to nothing."""


class DeviceError(UsageError):
    """A compute device that is unknown, or not present on this machine."""


class VideoError(MeshgaitError):
    """A video that cannot be decoded."""


class NoWalkerError(MeshgaitError):
    """Nobody in the source can be used as a gait sample; the message says why."""


class WeightsError(MeshgaitError):
    """A model file that is missing, damaged or of the wrong kind."""


class ChecksumError(WeightsError):
    """A model file whose sha256 differs from the registered one. It is never loaded."""


class SilhouetteError(MeshgaitError):
    """Silhouettes that cannot be read, or that are not silhouettes."""


class ResultError(MeshgaitError):
    """A result directory that is damaged, incomplete or of another schema version."""


class GalleryError(MeshgaitError):
    """A gallery that is empty, unreadable, or made by another model or version."""


class GalleryUnreadable(GalleryError):
    """A gallery that is damaged."""


class BodyError(MeshgaitError):
    """A body model file that is missing, or not in SMPL's format."""


class RenderError(MeshgaitError):
    """Nothing to draw, or no way to draw it."""
