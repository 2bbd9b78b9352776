"""Stick figures that walk, stand, wave and jump in front of a camera, for the tests of quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import pytest

from meshgait_cli.people.quality import TrackAssessment, track_quality
from meshgait_cli.people.silhouette import normalise

HIP, THIGH, SHANK, SHOULDER, HEAD = 0.93, 0.45, 0.45, 1.45, 1.66  # metres above the ground
EYE = 1.4  # metres: the camera
WIDTH_PX, FOCAL_PX = 1280, 1000.0


@dataclass
class StickTrack:
    """What the pipeline knows of a track; the arguments of `track_quality`."""

    frames: np.ndarray
    times: np.ndarray
    boxes: np.ndarray
    keypoints: np.ndarray
    silhouettes: np.ndarray
    valid: np.ndarray
    cut: np.ndarray
    complete: np.ndarray
    overlap: np.ndarray

    def assess(self) -> TrackAssessment:
        return track_quality(**{f.name: getattr(self, f.name) for f in fields(self)})

    def without_keypoints(self) -> StickTrack:
        return replace(self, keypoints=np.full_like(self.keypoints, np.nan))

    def without_silhouettes(self) -> StickTrack:
        """Legs are then told from keypoints alone; the frames still count as seen."""
        return replace(self, silhouettes=np.full_like(self.silhouettes, 255))

    def copy(self) -> StickTrack:
        return StickTrack(**{f.name: getattr(self, f.name).copy() for f in fields(self)})

    def part(self, keep: np.ndarray | slice) -> StickTrack:
        return StickTrack(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    def then(self, other: StickTrack) -> StickTrack:
        """This track, and at once the other one, from where this one ends."""
        step = float(np.median(np.diff(self.times)))
        shift = self.boxes[-1, :2] - other.boxes[0, :2]
        boxes = other.boxes + np.tile(shift, 2)
        keypoints = other.keypoints.copy()
        keypoints[:, :, :2] += shift
        later = replace(
            other,
            frames=other.frames + self.frames[-1] + 1,
            times=other.times + self.times[-1] + step,
            boxes=boxes.astype(np.float32),
            keypoints=keypoints,
        )
        pairs = [(getattr(self, f.name), getattr(later, f.name)) for f in fields(self)]
        return StickTrack(*(np.concatenate(pair) for pair in pairs))


def _pose(act: str, phase: float) -> dict[str, np.ndarray]:
    """Joints in metres: x to the person's left, y up, z forward. phase: radians of the gait cycle."""
    joints: dict[str, np.ndarray] = {"head": np.array([0.0, HEAD, 0.0])}
    for side, sign, turn in (("left", 1, 0.0), ("right", -1, np.pi)):
        walks = act == "walk"
        hip = np.radians(25) * np.sin(phase + turn) if walks else 0.0
        knee = np.radians(6 + 50 * max(0.0, np.cos(phase + turn))) if walks else 0.0
        spread = np.radians(17) * (1 - np.cos(phase)) if act == "jump" else 0.0
        arm = np.radians(-20) * np.sin(phase + turn) if walks else 0.0
        lift = {"jump": np.pi / 2 * (1 - np.cos(phase)), "wave": 2.4 + 0.5 * np.sin(3 * phase)}.get(act, 0.1)
        at = np.array([0.09 * sign, HIP, 0.0])
        joints[f"{side} hip"] = at
        down = np.array([np.sin(spread) * sign, -np.cos(spread), 0.0])
        for name, length, angle in (("knee", THIGH, hip), ("ankle", SHANK, hip - knee)):
            at = at + length * np.array([down[0], down[1] * np.cos(angle), np.sin(angle)])
            joints[f"{side} {name}"] = at
        at = np.array([0.19 * sign, SHOULDER, 0.0])
        joints[f"{side} shoulder"] = at
        for name in ("elbow", "wrist"):
            at = at + 0.27 * np.array([np.sin(lift) * sign, -np.cos(lift) * np.cos(arm), np.sin(arm)])
            joints[f"{side} {name}"] = at
    ground = min(joints["left ankle"][1], joints["right ankle"][1]) - 0.08
    return {name: at - [0, ground, 0] for name, at in joints.items()}


