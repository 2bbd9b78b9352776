"""bfloat16 against float32: how much faster detector and SAM are, and whether they still say the same.

    python benchmarks/precision.py [VIDEO ...] [--frames 12] [--people 48]

Frames spread over each video (default: the demo's clip), both precisions interleaved, three rounds, medians.
Reports ms a frame and ms a person, the largest differences of boxes in body heights, and the IoU of the
normalised silhouettes at 64×44. Writes benchmarks/results/precision.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from meshgait_cli.assets import fetch
from meshgait_cli.demo import CLIP
from meshgait_cli.device import resolve_device
from meshgait_cli.people.detect import PersonDetector
from meshgait_cli.people.segment import PersonMask, PersonSegmenter, SegmentRequest
from meshgait_cli.people.silhouette import normalise
from meshgait_cli.records import SIDE_CUT, Detection
from meshgait_cli.video.decode import open_video

ROUNDS, SIZE, SURE = 3, 1280, 0.5
KINDS = ("f32", "bf16")


def pictures(video: Path, count: int) -> list[np.ndarray]:
    with open_video(video) as reader:
        reader.every = max(1, (reader.info.frame_count or count) // count)
        return [frame.image for frame in reader][:count]


def requests_of(images: list[np.ndarray], found: list[list[Detection]], limit: int) -> list[SegmentRequest]:
    out = []
    for image, people in zip(images, found, strict=True):
        sure = [person for person in people if person.score > SURE]
        boxes = np.array([person.box for person in sure]).reshape(-1, 4)
        for index, person in enumerate(sure):
            out.append(SegmentRequest(image, person.box, person.keypoints, np.delete(boxes, index, axis=0)))
    return out[:: max(1, len(out) // limit)][:limit]


def agreement(one: list[PersonMask], two: list[PersonMask]) -> list[float]:
    ious = []
    for a, b in zip(one, two, strict=True):
        first, second = normalise(a.mask), normalise(b.mask)
        if first is None or second is None:
            ious.append(float(first is second))
            continue
        x, y = ((each.silhouette[:, SIDE_CUT:-SIDE_CUT] > 127) for each in (first, second))
        ious.append(float((x & y).sum() / max((x | y).sum(), 1)))
    return ious


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--people", type=int, default=48)
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    device = resolve_device(chosen.device)
    videos = chosen.videos or [fetch(CLIP)]
    images = [image for video in videos for image in pictures(video, chosen.frames)]
    detectors = {kind: PersonDetector(device=device, backend=f"torch:{kind}") for kind in KINDS}
    segmenters = {kind: PersonSegmenter(device=device, backend=f"torch:{kind}") for kind in KINDS}
    found = {kind: detectors[kind].detect(images, SIZE) for kind in KINDS}
    requests = requests_of(images, found["f32"], chosen.people)
    masks: dict[str, list[PersonMask]] = {}
    clock: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for kind in KINDS:
            started = perf_counter()
            found[kind] = detectors[kind].detect(images, SIZE)
            seen = perf_counter()
            masks[kind] = segmenters[kind].segment(requests)
            clock.setdefault(f"detect {kind}", []).append((seen - started) / len(images))
            clock.setdefault(f"segment {kind}", []).append((perf_counter() - seen) / len(requests))
    ious = agreement(masks["f32"], masks["bf16"])
    moved = [
        float(np.abs(a.box - b.box).max() / (a.box[3] - a.box[1]))
        for one, two in zip(found["f32"], found["bf16"], strict=True)
        for a in one
        if a.score > SURE
        for b in [min(two, key=lambda b: float(np.abs(a.box - b.box).max()), default=a)]
    ]
    report = {
        "device": str(device),
        "videos": [video.name for video in videos],
        "frames": len(images),
        "people": len(requests),
        "detector_px": SIZE,
        "ms": {name: round(1000 * median(values), 1) for name, values in clock.items()},
        "silhouette_iou": {"mean": round(float(np.mean(ious)), 4), "least": round(min(ious), 4)},
        "box_moved_body_heights": {
            "median": round(median(moved), 4), "most": round(max(moved), 4),
        },
    }  # fmt: skip
    print(json.dumps(report, indent=1))
    path = Path(__file__).parent / "results" / "precision.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
