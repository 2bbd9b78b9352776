"""What each stage has to do at least, in operations and bytes, and how far above it the measured time stands.

    python benchmarks/floor.py [--bandwidth GB_A_SECOND]

Nothing is timed but a copy in memory, and one function that no other measurement tells apart. Operations are
those of the products and convolutions of the networks themselves, at the sizes that the demo's clip is looked
at. Bytes are what no machine can leave out: a batch's weights once, what goes in and what comes out (least);
and what it would be if every operation wrote its result to memory and the next read it back (most). All in
bfloat16. The floor is the longer of operations at the matrix product's rate (results/network.json) and least
bytes at the copy's; measured are results/stages.json and network.json. Writes results/floor.json.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from meshgait_cli.assets import fetch
from meshgait_cli.demo import CLIP
from meshgait_cli.network.checkpoint import load
from meshgait_cli.network.graph import graph_of
from meshgait_cli.people.detect import PersonDetector
from meshgait_cli.people.segment import PersonSegmenter
from meshgait_cli.people.silhouette import normalise
from meshgait_cli.people.yolo import graph_of as detector_graph
from meshgait_cli.people.zoom import SIZES, ZoomingDetector
from meshgait_cli.pipeline import CROPS, EFFORTS, ExtractSettings
from meshgait_cli.records import Detection, Frame
from meshgait_cli.video.decode import open_video

RESULTS = Path(__file__).parent / "results"
FPS = 30  # of the demo's clip
BYTES = 2  # of a bfloat16
BATCHES = {"detect": 4, "segment": 8, "embed": 60}  # pictures, people, frames that share the weights' way
WALK = (2, 30)  # walks, frames: where network.json has its candidates


class Traffic(TorchDispatchMode):
    """Counts the elements that operations read and write; views move nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view and "empty" not in str(func):
            moved = [*tree_leaves((args, kwargs or {})), *tree_leaves(out)]
            self.elements += sum(each.numel() for each in moved if isinstance(each, Tensor))
        return out


def counted(module: nn.Module, *given: Any, weights_shared_by: int) -> dict[str, float]:
    """Of one call: operations, least and most bytes; the weights are a share of the batch's."""
    with torch.inference_mode(), FlopCounterMode(display=False) as flops, Traffic() as traffic:
        out = module(*given)
    weights = sum(each.numel() for each in (*module.parameters(), *module.buffers()))
    ends = sum(each.numel() for each in tree_leaves((given, out)) if isinstance(each, Tensor))
    return {
        "operations": float(flops.get_total_flops()),
        "least": BYTES * (weights / weights_shared_by + ends),
        "most": float(BYTES * traffic.elements),
    }


class Noting:
    """A detector for `ZoomingDetector`: notes at which sizes it is asked, and really looks at the largest,
    whose answers decide on the others."""

    def __init__(self, detector: PersonDetector) -> None:
        self.detector, self.asked = detector, Counter[int]()

    def detect(self, images: Sequence[Any], size: int = 640) -> list[list[Detection]]:
        self.asked[size] += len(images)
        return self.detector.detect(images, size) if size == SIZES[-1] else [[] for _ in images]


def looked_at(clip: Path, effort: str) -> tuple[Counter[int], int, tuple[int, int]]:
    """Sizes at which frames are looked at, how many are decoded for it, and their height and width."""
    noting = Noting(PersonDetector(backend="torch:f32"))
    zoom = ZoomingDetector(noting)  # type: ignore[arg-type]
    with open_video(clip) as reader:
        reader.every = max(1, round(reader.info.fps / EFFORTS[effort]))
        frame: Frame
        last = 0
        for frame in reader:
            zoom.detect([frame])
            last = frame.index
        return noting.asked, last + 1, (reader.info.height, reader.info.width)


class Decoder(nn.Module):
    """SAM's features and a box to logits: what follows the encoder for each person."""

    def __init__(self, segmenter: PersonSegmenter) -> None:
        super().__init__()
        self.segmenter, self.sam = segmenter, segmenter._sam
        self.prompts, self.masks = self.sam.prompt_encoder, self.sam.mask_decoder

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        sparse, dense = self.prompts(points=None, boxes=boxes, masks=None)
        logits, _ = self.segmenter._decode(features, sparse, dense)
        size = (self.segmenter.size, self.segmenter.size)
        return nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)


def total(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: sum(part[key] for part in parts) for key in parts[0]}


