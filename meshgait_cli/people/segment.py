"""Each person's own mask: Segment Anything (Kirillov et al., arXiv 2304.02643; MobileSAM, arXiv 2306.14289).

A whole frame at SAM's 1024 pixels costs some two seconds on a CPU, whoever is in it. Here a square round each
person is cut out, shown to the encoder at a small size, and many people of many frames go through at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..assets import fetch, sha256_of
from ..backends.choose import compiled
from ..backends.graph import Graph
from ..errors import UsageError, WeightsError
from ..thirdparty import quiet_ultralytics
from .parcels import parcels

__all__ = ["FILES", "PersonMask", "PersonSegmenter", "SegmentRequest"]

FILES = {
    "mobile": "mobile_sam.pt",
    "vit_b": "sam_vit_b_01ec64.pth",
    "vit_l": "sam_vit_l_0b3195.pth",
    "vit_h": "sam_vit_h_4b8939.pth",
}
_MARGIN = 1.25  # side of the square, in heights of the box
_SLACK = 0.08  # of the box's height by which a mask may leave the box
_CROWDED = 0.1  # share of the box under another box from which people are told apart by points
_PIECE = 0.03  # smaller pieces of a mask are dropped
_HOLE = 0.004  # smaller holes are filled; the gap between arm and body is larger
_SHOULDERS_HIPS = (5, 6, 11, 12)


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRequest:
    """One person in one picture. image: H×W×3 RGB. box: x1, y1, x2, y2. keypoints: 17×3 or None.
    others: M×4 boxes of the other people in the picture."""

    image: NDArray[np.uint8]
    box: NDArray[np.float32]
    keypoints: NDArray[np.float32] | None
    others: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class PersonMask:
    """mask: S×S bool. Its pixel (column, row) covers the picture's square from
    (left + column·pixel, top + row·pixel), `pixel` wide. predicted_iou: SAM's estimate, 0-1."""

    mask: NDArray[np.bool_]
    left: float
    top: float
    pixel: float
    predicted_iou: float


