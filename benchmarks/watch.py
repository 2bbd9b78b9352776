"""`meshgait watch` for some minutes: frames a second, seconds from a frame to the event it led to, memory.

    python benchmarks/watch.py [--minutes 5] [-- further options of `meshgait watch`]

Plays the demo's clip (two people in view, at 1280×720 and 30 frames a second) over and over as if it were a
camera, asks who they are among 21 people, and writes benchmarks/results/watch.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import av
import cv2

from meshgait_cli import demo
from meshgait_cli.assets import fetch
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    arguments, further = parser.parse_known_args()
    further = [each for each in further if each != "--"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extractor = demo.default_extractor("auto")
        result = demo.extract_clip(extractor, folder / "results")
        sequence = result.silhouettes(demo.main_walker(result), good_only=True)
        gallery, _ = demo.write_halves(sequence, folder)
        del extractor
        once, camera = folder / "once.mp4", folder / "camera.mkv"
        with open_video(fetch(demo.CLIP)) as reader, VideoWriter(once, 30, 1280, 720) as writer:
            for frame in reader:
                writer.write(cv2.resize(frame.image, (1280, 720), interpolation=cv2.INTER_AREA))
        repeat(once, camera, round(arguments.minutes * 60 / 7.6) + 4)
        found = watch(camera, gallery, arguments.minutes * 60, further)
    for key, value in found.items():
        print(f"{key:>22}  {value}")
    target = Path(__file__).parent / "results" / "watch.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n")


def repeat(clip: Path, target: Path, times: int) -> None:
    """The same video, so often, without encoding it again."""
    with av.open(str(target), "w") as out:
        stream, offset = None, 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                pictures = source.streams.video[0]
                stream = stream or out.add_stream_from_template(pictures)
                stamps = []
                for packet in source.demux(pictures):
                    if packet.dts is None:
                        continue
                    stamps += [packet.dts, packet.dts + packet.duration]
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    out.mux(packet)
                offset += max(stamps) - min(stamps)


def watch(video: Path, gallery: Path, seconds: float, further: list[str]) -> dict[str, Any]:
    command = [
        *(sys.executable, "-m", "meshgait_cli", "watch", str(video), "-g", str(gallery)),
        *("--seconds", str(seconds), "--log", str(gallery.parent / "log.jsonl"), "--json", "--quiet"),
        *further,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # ended early, what there is is measured
        signal.signal(number, lambda *_: process.terminate())
    events: list[dict[str, Any]] = []
    began: list[float] = []

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "started":
                began.append(monotonic())

    thread = threading.Thread(target=listen)
    thread.start()
    memory: list[tuple[float, float]] = []
    while process.poll() is None:
        if began:
            memory.append((monotonic() - began[0], resident_mb(process.pid)))
            if len(memory) % 60 == 0:
                print(f"{memory[-1][0]:.0f} s, {memory[-1][1]:.0f} MB", flush=True)
        sleep(1.0)
    thread.join()
    return summary(events, memory, process.returncode)


def resident_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def summary(events: list[dict[str, Any]], memory: list[tuple[float, float]], code: int) -> dict[str, Any]:
    def of(kind: str) -> list[dict[str, Any]]:
        return [each for each in events if each["event"] == kind]

    (stopped,) = of("stopped")
    delays = [each["latency_s"] for each in of("answer")]
    accepted = [each for each in of("left") if each["identity"]]
    minutes = [
        round(statistics.median(mb for at, mb in memory if minute * 60 <= at < minute * 60 + 60 and mb))
        for minute in range(int(memory[-1][0] // 60))
    ]
    watched, dropped = stopped["frames_watched"], stopped["frames_dropped"]
    return {
        "exit": code,
        "seconds": round(stopped["running_s"], 1),
        "fps_watched": round(watched / stopped["running_s"], 2),
        "frames_watched": watched,
        "frames_dropped": dropped,
        "latency_s_median": round(statistics.median(delays), 3) if delays else None,
        "latency_s_worst": round(max(delays), 3) if delays else None,
        "answers": len(delays),
        "walkers": stopped["walkers"],
        "left_accepted": len(accepted),
        "left_accepted_wrongly": sum(each["identity"] != demo.WALKER for each in accepted),
        "rss_mb_by_minute": minutes,
        "load_average": round(os.getloadavg()[0], 2),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }


if __name__ == "__main__":
    main()
