"""What a run is asked for, and whether that can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceNotFound, UsageError
from ..network.meshgait import ModelConfig
from ..network.variants import VARIANTS, alone
from . import recipes
from .recipes import Recipe

__all__ = ["TrainSettings", "network_of"]

# What --set says of a recipe in parts, and not of its parts.
_JOIN = ("apart", "fresh", "refined", "refine_steps", "branch")


def network_of(recipe: Recipe) -> ModelConfig:
    """The network that a recipe trains. Raises UsageError where its variant has no such branch."""
    config = VARIANTS[recipe.variant]
    if not recipe.branch:
        return config
    try:
        return alone(config, recipe.branch)
    except ValueError as error:
        raise UsageError(f"{error}: the branches are silhouette, heatmap and energy") from error


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """recipe: a name. changes: NAME=VALUE for its fields. minutes or steps: how long, the recipe's when
    neither is given. data: the training corpus, benchmark: the held-out one; made in the cache where they
    are not named, or named and not there. For a recipe of real data, data is the folder of silhouettes, and
    partition OpenGait's JSON whose TRAIN_SET is learned from (everybody without it); smpl_labels: a folder of
    SMPL labels of them, with smpl_path, the user's SMPL file. videos: files, folders of them, or results, to
    learn from without names. measure: on the benchmark, during the run and after it.
    start_from: a run's folder, a checkpoint or a variant's name; for videos the shipped network, unless one
    is named. threads: of the CPU, 0 for all."""

    recipe: str
    changes: tuple[str, ...] = ()
    minutes: float = 0.0
    steps: int = 0
    data: Path | None = None
    benchmark: Path | None = None
    partition: Path | None = None
    smpl_labels: Path | None = None
    smpl_path: Path | None = None
    videos: tuple[Path, ...] = ()
    measure: bool = True
    start_from: Path | None = None
    device: str = "auto"
    seed: int = 0
    threads: int = 0
    save_every: float = 180.0

    def __post_init__(self) -> None:
        if self.minutes and self.steps:
            raise UsageError("give --minutes or --steps, not both")
        if not (0 <= self.minutes < math.inf and min(self.steps, self.threads) >= 0 and self.save_every > 0):
            raise UsageError("times, steps and threads must be positive")
        if self.threads > 4096:
            raise UsageError(f"--threads goes to 4096, not {self.threads}")
        if not 0 <= self.seed < 2**63:
            raise UsageError("--seed must be a whole number from 0 to 2⁶³ − 1")

    def resolve(self) -> Recipe:
        """The recipe, with its changes. Raises UsageError or SourceNotFound for what cannot be."""
        recipe = recipes.find(self.recipe)
        if self.smpl_labels is not None and not recipe.identities:
            recipe = recipes.with_bodies(recipe)
        recipe = recipes.changed(recipe, list(self.changes))
        if recipe.variant not in VARIANTS:
            raise UsageError(f"there is no network {recipe.variant!r}: use one of {', '.join(VARIANTS)}")
        network_of(recipe)
        for name in recipe.apart:
            part = recipes.changed(recipes.find(name), self.changes_of_parts)
            network_of(part)
            if part.variant != recipe.variant or not part.branch or not part.identities:
                raise UsageError(
                    f"{name} is no branch of {recipe.variant}: it cannot be a part of {self.recipe}"
                )
        if recipe.apart and (self.start_from is not None or recipe.fresh < 2):
            raise UsageError(
                f"{self.recipe} is trained in parts: no --start-from, and two fresh people at least"
            )
        start = self.start_from
        if start is not None and not start.exists() and str(start) not in VARIANTS:
            raise SourceNotFound(f"there is no run or checkpoint {start}")
        if bool(self.videos) != bool(recipe.synthetic):
            raise UsageError("--videos goes with the recipe self-supervised, and it with --videos")
        if not recipe.identities and self.data is None:
            raise UsageError(f"the recipe {self.recipe} learns from data of your own: name it by --data")
        if self.partition is not None and recipe.identities:
            raise UsageError("--partition goes with recipes for data of your own")
        if not recipe.identities and recipe.traits:
            raise UsageError("nobody knows the traits of real people: --set traits=0")
        if not recipe.identities and recipe.rebuilds and self.smpl_labels is None:
            raise UsageError("real silhouettes come without joints: give --smpl-labels, or weigh them 0")
        self._refuse_labels(recipe)
        return recipe

    @property
    def changes_of_parts(self) -> list[str]:
        """Those that hold for every part of a recipe in parts."""
        return [change for change in self.changes if change.partition("=")[0] not in _JOIN]

    def _refuse_labels(self, recipe: Recipe) -> None:
        """Where SMPL labels were given, and nothing could be made of them."""
        if (self.smpl_labels is None) != (self.smpl_path is None):
            raise UsageError("--smpl-labels goes with --smpl-path, your SMPL file, and it with --smpl-labels")
        if self.smpl_labels is None:
            return
        if recipe.identities:
            raise UsageError("--smpl-labels goes with recipes for data of your own")
        if not recipe.rebuilds:
            raise UsageError("nothing is learned from SMPL labels: weigh joints, markers or mesh")
        if VARIANTS[recipe.variant].fusion in ("silhouette", "energy"):
            raise UsageError(f"{recipe.variant} has no 3-D branch to learn from SMPL labels: --set variant=…")
        if recipe.body_until:
            raise UsageError(
                "where some sequences have no labels, bodies are not learned alone: body_until=0"
            )
