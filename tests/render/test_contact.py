"""The contact sheet shows what it says it shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from meshgait_cli.records import SilhouetteSequence, TrackQuality
from meshgait_cli.render.contact import contact_sheet, write_png

RED, AMBER, GREEN = (190, 44, 38), (214, 140, 20), (24, 128, 66)


def sequence(count: int, timed: bool = True) -> SilhouetteSequence:
    """Legs that open and close twice a second, 25 frames a second."""
    silhouettes = np.zeros((count, 64, 64), dtype=np.uint8)
    times = np.arange(count) / 25
    for silhouette, time in zip(silhouettes, times, strict=True):
        apart = 6 + 5 * np.sin(2 * np.pi * 2 * time)
        silhouette[2:40, 27:37] = 255
        for side in (-1, 1):
            cv2.line(silhouette, (32, 38), (round(32 + side * apart), 63), 255, 3)
    return SilhouetteSequence(
        silhouettes,
        np.arange(count),
        times if timed else np.full(count, np.nan),
        np.full((count, 3), np.nan, dtype=np.float32),
    )


def verdict(*reasons: str) -> TrackQuality:
    return TrackQuality(
        usable=not reasons,
        reasons=reasons,
        score=0.0 if reasons else 0.9,
        height_px=180.0,
        cut_fraction=0.1,
        complete_fraction=0.9,
        overlap_fraction=0.0,
        walking_fraction=0.5,
        gait_cycles=3.2,
        silhouettes=100,
    )


def pixels(sheet: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((sheet == colour).all(axis=2).sum())


@pytest.mark.parametrize("count", [0, 1, 2, 5, 48, 300])
@pytest.mark.parametrize("timed", [True, False])
def test_any_number_of_silhouettes_gives_a_sheet(count: int, timed: bool) -> None:
    sheet = contact_sheet(sequence(count, timed), None, verdict(), None, "track 1")
    assert sheet.dtype == np.uint8
    assert sheet.shape[1:] == (1296, 3)
    assert pixels(sheet, GREEN) > 1000  # the badge
    assert pixels(sheet, AMBER) == 0


def test_the_sheet_grows_by_the_rows_it_needs() -> None:
    heights = [
        contact_sheet(sequence(n), None, verdict(), None, "t").shape[0] for n in (12, 13, 24, 25, 48, 500)
    ]
    assert heights[0] < heights[1] == heights[2] < heights[3]
    assert heights[4] == heights[5]  # never more than 48


def test_each_reason_is_written_and_the_badge_turns_red() -> None:
    good = contact_sheet(sequence(30), None, verdict(), None, "t")
    bad = contact_sheet(sequence(30), None, verdict("stands", "cut off"), None, "t")
    assert pixels(good, GREEN) > 1000 > pixels(bad, GREEN)
    assert pixels(bad, RED) > pixels(good, RED) + 1000
    assert bad.shape[0] == good.shape[0] + 2 * 24


def test_frames_that_do_not_walk_or_are_left_out_are_framed() -> None:
    walking = np.arange(48) >= 12
    good = walking & (np.arange(48) < 36)
    plain = contact_sheet(sequence(48), None, verdict(), None, "t")
    marked = contact_sheet(sequence(48), None, verdict(), walking, "t", good)
    frame = 4 * 96 * 3 * 0.9
    assert 12 * frame < pixels(marked, AMBER) < 14 * frame
    assert pixels(marked, RED) - pixels(plain, RED) > 10 * frame


def test_the_energy_image_is_the_mean_of_what_counts() -> None:
    shown = sequence(40)
    shown.silhouettes[:20] = 255  # frames of standing, which must not enter
    walking = np.arange(40) >= 20
    sheet = contact_sheet(shown, None, verdict(), walking, "t")
    with_standing = contact_sheet(shown, None, verdict(), None, "t")
    corner = (slice(150, 180), slice(40, 60))  # in the image, beside the body
    assert sheet[corner].max() == 0
    assert with_standing[corner].min() > 100


def test_thumbnails_are_shown_in_their_colours() -> None:
    thumbnails = [
        np.full((160, 60, 3), (10, 200, 240), np.uint8),
        np.full((20, 90, 3), (240, 20, 200), np.uint8),
    ]
    sheet = contact_sheet(sequence(20), thumbnails, verdict(), None, "t")
    assert pixels(sheet, (10, 200, 240)) > 3000
    assert pixels(sheet, (240, 20, 200)) > 1000


def test_a_png_is_written_in_rgb_and_replaces_the_old_one(tmp_path: Path) -> None:
    image = np.zeros((8, 9, 3), dtype=np.uint8)
    image[..., 0] = 255
    path = tmp_path / "contact" / "1.png"
    write_png(path, np.zeros_like(image))
    write_png(path, image)
    np.testing.assert_array_equal(cv2.imread(str(path))[0, 0], (0, 0, 255))  # OpenCV reads BGR
    assert [p.name for p in path.parent.iterdir()] == ["1.png"]


def test_a_failed_write_leaves_the_old_picture_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.png"
    write_png(path, np.zeros((4, 4, 3), dtype=np.uint8))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meshgait_cli.atomic.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write_png(path, np.full((4, 4, 3), 255, dtype=np.uint8))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
