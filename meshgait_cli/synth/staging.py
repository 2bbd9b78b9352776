"""Who walks where in a scene, under which light, filmed by which camera. Everything here is drawn by seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .backdrop import Place, sample_place
from .pinhole import Pinhole
from .props import KINDS, NARROW, Prop, sample_prop

__all__ = ["CLOTHES", "Casting", "Light", "SceneSettings", "Stage", "cast", "sample_stage"]

Array = NDArray[np.float64]
CLOTHES = ("same", "other", "mixed")
_CAST_STREAM, _STAGE_STREAM = 7, 8  # of random numbers; lower ones belong to the silhouettes
_TALL = 1.7  # metres by which the size in the picture is meant
_NEAR = 2.6  # metres: nobody comes nearer to the camera
_APART = 0.7  # metres between two walkers, at the least


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """What decides the content of a set of scenes.

    seed: of people and scenes. scenes: how many videos. each: in how many of them a person is seen. walkers:
    in a scene at once. frames: of a video. fps. width, height: pixels, even. clothes: on later walks the
    usual ones ("same"), others ("other"), or now these, now those ("mixed"). occluders: share of scenes in
    which something stands in front. background: a picture or video of the user's own, and its fingerprint.
    crf: of H.264, None to draw one for each scene.
    """

    seed: int = 0
    scenes: int = 10
    each: int = 2
    walkers: int = 1
    frames: int = 150
    fps: float = 30.0
    width: int = 960
    height: int = 540
    clothes: str = "mixed"
    occluders: float = 0.4
    background: Path | None = None
    crf: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise UsageError("the seed must be a whole number from 0 to 2⁶³ − 1")
        for name, most in (("scenes", 100_000), ("each", 100), ("walkers", 8), ("frames", 20_000)):
            if not 1 <= getattr(self, name) <= most:
                raise UsageError(f"--{name} goes from 1 to {most}, not {getattr(self, name)}")
        if not 5 <= self.fps <= 120:
            raise UsageError(f"--fps goes from 5 to 120, not {self.fps:g}")
        for side in (self.width, self.height):
            if side % 2 or not 64 <= side <= 4096:
                raise UsageError("--size is WIDTHxHEIGHT, each even and from 64 to 4096")
        if self.clothes not in CLOTHES:
            raise UsageError(f"unknown clothes {self.clothes!r}: use {', '.join(CLOTHES)}")
        if self.people < self.walkers:
            raise UsageError(
                f"{self.scenes} scenes of {self.walkers} walkers with each person in {self.each} leave "
                f"{self.people} people: ask for more --scenes, or a smaller --each"
            )
        if not 0 <= self.occluders <= 1 or (self.crf is not None and not 0 <= self.crf <= 51):
            raise UsageError("occluders is a share from 0 to 1, crf a number from 0 to 51")

    @property
    def people(self) -> int:
        """How many people take part."""
        return -(-self.scenes * self.walkers // self.each)

    def record(self) -> dict[str, Any]:
        """As plain values, for a manifest."""
        background = None
        if self.background is not None:
            from ..assets import sha256_of

            if not self.background.is_file():
                raise UsageError(f"there is no --background {self.background}")
            background = sha256_of(self.background)
        return {"format": "scenes", **asdict(self), "background": background}


@dataclass(frozen=True, slots=True)
class Casting:
    """One walker of a scene. number: which person. appearance: which of the person's walks, from 0."""

    number: int
    appearance: int


