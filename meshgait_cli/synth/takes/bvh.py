"""Biovision BVH: a tree of joints, then a line of numbers for each frame."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .skeleton import MotionError, Recording, text_of

__all__ = ["read_bvh"]

_MOST_JOINTS = 2000
_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}


def read_bvh(path: Path) -> Recording:
    """Read one take. MotionError, naming the file and what is wrong, for anything that is no BVH."""
    text = text_of(path)
    head, motion, tail = text.partition("MOTION")
    if not motion or "HIERARCHY" not in head:
        raise MotionError(f"{path} is no BVH file: HIERARCHY or MOTION is missing")
    try:
        names, parents, offsets, channels = _tree(head)
        frames, rate = _frames(tail, sum(len(kinds) for kinds in channels))
    except (ValueError, IndexError) as error:
        raise MotionError(f"{path} is damaged: {_said(error)}") from error
    turned = np.empty((len(frames), len(names), 3, 3))
    root = np.zeros((len(frames), 3))
    column = 0
    for joint, kinds in enumerate(channels):
        values = frames[:, column : column + len(kinds)]
        column += len(kinds)
        spins = [k for k, kind in enumerate(kinds) if kind.endswith("rotation")]
        # Upper case turns about the moving axes, in the order in which the channels stand.
        order = "".join(kinds[k][0] for k in spins)
        own = np.tile(np.eye(3), (len(frames), 1, 1))
        if order:
            own = Rotation.from_euler(order, values[:, spins], degrees=True).as_matrix().reshape(-1, 3, 3)
        turned[:, joint] = own if parents[joint] < 0 else turned[:, parents[joint]] @ own
        if parents[joint] < 0:
            for k, kind in enumerate(kinds):
                if kind.endswith("position"):
                    root[:, "XYZ".index(kind[0])] = values[:, k]
    return Recording(
        tuple(names), tuple(parents), np.array(offsets), turned, root, rate, path.stem.partition("_")[0]
    )


def _tree(head: str) -> tuple[list[str], list[int], list[list[float]], list[list[str]]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    open_joints: list[int] = []  # −1 for an end site
    coming: int | None = None
    words = iter(head.split())
    next(words)
    for word in words:
        if word in ("ROOT", "JOINT"):
            if word == "ROOT" and names:
                raise ValueError("it has more than one root")
            if word == "JOINT" and (not open_joints or open_joints[-1] < 0):
                raise ValueError("a joint stands outside the tree")
            names.append(next(words, ""))
            parents.append(open_joints[-1] if open_joints else -1)
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
            coming = len(names) - 1
            if len(names) > _MOST_JOINTS:
                raise ValueError(f"it has more than {_MOST_JOINTS} joints")
        elif word == "End":
            next(words, None)
            coming = -1
        elif word == "{":
            if coming is None:
                raise ValueError("a brace opens nothing")
            open_joints.append(coming)
            coming = None
        elif word == "}":
            open_joints.pop()
        elif word == "OFFSET":
            numbers = [float(value) for value in islice(words, 3)]
            if len(numbers) < 3 or not np.isfinite(numbers).all():
                raise ValueError("an OFFSET has no three numbers")
            if open_joints[-1] >= 0:
                offsets[open_joints[-1]] = numbers
        elif word == "CHANNELS":
            kinds = list(islice(words, int(next(words, "0"))))
            if not set(kinds) <= _CHANNELS or len(set(kinds)) != len(kinds) or open_joints[-1] < 0:
                raise ValueError(f"unknown channels {' '.join(kinds)[:40]}")
            channels[open_joints[-1]] = kinds
        else:
            raise ValueError(f"{word[:20]!r} has no place in the tree")
    if open_joints or not names:
        raise ValueError("the tree of joints does not end")
    return names, parents, offsets, channels


def _frames(tail: str, columns: int) -> tuple[np.ndarray, float]:
    lines = iter(tail.splitlines())
    count = step = None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "Frames":
            count = int(value)
        elif name.strip() == "Frame Time":
            step = float(value)
            break
    if count is None or step is None or not 1e-4 < step < 1:
        raise ValueError("Frames or Frame Time is missing, or makes no sense")
    rows = [line.split() for line in lines if line.strip()]
    if len(rows) < count:
        raise ValueError(f"it says {count} frames and holds {len(rows)}: it was cut off")
    if any(len(row) != columns for row in rows[:count]):
        raise ValueError(f"a frame has not {columns} numbers")
    values = np.array(rows[:count], dtype=np.float64).reshape(count, columns)
    if not np.isfinite(values).all() or count < 2:
        raise ValueError("it holds no motion, or numbers that are not finite")
    return values, 1 / step


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
