"""Other people's words: names of files and people, labels, what a library says went wrong, JSON."""

from __future__ import annotations

import json
import os
from typing import Any
from unicodedata import category

__all__ = ["from_json", "plain", "storable"]

_DIGITS = 300  # of a whole number: with more it is none of ours, and soon no float either


def plain(text: str) -> str:
    """Somebody else's text without signs that turn or hide what stands beside them, or steer a terminal."""
    return "".join(sign if sign.isprintable() or category(sign) == "Zs" else "\ufffd" for sign in text)


def storable(name: str) -> str:
    """What a file is called, with a sign for what is not UTF-8."""
    return os.fsencode(name).decode(errors="replace")


def from_json(text: str | bytes) -> Any:
    """What somebody else's JSON says. Raises ValueError for what is none, is nested too deeply to be read, or
    holds a whole number beyond all measure."""
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)
