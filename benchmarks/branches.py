"""What each branch knows that the others do not: one network's branches, alone and together.

    python benchmarks/branches.py [--model FILE] [--fresh DIR] [--benchmark DIR] [--strips DIR]

The branches stay as they are. For each set of them the maps to the embedding are fitted anew, all alike, on
people whom no branch has seen (as `meshgait train meshgait-s` ends), and judged on the held-out benchmark's
200 synthetic people: rank-1 with 95 % intervals over people. "2-D and 3-D" is the paper's Mesh-Gait. Then
the whole against the 2-D branch, and against the whole without the 3-D one, on the same probes: the
difference, with its interval over people. Half an hour on two cores; --strips keeps what is read of a walk.
Writes benchmarks/results/branches.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from heldout import judged, show
from numpy.typing import NDArray

from meshgait_cli.assets import cache_dir
from meshgait_cli.network.checkpoint import load
from meshgait_cli.synth.corpus import POPULATION, PROBES, Corpus, is_finished, make_corpus
from meshgait_cli.training.join import fit_maps, strips_of
from meshgait_cli.training.sources import FRESH_SEED, benchmark_folder

SETS = {
    "2-D (DeepGaitV2)": ("silhouette",),
    "3-D": ("heatmap",),
    "2-D and 3-D (the paper)": ("silhouette", "heatmap"),
    "energy": ("energy",),
    "energy and 2-D": ("silhouette", "energy"),
    "all three": ("silhouette", "heatmap", "energy"),
}
AGAINST = (
    ("2-D and 3-D (the paper)", "2-D (DeepGaitV2)"),
    ("all three", "energy and 2-D"),
    ("all three", "energy"),
    ("all three", "2-D (DeepGaitV2)"),
)
FRESH = 6000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument(
        "--fresh",
        type=Path,
        default=cache_dir() / "synthetic" / f"walkers-v{POPULATION}-{FRESH}-seed{FRESH_SEED}",
    )
    parser.add_argument("--benchmark", type=Path, default=benchmark_folder())
    parser.add_argument("--strips", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not is_finished(arguments.fresh):
        make_corpus(
            arguments.fresh, FRESH, seed=FRESH_SEED, sequences=6, frames=24, workers=os.cpu_count() or 1
        )
    fresh, benchmark = Corpus.open(arguments.fresh), Corpus.open(arguments.benchmark)
    loaded = load(arguments.model)
    model = loaded.network
    with tempfile.TemporaryDirectory() as temporary:
        kept = arguments.strips or Path(temporary)
        learned = strips_of(model, fresh, kept / "fresh", tick=say)
        asked = strips_of(model, benchmark, kept / "benchmark", windows=(), tick=say)
    embeddings, results = {}, {}
    for name, branches in SETS.items():
        columns = model.columns(*branches)
        maps = fit_maps(
            model.fcs.weight[:, columns],
            [model.widths[branch] for branch in model.widths if branch in branches],
            learned[:, :, columns],
            fresh.labels["identity"],
            seed=arguments.seed,
        )
        whole = torch.from_numpy(asked[:, :, columns]).float()
        embeddings[name] = torch.einsum("bpc,pcd->bpd", whole, maps).numpy()
        results[name] = judged(embeddings[name], benchmark)
        show(name, results[name])
    differences = {}
    for one, other in AGAINST:
        found = difference(embeddings[one], embeddings[other], benchmark)
        differences[f"{one} − {other}"] = found
        print(
            f"{one} − {other}:",
            "  ".join(f"{key} {v:+.3f} ({low:+.3f} to {high:+.3f})" for key, (v, low, high) in found.items()),
        )
    brief = {
        name: {
            each.condition: {k: [v.value, v.low, v.high] for k, v in each.values.items()} for each in found
        }
        for name, found in results.items()
    }
    path = Path(__file__).parent / "results" / "branches.json"
    about = {"model": loaded.id, "people": 200, "fresh": fresh.manifest, "seed": arguments.seed}
    path.write_text(json.dumps(about | {"figures": brief, "differences": differences}, indent=1) + "\n")


def say(done: int, total: int) -> None:
    print(f"strips: {done} of {total}", flush=True)


def right(embeddings: NDArray[np.float32], benchmark: Corpus) -> dict[str, NDArray[np.bool_]]:
    """Of each kind of probe, person by person, whether the nearest gallery walk is their own."""
    rows = benchmark.labels
    known = embeddings[rows["probe"] == 0]
    names = rows["identity"][rows["probe"] == 0]
    found = {}
    for number, kind in enumerate(PROBES):
        if number:
            own = embeddings[rows["probe"] == number]
            nearest = [np.linalg.norm(known - each, axis=2).mean(1).argmin() for each in own]
            found[kind] = names[nearest] == rows["identity"][rows["probe"] == number]
    return found


def difference(
    one: NDArray[np.float32], other: NDArray[np.float32], benchmark: Corpus
) -> dict[str, tuple[float, float, float]]:
    """Of rank-1, by kind of probe and over all kinds, with the 95 % interval of a bootstrap over people."""
    mine, theirs = right(one, benchmark), right(other, benchmark)
    pairs = {kind: mine[kind].astype(float) - theirs[kind] for kind in mine}
    pairs["all probes"] = np.mean(list(pairs.values()), axis=0)
    rng = np.random.default_rng(0)
    found = {}
    for kind, each in pairs.items():
        again = each[rng.integers(0, len(each), (2000, len(each)))].mean(1)
        low, high = np.percentile(again, [2.5, 97.5])
        found[kind] = (round(float(each.mean()), 4), round(float(low), 4), round(float(high), 4))
    return found


if __name__ == "__main__":
    main()