class PersonSegmenter:
    """SAM on crops.

    variant: mobile, vit_b, vit_l or vit_h. checkpoint: a file to use instead of the registered one.
    crop_size: side of the square that the encoder sees, a multiple of 32. (The ViT variants were
    trained at 1024; for other sizes their position embedding is interpolated.) backend: of the encoder, see
    `backends`; `computed` then says which it became.

    Raises UsageError for an unknown variant, WeightsError when the checkpoint does not fit.
    """

    def __init__(
        self,
        variant: str = "mobile",
        checkpoint: Path | None = None,
        device: torch.device | str = "cpu",
        crop_size: int = 320,
        backend: str = "auto",
    ) -> None:
        if variant not in FILES:
            raise UsageError(f"unknown segmenter {variant!r}: use one of {', '.join(FILES)}")
        if checkpoint is not None and not checkpoint.is_file():
            raise UsageError(f"there is no SAM checkpoint {checkpoint}")
        path = checkpoint or fetch(FILES[variant])
        self.device, self.size = torch.device(device), crop_size
        try:
            sam = _mobile(path, crop_size) if variant == "mobile" else _vit(variant, path, crop_size)
        except Exception as error:  # torch and pickle raise anything here
            raise WeightsError(
                f"{path} is damaged, or not a SAM checkpoint of kind {variant}: use another file or --sam"
            ) from error
        # TinyViT caches attention biases when it enters eval mode: only ever after loading.
        self._sam: Any = sam.eval().to(self.device)
        self._sam.requires_grad_(False)
        digest = sha256_of(path)
        self.model_id = f"{path.stem}@{digest[:12]}"
        encoder = _Encoder(self._sam)
        sample = torch.rand(2, 3, crop_size, crop_size, generator=torch.Generator().manual_seed(0)) * 255
        self.graph = Graph(
            name=f"sam-{variant}-{crop_size}",
            identity=digest,
            build=lambda: encoder,
            sample=(sample,),
            inputs=("crops",),
            outputs=("features",),
            free=({0: "people"},),
        )
        self._encode = compiled(self.graph, backend, self.device)
        self.computed = str(self._encode)

    @torch.inference_mode()
    def segment(self, requests: Sequence[SegmentRequest]) -> list[PersonMask]:
        """The mask of each request, in order."""
        squares = [_square(request) for request in requests]
        crowded = [_is_crowded(request) for request in requests]
        out: dict[int, PersonMask] = {}
        # SAM hears a box with and without points differently, so each batch has one kind.
        for kind in (False, True):
            chosen = [index for index in range(len(requests)) if crowded[index] == kind]
            for some in parcels(len(chosen), self.device):
                batch = chosen[some]
                masks = self._batch([requests[i] for i in batch], [squares[i] for i in batch], kind)
                out.update(zip(batch, masks, strict=True))
        return [out[index] for index in range(len(requests))]

    def _batch(
        self, requests: list[SegmentRequest], squares: list[tuple[int, int, int]], crowded: bool
    ) -> list[PersonMask]:
        crops = np.stack([_crop(r.image, *s, self.size) for r, s in zip(requests, squares, strict=True)])
        images = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float()
        (features,) = self._encode(images)
        boxes = np.stack(
            [self._inside(r.box.reshape(2, 2), s) for r, s in zip(requests, squares, strict=True)]
        )
        points = self._points(requests, squares) if crowded else None
        sparse, dense = self._sam.prompt_encoder(
            points=points, boxes=torch.from_numpy(boxes).float().to(self.device).reshape(-1, 4), masks=None
        )
        logits, sure = self._decode(features, sparse, dense)
        logits = F.interpolate(logits, (self.size, self.size), mode="bilinear", align_corners=False)
        masks = (logits[:, 0] > self._sam.mask_threshold).cpu().numpy()
        return [
            self._finish(mask, float(iou), request, square)
            for mask, iou, request, square in zip(masks, sure.cpu(), requests, squares, strict=True)
        ]

    def _inside(self, points: NDArray[np.floating], square: tuple[int, int, int]) -> NDArray[np.float64]:
        """Picture points (N×2) in crop pixels."""
        left, top, side = square
        return (points.astype(np.float64) - [left, top]) * (self.size / side)

    def _points(
        self, requests: list[SegmentRequest], squares: list[tuple[int, int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Own torso: yes. The others' middles, unless they lie in it: no. Padded with "no point"."""
        rows = []
        for request, square in zip(requests, squares, strict=True):
            own = _torso(request)
            points, labels = [own], [1]
            for x1, y1, x2, y2 in request.others:
                middle = np.array([(x1 + x2) / 2, y1 + 0.35 * (y2 - y1)])
                near = np.abs(middle - own).max() < 0.12 * (request.box[3] - request.box[1])
                left, top, side = square
                within = left <= middle[0] < left + side and top <= middle[1] < top + side
                if within and not near:
                    points.append(middle)
                    labels.append(0)
            rows.append((self._inside(np.stack(points), square), labels))
        longest = max(len(labels) for _, labels in rows)
        coordinates = np.zeros((len(rows), longest, 2), np.float32)
        marks = np.full((len(rows), longest), -1, np.float32)
        for index, (points_in, labels) in enumerate(rows):
            coordinates[index, : len(labels)] = points_in
            marks[index, : len(labels)] = labels
        return torch.from_numpy(coordinates).to(self.device), torch.from_numpy(marks).to(self.device)

    def _decode(self, features: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """SAM's mask decoder with one prompt for each of N pictures (its own forward takes one picture).

        Returns the logits of the single-mask output, N×1×h×w, and the N predicted IoUs.
        """
        decoder = self._sam.mask_decoder
        n = len(features)
        tokens = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight]).expand(n, -1, -1)
        place = self._sam.prompt_encoder.get_dense_pe().expand(n, -1, -1, -1)
        source = features + dense
        states, looked = decoder.transformer(source, place, torch.cat([tokens, sparse], dim=1))
        upscaled = decoder.output_upscaling(looked.transpose(1, 2).reshape(source.shape))
        weights = decoder.output_hypernetworks_mlps[0](states[:, 1])
        logits = torch.einsum("nc,nchw->nhw", weights, upscaled)[:, None]
        return logits, decoder.iou_prediction_head(states[:, 0])[:, 0]

    def _finish(
        self, mask: NDArray[np.bool_], iou: float, request: SegmentRequest, square: tuple[int, int, int]
    ) -> PersonMask:
        left, top, side = square
        pixel = side / self.size
        height, width = request.image.shape[:2]
        slack = _SLACK * (request.box[3] - request.box[1])
        x1, y1, x2, y2 = request.box + np.array([-slack, -slack, slack, slack])
        rows = top + (np.arange(self.size) + 0.5) * pixel
        columns = left + (np.arange(self.size) + 0.5) * pixel
        mask = mask & ((rows > max(y1, 0)) & (rows < min(y2, height)))[:, None]
        mask &= ((columns > max(x1, 0)) & (columns < min(x2, width)))[None]
        return PersonMask(_tidy(mask), float(left), float(top), pixel, iou)


class _Encoder(nn.Module):
    """N×3×S×S RGB, 0-255, to SAM's features of each."""

    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.encoder = sam.image_encoder
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", sam.pixel_mean)
        self.register_buffer("std", sam.pixel_std)

    def forward(self, crops: Tensor) -> Tensor:
        found: Tensor = self.encoder((crops - self.mean) / self.std)
        return found


def _square(request: SegmentRequest) -> tuple[int, int, int]:
    """Left, top and side of the square round a box, whole pixels; it may leave the picture."""
    x1, y1, x2, y2 = request.box
    side = max(8, round(_MARGIN * float(max(y2 - y1, x2 - x1))))
    return round(float(x1 + x2 - side) / 2), round(float(y1 + y2 - side) / 2), side


def _crop(image: NDArray[np.uint8], left: int, top: int, side: int, size: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    square = np.full((side, side, 3), 124, np.uint8)  # near SAM's mean colour
    if x2 > x1 and y2 > y1:
        square[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    shrink = side > size
    scaled = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return np.asarray(scaled, dtype=np.uint8)


def _is_crowded(request: SegmentRequest) -> bool:
    x1, y1, x2, y2 = request.box
    area = max(float((x2 - x1) * (y2 - y1)), 1.0)
    for ox1, oy1, ox2, oy2 in request.others:
        shared = max(0.0, float(min(x2, ox2) - max(x1, ox1))) * max(0.0, float(min(y2, oy2) - max(y1, oy1)))
        if shared / area > _CROWDED:
            return True
    return False


def _torso(request: SegmentRequest) -> NDArray[np.float64]:
    points = request.keypoints
    if points is not None and (points[list(_SHOULDERS_HIPS), 2] > 0.5).all():
        return points[list(_SHOULDERS_HIPS), :2].mean(0).astype(np.float64)
    x1, y1, x2, y2 = request.box
    return np.array([(x1 + x2) / 2, y1 + 0.35 * (y2 - y1)], dtype=np.float64)


def _tidy(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without specks and pinholes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    total = stats[1:, cv2.CC_STAT_AREA].sum()
    kept = np.concatenate([[False], stats[1:, cv2.CC_STAT_AREA] >= _PIECE * total])
    mask = kept[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    filled = np.concatenate([[False], stats[1:, cv2.CC_STAT_AREA] < _HOLE * total])
    return mask | filled[labels]


def _mobile(path: Path, size: int) -> Any:
    """MobileSAM: ultralytics' TinyViT as the encoder of segment_anything's Sam, loaded strictly."""
    quiet_ultralytics()
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
    from ultralytics.models.sam.modules.tiny_encoder import TinyViT

    encoder = TinyViT(
        img_size=size, in_chans=3, num_classes=1000, embed_dims=[64, 128, 160, 320], depths=[2, 2, 6, 2],
        num_heads=[2, 4, 5, 10], window_sizes=[7, 7, 14, 7], mlp_ratio=4.0, drop_rate=0.0,
        drop_path_rate=0.0, use_checkpoint=False, mbconv_expand_ratio=4.0, local_conv_size=3,
        layer_lr_decay=0.8,
    )  # fmt: skip
    sam = Sam(
        encoder,
        PromptEncoder(256, (size // 16, size // 16), (size, size), mask_in_chans=16),
        MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8),
            transformer_dim=256,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
    )
    sam.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return sam


def _vit(variant: str, path: Path, size: int) -> Any:
    from segment_anything import sam_model_registry

    sam = sam_model_registry[variant]()
    sam.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    encoder, grid = sam.image_encoder, size // 16
    if encoder.pos_embed is not None and encoder.pos_embed.shape[1] != grid:
        place = encoder.pos_embed.data.permute(0, 3, 1, 2)
        place = F.interpolate(place, (grid, grid), mode="bicubic", align_corners=False)
        encoder.pos_embed = torch.nn.Parameter(place.permute(0, 2, 3, 1))
    sam.prompt_encoder.image_embedding_size = (grid, grid)
    sam.prompt_encoder.input_image_size = (size, size)
    return sam
