"""Pictures to judge by: what is on them is what was made, and what was found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from meshgait_cli.errors import NoWalkerError, ResultError, UsageError
from meshgait_cli.results.directory import building, write_manifest
from meshgait_cli.results.manifest import SCHEMA, Manifest, TrackEntry, VideoEntry
from meshgait_cli.synth.camera import Camera
from meshgait_cli.synth.dataset import make_dataset
from meshgait_cli.synth.plan import SynthSettings
from meshgait_cli.synth.sheet import Strip, beside_sheet, contact_sheet, sheet
from meshgait_cli.synth.walkers import make_identity, render_sequence


def _picture(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_silhouettes_stand_in_their_row_and_column():
    left = Strip(np.full((9, 64, 64), 255, np.uint8), "left")
    right = Strip(np.zeros((9, 64, 64), np.uint8), "right")
    picture = sheet([[left, right], [right]], 3, "title")
    white = (picture == 255).all(2)
    black = (picture == 0).all(2)
    assert white.sum() == 3 * 44 * 64
    assert black.sum() == 2 * 3 * 44 * 64
    assert np.flatnonzero(white.any(0)).max() < np.flatnonzero(black.any(0)).max()


def test_an_empty_strip_leaves_a_gap():
    assert sheet([[Strip(np.zeros((0, 64, 64), np.uint8), "nobody")]], 4, "title").shape[2] == 3


def test_the_contact_sheet_shows_a_row_for_each_identity(tmp_path):
    settings = SynthSettings(frames=4, sequences=1, severity="clean")
    make_dataset(tmp_path / "set", 2, settings)
    contact_sheet(tmp_path / "set", tmp_path / "two.png")
    contact_sheet(tmp_path / "set", tmp_path / "one.png", identities=1)
    two, one = _picture(tmp_path / "two.png"), _picture(tmp_path / "one.png")
    assert two.shape[0] > one.shape[0]
    assert 1.5 < (two == 255).all(2).sum() / (one == 255).all(2).sum() < 2.7


def _result(folder, silhouettes, usable=True):
    count = len(silhouettes)
    video = VideoEntry(
        name="walk", address="walk.mp4", sha256=None, bytes=None, width=64, height=64, fps=25, frames=count,
        duration_s=1, rotation=0, codec="h264", damage=None,
    )  # fmt: skip
    track = TrackEntry(
        id=1, frames=count, first_frame=0, last_frame=count - 1, start_s=0, end_s=1, usable=usable,
        reasons=[] if usable else ["stands"], score=1, height_px=60, cut_fraction=0, complete_fraction=1,
        overlap_fraction=0, walking_fraction=1, gait_cycles=2, silhouettes=count,
        silhouette_file="silhouettes/1.npz", contact_file=None, embedded=False,
    )  # fmt: skip
    with building(folder) as made:
        (made / "silhouettes").mkdir()
        np.savez(
            made / "silhouettes" / "1.npz", silhouettes=silhouettes, frames=np.arange(count),
            times=np.arange(count) / 25, transform=np.zeros((count, 3), np.float32),
            good=np.ones(count, dtype=bool),
        )  # fmt: skip
        write_manifest(
            made,
            Manifest(
                schema_version=SCHEMA, meshgait_version="0", created="", fingerprint="", video=video,
                settings={}, models=[], tracks=[track], dropped=[], seconds={}, notes=[],
            ),
        )  # fmt: skip
    return folder


def test_the_likest_walk_stands_beside_a_real_one(tmp_path):
    """A "real" track that is itself one of the pool's walks finds that walk."""
    settings = SynthSettings(seed=8)
    number = 2
    same = render_sequence(
        make_identity(8, number), np.random.default_rng([8, number, 7]), 20, planted=settings.plants
    )
    result = _result(tmp_path / "result", same.silhouettes)
    assert beside_sheet([result], tmp_path / "beside.png", settings, pool=5, frames=20) == 1
    picture = _picture(tmp_path / "beside.png")
    half = 20 * 44
    rows = slice(24 + 28 + 18, 24 + 28 + 18 + 64)
    left = picture[rows, 24 : 24 + half]
    right = picture[rows, 24 + half + 14 : 24 + 2 * half + 14]
    np.testing.assert_array_equal(left, right)
    assert left.any()


def test_results_without_a_walker_say_so(tmp_path):
    walk = render_sequence(
        make_identity(1, 1), np.random.default_rng(1), 5, camera=Camera(90, 3, 0, 8, 0, 100)
    ).silhouettes
    result = _result(tmp_path / "result", walk, usable=False)
    with pytest.raises(NoWalkerError, match="usable"):
        beside_sheet([result], tmp_path / "x.png", pool=2)
    with pytest.raises(ResultError):
        beside_sheet([tmp_path], tmp_path / "x.png", pool=2)
    with pytest.raises(UsageError):
        beside_sheet([_result(tmp_path / "good", walk)], tmp_path / "x.png", pool=0)
    assert not (tmp_path / "x.png").exists()
