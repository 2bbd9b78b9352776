"""What training minimises.

Identity: triplet and supervised contrast on the very distance that recognition uses (the mean over parts of
the per-part L2), and cross-entropy on the BNNecks' cosines. Body: L1 on joints, markers and mesh.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..body.reflection import mirrored_points, reflected_points
from ..network.decode import JOINTS

__all__ = [
    "body_loss",
    "contrast_loss",
    "cross_entropy",
    "known_pairs",
    "mesh_loss",
    "mirrored_points",
    "nearer_body",
    "nearest_loss",
    "part_distances",
    "reflected_points",
    "triplet_loss",
]


def part_distances(features: Tensor) -> Tensor:
    """B×P×D features to P×B×B Euclidean distances, with a gradient that is finite at nought."""
    parts = features.float().transpose(0, 1)
    square = parts.square().sum(-1)
    gram = parts @ parts.transpose(1, 2)
    return (square[:, :, None] + square[:, None, :] - 2 * gram).clamp(min=1e-8).sqrt()


def known_pairs(labels: Tensor, seen: Tensor) -> Tensor:
    """B×B: of which two sequences it is known whether they are one person.

    labels: B. seen: B×3 of session, start and end in seconds. In session −1 names are known. Elsewhere a
    label is a track: two of them may be the same person at another time, and are certainly two people only
    where they were seen at once.
    """
    session, start, end = seen.unbind(1)
    named = session < 0
    at_once = (start[:, None] <= end[None]) & (start[None] <= end[:, None])
    beside = (session[:, None] == session[None]) & at_once
    return (labels[:, None] == labels[None]) | named[:, None] | named[None] | beside


def triplet_loss(
    distances: Tensor, labels: Tensor, margin: float = 0.2, known: Tensor | None = None
) -> Tensor:
    """Batch-all triplet loss of each part, the mean over its non-zero terms, then over the parts
    (Hermans et al., arXiv 1703.07737; GaitSet). distances: P×B×B. labels: B. known: B×B, pairs that are not
    known are left out."""
    same = labels[:, None] == labels[None, :]
    eye = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    other = ~same if known is None else ~same & known
    triplets = (same & ~eye)[:, :, None] & other[:, None, :]
    loss = F.relu(distances[:, :, :, None] - distances[:, :, None, :] + margin) * triplets
    count = (loss > 0).sum((1, 2, 3)).clamp(min=1)
    return (loss.sum((1, 2, 3)) / count).mean()


def contrast_loss(
    distances: Tensor, labels: Tensor, temperature: float, known: Tensor | None = None
) -> Tensor:
    """Supervised contrastive loss (Khosla et al., arXiv 2004.11362) with −distance/temperature as logits.

    distances: …×B×B. Mean over positives, anchors and whatever leads. Anchors alone of their kind do not
    count. known: B×B, pairs that are not known are left out.
    """
    eye = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels[None, :]) & ~eye
    out = eye if known is None else eye | ~known
    logits = (-distances / temperature).masked_fill(out, float("-inf"))
    log_share = (logits - torch.logsumexp(logits, -1, keepdim=True)).masked_fill(~positive, 0)
    per_anchor = -log_share.sum(-1) / positive.sum(-1).clamp(min=1)
    return per_anchor[..., positive.any(-1)].mean()


def nearest_loss(distances: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Contrast that asks for one near sequence of the same person, not for all of them: −log of the share
    that a person's own sequences have together in the softmax of −distance/temperature. It is neighbourhood
    components analysis (Goldberger et al., 2004) on a distance instead of its square.

    distances: …×B×B. Mean over anchors, each with one of its kind at least, and whatever leads.
    """
    eye = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    own = (labels[:, None] == labels[None, :]) & ~eye
    logits = (-distances / temperature).masked_fill(eye, float("-inf"))
    near = torch.logsumexp(logits.masked_fill(~own, float("-inf")), -1)
    return (torch.logsumexp(logits, -1) - near).mean()


def cross_entropy(logits: Tensor, labels: Tensor, scale: float = 16.0, smoothing: float = 0.1) -> Tensor:
    """B×P×classes cosines: cross-entropy with label smoothing, averaged over parts."""
    batch, parts, classes = logits.shape
    flat = (scale * logits.float()).reshape(batch * parts, classes)
    return F.cross_entropy(flat, labels.repeat_interleave(parts), label_smoothing=smoothing)


def nearer_body(predicted: Tensor, truth: Tensor, points: Tensor | None = None) -> Tensor:
    """Frame by frame the truth (N×88×3) or its reflection, whichever the prediction is nearer to.

    To insist on one of two bodies with the same outline teaches the average of both, a body with its legs
    together. points: which of the 88 were predicted, ascending, and are returned; None for all.
    """
    reflected = reflected_points(truth)
    joints = JOINTS
    if points is not None:
        truth, reflected, joints = truth[:, points], reflected[:, points], int((points < JOINTS).sum())
    with torch.no_grad():
        straight, other = (torch.stack(_point_errors(predicted, each, joints)) for each in (truth, reflected))
        swap = other.sum(0) < straight.sum(0)
    return torch.where(swap[:, None, None], reflected, truth)


def body_loss(predicted: Tensor, truth: Tensor, joints: int = JOINTS) -> tuple[Tensor, Tensor]:
    """L1 of the joints and of the markers, in silhouette units: two scalars.

    predicted, truth: N×P×3, the first `joints` of the points being joints. Points that lie outside the
    silhouette (cut off) are not asked for.
    """
    of_joints, of_markers = _point_errors(predicted, truth, joints)
    return of_joints.mean(), of_markers.mean()


def mesh_loss(vertices: Tensor, truth: Tensor, markers_to_mesh: Tensor) -> Tensor:
    """L1 of N×V×3 vertices, in silhouette units, against the mesh that the true markers decode to.

    truth: N×88×3. markers_to_mesh: 64×V. Frames with a point outside the silhouette are left out.
    """
    whole = (truth.abs() <= 0.5).all(-1).all(-1).float()
    mesh = torch.einsum("nmc,mv->nvc", truth[:, JOINTS:], markers_to_mesh)
    off = (vertices.float() - mesh).abs().mean((1, 2))
    return (off * whole).sum() / whole.sum().clamp(min=1)


def _point_errors(predicted: Tensor, target: Tensor, joints: int) -> tuple[Tensor, Tensor]:
    """N mean distances of the joints, which come first, and of the markers that can be seen."""
    seen = ((target.abs() <= 0.5).all(-1)).float()
    off = (predicted.float() - target).abs().mean(-1) * seen
    weight = seen.sum(1).clamp(min=1) / seen.shape[1]
    return off[:, :joints].mean(1) / weight, off[:, joints:].mean(1) / weight
