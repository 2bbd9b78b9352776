"""The gait model: styles persist, legs alternate, nothing of a recording can be read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from meshgait_cli.body.reflection import JOINT_MIRROR
from meshgait_cli.synth import motion
from meshgait_cli.synth.motion import DATA_FILE, cycle, load, sample_mood, sample_style

PHASES = np.linspace(0, 2 * np.pi, 32, endpoint=False)


def _knees(rotations: np.ndarray) -> np.ndarray:
    return rotations[:, [4, 5], 0]


def test_a_style_is_the_same_for_the_same_seed_and_differs_for_another():
    first, again, other = (cycle(sample_style(np.random.default_rng(s)), PHASES)[0] for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


def test_a_cycle_closes_and_is_smooth():
    rotations, root = cycle(sample_style(np.random.default_rng(0)), np.array([0.0, 2 * np.pi]))
    np.testing.assert_allclose(rotations[0], rotations[1], atol=1e-9)
    np.testing.assert_allclose(root[0], root[1], atol=1e-9)
    dense = cycle(sample_style(np.random.default_rng(0)), np.linspace(0, 2 * np.pi, 400))[0]
    assert np.abs(np.diff(dense, axis=0)).max() < 0.1


def test_the_legs_take_turns():
    for seed in range(10):
        rotations, _ = cycle(sample_style(np.random.default_rng(seed)), PHASES)
        hips = rotations[:, [1, 2], 0]
        assert np.corrcoef(hips.T)[0, 1] < -0.5  # one forward while the other is back
        left, right = _knees(rotations).argmax(0)  # each bends most in its own swing, half a cycle apart
        assert 10 <= (left - right) % 32 <= 22


def test_knees_stretch_in_stance_but_in_takes_of_ones_own():
    own, taken = [], []
    for seed in range(40):
        style = sample_style(np.random.default_rng(seed))
        take = replace(style, extra=np.zeros_like(load().mean))
        own.append(np.degrees(_knees(cycle(style, PHASES)[0]).min(0)))
        taken.append(np.degrees(_knees(cycle(take, PHASES)[0]).min(0)))
    assert 0 < np.median(own) < 8
    assert np.min(own) > np.degrees(motion._STRAIGHTEST)
    assert np.median(taken) > np.median(own) + 5


def test_one_persons_moods_are_closer_than_other_people():
    def walk(style, seed):
        return cycle(style, PHASES, sample_mood(np.random.default_rng([9, seed])))[0].ravel()

    styles = [sample_style(np.random.default_rng([7, i])) for i in range(12)]
    walks = np.array([[walk(style, 2 * i + k) for k in range(2)] for i, style in enumerate(styles)])
    distance = np.linalg.norm(walks[:, 0, None] - walks[None, :, 1], axis=2)
    own = np.diag(distance)
    assert np.median(own) < 0.5 * np.median(distance[~np.eye(12, dtype=bool)])
    assert (distance.argmin(1) == np.arange(12)).mean() > 0.8


def test_swap_is_its_own_inverse():
    assert [JOINT_MIRROR[JOINT_MIRROR[joint]] for joint in range(24)] == list(range(24))


def test_the_average_walker_is_symmetric():
    model = load()
    waves = model.mean[:, :72].reshape(-1, 24, 3)
    mirrored = waves[:, list(JOINT_MIRROR)] * [1, -1, -1]
    odd = [row for k in (1, 3, 5) for row in (2 * k - 1, 2 * k)]
    mirrored[odd] *= -1  # half a cycle later
    np.testing.assert_allclose(mirrored, waves, atol=1e-3)


def test_the_file_holds_statistics_only():
    with np.load(DATA_FILE) as data:
        assert "NSF EIA-0196217" in str(data["acknowledgement"])
        subjects, cycles = data["counts"]
        assert DATA_FILE.stat().st_size < 100_000
        for name in data:
            assert not {int(subjects), int(cycles), 2 * int(cycles)} & set(data[name].shape), name


def test_refitting_gives_the_shipped_file(shared):
    from meshgait_cli.body import open_body
    from meshgait_cli.synth.fit_motion import fit

    arrays = fit(shared / "mocap", open_body.load().rest_joints.double().numpy())
    model = motion.load()
    np.testing.assert_allclose(arrays["mean"], model.mean, atol=1e-3)
    np.testing.assert_allclose(arrays["between"], model.between, atol=1e-3)
