"""How fast walkers are drawn, and how still their feet stand.

    python benchmarks/synth.py [--workers 2] [--people 40]

Draws a dataset with one process and with several (three times each, one after the other; medians), by the
clock and, with one process, by the processor's time, which other work on the machine changes less; and
measures the slip of the standing feet of fifty people with planted feet and without. Writes
benchmarks/results/synth.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from meshgait_cli.synth import feet
from meshgait_cli.synth.dataset import make_dataset
from meshgait_cli.synth.motion import sample_mood
from meshgait_cli.synth.plan import SynthSettings
from meshgait_cli.synth.walkers import make_identity

ROUNDS = 3
PEOPLE = 50


def rate(people: int, workers: int, layout: str) -> tuple[float, float]:
    """Silhouettes a second, and a second of this process."""
    with tempfile.TemporaryDirectory() as folder:
        started, own = perf_counter(), process_time()
        made = make_dataset(Path(folder) / "set", people, SynthSettings(format=layout), workers=workers)
        return made.silhouettes / (perf_counter() - started), made.silhouettes / (process_time() - own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--people", type=int, default=40)
    chosen = parser.parse_args()
    report: dict[str, float] = {}
    for layout in ("opengait", "arrays"):
        kinds = sorted({1, chosen.workers})
        rates: dict[int, list[tuple[float, float]]] = {workers: [] for workers in kinds}
        for _ in range(ROUNDS):
            for workers in kinds:
                rates[workers].append(rate(chosen.people, workers, layout))
        for workers in kinds:
            name = f"{layout}, {workers} process(es): silhouettes/s"
            report[name] = round(median(by_clock for by_clock, _ in rates[workers]), 1)
            print(f"{name}: {report[name]}", flush=True)
        name = f"{layout}, one process: silhouettes/s of the processor"
        report[name] = round(median(own for _, own in rates[1]), 1)
        print(f"{name}: {report[name]}", flush=True)
    for planted in (False, True):
        walks = []
        for number in range(PEOPLE):
            person, mood = make_identity(3, number), sample_mood(np.random.default_rng(number))
            walks.append(feet.walk(person.style, person.betas, mood, planted=planted))
        name = "planted" if planted else "not planted"
        figures = {
            "slip a step, cm (median)": median(walk.slip_cm for walk in walks),
            "deepest sink, cm": max(walk.sink_cm for walk in walks),
            "share of the swing that drags (median)": median(walk.drag for walk in walks),
        }
        for what, value in figures.items():
            report[f"{name}: {what}"] = round(value, 3)
            print(f"{name}: {what} {value:.3f}", flush=True)
    path = Path(__file__).parent / "results" / "synth.json"
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
