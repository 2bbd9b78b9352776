"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Backend",
    "CropPx",
    "Detector",
    "DetectorPx",
    "Device",
    "Effort",
    "Json",
    "Model",
    "OneCropPx",
    "Out",
    "PassphraseFile",
    "Quiet",
    "Report",
    "SamCheckpoint",
    "Segmenter",
    "Tracker",
]

_SEEING = "How people are found"

Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Gait network: a variant's name, or a checkpoint, exported ones too.",
        show_default="the shipped one",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="An encrypted gallery's passphrase; else MESHGAIT_PASSPHRASE, or you are asked.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result and errors.")]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Also write a page to look at, in one file."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results, one folder a video.")]
Effort = Annotated[
    str,
    typer.Option(
        "--effort",
        help="quick, balanced or full: look at about 10, 15 or all frames a second.",
        rich_help_panel=_SEEING,
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        help="Who computes the networks: auto, torch, onnxruntime or openvino; torch:f32 for full precision.",
    ),
]
Detector = Annotated[
    str,
    typer.Option("--detector", help="YOLO checkpoint: a name or a file.", rich_help_panel=_SEEING),
]
DetectorPx = Annotated[
    int | None,
    typer.Option(
        "--detector-px",
        help="Input size of the detector.",
        show_default="as large as the smallest person needs",
        rich_help_panel=_SEEING,
    ),
]
Tracker = Annotated[str, typer.Option("--tracker", help="bytetrack or botsort.", rich_help_panel=_SEEING)]
Segmenter = Annotated[
    str, typer.Option("--sam", help="mobile, vit_b, vit_l or vit_h.", rich_help_panel=_SEEING)
]
SamCheckpoint = Annotated[
    str | None,
    typer.Option(
        "--sam-checkpoint", help="Use this SAM file instead of the registered one.", rich_help_panel=_SEEING
    ),
]
CropPx = Annotated[
    int | None,
    typer.Option(
        "--crop-px",
        help="Size at which each person is shown to SAM: more is finer and slower.",
        show_default="320, 384 or 512, by effort",
        rich_help_panel=_SEEING,
    ),
]
OneCropPx = Annotated[
    int,
    typer.Option(
        "--crop-px",
        help="Size at which each person is shown to SAM: more is finer and slower.",
        rich_help_panel=_SEEING,
    ),
]
