"""How long to wait before the next attempt."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(slots=True)
class Backoff:
    """Twice as long after each failure, up to a limit. Seconds.

    first: the wait after the first failure. limit: the longest wait.
    """

    first: float = 0.5
    limit: float = 30.0
    failures: int = 0

    def fail(self) -> float:
        """Note a failure; returns how long to wait now."""
        # The exponent is held down: 2.0**1024 raises, and a camera may be away for days.
        wait = min(self.limit, self.first * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return wait

    def reset(self) -> None:
        """It works again."""
        self.failures = 0
