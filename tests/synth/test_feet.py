"""Feet on the floor: measured, bounded, and better when planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body
from meshgait_cli.synth import motion
from meshgait_cli.synth.feet import walk
from meshgait_cli.synth.legs import reach
from meshgait_cli.synth.walkers import make_identity

PHASES = np.linspace(0, 2 * np.pi, 40, endpoint=False)


@pytest.fixture(scope="module")
def people():
    return [make_identity(11, number) for number in range(24)]


def test_planted_feet_hardly_slide_sink_or_drag(people):
    walks = [walk(person.style, person.betas, planted=True) for person in people]
    slip, sink, drag = (
        np.array([getattr(w, name) for w in walks]) for name in ("slip_cm", "sink_cm", "drag")
    )
    assert np.median(slip) < 3
    assert np.percentile(slip, 90) < 6
    assert slip.max() < 10
    assert np.median(sink) < 0.7
    assert sink.max() < 2.5
    assert drag.mean() < 0.05


def test_planting_is_worth_it(people):
    free = [walk(person.style, person.betas) for person in people]
    planted = [walk(person.style, person.betas, planted=True) for person in people]
    for name in ("slip_cm", "sink_cm", "drag"):
        before, after = (np.mean([getattr(w, name) for w in walks]) for walks in (free, planted))
        assert after < 0.7 * before, name


def test_strides_are_those_of_walking_people(people):
    strides = np.array([walk(person.style, person.betas, planted=True).stride for person in people])
    assert (strides > 0.5).all()
    assert (strides < 2.1).all()


@pytest.mark.parametrize("planted", [False, True])
def test_the_whole_body_stands_on_the_floor_by_an_independent_count(people, planted):
    """All 6,890 vertices, not the points that the walk was fitted with; slip by the lowest vertex of each
    foot."""
    sinks = []
    for person in people[:6]:
        found = walk(person.style, person.betas, planted=planted)
        rotations, _ = motion.cycle(person.style, PHASES)
        posed = (
            open_body.load()
            .shape(person.betas)
            .pose(
                torch.from_numpy(found.bent(rotations, PHASES)).float(),
                torch.from_numpy(found.at(PHASES)).float(),
            )
        )
        lowest = posed.vertices[..., 1].numpy().min(1)
        sinks.append(-lowest.min())
        assert np.median(np.abs(lowest)) < 0.02
        ankles = posed.joints[:, [7, 8], 2].numpy()
        speeds = np.abs(np.diff(ankles, axis=0)).min(1)  # of the stiller ankle, metres in 1/40 of a cycle
        assert np.median(speeds) < 0.35 * found.stride / 40
    assert np.median(sinks) < (0.02 if planted else 0.08)


def test_the_way_goes_on_from_cycle_to_cycle(people):
    found = walk(people[0].style, people[0].betas)
    way = found.at(np.array([0.3, 0.3 + 2 * np.pi, 0.3 + 6 * np.pi]))
    np.testing.assert_allclose(np.diff(way[:, 2]), [found.stride, 2 * found.stride], rtol=1e-6)
    np.testing.assert_allclose(way[1:, :2], way[[0, 0], :2], atol=1e-9)
    dense = found.at(np.linspace(0, 8, 400))
    assert (np.diff(dense[:, 2]) > 0).all()  # ever forward


def test_legs_reach_where_they_are_told():
    body = open_body.load().shape(None)
    rest = body.rest_joints.double().numpy()
    rng = np.random.default_rng(0)
    rotations, _ = motion.cycle(motion.sample_style(rng), PHASES)
    by = rng.normal(0, 0.02, (len(PHASES), 2, 3))
    by[..., 1] = np.abs(by[..., 1]) + 0.02  # upwards: always within reach
    before = body.pose(torch.from_numpy(rotations).float())
    after = body.pose(torch.from_numpy(reach(rotations, rest, before.joints.double().numpy(), by)).float())
    moved = (after.joints - before.joints).double().numpy()
    np.testing.assert_allclose(moved[:, [7, 8]], by, atol=1e-4)
    np.testing.assert_allclose(moved[:, [10, 11]], by, atol=1e-4)  # the foot keeps its direction
    others = [joint for joint in range(24) if joint not in (4, 5, 7, 8, 10, 11)]
    np.testing.assert_allclose(moved[:, others], 0, atol=1e-6)


def test_a_leg_that_cannot_reach_stretches():
    body = open_body.load().shape(None)
    rest = body.rest_joints.double().numpy()
    rotations, _ = motion.cycle(motion.sample_style(np.random.default_rng(1)), PHASES)
    joints = body.pose(torch.from_numpy(rotations).float()).joints.double().numpy()
    by = np.zeros((len(PHASES), 2, 3))
    by[..., 1] = -1.0
    far = body.pose(torch.from_numpy(reach(rotations, rest, joints, by)).float()).joints.double().numpy()
    length = np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(rest[7] - rest[4])
    np.testing.assert_allclose(np.linalg.norm(far[:, 7] - far[:, 1], axis=1), length, rtol=2e-3)
