"""What one training step minimises."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..backends.precision import mixed
from ..network.decode import JOINTS, MARKERS, Reconstruction, locate
from ..network.heads import CE_SCALE
from ..network.meshgait import MeshGait
from .batches import Batch
from .distributed import Group
from .losses import (
    body_loss,
    contrast_loss,
    cross_entropy,
    known_pairs,
    mesh_loss,
    mirrored_points,
    nearer_body,
    part_distances,
    triplet_loss,
)
from .recipes import Recipe

__all__ = ["step_losses"]


def step_losses(
    model: MeshGait,
    teller: nn.Module,
    batch: Batch,
    recipe: Recipe,
    step: int,
    share: float,
    group: Group | None = None,
) -> dict[str, Tensor]:
    """Each loss that the recipe asks for, times its weight; their sum is what is minimised.

    teller: features to traits. share: of the schedule that is gone. group: the processes that share the
    batch.
    """
    group = group or Group()
    device = next(model.parameters()).device
    if recipe.energy_until <= share < recipe.body_until and model.decoder is not None and len(batch.points):
        return _rebuilding(model, batch, recipe, step, group, device)
    silhouettes, labels = batch.silhouettes.to(device), batch.labels.to(device)
    watched = batch.watched
    if model.energy_branch is not None and share < recipe.energy_until:
        watched = slice(0, 0)
    count = watched.stop - watched.start
    told, weight = None, 0.0
    if count and model.decoder is not None and recipe.rebuilds:
        told, weight = _told_frames(len(batch.points) * count, recipe, step, group, device)
    with mixed(device, recipe.bf16):
        out = model(silhouettes, decode=False if told is None else told, watched=watched)
    embedding = group.gathered(out.embedding.float())
    labels = group.gathered(labels)
    known = None
    if batch.seen is not None:
        known = known_pairs(labels, group.gathered(batch.seen.to(device)))
    assert model.necks is not None
    features = model.necks.norm(embedding.flatten(1)).view_as(embedding) / embedding.shape[2] ** 0.5
    distances = part_distances(features)
    losses: dict[str, Tensor] = {}
    if recipe.contrast_parts:
        losses["contrast_parts"] = recipe.contrast_parts * contrast_loss(
            distances, labels, recipe.temperature, known
        )
    if recipe.contrast:
        # The mean over parts varies less than one part does.
        whole = contrast_loss(distances.mean(0), labels, recipe.temperature / 2, known)
        losses["contrast"] = recipe.contrast * whole
    if recipe.triplet:
        losses["triplet"] = recipe.triplet * triplet_loss(distances, labels, recipe.margin, known)
    if recipe.classes and share >= recipe.classes_from and out.logits is not None:
        losses["classes"] = recipe.classes * cross_entropy(out.logits, batch.labels.to(device), CE_SCALE)
    known_traits = len(batch.traits)  # of the first sequences
    if recipe.traits and known_traits:
        # Back at unit spread, which is what a linear layer expects.
        own = slice(group.rank * len(silhouettes), group.rank * len(silhouettes) + known_traits)
        guess = teller(features[own].flatten(1) * embedding.shape[2] ** 0.5)
        losses["traits"] = recipe.traits * nn.functional.smooth_l1_loss(guess, batch.traits.to(device))
    if told is not None and out.reconstruction is not None:
        points = batch.points.to(device).flatten(0, 1)
        truth = points[told] if len(points) else points.new_zeros(len(told), 88, 3)
        found = _body(model, out.reconstruction, truth, recipe)
        losses |= {name: weight * loss for name, loss in found.items()}
    return losses


def _told_frames(
    known: int, recipe: Recipe, step: int, group: Group, device: torch.device
) -> tuple[Tensor | None, float]:
    """Which of the `known` frames, whose truth is told, are decoded, and what their mean weighs in the mean
    over processes. A process that knows of none decodes one for nothing: its parameters need a gradient
    where the others' have one."""
    draw = torch.Generator().manual_seed(step)
    chosen = torch.randperm(known, generator=draw)[: max(1, recipe.decoded // group.world)].to(device)
    total = len(chosen)
    if group.world > 1:
        total = int(group.gathered(torch.tensor([total], device=device)).sum())
    if not total:
        return None, 0.0
    if not len(chosen):
        return torch.zeros(1, dtype=torch.long, device=device), 0.0
    return chosen, len(chosen) * group.world / total


def _rebuilding(
    model: MeshGait, batch: Batch, recipe: Recipe, step: int, group: Group, device: torch.device
) -> dict[str, Tensor]:
    """The 3-D branch by itself, on frames picked from the whole batch, each process from its share."""
    frames = batch.silhouettes[: len(batch.points), batch.watched].flatten(0, 1)
    draw = torch.Generator().manual_seed(step)
    chosen = torch.randperm(len(frames), generator=draw)[: max(1, recipe.body_frames // group.world)]
    truth = batch.points.flatten(0, 1)[chosen].to(device)
    silhouettes = frames[chosen].to(device)
    # In a batch all walk the same way, in use they do not: batch norm has to see both at once, or what it
    # remembers fits neither.
    turned = torch.arange(len(chosen), device=device) % 2 == 0
    silhouettes = torch.where(turned[:, None, None], silhouettes.flip(-1), silhouettes)[None]
    truth = torch.where(turned[:, None, None], mirrored_points(truth), truth)
    if not recipe.body_points:
        with mixed(device, recipe.bf16):
            body = model.reconstruct(silhouettes)
        return _body(model, body, truth, recipe)
    assert model.heatmaps is not None
    half = recipe.body_points // 2
    points = torch.cat([_some(JOINTS, half, draw), JOINTS + _some(MARKERS, half, draw)]).to(device)
    with mixed(device, recipe.bf16):
        maps = model.heatmaps.maps(silhouettes[:, None])
        places, _ = locate(model.heatmaps.volumes(maps, points), model.config.alpha)
    return _points(places, nearer_body(places, truth, points), half, recipe)


def _some(count: int, wanted: int, draw: torch.Generator) -> Tensor:
    return torch.randperm(count, generator=draw)[:wanted].sort().values


def _points(places: Tensor, truth: Tensor, joints: int, recipe: Recipe) -> dict[str, Tensor]:
    of_joints, of_markers = body_loss(places, truth, joints)
    return {"joints": recipe.joints * of_joints, "markers": recipe.markers * of_markers}


def _body(model: MeshGait, found: Reconstruction, truth: Tensor, recipe: Recipe) -> dict[str, Tensor]:
    points = torch.cat([found.joints, found.markers], dim=1)
    truth = nearer_body(points, truth)
    losses = _points(points, truth, JOINTS, recipe)
    if recipe.mesh:
        assert model.decoder is not None
        assert model.decoder.base is not None
        losses["mesh"] = recipe.mesh * mesh_loss(found.vertices, truth, model.decoder.base)
    return losses
