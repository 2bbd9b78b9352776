"""How the gait model's joint angles compare with the published norm of walking adults.

    python benchmarks/normative.py [--people 300]

Sagittal angles of hip (thigh to the vertical), knee and ankle of generated people through a cycle that begins
where the ankle is foremost, just before the heel strikes. The norm is that of able adults at their own pace,
as textbooks print it (Perry and Burnfield, Gait Analysis: Normal and Pathological Function, 2nd ed., 2010),
rounded to what sources agree on; how far knees stretch was set by it. Medians with the 5th and 95th
percentile of people. Writes benchmarks/results/normative.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from meshgait_cli.body import open_body
from meshgait_cli.body.model import ShapedBody
from meshgait_cli.synth import motion

SAMPLES = 100  # of a cycle: percents
Array = NDArray[np.float64]
NORM = {  # degrees, and percent of the cycle
    "hip, range": (38, 44),
    "hip, furthest back": (-20, -10),
    "hip, furthest back at %": (48, 55),
    "knee, peak in swing": (58, 65),
    "knee, peak in swing at %": (70, 75),
    "knee, peak of the loaded leg": (15, 20),
    "knee, least in stance": (2, 8),
    "ankle, range": (25, 32),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=300)
    people = parser.parse_args().people
    rng, body = np.random.default_rng(0), open_body.load().proxy().shape(None)
    found = [measures(leg) for _ in range(people) for leg in legs(motion.sample_style(rng), body)]
    report: dict[str, dict[str, list[float]]] = {}
    for name, norm in NORM.items():
        middle, low, high = np.percentile([one[name] for one in found], [50, 5, 95]).round(1).tolist()
        report[name] = {"generated": [middle, low, high], "norm": list(norm)}
        print(f"| {name} | {middle:.0f} ({low:.0f} to {high:.0f}) | {norm[0]} to {norm[1]} |")
    path = Path(__file__).parent / "results" / "normative.json"
    path.write_text(json.dumps({"people": people, "degrees": report}, indent=1) + "\n")


def legs(style: motion.GaitStyle, body: ShapedBody) -> list[tuple[Array, Array, Array]]:
    """Hip, knee and ankle of either leg, degrees; bent is positive. The ankle's zero is its own mean."""
    rotations, _ = motion.cycle(style, np.linspace(0, 2 * np.pi, SAMPLES, endpoint=False))
    joints = body.pose(torch.from_numpy(rotations).float()).joints.double().numpy()
    found = []
    for hip, knee, ankle, toes in motion.LEGS:
        start = -int(joints[:, ankle, 2].argmax())
        thigh, shank = (
            _forward(joints[:, b] - joints[:, a], down=True) for a, b in ((hip, knee), (knee, ankle))
        )
        foot = _forward(joints[:, toes] - joints[:, ankle], down=False)
        bent = foot - shank
        curves = (np.roll(each, start) for each in (thigh, thigh - shank, bent - bent.mean()))
        found.append(tuple(curves))
    return found


def _forward(bone: Array, down: bool) -> Array:
    """Degrees by which a bone that hangs, or lies ahead, is turned towards the front and up."""
    ahead, up = bone[:, 2], bone[:, 1]
    return np.degrees(np.arctan2(ahead, -up) if down else np.arctan2(up, ahead))


def measures(leg: tuple[Array, Array, Array]) -> dict[str, float]:
    hip, knee, ankle = leg
    return {
        "hip, range": float(np.ptp(hip)),
        "hip, furthest back": float(hip.min()),
        "hip, furthest back at %": float(hip.argmin()),
        "knee, peak in swing": float(knee[55:].max()),
        "knee, peak in swing at %": 55 + float(knee[55:].argmax()),
        "knee, peak of the loaded leg": float(knee[5:25].max()),
        "knee, least in stance": float(knee[25:50].min()),
        "ankle, range": float(np.ptp(ankle)),
    }


if __name__ == "__main__":
    main()
