"""Real walks to learn from: with names (OpenGait trees, arrays, masks), or without (results of `extract`).

Named ones may come with SMPL labels, all of them or some; of the others' bodies nothing is known.

Without names each track is a class of its own. Two windows of one track are one person; tracks that were seen
at the same time are two people; of all other pairs nothing is known, and nothing is asked
(`losses.known_pairs`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.silhouettes import Place, places, read_place
from ..errors import NoWalkerError, SilhouetteError, UsageError
from ..results.directory import Result
from .batches import Batch, People, Source, mirrored
from .smpl_labels import SmplTruth
from .traits import TRAITS
from .worsen import varied

__all__ = ["Mixed", "Walk", "WalkBatches", "walks_of_results", "walks_of_tree"]

_PLAIN = 0.05  # columns a frame by which somebody must move to be walking left or right
Silhouettes = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """load: gives T×64×44. identity: class number. direction: walks to the right (1), the left (−1), neither
    or nobody knows (0). session: where names are not known, which video, else −1. start_s, end_s: when.
    truth: gives T×88×3 joints and markers in silhouette units, where they are known."""

    load: Callable[[], Silhouettes]
    identity: int
    direction: int = 0
    session: int = -1
    start_s: float = 0.0
    end_s: float = 0.0
    truth: Callable[[], Points] | None = None


def walks_of_tree(
    root: Path,
    identities: Collection[str] | None = None,
    truth: Callable[[Place], SmplTruth | None] | None = None,
) -> list[Walk]:
    """Named walks below `root`, read when they are needed; only of `identities` where they are given.

    truth: gives what is known of the body in a sequence. Raises SilhouetteError when there are none,
    UsageError when an identity is nowhere.
    """
    found = places(root)
    if not found:
        raise SilhouetteError(f"{root} holds no silhouettes to learn from")
    names = sorted({place.identity for place in found})
    if identities is not None:
        missing = sorted(set(identities) - set(names))
        if missing:
            raise UsageError(
                f"{root} lacks {len(missing)} of the partition's people ({', '.join(missing[:5])} …)"
            )
        names = sorted(set(identities))
    number = {name: index for index, name in enumerate(names)}
    return [
        Walk(_Reader(place.path), number[place.identity], truth=None if truth is None else truth(place))
        for place in found
        if place.identity in number
    ]


def walks_of_results(results: Sequence[Result]) -> list[Walk]:
    """A walk for each usable track. Raises NoWalkerError when there is none."""
    walks: list[Walk] = []
    for session, result in enumerate(results):
        for track in result.tracks:
            if not track.usable:
                continue
            sequence = result.silhouettes(track, good_only=True)
            held = _Held(sequence.cropped)
            scale, left, _ = sequence.transform.T
            walks.append(
                Walk(held, len(walks), _direction(left + 32 / scale), session, track.start_s, track.end_s)
            )
    if not walks:
        raise NoWalkerError("nobody in these videos is usable as a gait sample")
    return walks


class _Reader:
    """Reads a file each time, so that a large tree need not fit in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> Silhouettes:
        return max((sequence.cropped for sequence in read_place(self.path)), key=len)


class _Held:
    def __init__(self, silhouettes: Silhouettes) -> None:
        self.silhouettes = silhouettes

    def __call__(self) -> Silhouettes:
        return self.silhouettes


def _direction(x: NDArray[np.float32]) -> int:
    """Of travel, from where the person is in the picture, frame by frame (pixels)."""
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return 0
    speed = (x[-1] - x[0]) / len(x)
    return int(np.sign(speed)) if abs(speed) > _PLAIN else 0


