from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.gallery.decide import ACCEPTED, UNCLEAR, Answer
from meshgait_cli.gallery.identify import Identification, Refused
from meshgait_cli.gallery.search import Gallery
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.walkers import Walker
from meshgait_cli.records import GaitEmbedding, Match, SilhouetteSequence
from meshgait_cli.results.directory import Result, building, write_manifest
from meshgait_cli.results.manifest import SCHEMA, Manifest, TrackEntry, VideoEntry
from meshgait_cli.shipped import folder

FPS = 25.0


@pytest.fixture(scope="session")
def walks() -> list[np.ndarray]:
    """T×64×64 silhouettes of the synthetic people that are shipped."""
    found = []
    for path in sorted((folder("examples") / "walkers").glob("*.npz")):
        with np.load(path) as arrays:
            found.append(arrays["silhouettes"])
    return found


@pytest.fixture
def make_result(tmp_path: Path) -> Callable[..., Result]:
    """make_result(walks, name="walk", refused=()): a track a walk; those at the places in `refused` stand."""

    def make(found: list[np.ndarray], name: str = "walk", refused: tuple[int, ...] = ()) -> Result:
        video = VideoEntry(
            name=name, address=f"/videos/{name}.mp4", sha256=None, bytes=None, width=640, height=480, fps=FPS,
            frames=500, duration_s=20.0, rotation=0, codec="h264", damage=None,
        )  # fmt: skip
        place = tmp_path / "results" / str(len(found))
        tracks = []
        with building(place) as made:
            (made / "silhouettes").mkdir()
            for number, silhouettes in enumerate(found):
                count, start = len(silhouettes), 0.5 * number
                usable = number not in refused
                good = np.arange(count) >= 5
                np.savez(
                    made / "silhouettes" / f"{number + 1}.npz", silhouettes=silhouettes,
                    frames=np.arange(count), times=start + np.arange(count) / FPS,
                    transform=np.zeros((count, 3), np.float32), good=good & usable,
                )  # fmt: skip
                tracks.append(TrackEntry(
                    id=number + 1, frames=count, first_frame=0, last_frame=count - 1, start_s=start,
                    end_s=start + count / FPS, usable=usable,
                    reasons=[] if usable else [f"stands, says {name}"], score=0.8 if usable else 0.0,
                    height_px=200, cut_fraction=0.1, complete_fraction=0.9, overlap_fraction=0.0,
                    walking_fraction=1.0, gait_cycles=2.0, silhouettes=count,
                    silhouette_file=f"silhouettes/{number + 1}.npz", contact_file=None, embedded=usable,
                ))  # fmt: skip
            write_manifest(made, Manifest(
                schema_version=SCHEMA, meshgait_version="0", created="", fingerprint="", video=video,
                settings={}, models=[], tracks=tracks, dropped=[], seconds={}, notes=[f"about {name}"],
            ))  # fmt: skip
        return Result(place)

    return make


@pytest.fixture
def make_answer(walks: list[np.ndarray]) -> Callable[..., Identification]:
    """make_answer(names, result=None, accepted=True): a walker, the first track of `result` if there is one,
    who is most like the person of the first name; embeddings are random numbers near each other for those."""

    def make(names: list[str], result: Result | None = None, accepted: bool = True) -> Identification:
        rng = np.random.default_rng(3)
        values = [rng.standard_normal((16, 8)).astype(np.float32) for _ in names]
        known = tuple(
            GallerySequence(
                name, f"{name}.mp4", GaitEmbedding(value, "net@1", True, 60, 0.8),
                silhouettes=SilhouetteSequence.from_arrays(walks[number]),
            )
            for number, (name, value) in enumerate(zip(names, values, strict=True))
        )  # fmt: skip
        near = (values[0] + 0.1 * rng.standard_normal((16, 8))).astype(np.float32)
        walker = Walker(
            "track 1", GaitEmbedding(near, "net@1", True, 60, 0.8), result and result.folder,
            SilhouetteSequence.from_arrays(walks[0][7:]), start_s=0.0, end_s=2.4,
        )  # fmt: skip
        distances = [float(np.linalg.norm(near - value, axis=1).mean()) for value in values]
        order = np.argsort(distances)
        matches = tuple(
            Match(names[i], distances[i], float("nan"), f"{names[i]}.mp4", 0.9 if i == order[0] else 0.01,
                  accepted and i == order[0])
            for i in order
        )  # fmt: skip
        answer = (
            Answer("track 1", ACCEPTED, names[0], 0.9, 0.05, (), matches)
            if accepted
            else Answer("track 1", UNCLEAR, None, 0.4, 0.4, (f"most like {names[0]}",), matches)
        )
        refused = (Refused("track 9", (f"stands beside {names[0]}",)),)
        return Identification(
            (answer,), (walker,), refused, Gallery(known), len(names), None, 0.01, None, (f"on {names[0]}",)
        )

    return make
