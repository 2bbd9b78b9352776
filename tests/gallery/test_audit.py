from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery.audit import KEY, LOG, Audit


def test_a_person_is_found_by_name_and_named_nowhere(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note("enrol", ["Zebediah", "ben"], sequences=3)
    audit.note("search", walkers=1)
    audit.note("remove", ["Zebediah"], sequences=2)
    assert [entry["action"] for entry in Audit(tmp_path).entries("Zebediah")] == ["enrol", "remove"]
    assert [entry["action"] for entry in audit.entries()] == ["enrol", "search", "remove"]
    assert audit.entries("eve") == []
    assert b"Zebediah" not in (tmp_path / LOG).read_bytes() + (tmp_path / KEY).read_bytes()
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (LOG, KEY)} == {0o600}


def test_another_gallery_has_other_pseudonyms(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Audit(tmp_path / "a").pseudonym("ben") != Audit(tmp_path / "b").pseudonym("ben")


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_or_missing_line_shows(tmp_path: Path, line: int) -> None:
    audit = Audit(tmp_path)
    for number in range(4):
        audit.note("search", walkers=number)
    audit.verify()
    lines = (tmp_path / LOG).read_text().splitlines(keepends=True)
    (tmp_path / LOG).write_text("".join([*lines[:line], *lines[line + 1 :]]))
    with pytest.raises(GalleryError, match="tampered"):
        audit.verify()
    lines[line] = lines[line].replace("search", "nought")
    (tmp_path / LOG).write_text("".join(lines))
    with pytest.raises(GalleryError, match="tampered"):
        audit.verify()


def test_a_line_cut_short_by_a_crash_harms_no_other(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note("enrol", ["ben"])
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"time": "2026-')
    audit.note("search")
    audit.verify()
    assert [entry["action"] for entry in audit.entries()] == ["enrol", "search"]


@pytest.mark.parametrize("odd", ['"walkers": Infinity', r'"user": "\ud800"'])
def test_a_line_that_could_not_be_exported_is_left_out(tmp_path: Path, odd: str) -> None:
    audit = Audit(tmp_path)
    audit.note("enrol", ["ben"])
    with (tmp_path / LOG).open("a") as file:
        file.write(f'{{"action": "search", "people": ["{audit.pseudonym("ben")}"], {odd}}}\n')
    assert [entry["action"] for entry in audit.entries("ben")] == ["enrol"]


@pytest.mark.parametrize("people", ["x", [["x"]], [{}], None])
def test_a_line_that_names_nobody_by_a_word_is_left_out(tmp_path: Path, people: object) -> None:
    audit = Audit(tmp_path)
    audit.note("enrol", ["ben"])
    with (tmp_path / LOG).open("a") as file:
        file.write(json.dumps({"people": people, "action": "rename"}) + "\n" + "[" * 100_000 + "\n")
    assert [entry["action"] for entry in audit.entries("ben")] == ["enrol"]


def test_a_great_many_people_in_one_note(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.note("enrol", [f"p{number}" for number in range(5000)])
    audit.note("search")
    audit.verify()
    assert len(audit.entries("p4999")) == 1


def test_a_person_is_found_under_former_names_and_nobody_else_is(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for number, (action, *people) in enumerate(
        [
            ("enrol", "berta"), ("remove", "berta"),  # another one, long ago
            ("enrol", "anna"), ("enrol", "ben"), ("rename", "berta", "anna"),
            ("enrol", "anna"),  # somebody who got the name that was free
            ("merge", "ben", "berta"), ("search", "ben"), ("enrol", "berta"),
        ]
    ):  # fmt: skip
        audit.note(action, people, number=number)

    def found(name: str) -> list[int]:
        return [entry["number"] for entry in audit.entries(name)]

    assert found("ben") == [2, 3, 4, 6, 7]
    assert found("eve") == []
    audit.note("rename", ["anna", "ben"], number=9)  # and back to a former name
    assert found("anna") == [2, 3, 4, 6, 7, 9]
