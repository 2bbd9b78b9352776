from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from meshgait_cli.errors import ResultError
from meshgait_cli.results.directory import Result, building, find_newest, is_result
from meshgait_cli.results.manifest import MANIFEST, TrackEntry, VideoEntry


def finish(folder: Path, text: str = "{}") -> None:
    (folder / MANIFEST).write_text(text)


def test_a_result_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "clip"
    with building(final) as folder:
        finish(folder)
        assert not final.exists()
    assert is_result(final)
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), building(tmp_path / "clip") as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_the_older_result(tmp_path: Path) -> None:
    final = tmp_path / "clip"
    with building(final) as folder:
        finish(folder, "old")
    with pytest.raises(KeyboardInterrupt), building(final) as folder:
        finish(folder, "new")
        raise KeyboardInterrupt
    assert (final / MANIFEST).read_text() == "old"


def test_what_a_killed_run_left_behind_is_cleared(tmp_path: Path) -> None:
    stale = tmp_path / ".clip.partial"
    stale.mkdir()
    (stale / "spool").write_text("half a video")
    with building(tmp_path / "clip") as folder:
        assert list(folder.iterdir()) == []
        finish(folder)
    assert not stale.exists()


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "clip"
    mine.mkdir()
    (mine / "thesis.doc").write_text("years of work")
    with pytest.raises(ResultError, match="not a meshgait result"), building(mine):
        pass
    assert (mine / "thesis.doc").read_text() == "years of work"


def test_two_runs_never_build_one_result(tmp_path: Path) -> None:
    final = tmp_path / "clip"
    with building(final) as folder:
        with pytest.raises(ResultError, match="another meshgait"), building(final):
            pass
        finish(folder)
    assert is_result(final)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "damaged"), ("{", "damaged"), ("[]", "damaged"), ('{"schema_version": 1}', "damaged")],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str, said: str) -> None:
    finish(tmp_path, text)
    with pytest.raises(ResultError, match=said):
        Result(tmp_path)


VIDEO = {
    "name": "a", "address": "a.mp4", "sha256": None, "bytes": None, "width": 64, "height": 48, "fps": 25.0,
    "frames": 9, "duration_s": 0.4, "rotation": 0, "codec": "h264", "damage": None,
}  # fmt: skip
TRACK = {
    "id": 1, "frames": 9, "first_frame": 0, "last_frame": 8, "start_s": 0.0, "end_s": 0.3, "usable": True,
    "reasons": [], "score": 0.5, "height_px": 40.0, "cut_fraction": 0.0, "complete_fraction": 1.0,
    "overlap_fraction": 0.0, "walking_fraction": 1.0, "gait_cycles": 2.0, "silhouettes": 9,
    "silhouette_file": "silhouettes/1.npz", "contact_file": None, "embedded": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "whole", "field", "value"),
    [
        (VideoEntry, VIDEO, "duration_s", float("nan")),
        (VideoEntry, VIDEO, "fps", -3.0),
        (VideoEntry, VIDEO, "frames", 10**15),
        (TrackEntry, TRACK, "start_s", float("inf")),
        (TrackEntry, TRACK, "score", -5.0),
        (TrackEntry, TRACK, "walking_fraction", float("-inf")),
        (TrackEntry, TRACK, "id", 10**40),
        (TrackEntry, TRACK, "silhouettes", -3),
        (TrackEntry, TRACK, "silhouette_file", "a\0b"),
        (TrackEntry, TRACK, "contact_file", "a\0b"),
    ],
)
def test_a_number_or_name_that_cannot_be_is_damage(
    kind: type, whole: dict[str, object], field: str, value: object
) -> None:
    assert kind(**whole)
    with pytest.raises(ValidationError, match=field):
        kind(**{**whole, field: value})


def test_a_folder_without_manifest_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"manifest\.json"):
        Result(tmp_path)


def test_the_newest_result_is_found_two_levels_down(tmp_path: Path) -> None:
    import os

    for name, age in (("results/a", 100), ("results/b", 200), ("results/.hidden", 300)):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        finish(folder)
        os.utime(folder / MANIFEST, (age, age))
    assert find_newest(tmp_path) == tmp_path / "results/b"
    assert find_newest(tmp_path / "results/b") == tmp_path / "results/b"


def test_no_result_is_no_result(tmp_path: Path) -> None:
    assert find_newest(tmp_path) is None
