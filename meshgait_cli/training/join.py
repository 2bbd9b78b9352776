"""One network of branches that were trained apart, and its maps to the embedding, fitted last.

A branch that learns beside one that knows the answers already learns little, so each learns by itself. And
since the map behind a branch fits the people it learned from better than it fits anybody else, the maps are
fitted anew, over all branches at once, on people whom no branch has seen. They are asked for what recognition
asks for: that the nearest sequence is the same person's, not that all of a person's are near.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..atomic import aside
from ..backends.precision import mixed
from ..network.meshgait import MeshGait, ModelConfig
from ..network.variants import alone
from ..synth.corpus import Corpus
from .losses import nearest_loss, part_distances
from .schedule import half_cosine
from .worsen import varied

__all__ = ["between", "branch_of", "digest", "fit_maps", "joined", "refit", "strips_of"]

WINDOWS = (10, 14, 18, 24)  # frames of a walk that are seen: short tracks are learned too
AUGMENT, FAULTS = 0.3, 0.3  # as `Recipe` has them: strips that such things spoil are not to be relied on
TOGETHER = 16  # sequences
CHUNK = 125  # of so many; each is kept, so that what is cut off goes on there
PEOPLE, EACH = 96, 4  # of a batch
STEPS, WARMUP, RATE = 800, 30, 5e-4
TEMPERATURE = 0.1  # in units of the embedding's spread
EMA = 0.98
KEPT = 0.25  # of the branches' own maps: the fitted ones know 6,000 people, and no more
Tick = Callable[[int, int], None]


def joined(config: ModelConfig, branches: Sequence[MeshGait]) -> MeshGait:
    """The network that `config` says, without refiner, of these branches' weights. Its maps are theirs, side
    by side.

    branches: networks of one branch each, as `run.averaged` returns them.
    """
    decoder = any(branch.decoder is not None for branch in branches)
    model = MeshGait(replace(config, refiner=0), with_decoder=decoder).eval()
    state = model.state_dict()
    parted = torch.split(state["fcs.weight"], list(model.widths.values()), dim=1)
    columns = dict(zip(model.widths, parted, strict=True))
    for branch in branches:
        own = branch.state_dict()
        columns[branch.config.fusion] = own.pop("fcs.weight")
        state |= own
    state["fcs.weight"] = torch.cat(list(columns.values()), 1)
    model.load_state_dict(state)
    return model


def branch_of(model: MeshGait, branch: str) -> MeshGait:
    """A network's branch by itself, with its share of the maps (and the decoder, of the 3-D branch). The
    reverse of `joined`. Raises ValueError where there is no such branch."""
    decoder = model.decoder is not None and branch == "heatmap"
    part = MeshGait(alone(model.config, branch), with_decoder=decoder).eval()
    state = model.state_dict()
    state["fcs.weight"] = state["fcs.weight"][:, model.columns(branch)]
    part.load_state_dict({key: state[key] for key in part.state_dict()})
    return part


def between(one: MeshGait, other: MeshGait, share: float) -> MeshGait:
    """The mean of two networks' weights, of which the second, which learned on from the first, has a `share`:
    what it knows by heart goes away sooner than what it understood (Wortsman et al., CVPR 2022)."""
    net = MeshGait(one.config, with_decoder=one.decoder is not None).eval()
    first, second = one.state_dict(), other.state_dict()
    net.load_state_dict(
        {
            key: torch.lerp(value, second[key], share) if value.is_floating_point() else value
            for key, value in first.items()
        }
    )
    return net


def strips_of(
    model: MeshGait,
    corpus: Corpus,
    folder: Path,
    *,
    windows: tuple[int, ...] = WINDOWS,
    bf16: bool = True,
    seed: int = 0,
    tick: Tick | None = None,
) -> NDArray[np.float16]:
    """S×16×width: what the maps read of each sequence, the mean of the walk and its mirror image.

    windows: how many frames are seen, each as often, turned and worsened by chance; none for whole walks as
    they are. folder: keeps what is done, to go on there, as long as the branches are the same.
    """
    folder = folder / digest(model)
    folder.mkdir(parents=True, exist_ok=True)
    step = TOGETHER * CHUNK
    found = []
    for start in range(0, len(corpus.silhouettes), step):
        if tick is not None:
            tick(start, len(corpus.silhouettes))
        path = folder / f"{start:08d}.npy"
        if not path.exists():
            rng = np.random.default_rng([seed, start])
            chunk = np.array(corpus.silhouettes[start : start + step])
            done = [
                _strips(model, _seen(chunk[at : at + TOGETHER], windows, rng), bf16)
                for at in range(0, len(chunk), TOGETHER)
            ]
            with aside(path) as temporary, temporary.open("wb") as file:
                np.save(file, np.concatenate(done))
        found.append(np.load(path))
    return np.concatenate(found)


def refit(
    model: MeshGait,
    corpus: Corpus,
    folder: Path,
    *,
    bf16: bool = True,
    seed: int = 0,
    tick: Tick | None = None,
) -> None:
    """Fit the maps of `model` anew on the people of `corpus`. folder, tick: see `strips_of`."""
    strips = strips_of(model, corpus, folder, bf16=bf16, seed=seed, tick=tick)
    widths = list(model.widths.values())
    maps = fit_maps(model.fcs.weight, widths, strips, corpus.labels["identity"], seed=seed)
    with torch.no_grad():
        model.fcs.weight.copy_(maps)


def digest(model: MeshGait) -> str:
    """Of all branches: of everything that strips and points depend on."""
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        if not name.startswith(("fcs.", "decoder.")):
            found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def _seen(walks: NDArray[np.uint8], windows: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    if not windows:
        return walks
    length = min(int(rng.choice(windows)), walks.shape[1])
    first = int(rng.integers(walks.shape[1] - length + 1))
    return np.stack(
        [varied(walk, None, rng, AUGMENT, FAULTS)[0] for walk in walks[:, first : first + length]]
    )


@torch.inference_mode()
def _strips(model: MeshGait, walks: NDArray[np.uint8], bf16: bool) -> NDArray[np.float16]:
    device = next(model.parameters()).device
    frames = torch.from_numpy(walks).to(device).float() / 255
    found = torch.zeros(())
    for view in (frames, frames.flip(-1)):
        with mixed(device, bf16):
            pooled = model.pool(view)
        found = found + model.strips(pooled).float().cpu() / 2
    return found.transpose(1, 2).half().numpy()


def fit_maps(
    maps: Tensor,
    widths: Sequence[int],
    strips: NDArray[np.float16],
    identities: NDArray[Any],
    *,
    steps: int = STEPS,
    seed: int = 0,
    tick: Callable[[float, float], None] | None = None,
) -> Tensor:
    """Maps to the embedding (16×width×dim) by which of a batch's sequences each is nearest to one of the same
    person.

    maps, widths: the branches' own, side by side, and how many columns each has. It begins with them, each
    branch's at the same spread, and ends with the average of the last steps, in which KEPT of the beginning
    stays. Scaled as `run.fold_norm` scales: a part's embedding has a spread of one. strips: as `strips_of`
    returns them. identities: S, whose they are.
    """
    rng = np.random.default_rng(seed)
    rows = [np.flatnonzero(identities == each) for each in np.unique(identities)]
    sample = torch.from_numpy(strips[:4096]).float()
    own = _level(maps, widths, sample)
    weight, average = own.clone().requires_grad_(), own.clone()
    optimiser = torch.optim.AdamW([weight], lr=RATE, weight_decay=0.0)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * half_cosine(step, steps, WARMUP)
        chosen = rng.choice(len(rows), min(PEOPLE, len(rows)), replace=False)
        drawn = np.concatenate([rng.choice(rows[one], EACH, replace=len(rows[one]) < EACH) for one in chosen])
        labels = torch.from_numpy(np.repeat(chosen, EACH))
        distances = part_distances(_mapped(torch.from_numpy(strips[drawn]).float(), weight))
        loss = 0.5 * nearest_loss(distances, labels, TEMPERATURE)
        loss = loss + nearest_loss(distances.mean(0), labels, TEMPERATURE / 2)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average.lerp_(weight.detach(), 1 - EMA)
        if tick is not None:
            tick((step + 1) / steps, loss.item())
    average.lerp_(own, KEPT)
    return average / _spread(_mapped(sample, average))


def _level(maps: Tensor, widths: Sequence[int], strips: Tensor) -> Tensor:
    """The maps, each branch's columns scaled to the same spread of what it says."""
    weight = maps.detach().float().cpu().clone()
    start = 0
    for width in widths:
        own = slice(start, start + width)
        spread = _spread(_mapped(strips[:, :, own], weight[:, own]))
        weight[:, own] /= max(spread, 1e-6) * len(widths) ** 0.5
        start += width
    return weight


def _mapped(strips: Tensor, maps: Tensor) -> Tensor:
    return torch.einsum("bpc,pcd->bpd", strips, maps)


def _spread(embedding: Tensor) -> float:
    """Of a part, over the dimensions and the parts' mean square."""
    return float(embedding.std(0).square().sum(1).mean().sqrt())
