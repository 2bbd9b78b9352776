"""A large gallery: size, enrolment, search and its recall, side by side with a flat FAISS index.

    python -m pip install faiss-cpu                  # only for the comparison, left out without it
    python benchmarks/gallery.py [--rows 100000]

Sequences of 16×256 numbers that lie like the shipped cohort's embeddings do: people spread along as many
axes as it has, with its variances; five sequences a person, each off its person by 0.7 of what people are
off their mean. Queries are further sequences of enrolled people. Truth is the exact distance (mean over the
parts of each part's L2). OMP_NUM_THREADS holds for torch and FAISS, not for LanceDB, which takes all cores.
Writes benchmarks/results/gallery.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from meshgait_cli.gallery import table
from meshgait_cli.gallery.nearest import reranked
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import GaitEmbedding

PARTS, DIM, EACH = 16, 256, 5
OFF = 0.7  # a sequence from its person, as a share of people from their mean
BATCH = 10_000
TOP, JUDGED, EXACT = 20, 100, 20  # neighbours asked for; queries by index; of which exactly too
SEALED = 20_000  # rows of the encrypted gallery


class Walkers:
    """Draws sequences of people who are told apart as the shipped cohort's are."""

    def __init__(self, seed: int) -> None:
        from safetensors.numpy import load_file

        place = files("meshgait_cli.gallery").joinpath("data", "cohort.safetensors")
        cohort = load_file(str(place))["cohort"].astype(np.float32).reshape(-1, PARTS * 128)
        spread = np.linalg.svd(cohort - cohort.mean(0), compute_uv=False) / np.sqrt(len(cohort))
        self.rng = np.random.default_rng(seed)
        axes = self.rng.standard_normal((len(spread), PARTS * DIM)).astype(np.float32)
        self.axes = axes / np.linalg.norm(axes, axis=1, keepdims=True) * spread[:, None].astype(np.float32)
        self.noise = OFF * np.linalg.norm(spread) / np.sqrt(PARTS * DIM)
        self.seed = seed

    def of(self, people: np.ndarray) -> np.ndarray:
        """A new sequence of each of these people: N×16×256."""
        kinds = [
            np.random.default_rng((self.seed, int(one))).standard_normal(len(self.axes)) for one in people
        ]
        values = np.array(kinds, np.float32) @ self.axes
        values += self.rng.standard_normal(values.shape, np.float32) * np.float32(self.noise)
        return values.reshape(-1, PARTS, DIM)


def enrolled(walkers: Walkers, rows: int) -> Iterator[tuple[list[GallerySequence], np.ndarray]]:
    for start in range(0, rows, BATCH):
        people = np.arange(start, min(rows, start + BATCH)) // EACH
        values = walkers.of(people)
        names = [(f"person {one}", f"walk {start + n}", f"{start + n:064x}") for n, one in enumerate(people)]
        yield (
            [
                GallerySequence(who, name, GaitEmbedding(value, "bench@1", True, 60, 0.8), source=source)
                for (who, name, source), value in zip(names, values, strict=True)
            ],
            values,
        )


