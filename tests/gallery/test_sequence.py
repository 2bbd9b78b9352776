from __future__ import annotations

import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.gallery.sequence import checked_label, exchanged


def test_one_name_for_another_where_it_is_a_word() -> None:
    assert exchanged("anna or ann, not Ann", "ann", r"\1") == r"anna or \1, not Ann"
    assert exchanged("a+b.mp4 and <b>x", "a+b", "x") == "x.mp4 and <b>x"
    assert exchanged("accepted as <b>, at 0.3", "<b>", "c") == "accepted as c, at 0.3"


@pytest.mark.parametrize("label", ["a\nb", "\x1b[31m", "\udc80", "x" * 201])
def test_a_camera_or_view_that_would_garble_a_terminal_is_refused(label: str) -> None:
    with pytest.raises(UsageError, match="a camera is named"):
        checked_label(label, "camera")
    assert checked_label("  ", "view") == ""
    assert checked_label(" door é ", "camera") == "door é"