NAMES = ["head"] * 5 + [
    f"{side} {part}"
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
BONES = [
    ("head", "neck", 0.09),
    ("neck", "pelvis", 0.15),
    *((f"{s} shoulder", f"{s} elbow", 0.05) for s in ("left", "right")),
    *((f"{s} elbow", f"{s} wrist", 0.04) for s in ("left", "right")),
    *((f"{s} hip", f"{s} knee", 0.075) for s in ("left", "right")),
    *((f"{s} knee", f"{s} ankle", 0.055) for s in ("left", "right")),
]


def make_walker(
    act: str = "walk",
    *,
    view: float = 0.0,
    fps: float = 25.0,
    seconds: float = 5.0,
    distance: float = 9.0,
    stride_hz: float = 0.9,
    speed: float = 1.3,
    noise: float = 0.005,
    seed: int = 0,
) -> StickTrack:
    """act: walk, stand, wave, jump. view: degrees, 0 side-on, 90 towards the camera. distance: metres.
    speed: metres a second. noise: of boxes and keypoints, in body heights."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * fps)) / fps
    turn = np.radians(90 - view)  # 0: faces the camera
    forward = np.array([np.sin(turn), 0.0, -np.cos(turn)])
    left = np.array([np.cos(turn), 0.0, np.sin(turn)])
    boxes, keypoints, silhouettes = [], [], []
    for t in times:
        pose = _pose(act, 2 * np.pi * stride_hz * t)
        pose["neck"] = (pose["left shoulder"] + pose["right shoulder"]) / 2 + [0, 0.03, 0]
        pose["pelvis"] = (pose["left hip"] + pose["right hip"]) / 2
        walked = forward * speed * (t - seconds / 2) * (act == "walk")
        world = {n: walked + left * p[0] + [0, p[1], 0] + forward * p[2] for n, p in pose.items()}
        depth = {n: distance + p[2] for n, p in world.items()}
        flat = {
            n: np.array([WIDTH_PX / 2 + FOCAL_PX * p[0] / depth[n], 360 + FOCAL_PX * (EYE - p[1]) / depth[n]])
            for n, p in world.items()
        }
        per_metre = FOCAL_PX / depth["pelvis"]
        points = np.array([flat[n] for n in NAMES])
        low = points.min(axis=0) - per_metre * np.array([0.1, 0.12])
        high = points.max(axis=0) + per_metre * np.array([0.1, 0.08])
        height = high[1] - low[1]
        box = np.concatenate([low, high]) + rng.normal(0, noise * height, 4)
        seen = points + rng.normal(0, noise * height, points.shape)
        boxes.append(box)
        keypoints.append(np.column_stack([seen, np.full(17, 0.9)]))
        silhouettes.append(_draw(flat, low, height))
    count = len(times)
    return StickTrack(
        frames=np.arange(count),
        times=times,
        boxes=np.array(boxes, dtype=np.float32),
        keypoints=np.array(keypoints, dtype=np.float32),
        silhouettes=np.array(silhouettes),
        valid=np.ones(count, dtype=bool),
        cut=np.zeros(count, dtype=bool),
        complete=np.ones(count, dtype=bool),
        overlap=np.zeros(count, dtype=np.float32),
    )


def _draw(flat: dict[str, np.ndarray], low: np.ndarray, height: float) -> np.ndarray:
    canvas = np.zeros((160, 200), dtype=np.uint8)
    zoom = 140 / height

    def at(name: str) -> tuple[int, int]:
        x, y = (flat[name] - low) * zoom + [40, 10]
        return round(float(x)), round(float(y))

    for first, second, radius in BONES:
        cv2.line(canvas, at(first), at(second), 255, max(1, round(2 * radius / 1.85 * 140)))
    cv2.circle(canvas, at("head"), round(0.1 / 1.85 * 140), 255, -1)
    found = normalise(canvas)
    assert found is not None
    return found.silhouette


@pytest.fixture(scope="session")
def walker() -> Callable[..., Any]:
    """`walker(act, view=…, fps=…)` makes a StickTrack; each is made once."""
    made: dict[Any, StickTrack] = {}

    def make(act: str = "walk", **options: Any) -> StickTrack:
        key = (act, *sorted(options.items()))
        if key not in made:
            made[key] = make_walker(act, **options)
        return made[key]

    return make
