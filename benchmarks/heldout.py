"""The default network on the held-out synthetic benchmark, beside baselines.

    python benchmarks/heldout.py [--model NAME_OR_FILE ...] [--benchmark DIR]

200 synthetic people whom no recipe trains on, one gallery sequence and seven probes each, fixed by seed
(`meshgait_cli.synth.corpus`). Rank-1 with 95 % intervals over people, EER, and the 3-D
branch's errors. Baselines: gait-energy images, raw and through PCA+LDA fitted on 300 *training* people.
Prints a table and writes benchmarks/results/heldout.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshgait_cli.body import open_body
from meshgait_cli.body.person import fit_person
from meshgait_cli.body.reflection import reflected
from meshgait_cli.evaluation.baselines import fit_lda
from meshgait_cli.evaluation.body import procrustes_error, root_aligned_error
from meshgait_cli.evaluation.evaluate import Figures, judge
from meshgait_cli.evaluation.protocols import Labels, Question
from meshgait_cli.network.decode import JOINTS
from meshgait_cli.network.embed import Embedder
from meshgait_cli.records import SIDE_CUT, SilhouetteSequence
from meshgait_cli.render.skin import see
from meshgait_cli.synth.corpus import PROBES, Corpus, is_finished, make_benchmark, make_corpus
from meshgait_cli.synth.walkers import make_identity
from meshgait_cli.training.heldout import embed_all, energy_images
from meshgait_cli.training.sources import BENCHMARK_SEED, CORPUS_SEED, benchmark_folder

FIT_PEOPLE = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", default=[None])
    parser.add_argument("--benchmark", type=Path, default=benchmark_folder())
    arguments = parser.parse_args()
    if not is_finished(arguments.benchmark):
        make_benchmark(arguments.benchmark, seed=BENCHMARK_SEED)
    corpus = Corpus.open(arguments.benchmark)
    results: dict[str, list[Figures]] = {}
    bodies: dict[str, dict[str, Any]] = {}
    for name in arguments.model:
        embedder = Embedder(name, "cpu")
        embeddings = embed_all(embedder.network, corpus.silhouettes)
        results[embedder.model_id] = judged(embeddings, corpus)
        show(embedder.model_id, results[embedder.model_id])
        if embedder.network.heatmaps is not None:
            bodies[embedder.model_id] = body(embedder, corpus)
            print(embedder.model_id, bodies[embedder.model_id], flush=True)
    pictures = energy_images(corpus.silhouettes)
    results["energy image"] = judged(pictures, corpus)
    show("energy image", results["energy image"])
    with tempfile.TemporaryDirectory() as folder:
        make_corpus(Path(folder), FIT_PEOPLE, seed=CORPUS_SEED, sequences=6)
        others = Corpus.open(Path(folder))
        names = [str(number) for number in others.labels["identity"]]
        fitted = fit_lda(energy_images(others.silhouettes), names, pictures)
    results["energy image, PCA+LDA"] = judged(fitted, corpus)
    show("energy image, PCA+LDA", results["energy image, PCA+LDA"])
    path = Path(__file__).parent / "results" / "heldout.json"
    path.parent.mkdir(exist_ok=True)
    brief = {
        name: {one.condition: {k: [v.value, v.low, v.high] for k, v in one.values.items()} for one in found}
        for name, found in results.items()
    }
    path.write_text(json.dumps({"people": 200, "figures": brief, "body": bodies}, indent=1) + "\n")


def judged(embeddings: np.ndarray, corpus: Corpus) -> list[Figures]:
    rows = corpus.labels
    text = rows["identity"].astype(str)
    labels = Labels(text, rows["probe"].astype(str), text)
    gallery = rows["probe"] == 0
    return [
        judge(embeddings, labels, Question(name, rows["probe"] == number, gallery))
        for number, name in enumerate(PROBES)
        if number
    ]


def show(name: str, found: list[Figures]) -> None:
    cells = []
    for one in found:
        rank = one.values["rank-1"]
        cells.append(f"{one.condition} {rank.value:.3f} ({rank.low:.2f}-{rank.high:.2f})")
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def body(embedder: Embedder, corpus: Corpus, sequences: int = 60) -> dict[str, Any]:
    """Errors in mm of joints and of every 16th vertex: as decoded frame by frame, as corrected over the walk
    ("seen"), and as `render-mesh` fits a body to that; over whole sequences. One silhouette height is taken
    for the person's stature; of the two bodies that have the same outline the nearer counts. The true mesh is
    decoded from the true markers (6 mm)."""
    model, places, decoder = open_body.load(), open_body.marker_vertices(), open_body.marker_decoder()
    some = np.arange(0, model.vertex_count, 16)
    errors: dict[str, list[NDArray[np.floating]]] = {}
    for row in np.linspace(0, len(corpus.labels) - 1, sequences).astype(int):
        silhouettes = np.array(corpus.silhouettes[row])
        wide = np.pad(silhouettes, ((0, 0), (0, 0), (SIDE_CUT, SIDE_CUT)))
        sequence = SilhouetteSequence.from_arrays(wide)
        every = np.arange(len(wide))
        joints, markers, _ = embedder.points(sequence)
        seen = see(sequence, every / float(corpus.labels["fps"][row]), embedder)
        fitted = fit_person(model, seen.joints, seen.markers, places, wide, seen.confidences)
        truth = np.array(corpus.points[row], np.float32)
        both = [truth, reflected(truth)]
        true_joints = [each[:, :JOINTS] for each in both]
        true_mesh = [_mesh(each[:, JOINTS:], decoder[:, some]) for each in both]
        seed = corpus.manifest["seed"]
        rest = model.shape(make_identity(seed, int(corpus.labels["identity"][row])).betas).template.numpy()
        stature = 1000 * float(rest[:, 1].max() - rest[:, 1].min())
        for name, own, vertices in (
            ("decoded", joints, _mesh(markers, decoder[:, some])),
            ("seen", seen.joints, _mesh(seen.markers, decoder[:, some])),
            ("fitted", fitted.joints, fitted.vertices(every)[:, some]),
        ):
            # Both are measured from the pelvis: joint 0, put before the vertices.
            whole = np.concatenate([own[:, :1], vertices], axis=1)
            true_whole = [
                np.concatenate([j[:, :1], v], axis=1) for j, v in zip(true_joints, true_mesh, strict=True)
            ]
            for kind, mine, theirs in (("joint", own, true_joints), ("vertex", whole, true_whole)):
                for way, error in (("root", root_aligned_error), ("procrustes", procrustes_error)):
                    nearer = np.min([error(mine, each) for each in theirs], axis=0)
                    errors.setdefault(f"{name}_{kind}_{way}_mm", []).append(stature * nearer)
    found: dict[str, Any] = {
        "sequences": sequences,
        "frames": len(np.concatenate(errors["decoded_joint_root_mm"])),
    }
    return found | {name: round(float(np.concatenate(each).mean()), 1) for name, each in errors.items()}


def _mesh(markers: NDArray[np.float32], decoder: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.einsum("tmc,mv->tvc", markers, decoder, optimize=True)


if __name__ == "__main__":
    main()
