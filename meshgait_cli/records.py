"""The typed records that cross a stage boundary. An array never travels naked between stages.

All are frozen and checked when they are made. Image coordinates are pixels, x to the right, y down,
the origin at the top-left corner of the upright (rotated) picture. Times are seconds from the start
of the video, as the file's own timestamps give them. Colours are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HEIGHT",
    "KEYPOINTS",
    "SIDE_CUT",
    "WIDTH",
    "BodySequence",
    "Detection",
    "Frame",
    "GaitEmbedding",
    "Match",
    "SilhouetteSequence",
    "Track",
    "TrackQuality",
]

HEIGHT = 64  # rows of a normalised silhouette
WIDTH = 44  # columns that the network reads: 64 less SIDE_CUT on either side
SIDE_CUT = 10  # columns cut from each side of a stored 64x64 silhouette
_MOST_FRAMES = 2**31 - 1  # as many as the files of embeddings can say
KEYPOINTS = 17  # COCO body keypoints, in COCO's order


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture.

    image: H×W×3 uint8 RGB, upright. index: 0-based position in the stream. time_s: timestamp.
    """

    image: NDArray[np.uint8]
    index: int
    time_s: float

    def __post_init__(self) -> None:
        _require(
            self.image.ndim == 3 and self.image.shape[2] == 3 and self.image.dtype == np.uint8,
            f"Frame.image must be H×W×3 uint8, not {self.image.shape} {self.image.dtype}",
        )
        _require(self.index >= 0, "Frame.index must not be negative")


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One person seen in one frame.

    box: (4,) float32 x1, y1, x2, y2 in pixels. score: 0-1.
    keypoints: 17×3 float32 (x, y, confidence) in COCO order, or None when the detector gives none.
    """

    box: NDArray[np.float32]
    score: float
    keypoints: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        _require(self.box.shape == (4,), f"Detection.box must have 4 numbers, not {self.box.shape}")
        _require(bool(np.isfinite(self.box).all()), "Detection.box must be finite")
        if self.keypoints is not None:
            _require(
                self.keypoints.shape == (KEYPOINTS, 3),
                f"Detection.keypoints must be 17×3, not {self.keypoints.shape}",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person over time: what the tracker says, before anybody looks at silhouettes.

    frames: T int, increasing frame indices. times: T float64 seconds. boxes: T×4 float32 pixels.
    scores: T float32. keypoints: T×17×3 float32 (NaN where the detector gave none).
    appearance: T×A float32, a small clothing-colour descriptor used only to tell people apart
    while they are followed within one video; it never reaches an embedding.
    """

    id: int
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    appearance: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.frames)
        _require(self.boxes.shape == (n, 4), f"Track.boxes must be {n}×4, not {self.boxes.shape}")
        _require(self.keypoints.shape == (n, KEYPOINTS, 3), f"Track.keypoints: {self.keypoints.shape}")
        for name in ("times", "scores", "appearance"):
            _require(len(getattr(self, name)) == n, f"Track.{name} must have {n} rows")
        _require(bool((np.diff(self.frames) > 0).all()), "Track.frames must increase")

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, slots=True)
class TrackQuality:
    """How good a gait sample a track is, and why not where it is not.

    usable: whether the track may be embedded and matched. reasons: one short sentence each, for a
    person to read; empty when usable. score: 0-1, for weighting. height_px: median person height.
    cut_fraction: share of frames cut by the picture's border. complete_fraction: share of frames with
    a whole mask. overlap_fraction: share of frames in which another person's box covers this one.
    walking_fraction: share of frames in which the person walks. gait_cycles: full cycles (two steps)
    seen while walking. silhouettes: number of frames with a usable silhouette.
    """

    usable: bool
    reasons: tuple[str, ...]
    score: float
    height_px: float
    cut_fraction: float
    complete_fraction: float
    overlap_fraction: float
    walking_fraction: float
    gait_cycles: float
    silhouettes: int

    def __post_init__(self) -> None:
        _require(0.0 <= self.score <= 1.0, f"TrackQuality.score must be 0-1, not {self.score}")
        _require(self.usable == (not self.reasons), "TrackQuality.reasons must say why, and only then")


