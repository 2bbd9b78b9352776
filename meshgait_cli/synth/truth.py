"""The 3-D truth of a synthetic dataset: kept small on disk, made whole again when it is asked for.

`truth/<identity>.safetensors` holds, for each sequence `<type>/<view>`, what cannot be computed: 24 joints,
64 markers (float16, silhouette units), the phases, and the numbers that pose the body. The 6,890 vertices
follow from them (`SequenceTruth.body`) and are never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import MeshgaitError, SourceNotFound
from ..records import HEIGHT, BodySequence
from . import feet
from .camera import Camera
from .walkers import Identity, SyntheticSequence

__all__ = ["TRUTH", "SequenceTruth", "packed", "read_truth", "truth_of"]

TRUTH = "truth"  # folder of a dataset
_SHAPES = {
    "joints": (np.float16, (24, 3)),
    "markers": (np.float16, (64, 3)),
    "phases": (np.float32, ()),
    "rotations": (np.float32, (24, 3)),
    "root": (np.float32, (3,)),
    "transform": (np.float32, (3,)),
    "azimuths": (np.float32, ()),
}
_CAMERA = ("azimuth", "elevation", "roll", "distance", "drift", "pixels")


@dataclass(frozen=True, slots=True, eq=False)
class SequenceTruth:
    """One sequence's truth. joints T×24×3, markers T×64×3: in silhouette units, as `BodySequence` has them.
    phases: T radians. betas: 32. rotations: T×24×3 axis-angle. root: T×3 metres, the walker's way over the
    floor (y = 0; +z the heading). camera: six numbers as `Camera` names them. azimuths: T degrees. transform:
    T×3 (scale, left, top) from a picture of `canvas` (height, width) pixels; NaN where a frame shows nobody.
    """

    joints: NDArray[np.float16]
    markers: NDArray[np.float16]
    phases: NDArray[np.float32]
    rotations: NDArray[np.float32]
    root: NDArray[np.float32]
    transform: NDArray[np.float32]
    azimuths: NDArray[np.float32]
    betas: NDArray[np.float32]
    camera: NDArray[np.float32]
    canvas: NDArray[np.int32]

    def body(self, units: str = "silhouette") -> BodySequence:
        """The open body's vertices, joints and markers, computed anew.

        units: "silhouette", as the network is taught them, or "metres": the body walking over the floor.
        """
        import torch

        from ..body import open_body

        if units not in ("silhouette", "metres"):
            raise ValueError(f"units must be silhouette or metres, not {units!r}")
        model = open_body.load()
        shaped = model.shape(self.betas)
        root = torch.from_numpy(self.root) if units == "metres" else None
        posed = shaped.pose(torch.from_numpy(np.array(self.rotations)), root)
        points = torch.cat([posed.joints, posed.vertices], dim=1).double().numpy()
        if units == "silhouette":
            points = self._seen(points)
        joints, vertices = points[:, :24].astype(np.float32), points[:, 24:].astype(np.float32)
        faces = model.faces.numpy().astype(np.int32)
        return BodySequence(joints, vertices[:, open_body.marker_vertices()], vertices, faces, units)

    def _seen(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        camera = Camera(*(float(value) for value in self.camera))
        height, width = (int(side) for side in self.canvas)
        azimuths = self.azimuths.astype(np.float64)
        pixels, depth = camera.project_from(azimuths, points, points[:, 0], height, width)
        scale, left, top = self.transform.astype(np.float64).T[..., None]
        x = (pixels[..., 0] - left) * scale / HEIGHT - 0.5
        y = (pixels[..., 1] - top) * scale / HEIGHT - 0.5
        return np.stack([x, y, depth * scale / HEIGHT], axis=-1)


def truth_of(identity: Identity, sequence: SyntheticSequence) -> SequenceTruth:
    """The truth of a sequence that was just drawn."""
    walk = sequence.walk or feet.walk(identity.style, identity.betas, sequence.mood)
    root = walk.at(sequence.phases)
    root[:, 2] -= root[0, 2]
    camera = sequence.camera
    return SequenceTruth(
        joints=sequence.joints.astype(np.float16),
        markers=sequence.markers.astype(np.float16),
        phases=sequence.phases.astype(np.float32),
        rotations=sequence.rotations,
        root=root.astype(np.float32),
        transform=sequence.transform,
        azimuths=sequence.azimuths,
        betas=identity.betas.astype(np.float32),
        camera=np.array([getattr(camera, name) for name in _CAMERA], np.float32),
        canvas=np.array(sequence.canvas, np.int32),
    )


def packed(truths: dict[str, SequenceTruth]) -> bytes:
    """One identity's truth as a safetensors file: `<type>/<view>/<name>` for each sequence."""
    from safetensors.numpy import save

    arrays = {}
    for key, truth in truths.items():
        for name in SequenceTruth.__slots__:
            arrays[f"{key}/{name}"] = np.ascontiguousarray(getattr(truth, name))
    return save(arrays)


def read_truth(folder: Path, identity: str) -> dict[tuple[str, str], SequenceTruth]:
    """(type, view) → truth of one identity of the dataset in `folder`.

    Raises SourceNotFound where there is none, MeshgaitError where the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = Path(folder) / TRUTH / f"{identity}.safetensors"
    if not path.is_file():
        raise SourceNotFound(f"{folder} holds no 3-D truth of {identity}: there is no {path.name}")
    try:
        arrays = load_file(path)
        keys = sorted({name.rpartition("/")[0] for name in arrays})
        found = {}
        for key in keys:
            kind, view = key.split("/")
            parts = {name: arrays[f"{key}/{name}"] for name in SequenceTruth.__slots__}
            frames = len(parts["phases"])
            for name, (dtype, shape) in _SHAPES.items():
                if parts[name].shape != (frames, *shape) or parts[name].dtype != dtype:
                    raise ValueError(f"{name} is {parts[name].dtype} {parts[name].shape}")
            found[kind, view] = SequenceTruth(**parts)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise MeshgaitError(f"{path} is damaged ({said}): make the dataset again") from error
    return found
