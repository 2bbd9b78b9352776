"""Silhouette sequences to embeddings, and to bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..body import open_body
from ..device import resolve_device
from ..errors import RenderError, SilhouetteError
from ..records import BodySequence, GaitEmbedding, SilhouetteSequence
from .checkpoint import load
from .decode import JOINTS, locate

__all__ = ["MAX_FRAMES", "Embedder", "skin"]

MAX_FRAMES = 720  # silhouettes in one pass; longer sequences are cut and pooled
_DECODE_BATCH = 32  # frames decoded at once: 88 volumes of 16³ are 1.4 MB a frame


class Embedder:
    """A network and a device.

    model: a variant's name, a checkpoint's path, or None for the default. device: auto, cpu, cuda, cuda:N.
    mirror: embed the mirrored walker as well and take the mean, which halves the influence of which way
    somebody walks.
    """

    def __init__(
        self, model: str | Path | None = None, device: str | torch.device = "auto", mirror: bool = True
    ) -> None:
        self.device = device if isinstance(device, torch.device) else resolve_device(device)
        loaded = load(model, self.device)
        self.network, self.model_id, self.trained, self.card = (
            loaded.network, loaded.id, loaded.trained, loaded.card,
        )  # fmt: skip
        self.mirror = mirror

    @torch.inference_mode()
    def embed(
        self,
        sequences: Sequence[SilhouetteSequence],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GaitEmbedding]:
        """One embedding a sequence, in order. SilhouetteError for an empty sequence."""
        for sequence in sequences:
            if not len(sequence):
                raise SilhouetteError(f"{sequence.name or 'a sequence'} has no silhouettes")
        done: dict[int, GaitEmbedding] = {}
        for group in _groups([len(sequence) for sequence in sequences]):
            values = self._embed_group([sequences[index].cropped for index in group])
            for index, value in zip(group, values, strict=True):
                done[index] = GaitEmbedding(value, self.model_id, self.trained, len(sequences[index]))
            if progress:
                progress(len(done), len(sequences))
        return [done[index] for index in range(len(sequences))]

    def _embed_group(self, sequences: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """B×parts×dim for sequences that fit into one pass together, or for one that is longer."""
        batch, lengths = self._batch(sequences)
        embedding = self._embed_batch(batch, lengths)
        if self.mirror:
            embedding = (embedding + self._embed_batch(batch.flip(-1), lengths)) / 2
        return embedding.float().cpu().numpy()

    def _batch(self, sequences: list[NDArray[np.uint8]]) -> tuple[Tensor, Tensor]:
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        batch = torch.zeros(len(sequences), int(lengths.max()), *sequences[0].shape[1:])
        for row, sequence in zip(batch, sequences, strict=True):
            row[: len(sequence)] = torch.from_numpy(np.ascontiguousarray(sequence)) / 255
        return batch, lengths

    def _embed_batch(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """Temporal pooling is a maximum, so a long sequence is pooled window by window. Each window
        comes with as many frames of context as the temporal layers see: the result is the same."""
        frames, context = batch.shape[1], self.network.radius
        if frames <= MAX_FRAMES:
            return self.network.embed(batch.to(self.device), lengths.to(self.device))
        windows = []
        for start in range(0, frames, MAX_FRAMES - 2 * context):
            stop = min(start + MAX_FRAMES - 2 * context, frames)
            low, high = max(0, start - context), min(frames, stop + context)
            part = batch[:, low:high].to(self.device)
            windows.append(self.network.pool(part, window=(start - low, stop - low)))
        merged = tuple(torch.stack(branch).amax(0) for branch in zip(*windows, strict=True))
        return self.network.project(merged)

    @torch.inference_mode()
    def volumes(self, sequence: SilhouetteSequence) -> NDArray[np.float32]:
        """T×88×D×D×D heatmap volumes, before the softmax. RenderError for a 2-D-only network."""
        return np.concatenate([volumes.cpu().numpy() for volumes in self._volumes(sequence)])

    def _volumes(self, sequence: SilhouetteSequence) -> list[Tensor]:
        if self.network.heatmaps is None:
            raise RenderError(
                f"{self.model_id} has no 3-D branch, so it sees no body: choose another --model"
            )
        return [self.network.volumes(x) for x in self._frames(sequence)]

    def _frames(self, sequence: SilhouetteSequence) -> list[Tensor]:
        whole = sequence.cropped
        return [
            torch.from_numpy(np.ascontiguousarray(whole[s : s + _DECODE_BATCH])[None]).to(self.device) / 255
            for s in range(0, len(whole), _DECODE_BATCH)
        ]

    @torch.inference_mode()
    def points(
        self, sequence: SilhouetteSequence
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Joints T×24×3, markers T×64×3 (silhouette units) and confidences T×88: the body without its skin.

        RenderError for a 2-D-only network.
        """
        found, sure = [], []
        for frames in self._frames(sequence):
            positions, confidence = locate(self.network.volumes(frames), self.network.config.alpha)
            found.append(positions.cpu().numpy())
            sure.append(confidence.cpu().numpy())
        points = np.concatenate(found)
        return points[:, :JOINTS], points[:, JOINTS:], np.concatenate(sure)

    def reconstruct(self, sequence: SilhouetteSequence) -> BodySequence:
        """The open body that the network sees, T×6890 vertices, in silhouette units."""
        joints, markers, _ = self.points(sequence)
        return skin(joints, markers)


def skin(joints: NDArray[np.float32], markers: NDArray[np.float32]) -> BodySequence:
    """The open body's mesh for T×64×3 markers: mesh = A·P."""
    matrix = np.asarray(open_body.marker_decoder())
    vertices = np.einsum("tmc,mv->tvc", markers, matrix, optimize=True).astype(np.float32)
    return BodySequence(joints, markers, vertices, np.asarray(open_body.load().faces, dtype=np.int32))


def _groups(lengths: list[int]) -> list[list[int]]:
    """Sequence numbers in batches of at most MAX_FRAMES frames, padding counted, like lengths together."""
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if groups and lengths[index] * (len(groups[-1]) + 1) <= MAX_FRAMES:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
