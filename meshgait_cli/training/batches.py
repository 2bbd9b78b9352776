"""P people × K sequences × T frames out of a synthetic corpus, drawn anew for each step.

Within a batch everybody is turned to walk the same way, to the right in one batch, to the left in the next:
recognition embeds the mirror image as well and takes the mean, so that the network need not match a
walk with the one back, and learns faster for it.

Batch `step` of a seed is always the same one, so a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..body.reflection import MIRROR
from ..synth.corpus import Corpus
from .traits import traits

__all__ = ["Batch", "Batches"]

SHIFT = 2  # columns by which a silhouette may stand off centre


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """silhouettes: B×T×64×44 floats 0-1. watched: which of the T the branches that read frames see; the
    energy branch sees all. points: B×watched×88×3 in silhouette units. labels: B class numbers. traits:
    B×TRAITS, see `traits.traits`."""

    silhouettes: Tensor
    watched: slice
    points: Tensor
    labels: Tensor
    traits: Tensor


class Batches:
    """Draws batches: `Batches(corpus, people=16, each=4, frames=8, seed=0)[step]`.

    frames: to be watched. window: frames there are, from which the energy branch learns; 0 means no more
    than those.
    """

    def __init__(
        self, corpus: Corpus, people: int, each: int, frames: int, seed: int, window: int = 0
    ) -> None:
        self.corpus, self.people, self.each, self.frames, self.seed = corpus, people, each, frames, seed
        self.window = max(window, frames)
        identities = corpus.labels["identity"]
        self.identities = np.unique(identities)
        self.rows = [np.flatnonzero(identities == identity) for identity in self.identities]
        self.people = min(people, len(self.identities))
        self.traits = traits(corpus.manifest["seed"], self.identities)

    def longer(self, frames: int) -> Batches:
        """The same people in longer sequences, two each, and so many fewer that a batch costs the same."""
        other = copy(self)
        other.frames = frames
        other.window = max(self.window, frames)
        other.each = min(self.each, 2)
        costs = self.people * self.each * self.frames
        other.people = max(2, min(self.people, round(costs / (other.each * frames))))
        return other

    @property
    def classes(self) -> int:
        return len(self.identities)

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.rows), self.people, replace=False)
        leftwards = bool(rng.random() < 0.5)
        # Short windows as well as whole ones, so that short tracks are learned too.
        window = self.window
        if window > self.frames:
            window = int(rng.integers(max(self.frames, 2 * window // 5), window + 1))
        first = int(rng.integers(window - self.frames + 1))
        watched = slice(first, first + self.frames)
        silhouettes, points = [], []
        for number in chosen:
            own = self.rows[number]
            for row in rng.choice(own, self.each, replace=len(own) < self.each):
                view, truth = self._sequence(int(row), leftwards, window, watched, rng)
                silhouettes.append(view)
                points.append(truth)
        return Batch(
            torch.from_numpy(np.stack(silhouettes)).float() / 255,
            watched,
            torch.from_numpy(np.stack(points)).float(),
            torch.from_numpy(np.repeat(chosen, self.each)).long(),
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
            view, truth = view[..., ::-1], truth[:, list(MIRROR)] * np.array([-1, 1, 1], np.float32)
        shift = int(rng.integers(-SHIFT, SHIFT + 1))
        if shift:
            view = np.roll(view, shift, axis=2)
            view[..., :shift] = 0 if shift > 0 else view[..., :shift]
            if shift < 0:
                view[..., shift:] = 0
            truth = truth + np.array([shift / 64, 0, 0], np.float32)
        return np.ascontiguousarray(view), truth
