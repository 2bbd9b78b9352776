"""How well a network tells apart synthetic people whom it never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..network.meshgait import MeshGait
from ..synth.corpus import PROBES, Corpus
from .losses import body_loss, nearer_body

__all__ = ["body_error", "embed_all", "energy_images", "rank_one"]


@torch.no_grad()
def embed_all(
    model: MeshGait, silhouettes: NDArray[np.uint8], batch: int = 16, mirror: bool = True
) -> NDArray[np.float32]:
    """S×T×64×44 uint8 to S×parts×dim. mirror: the mean with the mirror image's, as recognition has it."""
    model.eval()
    found = []
    for start in range(0, len(silhouettes), batch):
        frames = torch.from_numpy(np.array(silhouettes[start : start + batch])).float() / 255
        embedding = model.embed(frames)
        if mirror:
            embedding = (embedding + model.embed(frames.flip(-1))) / 2
        found.append(embedding.float().numpy())
    return np.concatenate(found)


def energy_images(silhouettes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The baseline: each sequence's mean silhouette, S×1×2816."""
    return np.stack([np.asarray(s, np.float32).mean(0).reshape(1, -1) for s in silhouettes])


def rank_one(embeddings: NDArray[np.float32], labels: NDArray[Any]) -> dict[str, Any]:
    """Share of each kind of probe whose nearest gallery sequence is their own, among all identities.

    Distance: the mean over parts of the per-part L2. Returns {"identities": N, "<probe>": share}; each
    kind has one probe an identity.
    """
    gallery = labels["probe"] == PROBES.index("gallery")
    known = embeddings[gallery]
    out: dict[str, Any] = {"identities": int(gallery.sum())}
    for number, name in enumerate(PROBES[1:], start=1):
        chosen = labels["probe"] == number
        if not chosen.any():
            continue
        own = embeddings[chosen]
        distance = np.stack([np.linalg.norm(known - one, axis=2).mean(1) for one in own])
        best = labels["identity"][gallery][distance.argmin(1)]
        out[name] = round(float((best == labels["identity"][chosen]).mean()), 4)
    return out


@torch.no_grad()
def body_error(model: MeshGait, corpus: Corpus, sequences: int = 100) -> dict[str, float]:
    """Mean joint and marker error (L1 per axis, silhouette heights) on every fifth frame, the nearer of the
    two bodies that have the same outline counting."""
    model.eval()
    rows = np.linspace(0, len(corpus.labels) - 1, sequences).astype(int)
    joints, markers = [], []
    for row in rows:
        frames = torch.from_numpy(np.array(corpus.silhouettes[row, ::5])).float()[None] / 255
        truth = torch.from_numpy(np.array(corpus.points[row, ::5], np.float32))
        found = model.reconstruct(frames)
        points = torch.cat([found.joints, found.markers], dim=1)
        error = body_loss(points, nearer_body(points, truth))
        joints.append(float(error[0]))
        markers.append(float(error[1]))
    return {"joints": round(float(np.mean(joints)), 4), "markers": round(float(np.mean(markers)), 4)}
