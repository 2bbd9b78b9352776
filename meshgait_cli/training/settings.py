"""What a run is asked for, and whether that can be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import SourceNotFound, UsageError
from ..network.variants import VARIANTS
from . import recipes
from .recipes import Recipe

__all__ = ["TrainSettings"]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """recipe: a name. changes: NAME=VALUE for its fields. minutes or steps: how long, the recipe's when
    neither is given. data: the training corpus, benchmark: the held-out one; made in the cache where they
    are not named, or named and not there. For a recipe of real data, data is the folder of silhouettes, and
    partition OpenGait's JSON whose TRAIN_SET is learned from (everybody without it). videos: files, folders
    of them, or results, to learn from without names. measure: on the benchmark, during the run and after it.
    start_from: a run's folder, a checkpoint or a variant's name; for videos the shipped network, unless one
    is named. threads: of the CPU, 0 for all."""

    recipe: str
    changes: tuple[str, ...] = ()
    minutes: float = 0.0
    steps: int = 0
    data: Path | None = None
    benchmark: Path | None = None
    partition: Path | None = None
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
        if min(self.minutes, self.steps, self.threads) < 0 or self.save_every <= 0:
            raise UsageError("times, steps and threads must be positive")

    def resolve(self) -> Recipe:
        """The recipe, with its changes. Raises UsageError or SourceNotFound for what cannot be."""
        recipe = recipes.changed(recipes.find(self.recipe), list(self.changes))
        if recipe.variant not in VARIANTS:
            raise UsageError(f"there is no network {recipe.variant!r}: use one of {', '.join(VARIANTS)}")
        start = self.start_from
        if start is not None and not start.exists() and str(start) not in VARIANTS:
            raise SourceNotFound(f"there is no run or checkpoint {start}")
        if bool(self.videos) != bool(recipe.synthetic):
            raise UsageError("--videos goes with the recipe self-supervised, and it with --videos")
        if not recipe.identities and self.data is None:
            raise UsageError(f"the recipe {self.recipe} learns from data of your own: name it by --data")
        if self.partition is not None and recipe.identities:
            raise UsageError("--partition goes with recipes for data of your own")
        if not recipe.identities and (recipe.joints or recipe.markers or recipe.traits):
            raise UsageError("real silhouettes come without joints: --set joints=0, markers=0 and traits=0")
        return recipe
