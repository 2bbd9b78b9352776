from __future__ import annotations

import io

import pytest
from rich.console import Console

from meshgait_cli.cli.watch_view import said, scene_table
from meshgait_cli.gallery.decide import ACCEPTED, Answer
from meshgait_cli.live.people import Person
from meshgait_cli.live.session import Scene
from meshgait_cli.records import Match

NAME = "[bold]anna[/]"  # a name is text, whatever is in it
EVIL = "\x1b[2J"


def shown(*people: Person, **options: bool) -> str:
    scene = Scene("door", "1280×720", 75.0, 6.1, 300, 100, 0.1, people)
    console = Console(file=io.StringIO(), width=120)
    console.print(scene_table(scene), **options)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def known(times: int, name: str = NAME) -> Person:
    person = Person(3, 1.0, 9.0)
    for _ in range(times):
        answer = Answer("walker 3", ACCEPTED, name, 0.9998, 0.0001, (), (Match(name, 0.2, 0.3),))
        person.settling.hear(answer)
    return person


@pytest.mark.parametrize("markup", [True, False])  # Live renders the table in whatever way a line is printed
def test_the_table_names_whom_it_knows(markup: bool) -> None:
    text = shown(known(2), markup=markup)
    assert NAME in text
    assert ">99%" in text
    assert "100 dropped (25%)" in text
    assert "green" not in text
    assert "so far" not in text.replace("best so far", "")


def test_one_answer_is_called_so_far() -> None:
    assert "accepted, so far" in shown(known(1))


def test_a_name_steers_no_terminal() -> None:
    assert "\ufffd[2J" in shown(known(2, EVIL))
    assert "\x1b" not in shown(known(2, EVIL))


def test_nobody_in_view() -> None:
    assert "6.1 frames/s watched" in shown()


def test_events_in_words() -> None:
    left = {
        "event": "left", "walker": 3, "from_s": 1.0, "to_s": 9.4, "decision": ACCEPTED, "identity": "anna",
        "probability": 0.97, "probability_unknown": 0.02, "reasons": [], "settled": True,
    }  # fmt: skip
    assert said(left) == "walker 3 left after 8 s: accepted as anna (97%)"
    assert said({**left, "event": "answer", "settled": False}) is None
    unknown = {**left, "decision": "unknown", "identity": None, "probability_unknown": 0.9}
    assert said(unknown) == "walker 3 left after 8 s: unknown (90%)"
    unclear = {**unknown, "decision": "not enough to say", "reasons": ["stands"]}
    assert said(unclear) == "walker 3 left after 8 s: not enough to say: stands"
    lost = said({"event": "lost", "reason": "refused", "retry_s": 2.0, "attempt": 2})
    assert lost == "lost: refused; next attempt in 2.0 s"
    assert said({"event": "status"}) is None
