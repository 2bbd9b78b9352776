"""One training run: steps, averaged weights, checkpoints, a log.

A run lives in a folder: `last.pt` (everything needed to go on, replaced atomically), `log.jsonl` (one line
every few steps). Killing it loses at most one checkpoint interval; running it again resumes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..atomic import aside
from ..errors import MeshgaitError, UsageError
from ..network.checkpoint import load
from ..network.meshgait import MeshGait
from .batches import Batch, Source
from .distributed import Group
from .join import branch_of
from .objective import step_losses
from .recipes import Recipe
from .schedule import averaging
from .traits import TRAITS

__all__ = ["STATE_FILE", "Run", "channels_last", "learning_rate"]

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
    """Linear warm-up by steps; then a tenth at each of the recipe's milestones, or half a cosine where it has
    none. share: of the schedule that is gone, 0-1."""
    warm = min(1.0, (step + 1) / recipe.warmup)
    if recipe.milestones:
        return recipe.rate * warm * 0.1 ** sum(share >= each for each in recipe.milestones)
    return recipe.rate * warm * max(0.01, 0.5 * (1 + math.cos(math.pi * share)))


def _optimiser(recipe: Recipe, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=recipe.rate, momentum=0.9, weight_decay=recipe.decay)
    if recipe.optimiser != "adamw":
        raise UsageError(f"there is no optimiser {recipe.optimiser!r}: use adamw or sgd")
    return torch.optim.AdamW(parameters, lr=recipe.rate, weight_decay=recipe.decay)


class Run:
    """A model in training, with its optimiser and its averaged weights.

    Raises MeshgaitError when `folder` cannot be written.
    """

    def __init__(
        self,
        model: MeshGait,
        batches: Source,
        recipe: Recipe,
        folder: Path,
        device: torch.device | str = "cpu",
        group: Group | None = None,
    ) -> None:
        self.batches, self.recipe, self.folder = batches, recipe, folder
        self.device, self.group = torch.device(device), group or Group()
        self.model = model
        channels_last(model.to(self.device))
        self.group.share_norms(model)
        self.longer = batches.longer(recipe.late_frames)
        self.teller = nn.Linear(model.fcs.weight.shape[0] * model.fcs.weight.shape[2], TRAITS).to(self.device)
        self.parameters = [*model.parameters(), *self.teller.parameters()]
        self.optimiser = _optimiser(recipe, self.parameters)
        self.average = {key: value.detach().clone() for key, value in model.state_dict().items()}
        self.step, self.seconds, self.began = 0, 0.0, ""
        self._drawer = ThreadPoolExecutor(1, "batches")
        self._drawn: dict[tuple[bool, int], Future[Batch]] = {}
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

    def start_from(self, place: Path) -> None:
        """Begin with another run's averaged weights (its folder), or a checkpoint's (a file, or a variant's
        name); of a network with more branches, with the one that is trained here. A classifier for other
        people is left out. Raises UsageError when it is another network's."""
        own = self.model.state_dict()
        if place.is_dir():
            state = _read(place / STATE_FILE, self.device)
            theirs, before = state["average"], state.get("began", "")
            self.began = f"{state['step']} steps, {state['seconds'] / 60:.1f} minutes; {before}".rstrip("; ")
        else:
            loaded = load(place, self.device)
            if self.model.decoder is not None:
                loaded.build_decoder()
            network, fusion = loaded.network, self.model.config.fusion
            if fusion != network.config.fusion and fusion in network.widths:
                network = branch_of(network, fusion)
            theirs, self.began = network.state_dict(), loaded.id
        for key in own:
            if key in theirs and own[key].shape == theirs[key].shape:
                own[key] = theirs[key]
            elif not key.startswith("necks."):
                raise UsageError(f"{place} is no {self.model.config.name}: {key} differs or is missing")
        self.model.load_state_dict(own)
        self.average = {key: value.detach().clone() for key, value in own.items()}

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
        late = share >= self.recipe.late_from
        losses = step_losses(
            self.model, self.teller, self._batch(late), self.recipe, self.step, share, self.group
        )
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total.detach()):
            worst = ", ".join(f"{key} {value.item():.3g}" for key, value in losses.items())
            raise MeshgaitError(f"training diverged at step {self.step} ({worst}): lower the recipe's rate")
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.group.average_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip)
        self.optimiser.step()
        self.step += 1
        self._average()
        return {"loss": total.item(), "rate": rate, **{key: value.item() for key, value in losses.items()}}

    def _batch(self, late: bool) -> Batch:
        """This step's batch; the next is drawn while this one is learned from."""
        wanted = (late, self.step)
        ready = self._drawn.pop(wanted, None)
        self._drawn = {(late, self.step + 1): self._drawer.submit(self._draw, late, self.step + 1)}
        return ready.result() if ready is not None else self._draw(*wanted)

    def _draw(self, late: bool, step: int) -> Batch:
        return (self.longer if late else self.batches).batch(step, self.group.rank, self.group.world)

    @torch.no_grad()
    def _average(self) -> None:
        # Early on the average would still be the first random weights: let it follow faster.
        decay = averaging(self.recipe.ema, self.step)
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
        sums, counted = dict[str, float](), 0
        first = self.group.first
        while (gone := self.group.agreed(self.share(minutes, steps))) < 1:
            start = time.monotonic()
            losses = self.advance(gone)
            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + value
            counted += 1
            self.seconds += time.monotonic() - start
            if not first:
                continue
            if tick is not None:
                tick(self.share(minutes, steps), losses["loss"])
            if self.step % LOG_EVERY == 0:
                line = {"step": self.step, "seconds": round(self.seconds, 1)}
                self._write(line | {key: round(value / counted, 5) for key, value in sums.items()}, log)
                sums, counted = {}, 0
            if self.seconds - saved > save_every:
                self.save()
                saved = self.seconds
            if look is not None and self.seconds - looked > look_every:
                self._write({"step": self.step, "seconds": round(self.seconds, 1), **look()}, log)
                looked = self.seconds
        self.group.agreed(0.0)  # nobody leaves before the last step is done
        if first:
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
