"""Separate linear maps, and the BNNeck classifier."""

from __future__ import annotations

import torch

from meshgait_cli.network.heads import BNNecks, SeparateFCs


def test_each_part_has_a_linear_map_of_its_own():
    fcs = SeparateFCs(16, 6, 4)
    features = torch.rand(2, 6, 16)
    found = fcs(features)
    assert found.shape == (2, 16, 4)
    torch.testing.assert_close(found[1, 5], features[1, :, 5] @ fcs.weight[5])


def test_a_part_does_not_reach_another():
    fcs = SeparateFCs(4, 3, 2)
    features = torch.rand(1, 3, 4)
    before = fcs(features)
    features[0, :, 2] += 1.0
    changed = (fcs(features) != before).any(-1)[0]
    assert changed.tolist() == [False, False, True, False]


def test_logits_are_cosines_whatever_the_length_of_the_class_weights():
    necks = BNNecks(16, 8, 5).eval()
    features = torch.randn(3, 16, 8)
    logits = necks(features)
    assert logits.shape == (3, 16, 5)
    assert logits.abs().max() <= 1.0 + 1e-6
    with torch.no_grad():
        necks.weight *= 7.0
    torch.testing.assert_close(necks(features), logits)


def test_a_class_weight_along_the_feature_has_cosine_one():
    necks = BNNecks(1, 4, 2).eval()
    feature = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    with torch.no_grad():
        necks.weight[0, :, 1] = feature[0, 0]
        necks.weight[0, :, 0] = torch.tensor([4.0, -3.0, 2.0, -1.0])  # at right angles
    torch.testing.assert_close(necks(feature), torch.tensor([[[0.0, 1.0]]]), atol=1e-6, rtol=0.0)
