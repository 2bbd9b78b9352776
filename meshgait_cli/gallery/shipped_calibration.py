"""Make the calibration that is shipped: python -m meshgait_cli.gallery.shipped_calibration

Synthetic people whom no shipped network was trained on walk past drawn cameras in drawn clothes. Half of
them fit the curve and the other half is judged by it; then all of them fit the one that is written into
`data/`: `calibration.json` (by model id) and `cohort.safetensors` (other synthetic people, who fill up small
cohorts). To be run again whenever the default weights change; it takes a quarter of an hour on two cores.
What it says holds for synthetic walkers. On real ones nothing has been measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ending import plainly
from ..evaluation.bootstrap import mean_interval
from ..network.embed import Embedder
from ..records import GaitEmbedding, SilhouetteSequence
from ..synth.corpus import HELD_OUT
from ..synth.walkers import make_identity, render_sequence
from ..synth.wardrobe import OUTFITS
from .calibration import FILE, Calibration, Pairs, fit
from .decide import scores_of
from .private import write_json
from .search import Gallery
from .sequence import GallerySequence
from .sets import METHODS, groups_of, set_distances
from .tally import Tally

__all__ = [
    "FIRST",
    "Material",
    "Trial",
    "embedded",
    "judge",
    "make",
    "pairs_in",
    "trials",
]

SEED = 1
FIRST = HELD_OUT + 20_000  # in no training corpus, benchmark or example
FIRST_OF_COHORT = HELD_OUT + 30_000
PEOPLE, EACH, FRAMES = 960, 4, 40  # fitted to 320, more strangers pass than asked
HALVED = 320  # people whose walks are cut in two
COHORT = 40
SIZES = (5, 10, 20, 40)
FARS = (0.01, 0.05, 0.1)
_ROUNDS = 640  # galleries drawn: by 80 the same people gave shares of strangers from 0.053 to 0.067 at 0.05
_HALVES = 0.995  # share of true halves that may not be called two people


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """sequences: EACH of everybody, by person. filling: others. apart, swapped: distances between the halves
    of one walk, and between the first half of one person's and the second of another's, of some of them."""

    sequences: tuple[GallerySequence, ...]
    filling: NDArray[np.float32]
    apart: NDArray[np.float64]
    swapped: NDArray[np.float64]


def embedded(embedder: Embedder, people: int = PEOPLE, cohort: int = COHORT, first: int = FIRST) -> Material:
    """Render and embed, people from number `first` on; what takes the time."""
    members = embedder.embed([_walk(FIRST_OF_COHORT + number, 3) for number in range(cohort)])
    walks = [(number, _walk(first + number, take)) for number in range(people) for take in range(EACH)]
    middle = FRAMES // 2
    some = [walk for _, walk in walks[: HALVED * EACH]]
    before = embedder.embed([_cut(walk, 0, middle) for walk in some])
    after = embedder.embed([_cut(walk, middle, FRAMES) for walk in some])
    sequences = tuple(
        GallerySequence(f"{number:04d}", f"take {row % EACH}", embedding)
        for row, ((number, _), embedding) in enumerate(
            zip(walks, embedder.embed([walk for _, walk in walks]), strict=True)
        )
    )
    return Material(
        sequences,
        np.stack([one.values for one in members]),
        np.array([_distance(one, two) for one, two in zip(before, after, strict=True)]),
        np.array([_distance(one, after[(row + EACH) % len(after)]) for row, one in enumerate(before)]),
    )


def make(material: Material) -> Calibration:
    """Fit on one half of the people and judge by the other; then fit on all."""
    sequences, filling = material.sequences, material.filling
    model_id = sequences[0].embedding.model_id
    names = sorted({one.identity for one in sequences})
    border = names[len(names) // 2]
    trained = [one for one in sequences if one.identity < border]
    judged = [one for one in sequences if one.identity >= border]
    halves = round(float(np.quantile(material.apart, _HALVES)), 4)
    trial = fit(pairs_in(trials(trained, filling, 1), len(names) // 2), model_id, "synthetic")
    measured = {
        "halves_of_one_called_two": round(float(np.mean(material.apart > halves)), 4),
        "halves_of_two_called_two": round(float(np.mean(material.swapped > halves)), 4),
        **_rank_ones(sequences),
        **judge(trial, trials(judged, filling, 2)),
    }
    pairs = pairs_in(trials(sequences, filling, 3), len(names))
    return fit(pairs, model_id, "synthetic", halves=halves, measured=measured)


def _walk(number: int, take: int) -> SilhouetteSequence:
    """take 0, 1: as one is usually seen, in the same clothes; 2: in other clothes; 3: everything is drawn."""
    rng = np.random.default_rng([SEED, number, 4, take])
    outfit = (0, 0, int(rng.integers(1, OUTFITS)), None)[take]
    severity = None if take == 3 else "mild"
    return SilhouetteSequence.from_arrays(
        render_sequence(
            make_identity(SEED, number), rng, FRAMES, outfit=outfit, severity=severity
        ).silhouettes
    )


def _cut(walk: SilhouetteSequence, start: int, stop: int) -> SilhouetteSequence:
    return SilhouetteSequence.from_arrays(walk.silhouettes[start:stop])


def _distance(one: GaitEmbedding, two: GaitEmbedding) -> float:
    return float(np.linalg.norm(one.values - two.values, axis=1).mean())


def _rank_ones(sequences: Sequence[GallerySequence]) -> dict[str, dict[str, list[float]]]:
    """rank_1 by each way to compare sets, rank_1_over_best what it has over the nearest sequence on the same
    questions: [value, low, high] with 95 % intervals over people."""
    right = {method: _found(sequences, method) for method in METHODS}
    who = np.tile(np.arange(len(sequences) // EACH), EACH)

    def share(values: NDArray[np.float64]) -> list[float]:
        interval = mean_interval(values, who, 1000, SEED)
        return [round(float(each), 4) for each in (values.mean(), *interval)]

    return {
        "rank_1": {method: share(right[method]) for method in METHODS},
        "rank_1_over_best": {method: share(right[method] - right["best"]) for method in METHODS[1:]},
    }


def _found(sequences: Sequence[GallerySequence], method: str) -> NDArray[np.float64]:
    """1 or 0, take after take: each person's sequences in turn as the probe, the rest as the gallery."""
    names = np.array([one.identity for one in sequences])
    values = np.stack([one.embedding.values for one in sequences])
    right = []
    for take in range(EACH):
        probe = np.arange(len(names)) % EACH == take
        groups = groups_of(names[~probe].tolist())
        found, _ = set_distances(
            values[probe], values[~probe], np.full((~probe).sum(), np.nan), list(groups.values()), method
        )
        right.append(np.array(list(groups))[found.argmin(1)] == names[probe])
    return np.concatenate(right).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Q probes against a gallery of N people. scores: Q×N. own: the column of each probe's person, −1 for
    strangers. who: number of each probe's person."""

    scores: NDArray[np.float32]
    own: NDArray[np.int64]
    who: NDArray[np.int64]


