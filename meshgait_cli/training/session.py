"""`train`: a recipe's name to a checkpoint that recognition loads, resumable at every point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..assets import cache_dir
from ..atomic import aside
from ..device import resolve_device
from ..errors import SourceNotFound, UsageError
from ..network.variants import VARIANTS
from ..synth.corpus import Corpus, is_finished, make_benchmark, make_corpus
from . import recipes
from .export import export

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TrainSettings", "Trained", "train_recipe"]

CORPUS_SEED, BENCHMARK_SEED = 2, 1


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """recipe: a name. changes: NAME=VALUE for its fields. minutes or steps: how long, the recipe's when
    neither is given. data: the training corpus, benchmark: the held-out one; made in the cache where they
    are not named, or named and not there. measure: on the benchmark, during the run and after it.
    threads: of the CPU, 0 for all."""

    recipe: str
    changes: tuple[str, ...] = ()
    minutes: float = 0.0
    steps: int = 0
    data: Path | None = None
    benchmark: Path | None = None
    measure: bool = True
    start_from: Path | None = None
    device: str = "auto"
    seed: int = 0
    threads: int = 0
    save_every: float = 180.0

    def __post_init__(self) -> None:
        if self.minutes and self.steps:
            raise UsageError("give --minutes or --steps, not both")
        if min(self.minutes, self.steps, self.threads) < 0 or self.save_every <= 0:
            raise UsageError("times, steps and threads must be positive")


@dataclass(frozen=True, slots=True)
class Trained:
    """The checkpoint, and the record of how it was made, which is also inside it."""

    path: Path
    about: dict[str, Any]


def train_recipe(
    settings: TrainSettings,
    out: Path,
    *,
    made: Callable[[str, int, int], None] | None = None,
    tick: Callable[[float, float], None] | None = None,
    log: Callable[[dict[str, Any]], None] | None = None,
) -> Trained:
    """Train in the folder `out`, or go on there, and write `out/<variant>.safetensors` and `out/about.json`.

    made: called with what synthetic data is being made, and how many of how many people are done. tick:
    with the share of the run that is done, and the loss. log: with each line of `out/log.jsonl`. Raises
    UsageError, SourceNotFound, MeshgaitError (a damaged checkpoint, losses that are not finite).
    """
    import torch

    recipe = recipes.changed(recipes.find(settings.recipe), list(settings.changes))
    if recipe.variant not in VARIANTS:
        raise UsageError(f"there is no network {recipe.variant!r}: use one of {', '.join(VARIANTS)}")
    if settings.start_from is not None and not settings.start_from.is_dir():
        raise SourceNotFound(f"there is no run in {settings.start_from}")
    device = resolve_device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    home = cache_dir() / "synthetic"
    data = settings.data or home / f"walkers-{recipe.identities}-seed{CORPUS_SEED}"
    benchmark = settings.benchmark or home / f"benchmark-seed{BENCHMARK_SEED}"
    if not is_finished(data):
        _refuse_foreign(data)
        make_corpus(
            data, recipe.identities, seed=CORPUS_SEED, sequences=6, report=0,
            progress=made and (lambda done, total: made("training walkers", done, total)),
        )  # fmt: skip
    if settings.measure and not is_finished(benchmark):
        _refuse_foreign(benchmark)
        make_benchmark(
            benchmark, seed=BENCHMARK_SEED,
            progress=made and (lambda done, total: made("held-out walkers", done, total)),
        )  # fmt: skip
    from .run import train

    model, about = train(
        VARIANTS[recipe.variant],
        recipe,
        Corpus.open(data),
        out,
        settings.minutes,
        settings.steps,
        benchmark=Corpus.open(benchmark) if settings.measure else None,
        seed=settings.seed,
        device=device,
        start_from=settings.start_from,
        save_every=settings.save_every,
        log=log,
        tick=tick,
    )
    path = export(model, about, out / f"{recipe.variant}.safetensors")
    with aside(out / "about.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return Trained(path, about)


def _refuse_foreign(folder: Path) -> None:
    """A corpus is made only where nothing else lies."""
    ours = {"silhouettes.npy", "points.npy", "labels.npy"}
    if folder.exists() and (not folder.is_dir() or {each.name for each in folder.iterdir()} - ours):
        raise UsageError(f"{folder} holds no finished corpus, and other things: name another folder")
