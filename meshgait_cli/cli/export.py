"""`meshgait export`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import out, print_json

__all__ = ["export"]


def export(
    part: Annotated[
        str, typer.Argument(help="network: silhouettes to embeddings. segmenter: SAM's encoder.")
    ],
    to: Annotated[Path, typer.Option("--out", "-o", help="The .onnx file.")],
    model: options.Model = None,
    sam: options.Segmenter = "mobile",
    sam_checkpoint: options.SamCheckpoint = None,
    crop_px: options.OneCropPx = 320,
    json: options.Json = False,
) -> None:
    """Write a network as ONNX, for any number of walks, frames or people; checked against torch."""
    from ..exporting import export as write

    done = write(
        part, to, model=model, segmenter=sam,
        sam_checkpoint=None if sam_checkpoint is None else Path(sam_checkpoint), crop_px=crop_px,
    )  # fmt: skip
    if json:
        print_json(done.to_dict())
        return
    for name, shape in done.inputs.items():
        out().print(f"{name}: {'×'.join(map(str, shape))}, float32", markup=False)
    for what, error in done.errors.items():
        out().print(f"differs from torch by {error:.1g} on {what}", style="dim", markup=False)
    out().print(f"{done.model}, opset {done.opset} → {done.path}", markup=False, soft_wrap=True)
