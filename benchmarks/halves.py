"""Does each half of a real walk find the other half among all the others?

    python benchmarks/halves.py VIDEO_OR_RESULT... [--same NAME:4,13,18 ...] [--model FILE] [--device auto]

Extracts videos (results are reused), cuts every usable track in two in time, embeds the halves, and asks of
each which of all the other halves is nearest: rank-1 with counts, against the same question asked of raw
gait-energy images. Nearly the same view and the same clothes: the easiest question there is, on real people.
--same: tracks of a video in which one and the same person comes in again, as seen by eye; it is then as right
to find another track of that person.
Writes benchmarks/results/halves.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from meshgait_cli.distance import part_distance
from meshgait_cli.network.embed import Embedder
from meshgait_cli.pipeline import Extractor
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.results.directory import Result, is_result


def half(sequence: SilhouetteSequence, first: bool) -> SilhouetteSequence:
    middle = len(sequence) // 2
    cut = slice(0, middle) if first else slice(middle, None)
    return SilhouetteSequence.from_arrays(sequence.silhouettes[cut], sequence.name)


def found(distances: np.ndarray, people: list[str]) -> list[bool]:
    """distances: 2N×2N of halves, people: of 2N. Whether each half's nearest is of the same person."""
    nearest = (distances + np.diag(np.full(len(distances), np.inf))).argmin(1)
    return [people[near] == people[index] for index, near in enumerate(nearest)]


def told_alike(options: list[str]) -> dict[str, str]:
    """NAME/TRACK → the first of the tracks that are the same person."""
    alike = {}
    for option in options:
        name, _, tracks = option.rpartition(":")
        first, *others = tracks.split(",")
        alike |= {f"{name}/{other}": f"{name}/{first}" for other in others}
    return alike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--same", nargs="+", default=[], metavar="NAME:TRACKS")
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--out", type=Path, default=Path("meshgait-results"), help="where videos are extracted"
    )
    arguments = parser.parse_args()
    halves: list[SilhouetteSequence] = []
    names: list[str] = []
    counts = {}
    for source in arguments.sources:
        if is_result(source):
            result = Result(source)
        else:
            result = Extractor(device=arguments.device).extract(source, arguments.out).result
        usable = [track for track in result.tracks if track.usable]
        counts[source.name] = len(usable)
        for track in usable:
            walk = result.silhouettes(track, good_only=True)
            halves += [half(walk, True), half(walk, False)]
            names += [f"{source.name}/{track.id}"] * 2
    alike = told_alike(arguments.same)
    people = [alike.get(name, name) for name in names]
    embedder = Embedder(arguments.model, arguments.device)
    embeddings = np.stack([one.values for one in embedder.embed(halves)])
    energy = np.stack([one.cropped.astype(np.float32).mean(0).reshape(1, -1) for one in halves])
    report: dict[str, object] = {
        "model": embedder.model_id, "walks": counts, "halves": len(halves), "people": len(set(people)),
        "same": arguments.same,
    }  # fmt: skip
    for name, values in (("network", embeddings), ("energy image", energy)):
        distances = np.stack([part_distance(one, values) for one in values])
        other, person = sum(found(distances, names)), sum(found(distances, people))
        report[name] = {"own_other_half": other, "own_person": person}
        print(f"{name:>13}: of {len(names)} halves {other} find their other half, {person} their person")
    path = Path(__file__).parent / "results" / "halves.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
