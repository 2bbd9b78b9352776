"""What a run learns from: synthetic walkers, silhouettes with names, or videos without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..assets import cache_dir
from ..device import resolve_device
from ..errors import BodyError, MeshgaitError, SourceNotFound, UsageError
from ..evaluation.protocols import read_partition
from ..pipeline import Extractor, ExtractSettings
from ..results.directory import Result, is_result
from ..synth.corpus import POPULATION, Corpus, is_finished, make_benchmark, make_corpus
from ..video.sources import VIDEO_SUFFIXES
from .batches import Batches, Source
from .distributed import Group
from .recipes import Recipe
from .settings import TrainSettings
from .smpl_labels import SmplLabels, SmplTruth
from .walks import Mixed, Walk, WalkBatches, walks_of_results, walks_of_tree

__all__ = [
    "BENCHMARK_SEED",
    "CORPUS_SEED",
    "FRESH_SEED",
    "SYNTHETIC",
    "benchmark_folder",
    "benchmark_of",
    "fresh_corpus",
    "source_of",
]

CORPUS_SEED, BENCHMARK_SEED, FRESH_SEED = 2, 1, 6
Made = Callable[[str, int, int], None]
SYNTHETIC = {
    "data": "synthetic walkers only (meshgait_cli.synth); no recording of a person",
    "licence": "CC0-1.0",
    "acknowledgement": "walking model derived from mocap.cs.cmu.edu, NSF EIA-0196217",
}


def source_of(
    settings: TrainSettings, recipe: Recipe, out: Path, group: Group, made: Made | None
) -> tuple[Source, dict[str, Any]]:
    """What is learned from, and what the checkpoint's card has to say of it."""
    drawn = partial(
        Batches, each=recipe.each, frames=recipe.frames, seed=settings.seed, window=recipe.window,
        augment=recipe.augment, faults=recipe.faults,
    )  # fmt: skip
    facts: dict[str, Any]
    if not recipe.identities:
        walks = _named(settings, out, group, made)
        facts = {"data": f"{len(walks)} sequences of silhouettes of the user's own", "licence": "not stated"}
        if settings.smpl_labels is not None:
            told = sum(walk.truth is not None for walk in walks)
            facts["bodies"] = f"SMPL labels of {told} of them, by the user's own SMPL file (non-commercial)"
        return _real(walks, recipe, recipe.people, settings, group), facts
    corpus = _corpus(settings, recipe, group, made)
    facts = {"corpus": corpus.manifest, **SYNTHETIC}
    if not settings.videos:
        return drawn(corpus, recipe.people), facts
    walks = walks_of_results(_results(settings, out, made))
    real = _real(walks, recipe, recipe.people - recipe.synthetic, settings, group)
    facts["data"] = f"synthetic walkers, and {len(walks)} tracks without names of the user's own videos"
    facts["licence"] = "not stated"
    return Mixed(drawn(corpus, recipe.synthetic), real), facts


def benchmark_folder() -> Path:
    """Where the held-out benchmark is kept."""
    return cache_dir() / "synthetic" / f"benchmark-v{POPULATION}-seed{BENCHMARK_SEED}"


def benchmark_of(settings: TrainSettings, recipe: Recipe, group: Group, made: Made | None) -> Corpus | None:
    """What a run that learns from synthetic walkers is measured on; made where it is missing."""
    if not settings.measure or not recipe.identities:
        return None
    folder = settings.benchmark or benchmark_folder()
    with _once(folder, group) as missing:
        if missing:
            make_benchmark(
                folder,
                seed=BENCHMARK_SEED,
                workers=os.cpu_count() or 1,
                progress=_telling(made, "held-out walkers"),
            )
    return Corpus.open(folder)


def _corpus(settings: TrainSettings, recipe: Recipe, group: Group, made: Made | None) -> Corpus:
    folder = settings.data or _kept(recipe.identities, CORPUS_SEED)
    return _made_corpus(folder, recipe.identities, CORPUS_SEED, group, _telling(made, "training walkers"))


