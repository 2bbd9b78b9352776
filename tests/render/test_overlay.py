from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.people.silhouette import normalise
from meshgait_cli.records import Frame
from meshgait_cli.render.overlay import Shown, draw, place_in_picture, write_overlay
from meshgait_cli.render.session import render_result
from meshgait_cli.video.decode import open_video

# A flat square facing the camera, one silhouette tall and half as wide.
SQUARE = np.array([[-0.25, -0.5, 0], [0.25, -0.5, 0], [0.25, 0.5, 0], [-0.25, 0.5, 0]], np.float32)
FACES = np.array([[0, 2, 1], [0, 3, 2]], np.int32)  # outward is towards the camera
ORANGE = (255, 140, 0)


def test_a_body_lies_where_its_silhouette_was_cut_from() -> None:
    mask = np.zeros((300, 400), np.uint8)
    mask[50:250, 150:250] = 255
    found = normalise(mask)
    assert found is not None
    placed = place_in_picture(SQUARE, np.array(found.in_picture(0, 0, 1.0)))
    assert np.allclose(placed[:, 0].min(), 150, atol=2)
    assert np.allclose(placed[:, 0].max(), 250, atol=2)
    assert np.allclose([placed[:, 1].min(), placed[:, 1].max()], [50, 250], atol=2)


def test_drawing_covers_the_body_and_nothing_else() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    draw(image, SQUARE * [80, 80, 80] + [50, 50, 0], FACES, ORANGE, alpha=1.0)
    drawn = image.any(axis=2)
    assert drawn[12:88, 32:68].all()
    assert not drawn[:9].any()
    assert not drawn[:, :29].any()


@pytest.mark.parametrize("shift", [(-500, 0), (500, 0), (0, -500), (60, 60), (-60, -60)])
def test_drawing_over_the_border_is_no_error(shift: tuple[int, int]) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    draw(image, SQUARE * 80 + [50 + shift[0], 50 + shift[1], 0], FACES, ORANGE)


@pytest.mark.parametrize("moved", [True, False])
def test_the_overlay_is_not_written_over_its_video(tmp_path: Path, moved: bool) -> None:
    film = tmp_path / "overlay.mp4"
    film.write_bytes(b"mine")
    known = SimpleNamespace(address="gone.mp4" if moved else str(film))
    result: Any = SimpleNamespace(folder=tmp_path, manifest=SimpleNamespace(video=known))
    nobody: Any = None
    with pytest.raises(UsageError, match="would overwrite what is read"):
        render_result(result, nobody, out=tmp_path, video=film if moved else None)
    assert film.read_bytes() == b"mine"


def test_the_overlay_is_a_video_with_people_on_their_frames(tmp_path: Path) -> None:
    frames = [Frame(np.zeros((90, 120, 3), np.uint8), i, i / 10) for i in range(10)]
    person = Shown(
        frames=np.array([3, 4, 5]),
        transform=np.tile(np.array([64 / 60, 30, 15], np.float32), (3, 1)),
        faces=FACES,
        colour=ORANGE,
        vertices_at=lambda row: SQUARE,
    )
    assert write_overlay(tmp_path / "o.mp4", frames, (120, 90), 10, [person]) == 3
    with open_video(tmp_path / "o.mp4") as reader:
        bright = [frame.image.max() > 60 for frame in reader]
    assert bright == [False] * 3 + [True] * 3 + [False] * 4
