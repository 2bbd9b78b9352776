"""Fit the statistical gait model in `data/gait.npz` from walking motion capture.

    python -m meshgait_cli.synth.fit_motion --mocap FOLDER

FOLDER holds `cmu_walk_smpl24_60hz.npz` (per take `<take>/rotvec` T×24×3 and `<take>/root` T×3, 60 Hz, y up,
+z forward at rest) and `cmu_walk_index.json` (per take subject, speed m/s, straightness, leg length m).
The takes come from the CMU Graphics Lab motion capture database, mocap.cs.cmu.edu, created with funding
from NSF EIA-0196217. What is written is derived statistics only: a mean cycle, principal components and
their spreads, as Fourier coefficients. No take, no score of a take and no subject can be read back.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..body.model import PARENTS
from ..body.reflection import JOINT_MIRROR
from ..ending import plainly
from .motion import CHANNELS, DATA_FILE, HARMONICS

__all__ = ["RATE", "cycles_of", "fit", "fourier", "main", "mirrored"]

RATE = 60  # Hz
SAMPLES = 64  # per cycle
COMPONENTS = 24
Array = NDArray[np.float64]


def _smooth(values: Array, width: int = 7) -> Array:
    return np.convolve(np.pad(values, width // 2, "edge"), np.ones(width) / width, "valid")


def _joints(rotvec: Array, rest: Array) -> Array:
    """T×24×3 joint positions relative to the pelvis."""
    frames = len(rotvec)
    local = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(frames, 24, 3, 3)
    turned, placed = np.zeros_like(local), np.zeros((frames, 24, 3))
    turned[:, 0] = local[:, 0]
    for joint in range(1, 24):
        parent = PARENTS[joint]
        turned[:, joint] = turned[:, parent] @ local[:, joint]
        placed[:, joint] = placed[:, parent] + turned[:, parent] @ (rest[joint] - rest[parent])
    return placed


def _resample(values: Array, start: int, end: int) -> Array:
    """SAMPLES×C: one cycle, its drift from start to end taken out so that it closes."""
    at = np.linspace(start, end, SAMPLES + 1)
    grid = np.arange(len(values))
    out = np.stack([np.interp(at, grid, channel) for channel in values.T], axis=1)
    return (out - np.linspace(0, 1, SAMPLES + 1)[:, None] * (out[-1] - out[0]))[:SAMPLES]


def cycles_of(rotvec: Array, root: Array, rest: Array, leg: float) -> list[tuple[Array, float, float]]:
    """The full cycles of one straight take: (SAMPLES×CHANNELS, period s, speed in legs per second).

    A cycle begins when the left ankle passes the right one going forward. Heading is turned to +z.
    """
    frames = len(rotvec)
    way = root[-1] - root[0]
    way[1] = 0
    way /= np.linalg.norm(way)
    to_z = Rotation.from_rotvec([0, -np.arctan2(way[0], way[2]), 0])
    placed = _joints(rotvec, rest)
    lead = _smooth((placed[:, 7] - placed[:, 8]) @ way)
    lead -= lead.mean()
    passes = [i for i in range(1, frames) if lead[i - 1] < 0 <= lead[i]]
    local = rotvec.copy()
    local[:, 0] = (to_z * Rotation.from_rotvec(rotvec[:, 0])).as_rotvec()
    path = to_z.apply(root) / leg
    found = []
    for start, end in pairwise(passes):
        if not 40 <= end - start <= 110:
            continue
        angles = _resample(local.reshape(frames, 72), start, end)
        if np.abs(angles[:, 1:3]).max() > 2.5:  # wrapped round
            continue
        sway = _resample(path[:, :2], start, end)
        period = (end - start) / RATE
        speed = float(path[end, 2] - path[start, 2]) / period
        found.append((np.concatenate([angles, sway - sway.mean(0)], axis=1), period, speed))
    return found


def mirrored(cycle: Array) -> Array:
    """The same walk seen in a mirror, half a cycle on, so that the left foot leads again."""
    angles = cycle[:, :72].reshape(-1, 24, 3)[:, list(JOINT_MIRROR)] * [1, -1, -1]
    sway = cycle[:, 72:] * [-1, 1]
    return np.roll(np.concatenate([angles.reshape(-1, 72), sway], axis=1), SAMPLES // 2, axis=0)


def fourier(cycle: Array) -> Array:
    """(1 + 2·HARMONICS)×CHANNELS: mean, then cosine and sine of each harmonic."""
    spectrum = np.fft.rfft(cycle, axis=0) / SAMPLES
    rows = [spectrum[0].real]
    for k in range(1, HARMONICS + 1):
        rows += [2 * spectrum[k].real, -2 * spectrum[k].imag]
    return np.stack(rows)


def fit(mocap: Path, rest: Array) -> dict[str, Any]:
    """The arrays of `gait.npz`; see `motion.GaitModel`."""
    index = json.loads((mocap / "cmu_walk_index.json").read_text())
    data = np.load(mocap / "cmu_walk_smpl24_60hz.npz")
    rows, subjects, periods, speeds = [], [], [], []
    for take, about in index.items():
        rotvec, root = (np.asarray(data[f"{take}/{name}"], dtype=np.float64) for name in ("rotvec", "root"))
        if about["straight"] < 0.9 or len(rotvec) < 70:
            continue
        for cycle, period, pace in cycles_of(rotvec, root, rest, about["leg_m"]):
            for mirror, view in enumerate((cycle, mirrored(cycle))):
                rows.append(fourier(view).ravel())
                subjects.append(2 * about["subject"] + mirror)  # a mirrored person is another person
                periods.append(period)
                speeds.append(pace)
    values, who = np.array(rows), np.array(subjects)
    speed, cadence = np.array(speeds), 1 / np.array(periods)
    weight = np.array([1 / np.sum(who == s) for s in who])  # every subject counts once
    weight /= weight.sum()
    mean = weight @ values
    mean_speed = float(weight @ speed)
    mean_cadence = float(weight @ cadence)
    # How the cycle changes with speed, from differences within a subject alone.
    centred, fast, quick = values.copy(), speed.copy(), cadence.copy()
    for s in np.unique(who):
        own = who == s
        centred[own] -= values[own].mean(0)
        fast[own] -= speed[own].mean()
        quick[own] -= cadence[own].mean()
    by_speed = (weight * fast) @ centred / (weight @ fast**2)
    cadence_by_speed = float((weight * fast) @ quick / (weight @ fast**2))
    rest_of = values - mean - np.outer(speed - mean_speed, by_speed)
    _, _, components = np.linalg.svd(rest_of * np.sqrt(weight)[:, None], full_matrices=False)
    components = components[:COMPONENTS]
    scores = rest_of @ components.T
    means = {s: scores[who == s].mean(0) for s in np.unique(who)}
    within = np.sqrt(
        sum(w * (score - means[s]) ** 2 for w, score, s in zip(weight, scores, who, strict=True))
    )
    between = np.sqrt(np.maximum(weight @ scores**2 - within**2, 0))
    left_cadence = cadence - mean_cadence - cadence_by_speed * (speed - mean_speed)
    shape = (1 + 2 * HARMONICS, CHANNELS)
    return {
        "mean": mean.reshape(shape).astype(np.float32),
        "by_speed": by_speed.reshape(shape).astype(np.float32),
        "components": components.reshape(-1, *shape).astype(np.float16),
        "between": between.astype(np.float32),
        "within": within.astype(np.float32),
        "speed": np.array([mean_speed, np.sqrt(weight @ (speed - mean_speed) ** 2)], np.float32),
        "cadence": np.array([mean_cadence, cadence_by_speed, np.sqrt(weight @ left_cadence**2)], np.float32),
        "acknowledgement": np.array(
            "Derived statistics of walking. The data used in this project was obtained from "
            "mocap.cs.cmu.edu. The database was created with funding from NSF EIA-0196217."
        ),
        "counts": np.array([len(np.unique(who)) // 2, len(values) // 2], np.int32),  # subjects, cycles
    }


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the gait model from motion capture.")
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the retargeted takes")
    parser.add_argument("--out", type=Path, default=DATA_FILE)
    chosen = parser.parse_args()
    from ..body import open_body

    arrays = fit(chosen.mocap, open_body.load().rest_joints.double().numpy())
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(chosen.out, **arrays)
    subjects, cycles = arrays["counts"]
    print(f"{chosen.out}: {subjects} subjects, {cycles} cycles, {chosen.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