def stages(clip: Path, effort: str) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Stage, what one unit of it is, and what a unit costs at least."""
    asked, decoded, (height, width) = looked_at(clip, effort)
    looked = asked.total()
    print(f"looked at {looked} of {decoded} frames, at sizes {dict(asked)}")
    pixels, turned = height * width, looked / decoded
    compressed = clip.stat().st_size / decoded
    # A frame in YUV 4:2:0 is 1.5 bytes a pixel: predicted from one, written; then those looked at are
    # read and written as RGB, three bytes, a product of three by three. How much arithmetic the decoder
    # needs for a stream cannot be counted from outside.
    moved = compressed + 3.0 * pixels + turned * 4.5 * pixels
    yield "decode", "frame decoded", {"operations": turned * 18.0 * pixels, "least": moved, "most": moved}

    from ultralytics import YOLO

    graph = detector_graph(YOLO(str(fetch("yolo11n-pose.pt"))), "yolo11n-pose", "")
    assert graph is not None
    net, parts = graph.build(), []
    for size, times in asked.items():
        tall = -(-size * height // max(height, width)) + 31
        given = torch.zeros(1, 3, tall // 32 * 32, size)
        one = counted(net, given, weights_shared_by=BATCHES["detect"])
        parts.append({key: value * times / looked for key, value in one.items()})
    yield "detect", "frame looked at", total(parts)

    segmenter = PersonSegmenter(crop_size=CROPS[effort], backend="torch:f32")
    crop, encoder = torch.zeros(1, 3, segmenter.size, segmenter.size), segmenter.graph.build()
    with torch.inference_mode():
        features = encoder(crop)
    shared = BATCHES["segment"]
    encoding = counted(encoder, crop, weights_shared_by=shared)
    box = torch.tensor([[10.0, 10.0, 200.0, 300.0]])
    decoding = counted(Decoder(segmenter), features, box, weights_shared_by=shared)
    yield "segment: encoder", "person in a frame", encoding
    yield "segment: decoder", "person in a frame", decoding
    yield "segment", "person in a frame", total([encoding, decoding])

    # The mask is summed by rows and in all, and its person, half as wide as tall, resized by 4×4 taps.
    mask = segmenter.size**2
    yield (
        "normalise",
        "person in a frame",
        {"operations": 2.0 * mask + 64 * 32 * 16 * 2, "least": mask + 64.0 * 64, "most": 5.0 * mask},
    )

    loaded = load(None)
    walks, frames = WALK
    net = graph_of(loaded.network, loaded.id).build()
    seen = torch.rand(walks, frames, 64, 44)
    one = counted(net, seen, weights_shared_by=1)
    # Twice: as it is and mirrored.
    yield "embed", "silhouette", {key: 2 * value / (walks * frames) for key, value in one.items()}


def copied_a_second(size: int = 1 << 28) -> float:
    """Bytes read and written a second by a copy, best of ten."""
    source, target = torch.ones(size, dtype=torch.uint8), torch.empty(size, dtype=torch.uint8)
    best = float("inf")
    for _ in range(10):
        started = perf_counter()
        target.copy_(source)
        best = min(best, perf_counter() - started)
    return 2 * size / best


def normalising() -> float:
    """Seconds for one mask, best of 300: too short for anybody to come between."""
    mask = np.zeros((CROPS[ExtractSettings().effort],) * 2, np.bool_)
    mask[40:340, 130:260] = True
    best = float("inf")
    for _ in range(300):
        started = perf_counter()
        normalise(mask)
        best = min(best, perf_counter() - started)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bandwidth", type=float, help="GB a second of a copy, read and written; measured")
    chosen = parser.parse_args()
    timed = json.loads((RESULTS / "stages.json").read_text())
    network = json.loads((RESULTS / "network.json").read_text())["networks"]["meshgait-s"]
    rate = network["matmul_gflop_a_second"]["bf16"] * 1e9
    bandwidth = (chosen.bandwidth or copied_a_second() / 1e9) * 1e9
    taken = {
        "decode": timed["median"]["decode"] / timed["frames"],
        "detect": timed["median"]["detect"],  # over the frames looked at, below
        "segment": timed["median"]["segment"] / timed["person_frames"],
        "normalise": normalising(),
        "embed": 2 / network["candidates"]["frames_a_second"]["auto"],
    }
    print(f"matrix product {rate / 1e9:.0f} GFLOP/s, copy {bandwidth / 1e9:.1f} GB/s")
    print(f"{'stage':<18}{'GFLOP':>9}{'least MB':>10}{'most MB':>9}{'floor ms':>10}{'ms':>8}{'times':>7}")
    rows = []
    effort = ExtractSettings().effort
    taken["detect"] /= -(-timed["frames"] // round(FPS / EFFORTS[effort]))
    for stage, unit, cost in stages(fetch(CLIP), effort):
        floors = {"operations": cost["operations"] / rate, "bytes": cost["least"] / bandwidth}
        floor = max(floors.values())
        row: dict[str, Any] = {
            "stage": stage,
            "unit": unit,
            "gflop": round(cost["operations"] / 1e9, 5),
            "least_mb": round(cost["least"] / 1e6, 3),
            "most_mb": round(cost["most"] / 1e6, 1),
            "floor_ms": round(floor * 1e3, 4),
            "floor_by": max(floors, key=lambda name: floors[name]),
        }
        measured = taken.get(stage)
        if measured is not None:
            row |= {"ms": round(measured * 1e3, 3), "times": round(measured / floor, 1)}
        rows.append(row)
        shown = f"{row['ms']:>8.2f}{row['times']:>7.1f}" if measured is not None else ""
        print(
            f"{stage:<18}{row['gflop']:>9.3f}{row['least_mb']:>10.2f}{row['most_mb']:>9.1f}"
            f"{row['floor_ms']:>10.3f}{shown}  a {unit}, by {row['floor_by']}"
        )
    report = {
        "clip": CLIP,
        "effort": effort,
        "matmul_gflop_a_second": round(rate / 1e9, 1),
        "copy_gb_a_second": round(bandwidth / 1e9, 2),
        "rows": rows,
    }
    (RESULTS / "floor.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
