"""`meshgait evaluate`"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained

if TYPE_CHECKING:
    from ..evaluation.evaluate import Figures
    from ..synth.bodies import BodyFigures

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
    bodies: Annotated[
        bool,
        typer.Option("--bodies", help="Instead: errors of joints and mesh in mm, of `synth` walkers."),
    ] = False,
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

    folder: every sequence against all others. The intervals resample people. --bodies: how far the bodies
    that the network sees are from the true ones, for a dataset of `meshgait synth`.
    """
    from ..errors import UsageError
    from ..evaluation.session import EvaluateSettings
    from ..evaluation.session import evaluate as run
    from ..spared import spare

    if to is not None:
        if to.suffix.lower() != ".json":
            raise UsageError(f"--out writes JSON: name it {to.with_suffix('.json').name}, not {to.name}")
        spare("--out", to, data, gallery, partition, fit)
    if normalise not in (None, "camera"):
        raise UsageError(f"unknown normalisation {normalise!r}: use camera")
    if bodies:
        if gallery or partition or baselines or fit or normalise or protocol != "folder":
            raise UsageError("--bodies goes with --model, --resamples, --seed and --out alone")
        _bodies(data, model or [None], resamples, seed, to, device, json, quiet)
        return
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
        _write(report.to_dict(), to)
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


def _bodies(
    data: Path,
    models: Sequence[str | None],
    resamples: int,
    seed: int,
    to: Path | None,
    device: str,
    json: bool,
    quiet: bool,
) -> None:
    from ..pipeline import Step
    from ..synth.bodies import judge_bodies

    found = []
    with showing(data.name, quiet) as progress:

        def show(done: int, total: int) -> None:
            if progress is not None:
                progress(Step("body", done, total))

        for model in models:
            found.append(
                judge_bodies(data, model, device=device, resamples=resamples, seed=seed, progress=show)
            )
    for each in found:
        warn_untrained(each.trained, each.model)
    report = {"bodies": [each.to_dict() for each in found]}
    if to is not None:
        _write(report, to)
    if json:
        print_json(report)
        return
    for each in found:
        out().print(_body_table(each))


def _body_table(found: BodyFigures) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    asked = f"{found.frames} silhouettes of {found.people} people in {found.sequences} sequences"
    table = Table(title=escape(f"{found.model}: {asked}"), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("mm")
    for way in ("root-aligned", "Procrustes"):
        table.add_column(way, justify="right")
    for what in ("joints", "vertices"):
        cells = [found.values[f"{what}, {way}"] for way in ("root-aligned", "Procrustes")]
        table.add_row(what, *(f"{value:.0f} ({low:.0f}–{high:.0f})" for value, low, high in cells))
    table.add_section()
    for name, means in found.joints.items():
        table.add_row(name, *(f"{mean:.0f}" for mean in means))
    return table


def _write(report: dict[str, Any], path: Path) -> None:
    import json

    from ..atomic import aside
    from .console import clean

    with aside(path) as temporary:
        temporary.write_text(json.dumps(clean(report), indent=1) + "\n", encoding="utf-8")


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
