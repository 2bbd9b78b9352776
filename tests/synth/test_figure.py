"""Dressed figures: closed meshes, colours that stay with what they are on, a z-buffer that is right."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from meshgait_cli.body.rasteriser import silhouettes
from meshgait_cli.synth.clothes import Cloud, Drape, Outfit
from meshgait_cli.synth.fabric import PATTERNS, Fabric, Grain
from meshgait_cli.synth.figure import dress
from meshgait_cli.synth.palette import BAG, BODY, COAT, SKIRT, Cut, sample_palette
from meshgait_cli.synth.pinhole import Pinhole
from meshgait_cli.synth.raster import fragments
from meshgait_cli.synth.tube import solid, tube_faces
from meshgait_cli.synth.walkers import make_identity

PLAIN = Outfit(np.zeros(24), 0.0, (), ())


def _palette(outfit: Outfit = PLAIN):
    return sample_palette(np.random.default_rng(1), np.random.default_rng(2), outfit)


def _is_closed(faces: np.ndarray) -> bool:
    edges = Counter()
    for face in faces.tolist():
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            edges[a, b] += 1
    return all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items())


def _volume(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


@pytest.mark.parametrize("count", [8, 40])
def test_a_solid_is_closed_faces_outwards_and_fills_its_cloud(count):
    rng = np.random.default_rng(0)
    half, middle = np.array([0.1, 0.3, 0.2]), np.array([1.0, 2, 3])
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    ball = rng.normal(size=(count, 3))
    ball = np.concatenate([np.eye(3), -np.eye(3), ball / np.linalg.norm(ball, axis=1)[:, None]])
    points = solid((corners if count == 8 else ball) * half + middle)
    faces = tube_faces(len(points))
    assert _is_closed(faces)
    np.testing.assert_allclose(points.max(0), middle + half, atol=0.01)
    box = 8 * half.prod()
    assert (0.7 if count == 8 else 0.45) * box < _volume(points - middle, faces) < box


def test_a_figure_is_closed_and_every_face_has_a_part():
    outfit = Outfit(
        np.zeros(24), 0.0, (Cloud(9, solid_points()),), (Drape(1.1, 0.3, 1.2), Drape(1.45, 0.6, 1.1))
    )
    figure = dress(np.zeros(32), outfit, _palette(outfit))
    assert _is_closed(figure.faces)
    assert set(np.unique(figure.part)) == {BODY, BAG, SKIRT, COAT}
    vertices, joints = figure.pose(np.zeros((2, 24, 3)), np.zeros((2, 3)))
    assert vertices.shape == (2, len(figure.rest), 3)
    assert joints.shape == (2, 24, 3)
    assert figure.faces.max() == len(figure.rest) - 1


def solid_points() -> np.ndarray:
    return np.array([(x, y, z) for x in (-0.1, 0.1) for y in (-0.2, 0.2) for z in (-0.3, -0.1)])


def test_a_skirt_goes_round_both_legs_down_to_its_hem():
    outfit = Outfit(np.zeros(24), 0.0, (), (Drape(1.1, 0.4, 1.0),))
    figure = dress(np.zeros(32), outfit, _palette(outfit))
    vertices, joints = figure.pose(np.zeros((1, 24, 3)), np.zeros((1, 3)))
    own = vertices[0, np.unique(figure.faces[figure.part == SKIRT])]
    hem = own[own[:, 1] < own[:, 1].min() + 0.03]
    knees = joints[0, [4, 5]]
    assert abs(own[:, 1].min() - (knees[:, 1].mean() - 0.05)) < 0.15
    assert hem[:, 0].min() < knees[:, 0].min() - 0.02
    assert hem[:, 0].max() > knees[:, 0].max() + 0.02


def test_clothes_are_on_the_body_where_they_belong():
    palette = _palette()
    identity = make_identity(1, 0)
    figure = dress(identity.betas, PLAIN, palette)
    _, joints = figure.pose(np.zeros((1, 24, 3)), np.zeros((1, 3)))
    plain = {
        name: Fabric("plain", dye, dye, 0.1, 0) for name, dye in (("top", (1, 0, 0)), ("lower", (0, 0, 1)))
    }

    dyed = replace(
        figure.palette, legs="long", skin=(0, 1, 0), bald=True, shoe=(1, 1, 1), sole=(1, 1, 1), **plain
    )
    at = joints[0, [9, 5, 22, 10]]
    colours = dyed.colours(np.zeros(4, np.uint8), at.astype(np.float32), Grain(np.random.default_rng(0)))
    np.testing.assert_allclose(colours[0], (1, 0, 0), atol=0.1)
    np.testing.assert_allclose(colours[1], (0, 0, 1), atol=0.1)
    np.testing.assert_allclose(colours[2], (0, 1, 0), atol=0.1)
    np.testing.assert_allclose(colours[3], (1, 1, 1), atol=0.1)


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_use_both_colours_or_one(kind):
    cloth = Fabric(kind, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), 0.05, 0)
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (2000, 3)).astype(np.float32)
    colours = cloth.paint(points[:, 1], points[:, 0], points, Grain(rng))
    share = colours[:, 2].mean()
    assert share == 0 if kind == "plain" else 0.1 < share < 0.9


def test_the_cut_follows_the_body():
    small, tall = (dress(np.eye(32)[0] * k, PLAIN, _palette()).palette.cut for k in (-2, 2))
    assert isinstance(small, Cut)
    assert small.neck != tall.neck


def test_the_nearest_triangle_is_seen():
    points = np.array([[2, 2, 5], [2, 18, 5], [18, 2, 5], [2, 2, 3], [2, 18, 3], [18, 2, 9]], float)
    found = fragments(points, np.array([[0, 1, 2], [3, 4, 5]]), 20, 20)
    seen = dict(zip(found.cell.tolist(), found.face.tolist(), strict=True))
    assert seen[10 * 20 + 3] == 1  # on the left the second lies before the first
    assert seen[3 * 20 + 14] == 0  # on the right behind
    assert len(seen) == len(found.cell)
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-5)
    turned = fragments(points, np.array([[0, 2, 1]]), 20, 20)
    assert not len(turned.cell)


def test_covered_pixels_are_those_of_the_exact_outline():
    figure = dress(np.zeros(32), PLAIN, _palette())
    vertices, _ = figure.pose(np.zeros((1, 24, 3)), np.array([[0, 1, 6.0]]))
    seen = Pinhole(120, 120, 200.0, 1.0, 0.0, 0.0).project(vertices[0])
    found = fragments(seen, figure.faces, 120, 120)
    mask = np.zeros(120 * 120, bool)
    mask[found.cell] = True
    exact = silhouettes(seen[None], figure.faces, 120, 120)[0].numpy().reshape(-1) > 0
    assert (mask != exact).mean() < 0.002


def test_a_pinhole_puts_things_where_they_are_seen():
    view = Pinhole(200, 100, 100.0, 1.5, 10.0, 0.0)
    straight = np.array([0, 1.5 - np.tan(np.deg2rad(10)) * 5, 5.0])
    np.testing.assert_allclose(view.project(straight)[:2], (100, 50), atol=1e-4)
    right, up = view.project(straight - [1, 0, 0]), view.project(straight + [0, 1, 0])
    assert right[0] > 110
    assert up[1] < 45
    ray = view.rays()[70, 150].astype(float)
    np.testing.assert_allclose(view.project(np.array([0, 1.5, 0]) + 4 * ray)[:2], (150.5, 70.5), atol=1e-3)
