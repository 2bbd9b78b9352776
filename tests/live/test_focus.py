from __future__ import annotations

import numpy as np

from meshgait_cli.live.focus import DONE, IDLE, OPEN, TURN_S, Focus
from meshgait_cli.records import Detection, Frame

PICTURE = np.zeros((400, 1000, 3), np.uint8)


def person(x: float, height: float = 200.0, width: float = 60.0) -> Detection:
    return Detection(np.array([x, 50, x + width, 50 + height], np.float32), 0.9)


def frame(time_s: float) -> Frame:
    return Frame(PICTURE, round(time_s * 10), time_s)


def slow(focus: Focus, each_s: float = 0.06) -> Focus:
    """One person's silhouette fits into a frame's time, two do not."""
    for _ in range(50):
        focus.paid(0.03, each_s, 1)
    return focus


CROWD = [(number, person(20 + 100 * number)) for number in range(4)]


def test_a_fast_machine_segments_everybody() -> None:
    focus = slow(Focus(lambda _: OPEN), each_s=0.001)
    assert focus.choose(frame(0), CROWD) == {0, 1, 2, 3}


def test_nobody_is_left_out_before_the_cost_is_known() -> None:
    assert Focus(lambda _: OPEN).choose(frame(0), CROWD) == {0, 1, 2, 3}


def test_a_slow_machine_looks_at_each_for_some_seconds_on_end() -> None:
    focus = slow(Focus(lambda _: OPEN))
    chosen = [focus.choose(frame(i / 10), CROWD) for i in range(200)]
    assert all(len(each) == 1 for each in chosen)
    order = [next(iter(each)) for each in chosen]
    changes = [i for i in range(1, len(order)) if order[i] != order[i - 1]]
    assert np.diff([0, *changes]).min() >= 10 * TURN_S - 1  # frames without a gap
    assert set(order) == {0, 1, 2, 3}  # and nobody waits for ever


def test_who_is_settled_or_stands_comes_after_who_is_not() -> None:
    ranks = {0: DONE, 1: IDLE, 2: OPEN, 3: DONE}
    focus = slow(Focus(ranks.__getitem__))
    assert {next(iter(focus.choose(frame(i / 10), CROWD))) for i in range(120)} == {2}
    ranks[2] = DONE
    assert next(iter(focus.choose(frame(13), CROWD))) != 1


def test_nobody_is_segmented_who_is_cut_off_or_too_small() -> None:
    focus = slow(Focus(lambda _: OPEN), each_s=0.001)
    people = [(1, person(0.5)), (2, person(300, height=20)), (3, person(500))]
    assert focus.choose(frame(0), people) == {3}
    assert focus.choose(frame(0.1), []) == set()
