"""Ours against the chain that one writes today, on the same video, detector and SAM checkpoint.

    python benchmarks/pipeline.py [VIDEO] [--frames 24] [--rounds 2] [--effort balanced] [--vit-b 2]

The naive chain: ultralytics' `track` on each frame, `SamPredictor.set_image` on each whole frame at 1024
pixels, a box prompt a person, the network on the result. It is so slow that it sees a run of frames from the
middle of the video only; ours sees it all, detector to embeddings and contact sheets. Both in one process,
interleaved, medians; seconds a frame *of the video*. Also: IoU at 64×44 of the silhouettes of the same person
in the same frame (the naive mask is no truth). --vit-b: also so many frames by the naive chain with SAM's
ViT-B, its weights random (its time is the same). Writes benchmarks/results/pipeline.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from naive import SAME, Naive, Seen, iou

from meshgait_cli.assets import fetch
from meshgait_cli.demo import CLIP
from meshgait_cli.pipeline import Extractor, ExtractSettings
from meshgait_cli.records import SIDE_CUT, Frame
from meshgait_cli.results.directory import Result
from meshgait_cli.video.decode import open_video


def agreement(naive: list[Seen], result: Result) -> list[float]:
    """IoU at 64×44 wherever both saw the same person."""
    import pyarrow.parquet as pq

    table = pq.read_table(result.folder / "tracks.parquet").to_pydict()
    boxes = np.stack([table[name] for name in ("x1", "y1", "x2", "y2")], axis=1)
    row_of: dict[int, list[int]] = {}
    for row, frame in enumerate(table["frame"]):
        row_of.setdefault(int(frame), []).append(row)
    masks = {}
    for track in result.tracks:
        own = result.silhouettes(track)
        masks |= {(track.id, int(f)): s for f, s in zip(own.frames, own.silhouettes, strict=True)}
    found = []
    for one in naive:
        near = [row for row in row_of.get(one.frame, []) if iou(one.box, boxes[row]) > SAME]
        ours = masks.get((int(table["track"][near[0]]), one.frame)) if near else None
        if ours is not None:
            a, b = ((each[:, SIDE_CUT:-SIDE_CUT] > 127) for each in (one.silhouette, ours))
            found.append(float((a & b).sum() / max((a | b).sum(), 1)))
    return found


def seconds_by_vit_b(frames: list[Frame], device: str) -> list[float]:
    """Of each frame but the first, which warms up."""
    naive = Naive(device, "vit_b")
    times = []
    for frame in frames:
        started = perf_counter()
        naive.run([frame])
        times.append(perf_counter() - started)
    return times[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--effort", default="balanced")
    parser.add_argument("--vit-b", type=int, default=0, metavar="FRAMES")
    parser.add_argument("--device", default="auto")
    chosen = parser.parse_args()
    video = chosen.video or fetch(CLIP)
    with open_video(video) as reader:
        total = reader.info.frame_count or 0
        start = max(0, (total - chosen.frames) // 2)
        frames = [frame for frame in reader if start <= frame.index < start + chosen.frames]
        total = reader.damage.frames_decoded
    ours = Extractor(ExtractSettings(effort=chosen.effort), chosen.device)
    naive = Naive(chosen.device)
    ours.models()  # loads them all
    clock: dict[str, list[float]] = {"naive": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(chosen.rounds):
            started = perf_counter()
            seen = naive.run(frames)
            clock["naive"].append((perf_counter() - started) / len(frames))
            started = perf_counter()
            result = ours.extract(video, Path(folder) / str(number)).result
            clock["ours"].append((perf_counter() - started) / total)
            print({name: round(values[-1], 4) for name, values in clock.items()}, flush=True)
        ious = agreement(seen, result)
    ratio = median(clock["naive"]) / median(clock["ours"])
    vit_b = {}
    if chosen.vit_b:
        large = median(seconds_by_vit_b(frames[: chosen.vit_b + 1], chosen.device))
        vit_b = {"vit_b": {"seconds_a_frame": round(large, 2), "times": round(large / median(clock["ours"]))}}
    report = {
        "video": video.name,
        "device": str(ours.device),
        "frames": {"naive": len(frames), "ours": total},
        "effort": chosen.effort,
        "computed": {model.role: model.computed for model in result.manifest.models},
        "seconds_a_frame": {name: round(median(values), 4) for name, values in clock.items()},
        "times_faster": round(ratio, 1),
        **vit_b,
        "silhouette_iou": {
            "pairs": len(ious),
            "mean": round(float(np.mean(ious)), 4) if ious else None,
            "median": round(median(ious), 4) if ious else None,
        },
    }
    print(json.dumps(report, indent=1))
    path = Path(__file__).parent / "results" / "pipeline.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