def trials(sequences: Sequence[GallerySequence], filling: NDArray[np.float32], seed: int) -> Iterator[Trial]:
    """Galleries as small users have them: 5 to 40 people drawn (at most half of those there are), one to
    three sequences of each; asked with another sequence of everybody in it, and one of as many strangers."""
    rng = np.random.default_rng(seed)
    by_name: dict[str, list[GallerySequence]] = {}
    for one in sequences:
        by_name.setdefault(one.identity, []).append(one)
    names = sorted(by_name)
    for number in range(_ROUNDS):
        size = min(SIZES[number % len(SIZES)], len(names) // 2)
        drawn = rng.permutation(len(names))[: 2 * size]
        held: list[GallerySequence] = []
        probes: list[GallerySequence] = []
        for place, person in enumerate(drawn):
            takes = rng.permutation(by_name[names[person]])  # type: ignore[arg-type]
            probes.append(takes[0])
            if place < size:
                held += takes[1 : 1 + int(rng.integers(1, EACH))].tolist()
        gallery = Gallery(tuple(held))
        values = np.stack([one.embedding.values for one in probes])
        column = {name: place for place, name in enumerate(gallery.identities)}
        own = np.array([column.get(one.identity, -1) for one in probes])
        yield Trial(scores_of(gallery, values, filling).scores, own, drawn)


def pairs_in(done: Iterable[Trial], people: int) -> Pairs:
    """The scores of pairs in trials: people against themselves, and strangers against everybody. Somebody
    known is not asked to be an impostor: their own sequences in the cohort would make all others look far.
    """
    genuine, impostor = [], []
    for trial in done:
        same = trial.own[:, None] == np.arange(trial.scores.shape[1])[None]
        genuine.append(trial.scores[same])
        impostor.append(trial.scores[trial.own < 0].ravel())
    return Pairs(np.concatenate(genuine).astype(float), np.concatenate(impostor).astype(float), people)


def judge(calibration: Calibration, done: Iterable[Trial]) -> dict[str, Any]:
    """How far the probabilities and thresholds hold in trials: expected calibration error of the best
    candidate's probability; share of strangers accepted, and of known people accepted as themselves, with 95
    % intervals over people."""
    tally = Tally(FARS)
    for trial in done:
        for row, own, who in zip(trial.scores, trial.own.tolist(), trial.who.tolist(), strict=True):
            tally.ask(calibration, row, own, who)
    figures = tally.figures()
    found: dict[str, Any] = {"ece": figures["ece"]}
    for row in figures["thresholds"]:
        found[f"strangers_accepted_at_{row['asked']:g}"] = row["far"]
        found[f"known_accepted_at_{row['asked']:g}"] = row["dir"]
    return found


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make the calibration that is shipped with the default weights."
    )
    parser.add_argument("--model", help="checkpoint; the default weights otherwise")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", default="auto")
    chosen = parser.parse_args()
    from safetensors.numpy import save_file

    embedder = Embedder(chosen.model, chosen.device, backend=chosen.backend)
    material = embedded(embedder, chosen.people)
    calibration = make(material)
    chosen.out.mkdir(exist_ok=True)
    save_file(
        {"cohort": material.filling.astype(np.float16)},
        chosen.out / "cohort.safetensors",
        {"model_id": calibration.model_id},
    )
    write_json(chosen.out / FILE, {calibration.model_id: calibration.to_dict()})
    (chosen.out / FILE).chmod(0o644)  # nobody's private data
    print(json.dumps(calibration.to_dict(), indent=1))


if __name__ == "__main__":
    main()
