"""`meshgait evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, print_json, showing

if TYPE_CHECKING:
    from ..evaluation.evaluate import Figures
    from ..evaluation.session import Report

__all__ = ["evaluate"]


def evaluate(
    data: Annotated[
        Path, typer.Argument(help="Silhouettes as `embed` takes them, IDENTITY/TYPE/VIEW, or embeddings.")
    ],
    protocol: Annotated[
        str, typer.Option("--protocol", "-p", help="folder, casia-b, oumvlp, gait3d or grew.")
    ] = "folder",
    gallery: Annotated[
        Path | None, typer.Option("--gallery", "-g", help="Compare DATA with these instead of with itself.")
    ] = None,
    partition: Annotated[
        Path | None, typer.Option("--partition", help="JSON with TEST_SET (and TRAIN_SET, PROBE_SET).")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="Gait network; several times for several.", show_default="the shipped one"
        ),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also gait-energy images, raw and by PCA+LDA.")
    ] = False,
    fit: Annotated[
        Path | None, typer.Option("--fit", help="Silhouettes of other people, to fit PCA+LDA on.")
    ] = None,
    normalise: Annotated[
        str | None,
        typer.Option("--normalise", help="camera: subtract each camera's mean embedding, label-free."),
    ] = None,
    camera_from: Annotated[
        str, typer.Option("--camera-from", help="Which label says the camera: view or type.")
    ] = "view",
    resamples: Annotated[
        int, typer.Option("--resamples", min=20, help="Of the bootstrap over people.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write everything (CMC, DET points) as JSON.")
    ] = None,
    device: options.Device = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure how well people are told apart: rank-k, mAP, mINP, EER, TAR@FAR, with 95 % intervals.

    folder: every sequence against all others. The intervals resample people.
    """
    from ..errors import UsageError
    from ..evaluation.session import EvaluateSettings
    from ..evaluation.session import evaluate as run

    if normalise not in (None, "camera"):
        raise UsageError(f"unknown normalisation {normalise!r}: use camera")
    settings = EvaluateSettings(
        protocol=protocol,
        gallery=gallery,
        partition=partition,
        models=tuple(model or ()),
        baselines=baselines,
        fit=fit,
        normalise=camera_from if normalise else None,
        resamples=resamples,
        seed=seed,
    )
    with showing(data.name, quiet) as progress:
        report = run(data, settings, device=device, progress=progress)
    if to is not None:
        _write(report, to)
    if json:
        print_json(report.to_dict())
        return
    console = out()
    for number, condition in enumerate(each.condition for each in next(iter(report.figures.values()))):
        rows = {name: found[number] for name, found in report.figures.items()}
        console.print(_table(condition, rows))
    for camera, people in sorted(report.cameras.items()):
        err().print(f"mean of {camera}: {people} people", style="dim", markup=False)
    for note in report.notes:
        err().print(f"note: {note}", style="yellow", markup=False)


def _write(report: Report, path: Path) -> None:
    import json

    from ..atomic import aside
    from .console import clean

    with aside(path) as temporary:
        temporary.write_text(json.dumps(clean(report.to_dict()), indent=1) + "\n", encoding="utf-8")


def _table(condition: str, rows: dict[str, Figures]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    first = next(iter(rows.values()))
    unasked = f", {first.unasked} more without another sequence" if first.unasked else ""
    asked = f"{first.probes} probes of {first.people} people against {first.gallery} sequences"
    title = f"{condition}: {asked}{unasked}"
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("percent")
    for name in rows:
        table.add_column(escape(name), justify="right")
    for value in first.values:
        cells = [each.values[value] for each in rows.values()]
        table.add_row(value, *(f"{100 * c.value:.1f} ({100 * c.low:.1f}–{100 * c.high:.1f})" for c in cells))
    return table
