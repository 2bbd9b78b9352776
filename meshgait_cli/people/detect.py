"""Find people in pictures: YOLO through ultralytics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..assets import fetch, registry, sha256_of
from ..backends.choose import compiled
from ..backends.precision import computing, torch_precision
from ..errors import UsageError, WeightsError
from ..records import KEYPOINTS, Detection
from ..thirdparty import quiet_ultralytics
from .parcels import parcels
from .yolo import graph_of, predictor_of

__all__ = ["PersonDetector"]

_MOST = (
    8  # pictures together; on a CPU fewer large ones: twos are as fast as fours there, and hold 150 MB less
)
_MOST_LARGE, _LARGE = 2, 1024
_SAME_PERSON = 0.6  # IoU from which two boxes are one person


class PersonDetector:
    """A YOLO checkpoint that looks for people only.

    model: a registered name (with or without .pt), or the path of any YOLO checkpoint that knows the class
    "person". confidence: boxes below it are left out; low, because the tracker uses weak boxes to hold on
    to somebody who is half hidden. backend: who computes the network on a CPU, see `backends`; `computed`
    then says which it became. On a GPU, and where a checkpoint's head is of a kind that is not cut out
    (segmentation, transformers), it is torch in the precision that the backend's name says.

    Raises UsageError when the name is neither, WeightsError when the file is no such checkpoint.
    """

    def __init__(
        self,
        model: str = "yolo11n-pose",
        device: torch.device | str = "cpu",
        confidence: float = 0.1,
        backend: str = "auto",
    ) -> None:
        self.device = torch.device(device)
        path = _find(model)
        quiet_ultralytics()
        from ultralytics import YOLO

        try:
            self._yolo: Any = YOLO(str(path))
            names: dict[int, str] = dict(self._yolo.names)
        except Exception as error:  # unpickling foreign files raises anything
            raise WeightsError(
                f"{path} is damaged, or not a YOLO checkpoint that can be used here: use another --detector"
            ) from error
        self._person = next((number for number, name in names.items() if name == "person"), None)
        if self._person is None:
            raise WeightsError(f'{path} does not know the class "person": use another --detector')
        digest = sha256_of(path)
        self.model_id = f"{path.stem}@{digest[:12]}"
        self.precision = torch_precision(backend, self.device)
        self.computed = f"torch:{self.precision}"
        self._predictor: Any = None  # ultralytics' own
        graph = graph_of(self._yolo, path.stem, digest) if self.device.type == "cpu" else None
        if graph is not None:
            run = compiled(graph, backend, self.device)
            self._predictor = predictor_of(self._yolo, graph.outputs, run)
            # What is left to ultralytics is letterbox, decoding and suppression: in full precision.
            self.precision, self.computed = "f32", str(run)
        self._options: dict[str, Any] = {
            "device": str(device), "conf": confidence, "classes": [self._person],
            "iou": _SAME_PERSON, "verbose": False, "save": False,
        }  # fmt: skip

    def detect(self, images: Sequence[NDArray[np.uint8]], size: int = 640) -> list[list[Detection]]:
        """The people in each H×W×3 RGB picture, surest first. size: the long side it is scaled to."""
        out: list[list[Detection]] = []
        most = _MOST_LARGE if size > _LARGE and self.device.type == "cpu" else _MOST
        for some in parcels(len(images), self.device, most):
            # ultralytics takes BGR
            batch = [np.ascontiguousarray(image[:, :, ::-1]) for image in images[some]]
            with _own_threads(), computing(self.device, self.precision):
                results = self._yolo.predict(batch, imgsz=size, predictor=self._predictor, **self._options)
            out += [_detections(result) for result in results]
        return out


@contextmanager
def _own_threads() -> Iterator[None]:
    """ultralytics leaves all of torch one thread fewer than there are cores: of two, one."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _find(model: str) -> Path:
    name = model if model.endswith(".pt") else f"{model}.pt"
    detectors = [entry.name for entry in registry().values() if entry.role == "detector"]
    if name in detectors:
        return fetch(name)
    path = Path(model)
    if path.is_file():
        return path
    known = ", ".join(detector.removesuffix(".pt") for detector in detectors)
    raise UsageError(f"there is no detector {model!r}: use {known}, or a checkpoint's path")


def _detections(result: Any) -> list[Detection]:
    boxes = result.boxes.cpu().numpy()
    points = None if result.keypoints is None else result.keypoints.data.float().cpu().numpy()
    height, width = result.orig_shape
    found = []
    for index in np.argsort(-boxes.conf):
        box = boxes.xyxy[index].astype(np.float32)
        box[0::2] = box[0::2].clip(0, width)
        box[1::2] = box[1::2].clip(0, height)
        if box[2] - box[0] < 2 or box[3] - box[1] < 2:
            continue
        keypoints = None
        if points is not None and points.shape[1:] == (KEYPOINTS, 3):
            keypoints = points[index].astype(np.float32)
        found.append(Detection(box, float(boxes.conf[index]), keypoints))
    return found
