"""Teach a network's refiner to correct a walk's points by one another.

    python -m meshgait_cli.training.refine --data CORPUS --out FILE

CORPUS: walks (`meshgait_cli.synth.corpus`) of people whom the 3-D branch has not seen: with those it has
learned from it makes fewer mistakes. The network stays as it is; what it says of people does not change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..atomic import aside
from ..body.reflection import MIRROR, mirrored_points, reflected, reflected_points
from ..ending import plainly
from ..errors import UsageError
from ..network.checkpoint import load
from ..network.decode import JOINTS, POINTS, locate
from ..network.meshgait import MeshGait
from ..network.refine import PoseRefiner
from ..synth.corpus import Corpus
from .export import export
from .join import digest
from .recipes import find
from .schedule import averaging, half_cosine

__all__ = ["Seen", "fit_refiner", "held_against", "refine", "seen_in"]

CHANNELS = 192
STEPS = find("meshgait-s").refine_steps
RATE, WARMUP, EMA = 1e-3, 100, 0.995
SAVE_EVERY = 1000  # steps: about a minute
WALKS = 64  # of a step
SHORTEST = 8  # frames of them that are read, at least
NOISE = 0.01  # silhouette heights, by which points are moved at random
JOINTS_WEIGHT = 0.5  # of the distance of joints from where they are, measured from the pelvis
CHUNK = 500  # walks that are decoded and kept at a time
TOGETHER = 8  # frames whose volumes are made at once: more do not stay in a processor's cache
Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Walks as a network saw them frame by frame, and as they were: see `held_against`. points, truth:
    S×T×88×3. confidences: S×T×88."""

    points: NDArray[np.float32]
    confidences: NDArray[np.float32]
    truth: NDArray[np.float32]


def refine(
    model: MeshGait,
    corpora: Sequence[Corpus],
    folder: Path,
    *,
    walks: int = 0,
    steps: int = STEPS,
    seed: int = 0,
    tick: Tick | None = None,
    learned: Callable[[float, float], None] | None = None,
) -> None:
    """Give `model`, which has a decoder, a refiner that learned from its own mistakes on `corpora`. One that
    it has already learns on.

    walks: of each corpus, so many drawn by chance; all when 0. folder: keeps what is decoded and learned, to
    go on there.
    tick: called with walks decoded, and how many there are; learned: with the share of steps, and the loss.
    """
    found = [seen_in(model, corpus, folder, walks=walks, seed=seed, tick=tick) for corpus in corpora]
    start = None if model.decoder is None else model.decoder.refiner
    kept = folder / f"{digest(model)}-{seed}.pt"
    model.adopt(
        fit_refiner(
            found, start=start, steps=steps, seed=seed, kept=kept, device=_device(model), tick=learned
        )
    )


def seen_in(
    model: MeshGait,
    corpus: Corpus,
    folder: Path,
    *,
    walks: int = 0,
    seed: int = 0,
    tick: Tick | None = None,
) -> Seen:
    """What `model` sees in walks of `corpus`; see `refine`. Walks in which somebody was never in the picture,
    so that there is no truth, are left out."""
    rows = np.random.default_rng([seed, 1]).permutation(len(corpus.silhouettes))[: walks or None]
    kept = folder / f"{digest(model)}-{corpus.manifest['seed']}-{len(rows)}-{seed}"
    kept.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(rows), CHUNK):
        if tick is not None:
            tick(start, len(rows))
        path = kept / f"{start:08d}.npy"
        if path.exists():
            continue
        chosen = rows[start : start + CHUNK]
        with aside(path) as temporary, temporary.open("wb") as file:
            np.save(file, np.stack([_decoded(model, corpus.silhouettes[row]) for row in chosen]))
    decoded: NDArray[np.float32] = np.concatenate([np.load(path) for path in sorted(kept.glob("*.npy"))])
    truth = np.asarray(corpus.points[rows], np.float32)
    return held_against(decoded[..., :3], decoded[..., 3], truth)


def held_against(
    points: NDArray[np.float32], confidences: NDArray[np.float32], truth: NDArray[np.float32]
) -> Seen:
    """Points and the truth they are to be brought to: of each walk the body or its reflection in depth, which
    has the same outline, whichever they are nearer to on the whole."""
    other = reflected(truth)
    straight, turned = (np.abs(points - each).mean((1, 2, 3)) for each in (truth, other))
    truth = np.where((turned < straight)[:, None, None, None], other, truth)
    # A walker who leaves the picture has no silhouette to be placed by.
    usable = np.isfinite(truth).all((1, 2, 3)) & (np.abs(truth).max((1, 2, 3)) < 3)
    return Seen(points[usable], confidences[usable], truth[usable])


