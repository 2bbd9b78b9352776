"""What people wear and carry, as far as it shows in an outline.

Close clothes are inflation of the body along its normals, part by part; skirts, coats and wide trousers
are hulls of body points with a flare; hair, hats, hoods, shoes and bags are clouds of points that ride on
a joint, each drawn as the hull of its projection. Metres, in the body's rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Cloud",
    "Drape",
    "Outfit",
    "carry",
    "inflate",
    "normals_of",
    "sample_hair",
    "sample_outfit",
]

TORSO, UPPER_ARMS, FOREARMS = (0, 3, 6, 9, 13, 14), (16, 17), (18, 19)
THIGHS, SHINS, FEET, HEAD = (1, 2), (4, 5), (7, 8, 10, 11), (12, 15)
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """N×3 points, metres from `joint` in the rest pose. hangs: keeps upright instead of turning with it."""

    joint: int
    points: Array
    hangs: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Drape:
    """Cloth round the trunk and legs from height `top` down to `hem`.

    Heights are shares of the way from the ankles (0) through the pelvis (1) to the neck (1.6). flare: factor
    on the width at the hem."""

    top: float
    hem: float
    flare: float


@dataclass(frozen=True, slots=True, eq=False)
class Outfit:
    """thickness: 24 metres of inflation by joint. cuff: extra at the ankles. clouds, drapes: see there."""

    thickness: Array
    cuff: float
    clouds: tuple[Cloud, ...]
    drapes: tuple[Drape, ...]


def _ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Array:
    """A few points on an ellipsoid: enough for its outline."""
    around = np.linspace(0, 2 * np.pi, 9)[:-1]
    rings = [(np.sin(p) * np.cos(around), np.full(8, np.cos(p)), np.sin(p) * np.sin(around))
             for p in (0.25, 0.9, 1.57, 2.24, 2.9)]  # fmt: skip
    points = np.concatenate([np.stack(ring, axis=1) for ring in rings])
    return points * radii + centre


def _box(centre: tuple[float, float, float], half: tuple[float, float, float]) -> Array:
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    return corners * half + centre


def sample_hair(rng: np.random.Generator) -> tuple[Cloud, ...]:
    """None where it is short."""
    kind = rng.random()
    if kind < 0.35:
        return ()
    size = rng.uniform(0.09, 0.12)
    clouds = [Cloud(15, _ellipsoid((0, 0.085, rng.uniform(-0.03, 0.0)), (size * 0.85, size * 1.05, size)))]
    if kind > 0.65:  # long: down the neck, ponytail or bun
        drop, back = rng.uniform(-0.2, 0.02), rng.uniform(-0.12, -0.07)
        wide = rng.uniform(0.03, 0.11)
        clouds.append(
            Cloud(15, _ellipsoid((0, drop + 0.05, back), (wide, abs(drop) + 0.07, rng.uniform(0.03, 0.07))))
        )
    return tuple(clouds)


def _headwear(rng: np.random.Generator) -> list[Cloud]:
    kind = rng.random()
    if kind < 0.08:  # cap or hat
        brim = rng.uniform(0.0, 0.06)
        return [
            Cloud(15, _box((0, 0.15, 0), (0.085, rng.uniform(0.04, 0.08), 0.1))),
            Cloud(15, _box((0, 0.12, 0.05), (0.08 + brim * 0.5, 0.012, 0.1 + brim))),
        ]
    if kind < 0.16:  # hood, worn
        size = rng.uniform(0.12, 0.16)
        return [Cloud(15, _ellipsoid((0, 0.06, -0.03), (size, size * 1.25, size * 1.1)))]
    if kind < 0.24:  # hood or scarf on the shoulders
        return [Cloud(9, _ellipsoid((0, 0.26, -0.04), (0.14, 0.07, rng.uniform(0.09, 0.14))))]
    return []


def sample_outfit(rng: np.random.Generator, hair: tuple[Cloud, ...] = ()) -> Outfit:
    """Clothes for one day, without things carried."""
    thick = np.zeros(24)
    upper = rng.uniform(0, 0.012) if rng.random() < 0.45 else rng.uniform(0.01, 0.05)
    thick[list(TORSO)] = upper
    thick[list(UPPER_ARMS)] = upper * rng.uniform(0.4, 0.8) + rng.uniform(0, 0.01)
    bare = rng.random() < 0.25
    thick[list(FOREARMS)] = 0 if bare else upper * 0.5 + rng.uniform(0, 0.012)
    lower = rng.uniform(0, 0.012) if rng.random() < 0.5 else rng.uniform(0.008, 0.035)
    thick[list(THIGHS)] = lower * rng.uniform(0.5, 1)
    thick[list(SHINS)] = lower
    thick[list(FEET)] = rng.uniform(0.002, 0.02)
    thick[list(HEAD)] = rng.uniform(0, 0.012)
    cuff = rng.uniform(0.01, 0.06) if rng.random() < 0.25 else 0.0
    drapes: list[Drape] = []
    kind = rng.random()
    if kind < 0.14:
        drapes.append(Drape(1.1, rng.uniform(0.08, 0.65), rng.uniform(1.0, 1.35)))  # skirt or dress
    elif kind < 0.32:
        drapes.append(Drape(1.45, rng.uniform(0.3, 0.85), rng.uniform(0.98, 1.2)))  # coat
    elif kind < 0.5:
        drapes.append(Drape(1.35, rng.uniform(0.82, 0.97), rng.uniform(1.0, 1.12)))  # loose shirt, jacket
    return Outfit(thick, cuff, (*hair, *_headwear(rng)), tuple(drapes))


def carry(rng: np.random.Generator, outfit: Outfit) -> tuple[Outfit, int]:
    """The outfit with something carried, and the arm that it keeps still (0 left, 1 right, −1 none)."""
    side = int(rng.integers(2))
    sign = 1 - 2 * side  # the body's x points to the left
    kind = rng.choice(["backpack", "hand", "shoulder", "object"], p=[0.35, 0.25, 0.3, 0.1])
    busy = -1
    if kind == "backpack":
        half = (rng.uniform(0.11, 0.17), rng.uniform(0.14, 0.26), rng.uniform(0.05, 0.13))
        cloud = Cloud(9, _ellipsoid((0, rng.uniform(-0.1, 0.08), -0.07 - 0.75 * half[2]), half))
    elif kind == "hand":
        half = (rng.uniform(0.04, 0.09), rng.uniform(0.1, 0.2), rng.uniform(0.1, 0.22))
        cloud = Cloud(22 + side, _box((0, -half[1] - 0.04, 0), half), hangs=True)
        busy = side
    elif kind == "shoulder":
        half = (rng.uniform(0.04, 0.08), rng.uniform(0.08, 0.16), rng.uniform(0.08, 0.16))
        cloud = Cloud(
            0, _box((sign * (0.16 + half[0]), rng.uniform(-0.1, 0.15), rng.uniform(-0.12, 0.05)), half)
        )
        busy = side if rng.random() < 0.5 else -1
    else:
        size = rng.uniform(0.05, 0.14)
        cloud = Cloud(
            9, _box((sign * rng.uniform(0, 0.15), rng.uniform(-0.1, 0.1), 0.2), (size, size * 1.3, size))
        )
        busy = side
    return replace(outfit, clouds=(*outfit.clouds, cloud)), busy


def normals_of(vertices: Array, faces: NDArray[np.integer]) -> Array:
    """V×3 unit normals, outward."""
    corners = vertices[faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, faces[:, k], flat)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def inflate(outfit: Outfit, vertices: Array, normals: Array, weights: Array, ankle_y: float) -> Array:
    """V×3 rest vertices of the clothed body. weights: V×24 skinning. ankle_y: height of the ankles."""
    by = weights @ outfit.thickness
    if outfit.cuff:
        shin = weights[:, list(SHINS)].sum(1)
        by = by + outfit.cuff * shin * np.exp(-np.maximum(vertices[:, 1] - ankle_y, 0) / 0.12)
    return vertices + normals * by[:, None]