def cast(settings: SceneSettings) -> list[tuple[Casting, ...]]:
    """Who walks in each scene: those who were seen least, in an order of chance; nobody twice."""
    rng = np.random.default_rng([settings.seed, _CAST_STREAM])
    seen = np.zeros(settings.people, int)
    out = []
    for _ in range(settings.scenes):
        order = rng.permutation(settings.people)
        chosen = order[np.argsort(seen[order], kind="stable")][: settings.walkers]
        out.append(tuple(Casting(int(number), int(seen[number])) for number in chosen))
        seen[chosen] += 1
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """ambient, sun: strengths. towards: unit vector to the sun, or to the bright part of the sky. shadow:
    how dark a cast shadow is, 0-1. warm: factors on red, green, blue."""

    ambient: float
    sun: float
    towards: Array
    shadow: float
    warm: Array

    def on(self, normals: NDArray[np.floating]) -> NDArray[np.float32]:
        """N×3 factors on the colours of a surface with these N×3 normals."""
        lambert = np.clip(normals @ self.towards, 0, 1)
        light = self.ambient * (0.72 + 0.28 * normals[:, 1]) + self.sun * lambert
        return np.asarray(light[:, None] * self.warm, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A scene without its walkers' bodies. paths: for each walker T×2 metres (x, z) per metre gone and the
    heading: see `walk_at`. blur: pixels of the lens. noise: of the sensor, shares of white. crf: of H.264.
    """

    view: Pinhole
    light: Light
    place: Place | None
    props: tuple[Prop, ...]
    starts: Array  # P×2 metres: where each walker is half-way
    azimuths: Array  # P degrees: 0 comes towards the camera, 90 walks to the right
    bends: Array  # P radians a metre gone
    blur: float
    noise: float
    crf: int

    def walk_at(self, walker: int, gone: Array) -> tuple[Array, Array]:
        """T×2 floor points (x, z) and T headings (radians about y); gone: T metres, 0 half-way."""
        heading = np.pi + np.deg2rad(self.azimuths[walker]) + self.bends[walker] * gone
        steps = np.linspace(min(gone.min(), 0.0), max(gone.max(), 0.0), 400)
        along = np.pi + np.deg2rad(self.azimuths[walker]) + self.bends[walker] * steps
        width = np.gradient(steps) if len(steps) > 1 else np.zeros(1)
        path = np.cumsum(np.stack([np.sin(along), np.cos(along)], 1) * width[:, None], axis=0)
        path -= [np.interp(0, steps, path[:, k]) for k in (0, 1)]
        at = np.stack([np.interp(gone, steps, path[:, k]) for k in (0, 1)], 1)
        return self.starts[walker] + at, heading


def sample_stage(settings: SceneSettings, scene: int, lengths: list[float]) -> Stage:
    """lengths: metres that each of the scene's walkers goes."""
    rng = np.random.default_rng([settings.seed, _STAGE_STREAM, scene])
    view, ahead = _view(settings, rng)
    walkers = len(lengths)
    azimuths, bends = np.empty(walkers), rng.normal(0, 0.02, walkers)
    starts = np.empty((walkers, 2))
    for walker, length in enumerate(lengths):
        for attempt in range(30):
            azimuths[walker] = _azimuth(rng)
            near = ahead * (1 + 0.02 * attempt) * (1 if walker == 0 else rng.uniform(0.85, 1.6))
            azimuth = np.deg2rad(azimuths[walker])
            deep = abs(np.cos(azimuth)) * length / 2
            z = max(near, _NEAR + deep)
            room = 0.5 * view.width / view.focal * (z - deep) - abs(np.sin(azimuth)) * length / 2
            starts[walker] = rng.uniform(-1, 1) * max(room - 0.3, 0.1), z
            if room > 0.2 and _apart(starts, azimuths, lengths, walker):
                break
    nearest = float(starts[:, 1].min()) - max(lengths) / 2
    farthest = float(starts[:, 1].max()) + max(lengths) / 2
    own = settings.background is not None
    return Stage(
        view=view,
        light=_light(rng),
        place=None if own else sample_place(rng, farthest),
        props=() if own else _props(settings, rng, view, starts, nearest, farthest),
        starts=starts,
        azimuths=azimuths,
        bends=bends,
        blur=float(rng.uniform(0.3, 0.9)),
        noise=float(rng.uniform(0.003, 0.02)),
        crf=int(rng.integers(20, 34)) if settings.crf is None else settings.crf,
    )


def _view(settings: SceneSettings, rng: np.random.Generator) -> tuple[Pinhole, float]:
    """A camera, and how far ahead of it somebody walks."""
    focal = float(settings.width * rng.uniform(0.8, 1.5))
    tall = settings.height * float(np.exp(rng.uniform(np.log(0.3), np.log(0.72))))
    ahead = max(focal * _TALL / tall, _NEAR + 0.5)
    eye = float(
        rng.uniform(1.0, 2.2) if rng.random() < 0.6 else rng.uniform(2.2, min(5.0, 2.2 + 0.4 * ahead))
    )
    # So that the walker's middle is seen a little below the picture's.
    pitch = float(np.rad2deg(np.arctan2(eye - 0.95, ahead)) + rng.normal(-1.0, 1.0))
    view = Pinhole(settings.width, settings.height, focal, eye, pitch, float(rng.normal(0, 0.8)))
    return view, ahead


def _azimuth(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.4:
        return float(rng.uniform(0, 360))
    if kind < 0.85:
        return float(rng.choice([90, 270]) + rng.uniform(-35, 35)) % 360
    return float(rng.choice([0, 180]) + rng.uniform(-25, 25)) % 360


def _apart(starts: Array, azimuths: Array, lengths: list[float], walker: int) -> bool:
    """Whether a walker keeps clear of those before it, all going at an even pace."""
    share = np.linspace(-0.5, 0.5, 21)[:, None]

    def path(k: int) -> Array:
        a = np.deg2rad(azimuths[k])
        return starts[k] + share * lengths[k] * np.array([-np.sin(a), -np.cos(a)])

    return all(np.linalg.norm(path(walker) - path(k), axis=1).min() > _APART for k in range(walker))


def _light(rng: np.random.Generator) -> Light:
    sunny = rng.random() < 0.5
    azimuth, rise = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(28, 65))
    towards = np.array([np.cos(rise) * np.cos(azimuth), np.sin(rise), np.cos(rise) * np.sin(azimuth)])
    warmth = rng.normal(0, 0.04)
    ambient = float(rng.uniform(0.45, 0.7) if sunny else rng.uniform(0.75, 0.95))
    return Light(
        ambient=ambient,
        sun=float(rng.uniform(0.4, 0.75) if sunny else rng.uniform(0.05, 0.25)),
        towards=towards,
        shadow=float(rng.uniform(0.25, 0.6) if sunny else rng.uniform(0.0, 0.12)),
        warm=np.array([1 + warmth, 1.0, 1 - warmth]),
    )


def _props(
    settings: SceneSettings, rng: np.random.Generator, view: Pinhole, starts: Array, nearest: float,
    farthest: float,
) -> tuple[Prop, ...]:  # fmt: skip
    """Things behind the walkers, and now and then one in front of where somebody passes."""
    out = []
    for _ in range(int(rng.integers(1, 8))):
        z = float(farthest + rng.uniform(0.3, 6))
        reach = 0.6 * view.width / view.focal * z
        out.append(sample_prop(rng, str(rng.choice(KINDS)), float(rng.uniform(-reach, reach)), z))
    if rng.random() < settings.occluders:
        x, z = starts[int(rng.integers(len(starts)))]
        front = float(max(1.6, min(z - 0.8, nearest - 0.4) * rng.uniform(0.7, 1.0)))
        kind = str(rng.choice(NARROW))
        out.append(sample_prop(rng, kind, float(x / z * front + rng.uniform(-0.6, 0.6)), front))
    return tuple(out)
