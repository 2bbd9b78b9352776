"""Recorded motion of any skeleton, and which of its joints stand for the 24 that bodies here have."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshgaitError

__all__ = ["LIMIT_BYTES", "MotionError", "Recording", "roles_of", "text_of"]

LIMIT_BYTES = 512 << 20  # a text file larger than that is no take
Array = NDArray[np.float64]


class MotionError(MeshgaitError):
    """A motion file that is damaged, or holds no walking human. The message names the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One take of one skeleton, in its own units and axes.

    names: J joint names, parents before children. parents: J, −1 for the root. offsets: J×3 from the parent
    at rest. turned: T×J×3×3 rotations of each joint from rest, in the world. root: T×3 path of the root.
    rate: frames a second. who: what tells one person's takes from another's.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    turned: Array
    root: Array
    rate: float
    who: str

    def rest(self) -> Array:
        """J×3 joints at rest, the root at nought."""
        placed = np.zeros((len(self.names), 3))
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                placed[joint] = placed[parent] + self.offsets[joint]
        return placed

    def placed(self) -> Array:
        """T×J×3 joints relative to the root."""
        placed = np.zeros((len(self.turned), len(self.names), 3))
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                placed[:, joint] = placed[:, parent] + self.turned[:, parent] @ self.offsets[joint]
        return placed


# What the 24 joints are called in the skeletons that people have: CMU's, Mixamo's, LAFAN1's, Biovision's.
_NAMES = {
    0: ("hips", "hip", "pelvis", "root"),
    1: ("leftupleg", "lefthip", "leftthigh", "lfemur", "leftupperleg", "lhip", "lthigh"),
    4: ("leftleg", "leftknee", "leftshin", "leftcalf", "ltibia", "leftlowerleg", "lknee", "lshin"),
    7: ("leftfoot", "leftankle", "lfoot", "lankle"),
    10: ("lefttoebase", "lefttoe", "lefttoes", "ltoes", "ltoe", "leftball"),
    12: ("neck", "neck1", "lowerneck"),
    15: ("head",),
    13: ("leftcollar", "leftclavicle", "lclavicle", "lcollar", "leftshoulder"),
    16: ("leftarm", "leftupperarm", "lhumerus", "leftuparm", "lshoulder", "leftshoulder"),
    18: ("leftforearm", "leftelbow", "leftlowerarm", "lradius", "lelbow", "leftlowarm"),
    20: ("lefthand", "leftwrist", "lhand", "lwrist"),
}
_NEEDED = (0, 1, 2, 4, 5, 7, 8)
_MIRROR = {1: 2, 4: 5, 7: 8, 10: 11, 13: 14, 16: 17, 18: 19, 20: 21}
_SPINE = (3, 6, 9)


def roles_of(names: tuple[str, ...], parents: tuple[int, ...]) -> dict[int, int]:
    """SMPL joint → joint of the skeleton, by name, for those that it has. MotionError without legs."""
    plain = {_plain(name): index for index, name in reversed(list(enumerate(names)))}
    roles: dict[int, int] = {}
    for role, known in _NAMES.items():
        for side in (role, _MIRROR[role]) if role in _MIRROR else (role,):
            for name in known:
                wanted = name if side == role else _right(name)
                if wanted in plain and plain[wanted] not in roles.values():
                    if role == 13 and name == "leftshoulder" and not _has_arm(plain):
                        continue  # a skeleton whose shoulder is the upper arm itself
                    roles[side] = plain[wanted]
                    break
    missing = [role for role in _NEEDED if role not in roles]
    if missing:
        raise MotionError(
            f"its joints have no names that say hips, knees and ankles: {', '.join(names[:8])}…"
        )
    roles.update(_spine(roles, parents))
    return roles


def _spine(roles: dict[int, int], parents: tuple[int, ...]) -> dict[int, int]:
    """The joints between the pelvis and the neck (or the arms), dealt to SMPL's three."""
    end = next((roles[role] for role in (12, 13, 14, 16, 17, 15) if role in roles), None)
    chain: list[int] = []
    while end is not None and parents[end] >= 0 and parents[end] != roles[0]:
        end = parents[end]
        chain.insert(0, end)
    if end is None or parents[end] != roles[0]:
        return {}
    if not chain:
        return {}
    return {role: chain[round(k * (len(chain) - 1) / 2)] for k, role in enumerate(_SPINE)}


def _has_arm(plain: dict[str, int]) -> bool:
    return any(name in plain for name in _NAMES[16] if name not in ("leftshoulder", "lshoulder"))


def _plain(name: str) -> str:
    """mixamorig:LeftUpLeg → leftupleg; Left_Knee → leftknee; Knee.L → leftknee; thigh_r → rightthigh."""
    name = name.rsplit(":", 1)[-1]
    side = re.fullmatch(r"(.+?)[._ ]([lLrR])", name)
    if side:
        name = ("left" if side.group(2) in "lL" else "right") + side.group(1)
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _right(name: str) -> str:
    return "right" + name[4:] if name.startswith("left") else "r" + name[1:]


def text_of(path: object) -> str:
    """A text file's content. MotionError where it cannot be read or is too large."""
    from pathlib import Path

    file = Path(str(path))
    try:
        if file.stat().st_size > LIMIT_BYTES:
            raise MotionError(f"{file} is larger than 512 MB: split it")
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise MotionError(f"cannot read {file}: {error.strerror or error}") from error
