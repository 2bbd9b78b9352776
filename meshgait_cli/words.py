"""Other people's words: names of files and people, labels, what a library says went wrong."""

from __future__ import annotations

from unicodedata import category

__all__ = ["plain"]


def plain(text: str) -> str:
    """Somebody else's text without signs that turn or hide what stands beside them, or steer a terminal."""
    return "".join(sign if sign.isprintable() or category(sign) == "Zs" else "\ufffd" for sign in text)
