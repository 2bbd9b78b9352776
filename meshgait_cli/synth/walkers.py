"""Synthetic people, and sequences of their silhouettes with 3-D truth. Deterministic by seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..body import open_body
from ..body.model import BodyModel, ShapedBody
from ..body.rasteriser import Outline
from ..people.silhouette import normalise
from . import feet, motion
from .camera import Camera, sample_camera
from .clothes import Drape, Outfit, carry, inflate, normals_of
from .faults import Faults, sample_faults
from .motion import ARMS, GaitStyle, Mood
from .wardrobe import OUTFITS, sample_wardrobe

__all__ = ["Identity", "SyntheticSequence", "make_identity", "render_sequence"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """number: which person of `seed`. betas: 32 shape numbers. style: the walk. wardrobe: OUTFITS outfits."""

    seed: int
    number: int
    betas: Array
    style: GaitStyle
    wardrobe: tuple[Outfit, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticSequence:
    """One walk past one camera.

    silhouettes: T×64×64 uint8, normalised as the product does. joints T×24×3, markers T×64×3: of the body
    under the clothes, in silhouette units (x right and y down from the centre, one unit the silhouette's
    height, z away from the camera, from the pelvis). phases: T radians of the walking cycle. camera: the
    view. outfit: index in the wardrobe. severity: of the segmentation faults.

    mood: what set this walk apart. walk: how its feet meet the floor, where that was asked for. rotations:
    T×24×3 axis-angle, relative to the parent joint, which pose the body of the identity's betas. azimuths: T
    degrees. transform: T×3 (scale, left, top) from the picture, `canvas` (height, width) pixels large, to the
    silhouette, as in `records.SilhouetteSequence`.
    """

    silhouettes: NDArray[np.uint8]
    joints: NDArray[np.float32]
    markers: NDArray[np.float32]
    phases: Array
    camera: Camera
    fps: float
    outfit: int
    carrying: bool
    severity: str
    mood: Mood
    walk: feet.Walk | None
    rotations: NDArray[np.float32]
    azimuths: NDArray[np.float32]
    transform: NDArray[np.float32]
    canvas: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Mesh:
    """The low-polygon body and its markers as one skinned set of points: proxy vertices, then markers."""

    body: BodyModel
    template: Array
    shapedirs: Array
    weights: Array
    normals: Array
    faces: NDArray[np.integer]
    proxy: int
    outline: Outline


@lru_cache(maxsize=1)
def _mesh() -> _Mesh:
    body = open_body.load()
    low = body.proxy()
    assert body.proxy_vertices is not None
    kept = np.concatenate([body.proxy_vertices.long().numpy(), open_body.marker_vertices()])
    template = body.v_template.double().numpy()
    return _Mesh(
        body=low,
        template=template[kept],
        shapedirs=body.shapedirs.double().numpy()[kept],
        weights=body.weights.double().numpy()[kept],
        normals=normals_of(template, body.faces.long().numpy())[kept],
        faces=low.faces.long().numpy(),
        proxy=low.vertex_count,
        outline=Outline(low.faces),
    )


@lru_cache(maxsize=4)
def _at_rest(identity: Identity) -> tuple[Array, Array]:
    """The mesh's points and the 24 joints of somebody who stands unclothed, metres."""
    mesh = _mesh()
    rest = mesh.template + mesh.shapedirs @ identity.betas
    return rest, mesh.body.shape(identity.betas).rest_joints.double().numpy()


def make_identity(seed: int, number: int) -> Identity:
    """Person `number` of the population `seed`; always the same person."""
    rng = np.random.default_rng([seed, number, 0])
    # Wider than the shape model's own unit spread: its far ends are people too.
    betas = rng.normal(0, rng.choice([0.9, 1.15, 1.4], p=[0.4, 0.4, 0.2]), 32).clip(-3, 3)
    return Identity(seed, number, betas, motion.sample_style(rng), sample_wardrobe(rng))


