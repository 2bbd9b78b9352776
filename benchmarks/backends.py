"""The detector by every backend: ms a frame, and how far it is from torch in float32.

    python benchmarks/backends.py [VIDEO] [--threads 1 2] [--size 640] [--frames 8] [--rounds 5] [--quick]

The whole of `detect` (letterbox, network, decoding, suppression), a frame at a time; backends interleaved,
medians. `auto` is what the product takes. Each number of threads is a process of its own. Writes
benchmarks/results/backends.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from meshgait_cli.assets import fetch
from meshgait_cli.backends.runtimes import precisions_here
from meshgait_cli.backends.spec import check_backend
from meshgait_cli.demo import CLIP
from meshgait_cli.people.detect import PersonDetector
from meshgait_cli.video.decode import open_video

SURE = 0.4


def measure(video: Path, size: int, frames: int, rounds: int) -> dict:
    cpu = torch.device("cpu")
    pairs = [pair for pair in check_backend("auto") if pair[1] in precisions_here(pair[0], cpu)]
    # ONNX Runtime has one precision, and no name for it.
    names = [name if name == "onnxruntime" else f"{name}:{precision}" for name, precision in pairs]
    detectors = {name: PersonDetector(backend=name) for name in [*names, "auto"]}
    with open_video(video) as reader:
        reader.every = max(1, (reader.info.frame_count or frames) // frames)
        images = [frame.image for frame in reader][:frames]
    found = {name: [each.detect([i], size)[0] for i in images] for name, each in detectors.items()}
    clock: dict[str, list[float]] = {name: [] for name in detectors}
    for _ in range(rounds):
        for image in images:
            for name, detector in detectors.items():
                started = perf_counter()
                detector.detect([image], size)
                clock[name].append((perf_counter() - started) * 1e3)
    ms = {name: median(values) for name, values in clock.items()}
    people = {name: sum(p.score > SURE for each in seen for p in each) for name, seen in found.items()}
    return {
        "threads": torch.get_num_threads(),
        "ms_a_frame": {name: round(value, 1) for name, value in ms.items()},
        "people": people,
        "auto": detectors["auto"].computed,
        "auto_to_best": round(ms["auto"] / min(ms.values()), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="two frames, two rounds")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    frames, rounds = (2, 2) if chosen.quick else (chosen.frames, chosen.rounds)
    video = chosen.video or fetch(CLIP)
    if chosen.child:
        print("ROW", json.dumps(measure(video, chosen.size, frames, rounds)))
        return
    rows = []
    for threads in chosen.threads:
        command = [sys.executable, __file__, str(video), "--child", "--size", str(chosen.size)]
        command += ["--frames", str(frames), "--rounds", str(rounds)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        last = (done.stdout.strip().splitlines() or [""])[-1]
        if not last.startswith("ROW "):
            raise SystemExit(done.stderr)
        rows.append(json.loads(last.removeprefix("ROW ")))
        print(json.dumps(rows[-1], indent=1), flush=True)
    report = {
        "video": video.name, "size": chosen.size, "frames": frames, "rounds": rounds, "rows": rows,
        "cores": os.cpu_count(), "torch": version("torch"),
    }  # fmt: skip
    target = Path(__file__).parent / "results" / "backends.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