class WalkBatches(People):
    """Draws batches of real walks, as `Batches` does of synthetic ones; whose bodies are known come first.

    first_class: number of the first class.
    """

    def __init__(self, walks: Sequence[Walk], *drawn: int, first_class: int = 0, **more: Any) -> None:
        super().__init__(np.array([walk.identity for walk in walks]), *drawn, **more)
        self.walks, self.first_class = list(walks), first_class

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        rng = np.random.default_rng([self.seed, step, 1])
        chosen = self._people(rng)
        leftwards = bool(rng.random() < 0.5)
        first = int(rng.integers(self.window - self.frames + 1))
        watched = slice(first, first + self.frames)
        drawn: list[tuple[Silhouettes, int, list[float], Points | None]] = []
        for place in range(rank, len(chosen), world):
            rng = np.random.default_rng([self.seed, step, 1, place])
            own = self.rows[chosen[place]]
            for row in rng.choice(own, self.each, replace=len(own) < self.each):
                walk = self.walks[row]
                view, truth = self._window(walk, leftwards, watched, rng)
                label, when = self.first_class + int(chosen[place]), [walk.session, walk.start_s, walk.end_s]
                drawn.append((view, label, when, truth))
        drawn.sort(key=lambda each: each[3] is None)
        views, labels, seen, truths = zip(*drawn, strict=True)
        points = [truth for truth in truths if truth is not None]
        return Batch(
            torch.from_numpy(np.stack(views)).float() / 255,
            watched,
            torch.tensor(labels),
            torch.from_numpy(np.stack(points)) if points else torch.zeros(0, self.frames, 88, 3),
            torch.zeros(0, TRAITS),
            torch.tensor(seen, dtype=torch.float64),
        )

    def _people(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Drawn at random; where names are not known, half of them for being seen together with another."""
        order = rng.permutation(len(self.rows))
        chosen: list[int] = []
        for number in order:
            if len(chosen) >= self.people:
                break
            if number in chosen:
                continue
            chosen.append(int(number))
            beside = [each for each in self._beside(int(number)) if each not in chosen]
            if beside and len(chosen) < self.people:
                chosen.append(int(rng.choice(beside)))
        return np.array(chosen)

    def _beside(self, number: int) -> list[int]:
        one = self.walks[self.rows[number][0]]
        if one.session < 0:
            return []
        return [
            other
            for other, rows in enumerate(self.rows)
            for two in [self.walks[rows[0]]]
            if other != number
            and two.session == one.session
            and max(one.start_s, two.start_s) <= min(one.end_s, two.end_s)
        ]

    def _window(
        self, walk: Walk, leftwards: bool, watched: slice, rng: np.random.Generator
    ) -> tuple[Silhouettes, Points | None]:
        """Ordered frames in a row, and the watched ones' truth; a walk that is too short begins again."""
        whole = walk.load()
        start = int(rng.integers(max(len(whole) - self.window, 0) + 1))
        frames = (start + np.arange(self.window)) % len(whole)
        view = whole[frames]
        truth = None if walk.truth is None else walk.truth()[frames[watched]]
        # Where nobody knows which way they walk, views of the data are at least turned all alike.
        if leftwards if walk.direction == 0 else (walk.direction < 0) != leftwards:
            view = view[..., ::-1]
            truth = None if truth is None else mirrored(truth)
        return varied(view, truth, rng, self.augment, self.faults)


class Mixed:
    """Synthetic people first, real ones after them, in one batch: `Mixed(synthetic, real)`."""

    def __init__(self, synthetic: Source, real: WalkBatches) -> None:
        self.synthetic, self.real = synthetic, copy(real)
        self.real.first_class = synthetic.classes

    @property
    def classes(self) -> int:
        return self.synthetic.classes + self.real.classes

    def longer(self, frames: int) -> Mixed:
        return Mixed(self.synthetic.longer(frames), self.real.longer(frames))

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        one, two = self.synthetic.batch(step, rank, world), self.real.batch(step, rank, world)
        named = torch.tensor([[-1.0, 0.0, 0.0]], dtype=torch.float64).expand(len(one.labels), 3)
        frames = min(one.silhouettes.shape[1], two.silhouettes.shape[1])
        length = one.watched.stop - one.watched.start
        first = min(one.watched.start, frames - length)
        shift = one.watched.start - first
        return Batch(
            torch.cat([one.silhouettes[:, shift : shift + frames], two.silhouettes[:, :frames]]),
            slice(first, first + length),
            torch.cat([one.labels, two.labels]),
            one.points,
            one.traits,
            torch.cat([named, two.seen if two.seen is not None else named[:0]]),
        )
