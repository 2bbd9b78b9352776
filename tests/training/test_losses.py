"""Losses against cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from meshgait_cli.body.model import JOINT_NAMES
from meshgait_cli.body.reflection import MIRROR
from meshgait_cli.training.losses import (
    body_loss,
    contrast_loss,
    cross_entropy,
    mesh_loss,
    mirrored_points,
    nearer_body,
    part_distances,
    reflected_points,
    triplet_loss,
)


def test_distances_are_per_part_euclidean():
    features = torch.tensor([[[0.0, 0.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 1.0]]])  # 2 sequences × 2 parts × 2
    distances = part_distances(features)
    assert distances.shape == (2, 2, 2)
    assert distances[0, 0, 1].item() == pytest.approx(5.0)
    assert distances[1, 0, 1].item() == pytest.approx(0.0, abs=1e-3)


def test_distances_have_a_finite_gradient_at_nought():
    features = torch.ones(3, 2, 4, requires_grad=True)
    part_distances(features).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_triplet_averages_over_its_non_zero_terms():
    # Two of person 0, one of person 1, one part: d(0,1)=0.5, d(0,2)=0.6, d(1,2)=1.0.
    distances = torch.tensor([[[0.0, 0.5, 0.6], [0.5, 0.0, 1.0], [0.6, 1.0, 0.0]]])
    labels = torch.tensor([0, 0, 1])
    # Anchor 0: 0.5 − 0.6 + 0.2 = 0.1. Anchor 1: 0.5 − 1.0 + 0.2 < 0. One non-zero term.
    assert triplet_loss(distances, labels).item() == pytest.approx(0.1, abs=1e-6)


def test_triplet_is_nought_when_everybody_is_far_enough():
    distances = torch.tensor([[[0.0, 0.1, 2.0], [0.1, 0.0, 2.0], [2.0, 2.0, 0.0]]])
    assert triplet_loss(distances, torch.tensor([0, 0, 1])).item() == 0.0


def test_contrast_of_equal_distances_is_the_logarithm_of_the_choices():
    distances = torch.ones(2, 4, 4) - torch.eye(4)
    labels = torch.tensor([0, 0, 1, 1])
    assert contrast_loss(distances, labels, 0.1).item() == pytest.approx(math.log(3), rel=1e-5)


def test_contrast_by_hand_and_an_anchor_alone_does_not_count():
    distances = torch.tensor([[0.0, 0.1, 0.3], [0.1, 0.0, 0.3], [0.3, 0.3, 0.0]])
    labels = torch.tensor([0, 0, 1])
    expected = math.log(1 + math.exp((0.1 - 0.3) / 0.1))
    assert contrast_loss(distances, labels, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_indifferent_cosines_is_the_logarithm_of_the_classes():
    assert cross_entropy(torch.zeros(2, 3, 5), torch.tensor([0, 4])).item() == pytest.approx(math.log(5))


def test_cross_entropy_matches_each_part_with_its_own_label():
    logits = torch.zeros(2, 3, 4)
    logits[0, :, 1] = logits[1, :, 2] = 1.0
    right = cross_entropy(logits, torch.tensor([1, 2]), smoothing=0.0)
    wrong = cross_entropy(logits, torch.tensor([2, 1]), smoothing=0.0)
    assert right.item() < 1e-5
    assert wrong.item() == pytest.approx(16.0, rel=1e-3)


def test_mirrors_undo_themselves():
    assert sorted(MIRROR) == list(range(88))
    other = {"left": "right", "right": "left"}
    names = ["_".join(other.get(word, word) for word in name.split("_")) for name in JOINT_NAMES]
    assert [JOINT_NAMES[joint] for joint in MIRROR[:24]] == names
    points = torch.randn(5, 88, 3)
    torch.testing.assert_close(mirrored_points(mirrored_points(points)), points)
    torch.testing.assert_close(reflected_points(reflected_points(points)), points)


def test_the_markers_mirror_is_the_bodys():
    from meshgait_cli.body import open_body

    rest = open_body.load().v_template[open_body.marker_vertices()]
    points = torch.cat([torch.zeros(24, 3), rest])
    torch.testing.assert_close(mirrored_points(points)[24:], rest, atol=0.01, rtol=0)


def test_the_nearer_body_is_one_of_the_two_with_the_same_outline():
    truth = torch.rand(3, 88, 3) * 0.8 - 0.4
    for same in (truth, reflected_points(truth)):
        torch.testing.assert_close(nearer_body(same, truth), same)
        assert sum(body_loss(same, nearer_body(same, truth))).item() == pytest.approx(0.0, abs=1e-6)
    assert body_loss(reflected_points(truth), truth)[0].item() > 0.05
    mixture = (truth + reflected_points(truth)) / 2  # is neither
    assert body_loss(mixture, nearer_body(mixture, truth))[0].item() > 0.05


def test_the_nearer_body_is_chosen_by_the_points_that_are_asked_for():
    truth = torch.rand(2, 88, 3) * 0.8 - 0.4
    points = torch.tensor([3, 4, 20, 30, 70])
    for same in (truth, reflected_points(truth)):
        nearer = nearer_body(same[:, points], truth, points)
        torch.testing.assert_close(nearer, same[:, points])
        assert sum(body_loss(same[:, points], nearer, 3)).item() == pytest.approx(0.0, abs=1e-6)


def test_the_mesh_loss_is_nought_at_the_truth_and_reaches_the_volumes():
    from meshgait_cli.body import open_body
    from meshgait_cli.network.decode import BodyDecoder

    matrix = torch.from_numpy(open_body.marker_decoder())
    truth = torch.rand(2, 88, 3) * 0.8 - 0.4
    mesh = torch.einsum("nmc,mv->nvc", truth[:, 24:], matrix)
    assert mesh_loss(mesh, truth, matrix).item() == pytest.approx(0.0, abs=1e-6)
    assert mesh_loss(mesh + 0.1, truth, matrix).item() == pytest.approx(0.1, abs=1e-4)
    for detached in (False, True):
        volumes = torch.randn(2, 88, 8, 8, 8, requires_grad=True)
        found = BodyDecoder(matrix, detach_before_mesh=detached)(volumes)
        loss = mesh_loss(found.vertices, truth, matrix)
        reached = loss.requires_grad and torch.autograd.grad(loss, volumes)[0].abs().sum() > 0
        assert bool(reached) == (not detached)


def test_a_frame_that_is_cut_off_does_not_count_in_the_mesh_loss():
    matrix = torch.ones(64, 10) / 64
    truth = torch.zeros(2, 88, 3)
    truth[1, 7] = 0.9
    vertices = torch.zeros(2, 10, 3)
    vertices[1] = 5.0
    assert mesh_loss(vertices, truth, matrix).item() == 0.0


def test_points_outside_the_silhouette_are_not_asked_for():
    truth = torch.zeros(1, 88, 3)
    truth[0, 7] = 0.9  # a foot below the cut
    found = truth.clone()
    found[0, 7] = 0.5
    assert body_loss(found, truth)[0].item() == 0.0
