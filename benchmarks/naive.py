"""The chain that one writes today: ultralytics' `track` on each frame, `SamPredictor` on each whole frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from meshgait_cli.assets import fetch
from meshgait_cli.device import resolve_device
from meshgait_cli.network.embed import Embedder
from meshgait_cli.people.segment import FILES, PersonSegmenter
from meshgait_cli.people.silhouette import normalise
from meshgait_cli.records import Frame, SilhouetteSequence
from meshgait_cli.thirdparty import quiet_ultralytics

SAME = 0.5  # IoU of boxes that are one person's


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the naive chain made of one person in one frame. transform: as `records.SilhouetteSequence`."""

    frame: int
    track: int
    box: np.ndarray
    silhouette: np.ndarray
    transform: np.ndarray


class Naive:
    """As the read-me files of its parts say. sam: "mobile", or "vit_b" with random weights, good for its time
    alone: what it takes does not hang on them."""

    def __init__(self, device: str, sam: str = "mobile") -> None:
        quiet_ultralytics()
        from segment_anything import SamPredictor, sam_model_registry
        from ultralytics import YOLO

        self.device = str(resolve_device(device))
        self.yolo: Any = YOLO(str(fetch("yolo11n-pose.pt")))
        if sam == "mobile":
            file = fetch(FILES["mobile"])
            model = PersonSegmenter("mobile", file, self.device, 1024, "torch:f32")._sam
        else:
            model = sam_model_registry[sam]().eval().to(self.device)
        self.predictor = SamPredictor(model)
        self.embedder = Embedder(None, self.device)

    def forget(self) -> None:
        """Before another video: its people are not those of the last."""
        for tracker in getattr(self.yolo.predictor, "trackers", ()):
            tracker.reset()

    def run(self, frames: list[Frame]) -> list[Seen]:
        out: list[Seen] = []
        for frame in frames:
            (result,) = self.yolo.track(
                np.ascontiguousarray(frame.image[..., ::-1]), persist=True, classes=[0], verbose=False,
                device=self.device,
            )  # fmt: skip
            boxes = result.boxes
            if boxes.id is None:
                continue
            self.predictor.set_image(frame.image)
            for box, track in zip(boxes.xyxy.cpu().numpy(), boxes.id.cpu().numpy(), strict=True):
                masks, _, _ = self.predictor.predict(box=box, multimask_output=False)
                found = normalise(masks[0])
                if found is not None:
                    transform = np.array([found.scale, found.left, found.top])
                    out.append(Seen(frame.index, int(track), box, found.silhouette, transform))
        for track in {one.track for one in out}:
            own = np.stack([one.silhouette for one in out if one.track == track])
            self.embedder.embed([SilhouetteSequence.from_arrays(own)])
        return out


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Of two boxes x1, y1, x2, y2."""
    wide = max(0.0, float(min(a[2], b[2]) - max(a[0], b[0])))
    tall = max(0.0, float(min(a[3], b[3]) - max(a[1], b[1])))
    both = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])) - wide * tall
    return wide * tall / max(both, 1e-6)
