from __future__ import annotations

import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body
from meshgait_cli.body.rasteriser import Outline, silhouettes

CUBE = np.array(
    [
        *([0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4]),
        *([2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]),
    ]
)


def reference(points: np.ndarray, faces: np.ndarray, height: int, width: int) -> np.ndarray:
    """height×width bool: every triangle, every pixel centre, in double precision."""
    y, x = np.mgrid[:height, :width] + 0.5
    covered = np.zeros((height, width), dtype=bool)
    for a, b, c in points.astype(np.float64)[faces]:
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        covered |= np.all([s >= 0 for s in sides], axis=0) | np.all([s <= 0 for s in sides], axis=0)
    return covered


def walkers(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """count×V×2 pixel coordinates of the proxy in random poses and views, and its faces."""
    body, random = open_body.load().proxy(), np.random.default_rng(3)
    vertices = body.pose(random.normal(0, 0.25, (count, 24, 3)), random.normal(0, 1, (count, 32))).vertices
    scale = size / 2.1
    turn = random.uniform(0, 2 * np.pi, count)[:, None]
    x, y, z = vertices.numpy().transpose(2, 0, 1)
    across = x * np.cos(turn) + z * np.sin(turn)
    return np.stack([size / 2 + across * scale, size * 0.52 - y * scale], -1), body.faces.numpy()


@pytest.mark.parametrize("size", [44, 64, 144])
def test_a_body_is_covered_as_by_every_triangle_one_by_one(size: int) -> None:
    points, faces = walkers(4, size)
    drawn = silhouettes(points, faces, size, size).numpy()
    assert drawn.dtype == np.uint8
    assert set(np.unique(drawn)) == {0, 255}
    for one, picture in zip(points, drawn, strict=True):
        expected = reference(one, faces, size, size)
        assert expected.sum() > 0.02 * size**2
        # A pixel whose centre lies on an edge may go either way.
        assert ((picture > 0) != expected).sum() <= 2


def test_a_cube_in_any_attitude_has_no_pinhole() -> None:
    corners = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)]) - 0.5
    turns = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 3, 3)))[0]
    turns *= np.sign(np.linalg.det(turns))[:, None, None]
    points = (corners @ turns)[..., :2] * 30 + 32
    drawn = silhouettes(points, CUBE, 64, 64).numpy() > 0
    for one, picture in zip(points, drawn, strict=True):
        assert (picture != reference(one, CUBE, 64, 64)).sum() <= 1


def test_a_square_on_the_grid_covers_its_own_pixels() -> None:
    square = np.array([[[2, 3], [7, 3], [7, 9], [2, 9]]], dtype=np.float32)
    for winding in ([[0, 1, 2], [0, 2, 3]], [[0, 2, 1], [0, 3, 2]]):  # an open mesh, seen from either side
        expected = np.zeros((12, 12), dtype=np.uint8)
        expected[3:9, 2:7] = 255
        assert (silhouettes(square, np.array(winding), 12, 12).numpy()[0] == expected).all()


@pytest.mark.parametrize(
    ("shift", "covered"), [((-5, 0), 32), ((7, 0), 32), ((0, -6), 24), ((40, 0), 0), ((0, 40), 0)]
)
def test_what_lies_outside_the_picture_is_cut(shift: tuple[int, int], covered: int) -> None:
    square = np.array([[[1, 1], [9, 1], [9, 9], [1, 9]]], dtype=np.float32) + shift
    drawn = silhouettes(square, np.array([[0, 1, 2], [0, 2, 3]]), 12, 12).numpy()[0] > 0
    assert (drawn == reference(square[0], np.array([[0, 1, 2], [0, 2, 3]]), 12, 12)).all()
    assert drawn.sum() == covered


def test_grey_edges_are_shares_of_covered_area() -> None:
    square = np.array([[[2.25, 2.5], [6.75, 2.5], [6.75, 6], [2.25, 6]]], dtype=np.float32)
    drawn = silhouettes(square, np.array([[0, 1, 2], [0, 2, 3]]), 8, 8, samples=4).numpy()[0]
    assert drawn[4, 4] == 255
    assert drawn[4, 2] == pytest.approx(255 * 0.75, abs=1)
    assert drawn[2, 4] == pytest.approx(255 * 0.5, abs=1)
    assert drawn[2, 2] == pytest.approx(255 * 0.375, abs=1)
    assert drawn.sum() / 255 == pytest.approx(4.5 * 3.5, rel=0.01)


def test_chunks_do_not_show() -> None:
    points, faces = walkers(7, 64)
    outline = Outline(faces)
    assert torch.equal(outline(points, 64, 64, chunk=3), outline(points, 64, 64))
    assert torch.equal(outline(points[:1], 64, 64)[0], outline(points, 64, 64)[0])


def test_nobody_gives_no_picture() -> None:
    assert Outline(CUBE)(np.zeros((0, 8, 2)), 64, 44).shape == (0, 64, 44)


def test_faces_that_are_no_triangles_are_refused() -> None:
    with pytest.raises(ValueError, match="F×3"):
        Outline(np.zeros((4, 4), dtype=int))
    with pytest.raises(ValueError, match="finite"):
        Outline(CUBE)(np.full((1, 8, 2), np.nan), 8, 8)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_the_same() -> None:
    points, faces = walkers(5, 64)
    outline = Outline(faces)
    here = outline(points, 64, 64)
    there = outline(torch.from_numpy(points).cuda().float(), 64, 64).cpu()
    assert (here != there).float().mean() < 1e-3
