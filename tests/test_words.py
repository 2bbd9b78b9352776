from __future__ import annotations

from pathlib import Path

import pytest

from meshgait_cli.errors import GalleryError, UsageError
from meshgait_cli.evaluation.protocols import read_partition
from meshgait_cli.gallery.calibration import Calibration
from meshgait_cli.gallery.settings import read_settings
from meshgait_cli.synth.tree import read_part
from meshgait_cli.words import from_json

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "said"),
    [(DEEP, "too deeply"), ("1" * 400, "400 digits"), ("{", "Expecting"), (b"\xff", "utf-8")],
)
def test_json_that_nobody_can_read_is_a_value_error(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json(text)
    assert from_json('{"a": [1, -2.5, null]}') == {"a": [1, -2.5, None]}


@pytest.mark.parametrize("text", [DEEP, '{"tail": [[0.5, 1' + "0" * 400 + "]]}"])
def test_it_is_said_in_words_wherever_it_is_read(tmp_path: Path, text: str) -> None:
    for name in ("gallery.json", "calibration.json", "x.json"):
        (tmp_path / name).write_text(text)
    with pytest.raises(GalleryError, match="damaged"):
        read_settings(tmp_path)
    with pytest.raises(GalleryError, match="damaged"):
        Calibration.read(tmp_path)
    with pytest.raises(UsageError, match="no partition"):
        read_partition(tmp_path / "x.json")
    assert read_part(tmp_path / "x.json") == []
