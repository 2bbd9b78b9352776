"""One training run: steps, averaged weights, checkpoints, a log.

A run lives in a folder: `last.pt` (everything needed to go on, replaced atomically), `log.jsonl` (one line
every few steps). Killing it loses at most one checkpoint interval; running it again resumes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..atomic import aside
from ..errors import MeshgaitError, UsageError
from ..network.heads import CE_SCALE
from ..network.meshgait import MeshGait
from .batches import Batch, Batches
from .losses import body_loss, contrast_loss, cross_entropy, part_distances, triplet_loss
from .recipes import Recipe
from .traits import TRAITS

__all__ = ["STATE_FILE", "Run", "channels_last", "learning_rate", "step_losses"]

STATE_FILE = "last.pt"
LOG_EVERY = 20  # steps
Log = Callable[[dict[str, Any]], None]


def channels_last(model: nn.Module) -> nn.Module:
    """Convolution weights in channels-last memory, which is what makes them fast on a CPU."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
        elif isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return model


def learning_rate(recipe: Recipe, step: int, share: float) -> float:
    """Linear warm-up by steps, then half a cosine over the time there is. share: of it that is gone, 0-1."""
    return (
        recipe.rate * min(1.0, (step + 1) / recipe.warmup) * max(0.01, 0.5 * (1 + math.cos(math.pi * share)))
    )


def step_losses(
    model: MeshGait, teller: nn.Module, batch: Batch, recipe: Recipe, step: int, share: float
) -> dict[str, Tensor]:
    """Each loss that the recipe asks for, times its weight; their sum is what is minimised.

    teller: features to traits.
    """
    device = next(model.parameters()).device
    silhouettes, labels = batch.silhouettes.to(device), batch.labels.to(device)
    watched = batch.watched
    if model.energy_branch is not None and share < recipe.energy_until:
        watched = slice(0, 0)
    count = watched.stop - watched.start
    body = count > 0 and model.decoder is not None and (recipe.joints > 0 or recipe.markers > 0)
    chosen: bool | Tensor = False
    if body:
        total = silhouettes.shape[0] * count
        draw = torch.Generator().manual_seed(step)
        chosen = torch.randperm(total, generator=draw)[: recipe.decoded].to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bf16):
        out = model(silhouettes, decode=chosen, watched=watched)
    embedding = out.embedding.float()
    assert model.necks is not None
    features = model.necks.norm(embedding.flatten(1)).view_as(embedding) / embedding.shape[2] ** 0.5
    distances = part_distances(features)
    losses: dict[str, Tensor] = {}
    if recipe.contrast_parts:
        losses["contrast_parts"] = recipe.contrast_parts * contrast_loss(
            distances, labels, recipe.temperature
        )
    if recipe.contrast:
        # The mean over parts varies less than one part does.
        whole = contrast_loss(distances.mean(0), labels, recipe.temperature / 2)
        losses["contrast"] = recipe.contrast * whole
    if recipe.triplet:
        losses["triplet"] = recipe.triplet * triplet_loss(distances, labels, recipe.margin)
    if recipe.classes and share >= recipe.classes_from and out.logits is not None:
        losses["classes"] = recipe.classes * cross_entropy(out.logits, labels, CE_SCALE)
    if recipe.traits:
        # Back at unit spread, which is what a linear layer expects.
        told = teller(features.flatten(1) * embedding.shape[2] ** 0.5)
        losses["traits"] = recipe.traits * nn.functional.smooth_l1_loss(told, batch.traits.to(device))
    if body and out.reconstruction is not None:
        found = torch.cat([out.reconstruction.joints, out.reconstruction.markers], dim=1)
        joints, markers = body_loss(found, batch.points.to(device).flatten(0, 1)[chosen])
        losses["joints"], losses["markers"] = recipe.joints * joints, recipe.markers * markers
    return losses


