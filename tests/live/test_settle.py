from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.gallery.decide import ACCEPTED, UNCLEAR, UNKNOWN, Answer
from meshgait_cli.live.events import EventLog
from meshgait_cli.live.settle import Settling

ANNA, BEN = ("anna", ACCEPTED), ("ben", ACCEPTED)
NOBODY, WHO = (None, UNKNOWN), (None, UNCLEAR)


def answer(what: tuple[str | None, str], probability: float = 0.9) -> Answer:
    identity, decision = what
    return Answer("walker 1", decision, identity, probability, 1 - probability, (), ())


def heard(*answers: tuple[str | None, str]) -> Settling:
    settling = Settling()
    for each in answers:
        settling.hear(answer(each))
    return settling


@pytest.mark.parametrize(
    ("answers", "stated", "settled"),
    [
        ([ANNA], ACCEPTED, False),  # once is no agreement, but it is all that is known
        ([ANNA, ANNA], ACCEPTED, True),
        ([WHO, WHO, ANNA, ANNA], ACCEPTED, True),
        ([NOBODY, NOBODY], UNKNOWN, True),
        ([ANNA, NOBODY, ANNA, NOBODY], UNKNOWN, False),  # never twice the same
        ([WHO, WHO], UNCLEAR, False),  # "not enough to say" never settles
    ],
)
def test_an_answer_has_to_be_given_twice(
    answers: list[tuple[str | None, str]], stated: str, settled: bool
) -> None:
    settling = heard(*answers)
    assert settling.answer is not None
    assert (settling.answer.decision, settling.settled) == (stated, settled)


def test_what_stands_is_not_taken_back_for_one_or_two_others() -> None:
    settling = heard(ANNA, ANNA, BEN, BEN)
    assert settling.answer is not None
    assert settling.answer.identity == "anna"
    assert not settling.settled  # it is in doubt
    settling.hear(answer(BEN))
    assert settling.answer.identity == "ben"
    assert settling.settled


def test_three_times_not_enough_to_say_takes_an_acceptance_back() -> None:
    settling = heard(ANNA, ANNA, WHO, WHO, WHO)
    assert settling.answer is not None
    assert settling.answer.decision == UNCLEAR
    assert settling.answer.identity is None


def test_the_same_silhouettes_do_not_agree_with_themselves() -> None:
    settling = heard(ANNA)
    for _ in range(5):
        settling.hear(answer(ANNA), fresh=False)
    assert not settling.settled
    settling.hear(answer(ANNA))
    assert settling.settled


def test_newer_figures_replace_older_ones_of_the_same_answer() -> None:
    settling = heard(ANNA, ANNA)
    settling.hear(answer(ANNA, probability=0.99))
    assert settling.answer is not None
    assert settling.answer.probability == 0.99


def test_each_event_is_on_disk_at_once_and_the_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    listened: list[dict] = []
    with EventLog(path, listened.append) as log:
        log.write("answer", walker=1, probability=float("nan"), identity="Zoë", rate=0.123456)
        (line,) = path.read_text(encoding="utf-8").splitlines()  # while it is open
    event = json.loads(line)
    assert event == listened[0]
    assert event["probability"] is None
    assert event["identity"] == "Zoë"
    assert event["rate"] == 0.1235
    assert event["time"].endswith("+00:00")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_is_gone_on_with_and_becomes_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.touch(mode=0o644)
    for number in range(2):
        with EventLog(path) as log:
            log.write("note", number=number)
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_may_be_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(path) as log:
        log.write("note", number=0)
    assert b'"number": 0' in os.read(reader, 1000)
    os.close(reader)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_log_that_cannot_be_written_is_said_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write the event log"):
        EventLog(tmp_path / "file" / "log.jsonl")
