"""The options that every command has which looks at video: declared once, and taken as one.

    @with_seeing
    def command(video: str, seeing: Seeing, json: bool = False) -> None:
        extractor = seeing.extractor()

Typer sees the fields of `Seeing` where `seeing` stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

from . import options

if TYPE_CHECKING:
    from ..pipeline import Extractor, ExtractSettings

__all__ = ["LiveSeeing", "Seeing", "with_seeing"]


@dataclass(frozen=True)
class Seeing:
    """How people are found, and by which network they are told apart."""

    device: options.Device = "auto"
    model: options.Model = None
    effort: options.Effort = "balanced"
    detector: options.Detector = "yolo11n-pose"
    detector_px: options.DetectorPx = None
    tracker: options.Tracker = "bytetrack"
    sam: options.Segmenter = "mobile"
    sam_checkpoint: options.SamCheckpoint = None
    crop_px: options.CropPx = None
    backend: options.Backend = "auto"

    def settings(self, **more: Any) -> ExtractSettings:
        """more: settings that only one command asks about. Raises UsageError for what cannot be."""
        from ..pipeline import ExtractSettings

        return ExtractSettings(
            effort=self.effort,
            detector=self.detector,
            detector_px=self.detector_px,
            tracker=self.tracker,
            segmenter=self.sam,
            sam_checkpoint=self.sam_checkpoint,
            crop_px=self.crop_px,
            backend=self.backend,
            network=self.model,
            **more,
        )

    def extractor(self) -> Extractor:
        from ..pipeline import Extractor

        return Extractor(self.settings(), self.device)


@dataclass(frozen=True)
class LiveSeeing(Seeing):
    """Where there is no time for finer crops."""

    crop_px: options.OneCropPx = 320


def with_seeing(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of its parameter `seeing` in its place."""
    signature = inspect.signature(command, eval_str=True)
    kind = signature.parameters["seeing"].annotation
    names = [field.name for field in fields(kind)]
    shown: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name == "seeing":
            shown += inspect.signature(kind, eval_str=True).parameters.values()
        else:
            shown.append(parameter)

    @wraps(command)
    def seen(**given: Any) -> None:
        command(seeing=kind(**{name: given.pop(name) for name in names}), **given)

    seen.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return seen
