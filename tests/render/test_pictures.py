from __future__ import annotations

import numpy as np

from meshgait_cli.render.heatmaps import heatmap_sheet, joint_colour
from meshgait_cli.render.palette import track_colour
from meshgait_cli.render.turntable import VIEWS, turned, turntable

BOX = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.5, 0.5) for z in (-0.05, 0.05)], np.float32)
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
     [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.int32,
)  # fmt: skip


def test_turning_once_round_is_no_turn() -> None:
    assert np.allclose(turned(BOX, 0), turned(BOX, 360), atol=1e-9)
    assert np.allclose(np.linalg.norm(turned(BOX, 77), axis=1), np.linalg.norm(BOX, axis=1))


def test_a_turntable_shows_every_view_of_every_moment() -> None:
    sheet = turntable([BOX, BOX * 0.8], ["0.1 s", "0.4 s"], FACES, (255, 0, 0), "a box")
    red = (sheet[..., 0] > 60) & (sheet[..., 1] < 60)
    tiles = red[62 : 62 + 480, 78 : 78 + 170 * len(VIEWS)].reshape(2, 240, len(VIEWS), 170)
    seen = tiles.sum(axis=(1, 3))
    assert (seen > 500).all()
    assert (seen[0] > seen[1]).all()
    assert seen[0, 0] > seen[0, 2]  # a box is broader from the front


def test_heatmaps_light_up_where_the_joint_is() -> None:
    volumes = np.zeros((1, 88, 16, 16, 16), np.float32)
    volumes[0, 1, 8, 4, 12] = 5  # left hip: row 4, column 12
    sheet = heatmap_sheet(
        np.full((1, 64, 64), 255, np.uint8), volumes, np.zeros((1, 24, 3)), ["0 s"], 15.0, "title"
    )
    front = sheet[40 + 250 + 20 : 40 + 250 + 20 + 216, 6 : 6 + 216].astype(int)
    warm = front[..., 0] - front[..., 2]
    row, column = np.unravel_index(warm.argmax(), warm.shape)
    assert abs(row / 216 * 16 - 4.5) <= 0.6
    assert abs(column / 216 * 16 - 12.5) <= 0.6


def test_colours_tell_sides_and_tracks_apart() -> None:
    assert joint_colour(1)[0] > joint_colour(2)[0]
    assert joint_colour(1)[2] < joint_colour(2)[2]
    assert len({track_colour(number) for number in range(1, 40)}) == 39