def render_sequence(
    identity: Identity,
    rng: np.random.Generator,
    frames: int = 20,
    *,
    camera: Camera | None = None,
    severity: str | None = None,
    outfit: int | None = None,
    carrying: bool | None = None,
    fps: float | None = None,
    fault_rng: np.random.Generator | None = None,
    planted: bool | feet.Walk = False,
) -> SyntheticSequence:
    """One sequence of `frames` silhouettes, consecutive but where frames were dropped.

    What is not given is drawn from `rng`. outfit: index in the wardrobe. severity: of segmentation faults
    (`faults.SEVERITIES`). fault_rng: draws the faults, so that several cameras (each given) see one and the
    same walk of `rng`'s, each with its own faults. planted: bend the legs so that feet neither slide, sink
    nor drag (`feet.walk`); that of another camera on the same walk saves the time.
    """
    mood = motion.sample_mood(rng)
    style = identity.style
    if fps is None:
        fps = _sample_fps(rng)
    if outfit is None:
        outfit = 0 if rng.random() < 0.4 else int(rng.integers(1, OUTFITS))
    worn, busy = identity.wardrobe[outfit], -1
    if carrying is None:
        carrying = bool(rng.random() < 0.25)
    if carrying:
        worn, busy = carry(rng, worn)
    elif rng.random() < 0.12:
        busy = int(rng.integers(2))  # a hand in the pocket, a phone
    times = _seen(rng, frames) / fps
    phases = rng.uniform(0, 2 * np.pi) + 2 * np.pi * style.cadence * mood.pace * times
    phases = phases + np.cumsum(rng.normal(0, 0.015, frames))  # nobody is a clock
    rotations, root = motion.cycle(style, phases, mood)
    walk = planted if isinstance(planted, feet.Walk) else None
    if planted is True:
        walk = feet.walk(style, identity.betas, mood, planted=True)
    if walk is not None:
        rotations = walk.bent(rotations, phases)
    if busy >= 0:
        _still_arm(rotations, busy, rng)
    if camera is None:
        camera = sample_camera(rng, speed=style.speed * mood.pace * 0.85)
    if fault_rng is not None:
        rng = fault_rng
    faults = sample_faults(rng, severity)
    masks, points, depth = _draw(identity, worn, rotations, root, times, camera)
    masks = faults.apply(masks, points[:, :24], rng)
    silhouettes, placed, transform = _normalised(masks, points, depth)
    pose, azimuths = rotations.astype(np.float32), camera.azimuths(times).astype(np.float32)
    _stutter((silhouettes, placed, phases, transform, pose, azimuths), faults, rng)
    return SyntheticSequence(
        silhouettes=silhouettes,
        joints=placed[:, :24],
        markers=placed[:, 24:],
        phases=phases,
        camera=camera,
        fps=float(fps),
        outfit=outfit,
        carrying=carrying,
        severity=faults.severity,
        mood=mood,
        walk=walk,
        rotations=pose,
        azimuths=azimuths,
        transform=transform,
        canvas=_canvas(camera),
    )


def _sample_fps(rng: np.random.Generator) -> float:
    """Half of the time as `--effort quick` and `balanced` look, else as cameras film."""
    kind = rng.random()
    if kind < 0.5:
        return float(rng.uniform(8, 16))
    return float(np.exp(rng.uniform(np.log(8), np.log(30))) if kind < 0.9 else rng.uniform(30, 60))


def _seen(rng: np.random.Generator, frames: int) -> Array:
    """Numbers of the frames that a stream delivers: one in twelve loses some."""
    numbers = np.arange(frames, dtype=np.float64)
    if rng.random() < 1 / 12:
        numbers += np.cumsum(rng.integers(1, 4, frames) * (rng.random(frames) < rng.uniform(0.03, 0.2)))
    return numbers


def _still_arm(rotations: Array, side: int, rng: np.random.Generator) -> None:
    """An arm that carries something, or rests in a pocket, swings little and may be bent."""
    arm = list(ARMS[side])
    mean = rotations[:, arm].mean(0)
    rotations[:, arm] = mean + rng.uniform(0.05, 0.4) * (rotations[:, arm] - mean)
    if rng.random() < 0.5:
        rotations[:, ARMS[side][1], 1] -= (1 - 2 * side) * rng.uniform(0.2, 1.4)


def _draw(
    identity: Identity, worn: Outfit, rotations: Array, root: Array, times: Array, camera: Camera
) -> tuple[NDArray[np.uint8], Array, Array]:
    """T×H×W masks; T×88×2 pixels and T×88 depths (in pixels) of the joints and markers."""
    mesh = _mesh()
    rest, joints_rest = _at_rest(identity)
    proxy, markers = rest[: mesh.proxy], rest[mesh.proxy :]
    ankle = float(joints_rest[[7, 8], 1].mean())
    clothed = inflate(worn, proxy, mesh.normals[: mesh.proxy], mesh.weights[: mesh.proxy], ankle)
    riding = [cloud for cloud in worn.clouds if not cloud.hangs]
    clouds = [joints_rest[cloud.joint] + cloud.points for cloud in riding]
    weights = [mesh.weights, *(np.eye(24)[np.full(len(c.points), c.joint)] for c in riding)]
    model = BodyModel(
        v_template=torch.empty(0),
        shapedirs=torch.empty(0),
        weights=torch.from_numpy(np.concatenate(weights)).float(),
        faces=mesh.body.faces,
        rest_joints=torch.empty(0),
        joint_shapedirs=torch.empty(0),
    )
    template = torch.from_numpy(np.concatenate([clothed, markers, *clouds])).float()
    leg = float(joints_rest[0, 1]) - ankle
    shaped = ShapedBody(model, template, torch.from_numpy(joints_rest).float())
    posed = shaped.pose(torch.from_numpy(rotations).float(), torch.from_numpy(root * leg).float())
    joints, vertices = posed.joints.double().numpy(), posed.vertices.double().numpy()
    hanging = [joints[:, c.joint, None] + c.points for c in worn.clouds if c.hangs]
    everything = np.concatenate([joints, vertices, *hanging], axis=1)
    height, width = _canvas(camera)
    pixels, depth = camera.project(everything, joints[:, 0], times, height, width)
    body_pixels = pixels[:, 24 : 24 + mesh.proxy]
    masks = mesh.outline(torch.from_numpy(body_pixels), height, width).numpy()
    _drapes(masks, worn.drapes, proxy, body_pixels, joints_rest, ankle, mesh.weights[: mesh.proxy])
    first = 24 + len(rest)
    for cloud in (*riding, *(c for c in worn.clouds if c.hangs)):
        _fill(masks, pixels[:, first : first + len(cloud.points)])
        first += len(cloud.points)
    truth = np.r_[0:24, 24 + mesh.proxy : 24 + len(rest)]
    return masks, pixels[:, truth], depth[:, truth]


