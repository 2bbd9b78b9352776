"""When an answer that is asked for again and again becomes the one that is stated.

Whoever asks once a second gets a false "accepted" sooner or later. So an answer counts once it has been
given several times in a row, each time out of new silhouettes, and to be taken back another has to be given
more often still. "Not enough to say" is what stands until then.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..gallery.decide import UNCLEAR, Answer

__all__ = ["Settling"]

AGREE = 2  # the same answer in a row, to be stated
OVERTURN = 3  # another one in a row, to be stated instead


@dataclass(slots=True)
class Settling:
    """latest: the last answer heard. stated: the one that stands; None before the first has settled."""

    latest: Answer | None = None
    stated: Answer | None = None
    _run: int = 0

    def hear(self, answer: Answer, fresh: bool = True) -> None:
        """fresh: made from new silhouettes; that the same ones agree with themselves says nothing."""
        same = self.latest is not None and _key(answer) == _key(self.latest)
        self._run = self._run + fresh if same else int(fresh)
        self.latest = answer
        if self.stated is not None and _key(answer) == _key(self.stated):
            self.stated = answer  # newer figures for the same
        elif self._run >= (AGREE if self.stated is None or self.stated.decision == UNCLEAR else OVERTURN):
            self.stated = answer

    @property
    def settled(self) -> bool:
        """Whether what was heard last is what stands, and it says something."""
        return (
            self.stated is not None
            and self.latest is not None
            and self.stated.decision != UNCLEAR
            and _key(self.stated) == _key(self.latest)
        )

    @property
    def answer(self) -> Answer | None:
        """What to report: what stands, else what was heard last."""
        if self.stated is not None and self.stated.decision != UNCLEAR:
            return self.stated
        return self.latest


def _key(answer: Answer) -> tuple[str, str | None]:
    return answer.decision, answer.identity
