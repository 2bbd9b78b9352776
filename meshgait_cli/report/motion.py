"""Moving bodies, small enough to lie in a page.

A body has 6890 vertices but few ways to move: all frames of all bodies are written as mixtures of a few basis
shapes (a truncated singular value decomposition), which the page's viewer mixes again.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Motion", "pack", "unpack"]

TOLERANCE = 0.0015  # body heights, 2.5 mm of 1.7 m: the largest error of any vertex
MAX_BASIS = 64
_SAMPLED = 600  # rows that the basis is found from: x, y and z of 200 frames


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """One body over time. vertices: T×V×3, y up and z towards the viewer, in body heights, the ground at 0.
    seconds: T, from 0. lasting: seconds until it begins again."""

    vertices: NDArray[np.float32]
    seconds: NDArray[np.float64]
    lasting: float


def pack(motions: Sequence[Motion], faces: NDArray[np.integer]) -> dict[str, Any]:
    """For JSON: `faces` F×3 uint16, `basis` K×V int16 and each motion's `mixture` T×K×3 float32, all
    little-endian in base64."""
    if motions[0].vertices.shape[1] > 1 << 16:
        raise ValueError("a page's body has at most 65,536 vertices")
    rows = [_rows(motion.vertices) for motion in motions]
    basis = _basis(rows)
    scale = np.abs(basis).max(1, keepdims=True) / 32767
    stored = np.round(basis / scale).astype("<i2")
    bodies = []
    for motion, each in zip(motions, rows, strict=True):
        # what the page can mix is what was rounded
        mixture = np.linalg.lstsq(stored.T.astype(np.float64), each.T.astype(np.float64), rcond=None)[0]
        frames = mixture.T.reshape(len(motion.vertices), 3, -1).transpose(0, 2, 1)
        bodies.append(
            {
                "mixture": _text(frames.astype("<f4")),
                "seconds": [round(float(second), 4) for second in motion.seconds],
                "lasting": round(motion.lasting, 4),
            }
        )
    return {
        "vertices": stored.shape[1],
        "faces": _text(faces.astype("<u2")),
        "basis": _text(stored),
        "bodies": bodies,
    }


def unpack(packed: dict[str, Any], number: int) -> NDArray[np.float32]:
    """T×V×3 of one body, as the viewer makes it."""
    basis = np.frombuffer(base64.b64decode(packed["basis"]), "<i2").reshape(-1, packed["vertices"])
    mixture = np.frombuffer(base64.b64decode(packed["bodies"][number]["mixture"]), "<f4")
    return np.einsum("tkc,kv->tvc", mixture.reshape(-1, len(basis), 3), basis.astype(np.float32))


def _rows(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """T×V×3 to 3T×V."""
    return np.ascontiguousarray(vertices.transpose(0, 2, 1)).reshape(-1, vertices.shape[1])


def _basis(rows: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """As few orthonormal rows as give every vertex back, K×V."""
    everything = np.concatenate(rows)
    taken = np.unique(np.linspace(0, len(everything) - 1, _SAMPLED).round().astype(int))
    sample = everything[taken].astype(np.float64)
    power, turned = np.linalg.eigh(sample @ sample.T)
    order = [i for i in np.argsort(-power)[:MAX_BASIS] if power[i] > 1e-9 * power.max()]
    basis = (turned[:, order].T @ sample) / np.sqrt(power[order])[:, None]
    mixed = sample @ basis.T
    for count in range(4, len(basis), 4):
        if np.abs(mixed[:, :count] @ basis[:count] - sample).max() < TOLERANCE:
            return basis[:count]
    return basis


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