def _canvas(camera: Camera) -> tuple[int, int]:
    """Room for a 2.05 m person seen from near, with bags and shadows."""
    size = int(camera.pixels * (1.45 if camera.distance > 5 else 1.7)) + 8
    return size, size


def _fill(masks: NDArray[np.uint8], pixels: Array) -> None:
    """Fill the hull of T×N×2 points in each of T masks."""
    fixed = np.ascontiguousarray(
        np.round(pixels * 16 - 8).astype(np.int32)
    )  # cv2 counts from pixel centres, in sixteenths
    for mask, points in zip(masks, fixed, strict=True):
        cv2.fillConvexPoly(mask, cv2.convexHull(points), 255, shift=4)


def _drapes(
    masks: NDArray[np.uint8],
    drapes: tuple[Drape, ...],
    proxy: Array,
    pixels: Array,
    joints_rest: Array,
    ankle: float,
    weights: Array,
) -> None:
    """Hulls of three bands of body points each, the lower ones widened by the flare."""
    pelvis, neck = float(joints_rest[0, 1]), float(joints_rest[12, 1])
    arms = weights[:, 16:24].sum(1) > 0.3
    knots = ((ankle, 0.0), (pelvis, 1.0), (neck, 1.6))
    level = np.interp(proxy[:, 1], [k[0] for k in knots], [k[1] for k in knots])
    for drape in drapes:
        edges = np.linspace(drape.top, drape.hem, 4)
        for band in range(3):
            chosen = ~arms & (level <= edges[band] + 0.06) & (level >= edges[band + 1] - 0.04)
            if chosen.sum() < 5:
                continue
            points = pixels[:, chosen]
            flare = 1 + (drape.flare - 1) * (band + 1) / 3
            centre = points.mean(1, keepdims=True)
            _fill(masks, centre + (points - centre) * [flare, 1.0])


def _normalised(
    masks: NDArray[np.uint8], points: Array, depth: Array
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """T×64×64 silhouettes, T×88×3 points in silhouette units and T×3 transforms from the picture."""
    frames = len(masks)
    silhouettes = np.zeros((frames, 64, 64), np.uint8)
    # While hardly anything is left, a tracker would show its last good mask, if it has one.
    shown, last = np.zeros(frames, int), -1
    fits = np.full((frames, 3), np.nan)
    for t, mask in enumerate(masks):
        done = normalise(mask)
        if done is not None:
            silhouettes[t], last = done.silhouette, t
            fits[t] = done.scale, done.left, done.top
        shown[t] = last
    scale, left, top = fits[:, :1], fits[:, 1:2], fits[:, 2:]
    placed = np.empty((frames, points.shape[1], 3), np.float32)
    placed[..., 0] = (points[..., 0] - left) * scale / 64 - 0.5
    placed[..., 1] = (points[..., 1] - top) * scale / 64 - 0.5
    placed[..., 2] = depth * scale / 64
    transform = fits.astype(np.float32)
    if (shown == np.arange(frames)).all():
        return silhouettes, placed, transform
    placed[shown < 0] = 0
    shown = np.maximum(shown, 0)
    return silhouettes[shown], placed[shown], transform[shown]


def _stutter(tracks: tuple[NDArray, ...], faults: Faults, rng: np.random.Generator) -> None:
    """Duplicated frames, as bad streams have them, in every one of the T×… arrays."""
    if faults.severity == "clean" or rng.random() > 0.1:
        return
    for t in np.flatnonzero(rng.random(len(tracks[0])) < 0.1):
        if t:
            for track in tracks:
                track[t] = track[t - 1]
