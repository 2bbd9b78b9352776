"""What colour each point of a dressed person has: skin, face, hair, sleeves, trousers, shoes, bags."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .clothes import Outfit
from .fabric import Fabric, Grain, floats, sample_cloth, sample_hair_colour, sample_skin

__all__ = ["BAG", "BODY", "COAT", "HAIR", "HAT", "HOOD", "SHIRT", "SKIRT", "TRESS", "Cut", "Palette",
           "sample_palette"]  # fmt: skip

BODY, HAIR, TRESS, HAT, HOOD, BAG, SKIRT, COAT, SHIRT = range(9)  # parts of a figure
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]
_EYES, _BROWS, _MOUTH = 0.088, 0.108, 0.02  # metres above the head's joint


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the body's parts end in the rest pose, metres: shoulder, sleeve and wrist sideways; the rest are
    heights. head: its joint."""

    shoulder: float
    elbow: float
    wrist: float
    chest: float
    neck: float
    pelvis: float
    knee: float
    ankle: float
    head: Triple
    short: bool
    coat: bool
    tall: float

    @classmethod
    def of(cls, joints: NDArray[np.float64], outfit: Outfit) -> Cut:
        """joints: 24×3 at rest."""
        tops = [drape.top for drape in outfit.drapes]
        x, y, z = (float(value) for value in joints[15])
        return cls(
            shoulder=float(np.abs(joints[[16, 17], 0]).mean()),
            elbow=float(np.abs(joints[[18, 19], 0]).mean()),
            wrist=float(np.abs(joints[[20, 21], 0]).mean()),
            chest=float(joints[9, 1]),
            neck=float(joints[12, 1]),
            pelvis=float(joints[0, 1]),
            knee=float(joints[[4, 5], 1].mean()),
            ankle=float(joints[[7, 8], 1].mean()),
            head=(x, y, z),
            short=bool(outfit.thickness[18] == 0),
            coat=any(top > 1.4 for top in tops),
            tall=float(joints[15, 1] - joints[[7, 8], 1].mean()) / 1.45,
        )


