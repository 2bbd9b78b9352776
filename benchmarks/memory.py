"""Peak memory of `meshgait extract` on short and long videos of the same footage.

    python benchmarks/memory.py [--minutes 1 10] [--fps 4]

Loops the demo's clip to the wanted length (few frames a second, so that it ends today: memory grows with
frames and people, if at all, not with seconds), extracts each in a fresh process, and writes
benchmarks/results/memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

from meshgait_cli.assets import fetch
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter

CHILD = """
import resource, sys
from meshgait_cli.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
print("PEAK", code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--fps", type=float, default=4.0)
    arguments = parser.parse_args()
    clip = fetch("park.mp4")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            video = Path(folder) / f"{minutes:g}min.mp4"
            count = round(minutes * 60 * arguments.fps)
            loop(clip, video, count, arguments.fps)
            command = [sys.executable, "-c", CHILD, "extract", str(video), "-o", f"{folder}/out", "-q"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            last = done.stdout.strip().splitlines()[-1].split()
            if last[0] != "PEAK":
                raise SystemExit(done.stderr)
            row = {
                "minutes": minutes,
                "frames": count,
                "exit": last[1],
                "peak_mb": round(int(last[2]) / 1024),
            }
            rows.append(row)
            print(row, flush=True)
    ratio = rows[-1]["peak_mb"] / rows[0]["peak_mb"]
    print(f"{rows[-1]['minutes']:g} minutes against {rows[0]['minutes']:g}: {ratio:.2f} times the memory")
    target = Path(__file__).parent / "results" / "memory.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"fps": arguments.fps, "rows": rows, "ratio": ratio}, indent=1) + "\n")


def loop(clip: Path, target: Path, count: int, fps: float) -> None:
    """Every third frame of the clip at half its size, over and over."""
    done = 0
    with VideoWriter(target, fps, 884, 496) as writer:
        while done < count:
            with open_video(clip) as reader:
                for frame in reader:
                    if frame.index % 3 or done >= count:
                        continue
                    writer.write(cv2.resize(frame.image, (884, 497), interpolation=cv2.INTER_AREA))
                    done += 1


if __name__ == "__main__":
    main()
