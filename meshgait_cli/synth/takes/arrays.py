"""Motion that is on SMPL's joints already: arrays in an .npz."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...errors import DAMAGED_ARRAYS
from .retarget import Motion24
from .skeleton import LIMIT_BYTES, MotionError

__all__ = ["read_npz"]

_RATE = 60.0  # frames a second, where the file does not say
_BODY = 22  # joints of AMASS' poses that are the body's; hands follow
Array = NDArray[np.float64]


def read_npz(path: Path, rest: Array) -> list[Motion24]:
    """Every take of a file; see `library.read_library` for the names. MotionError for anything else."""
    leg = float(rest[0, 1] - rest[[7, 8], 1].mean())
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > LIMIT_BYTES:
                raise MotionError(f"{path} unfolds to more than 512 MB: split it")
        with np.load(path, allow_pickle=False) as data:
            if {"poses", "trans"} <= set(data.files):
                return [_amass(data["poses"], data["trans"], _rate(data, "mocap_framerate"), leg, path)]
            found = []
            for name in sorted(data.files):
                take, _, kind = name.rpartition("/")
                if kind == "rotvec":
                    root = f"{take}/root" if take else "root"
                    rate = _rate(data, f"{take}/rate" if take else "rate")
                    found.append(_take(data[name], data[root], rate, leg, path, take or path.stem))
    except MotionError:
        raise
    except DAMAGED_ARRAYS as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise MotionError(f"{path} is not an .npz of motion, or is damaged: {said}") from error
    if not found:
        raise MotionError(f"{path} holds neither rotvec and root nor AMASS' poses and trans")
    return found


def _rate(data: np.lib.npyio.NpzFile, name: str) -> float:
    rate = float(data[name]) if name in data.files else _RATE
    if not 10 <= rate <= 1000:
        raise ValueError(f"{name} is {rate}: frames a second are 10 to 1000")
    return rate


def _take(rotvec: NDArray, root: NDArray, rate: float, leg: float, path: Path, name: str) -> Motion24:
    rotations = np.asarray(rotvec, dtype=np.float64).reshape(len(rotvec), -1, 3)
    path_of = np.asarray(root, dtype=np.float64)
    if rotations.shape[1] != 24 or path_of.shape != (len(rotations), 3) or len(rotations) < 2:
        raise ValueError(f"{name}: rotvec is T×24×3 and root T×3, not {rotvec.shape} and {root.shape}")
    if not (np.isfinite(rotations).all() and np.isfinite(path_of).all()):
        raise ValueError(f"{name}: numbers are not finite")
    return Motion24(rotations, path_of, leg, rate, f"{path.stem}/{name.partition('_')[0]}")


def _amass(poses: NDArray, trans: NDArray, rate: float, leg: float, path: Path) -> Motion24:
    """AMASS: axis-angle of SMPL-H's joints, the body's first; z up."""
    body = np.asarray(poses, dtype=np.float64)[:, : _BODY * 3]
    if body.shape[1] != _BODY * 3:
        raise ValueError(f"poses are T×{_BODY * 3} or wider, not {poses.shape}")
    rotations = np.zeros((len(body), 24, 3))
    rotations[:, :_BODY] = body.reshape(len(body), _BODY, 3)
    upright = Rotation.from_rotvec([-np.pi / 2, 0, 0])
    rotations[:, 0] = (upright * Rotation.from_rotvec(rotations[:, 0])).as_rotvec()
    return _take(rotations, upright.apply(np.asarray(trans, np.float64)), rate, leg, path, path.stem)
