"""The body that is put on the points that the network saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..records import SilhouetteSequence

if TYPE_CHECKING:
    from ..network.embed import Embedder

__all__ = ["BODIES", "Seen", "Skin", "Worn", "see", "skin_of"]

BODIES = ("open", "decoded", "smpl")
Worn = Callable[[NDArray[np.intp]], NDArray[np.float32]]  # rows of a walk to N×V×3


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A walk as the network saw it. joints: T×24×3 and markers: T×64×3, silhouette units, steady over time.
    confidences: T×88; None where a refiner has weighed them already. silhouettes: T×64×64."""

    joints: NDArray[np.float32]
    markers: NDArray[np.float32]
    confidences: NDArray[np.float32] | None
    silhouettes: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """faces: F×3 int32. wear: a walk to what gives the vertices of any of its frames, silhouette units."""

    faces: NDArray[np.int32]
    wear: Callable[[Seen], Worn]


def see(sequence: SilhouetteSequence, times: NDArray[np.float64], embedder: Embedder) -> Seen:
    """Decode every frame, choose between each body and its reflection, and correct them by one another (or
    steady them, where the network has no refiner).

    times: T seconds. Raises RenderError when the network has no 3-D branch.
    """
    from ..body.reflection import MIRROR, settle
    from ..network.refine import refined
    from .smooth import smooth, unbroken

    joints, markers, sure = embedder.points(sequence)
    confidences: NDArray[np.float32] | None = None
    points = np.concatenate([joints, markers], axis=1)
    refiner = embedder.refiner
    if refiner is None:
        # A silhouette alone does not tell left from right, near from far; the person's motion does.
        points, turned = settle(points)
        points = smooth(points, times)
        confidences = np.where(turned[:, None], sure[:, list(MIRROR)], sure)
    else:
        parts = unbroken(times)
        points = np.concatenate([refined(refiner, points[part], sure[part]) for part in parts])
    count = joints.shape[1]
    return Seen(points[:, :count], points[:, count:], confidences, sequence.silhouettes)


def skin_of(body: str, smpl_path: Path | None = None) -> Skin:
    """open: the open body, fitted to joints, markers and silhouettes. decoded: the mesh as the marker decoder
    gives it, frame by frame. smpl: the user's own SMPL body, fitted to joints and silhouettes. Raises
    BodyError for a bad file."""
    from ..body import open_body
    from ..body.person import fit_person

    if body == "smpl":
        from ..body import smpl

        assert smpl_path is not None
        theirs = smpl.load(smpl_path)

        def fitted_smpl(seen: Seen) -> Worn:
            sure = None if seen.confidences is None else seen.confidences[:, : seen.joints.shape[1]]
            return fit_person(theirs, seen.joints, silhouettes=seen.silhouettes, confidences=sure).vertices

        return Skin(np.asarray(theirs.faces, dtype=np.int32), fitted_smpl)
    own = open_body.load()
    faces = np.asarray(own.faces, dtype=np.int32)
    if body == "open":
        places = open_body.marker_vertices()

        def fitted(seen: Seen) -> Worn:
            return fit_person(
                own, seen.joints, seen.markers, places, seen.silhouettes, seen.confidences
            ).vertices

        return Skin(faces, fitted)
    matrix = open_body.marker_decoder()

    def decoded(seen: Seen) -> Worn:
        return lambda rows: np.einsum("tmc,mv->tvc", seen.markers[rows], matrix, optimize=True)

    return Skin(faces, decoded)
