"""Give a network that knows people a 3-D branch that has learned bodies since, and keep what it says of them.

    python -m meshgait_cli.training.graft --bodies RUN/meshgait-s.safetensors --data CORPUS --out FILE

Heatmaps that have learned on are other numbers than those which the layers behind them were trained to read.
Those layers (F1) learn to say of the new heatmaps what they said of the old ones, as a student learns from a
teacher (Hinton et al., arXiv 1503.02531), and the linear maps behind are fitted to what is left, in closed
form. Nothing is learned about people here: what the network says of them stays about what it was, and how
nearly is measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..ending import plainly
from ..network.checkpoint import load
from ..network.heatmap import HeatmapEstimator
from ..network.meshgait import PARTS, MeshGait
from ..network.pooling import horizontal_pool, temporal_pool
from ..network.volumes import VolumeFeatures
from ..synth.corpus import Corpus
from .export import export
from .losses import part_distances
from .schedule import averaging, half_cosine

__all__ = ["graft"]

STEPS, RATE, WARMUP, EMA = 500, 2e-3, 20, 0.98
WALKS, FRAMES = 16, 8  # of a step
FITTED, CHECKED = 1500, 300  # walks for the maps, walks for the figures
RIDGE = 1e-3  # of the strips' mean square


def graft(
    model: MeshGait,
    heatmaps: HeatmapEstimator,
    corpus: Corpus,
    *,
    steps: int = STEPS,
    seed: int = 0,
    tick: Callable[[float, float], None] | None = None,
) -> dict[str, float]:
    """Put `heatmaps` into `model`, and teach what stands behind them to go on as before.

    corpus: walks to teach by. tick: called with the share that is done and the loss, the share of the strips'
    spread that is not explained yet. Returns figures of walks that were not taught: strips_unexplained, and
    distance_changed, the mean relative change of the distance between two walks.
    """
    assert model.heatmaps is not None
    assert model.volume_branch is not None
    before = deepcopy(model).eval()
    model.heatmaps.load_state_dict(heatmaps.state_dict())
    if model.decoder is not None:
        model.adopt(None)  # it corrects other mistakes than these
    model.eval()
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(corpus.silhouettes))
    taught, unseen = rows[: -2 * CHECKED], rows[-CHECKED:]
    _teach(model, before, corpus, taught, steps, rng, tick)
    own = model.columns("heatmap")
    old, new = (_strips_of(each, corpus, taught[:FITTED]) for each in (before, model))
    with torch.no_grad():
        model.fcs.weight[:, own] = _fitted(new, torch.einsum("npc,pcd->npd", old, before.fcs.weight[:, own]))
    return _figures(model, before, corpus, unseen)


def _teach(
    model: MeshGait,
    before: MeshGait,
    corpus: Corpus,
    rows: Any,
    steps: int,
    rng: np.random.Generator,
    tick: Callable[[float, float], None] | None,
) -> None:
    branch = model.volume_branch
    assert branch is not None
    branch.requires_grad_(True)
    average = {key: value.clone() for key, value in branch.state_dict().items()}
    optimiser = torch.optim.AdamW(branch.parameters(), lr=RATE, weight_decay=0.0)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * half_cosine(step, steps, WARMUP)
        walks = _walks(corpus, rng.choice(rows, WALKS, replace=False), rng)
        with torch.no_grad():
            wanted = _maps(before, walks)
        branch.train()
        found = _maps(model, walks)
        # Frame by frame, and as recognition reads them: the maximum over time, in strips.
        pairs = [(found, wanted), (_strips(found), _strips(wanted))]
        loss = torch.stack([(a - b).square().mean() / b.var() for a, b in pairs]).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(branch.parameters(), 5.0)
        optimiser.step()
        for key, value in branch.state_dict().items():
            if value.is_floating_point():
                average[key].lerp_(value, 1 - averaging(EMA, step))
        if tick is not None:
            tick((step + 1) / steps, loss.item() / 2)
    branch.load_state_dict(average)
    branch.eval()


def _walks(corpus: Corpus, rows: Any, rng: np.random.Generator | None = None) -> Tensor:
    """Walks of FRAMES frames, or whole ones without `rng`; with it, half of them mirrored."""
    found = []
    for row in rows:
        walk = np.array(corpus.silhouettes[row])
        if rng is not None:
            first = int(rng.integers(max(1, len(walk) - FRAMES + 1)))
            walk = walk[first : first + FRAMES]
            walk = walk[..., ::-1] if rng.random() < 0.5 else walk
        found.append(walk)
    return torch.from_numpy(np.stack(found)).float() / 255


def _maps(model: MeshGait, walks: Tensor) -> Tensor:
    """F1: B×C×T×16×W. Gradients reach the layers behind the heatmaps, not those before."""
    assert model.heatmaps is not None
    branch: VolumeFeatures | None = model.volume_branch
    assert branch is not None
    with torch.no_grad():
        heat = model.heatmaps.maps(walks.unsqueeze(1))
    return branch(model.heatmaps.mixed(heat, branch.mix)).unflatten(0, walks.shape[:2]).transpose(1, 2)


def _strips(maps: Tensor) -> Tensor:
    return horizontal_pool(temporal_pool(maps), PARTS)


@torch.no_grad()
def _strips_of(model: MeshGait, corpus: Corpus, rows: Any) -> Tensor:
    """S×16×C of whole walks."""
    parts = [_strips(_maps(model, _walks(corpus, rows[at : at + 16]))) for at in range(0, len(rows), 16)]
    return torch.cat(parts).transpose(1, 2)


def _fitted(strips: Tensor, said: Tensor) -> Tensor:
    """Ridge regression part by part: S×16×C strips and S×16×D of what was said of them to 16×C×D. A constant
    is left out of both: no distance depends on it."""
    x = (strips - strips.mean(0)).transpose(0, 1).double()
    y = (said - said.mean(0)).transpose(0, 1).double()
    gram = x.transpose(1, 2) @ x
    ridge = RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(x.shape[2])
    return torch.linalg.solve(gram + ridge, x.transpose(1, 2) @ y).float()


@torch.no_grad()
def _figures(model: MeshGait, before: MeshGait, corpus: Corpus, rows: Any) -> dict[str, float]:
    old, new = (_strips_of(each, corpus, rows) for each in (before, model))
    unexplained = float((new - old).square().mean() / old.var())
    distances = []
    for each in (before, model):
        parts = [each.embed(_walks(corpus, rows[at : at + 16])) for at in range(0, len(rows), 16)]
        distances.append(part_distances(torch.cat(parts)).mean(0))
    pairs = ~torch.eye(len(rows), dtype=torch.bool)
    changed = float(((distances[1] - distances[0]).abs() / distances[0])[pairs].mean())
    return {"strips_unexplained": round(unexplained, 4), "distance_changed": round(changed, 4)}


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the network that knows people; the shipped one")
    parser.add_argument("--bodies", required=True, help="the checkpoint whose 3-D branch is taken")
    parser.add_argument("--data", type=Path, required=True, help="a corpus, see meshgait_cli.synth.corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    known, bodies = load(chosen.model), load(chosen.bodies)
    known.build_decoder()
    assert bodies.network.heatmaps is not None
    corpus = Corpus.open(chosen.data)

    def tell(share: float, loss: float) -> None:
        if round(share * chosen.steps) % 20 == 0:
            print(f"{share:4.0%}  unexplained {loss:.3f}", flush=True)

    figures = graft(
        known.network, bodies.network.heatmaps, corpus, steps=chosen.steps, seed=chosen.seed, tick=tell
    )
    print(figures)
    about = {**known.card, "grafted": {"model": known.id, "bodies": bodies.card, **figures}}
    export(known.network, about, chosen.out)


if __name__ == "__main__":
    main()