def fit_refiner(
    seen: Sequence[Seen],
    *,
    start: PoseRefiner | None = None,
    channels: int = CHANNELS,
    steps: int = STEPS,
    seed: int = 0,
    kept: Path | None = None,
    device: torch.device | None = None,
    tick: Callable[[float, float], None] | None = None,
) -> PoseRefiner:
    """A refiner that brings points nearer to the truth: the averaged weights of the last steps. start: begin
    with this one, and its channels.

    A step reads WALKS of one of `seen`, each more often the more walks it has; every second one as the mirror
    image, every second two as the reflection in depth. kept: a file that holds everything needed to go on,
    written every SAVE_EVERY steps; what was cut off there ends in the same weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        refiner = PoseRefiner(channels, POINTS) if start is None else deepcopy(start)
    refiner.to(device).train().requires_grad_(True)
    data = [[torch.from_numpy(a) for a in (one.points, one.confidences, one.truth)] for one in seen]
    sizes = np.array([len(one.points) for one in seen], np.float64)
    average = {key: value.clone() for key, value in refiner.state_dict().items()}
    optimiser = torch.optim.AdamW(refiner.parameters(), lr=RATE, weight_decay=1e-2)
    first = 0
    if kept is not None and kept.is_file():
        state = torch.load(kept, map_location=device, weights_only=True)
        refiner.load_state_dict(state["refiner"])
        optimiser.load_state_dict(state["optimiser"])
        first, average = state["step"], state["average"]
    for step in range(first, steps):
        rng = np.random.default_rng([seed, 2, step])
        optimiser.param_groups[0]["lr"] = RATE * half_cosine(step, steps, WARMUP)
        points, sure, truth = _drawn(data[rng.choice(len(data), p=sizes / sizes.sum())], rng)
        if step % 2:
            points, sure, truth = mirrored_points(points), sure[..., list(MIRROR)], mirrored_points(truth)
        if step // 2 % 2:
            points, sure, truth = reflected_points(points), sure[..., list(MIRROR)], reflected_points(truth)
        noise = torch.from_numpy(rng.normal(0, NOISE, points.shape).astype(np.float32))
        found = refiner((points + noise).to(device), sure.to(device))
        loss = _loss(found, truth.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        optimiser.step()
        for key, value in refiner.state_dict().items():
            average[key].lerp_(value, 1 - averaging(EMA, step))
        if kept is not None and (step + 1) % SAVE_EVERY == 0:
            state = {
                "refiner": refiner.state_dict(), "optimiser": optimiser.state_dict(), "average": average,
                "step": step + 1,
            }  # fmt: skip
            with aside(kept) as temporary:
                torch.save(state, temporary)
        if tick is not None:
            tick((step + 1) / steps, loss.item())
    refiner.load_state_dict(average)
    return refiner.eval().requires_grad_(False)


def _drawn(data: Sequence[Tensor], rng: np.random.Generator) -> list[Tensor]:
    frames = data[0].shape[1]
    chosen = torch.from_numpy(rng.integers(len(data[0]), size=WALKS))
    length = int(rng.integers(min(SHORTEST, frames), frames + 1))
    first = int(rng.integers(frames - length + 1))
    return [each[chosen, first : first + length] for each in data]


def _loss(found: Tensor, truth: Tensor) -> Tensor:
    moved = [each[:, :, :JOINTS] - each[:, :, :1] for each in (found, truth)]
    return (found - truth).abs().mean() + JOINTS_WEIGHT * (moved[0] - moved[1]).norm(dim=-1).mean()


@torch.inference_mode()
def _decoded(model: MeshGait, silhouettes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """T×88×4: points and confidences."""
    frames = torch.from_numpy(np.array(silhouettes)).to(_device(model)).float() / 255
    parts = []
    for some in frames.split(TOGETHER):
        points, sure = locate(model.volumes(some[None]), model.config.alpha)
        parts.append(torch.cat([points, sure[..., None]], dim=-1))
    return np.asarray(torch.cat(parts).cpu().numpy())


def _device(model: MeshGait) -> torch.device:
    return next(model.parameters()).device


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the network; the shipped one")
    parser.add_argument("--data", type=Path, required=True, action="append", help="a corpus; may be repeated")
    parser.add_argument("--walks", type=int, default=0, help="of each corpus; all when 0")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if min(chosen.walks, chosen.steps) < 0:
        raise UsageError("walks and steps are counted from 0")
    loaded = load(chosen.model)
    if loaded.network.heatmaps is None:
        raise UsageError(f"{loaded.id} has no 3-D branch, so there are no bodies to refine")
    loaded.build_decoder()
    corpora = [Corpus.open(folder) for folder in chosen.data]

    def tell(done: int, total: int) -> None:
        print(f"{done} of {total} walks decoded", flush=True)

    def learned(share: float, loss: float) -> None:
        if round(share * chosen.steps) % 100 == 0:
            print(f"{share:4.0%}  loss {loss:.4f}", flush=True)

    with TemporaryDirectory(dir=chosen.out.parent) as folder:
        refine(
            loaded.network, corpora, Path(folder), walks=chosen.walks, steps=chosen.steps, seed=chosen.seed,
            tick=tell, learned=learned,
        )  # fmt: skip
    made = {
        "model": loaded.id, "data": [each.manifest for each in corpora], "walks": chosen.walks,
        "steps": chosen.steps,
    }  # fmt: skip
    about: dict[str, Any] = {**loaded.card, "refined": made}
    export(loaded.network, about, chosen.out)


if __name__ == "__main__":
    main()
