"""Where the time of `meshgait extract` goes: a sampled profile, by stage and by our own function.

    pip install py-spy && python benchmarks/hotspots.py [--effort balanced] [--backend auto]

Extracts the demo's clip once so that the compiled forms are there, then again under py-spy, which looks at
every busy thread 200 times a second. A sample belongs to the innermost function of ours in its stack, and to
the library that was at work under it. Prints the share of each, and writes benchmarks/results/hotspots.json
and, for https://www.speedscope.app, --out.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from meshgait_cli.assets import fetch

RATE = 200
LEAST = 0.005  # shares below it are not told
FRAME = re.compile(r"^(?P<name>.+) \((?P<file>.+?)(?::\d+)?\)$")
STAGES = {
    "video/": "decode",
    "people/detect": "detect",
    "people/yolo": "detect",
    "people/zoom": "detect",
    "people/segment": "segment",
    "people/silhouette": "normalise",
    "people/track": "track",
    "people/link": "link",
    "people/": "observe",
    "network/": "embed",
    "backends/": "compile",
    "results/": "write",
}


def owner(stack: list[str]) -> tuple[str, str, str]:
    """Stage, our function and the library at work under it, of a stack from the outermost frame on."""
    stage, ours, library = "start and end", "(import, exit)", "Python"
    for frame in stack:
        found = FRAME.match(frame)
        if found is None:
            continue
        name, file = found["name"], found["file"].replace("\\", "/")
        if "meshgait_cli/" in file:
            inside = file.split("meshgait_cli/")[-1]
            if not inside.startswith("backends/") or stage == "start and end":
                ours = f"{inside.removesuffix('.py')}: {name}"
                stage = next((said for key, said in STAGES.items() if inside.startswith(key)), stage)
            library = "Python"
        else:
            # Files are told from their place in the path on: packages have a folder, Python's own none.
            package, folder, _ = file.split("site-packages/")[-1].partition("/")
            library = package if folder else "Python"
    return stage, ours, library


def shares(counts: Counter[str]) -> dict[str, float]:
    whole = sum(counts.values())
    return {name: round(count / whole, 3) for name, count in counts.most_common() if count / whole >= LEAST}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", default="balanced")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--out", type=Path, help="keep the profile (speedscope's JSON)")
    arguments = parser.parse_args()
    clip = fetch("park.mp4")
    extract = [sys.executable, "-m", "meshgait_cli", "extract", str(clip), "--force", "-q"]
    extract += ["--effort", arguments.effort, "--backend", arguments.backend]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        extract += ["-o", str(folder / "out")]
        subprocess.run(extract, check=True, capture_output=True)
        kinds = {"raw": folder / "raw"} | ({"speedscope": arguments.out} if arguments.out else {})
        for kind, target in kinds.items():
            spy = ["py-spy", "record", "-r", str(RATE), "-f", kind, "-o", str(target), "--"]
            subprocess.run([*spy, *extract], check=True, capture_output=True)
        lines = kinds["raw"].read_text().splitlines()
    stages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        stage, ours, library = owner(stack.split(";"))
        stages[stage] += int(count)
        functions[f"{ours} ({library})"] += int(count)
    report = {
        "effort": arguments.effort,
        "samples": sum(stages.values()),
        "stages": shares(stages),
        "functions": shares(functions),
    }
    for title in ("stages", "functions"):
        print(title)
        for what, share in report[title].items():
            print(f"  {share:6.1%}  {what}")
    target = Path(__file__).parent / "results" / "hotspots.json"
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
