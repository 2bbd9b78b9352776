"""Does each half of a real walk find the other half among all the others?

    python benchmarks/halves.py VIDEO_OR_RESULT... [--model FILE] [--device auto]

Extracts videos (results are reused), cuts every usable track in two in time, embeds the halves, and asks of
each which of all the other halves is nearest: rank-1 with counts, against the same question asked of raw
gait-energy images. Nearly the same view and the same clothes: the easiest question there is, on real people.
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


def found(distances: np.ndarray) -> list[bool]:
    """distances: 2N×2N, halves of a walk side by side. Whether each half's nearest is its other half."""
    nearest = (distances + np.diag(np.full(len(distances), np.inf))).argmin(1)
    return [bool(near == index ^ 1) for index, near in enumerate(nearest)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--out", type=Path, default=Path("meshgait-results"), help="where videos are extracted"
    )
    arguments = parser.parse_args()
    halves, counts = [], {}
    for source in arguments.sources:
        if is_result(source):
            result = Result(source)
        else:
            result = Extractor(device=arguments.device).extract(source, arguments.out).result
        walks = [result.silhouettes(track, good_only=True) for track in result.tracks if track.usable]
        counts[source.name] = len(walks)
        halves += [half(walk, first) for walk in walks for first in (True, False)]
    embedder = Embedder(arguments.model, arguments.device)
    embeddings = np.stack([one.values for one in embedder.embed(halves)])
    energy = np.stack([one.cropped.astype(np.float32).mean(0).reshape(1, -1) for one in halves])
    report: dict[str, object] = {"model": embedder.model_id, "walks": counts, "halves": len(halves)}
    for name, values in (("network", embeddings), ("energy image", energy)):
        right = found(np.stack([part_distance(one, values) for one in values]))
        report[name] = {"right": sum(right), "rank_1": round(float(np.mean(right)), 3)}
        print(f"{name:>13}: {sum(right)} of {len(right)} halves find their other half")
    path = Path(__file__).parent / "results" / "halves.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
