"""Does each half of a real walk find the other half among all the others?

    python benchmarks/halves.py VIDEO_OR_RESULT... [--who benchmarks/vtest_people.toml] [--model FILE]

Extracts videos (results are reused), cuts every usable track in two in time, embeds the halves, and asks of
each which of all the other halves is nearest: rank-1 with counts, against the same question asked of raw
gait-energy images. Nearly the same view and the same clothes: the easiest question there is, on real people.
--who: where people are in a video, as seen by eye. Who comes in again has several tracks, and it is then as
right to find another one of that person. Then the harder question, too: among other walks alone, is the
nearest one of the same person? That is another time and mostly another direction, in the same clothes.
Writes benchmarks/results/halves.json.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from meshgait_cli.distance import part_distance
from meshgait_cli.network.embed import Embedder
from meshgait_cli.pipeline import Extractor
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.results.directory import TRACKS, Result, is_result

WITHIN_S = 0.12  # of a mark; at ten frames a second one frame to either side


def half(sequence: SilhouetteSequence, first: bool) -> SilhouetteSequence:
    middle = len(sequence) // 2
    cut = slice(0, middle) if first else slice(middle, None)
    return SilhouetteSequence.from_arrays(sequence.silhouettes[cut], sequence.name)


def found(distances: np.ndarray, people: list[str]) -> list[bool]:
    """distances: 2N×2N of halves, people: of 2N. Whether each half's nearest is of the same person."""
    nearest = (distances + np.diag(np.full(len(distances), np.inf))).argmin(1)
    return [people[near] == people[index] for index, near in enumerate(nearest)]


def found_again(distances: np.ndarray, people: list[str], walks: list[str]) -> list[bool]:
    """Of each half whose person has another walk: whether the nearest half of any other is the person's."""
    who, walk = np.array(people), np.array(walks)
    right = []
    for row, person, own in zip(distances, who, walk, strict=True):
        others = np.flatnonzero(walk != own)
        if person in who[others]:
            right.append(bool(who[others[row[others].argmin()]] == person))
    return right


def told(result: Result, marks: dict[str, list[list[float]]]) -> dict[int, str]:
    """Track → the person whose marks (seconds, x, y) lie in most of its boxes; of several boxes at a mark, in
    the one whose middle is nearest."""
    rows = pq.read_table(result.folder / TRACKS, columns=["track", "time_s", "x1", "y1", "x2", "y2"])
    track, time, *box = (rows[name].to_numpy() for name in rows.column_names)
    x1, y1, x2, y2 = box
    votes: dict[int, Counter[str]] = {}
    for person, points in marks.items():
        for seconds, x, y in points:
            at = np.flatnonzero(
                (abs(time - seconds) <= WITHIN_S) & (x1 <= x) & (x <= x2) & (y1 <= y) & (y <= y2)
            )
            if len(at):
                near = at[np.hypot((x1 + x2)[at] / 2 - x, (y1 + y2)[at] / 2 - y).argmin()]
                votes.setdefault(int(track[near]), Counter())[person] += 1
    for number, found_in in votes.items():
        if len(found_in) > 1:
            print(f"track {number} has marks of several people: {dict(found_in)}")
    return {number: found_in.most_common(1)[0][0] for number, found_in in votes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--who", type=Path, help="TOML: a table a video, person = [[seconds, x, y], …]")
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--out", type=Path, default=Path("meshgait-results"), help="where videos are extracted"
    )
    arguments = parser.parse_args()
    halves: list[SilhouetteSequence] = []
    names: list[str] = []
    people: list[str] = []
    marks = tomllib.loads(arguments.who.read_text()) if arguments.who else {}
    counts = {}
    for source in arguments.sources:
        if is_result(source):
            result = Result(source)
        else:
            result = Extractor(device=arguments.device).extract(source, arguments.out).result
        usable = [track for track in result.tracks if track.usable]
        counts[source.stem] = len(usable)
        known = told(result, marks.get(source.stem, {}))
        for track in usable:
            walk = result.silhouettes(track, good_only=True)
            halves += [half(walk, True), half(walk, False)]
            names += [f"{source.stem}/{track.id}"] * 2
            people += [f"{source.stem}/{known.get(track.id, track.id)}"] * 2
    embedder = Embedder(arguments.model, arguments.device)
    embeddings = np.stack([one.values for one in embedder.embed(halves)])
    energy = np.stack([one.cropped.astype(np.float32).mean(0).reshape(1, -1) for one in halves])
    report: dict[str, object] = {
        "model": embedder.model_id, "walks": counts, "halves": len(halves), "people": len(set(people)),
        "tracks_of": {person: sorted({name for name, its in zip(names, people, strict=True) if its == person})
                      for person in sorted(set(people))},
    }  # fmt: skip
    for name, values in (("network", embeddings), ("energy image", energy)):
        distances = np.stack([part_distance(one, values) for one in values])
        other, person = sum(found(distances, names)), sum(found(distances, people))
        again = found_again(distances, people, names)
        report[name] = {
            "own_other_half": other,
            "own_person": person,
            "another_walk": [sum(again), len(again)],
        }
        print(f"{name:>13}: of {len(names)} halves {other} find their other half, {person} their person; of "
              f"{len(again)} whose person comes again, {sum(again)} find another walk of theirs")  # fmt: skip
    path = Path(__file__).parent / "results" / "halves.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
