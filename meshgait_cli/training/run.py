"""Build, train, measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..body import open_body
from ..errors import MeshgaitError
from ..network.meshgait import MeshGait, ModelConfig
from ..synth.corpus import Corpus
from .batches import Source
from .distributed import Group
from .heldout import body_error, embed_all, energy_images, rank_one
from .loop import Log, Run
from .recipes import Recipe

__all__ = ["averaged", "build", "fold_norm", "measure", "train"]


def build(config: ModelConfig, recipe: Recipe, classes: int, seed: int) -> MeshGait:
    """A fresh network for training; its decoder gives joints and markers."""
    torch.manual_seed(seed)
    body = config.fusion not in ("silhouette", "energy") and recipe.rebuilds
    mesh = torch.from_numpy(open_body.marker_decoder()) if recipe.mesh and body else None
    model = MeshGait(config, classes=classes if recipe.classes else 1, with_decoder=body, marker_decoder=mesh)
    if model.energy_branch is not None and recipe.energy_until > 0:
        # What the other branches say is nothing yet: let them in without a jolt when their time comes.
        with torch.no_grad():
            model.fcs.weight[:, : model.width - model.energy_branch.channels] = 0
    return model


@torch.no_grad()
def fold_norm(model: MeshGait) -> None:
    """Put the necks' batch norm into the linear maps before it, so that the embedding itself carries the
    scale in which distances were trained. Its shift is left out: distances do not see it."""
    assert model.necks is not None
    norm = model.necks.norm
    weight = model.fcs.weight  # parts×C×dim
    assert norm.running_var is not None
    spread = (norm.running_var + norm.eps).sqrt() * weight.shape[2] ** 0.5
    weight.mul_((norm.weight / spread).view(weight.shape[0], 1, weight.shape[2]))


def averaged(config: ModelConfig, average: dict[str, Tensor], decoder: bool = False) -> MeshGait:
    """The network that recognition uses: averaged weights, norm folded in, without necks."""
    model = MeshGait(config, classes=average["necks.weight"].shape[2], with_decoder=decoder)
    model.load_state_dict({key: value.cpu() for key, value in average.items()})
    fold_norm(model)
    model.necks = None
    return model.eval()


def measure(model: MeshGait, benchmark: Corpus) -> dict[str, Any]:
    """Rank-1 by kind of probe, and where there is a body, its error."""
    found = rank_one(embed_all(model, benchmark.silhouettes), benchmark.labels)
    if model.decoder is not None:
        found |= {f"body_{key}": value for key, value in body_error(model, benchmark).items()}
    return found


def train(
    config: ModelConfig,
    recipe: Recipe,
    batches: Source,
    out: Path,
    minutes: float = 0.0,
    steps: int = 0,
    *,
    benchmark: Corpus | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    group: Group | None = None,
    start_from: Path | None = None,
    save_every: float = 180.0,
    look_every: float = 480.0,
    log: Log | None = None,
    tick: Callable[[float, float], None] | None = None,
) -> tuple[MeshGait, dict[str, Any]]:
    """Train in the folder `out`, or resume there; returns the finished network and what was measured.

    minutes, steps: see `Run.train`; the recipe's when both are 0. benchmark: measured on during the run and
    after it. group: of processes that train together. start_from: see `Run.start_from`.
    """
    group = group or Group()
    if not minutes and not steps:
        minutes, steps = recipe.minutes, recipe.steps
    if batches.classes < 2:
        raise MeshgaitError("there is only one person to learn from: give more")
    run = Run(build(config, recipe, batches.classes, seed), batches, recipe, out, device, group)
    if not run.resume() and start_from is not None:
        run.start_from(start_from)
    body = run.model.decoder is not None

    def look() -> dict[str, Any]:
        assert benchmark is not None
        # Every third person: a look need not be exact.
        people = np.unique(benchmark.labels["identity"])[::3]
        rows = np.flatnonzero(np.isin(benchmark.labels["identity"], people))
        model = averaged(config, run.average, body)
        return rank_one(embed_all(model, benchmark.silhouettes[rows]), benchmark.labels[rows])

    run.train(
        minutes,
        steps,
        look=look if benchmark is not None else None,
        save_every=save_every,
        look_every=look_every,
        log=log,
        tick=tick,
    )
    model = averaged(config, run.average, body)
    about: dict[str, Any] = {
        "recipe": asdict(recipe),
        "identities": batches.classes,
        "minutes": round(run.seconds / 60, 1),
        "steps": run.step,
        "seed": seed,
        "started_from": run.began,
    }
    if group.world > 1:
        about["processes"] = group.world
    if benchmark is not None and group.first:
        about["heldout"] = measure(model, benchmark)
        about["heldout_energy_image"] = rank_one(energy_images(benchmark.silhouettes), benchmark.labels)
    return model, about
