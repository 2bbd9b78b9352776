"""What may be chosen about a watch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..gallery.known import check_question
from ..gallery.sets import DEFAULT

__all__ = ["WatchSettings"]


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """far: share of strangers that may be accepted as anybody. sets: `gallery.sets.METHODS`. seconds: stop
    after so long. reconnect: open a lost stream again. patience: seconds without a picture after which to
    give up; None: a first connection that fails does, a lost one is tried for ever. keep_s: seconds of
    everybody that are looked at together. save: a folder for the silhouettes of those who leave."""

    far: float = 0.01
    sets: str = DEFAULT
    seconds: float | None = None
    reconnect: bool = True
    patience: float | None = None
    keep_s: float = 20.0
    save: Path | None = None

    def __post_init__(self) -> None:
        check_question(self.far, self.sets)
        for name in ("seconds", "patience"):
            value = getattr(self, name)
            if value is not None and not value > 0:  # nor is nan
                raise UsageError(f"--{name} must be more than 0, not {value:g}")
        if not 5 <= self.keep_s <= 120:
            raise UsageError("keep_s lies between 5 and 120 seconds")
