"""P people × K sequences × T frames out of a synthetic corpus, drawn anew for each step.

Within a batch everybody is turned to walk the same way, to the right in one batch, to the left in the next:
recognition embeds the mirror image as well and takes the mean, so that the network need not match a
walk with the one back, and learns faster for it.

Batch `step` of a seed is always the same one, so a resumed run goes on as if it had never stopped. Each
sequence has a random stream of its own, so that several processes draw their share of a batch, and no more.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body.reflection import MIRROR
from ..synth.corpus import Corpus
from .traits import traits
from .worsen import varied

__all__ = ["Batch", "Batches", "People", "Source", "fewer", "mirrored"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """silhouettes: B×T×64×44 floats 0-1. watched: which of the T the branches that read frames see; the
    energy branch sees all. labels: B class numbers. points: S×watched×88×3 in silhouette units, of the first
    S sequences; traits: R×TRAITS, see `traits.traits`, of the first R; the others come without truth. seen:
    B×3, see `losses.known_pairs`; None where everybody has a name."""

    silhouettes: Tensor
    watched: slice
    labels: Tensor
    points: Tensor
    traits: Tensor
    seen: Tensor | None = None


class Source(Protocol):
    """Where batches come from. classes: how many people there are."""

    @property
    def classes(self) -> int: ...

    def longer(self, frames: int) -> Source:
        """The same people in longer sequences, two each, and so many fewer that a batch costs the same."""

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """Batch `step`; of `world` processes the share of number `rank`."""


class People:
    """Whose sequences are drawn, and how many of them: what every source of batches shares.

    identities: S, whose each sequence is. frames: to be watched. window: frames there are, from which the
    energy branch learns; 0 means no more than those. augment, faults: see `Recipe`.
    """

    def __init__(
        self,
        identities: NDArray[Any],
        people: int,
        each: int,
        frames: int,
        seed: int,
        window: int = 0,
        *,
        augment: float = 0.0,
        faults: float = 0.0,
    ) -> None:
        self.each, self.frames, self.seed = each, frames, seed
        self.augment, self.faults = augment, faults
        self.window = max(window, frames)
        self.identities = np.unique(identities)
        self.rows = [np.flatnonzero(identities == identity) for identity in self.identities]
        self.people = min(people, len(self.identities))

    def longer(self, frames: int) -> Self:
        other = copy(self)
        other.frames, other.window = frames, max(self.window, frames)
        other.people, other.each = fewer(self.people, self.each, self.frames, frames)
        return other

    @property
    def classes(self) -> int:
        return len(self.identities)


class Batches(People):
    """Draws batches: `Batches(corpus, people=16, each=4, frames=8, seed=0).batch(step)`. Corpora have faults
    of their own."""

    def __init__(self, corpus: Corpus, *drawn: int, **more: Any) -> None:
        super().__init__(corpus.labels["identity"], *drawn, **more)
        self.corpus = corpus
        self.traits = traits(corpus.manifest["seed"], self.identities)

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.rows), self.people, replace=False)
        leftwards = bool(rng.random() < 0.5)
        # Short windows as well as whole ones, so that short tracks are learned too.
        window = self.window
        if window > self.frames and rng.random() < 0.5:
            window = int(rng.integers(max(self.frames, 2 * window // 5), window + 1))
        first = int(rng.integers(window - self.frames + 1))
        watched = slice(first, first + self.frames)
        silhouettes, points = [], []
        for place in range(rank, len(chosen), world):
            rng = np.random.default_rng([self.seed, step, place])
            own = self.rows[chosen[place]]
            for row in rng.choice(own, self.each, replace=len(own) < self.each):
                view, truth = self._sequence(int(row), leftwards, window, watched, rng)
                silhouettes.append(view)
                points.append(truth)
        chosen = chosen[rank::world]
        return Batch(
            torch.from_numpy(np.stack(silhouettes)).float() / 255,
            watched,
            torch.from_numpy(np.repeat(chosen, self.each)).long(),
            torch.from_numpy(np.stack(points)).float(),
            torch.from_numpy(np.repeat(self.traits[chosen], self.each, axis=0)),
        )

    def _sequence(
        self, row: int, leftwards: bool, window: int, watched: slice, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """`window` ordered frames, one apart or two, so that frame rates vary; the watched ones' truth."""
        length = self.corpus.silhouettes.shape[1]
        stride = int(rng.integers(1, 1 + max(1, min(2, (length - 1) // max(window - 1, 1)))))
        span = (window - 1) * stride + 1
        start = int(rng.integers(max(length - span, 0) + 1))
        frames = np.minimum(start + stride * np.arange(window), length - 1)
        view = np.asarray(self.corpus.silhouettes[row])[frames]
        truth = np.asarray(self.corpus.points[row])[frames[watched]].astype(np.float32)
        walks_left = float(self.corpus.labels["azimuth"][row]) % 360 > 180
        if walks_left != leftwards:  # a person and their mirror image are one person
            view, truth = view[..., ::-1], mirrored(truth)
        return varied(view, truth, rng, self.augment, self.faults)


def mirrored(truth: np.ndarray) -> np.ndarray:
    """T×88×3 points of the picture flipped left to right: left and right change names."""
    return truth[:, list(MIRROR)] * np.array([-1, 1, 1], np.float32)


def fewer(people: int, each: int, frames: int, longer: int) -> tuple[int, int]:
    """People and sequences of each, two, in batches of longer sequences that cost the same. Where there are
    many it is a multiple of eight, for up to eight processes to share."""
    few = min(each, 2)
    count = max(2, min(people, round(people * each * frames / (few * longer))))
    return (count - count % 8 if count >= 8 else count), few
