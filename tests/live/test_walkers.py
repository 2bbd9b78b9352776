"""Numbers stay with the people who had them, and memory with the last seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.gallery.decide import ACCEPTED, UNKNOWN, Answer
from meshgait_cli.live.events import EventLog
from meshgait_cli.live.judge import Judgement
from meshgait_cli.live.people import People
from meshgait_cli.live.walkers import LiveWalker, Walkers
from meshgait_cli.people.observe import Observation
from meshgait_cli.records import Frame, TrackQuality
from meshgait_cli.results.spool import ROW

SIZE = (1000, 400)
PICTURE = np.zeros((4, 4, 3), np.uint8)
RED, BLUE = np.eye(28, dtype=np.float32)[[0, 5]]


def seen(time_s: float, x: float, clothes: np.ndarray, height: float = 200.0) -> Observation:
    row = np.zeros((), ROW)
    row["frame"], row["time"], row["score"] = round(time_s * 10), time_s, 0.9
    row["box"] = [x - 30, 100, x + 30, 100 + height]
    row["keypoints"] = np.nan
    return Observation(0, row, clothes, Frame(PICTURE, round(time_s * 10), time_s))


def walk(
    walkers: Walkers, tracklet: int, span: tuple[float, float], x: tuple[float, float], clothes: np.ndarray
) -> None:
    times = np.arange(round(span[0] * 10), round(span[1] * 10)) / 10
    for time_s, place in zip(times, np.linspace(*x, len(times)), strict=True):
        walkers.add(seen(float(time_s), float(place), clothes), tracklet)


def numbers(found: Iterable[LiveWalker]) -> list[int]:
    return [walker.number for walker in found]


def test_two_people_are_two_and_keep_their_numbers() -> None:
    walkers = Walkers()
    for start in (0.0, 2.0, 4.0):
        walk(walkers, 7, (start, start + 2), (100 + 50 * start, 200 + 50 * start), RED)
        walk(walkers, 9, (start + 0.3, start + 2), (900, 890), BLUE)
        assert numbers(walkers.linked(SIZE)) == [1, 2]
    assert (walkers.number_of(7), walkers.number_of(9), walkers.number_of(5)) == (1, 2, 0)


def test_somebody_seen_for_a_moment_has_no_number_yet() -> None:
    walkers = Walkers()
    walk(walkers, 7, (0, 0.8), (100, 140), RED)
    assert walkers.linked(SIZE) == []
    walk(walkers, 7, (0.8, 1.5), (140, 180), RED)
    assert numbers(walkers.linked(SIZE)) == [1]


def test_a_gap_is_bridged_and_the_number_goes_on() -> None:
    walkers = Walkers()
    walk(walkers, 7, (0, 2), (100, 200), RED)
    assert numbers(walkers.linked(SIZE)) == [1]
    walk(walkers, 8, (3, 5), (250, 350), RED)  # behind a tree for a second
    (only,) = walkers.linked(SIZE)
    assert only.number == 1
    assert len(only.rows) == 40


def test_other_clothes_are_somebody_else() -> None:
    walkers = Walkers()
    walk(walkers, 7, (0, 2), (100, 200), RED)
    walk(walkers, 8, (3, 5), (250, 350), BLUE)
    assert numbers(walkers.linked(SIZE)) == [1, 2]


def test_a_tracker_that_changes_people_in_a_crossing_makes_no_mixture() -> None:
    """Two walk towards each other; the tracker swaps them. Clothes tell."""
    walkers = Walkers()
    for step in range(60):
        time_s = step / 10
        left, right = 300 + 8 * step, 780 - 8 * step
        swapped = time_s >= 3.0
        walkers.add(seen(time_s, right if swapped else left, BLUE if swapped else RED), 7)
        walkers.add(seen(time_s, left if swapped else right, RED if swapped else BLUE), 9)
    found = walkers.linked(SIZE)
    assert len(found) >= 2
    for walker in found:
        colours = {
            int(np.argmax(row["appearance"][:28])) for row in walker.rows if abs(row["time"] - 3) > 0.5
        }
        assert len(colours) == 1


def test_memory_holds_the_last_seconds_only() -> None:
    walkers = Walkers(keep_s=20)
    most = 0
    for minute in range(0, 600, 10):
        there_and_back = (100, 900) if minute % 20 == 0 else (900, 100)
        walk(walkers, 7, (minute, minute + 10), there_and_back, RED)
        walkers.forget(minute + 10.0)
        (only,) = walkers.linked(SIZE)
        assert only.number == 1
        most = max(most, len(only.rows))
    assert most <= 201
    walkers.forget(1000)
    assert walkers.linked(SIZE) == []


def quality(usable: bool = True) -> TrackQuality:
    reasons = () if usable else ("less than 1.5 gait cycles seen (0.4)",)
    return TrackQuality(usable, reasons, 0.8 * usable, 200, 0, 1, 0, 1, 3, 40)


def judged(number: int, decision: str, identity: str | None) -> Judgement:
    answer = Answer(f"walker {number}", decision, identity, 0.9, 0.1, (), ())
    return Judgement(number, quality(), answer, None, 0.0)


def live(number: int, start: float, stop: float, joined: tuple[int, ...] = ()) -> LiveWalker:
    rows = np.zeros(2, ROW)
    rows["time"] = start, stop
    return LiveWalker(number, rows, joined)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(tmp_path / "log.jsonl") as log:
        yield log


def events(log: EventLog) -> list[dict]:
    assert log.path is not None
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def test_from_appearing_to_leaving_in_the_log(log: EventLog) -> None:
    people = People(log)
    people.update([live(1, 0, 2)], 2.0)
    assert people.due([live(1, 0, 2)], 0.0)
    assert not people.due([live(1, 0, 2.5)], 0.0)  # not every moment
    people.hear([Judgement(1, quality(usable=False), None, None, 0.0)])
    for _ in range(4):
        people.hear([judged(1, ACCEPTED, "anna")])
    people.hear([judged(9, ACCEPTED, "ben")])  # of somebody who has left meanwhile
    assert people.update([live(1, 0, 5)], 6.0) == []
    (left,) = people.update([live(1, 0, 5)], 9.0)
    assert left.number == 1
    people.update([live(1, 0, 5)], 10.0)  # still in the window, but gone
    found = events(log)
    assert [each["event"] for each in found] == ["appeared", "answer", "answer", "left"]
    assert [each["settled"] for each in found[1:]] == [False, True, True]
    assert found[-1]["identity"] == "anna"
    assert (found[-1]["from_s"], found[-1]["to_s"]) == (0, 5)


def test_somebody_who_left_without_an_answer_leaves_with_the_reason(log: EventLog) -> None:
    people = People(log)
    people.update([live(1, 0, 2)], 2.0)
    people.hear([Judgement(1, quality(usable=False), None, None, 0.0)])
    people.update([], 8.0)
    left = events(log)[-1]
    assert left["decision"] == "not enough to say"
    assert left["identity"] is None
    assert left["reasons"] == ["less than 1.5 gait cycles seen (0.4)"]


def test_two_who_turn_out_to_be_one_are_said_to_be(log: EventLog) -> None:
    people = People(log)
    people.update([live(1, 0, 3), live(2, 1, 3)], 3.0)
    people.hear([judged(2, UNKNOWN, None)])
    people.update([live(1, 0, 4, joined=(2,))], 4.0)
    assert list(people.present) == [1]
    joined = events(log)[-1]
    assert (joined["event"], joined["walker"], joined["into"]) == ("joined", 2, 1)
