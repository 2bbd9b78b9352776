"""Acclaim ASF/AMC: the skeleton in one file, shared by a person's takes, the motion in another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .skeleton import MotionError, Recording, text_of

__all__ = ["read_amc"]

RATE = 120.0  # frames a second; an AMC file does not say, and CMU's are that
_AXES = {"rx": 0, "ry": 1, "rz": 2}


@dataclass(frozen=True, slots=True, eq=False)
class _Bone:
    direction: np.ndarray
    axis: np.ndarray
    dof: tuple[str, ...]


def read_amc(path: Path, skeleton: Path | None = None, rate: float = RATE) -> Recording:
    """Read one take. skeleton: its .asf; None to find it beside the take (16.asf for 16_22.amc).

    MotionError, naming the file and what is wrong, for anything that is damaged.
    """
    file = skeleton or _skeleton_of(path)
    try:
        bones, tree, order = _asf(text_of(file))
    except (ValueError, IndexError, KeyError) as error:
        raise MotionError(f"{file} is damaged: {_said(error)}") from error
    try:
        frames = _amc(text_of(path), bones, order)
    except (ValueError, IndexError, KeyError) as error:
        raise MotionError(f"{path} is damaged: {_said(error)}") from error
    names = ["root", *tree]
    parents = [-1] + [names.index(parent) for parent in tree.values()]
    turned = np.empty((len(frames["root"]), len(names), 3, 3))
    spins = [k for k, kind in enumerate(order) if kind in _AXES]
    # Acclaim turns about fixed axes, in the order given.
    letters = "".join(order[k][1] for k in spins)
    turned[:, 0] = Rotation.from_euler(letters, frames["root"][:, spins], degrees=True).as_matrix()
    root = frames["root"][:, [order.index(kind) for kind in ("tx", "ty", "tz")]]
    offsets = [np.zeros(3)]
    for joint, name in enumerate(names[1:], start=1):
        bone, parent = bones[name], parents[joint]
        angles = np.zeros((len(turned), 3))
        for k, kind in enumerate(bone.dof):
            if kind in _AXES:
                angles[:, _AXES[kind]] = frames[name][:, k] if name in frames else 0.0
        own = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        turned[:, joint] = turned[:, parent] @ (bone.axis @ own @ bone.axis.T)
        # A bone's direction leads to its end: that is where its children begin.
        offsets.append(np.zeros(3) if parent == 0 else bones[names[parent]].direction)
    return Recording(tuple(names), tuple(parents), np.array(offsets), turned, root, rate, file.stem)


def _skeleton_of(path: Path) -> Path:
    beside = {file.stem.lower(): file for file in path.parent.glob("*") if file.suffix.lower() == ".asf"}
    for stem in (path.stem.lower(), path.stem.rpartition("_")[0].lower()):
        if stem in beside:
            return beside[stem]
    if len(beside) == 1:
        return next(iter(beside.values()))
    wanted = f"{path.stem.rpartition('_')[0] or path.stem}.asf"
    raise MotionError(f"{path} needs its skeleton {wanted} beside it")


def _asf(text: str) -> tuple[dict[str, _Bone], dict[str, str], list[str]]:
    """Bones by name, child → parent in the tree's order, and the root's channels in order."""
    parts = dict(re.findall(r"^:(\w+)([^:]*(?:(?<!\n):[^:]*)*)", text, re.MULTILINE))
    for name in ("root", "bonedata", "hierarchy"):
        if name not in parts:
            raise ValueError(f"the section :{name} is missing")
    line = re.search(r"^\s*order\s+(.*)$", parts["root"], re.MULTILINE)
    order = line.group(1).lower().split() if line else ["tx", "ty", "tz", "rx", "ry", "rz"]
    if sorted(order) != ["rx", "ry", "rz", "tx", "ty", "tz"]:
        raise ValueError("the root's order is not TX TY TZ RX RY RZ in some order")
    bones = {}
    for block in re.findall(r"\bbegin\b(.*?)\bend\b", parts["bonedata"], re.DOTALL):
        fields = {words[0]: words[1:] for row in block.splitlines() if (words := row.split())}
        axis = Rotation.from_euler("xyz", [float(v) for v in fields["axis"][:3]], degrees=True).as_matrix()
        direction = np.array([float(value) for value in fields["direction"][:3]])
        length = float(fields["length"][0])
        if direction.shape != (3,) or not np.isfinite([*direction, length]).all():
            raise ValueError(f"bone {fields['name'][0]} has no direction or length")
        dof = tuple(kind.lower() for kind in fields.get("dof", []))
        bones[fields["name"][0]] = _Bone(direction * length, axis, dof)
    tree: dict[str, str] = {}
    for row in parts["hierarchy"].splitlines():
        words = row.split()
        if len(words) < 2 or words[0] in ("begin", "end"):
            continue
        if words[0] != "root" and words[0] not in tree:
            raise ValueError(f"the hierarchy names {words[0][:20]!r} before its parent")
        for child in words[1:]:
            if child not in bones or child in tree:
                raise ValueError(f"the hierarchy names {child[:20]!r}, which is no bone, or twice")
            tree[child] = words[0]
    if not tree:
        raise ValueError("the hierarchy is empty")
    return bones, tree, order


def _amc(text: str, bones: dict[str, _Bone], order: list[str]) -> dict[str, np.ndarray]:
    """Bone → T×dof numbers. A last frame that was cut off is an error, not a short take."""
    width = {"root": len(order), **{name: len(bone.dof) for name, bone in bones.items() if bone.dof}}
    rows: dict[str, list[list[float]]] = {}
    count = 0
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            count += 1
            continue
        name = words[0]
        if name not in width or len(words) - 1 != width[name]:
            raise ValueError(f"frame {count}: {name[:20]!r} is not in the skeleton, or has other numbers")
        rows.setdefault(name, []).append([float(word) for word in words[1:]])
    if count < 2 or "root" not in rows:
        raise ValueError("it holds no frames")
    short = next((name for name, values in rows.items() if len(values) != count), None)
    if short is not None:
        raise ValueError(f"{short} is in {len(rows[short])} of {count} frames: it was cut off")
    frames = {name: np.array(values) for name, values in rows.items()}
    if not all(np.isfinite(values).all() for values in frames.values()):
        raise ValueError("numbers are not finite")
    return frames


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
