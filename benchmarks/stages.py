"""Seconds per stage, per frame and per person, on the demo's clip.

    python benchmarks/stages.py [VIDEO] [--repeat 3]

Prints a table of medians and writes benchmarks/results/stages.json. The models are loaded, and run once,
before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

import torch

from meshgait_cli.assets import fetch
from meshgait_cli.pipeline import Extractor, ExtractSettings
from meshgait_cli.render.session import render_result

STAGES = ("decode", "detect", "track", "segment", "link", "embed", "write", "render-mesh")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    video = arguments.video or fetch("park.mp4")
    extractor = Extractor(device=arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        warm = Extractor(ExtractSettings(max_s=0.2), device=arguments.device)
        warm.__dict__.update({n: getattr(extractor, n) for n in ("detector", "segmenter", "embedder")})
        warm.extract(video, Path(folder) / "warm")
        runs = []
        for number in range(arguments.repeat):
            result = extractor.extract(video, Path(folder) / str(number)).result
            started = perf_counter()
            if any(track.usable for track in result.tracks):
                render_result(result, extractor)
            runs.append({**result.manifest.seconds, "render-mesh": perf_counter() - started})
    frames = result.manifest.video.frames
    people = sum(track.frames for track in result.tracks) + sum(t.frames for t in result.manifest.dropped)
    median = {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}
    print(f"{video.name}: {frames} frames, {people} person-frames, {arguments.repeat} runs, medians")
    whole = sum(median.values())
    print(f"{'stage':<12}{'seconds':>9}{'share':>7}{'ms/frame':>10}{'ms/person-frame':>17}")
    for stage, seconds in median.items():
        share = f"{seconds / whole:>7.1%}"
        print(
            f"{stage:<12}{seconds:>9.2f}{share}{seconds / frames * 1e3:>10.1f}{seconds / people * 1e3:>17.1f}"
        )
    print(f"{'all':<12}{whole:>9.2f}")
    report = {
        "video": video.name,
        "frames": frames,
        "person_frames": people,
        "runs": runs,
        "median": median,
        "device": str(extractor.device),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    target = Path(__file__).parent / "results" / "stages.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
