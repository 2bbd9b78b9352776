from __future__ import annotations

import numpy as np

from meshgait_cli.render.smooth import smooth

TIMES = np.arange(60) / 30


def test_noise_shrinks_and_the_path_stays() -> None:
    path = np.stack([TIMES, 0.2 * np.sin(2 * np.pi * TIMES), np.zeros(60)], axis=-1)[:, None].astype(
        np.float32
    )
    noise = np.random.default_rng(0).normal(0, 0.05, path.shape).astype(np.float32)
    steady = smooth(path + noise, TIMES)
    inner = slice(6, -6)
    assert np.abs(steady - path)[inner].mean() < 0.7 * np.abs(noise)[inner].mean()


def test_nothing_leaks_across_a_gap() -> None:
    times = np.concatenate([TIMES[:10], TIMES[:10] + 5])
    points = np.concatenate([np.zeros((10, 1, 3)), np.ones((10, 1, 3))]).astype(np.float32)
    assert np.array_equal(smooth(points, times), points)


def test_no_frames_and_no_times() -> None:
    assert smooth(np.zeros((0, 4, 3), np.float32), np.zeros(0)).shape == (0, 4, 3)
    assert np.isfinite(smooth(np.ones((5, 4, 3), np.float32), np.full(5, np.nan))).all()
