"""What does --normalise camera give? Synthetic people who walk past two cameras each.

    python benchmarks/cameras.py [--cameras 8] [--people 40] [--device cuda]

Pairs of drawn cameras, each with its own place, frame rate and quality of segmentation. All the people of a
pair walk past the first as they usually dress (the gallery), and past the second dressed so again, and
otherwise. Of the second's, so many as are seen in one video have their mean subtracted, of the first's all.
Rank-1 without and with it, and the difference on the same questions, with 95 % intervals over people. Writes
benchmarks/results/cameras.json.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shares import found, said, share

from meshgait_cli.gallery.normalise import centre_cameras
from meshgait_cli.gallery.search import Gallery
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.network.embed import Embedder
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.synth.camera import Camera, sample_camera
from meshgait_cli.synth.corpus import HELD_OUT
from meshgait_cli.synth.walkers import Identity, make_identity, render_sequence
from meshgait_cli.synth.wardrobe import CHANGED, OUTFITS

FIRST = HELD_OUT + 50_000  # nobody whom a calibration, benchmark or example knows
SEED, FRAMES = 1, 30
TOGETHER = (5, 10, 20, 40)  # people in a video
Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Post:
    """A camera that stays where it is."""

    camera: Camera
    fps: float
    severity: str

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Post:
        severity = str(rng.choice(["mild", "heavy"], p=[0.7, 0.3]))
        return cls(sample_camera(rng), float(rng.uniform(10, 30)), severity)

    def sees(self, who: Identity, outfit: int, rng: np.random.Generator) -> SilhouetteSequence:
        """People pass it not quite on one line."""
        nearer = float(np.exp(rng.normal(0, 0.1)))
        passing = replace(
            self.camera,
            azimuth=self.camera.azimuth + float(rng.normal(0, 6)),
            distance=self.camera.distance / nearer,
            pixels=self.camera.pixels * nearer,
        )
        walk = render_sequence(
            who, rng, FRAMES, camera=passing, outfit=outfit, severity=self.severity, fps=self.fps
        )
        return SilhouetteSequence.from_arrays(walk.silhouettes)


def pair_of(number: int, people: int, embedder: Embedder) -> tuple[Gallery, dict[str, Array]]:
    """The gallery by one camera, and by the other N×parts×dim by what they wear."""
    rng = np.random.default_rng([SEED, number, 5])
    here, there = Post.drawn(rng), Post.drawn(rng)
    walks: list[list[SilhouetteSequence]] = [[], [], []]
    for place in range(people):
        who = make_identity(SEED, FIRST + number * people + place)
        walks[0].append(here.sees(who, 0, rng))
        walks[1].append(there.sees(who, 0, rng))
        walks[2].append(there.sees(who, int(rng.integers(CHANGED, OUTFITS)), rng))
    first, same, other = (embedder.embed(each) for each in walks)
    gallery = Gallery(tuple(GallerySequence(f"{place:03d}", "here", one) for place, one in enumerate(first)))
    return gallery, {"like clothes": _values(same), "other clothes": _values(other)}


def _values(embeddings: list[GaitEmbedding]) -> Array:
    return np.stack([one.values for one in embeddings])


def centred(gallery: Gallery, asked: Array, together: int) -> NDArray[np.float64]:
    """As `found`, in videos of so many people, by the product's own normalisation."""
    right = []
    for start in range(0, len(asked), together):
        known, queries, _ = centre_cameras(gallery, asked[start : start + together], gallery.values)
        right.append(found(known, queries, start))
    return np.concatenate(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, default=8, help="pairs of cameras")
    parser.add_argument("--people", type=int, default=40, help="by each pair; a multiple of 40")
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    embedder = Embedder(None, chosen.device)
    pairs = [pair_of(number, chosen.people, embedder) for number in range(chosen.cameras)]
    report: dict[str, Any] = {"model": embedder.model_id, "pairs": chosen.cameras, "people": chosen.people}
    for name in pairs[0][1]:
        plain = np.concatenate([found(gallery.values, asked[name]) for gallery, asked in pairs])
        report[name] = {"plain": share(plain, SEED)}
        print(f"{name}: plain {said(report[name]['plain'])}")
        for together in TOGETHER:
            right = np.concatenate([centred(gallery, asked[name], together) for gallery, asked in pairs])
            row = {"rank_1": share(right, SEED), "more": share(right - plain, SEED)}
            report[name][str(together)] = row
            print(f"  {together:2d} in a video: {said(row['rank_1'])}, more: {said(row['more'])}")
    target = Path(__file__).parent / "results" / "cameras.json"
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