def seconds(ask: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = ask()
    return time.perf_counter() - start, found


def median_ms(times: list[float]) -> float:
    return round(float(np.median(times)) * 1e3, 1)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def recall(found: list[list[str]], truth: list[list[str]], at: int = 10) -> float:
    return round(
        float(np.mean([len(set(f[:at]) & set(t[:at])) / at for f, t in zip(found, truth, strict=True)])), 4
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    table.INDEX_VECTORS_FROM = min(table.INDEX_VECTORS_FROM, rows)
    walkers = Walkers(3)
    import torch

    report: dict[str, Any] = {"rows": rows, "shape": [PARTS, DIM], "load_at_start": os.getloadavg()[0],
              "cores": os.cpu_count(), "threads": torch.get_num_threads()}  # fmt: skip

    def note(**facts: Any) -> None:
        report.update(facts)
        print(facts, flush=True)

    with tempfile.TemporaryDirectory() as place:
        Store.create(Path(place) / "first").add(next(enrolled(walkers, 10))[0])  # loads the database
        store = Store.create(Path(place) / "gallery")
        spent, flat = 0.0, np.empty((rows, PARTS * DIM), np.float32)
        done = 0
        for batch, values in enrolled(walkers, rows):
            spent += seconds(lambda some=batch: store.add(some))[0]
            flat[done : done + len(values)] = values.reshape(len(values), -1)
            done += len(values)
        note(enrolled_per_s=round(rows / spent), gb=round(size_of(store.folder) / 1e9, 3))
        spent, _ = seconds(store.tune)
        note(
            index_s=round(spent, 1), gb_with_index=round(size_of(store.folder) / 1e9, 3),
            bytes_per_row=round(size_of(store.folder) / rows),
        )  # fmt: skip
        asked = walkers.of(np.random.default_rng(1).integers(0, rows // EACH, JUDGED))
        truth = by_exact(store, asked[:EXACT], note)
        by_index(store, asked, truth, note)
        by_faiss(flat, ids_by_source(store, rows), asked, truth, note)
        del flat
        erasing(store, note)
        sealed(Path(place) / "sealed", walkers, asked, min(rows, SEALED), note)
    note(peak_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2))
    report["load_at_end"] = os.getloadavg()[0]
    target = Path(__file__).parent / "results" / "gallery.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


def by_exact(store: Store, asked: np.ndarray, note: Callable[..., None]) -> list[list[str]]:
    store.nearest(asked[:1], TOP, exact=True)
    answers = [seconds(lambda one=one: store.nearest(one[None], TOP, exact=True)[0]) for one in asked]
    note(exact_ms=median_ms([spent for spent, _ in answers]))
    together, _ = seconds(lambda: store.nearest(asked, TOP, exact=True))
    note(exact_ms_each_of_20_together=round(together / len(asked) * 1e3, 1))
    return [[key for _, key, _ in found] for _, found in answers]


def by_index(store: Store, asked: np.ndarray, truth: list[list[str]], note: Callable[..., None]) -> None:
    store.nearest(asked[:1], TOP)
    answers = [seconds(lambda one=one: store.nearest(one[None], TOP)[0]) for one in asked]
    times = [spent for spent, _ in answers]
    found = [[key for _, key, _ in each] for _, each in answers[: len(truth)]]
    note(
        index_probes=table._PROBES, index_ms=median_ms(times),
        index_ms_p95=round(float(np.quantile(times, 0.95)) * 1e3, 1),
        index_recall_at_10=recall(found, truth), index_recall_at_20=recall(found, truth, 20),
    )  # fmt: skip
    sweep = []
    for probes, many in ((10, 200), (20, 200), (40, 100), (40, 200), (40, 400), (1000, 200)):
        before, table._PROBES = table._PROBES, probes
        answers = [
            seconds(lambda one=one, many=many: reranked(store.holding.rows.candidates(one, many), one, TOP))
            for one in asked[: len(truth)]
        ]
        table._PROBES = before
        found = [[key for _, key, _ in each] for _, each in answers]
        ms = median_ms([spent for spent, _ in answers])
        sweep.append({"probes": probes, "candidates": many, "ms": ms, "recall_at_10": recall(found, truth)})
    note(sweep=sweep)


def ids_by_source(store: Store, rows: int) -> list[str]:
    found = store.holding.rows.columns(["id", "source"])
    number = {source: key for key, source in zip(found["id"], found["source"], strict=True)}
    return [number[f"{row:064x}"] for row in range(rows)]


def by_faiss(
    flat: np.ndarray, ids: list[str], asked: np.ndarray, truth: list[list[str]], note: Callable[..., None]
) -> None:
    try:
        import faiss
    except ImportError:
        note(faiss="not installed")
        return
    index = faiss.IndexFlatL2(flat.shape[1])
    spent, _ = seconds(lambda: index.add(flat))
    few = asked[: len(truth)].reshape(len(truth), -1)
    answers = [seconds(lambda one=one: index.search(one[None], 200)[1][0]) for one in few]
    plain, again = [], []
    for one, (_, rows) in zip(asked, answers, strict=False):
        plain.append([ids[row] for row in rows])
        halves = flat[rows].reshape(-1, PARTS, DIM).astype(np.float16)
        again.append(
            [key for _, key, _ in reranked(([ids[row] for row in rows], [""] * 200, halves), one, TOP)]
        )
    note(
        faiss_flat_ms=median_ms([spent for spent, _ in answers]),
        faiss_gb_in_memory=round(flat.nbytes / 1e9, 3),
        faiss_enrolled_per_s=round(len(flat) / spent), faiss_recall_at_10=recall(plain, truth),
        faiss_recall_at_10_reranked=recall(again, truth), faiss_version=faiss.__version__,
        faiss_threads=faiss.omp_get_max_threads(),
    )  # fmt: skip


def erasing(store: Store, note: Callable[..., None]) -> None:
    spent, _ = seconds(lambda: store.remove("person 7"))
    note(erase_s=round(spent, 1), gb_after_erasure=round(size_of(store.folder) / 1e9, 3))


def sealed(folder: Path, walkers: Walkers, asked: np.ndarray, rows: int, note: Callable[..., None]) -> None:
    store, spent = Store.create(folder, "correct horse battery"), 0.0
    for batch, _ in enrolled(walkers, rows):
        spent += seconds(lambda some=batch: store.add(some))[0]
    again = Store(folder, "correct horse battery")
    first, _ = seconds(lambda: again.nearest(asked[:1], TOP))
    then = [seconds(lambda one=one: again.nearest(one[None], TOP))[0] for one in asked[:EXACT]]
    note(
        sealed_rows=rows, sealed_enrolled_per_s=round(rows / spent), sealed_open_s=round(first, 2),
        sealed_ms=median_ms(then), sealed_bytes_per_row=round(size_of(folder) / rows),
    )  # fmt: skip


if __name__ == "__main__":
    main()
