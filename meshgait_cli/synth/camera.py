"""Where the walker is seen from: a perspective camera that looks at the pelvis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Camera", "sample_camera"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """azimuth: degrees; 0 the walker comes towards the camera, 90 walks to the right, 180 away, 270 left.
    elevation: degrees above the horizon. roll: degrees. distance: metres from the pelvis. drift: degrees a
    second by which the azimuth changes as the walker passes. pixels: height of a 1.7 m person."""

    azimuth: float
    elevation: float
    roll: float
    distance: float
    drift: float
    pixels: float

    def azimuths(self, times: Array) -> Array:
        """Degrees at each time; the camera's own azimuth is that of the middle."""
        return self.azimuth + self.drift * (times - times.mean())

    def project(
        self, points: Array, pelvis: Array, times: Array, height: int, width: int
    ) -> tuple[Array, Array]:
        """T×N×3 metres to T×N×2 pixels (x right, y down) and T×N depths (pixels, away, 0 at the pelvis).

        pelvis: T×3, kept at 0.47 of the picture's height.
        """
        return self.project_from(self.azimuths(times), points, pelvis, height, width)

    def project_from(
        self, azimuths: Array, points: Array, pelvis: Array, height: int, width: int
    ) -> tuple[Array, Array]:
        """As `project`, for T azimuths that are known."""
        a, e, r = np.deg2rad(azimuths), np.deg2rad(self.elevation), np.deg2rad(self.roll)
        zero, one = np.zeros_like(a), np.ones_like(a)
        turn = np.stack([np.cos(a), zero, np.sin(a), zero, one, zero, -np.sin(a), zero, np.cos(a)], 1)
        tilt = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
        roll = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
        seen = (points - pelvis[:, None]) @ (roll @ tilt @ turn.reshape(-1, 3, 3)).transpose(0, 2, 1)
        per_metre = self.pixels / 1.7
        scale = per_metre * self.distance / np.maximum(self.distance - seen[..., 2], 0.3)
        x, y = width / 2 + scale * seen[..., 0], 0.47 * height - scale * seen[..., 1]
        return np.stack([x, y], axis=-1), -seen[..., 2] * per_metre


def sample_camera(rng: np.random.Generator, speed: float = 1.2, given: float | None = None) -> Camera:
    """A view as surveillance, phones and street cameras have them. speed: the walker's, m/s. given: the
    azimuth, instead of a drawn one."""
    kind = rng.random()
    if kind < 0.5:
        azimuth = rng.uniform(0, 360)
    elif kind < 0.85:
        azimuth = rng.choice([90, 270]) + rng.uniform(-35, 35)
    else:
        azimuth = rng.choice([0, 180]) + rng.uniform(-25, 25)
    if given is not None:
        azimuth = given
    kind = rng.random()
    if kind < 0.55:
        elevation = rng.uniform(-3, 10)
    elif kind < 0.92:
        elevation = rng.uniform(5, 28)
    else:
        elevation = rng.uniform(25, 60)
    distance = float(np.exp(rng.uniform(np.log(2.8), np.log(20))))
    follows = rng.random() < 0.35  # a camera that moves along, or a curved path: any small drift
    passing = np.rad2deg(speed * np.sin(np.deg2rad(azimuth)) / distance)
    drift = rng.normal(0, 4) if follows else passing * rng.uniform(0.6, 1.1)
    # Beyond this, taller people have the same silhouettes 64 pixels tall.
    pixels = float(np.exp(rng.uniform(np.log(28), np.log(190))))
    return Camera(
        float(azimuth) % 360, float(elevation), float(rng.normal(0, 1.3)), distance, float(drift), pixels
    )