@dataclass(frozen=True, slots=True, eq=False)
class SilhouetteSequence:
    """The normalised silhouettes of one person.

    silhouettes: T×64×64 uint8, 0-255, person white, as OpenGait stores them (grey edges kept).
    frames: T int64 frame indices. times: T float64 seconds.
    transform: T×3 float32 (scale, left, top), which maps a picture point (x, y) to the silhouette
    column scale·(x − left) and row scale·(y − top); NaN rows where the picture is not known
    (silhouettes that were read from disk).
    """

    silhouettes: NDArray[np.uint8]
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    transform: NDArray[np.float32]
    name: str = ""

    def __post_init__(self) -> None:
        n = len(self.silhouettes)
        _require(
            self.silhouettes.shape == (n, HEIGHT, HEIGHT) and self.silhouettes.dtype == np.uint8,
            f"SilhouetteSequence.silhouettes must be T×64×64 uint8, not "
            f"{self.silhouettes.shape} {self.silhouettes.dtype}",
        )
        for name, shape, kinds in (("frames", (n,), "iu"), ("times", (n,), "f"), ("transform", (n, 3), "f")):
            array = getattr(self, name)
            _require(
                array.shape == shape and array.dtype.kind in kinds,
                f"SilhouetteSequence.{name} must be {'×'.join(map(str, shape))} numbers, not "
                f"{array.shape} {array.dtype}",
            )

    def __len__(self) -> int:
        return len(self.silhouettes)

    @property
    def cropped(self) -> NDArray[np.uint8]:
        """T×64×44 uint8: what the network reads (10 columns cut from each side)."""
        return self.silhouettes[:, :, SIDE_CUT:-SIDE_CUT]

    @classmethod
    def from_arrays(cls, silhouettes: NDArray[np.uint8], name: str = "") -> SilhouetteSequence:
        """A sequence that came without a picture: T×64×64, or T×64×44 (padded back to 64 columns)."""
        if silhouettes.ndim == 3 and silhouettes.shape[2] == WIDTH:
            silhouettes = np.pad(silhouettes, ((0, 0), (0, 0), (SIDE_CUT, SIDE_CUT)))
        n = len(silhouettes)
        return cls(
            silhouettes=silhouettes,
            frames=np.arange(n, dtype=np.int64),
            times=np.full(n, np.nan),
            transform=np.full((n, 3), np.nan, dtype=np.float32),
            name=name,
        )


@dataclass(frozen=True, slots=True, eq=False)
class GaitEmbedding:
    """The identity features of one sequence: personal, biometric data; treat it so.

    values: parts×dim float32 (not normalised). model_id: name@sha256 of the network that made it;
    embeddings of different models are never compared. trained: False when that network's weights
    are untrained. frames: number of silhouettes pooled. quality: 0-1, or NaN when not known.
    """

    values: NDArray[np.float32]
    model_id: str
    trained: bool
    frames: int
    quality: float = float("nan")

    def __post_init__(self) -> None:
        _require(
            self.values.ndim == 2 and self.values.dtype == np.float32,
            f"GaitEmbedding.values must be parts×dim float32, not {self.values.shape} {self.values.dtype}",
        )
        _require(bool(np.isfinite(self.values).all()), "GaitEmbedding.values must be finite")
        _require(0 <= self.frames <= _MOST_FRAMES, f"GaitEmbedding.frames cannot be {self.frames}")
        _require(
            np.isnan(self.quality) or 0.0 <= self.quality <= 1.0,
            f"GaitEmbedding.quality must be 0-1, not {self.quality}",
        )


@dataclass(frozen=True, slots=True, eq=False)
class BodySequence:
    """The 3-D body over time.

    joints: T×24×3 (SMPL's order), markers: T×64×3, vertices: T×V×3, all float32; faces: F×3 int32.
    units "silhouette": one unit is the height of the silhouette; x to the right, y down, both from the
    centre of the 64×64 silhouette; z away from the camera, relative to the pelvis.
    units "metres": y up, x to the person's left, z forward.
    """

    joints: NDArray[np.float32]
    markers: NDArray[np.float32]
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    units: str = "silhouette"

    def __post_init__(self) -> None:
        n = len(self.joints)
        _require(self.units in ("silhouette", "metres"), f"BodySequence.units: {self.units!r}")
        _require(self.joints.shape == (n, 24, 3), f"BodySequence.joints must be T×24×3: {self.joints.shape}")
        _require(
            self.markers.shape == (n, 64, 3), f"BodySequence.markers must be T×64×3: {self.markers.shape}"
        )
        _require(
            self.vertices.ndim == 3 and self.vertices.shape[::2] == (n, 3), "BodySequence.vertices: T×V×3"
        )
        _require(self.faces.ndim == 2 and self.faces.shape[1] == 3, "BodySequence.faces must be F×3")


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate identity for one query.

    distance: mean over parts of the per-part L2 distance (smaller is more alike).
    margin: distance of the next identity minus this one, NaN for the last. sequence: the gallery
    sequence that gave the distance. probability, accepted: None until the gallery is calibrated.
    """

    identity: str
    distance: float
    margin: float
    sequence: str = ""
    probability: float | None = None
    accepted: bool | None = None
    extra: dict[str, Any] = field(default_factory=dict)
