"""Silhouettes in step: phase counts the steps, whole where the legs are widest apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from meshgait_cli.people.walking import leg_spread
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.report.phase import step_phase, stretch_of


def _legs(seconds, hertz, start=0.0):
    """Two legs that open and close `hertz` times a second, widest at phase 0."""
    pictures = np.zeros((len(seconds), 64, 64), np.uint8)
    pictures[:, 4:40, 28:36] = 255
    for picture, second in zip(pictures, seconds, strict=True):
        apart = round(6 + 6 * np.cos(2 * np.pi * (hertz * second + start)))
        picture[40:, 30 - apart : 34 - apart] = 255
        picture[40:, 30 + apart : 34 + apart] = 255
    return pictures


@pytest.mark.parametrize("hertz", [1.4, 1.9, 2.6])
def test_the_phase_counts_steps_from_the_widest_stance(hertz):
    seconds = np.arange(100) / 25
    phase = step_phase(_legs(seconds, hertz, 0.3), seconds)
    wrong = phase - (hertz * seconds + 0.3)
    wrong -= np.round(wrong.mean())
    assert np.abs(wrong[10:-10]).max() < 0.08


def test_uneven_times_do_no_harm():
    seconds = np.sort(np.random.default_rng(0).uniform(0, 4, 90))
    phase = step_phase(_legs(seconds, 1.8), seconds)
    wrong = phase - 1.8 * seconds
    assert np.abs(wrong - np.round(wrong.mean()))[8:-8].max() < 0.12


@pytest.mark.parametrize(
    "silhouettes",
    [
        np.zeros((60, 64, 64), np.uint8),
        np.full((60, 64, 64), 255, np.uint8),
        _legs(np.zeros(60), 1.0),  # stands with parted legs
        _legs(np.arange(8) / 25, 1.8),  # too short
    ],
)
def test_who_shows_no_steps_has_no_phase(silhouettes):
    assert step_phase(silhouettes, np.arange(len(silhouettes)) / 25) is None


@pytest.mark.parametrize("late", [3, 9, 14])
def test_two_copies_of_a_walk_that_begin_at_other_moments_are_put_in_step(walks, late):
    """The same silhouette has the same phase in both, whole steps apart; at the widest stance it is whole,
    but where somebody who comes by makes it look wide."""
    off = []
    for walk in walks:
        seconds = np.arange(len(walk)) / 30
        whole, rest = step_phase(walk, seconds), step_phase(walk[late:], seconds[late:])
        if whole is None or rest is None:  # from ahead
            continue
        apart = whole[late:] - rest
        assert np.abs(apart - np.round(np.median(apart))).max() < 0.15
        widest = 5 + leg_spread(walk)[5:-5].argmax()
        off.append(abs(whole[widest] - round(whole[widest])))
    assert len(off) >= 15
    assert sum(each >= 0.2 for each in off) <= 1


def test_a_stretch_is_an_even_number_of_steps_and_ends_as_it_begins():
    seconds = np.arange(120) / 30
    sequence = SilhouetteSequence.from_arrays(_legs(seconds, 2.0))
    stretch = stretch_of(sequence)
    assert stretch.steps in (2, 4)
    assert stretch.cadence == pytest.approx(2.0, abs=0.1)
    assert stretch.seconds[0] == 0
    assert len(stretch.rows) == pytest.approx(stretch.steps * 15, abs=2)
    after = sequence.silhouettes[stretch.rows[-1] + 1].astype(int)
    assert np.abs(after - sequence.silhouettes[stretch.rows[0]]).mean() < 12


def test_a_stretch_never_crosses_a_pause():
    times = np.concatenate([np.arange(40) / 25, 5 + np.arange(60) / 25])
    pictures = _legs(times, 1.8)
    sequence = SilhouetteSequence(pictures, np.arange(100), times, np.zeros((100, 3), np.float32))
    rows = stretch_of(sequence).rows
    assert rows[0] >= 40
    assert all(after > before for before, after in pairwise(rows))


def test_sequences_without_steps_or_frames():
    assert stretch_of(SilhouetteSequence.from_arrays(np.zeros((0, 64, 64), np.uint8))) is None
    still = stretch_of(SilhouetteSequence.from_arrays(np.full((200, 64, 64), 255, np.uint8)))
    assert still.phase is None
    assert still.seconds[-1] <= 3.1
    assert len(stretch_of(SilhouetteSequence.from_arrays(np.ones((1, 64, 64), np.uint8))).rows) == 1
