"""What a synthetic dataset holds: who walks how often, in which condition, seen from where."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import UsageError
from .camera import sample_camera
from .faults import SEVERITIES
from .feet import Walk
from .takes.library import Library
from .walkers import Identity, SyntheticSequence, make_identity, render_sequence
from .wardrobe import OUTFITS

__all__ = ["CONDITIONS", "FORMATS", "SynthSettings", "Take", "folder_of", "identity_of", "render", "takes_of"]

FORMATS = ("opengait", "arrays")
CONDITIONS = ("nm", "bg", "cl")  # as CASIA-B names them: normal, with a bag, in other clothes
ROUND = 360  # degrees
_WALK_STREAM, _VIEW_STREAM, _LIBRARY_STREAM = 4, 5, 6  # of random numbers; 0-3 belong to walkers and corpus
_MOST = 99  # walks in a condition: the folder's name has two digits


@dataclass(frozen=True, slots=True)
class SynthSettings:
    """What decides the content of a dataset, apart from how many identities it has.

    seed: of the population. frames: of each sequence. sequences: walks of each identity in each condition
    (arrays: in all). conditions: of `CONDITIONS`, one may say its own number of walks: "nm:6". views: a
    number of cameras evenly round the walker, or "random" (one at random; "random:3" three). severity: of the
    segmentation faults, None to draw one each time. planted: feet that neither slide nor drag (`feet`); None
    for yes in the tree, no in the arrays.
    """

    seed: int = 0
    frames: int = 40
    sequences: int = 2
    conditions: tuple[str, ...] = CONDITIONS
    views: str = "random"
    severity: str | None = None
    format: str = "opengait"
    planted: bool | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UsageError(f"unknown format {self.format!r}: use {' or '.join(FORMATS)}")
        if self.severity is not None and self.severity not in SEVERITIES:
            raise UsageError(f"unknown severity {self.severity!r}: use {', '.join(SEVERITIES)}")
        if self.seed < 0 or self.seed >= 2**63:
            raise UsageError("the seed must be a whole number from 0 to 2⁶³ − 1")
        if not 1 <= self.frames <= 10_000:
            raise UsageError(f"a sequence has 1 to 10,000 frames, not {self.frames}")
        if not 1 <= self.sequences <= _MOST:
            raise UsageError(f"--sequences goes from 1 to {_MOST}, not {self.sequences}")
        self.walks()
        self.cameras()

    @property
    def plants(self) -> bool:
        """Whether feet are planted."""
        return self.format == "opengait" if self.planted is None else self.planted

    def walks(self) -> list[tuple[str, int]]:
        """(condition, number from 1) of each walk of an identity. UsageError for what is no condition."""
        found: list[tuple[str, int]] = []
        names = []
        for item in self.conditions:
            name, _, count = item.partition(":")
            if name not in CONDITIONS or name in names:
                raise UsageError(
                    f"conditions are {', '.join(CONDITIONS)}, each once, perhaps with a number as in nm:6; "
                    f"not {item!r}"
                )
            if count and not (count.isascii() and count.isdigit() and 1 <= int(count) <= _MOST):
                raise UsageError(f"{item!r}: a condition has 1 to {_MOST} walks")
            names.append(name)
            found += [(name, k + 1) for k in range(int(count) if count else self.sequences)]
        if not found:
            raise UsageError(f"name at least one condition of {', '.join(CONDITIONS)}")
        return found

    def cameras(self) -> list[float | None]:
        """The azimuth of each view, None for one that is drawn. UsageError for what is no view."""
        match = re.fullmatch(r"(random)(?::(\d{1,3}))?|(\d{1,3})", self.views)
        count = int(match.group(2) or match.group(3) or 1) if match else 0
        if match is None or not 1 <= count <= ROUND:
            raise UsageError(
                f"--views is a number of cameras (1 to {ROUND}), random, or random:N; not {self.views!r}"
            )
        return [None] * count if match.group(1) else [k * ROUND / count for k in range(count)]

    def record(self) -> dict[str, Any]:
        """As plain values, for a manifest."""
        return {**asdict(self), "conditions": list(self.conditions)}


@dataclass(frozen=True, slots=True)
class Take:
    """One sequence to make: walk `walk` of an identity, of `type` (nm-01), from `view` (a folder's name)."""

    walk: int
    camera: int
    condition: str
    type: str
    view: str
    azimuth: float | None


def folder_of(number: int) -> str:
    """The folder's name of identity `number`."""
    return f"{number:05d}"


def takes_of(settings: SynthSettings) -> list[Take]:
    """The sequences of each identity, in order. A view is named by its azimuth, a drawn one by its number."""
    takes = []
    for walk, (condition, k) in enumerate(settings.walks()):
        for camera, azimuth in enumerate(settings.cameras()):
            view = f"r{camera:02d}" if azimuth is None else f"{round(azimuth):03d}"
            takes.append(Take(walk, camera, condition, f"{condition}-{k:02d}", view, azimuth))
    return takes


def identity_of(settings: SynthSettings, number: int, library: Library | None = None) -> Identity:
    """Person `number`: that of `make_identity`, or, with takes of one's own, one who walks like those."""
    identity = make_identity(settings.seed, number)
    if library is None:
        return identity
    return library.join(identity, np.random.default_rng([settings.seed, number, _LIBRARY_STREAM]))


def render(
    settings: SynthSettings, identity: Identity, take: Take, walk: Walk | None = None
) -> SyntheticSequence:
    """Draw one sequence; the same for the same settings, identity and take, whatever was drawn before.

    All cameras of a walk see the same walk at the same times, each with segmentation faults of its own. walk:
    the feet as another camera's sequence of this walk has them; it only saves the time to find them.
    """
    own = np.random.default_rng([settings.seed, identity.number, _WALK_STREAM, take.walk])
    view = np.random.default_rng([settings.seed, identity.number, _VIEW_STREAM, take.walk, take.camera])
    outfit = 0 if take.condition != "cl" else int(own.integers(1, OUTFITS))
    return render_sequence(
        identity,
        own,
        settings.frames,
        camera=sample_camera(view, speed=identity.style.speed * 0.85, given=take.azimuth),
        severity=settings.severity,
        outfit=outfit,
        carrying=take.condition == "bg",
        fault_rng=view,
        planted=walk or settings.plants,
    )
