"""`meshgait gallery browse`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import out
from .galleries import passphrase_for

__all__ = ["browse"]


def browse(
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="The gallery's folder, or s3://bucket/name.")
    ],
    port: Annotated[int, typer.Option("--port", help="Where to listen; 0 takes one that is free.")] = 0,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open it in your browser.")] = True,
    far: Annotated[
        float, typer.Option("--far", help="Share of strangers that a search may accept as somebody.")
    ] = 0.01,
    max_mb: Annotated[float, typer.Option("--max-mb", help="The largest video that may be dropped.")] = 2000,
    device: options.Device = "auto",
    model: options.Model = None,
    effort: options.Effort = "balanced",
    detector: options.Detector = "yolo11n-pose",
    detector_px: options.DetectorPx = None,
    tracker: options.Tracker = "bytetrack",
    sam: options.Segmenter = "mobile",
    sam_checkpoint: options.SamCheckpoint = None,
    crop_px: options.CropPx = None,
    backend: options.Backend = "auto",
    passphrase_file: options.PassphraseFile = None,
) -> None:
    """Look at a gallery in your browser: who is in it, search by a video, rename, merge, remove.

    It answers on this machine only, to whoever has the address with its token. Ctrl-C ends it.
    """
    from ..browse.session import serve
    from ..gallery.place import address_of
    from ..pipeline import Extractor, ExtractSettings

    settings = ExtractSettings(
        effort=effort,
        detector=detector,
        detector_px=detector_px,
        tracker=tracker,
        segmenter=sam,
        sam_checkpoint=sam_checkpoint,
        crop_px=crop_px,
        backend=backend,
        network=model,
    )

    def announce(address: str) -> None:
        out().print(f"{address_of(gallery)} is at {address}", markup=False, soft_wrap=True)
        out().print("Ctrl-C ends it.", style="dim")

    serve(
        gallery, Extractor(settings, device), port=port, far=far, most_mb=max_mb,
        open_browser=open_browser,
        passphrase=passphrase_for(gallery, passphrase_file), announce=announce,
    )  # fmt: skip
    out().print("closed", style="dim")
