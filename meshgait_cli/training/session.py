"""`train`: a recipe's name to a checkpoint that recognition loads, resumable at every point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import aside
from ..device import resolve_device
from ..errors import UsageError
from .board import open_board
from .distributed import Group, join
from .export import export
from .settings import TrainSettings, network_of
from .sources import benchmark_of, fresh_corpus, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from ..network.meshgait import MeshGait
    from .recipes import Recipe

__all__ = ["TrainSettings", "Trained", "train_recipe"]


@dataclass(frozen=True, slots=True)
class Trained:
    """The checkpoint, and the record of how it was made, which is also inside it. first: whether this is the
    process that wrote it."""

    path: Path
    about: dict[str, Any]
    first: bool = True


def train_recipe(
    settings: TrainSettings,
    out: Path,
    *,
    made: Callable[[str, int, int], None] | None = None,
    tick: Callable[[float, float], None] | None = None,
    log: Callable[[dict[str, Any]], None] | None = None,
) -> Trained:
    """Train in the folder `out`, or go on there, and write `out/<variant>.safetensors` and `out/about.json`.
    The parts of a recipe are trained in folders below `out`.

    made: called with what is being prepared, and how many of how many are done. tick: with the share of the
    run that is done, and the loss. log: with each line of `out/log.jsonl`. Processes that torchrun started
    train together, and the first of them writes. Raises UsageError, SourceNotFound, MeshgaitError (a damaged
    checkpoint, losses that are not finite), and for real data what its readers raise.
    """
    import torch

    recipe = settings.resolve()
    if out.exists() and not out.is_dir():  # said now, not after half an hour of making walkers
        raise UsageError(f"{out} is a file: choose another --out")
    group, device = join(recipe.people, resolve_device(settings.device))
    if settings.threads:
        torch.set_num_threads(settings.threads)
    try:
        return _train(settings, recipe, out, device, group, made, tick, log)
    finally:
        group.leave()


def _train(
    settings: TrainSettings,
    recipe: Recipe,
    out: Path,
    device: torch.device,
    group: Group,
    made: Callable[[str, int, int], None] | None,
    tick: Callable[[float, float], None] | None,
    log: Callable[[dict[str, Any]], None] | None,
) -> Trained:
    from .apart import train_apart
    from .run import measure, train

    benchmark = benchmark_of(settings, recipe, group, made)
    facts: dict[str, Any] = {}

    def one(
        settings: TrainSettings, recipe: Recipe, folder: Path, tick: Callable[[float, float], None] | None
    ) -> tuple[MeshGait, dict[str, Any]]:
        batches, found = source_of(settings, recipe, folder, group, made)
        facts.update(found)
        start_from = settings.start_from
        if start_from is None and settings.videos:
            start_from = Path(recipe.variant)
        board = open_board(folder) if group.first else None

        def told(line: dict[str, Any]) -> None:
            for hear in (board, log):
                if hear is not None:
                    hear(line)

        return train(
            network_of(recipe),
            recipe,
            batches,
            folder,
            settings.minutes,
            settings.steps,
            benchmark=benchmark if recipe.recognises else None,
            seed=settings.seed,
            device=device,
            group=group,
            start_from=start_from,
            save_every=settings.save_every,
            log=told,
            tick=tick,
        )

    if recipe.apart:
        model, about = train_apart(
            settings, recipe, out, one, lambda: fresh_corpus(settings, recipe, group, made), device,
            first=group.first, made=made, tick=tick,
        )  # fmt: skip
        if benchmark is not None and group.first:
            about["heldout"] = measure(model, benchmark)
    else:
        model, about = one(settings, recipe, out, tick)
    about |= facts
    path = out / f"{recipe.variant}.safetensors"
    if group.first:
        export(model, about, path)
        with aside(out / "about.json") as temporary:
            temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return Trained(path, about, group.first)
