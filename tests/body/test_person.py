"""A body fitted to points over time: the shape, the pose, and limbs that keep their flesh."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body, person
from meshgait_cli.body.person import fit_person
from meshgait_cli.synth.motion import cycle, sample_style

HEIGHTS_A_METRE = 0.58


def walker(frames: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """joints, markers, vertices of somebody of a shape of their own, walking to the right."""
    rng = np.random.default_rng(3)
    rotations, _ = cycle(sample_style(rng), np.linspace(0, 2 * np.pi, frames))
    turned = rotations.copy()
    turned[:, 0] = [0, np.pi / 2, 0]
    betas = torch.from_numpy(rng.normal(0, 1, 10)).float()
    posed = open_body.load().shape(betas).pose(torch.from_numpy(turned).float())
    flip = np.array([1, -1, -1]) * HEIGHTS_A_METRE
    joints, vertices = posed.joints.numpy() * flip, posed.vertices.numpy() * flip
    return joints, vertices[:, open_body.marker_vertices()], vertices


def millimetres(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth, axis=-1).mean() / HEIGHTS_A_METRE * 1000)


def test_the_body_behind_the_points_is_found_again() -> None:
    joints, markers, vertices = walker()
    found = fit_person(open_body.load(), joints, markers, open_body.marker_vertices())
    assert millimetres(found.joints, joints) < 27
    assert millimetres(found.vertices(np.arange(len(joints))), vertices) < 27


def test_points_that_shiver_are_no_reason_to_shiver() -> None:
    joints, markers, vertices = walker()
    noise = np.random.default_rng(0).normal(0, 0.03, (len(joints), 88, 3))
    shaken_joints, shaken = joints + noise[:, :24], markers + noise[:, 24:]
    found = fit_person(open_body.load(), shaken_joints, shaken, open_body.marker_vertices())
    decoded = np.einsum("tmc,mv->tvc", shaken, open_body.marker_decoder())
    own = found.vertices(np.arange(len(joints)))
    assert millimetres(own, vertices) < 0.7 * millimetres(decoded, vertices)
    assert np.abs(np.diff(own, n=2, axis=0)).mean() < 0.5 * np.abs(np.diff(decoded, n=2, axis=0)).mean()


def test_limbs_keep_their_girth_where_markers_draw_together() -> None:
    joints, markers, vertices = walker()
    centre = 0.5 * (joints[:, 4] + joints[:, 7])  # the left shin's
    shin = np.abs(markers - centre[:, None]).max(2).mean(0) < 0.08
    assert shin.sum() >= 2
    drawn = markers.copy()
    drawn[:, shin] = centre[:, None]
    found = fit_person(open_body.load(), joints, drawn, open_body.marker_vertices())
    decoded = np.einsum("tmc,mv->tvc", drawn, open_body.marker_decoder())
    near = np.linalg.norm(vertices - centre[:, None], axis=-1).mean(0) < 0.06

    def girth(mesh: np.ndarray) -> float:
        return float(np.linalg.norm(mesh[:, near] - mesh[:, near].mean(1, keepdims=True), axis=-1).mean())

    assert girth(found.vertices(np.arange(len(joints)))) > 0.9 * girth(vertices)
    assert girth(decoded) < 0.9 * girth(vertices)


def test_a_silhouette_says_where_a_point_of_no_confidence_is() -> None:
    joints, markers, vertices = walker()
    points = np.concatenate([joints, markers], axis=1)
    lost, left_leg = points.copy(), [4, 7, 10]
    wide = int(np.linalg.norm(joints[:, 7] - joints[:, 8], axis=1)[2:-2].argmax()) + 2
    lost[wide, left_leg] = 0.5 * (points[wide, left_leg] + points[wide, [5, 8, 11]])
    sure = np.ones((len(points), 88))
    sure[wide, left_leg] = 0
    filled = np.stack([outline(one) for one in vertices])
    places = open_body.marker_vertices()
    found = fit_person(open_body.load(), lost[:, :24], lost[:, 24:], places, filled, sure)
    trusting = fit_person(
        open_body.load(), lost[:, :24], lost[:, 24:], places, confidences=np.ones_like(sure)
    )
    errors = [np.linalg.norm(each.joints[wide, 7] - joints[wide, 7]) for each in (found, trusting)]
    assert errors[0] < errors[1]
    assert errors[0] < 0.03


def outline(vertices: np.ndarray) -> np.ndarray:
    """64×64: every triangle of a body filled."""
    picture = np.zeros((64, 64), np.uint8)
    places = np.round((vertices[:, :2] + 0.5) * 64 * 16 - 8).astype(np.int32)
    for face in open_body.load().faces.numpy():
        cv2.fillConvexPoly(picture, places[face], 255, shift=4)
    return picture


def test_a_long_walk_is_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person, "CHUNK", 8)
    joints, markers, _ = walker(20)
    found = fit_person(open_body.load(), joints, markers, open_body.marker_vertices())
    assert found.rotations.shape == (20, 24, 3)
    assert found.betas.ndim == 1
    assert millimetres(found.joints, joints) < 27


def test_one_frame_is_enough_and_none_is_not() -> None:
    joints, markers, _ = walker(1)
    found = fit_person(open_body.load(), joints, markers, open_body.marker_vertices())
    assert np.isfinite(found.vertices(np.array([0]))).all()
    with pytest.raises(ValueError, match="no frame"):
        fit_person(open_body.load(), joints[:0])
