"""Peak memory of `meshgait extract` on short and long videos of the same footage.

    python benchmarks/memory.py [--minutes 1 10 60] [--fps 2] [--effort balanced] [--device cuda] [--quick]

What a camera keeps that records when something moves: the demo's clip at ten frames a second, again and
again, with pauses between in which there are no frames, so that there are --fps a second on the whole and an
hour ends today (at 2 it has 7,200). Memory grows with frames and people, if at all, not with seconds. Each
length in a process of its own; a first extraction makes the compiled forms, and does not count. Prints the
last peak against the first; writes benchmarks/results/memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import cv2
import numpy as np

from meshgait_cli.assets import fetch
from meshgait_cli.results.directory import Result, is_result
from meshgait_cli.video.decode import open_video

MOVING_FPS = 10
MOST_MB = 3000  # what the default models may take on a CPU
CHILD = """
import resource, sys
from meshgait_cli.__main__ import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code or 0
gpu = 0
if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
    gpu = sys.modules["torch"].cuda.max_memory_allocated()
print("PEAK", code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, gpu)
"""


def extract(video: Path, out: Path, options: list[str]) -> dict:
    """Peaks and seconds of a process that extracts a video; whom it found."""
    command = [sys.executable, "-c", CHILD, "extract", str(video), "-o", str(out), "-q", *options]
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = perf_counter() - started
    last = (done.stdout.strip().splitlines() or [""])[-1].split()
    # 1 is also what is said where nobody is a gait sample; there is a result then.
    if not last or last[0] != "PEAK" or not is_result(out / video.stem):
        raise SystemExit(done.stderr or done.stdout)
    result = Result(out / video.stem)
    dropped = result.manifest.dropped
    return {
        "peak_mb": round(int(last[2]) / 1024),
        "gpu_mb": round(int(last[3]) / 2**20),
        "seconds": round(seconds),
        "tracks": len(result.tracks) + len(dropped),
        "gait_samples": sum(track.usable for track in result.tracks),
        "person_frames": sum(track.frames for track in [*result.tracks, *dropped]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--fps", type=float, default=2.0)
    parser.add_argument("--effort", default="balanced")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--quick", action="store_true", help="half a minute against one")
    arguments = parser.parse_args()
    minutes = [0.5, 1] if arguments.quick else arguments.minutes
    options = ["--device", arguments.device, "--effort", arguments.effort]
    walk = footage(fetch("park.mp4"))
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract(loop(walk, folder / "first.mp4", 12, arguments.fps), folder / "out", options)
        for each in minutes:
            count = round(each * 60 * arguments.fps)
            video = loop(walk, folder / f"{each:g}min.mp4", count, arguments.fps)
            rows.append({"minutes": each, "frames": count, **extract(video, folder / "out", options)})
            print(rows[-1], flush=True)
    ratio = rows[-1]["peak_mb"] / rows[0]["peak_mb"]
    most = max(row["peak_mb"] for row in rows)
    print(f"{minutes[-1]:g} minutes against {minutes[0]:g}: {ratio:.3f} times the memory")
    print(f"at most {most} MB, {'within' if most <= MOST_MB else 'over'} {MOST_MB}")
    target = Path(__file__).parent / "results" / "memory.json"
    target.parent.mkdir(exist_ok=True)
    report = {
        "fps": arguments.fps,
        "effort": arguments.effort,
        "rows": rows,
        "ratio": round(ratio, 3),
        "most_mb": most,
    }
    target.write_text(json.dumps(report, indent=1) + "\n")


def footage(clip: Path) -> list[np.ndarray]:
    """Every third frame of the clip at half its size."""
    with open_video(clip) as reader:
        reader.every = 3
        return [cv2.resize(frame.image, (884, 497), interpolation=cv2.INTER_AREA) for frame in reader]


def loop(walk: list[np.ndarray], target: Path, count: int, fps: float) -> Path:
    """So many frames of it, over and over, with pauses."""
    height, width = walk[0].shape[:2]
    with av.open(str(target), "w") as container:
        stream: Any = container.add_stream("libx264", rate=MOVING_FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(count):
            round_, within = divmod(number, len(walk))
            image = np.ascontiguousarray(walk[within][: stream.height, : stream.width])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(1000 * (round_ * len(walk) / fps + within / MOVING_FPS))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target


if __name__ == "__main__":
    main()