def fresh_corpus(settings: TrainSettings, recipe: Recipe, group: Group, made: Made | None) -> Corpus:
    """People whom no part of the recipe learns from; beside --data where that is given."""
    folder = _kept(recipe.fresh, FRESH_SEED)
    if settings.data is not None:
        folder = settings.data.with_name(f"{settings.data.name}-fresh")
    return _made_corpus(folder, recipe.fresh, FRESH_SEED, group, _telling(made, "fresh walkers"))


def _kept(identities: int, seed: int) -> Path:
    return cache_dir() / "synthetic" / f"walkers-v{POPULATION}-{identities}-seed{seed}"


def _made_corpus(
    folder: Path, identities: int, seed: int, group: Group, progress: Callable[[int, int], None] | None
) -> Corpus:
    with _once(folder, group) as missing:
        if missing:
            make_corpus(
                folder, identities, seed=seed, sequences=6, frames=24,
                workers=os.cpu_count() or 1, progress=progress,
            )  # fmt: skip
    return Corpus.open(folder)


def _real(
    walks: list[Walk], recipe: Recipe, people: int, settings: TrainSettings, group: Group
) -> WalkBatches:
    count = min(people, len({walk.identity for walk in walks}))
    count -= count % group.world  # processes share them evenly
    if not count:
        raise MeshgaitError(f"{len(walks)} walks cannot be shared by {group.world} processes")
    return WalkBatches(
        walks, count, recipe.each, recipe.frames, settings.seed, recipe.window,
        augment=recipe.augment, faults=recipe.faults,
    )  # fmt: skip


def _named(settings: TrainSettings, out: Path, group: Group, made: Made | None) -> list[Walk]:
    assert settings.data is not None
    if not settings.data.exists():
        raise SourceNotFound(f"there is no {settings.data}")
    people = None if settings.partition is None else read_partition(settings.partition)["TRAIN_SET"]
    if settings.smpl_labels is None or settings.smpl_path is None:
        return walks_of_tree(settings.data, people)
    labels = SmplLabels(settings.data, settings.smpl_labels, settings.smpl_path, out / "bodies")
    walks = walks_of_tree(settings.data, people, labels.of)
    lengths = {walk.truth: walk.load for walk in walks if isinstance(walk.truth, SmplTruth)}
    if not lengths:
        raise BodyError(f"{settings.smpl_labels} has no labels of the sequences in {settings.data}")
    if group.first:
        labels.prepare(
            list(lengths),
            lambda truth: len(lengths[truth]()),
            resolve_device(settings.device),
            _telling(made, "bodies"),
        )
    group.agreed(0.0)
    return walks


def _results(settings: TrainSettings, out: Path, made: Made | None) -> list[Result]:
    """Of every video or result that was named; what is not yet extracted is, below `out`."""
    extractor = Extractor(ExtractSettings(), settings.device)
    sources: list[Path] = []
    for path in settings.videos:
        if not path.exists():
            raise SourceNotFound(f"there is no {path}")
        if path.is_file() or is_result(path):
            sources.append(path)
        else:
            sources += sorted(
                child
                for child in path.iterdir()
                if is_result(child) or child.suffix.lower() in VIDEO_SUFFIXES
            )
    if not sources:
        raise SourceNotFound(f"there are no videos or results in {', '.join(map(str, settings.videos))}")
    results = []
    for number, path in enumerate(sources):
        if made is not None:
            made("silhouettes", number, len(sources))
        if is_result(path):
            results.append(Result(path))
        else:
            results.append(extractor.extract(path, out / "results").result)
    return results


@contextmanager
def _once(folder: Path, group: Group) -> Iterator[bool]:
    """Whether a corpus is missing, for the first process to make it while the others wait."""
    missing = group.first and not is_finished(folder)
    if missing:
        _refuse_foreign(folder)
    yield missing
    group.agreed(0.0)


def _telling(made: Made | None, what: str) -> Callable[[int, int], None] | None:
    return None if made is None else lambda done, total: made(what, done, total)


def _refuse_foreign(folder: Path) -> None:
    """A corpus is made only where nothing else lies."""
    ours = {"silhouettes.npy", "points.npy", "labels.npy"}
    if folder.exists() and (not folder.is_dir() or {each.name for each in folder.iterdir()} - ours):
        raise UsageError(f"{folder} holds no finished corpus, and other things: name another folder")
