"""Synthetic walkers: deterministic, truth that lies on the silhouette, faults that do what they say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from meshgait_cli.synth import faults, walkers
from meshgait_cli.synth.camera import Camera
from meshgait_cli.synth.faults import SEVERITIES, Faults, Passer, sample_faults
from meshgait_cli.synth.walkers import make_identity, render_sequence


def _side(azimuth: float = 90.0) -> Camera:
    return Camera(azimuth=azimuth, elevation=3.0, roll=0.0, distance=8.0, drift=0.0, pixels=110.0)


def _draw(number: int = 0, seed: int = 0, **options):
    return render_sequence(make_identity(1, number), np.random.default_rng(seed), 12, **options)


def test_the_same_seed_draws_the_same_sequence():
    first, again, other = _draw(seed=1), _draw(seed=1), _draw(seed=2)
    np.testing.assert_array_equal(first.silhouettes, again.silhouettes)
    np.testing.assert_array_equal(first.joints, again.joints)
    assert (first.silhouettes != other.silhouettes).any()


def test_shapes_and_types():
    sequence = _draw()
    assert sequence.silhouettes.shape == (12, 64, 64)
    assert sequence.silhouettes.dtype == np.uint8
    assert sequence.joints.shape == (12, 24, 3)
    assert sequence.markers.shape == (12, 64, 3)


@pytest.mark.parametrize("number", range(6))
def test_the_body_lies_inside_its_silhouette(number):
    sequence = _draw(number, severity="clean", carrying=False)
    points = np.concatenate([sequence.joints, sequence.markers], axis=1)
    place = np.floor((points[..., :2] + 0.5) * 64).astype(int).clip(0, 63)
    inside = sequence.silhouettes[np.arange(12)[:, None], place[..., 1], place[..., 0]] > 30
    assert inside[:, :24].mean() > 0.93
    assert inside[:, 24:].mean() > 0.8  # markers lie on the skin: many are on the outline itself
    assert np.abs(points[..., :2]).max() < 0.55


def test_head_up_feet_down_and_left_and_right_as_the_camera_sees_them():
    front = _draw(camera=_side(0), severity="clean", carrying=False, outfit=0)
    assert (front.joints[:, 15, 1] < -0.3).all()
    assert (front.joints[:, [7, 8], 1] > 0.2).all()
    # Whoever comes towards the camera has the left shoulder on the picture's right.
    assert (front.joints[:, 16, 0] > front.joints[:, 17, 0]).all()
    away = _draw(camera=_side(180), severity="clean", carrying=False, outfit=0)
    assert (away.joints[:, 16, 0] < away.joints[:, 17, 0]).all()


def test_who_walks_to_the_right_points_the_toes_right_and_has_the_right_side_near():
    right = _draw(camera=_side(90), severity="clean", carrying=False, outfit=0)
    ankles, toes = right.joints[:, [7, 8]], right.joints[:, [10, 11]]
    assert (toes[..., 0] - ankles[..., 0]).mean() > 0.03
    assert (right.joints[:, 2, 2] < right.joints[:, 1, 2]).mean() > 0.9  # z grows away from the camera
    left = _draw(camera=_side(270), severity="clean", carrying=False, outfit=0)
    assert (left.joints[:, [10, 11], 0] - left.joints[:, [7, 8], 0]).mean() < -0.03


def test_depth_is_measured_from_the_pelvis():
    np.testing.assert_allclose(_draw(severity="clean").joints[:, 0, 2], 0, atol=1e-6)


def test_the_legs_open_and_close_at_the_persons_cadence():
    sequence = render_sequence(
        make_identity(1, 3), np.random.default_rng(0), 60, camera=_side(), severity="clean", fps=30.0
    )
    gap = np.abs(sequence.joints[:, 7, 0] - sequence.joints[:, 8, 0])
    assert gap.max() > 3 * max(gap.min(), 0.005)
    steps = (np.ptp(sequence.phases)) / np.pi
    assert 2 < steps < 6  # in two seconds


def test_clothes_belong_to_a_wardrobe_that_persists():
    identity = make_identity(1, 5)
    again = make_identity(1, 5)
    for mine, same in zip(identity.wardrobe, again.wardrobe, strict=True):
        np.testing.assert_array_equal(mine.thickness, same.thickness)


def test_a_bag_adds_to_the_outline():
    def area(carrying):
        options = {"camera": _side(), "severity": "clean", "outfit": 0, "fps": 20.0}
        return sum(
            np.mean([_draw(n, seed=4, carrying=carrying, **options).silhouettes.mean()]) for n in range(6)
        )

    assert area(True) > area(False)


def _faults(**changes) -> Faults:
    plain = {
        "severity": "heavy", "rows": 0, "blocky": False, "blur": 0.0, "threshold": 0.5, "noise": 0.0,
        "still": 0.0, "close": 0.0, "open": 0.0, "melt": 0.0, "feet": 0.0, "head": 0.0, "side": 0.0,
        "shadow": None, "chunks": (), "wreck": 0.0, "passer": None, "seed": 0,
    }  # fmt: skip
    return Faults(**(plain | changes))


def _figure() -> tuple[np.ndarray, np.ndarray]:
    masks = np.zeros((3, 120, 100), np.uint8)
    masks[:, 10:110, 35:65] = 255
    joints = np.full((3, 24, 2), 50.0)
    joints[:, [10, 11], 1] = 108
    return masks, joints


def test_no_fault_leaves_a_mask_alone():
    masks, joints = _figure()
    np.testing.assert_array_equal(_faults().apply(masks, joints, np.random.default_rng(0)), masks)


def test_cuts_take_off_what_they_say():
    masks, joints = _figure()
    cut = _faults(feet=0.2).apply(masks, joints, np.random.default_rng(0))
    lost = 100 - cut.any(2).sum(1)
    assert ((lost >= 12) & (lost <= 22)).all()
    np.testing.assert_array_equal(cut[:, 10:80], masks[:, 10:80])


def test_a_coarse_grid_makes_blocks():
    masks, joints = _figure()
    masks[:, 10:60, 35] = 0
    blocks = _faults(rows=25, blocky=True).apply(masks, joints, np.random.default_rng(0))
    edges = np.flatnonzero(np.diff(blocks[0].any(1).astype(int)))
    assert len(edges) == 2
    assert abs(int(edges[1] - edges[0]) - 100) <= 8


@pytest.mark.parametrize("severity", SEVERITIES)
def test_faults_never_lose_the_person(severity):
    masks, joints = _figure()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        drawn = replace(sample_faults(rng, severity), passer=None)  # who may hide them
        faulty = drawn.apply(masks, joints, rng)
        assert (faulty.sum((1, 2), dtype=np.int64) > 0.2 * masks.sum((1, 2), dtype=np.int64)).all()


def test_faults_persist_through_a_sequence():
    masks, joints = _figure()
    rng = np.random.default_rng(0)
    still = _faults(still=0.6, blur=0.02).apply(masks, joints, rng)
    assert (still != masks).any()
    np.testing.assert_array_equal(still[0], still[1])


def test_a_pole_hides_a_strip_that_moves_on():
    masks, joints = _figure()
    pole = Passer(at=0.5, speed=0.06, width=0.08, tall=1.3, joins=False)
    seen = _faults(passer=pole).apply(masks, joints, np.random.default_rng(0))
    for frame, left in zip(seen, (40, 46, 52), strict=True):
        expected = masks[0].copy()
        expected[:, left : left + 8] = 0
        np.testing.assert_array_equal(frame, expected)


def test_what_is_low_hides_legs_and_somebody_who_comes_by_is_joined():
    masks, joints = _figure()
    hedge = Passer(at=0.5, speed=0.0, width=2.0, tall=0.3, joins=False)
    low = _faults(passer=hedge).apply(masks, joints, np.random.default_rng(0))
    assert not low[:, 80:].any()
    np.testing.assert_array_equal(low[:, :80], masks[:, :80])
    someone = Passer(at=0.5, speed=0.25, width=0.2, tall=1.0, joins=True)
    both = _faults(passer=someone).apply(masks, joints, np.random.default_rng(0))
    assert (both >= masks).all()
    assert both[0, :, :35].any()
    assert both[2, :, 65:].any()


def test_whoever_is_hidden_nearly_whole_is_lost():
    masks, joints = _figure()
    wall = Passer(at=0.0, speed=0.5, width=0.6, tall=1.3, joins=False)
    seen = _faults(passer=wall).apply(masks, joints, np.random.default_rng(0))
    assert [bool(frame.any()) for frame in seen] == [False, True, True]


def test_streams_drop_frames_of_some_walks():
    gaps = []
    for seed in range(200):
        numbers = walkers._seen(np.random.default_rng(seed), 24)
        assert (np.diff(numbers) >= 1).all()
        gaps.append(numbers[-1] - numbers[0] - 23)
    assert 0.03 < np.mean(np.array(gaps) > 0) < 0.15


def test_closing_and_opening_near_the_person_is_that_of_the_whole_picture():
    rng = np.random.default_rng(0)
    for size in (2.0, 3.4, 7.0):
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (round(size), round(size)))
        for left, top in ((40, 30), (0, 0), (60, 70)):  # within, and at either border
            mask = np.zeros((120, 100), np.uint8)
            mask[top : top + 50, left : left + 40] = 255 * (rng.random((50, 40)) < 0.6)
            for how in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
                near = mask.copy()
                faults._morph(near, how, size)
                np.testing.assert_array_equal(near, cv2.morphologyEx(mask, how, disc))


def test_only_pieces_of_some_size_are_left():
    mask = np.zeros((90, 60), np.uint8)
    mask[5:45, 10:30] = 255  # 800 pixels
    mask[50:60, 10:20] = 255  # an eighth of that
    expected = mask.copy()
    mask[70:79, 40:51] = 255  # 99
    faults._keep_main_part(mask)
    np.testing.assert_array_equal(mask, expected)
    nobody = np.zeros((9, 9), np.uint8)
    faults._keep_main_part(nobody)
    assert not nobody.any()


def test_while_nobody_is_seen_the_last_silhouette_stays():
    masks, joints = _figure()
    masks = np.concatenate([np.zeros_like(masks[:1]), masks[:1], np.zeros_like(masks[:1]), masks[:1, ::-1]])
    points = np.concatenate([joints, joints[:1]])
    silhouettes, placed, transform = walkers._normalised(masks, points, np.zeros((4, 24)))
    assert not silhouettes[0].any()
    assert not placed[0].any()
    assert np.isnan(transform[0]).all()
    for array in (silhouettes, placed, transform):
        np.testing.assert_array_equal(array[2], array[1])
        assert array[1].any()
        assert array[3].any()
    assert np.isfinite(transform[1:]).all()
