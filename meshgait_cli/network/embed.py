"""Silhouette sequences to embeddings, and to bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..assets import sha256_of
from ..backends.choose import compiled
from ..body import open_body
from ..device import resolve_device
from ..errors import RenderError, SilhouetteError
from ..records import HEIGHT, WIDTH, BodySequence, GaitEmbedding, SilhouetteSequence
from .checkpoint import LoadedModel, load
from .decode import JOINTS, BodyDecoder, locate
from .exported import SUFFIX as EXPORTED
from .graph import graph_of
from .meshgait import Pooled
from .refine import PoseRefiner

__all__ = ["MAX_FRAMES", "Embedder", "skin"]

MAX_FRAMES = 720  # silhouettes in one pass, as gait benchmarks limit it; more are cut and pooled
_TOGETHER = 60  # frames in one batch of a CPU runtime: more are no faster, and take memory
_DECODED = 32  # frames decoded at once: 88 volumes of 16³ are 1.4 MB a frame, a mesh 80 kB

Points = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class Embedder:
    """A network on a device.

    model: a variant's name, a checkpoint's path, or None for the default. device: "auto", "cpu", "cuda",
    "cuda:N" or a torch.device. mirror: embed the mirrored walker as well and take the mean, which halves
    the influence of which way somebody walks, for twice the time. max_frames: silhouettes in one pass,
    padding counted; the context of a cut comes on top. backend: who computes embeddings, see `backends`; what
    is cut into windows, and bodies, are torch's in float32 whatever it is.

    model_id, trained and card say what the network is, computed which backend it became. Raises what
    `checkpoint.load`, `resolve_device` and `backends.choose.compiled` raise.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        device: str | torch.device = "auto",
        mirror: bool = True,
        *,
        max_frames: int = MAX_FRAMES,
        backend: str = "torch:f32",
    ) -> None:
        if max_frames < 1:
            raise ValueError("max_frames must be 1 or more")
        self.device = device if isinstance(device, torch.device) else resolve_device(device)
        self.loaded = load(model, self.device)
        self.network = self.loaded.network
        self.mirror, self.max_frames = mirror, max_frames
        self.model_id, self.trained, self.card = self.loaded.id, self.loaded.trained, self.loaded.card
        path = self.loaded.path
        file = path if path is not None and path.suffix == EXPORTED else None
        self._run = compiled(graph_of(self.network, _identity(self.loaded), file), backend, self.device)
        self.computed = str(self._run)

    def embed(
        self,
        sequences: Sequence[SilhouetteSequence],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GaitEmbedding]:
        """One embedding for each sequence, in order; sequences of any length, one frame or more. Where the
        network's config names a stretch, a long one's is the mean of its stretches'.

        progress: called with the number done and the number there are. Raises SilhouetteError for a
        sequence without silhouettes.
        """
        for sequence in sequences:
            _refuse_empty(sequence)
        parts = [_stretches(sequence.cropped, self.loaded.config.stretch) for sequence in sequences]
        whole = [part for each in parts for part in each]
        values: dict[int, NDArray[np.float32]] = {}
        padded = self._run.backend == "torch"
        limit = self.max_frames if padded else min(self.max_frames, _TOGETHER)
        for group in _groups([len(part) for part in whole], limit, padded):
            values |= zip(group, self._embed_group([whole[index] for index in group]), strict=True)
            if progress is not None:
                progress(len(values) * len(sequences) // len(whole), len(sequences))
        found, first = [], 0
        for sequence, each in zip(sequences, parts, strict=True):
            rows = range(first, first + len(each))
            mean = np.mean([values[row] for row in rows], axis=0)
            found.append(GaitEmbedding(mean, self.model_id, self.trained, len(sequence)))
            first = rows.stop
        return found

    def volumes(self, sequence: SilhouetteSequence) -> NDArray[np.float32]:
        """T×88×D×H×W, unnormalised; 1.4 MB a frame where D is 16. Raises RenderError without a 3-D branch."""
        return np.concatenate([each.float().cpu().numpy() for each in self._volumes(sequence)])

    def points(self, sequence: SilhouetteSequence) -> Points:
        """Joints T×24×3 and markers T×64×3 in silhouette units, confidences T×88: a body without skin, frame
        by frame.

        Raises RenderError without a 3-D branch, SilhouetteError for an empty sequence.
        """
        places: list[NDArray[np.float32]] = []
        trust: list[NDArray[np.float32]] = []
        with torch.inference_mode():
            for volumes in self._volumes(sequence):
                positions, confidences = locate(volumes, self.loaded.config.alpha)
                places.append(positions.cpu().numpy())
                trust.append(confidences.cpu().numpy())
        found = np.concatenate(places)
        return found[:, :JOINTS], found[:, JOINTS:], np.concatenate(trust)

    def reconstruct(self, sequence: SilhouetteSequence) -> BodySequence:
        """The open body as the network sees it, T×6890 vertices in silhouette units, not smoothed.

        Raises RenderError without a 3-D branch, SilhouetteError for an empty sequence.
        """
        if self.loaded.config.mesh_decoder == "linear":
            joints, markers, _ = self.points(sequence)
            return skin(joints, markers)
        return self._decode(sequence)

    @property
    def refiner(self) -> PoseRefiner | None:
        """What corrects the points of a walk by one another, where the checkpoint brings one."""
        return self._decoder().refiner if self.loaded.config.refiner else None

    def _decoder(self) -> BodyDecoder:
        """The decoder that the checkpoint brings, built on first use."""
        self._need_volumes()
        if self.network.decoder is None:
            self.loaded.build_decoder(torch.tensor(open_body.marker_decoder(), device=self.device))
        assert self.network.decoder is not None
        return self.network.decoder

    def _decode(self, sequence: SilhouetteSequence) -> BodySequence:
        decoder = self._decoder()
        parts: list[tuple[NDArray[np.float32], ...]] = []
        with torch.inference_mode():
            for volumes in self._volumes(sequence):
                body = decoder(volumes)
                parts.append(tuple(x.cpu().numpy() for x in (body.joints, body.markers, body.vertices)))
        joints, markers, vertices = (np.concatenate(each) for each in zip(*parts, strict=True))
        return BodySequence(joints, markers, vertices, _faces())

    def _need_volumes(self) -> None:
        if self.network.heatmaps is None:
            raise RenderError(
                f"{self.model_id} has no 3-D branch, so it sees no body: choose another --model"
            )

    def _volumes(self, sequence: SilhouetteSequence) -> Iterator[Tensor]:
        self._need_volumes()
        _refuse_empty(sequence)
        whole = sequence.cropped
        for start in range(0, len(whole), _DECODED):
            with torch.inference_mode():
                yield self.network.volumes(self._tensor(whole[start : start + _DECODED])[None])

    def _tensor(self, silhouettes: NDArray[np.uint8]) -> Tensor:
        """Floats 0-1 on the device."""
        return torch.from_numpy(np.ascontiguousarray(silhouettes)).to(self.device).float() / 255.0

    def _embed_group(self, group: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """B×16×dim for sequences that fit into one pass together, or for one that is longer."""
        with torch.inference_mode():
            values = self._embed_once(group)
            if self.mirror:
                values = (values + self._embed_once([each[:, :, ::-1] for each in group])) / 2
        return values.float().cpu().numpy()

    def _embed_once(self, group: list[NDArray[np.uint8]]) -> Tensor:
        if len(group) == 1 and len(group[0]) > self.max_frames:
            return self._embed_long(group[0])
        lengths = torch.tensor([len(each) for each in group])
        if bool((lengths == lengths[0]).all()):
            return self._run(self._tensor(np.stack(group)))[0]
        batch = np.zeros((len(group), int(lengths.max()), HEIGHT, WIDTH), np.uint8)
        for row, each in zip(batch, group, strict=True):
            row[: len(each)] = each
        return self._run(self._tensor(batch), lengths.to(self.device))[0]

    def _embed_long(self, whole: NDArray[np.uint8]) -> Tensor:
        """Window by window. Each has as many frames of context as the network looks around itself, so
        the union of the windows is exactly what one pass over everything would pool."""
        radius = self.network.radius
        pooled: Pooled | None = None
        for start in range(0, len(whole), self.max_frames):
            stop = min(start + self.max_frames, len(whole))
            left, right = max(0, start - radius), min(len(whole), stop + radius)
            window = (start - left, stop - left)
            found = self.network.pool(self._tensor(whole[left:right])[None], window=window)
            pooled = found if pooled is None else pooled | found
        assert pooled is not None
        return self.network.project(pooled)


def skin(joints: NDArray[np.float32], markers: NDArray[np.float32]) -> BodySequence:
    """The open body's mesh for joints T×24×3 and markers T×64×3: mesh = A·P, A the body's own."""
    matrix = open_body.marker_decoder()
    vertices = np.einsum("tmc,mv->tvc", markers, matrix, optimize=True).astype(np.float32)
    return BodySequence(joints, markers, vertices, _faces())


def _faces() -> NDArray[np.int32]:
    return np.asarray(open_body.load().faces, dtype=np.int32)


def _refuse_empty(sequence: SilhouetteSequence) -> None:
    if not len(sequence):
        raise SilhouetteError(f"{sequence.name or 'a sequence'} has no silhouettes to embed")


def _stretches(silhouettes: NDArray[np.uint8], frames: int) -> list[NDArray[np.uint8]]:
    """A sequence in parts of about so many frames, none much shorter; 0: all of it."""
    count = max(1, round(len(silhouettes) / frames)) if frames else 1
    return np.array_split(silhouettes, count)


def _identity(loaded: LoadedModel) -> str:
    """What decides the numbers. The file's hash is in the id; an exported one has the id of its original."""
    if loaded.path is None or loaded.path.suffix != EXPORTED:
        return loaded.id
    return f"{loaded.id}/{sha256_of(loaded.path)}"


def _groups(lengths: list[int], limit: int, padded: bool = True) -> Iterator[list[int]]:
    """Numbers of sequences that fit into `limit` frames together, like lengths side by side: padding is
    to the longest, and a longer sequence is alone. Not padded: only equal lengths go together."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # In rising order the next is the longest, so it decides how far all of them are padded.
        full = lengths[index] * (len(group) + 1) > limit
        if group and (full or not (padded or lengths[index] == lengths[group[0]])):
            yield group
            group = []
        group.append(index)
    if group:
        yield group
