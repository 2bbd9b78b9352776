"""A run in parts: each branch by itself in a folder of its own, one after the other, and then their join."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..network.meshgait import MeshGait
from ..network.variants import VARIANTS
from ..synth.corpus import Corpus
from . import recipes
from .join import joined, refit
from .recipes import Recipe
from .refine import refine
from .settings import TrainSettings

__all__ = ["train_apart"]

Tick = Callable[[float, float], None]
TrainOne = Callable[[TrainSettings, Recipe, Path, Tick], tuple[MeshGait, dict[str, Any]]]


def train_apart(
    settings: TrainSettings,
    recipe: Recipe,
    out: Path,
    train_one: TrainOne,
    fresh: Callable[[], Corpus],
    device: torch.device,
    *,
    first: bool = True,
    made: Callable[[str, int, int], None] | None = None,
    tick: Tick | None = None,
) -> tuple[MeshGait, dict[str, Any]]:
    """Train `recipe.apart` by `train_one` in folders below `out`, join them, and fit the maps on `fresh`, and
    the refiner after them.

    Changes of the settings hold for every part; minutes are shared as the parts' recipes share them. first:
    whether this process is the one whose network counts: only that one fits.
    """
    parts = {name: _part(settings, name) for name in recipe.apart}
    whole = sum(part.minutes for part in parts.values())
    models, told, gone = [], {}, 0.0
    for name, part in parts.items():
        share = part.minutes / whole if whole else 1 / len(parts)

        def ticked(done: float, loss: float, before: float = gone, share: float = share) -> None:
            if tick is not None:
                tick(before + share * done, loss)

        own = replace(settings, recipe=name, minutes=settings.minutes * share)
        model, told[name] = train_one(own, part, out / name, ticked)
        if not part.recognises:
            torch.nn.init.zeros_(model.fcs.weight)
        models.append(model)
        gone += share
    model = joined(VARIANTS[recipe.variant], models)
    corpus = fresh()
    if first:
        model.to(device)
        refit(
            model, corpus, out / "strips", bf16=recipe.bf16, seed=settings.seed,
            tick=_named(made, "strips of fresh walkers"),
        )  # fmt: skip
        if recipe.refined and model.decoder is not None:
            refine(
                model, [corpus], out / "points", walks=recipe.refined, steps=recipe.refine_steps,
                seed=settings.seed,
                tick=_named(made, "bodies of fresh walkers"), learned=_percent(made, "refiner of bodies"),
            )  # fmt: skip
        model.cpu()
        for folder in ("strips", "points"):
            shutil.rmtree(out / folder, ignore_errors=True)
    return model, {
        "recipe": asdict(recipe),
        "parts": told,
        "fresh": corpus.manifest,
        "seed": settings.seed,
        "identities": max(part["identities"] for part in told.values()),
        "minutes": round(sum(part["minutes"] for part in told.values()), 1),
        "steps": sum(part["steps"] for part in told.values()),
    }


def _named(made: Callable[[str, int, int], None] | None, what: str) -> Callable[[int, int], None] | None:
    return None if made is None else partial(made, what)


def _percent(
    made: Callable[[str, int, int], None] | None, what: str
) -> Callable[[float, float], None] | None:
    return None if made is None else lambda share, _: made(what, round(100 * share), 100)


def _part(settings: TrainSettings, name: str) -> Recipe:
    return recipes.changed(recipes.find(name), settings.changes_of_parts)