class Run:
    """A model in training, with its optimiser and its averaged weights.

    Raises MeshgaitError when `folder` cannot be written.
    """

    def __init__(
        self,
        model: MeshGait,
        batches: Batches,
        recipe: Recipe,
        folder: Path,
        device: torch.device | str = "cpu",
    ) -> None:
        self.model, self.batches, self.recipe, self.folder = model, batches, recipe, folder
        self.device = torch.device(device)
        channels_last(model.to(self.device))
        self.longer = batches.longer(recipe.late_frames)
        self.teller = nn.Linear(model.fcs.weight.shape[0] * model.fcs.weight.shape[2], TRAITS).to(self.device)
        self.parameters = [*model.parameters(), *self.teller.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, lr=recipe.rate, weight_decay=recipe.decay)
        self.average = {key: value.detach().clone() for key, value in model.state_dict().items()}
        self.step, self.seconds, self.began = 0, 0.0, ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MeshgaitError(f"cannot train in {folder}: {error.strerror or error}") from error

    def resume(self) -> bool:
        """Go on from the folder's last checkpoint, if it has one. Raises UsageError when it is another's."""
        path = self.folder / STATE_FILE
        if not path.is_file():
            return False
        state = _read(path, self.device)
        then, now = state["recipe"], asdict(self.recipe)
        differs = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
        if differs:
            raise UsageError(
                f"{path} was made by another recipe ({', '.join(differs)} differ): choose another --out, or "
                "remove it"
            )
        self.model.load_state_dict(state["model"])
        self.teller.load_state_dict(state["teller"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        self.step, self.seconds, self.began = state["step"], state["seconds"], state["began"]
        return True

    def start_from(self, folder: Path) -> None:
        """Begin with another run's averaged weights; a classifier for other people is left out."""
        state = _read(folder / STATE_FILE, self.device)
        own = self.model.state_dict()
        for key, value in state["average"].items():
            if key in own and own[key].shape == value.shape:
                own[key] = value
        self.model.load_state_dict(own)
        self.average = {key: value.detach().clone() for key, value in own.items()}
        self.began = (
            f"{state['step']} steps, {state['seconds'] / 60:.1f} minutes; {state.get('began', '')}".rstrip(
                "; "
            )
        )

    def save(self) -> None:
        """Write the checkpoint aside and move it into place."""
        path = self.folder / STATE_FILE
        state = {
            "model": self.model.state_dict(),
            "teller": self.teller.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
            "began": self.began,
            "recipe": asdict(self.recipe),
        }
        with aside(path) as temporary:
            torch.save(state, temporary)

    def advance(self, share: float) -> dict[str, float]:
        """One step at `share` of the schedule; returns the losses. MeshgaitError when one is not finite."""
        self.model.train()
        rate = learning_rate(self.recipe, self.step, share)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batches = self.longer if share >= self.recipe.late_from else self.batches
        losses = step_losses(self.model, self.teller, batches[self.step], self.recipe, self.step, share)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total.detach()):
            worst = ", ".join(f"{key} {value.item():.3g}" for key, value in losses.items())
            raise MeshgaitError(f"training diverged at step {self.step} ({worst}): lower the recipe's rate")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimiser.step()
        self.step += 1
        self._average()
        return {"loss": total.item(), "rate": rate, **{key: value.item() for key, value in losses.items()}}

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average would still be the first random weights: let it follow faster.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for key, value in self.model.state_dict().items():
            kept = self.average[key]
            if kept.is_floating_point():
                kept.lerp_(value, 1 - decay)
            else:
                kept.copy_(value)

    def share(self, minutes: float, steps: int) -> float:
        """How much of the schedule is gone, 0-1: of the steps where there are any, else of the minutes."""
        return min(1.0, self.step / steps if steps else self.seconds / (minutes * 60))

    def train(
        self,
        minutes: float = 0.0,
        steps: int = 0,
        *,
        save_every: float = 180.0,
        look_every: float = 480.0,
        look: Callable[[], dict[str, Any]] | None = None,
        log: Log | None = None,
        tick: Callable[[float, float], None] | None = None,
    ) -> None:
        """Train until `steps` steps are done, or `minutes` of training time used, those before a resume
        included.

        Only a schedule of steps is the same on every machine. look: measures the averaged weights now and
        then; its time does not count. save_every, look_every: seconds. tick: called each step with the
        share that is done and the loss.
        """
        saved = looked = self.seconds
        sums: dict[str, float] = {}
        while (gone := self.share(minutes, steps)) < 1:
            start = time.monotonic()
            losses = self.advance(gone)
            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + value
            self.seconds += time.monotonic() - start
            if tick is not None:
                tick(self.share(minutes, steps), losses["loss"])
            if self.step % LOG_EVERY == 0:
                line = {"step": self.step, "seconds": round(self.seconds, 1)}
                self._write(line | {key: round(value / LOG_EVERY, 5) for key, value in sums.items()}, log)
                sums = {}
            if self.seconds - saved > save_every:
                self.save()
                saved = self.seconds
            if look is not None and self.seconds - looked > look_every:
                self._write({"step": self.step, "seconds": round(self.seconds, 1), **look()}, log)
                looked = self.seconds
        self.save()

    def _write(self, line: dict[str, Any], log: Log | None) -> None:
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if log is not None:
            log(line)


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """A checkpoint of a run. Raises MeshgaitError when there is none, or it is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        missing = {"model", "teller", "optimiser", "average", "step", "seconds", "recipe"} - set(state)
    except FileNotFoundError as error:
        raise MeshgaitError(f"there is no run in {path.parent}: {path.name} is missing") from error
    except Exception as error:  # torch, zip and pickle raise anything here
        raise MeshgaitError(f"{path} is damaged: remove it to begin anew") from error
    if missing:
        raise MeshgaitError(f"{path} is no checkpoint of a run: remove it to begin anew")
    return state