@dataclass(frozen=True, slots=True)
class Palette:
    """One person's colours in one outfit. waist: metres from the pelvis up to where the top ends. legs: of
    trousers: long, short, or bare (under a skirt). bald, beard: of the head."""

    skin: Triple
    hair: Triple
    bald: bool
    beard: bool
    top: Fabric
    lower: Fabric
    coat: Fabric
    bag: Fabric
    shoe: Triple
    sole: Triple
    waist: float
    legs: str
    cut: Cut | None = None

    def on(self, cut: Cut) -> Palette:
        """These colours on a body of this cut."""
        return replace(self, cut=cut)

    def colours(self, part: NDArray[np.uint8], rest: Floats, grain: Grain) -> Floats:
        """N×3 sRGB of N points. part: of each. rest: N×3 metres in the rest pose."""
        assert self.cut is not None
        out = np.empty((len(part), 3), np.float32)
        up = rest[:, 1] - floats(self.cut.pelvis)
        cloths = {BAG: self.bag, SKIRT: self.lower, COAT: self.coat, SHIRT: self.top}
        for kind in np.unique(part):
            own = part == kind
            if kind == BODY:
                out[own] = self._body(rest[own], grain)
            elif kind == HOOD:
                out[own] = self._hood(up[own], rest[own], grain)
            elif kind in (HAIR, TRESS):
                out[own] = self._head(rest[own], grain, always=kind == TRESS)
            else:
                cloth = self.bag if kind == HAT else cloths[int(kind)]
                out[own] = cloth.paint(up[own], rest[own, 0], rest[own], grain)
        return out

    def _body(self, rest: Floats, grain: Grain) -> Floats:
        cut = self.cut
        assert cut is not None
        aside, height = np.abs(rest[:, 0]), rest[:, 1]
        up = height - floats(cut.pelvis)
        arm = (aside > cut.shoulder) & (height > cut.chest - 0.05)
        neck = ~arm & (height > cut.neck + (0.045 if cut.coat else 0.025))
        sleeve = cut.shoulder + 0.6 * (cut.elbow - cut.shoulder) if cut.short else cut.wrist - 0.01
        shoe = height < cut.ankle + 0.015
        lower = ~arm & (up < self.waist) & ~shoe
        end = {"long": -9.0, "short": cut.knee + 0.06, "bare": 9.0}[self.legs]
        out = np.empty_like(rest)
        out[:] = floats(self.skin) * (1 + 0.03 * grain(rest, 0.04)[:, None])
        upper = self.coat if cut.coat else self.top
        self._put(out, upper, ~neck & ~lower & ~shoe & ~arm, up, rest[:, 0], rest, grain)
        # In the T-pose a sleeve's length runs sideways.
        self._put(out, upper, arm & (aside < sleeve), aside, height, rest, grain)
        self._put(out, self.lower, lower & (height > end), up, rest[:, 0], rest, grain)
        out[shoe] = floats(self.shoe)
        out[height < cut.ankle - 0.065] = floats(self.sole)
        head = neck & (height > cut.head[1] - 0.06)
        out[head] = self._head(rest[head], grain)
        return out

    @staticmethod
    def _put(
        out: Floats, cloth: Fabric, where: Mask, along: Floats, across: Floats, rest: Floats, grain: Grain
    ) -> None:
        out[where] = cloth.paint(along[where], across[where], rest[where], grain)

    def _hood(self, up: Floats, rest: Floats, grain: Grain) -> Floats:
        """As the top, open before the face."""
        assert self.cut is not None
        x, y, z = (rest - floats(self.cut.head)).T
        face = (z > 0.055) & (np.abs(x) < 0.075) & (y > -0.05) & (y < 0.14)
        out = self.top.paint(up, rest[:, 0], rest, grain)
        out[face] = self._head(rest[face] - floats([0, 0, 0.03]), grain)
        return out

    def _head(self, rest: Floats, grain: Grain, always: bool = False) -> Floats:
        cut = self.cut
        assert cut is not None
        x, y, z = (rest - floats(cut.head)).T
        hair = np.full(len(rest), always) | ((y > 0.075 + 0.8 * z) & (not self.bald))
        face = ~hair & (z > 0.035)
        out = np.repeat(floats([self.skin]), len(rest), axis=0)
        for at, wide, tall, tint in ((_EYES, 0.014, 0.006, 0.3), (_BROWS, 0.02, 0.005, 0.45)):
            out[face & (np.abs(np.abs(x) - 0.032) < wide) & (np.abs(y - at) < tall)] *= floats(tint)
        mouth = face & (np.abs(x) < 0.025) & (np.abs(y - _MOUTH) < 0.006)
        out[mouth] *= floats([0.75, 0.5, 0.5])
        if self.beard:
            out[face & (y < 0.045) & ~mouth] = floats(self.hair)
        strands = 1 + 0.25 * grain(rest * floats([1, 0.25, 1]), 0.012)[:, None]
        out[hair] = (floats(self.hair) * strands)[hair]
        return out


def sample_palette(person: np.random.Generator, day: np.random.Generator, outfit: Outfit) -> Palette:
    """person: draws skin and hair, the same on every day. day: draws the clothes."""
    skin, hair = sample_skin(person), sample_hair_colour(person)
    bald, beard = bool(person.random() < 0.07), bool(person.random() < 0.15)
    top, lower, coat, bag = (sample_cloth(day, plain) for plain in (0.4, 0.85, 0.8, 0.75))
    cut_of_legs = day.random()
    legs = "short" if cut_of_legs < 0.12 and outfit.thickness[4] < 0.02 else "long"
    if any(drape.top < 1.2 for drape in outfit.drapes):
        legs = "bare"
    dark = np.float64(day.uniform(0.04, 0.25))
    shoe = tuple(float(v) for v in np.clip(dark * day.uniform(0.8, 1.3, 3), 0, 1))
    sole = (0.85, 0.85, 0.83) if day.random() < 0.4 else shoe
    return Palette(
        skin=skin,
        hair=hair,
        bald=bald,
        beard=beard,
        top=top,
        lower=lower,
        coat=coat,
        bag=bag,
        shoe=(shoe[0], shoe[1], shoe[2]) if day.random() < 0.7 else (0.82, 0.82, 0.8),
        sole=(sole[0], sole[1], sole[2]),
        waist=float(day.uniform(-0.06, 0.09)),
        legs=legs,
    )
