"""How far the bodies that a network sees lie from the true ones of a synthetic dataset, in millimetres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..body import open_body
from ..body.model import JOINT_NAMES
from ..body.reflection import reflected
from ..datasets.silhouettes import read_place
from ..errors import MeshgaitError, SourceNotFound
from ..evaluation.body import procrustes, root_aligned
from ..evaluation.bootstrap import mean_interval
from ..network.embed import Embedder
from ..render.skin import see
from .labels import LABELS_FILE, read_labels
from .truth import SequenceTruth, read_truth

__all__ = ["BodyFigures", "judge_bodies"]

_WAYS = ("root-aligned", "Procrustes")
_POINTS = ("joints", "vertices")
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BodyFigures:
    """One network's errors, mm. people, sequences, frames: that were judged. values: "joints, root-aligned"
    and so on to mean and 95 % interval over people. joints: each one's mean, root-aligned and Procrustes."""

    model: str
    trained: bool
    people: int
    sequences: int
    frames: int
    values: dict[str, tuple[float, float, float]]
    joints: dict[str, tuple[float, float]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model, "trained": self.trained, "people": self.people, "sequences": self.sequences,
            "frames": self.frames, "millimetres": {name: list(value) for name, value in self.values.items()},
            "joints_millimetres": {name: list(value) for name, value in self.joints.items()},
        }  # fmt: skip


def judge_bodies(
    folder: Path,
    model: str | None = None,
    *,
    device: str = "auto",
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> BodyFigures:
    """Compare what a network sees in each silhouette of a dataset of `dataset.make_dataset` with its truth.

    As `render.skin.see` has them, corrected over the walk, not fitted. From far away a body and its mirror
    image in depth have one outline: the nearer counts. The mesh is decoded from the 64 markers. One
    silhouette height is taken for the stature, so perspective and cut feet are errors too. resamples,
    seed: of the bootstrap. progress: told sequences done, and how many there are.

    Raises SourceNotFound where there is no such dataset, MeshgaitError where it is damaged, RenderError for a
    network without a 3-D branch.
    """
    if not (folder / LABELS_FILE).is_file():
        raise SourceNotFound(f"{folder} holds no true bodies: make walkers with `meshgait synth --out`")
    rows = read_labels(folder)
    embedder = Embedder(model, device=device)
    body, decoder = open_body.load(), open_body.marker_decoder()
    errors: dict[str, list[Array]] = {f"{what}, {way}": [] for what in _POINTS for way in _WAYS}
    owners: list[int] = []
    truths: dict[tuple[str, str], SequenceTruth] = {}
    for done, row in enumerate(rows):
        if not owners or row["number"] != rows[done - 1]["number"]:
            truths = read_truth(folder, row["identity"])
        truth = truths.get((row["type"], row["view"]))
        path = folder / row["identity"] / row["type"] / row["view"] / f"{row['view']}.pkl"
        if truth is None or not path.is_file():
            raise MeshgaitError(f"{path} or its truth is missing: make the dataset again")
        there = np.isfinite(truth.transform[:, 0])
        sequence = read_place(path)[0]
        if len(sequence) != there.sum():
            raise MeshgaitError(f"{path} has {len(sequence)} frames, its truth {there.sum()}")
        seen = see(sequence, np.flatnonzero(there) / row["fps"], embedder)
        true = truth.body()
        mine = _nearer(np.concatenate([seen.joints, seen.markers], axis=1), true.joints[there])
        mesh = np.einsum("tmc,mv->tvc", mine[:, 24:], decoder, optimize=True)
        rest = body.shape(truth.betas).template[:, 1].numpy()
        stature = 1000 * float(np.ptp(rest))
        # Vertices too are measured from the pelvis, joint 0, which is put before them.
        pairs = {
            "joints": (mine[:, :24], true.joints[there]),
            "vertices": (
                np.concatenate([mine[:, :1], mesh], axis=1),
                np.concatenate([true.joints[there, :1], true.vertices[there]], axis=1),
            ),
        }
        for what, (own, theirs) in pairs.items():
            for way, distances in zip(_WAYS, (root_aligned, procrustes), strict=True):
                found = stature * distances(own, theirs)
                errors[f"{what}, {way}"].append(found if what == "joints" else found[:, 1:].mean(1))
        owners += [row["number"]] * len(mine)
        if progress is not None:
            progress(done + 1, len(rows))
    return _figures(embedder, errors, np.array(owners), len(rows), resamples, seed)


def _nearer(points: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """T×88×3: in each frame the body or its reflection, whose joints are nearer to the true T×24×3."""
    other = reflected(points)
    here, there = (root_aligned(each[:, :24], truth).mean(1) for each in (points, other))
    return np.where((there < here)[:, None, None], other, points)


def _figures(
    embedder: Embedder, errors: dict[str, list[Array]], owners: NDArray, count: int, resamples: int, seed: int
) -> BodyFigures:
    whole = {name: np.concatenate(found) for name, found in errors.items()}
    values = {}
    for name, found in whole.items():
        each = found if found.ndim == 1 else found.mean(1)
        values[name] = (float(each.mean()), *mean_interval(each, owners, resamples, seed))
    by_joint = zip(*(whole[f"joints, {way}"].mean(0).tolist() for way in _WAYS), strict=True)
    return BodyFigures(
        embedder.model_id, embedder.trained, len(np.unique(owners)), count, len(owners), values,
        dict(zip(JOINT_NAMES, by_joint, strict=True)),
    )  # fmt: skip
