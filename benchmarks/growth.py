"""How the cost grows with people, length and resolution: the exponent of each, fitted.

    python benchmarks/growth.py [--device cuda] [--frames 48] [--rounds 3] [--quick]

The demo's walker is cut out of her clip with a strip of park around her, and pasted side by side, each copy
in step with nobody else, onto a grey ground; so that only the number changes, or only the length, or only the
size of the picture (the walker grows with it). Each film goes through the whole extraction by default
settings, every frame of it, films in turn, medians. An exponent is the slope of log seconds over log size: 1
is proportional, 0 is for free; over people it is taken against those who were followed. Writes
benchmarks/results/growth.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from meshgait_cli.assets import fetch
from meshgait_cli.demo import CLIP
from meshgait_cli.pipeline import Extractor, ExtractSettings
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter

PEOPLE = (1, 5, 20)
LENGTHS = (1, 2, 4)  # times as many frames
HEIGHTS = (360, 720, 1080, 2160)
FIRST, LAST = 60, 190  # the walker is in these frames of the clip
STRIP, TALL, COLUMNS = (170, 420), 330, 10  # a pasted strip, its walker, in pixels of 1080; strips in a row
STAGES = ("decode", "detect", "track", "segment", "link", "embed", "write")


def strips(clip: Path, extractor: Extractor) -> list[np.ndarray]:
    """The walker, frame after frame, each in a picture of STRIP's size."""
    found = []
    middle = None
    with open_video(clip) as reader:
        for frame in reader:
            if not FIRST <= frame.index < LAST:
                continue
            (people,) = extractor.detector.detect([frame.image], 640)
            boxes = [person.box for person in people if person.score > 0.4]
            if middle is not None:
                boxes = [box for box in boxes if abs((box[0] + box[2]) / 2 - middle) < 60]
            if not boxes:
                continue
            # She stands lower in the picture than the man on the wall.
            box = max(boxes, key=lambda box: float(box[3]))
            middle = float(box[0] + box[2]) / 2
            side = float(box[3] - box[1]) / TALL
            width, height = (round(each * side) for each in STRIP)
            left, top = round(middle - width / 2), round(float(box[1] + box[3] - height) / 2)
            padded = cv2.copyMakeBorder(frame.image, height, height, width, width, cv2.BORDER_REPLICATE)
            cut = padded[top + height : top + 2 * height, left + width : left + 2 * width]
            found.append(cv2.resize(cut, STRIP, interpolation=cv2.INTER_AREA))
    return found


def film(target: Path, walker: list[np.ndarray], people: int, frames: int, height: int) -> Path:
    """A film of 16:9 with so many of her; 15 frames a second, of which the default effort looks at each."""
    width = height * 16 // 9 // 2 * 2
    across, tall = STRIP
    gap = (1920 - COLUMNS * across) // (COLUMNS + 1)
    with VideoWriter(target, 15.0, width, height) as writer:
        for number in range(frames):
            scene = np.full((1080, 1920, 3), 116, np.uint8)
            for index in range(people):
                row, column = divmod(index, COLUMNS)
                # One alone stands in the middle.
                x = (1920 - across) // 2 if people == 1 else gap + column * (across + gap)
                y = 100 + row * (tall + 60)
                # To and fro, and each at another point of it: films may be longer than she is seen.
                at = (number + index * 7) % (2 * len(walker) - 2)
                picture = walker[at if at < len(walker) else 2 * len(walker) - 2 - at]
                scene[y : y + tall, x : x + across] = picture
            if height != 1080:
                shrink = height < 1080
                scene = cv2.resize(
                    scene, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC
                )
            writer.write(scene)
    return target


def exponent(sizes: list[float], seconds: list[float]) -> float | None:
    """Slope of log seconds over log size; None where there is nothing to fit."""
    pairs = [(s, t) for s, t in zip(sizes, seconds, strict=True) if s > 0 and t > 0]
    if len({s for s, _ in pairs}) < 2:
        return None
    x, y = np.log(np.array(pairs)).T
    return round(float(np.polyfit(x, y, 1)[0]), 3)


def measure(films: dict[float, Path], extractor: Extractor, rounds: int, folder: Path) -> list[dict]:
    rows: dict[float, list[dict[str, float]]] = {size: [] for size in films}
    seen: dict[float, float] = {}
    frames: dict[float, int] = {}
    for number in range(rounds):
        for size, path in films.items():
            started = perf_counter()
            result = extractor.extract(path, folder / str(number), force=True).result
            taken = perf_counter() - started
            rows[size].append({**result.manifest.seconds, "all": taken})
            frames[size] = result.manifest.video.frames
            looked = sum(t.frames for t in result.tracks) + sum(t.frames for t in result.manifest.dropped)
            seen[size] = round(looked / frames[size], 2)
    return [
        {
            "size": size,
            "frames": frames[size],
            "people_followed": seen[size],
            "seconds": {
                stage: round(median(run.get(stage, 0.0) for run in runs), 3) for stage in (*STAGES, "all")
            },
        }
        for size, runs in rows.items()
    ]


def fitted(axis: str, rows: list[dict]) -> dict:
    by = "people_followed" if axis == "people" else "size"
    sizes = [float(row[by]) for row in rows]
    found = {stage: exponent(sizes, [row["seconds"][stage] for row in rows]) for stage in (*STAGES, "all")}
    print(f"{axis}:")
    for row in rows:
        shown = ", ".join(f"{stage} {row['seconds'][stage]:.2f}" for stage in ("detect", "segment", "all"))
        print(
            f"  {row['size']:>8g}: {row['people_followed']:g} people followed, "
            f"{row['frames']} frames; seconds: {shown}"
        )
    print("  exponents: " + ", ".join(f"{stage} {value}" for stage, value in found.items()), flush=True)
    return {"rows": rows, "exponents": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="eight frames, one round, the smallest sizes")
    chosen = parser.parse_args()
    frames, rounds = (8, 1) if chosen.quick else (chosen.frames, chosen.rounds)
    people, lengths, heights = PEOPLE, LENGTHS, HEIGHTS
    if chosen.quick:
        people, lengths, heights = people[::2], lengths[:2], heights[:2]
    extractor = Extractor(ExtractSettings(min_track_s=0.0), device=chosen.device)
    report: dict = {
        "frames": frames, "rounds": rounds, "device": str(extractor.device), "cores": os.cpu_count(),
        "computed": {model.role: model.computed for model in extractor.models()},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        walker = strips(fetch(CLIP), extractor)
        if chosen.quick:
            walker = walker[:16]
        axes = {
            "people": {n: film(folder / f"people{n}.mp4", walker, n, frames, 1080) for n in people},
            "length": {
                n * frames: film(folder / f"length{n}.mp4", walker, 1, n * frames, 720) for n in lengths
            },
            "resolution": {
                h * (h * 16 // 9): film(folder / f"{h}.mp4", walker, 1, frames, h) for h in heights
            },
        }
        extractor.extract(axes["people"][people[-1]], folder / "warm")  # what is made once is made here
        for axis, films in axes.items():
            report[axis] = fitted(axis, measure(films, extractor, rounds, folder))
    rows = report["people"]["rows"]
    each = [(row["people_followed"], row["seconds"]["all"] / row["frames"] * 1e3) for row in rows]
    slope, rest = np.polyfit(*np.array(each).T, 1)
    report["ms_a_frame"] = {"for each person": round(float(slope), 1), "besides": round(float(rest), 1)}
    print(f"a frame costs {rest:.1f} ms and {slope:.1f} ms a person")
    target = Path(__file__).parent / "results" / "growth.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
