from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.body import open_body
from meshgait_cli.body.rasteriser import silhouettes
from meshgait_cli.body.shade import shade, vertex_normals

RED, BLUE = (220, 40, 40), (40, 40, 220)


def sheet(left: float, right: float, depth: float) -> np.ndarray:
    """A square that faces the camera (its winding seen anticlockwise with y down and z away)."""
    return np.array([[left, left, depth], [left, right, depth], [right, right, depth], [right, left, depth]])


FACES = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("height", [60, 500])
def test_a_body_is_drawn_where_its_silhouette_is_and_nowhere_else(height: int) -> None:
    body = open_body.load()
    pose = np.zeros((1, 24, 3))
    pose[0, 1, 0], pose[0, 16, 2], pose[0, 17, 2] = 0.4, -1.2, 1.2
    vertices = body.pose(pose).vertices[0].numpy() * [1, -1, -1] * (height / 2)
    vertices[:, :2] += [height / 2, height * 0.52]
    picture = shade(vertices, body.faces.numpy(), height, height, RED, samples=1)
    expected = silhouettes(vertices[None, :, :2], body.faces, height, height).numpy()[0] > 0
    assert expected.sum() > 0.05 * height**2
    assert ((picture[..., 3] > 0) != expected).sum() <= 2


def test_the_nearer_surface_hides_the_farther_one() -> None:
    both = np.concatenate([sheet(2, 18, 5.0), sheet(6, 14, 1.0)])
    for faces in (np.concatenate([FACES, FACES + 4]), np.concatenate([FACES + 4, FACES])):
        tilted = both.copy()
        tilted[4:6, 2] -= 0.5  # the near one is turned a little, so that its light differs
        picture = shade(tilted, faces, 20, 20, RED, samples=1)
        assert (picture[10, 10, :3] != picture[3, 3, :3]).any()
        behind = tilted.copy()
        behind[4:, 2] += 9
        assert (shade(behind, faces, 20, 20, RED, samples=1)[10, 10, :3] == picture[3, 3, :3]).all()


def test_a_triangle_larger_than_the_picture_fills_it() -> None:
    picture = shade(sheet(-7e5, 9e5, 0.0), FACES, 40, 30, BLUE)
    assert (picture[..., 3] == 255).all()
    assert picture[20, 15, 2] > picture[20, 15, 0]


def test_edges_are_shares_of_area() -> None:
    picture = shade(sheet(2.5, 6.0, 0.0), FACES, 10, 10, RED, samples=2)
    assert picture[4, 4, 3] == 255
    assert picture[4, 2, 3] == pytest.approx(128, abs=1)
    assert picture[2, 2, 3] == pytest.approx(64, abs=1)
    assert abs(int(picture[4, 2, 0]) - int(picture[4, 4, 0])) < 12  # colour is not darkened by the edge


@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_what_is_out_of_the_picture_is_not_drawn(shift: float) -> None:
    assert not shade(sheet(2, 8, 0.0) + np.array([shift, 0, 0]), FACES, 10, 10, RED).any()


def test_the_back_of_a_surface_is_not_drawn() -> None:
    assert not shade(sheet(2, 8, 0.0), FACES[:, ::-1], 10, 10, RED).any()


def test_light_falls_from_above() -> None:
    up, down = sheet(2, 18, 0.0), sheet(2, 18, 0.0)
    up[[0, 3], 2] = 8  # the upper edge leans away, so the sheet looks upward
    down[[1, 2], 2] = 8
    bright, dark = (shade(s, FACES, 20, 20, RED)[10, 10, 0] for s in (up, down))
    assert bright > dark + 30


def test_normals_of_a_body_point_outward() -> None:
    body = open_body.load()
    vertices = body.v_template.numpy().astype(np.float64)
    normals = vertex_normals(vertices, body.faces.numpy())
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    trunk = body.weights.numpy()[:, [0, 3, 6]].sum(1) > 0.8
    outward = vertices[trunk] * [1, 0, 1]
    assert ((normals[trunk] * outward).sum(1) > 0).mean() > 0.95
