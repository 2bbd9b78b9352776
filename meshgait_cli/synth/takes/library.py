"""A user's own takes as walkers whose manner new people are sampled around."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshgaitError, SourceNotFound
from .. import motion
from ..fit_motion import fourier, mirrored
from ..walkers import Identity
from .retarget import Motion24, cycles, retarget
from .skeleton import MotionError

__all__ = ["SUFFIXES", "Library", "read_library", "read_motions"]

SUFFIXES = (".amc", ".bvh", ".npz")
_SHARE = 0.7  # of the people who walk like somebody in the takes; the others come from the model alone
_AROUND = 0.35  # share of the model's own spread between people that is added to a recorded walker
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """K recorded walkers and their mirror images. extra: K×13×74 Fourier rows, what each differs by from the
    model's mean at the walker's own speed. speed: K leg lengths/s. cadence: K cycles/s. cycles: how many
    were read. skipped: one line for each file that holds no walk."""

    extra: NDArray[np.float32]
    speed: Array
    cadence: Array
    cycles: int
    skipped: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Equal for libraries that give the same people."""
        content = self.extra.tobytes() + self.speed.tobytes() + self.cadence.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def join(self, identity: Identity, rng: np.random.Generator) -> Identity:
        """The same person, but walking in the manner of one of the takes, or, at times, unchanged."""
        if rng.random() > _SHARE:
            return identity
        chosen = int(rng.integers(len(self.extra)))
        style = identity.style
        manner = replace(
            style,
            scores=style.scores * _AROUND,
            gain=1 + (style.gain - 1) * 0.5,
            offset=style.offset * 0.5,
            extra=self.extra[chosen].astype(np.float64),
            speed=float(np.clip(self.speed[chosen] * rng.normal(1, 0.06), 0.5, 2.5)),
            cadence=float(np.clip(self.cadence[chosen] * rng.normal(1, 0.03), 0.5, 1.4)),
        )
        return replace(identity, style=manner)


def read_library(folder: Path) -> Library:
    """Read every AMC (with its ASF), BVH and .npz below `folder`.

    .npz: `rotvec` T×24×3 (or T×72) and `root` T×3 at `rate` Hz (60 if missing), alone or as `<take>/rotvec`,
    y up, metres; or AMASS' `poses`, `trans` and `mocap_framerate`. Raises SourceNotFound where there is no
    such file, MotionError for one that is damaged, and where nobody walks in any.
    """
    folder = Path(folder)
    if not folder.exists():
        raise SourceNotFound(f"there is no {folder}")
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    files = [file for file in files if file.suffix.lower() in SUFFIXES and file.is_file()]
    if not files:
        raise SourceNotFound(f"{folder} holds no motion: looked for {', '.join(SUFFIXES)}")
    from ...body import open_body

    rest = open_body.load().rest_joints.double().numpy()
    people: dict[str, list[tuple[Array, float, float]]] = {}
    skipped = []
    for file in files:
        found = 0
        for taken in read_motions(file, rest):
            read = cycles(taken, rest)
            found += len(read)
            if read:
                people.setdefault(f"{file.parent}/{taken.who}", []).extend(read)
        if not found:
            skipped.append(f"{file.name}: no two steps straight ahead")
    if not people:
        raise MotionError(f"nobody walks straight ahead for two steps in the {len(files)} takes of {folder}")
    model = motion.load()
    extra, speeds, cadences = [], [], []
    for who in sorted(people):
        pace = float(np.mean([speed for _, _, speed in people[who]]))
        rate = float(np.mean([1 / period for _, period, _ in people[who]]))
        for mirror in (False, True):
            rows = np.mean([fourier(mirrored(c) if mirror else c) for c, _, _ in people[who]], axis=0)
            extra.append(rows - model.mean - (pace - model.speed[0]) * model.by_speed)
            speeds.append(pace)
            cadences.append(rate)
    count = sum(len(found) for found in people.values())
    return Library(np.array(extra, np.float32), np.array(speeds), np.array(cadences), count, tuple(skipped))


def read_motions(file: Path, rest: Array) -> list[Motion24]:
    """The takes of one file on the 24 joints. MotionError, naming the file, where it is damaged."""
    from .acclaim import read_amc
    from .bvh import read_bvh

    suffix = file.suffix.lower()
    if suffix == ".npz":
        from .arrays import read_npz

        return read_npz(file, rest)
    recording = read_bvh(file) if suffix == ".bvh" else read_amc(file)
    try:
        return [retarget(recording, rest)]
    except MotionError as error:
        raise MotionError(f"{file}: {error}") from error
    except (ValueError, FloatingPointError) as error:
        raise MeshgaitError(f"{file} holds a pose that is none: {str(error)[:80]}") from error
