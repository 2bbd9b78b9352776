"""What runs inside a Ray actor: an extractor that loads its models once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MeshgaitError

if TYPE_CHECKING:
    from ..pipeline import Extractor, ExtractSettings
    from ..video.sources import VideoSource

__all__ = ["ExtractWorker"]


class ExtractWorker:
    """threads: of torch, as many as the cores that the actor was given."""

    def __init__(self, settings: ExtractSettings, device: str, threads: int, out: Path, force: bool) -> None:
        import cv2
        import torch

        from ..pipeline import Extractor

        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        self._out, self._force = out, force
        self._extractor: Extractor = Extractor(settings, device)

    def run(self, source: VideoSource) -> tuple[bool, str | None]:
        """Extract one video. Returns whether it was done before, and what is wrong with it, or None: an
        error of the video is an answer, not a reason to try again."""
        try:
            done = self._extractor.extract(source, self._out, force=self._force)
        except MeshgaitError as error:
            return False, str(error)
        return done.skipped, None
