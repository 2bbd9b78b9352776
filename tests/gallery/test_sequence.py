from __future__ import annotations

from meshgait_cli.gallery.sequence import exchanged


def test_one_name_for_another_where_it_is_a_word() -> None:
    assert exchanged("anna or ann, not Ann", "ann", r"\1") == r"anna or \1, not Ann"
    assert exchanged("a+b.mp4 and <b>x", "a+b", "x") == "x.mp4 and <b>x"
    assert exchanged("accepted as <b>, at 0.3", "<b>", "c") == "accepted as c, at 0.3"
