"""A file is whole, or it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshgait_cli.atomic import aside


def test_a_file_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with aside(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".json"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")
    with pytest.raises(OSError, match="full"), aside(path) as temporary:
        temporary.write_text("ha")
        raise OSError("the disk is full")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
