"""`meshgait extract`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained
from .seeing import Seeing, with_seeing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..pipeline import Extraction
    from ..results.directory import Result
    from ..video.sources import VideoSource

__all__ = ["extract", "result_table"]


@with_seeing
def extract(
    videos: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO…", help="Files, folders, globs, camera:N, rtsp:// or http:// addresses."
        ),
    ],
    folder: options.Out = None,  # type: ignore[assignment]
    *,
    seeing: Seeing,
    min_track: Annotated[float, typer.Option(help="Seconds; people seen more briefly are dropped.")] = 1.0,
    seconds: Annotated[
        float | None, typer.Option(help="Stop after so many seconds of video.", show_default="all of it")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Also write preview.mp4.")] = False,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="opengait: also write OpenGait's pkl tree.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do finished videos again.")] = False,
    engine: Annotated[
        str, typer.Option(help="here, or ray: videos side by side, on all cores or machines.")
    ] = "here",
    address: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a Ray cluster that is there.", show_default="one of its own"),
    ] = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the people in videos; write silhouettes, quality and one identity embedding a person.

    A finished video is skipped when it is given again; an interrupted one starts anew.
    Silhouettes and embeddings are personal, biometric data: keep them as such.
    """
    from rich.markup import escape

    from ..errors import MeshgaitError, NoWalkerError, UsageError
    from ..gallery.walkers import why_nobody
    from ..pipeline import DEFAULT_OUT, Extractor
    from ..report.session import page_for, write_report
    from ..spared import spare
    from ..video.sources import expand

    unknown = set(formats or []) - {"opengait"}
    if unknown:
        raise UsageError(f"unknown --format {unknown.pop()!r}: opengait is the one there is")
    if engine not in ("here", "ray"):
        raise UsageError(f"unknown --engine {engine!r}: use here or ray")
    if address is not None and engine != "ray":
        raise UsageError("--address is a Ray cluster's: give --engine ray with it")
    sources = expand(videos)
    pages = [report and page_for(report, source.name, len(sources) > 1) for source in sources]
    for source, page in zip(sources, pages, strict=True):
        if page is not None:
            spare("--report", page, source.path)
    settings = seeing.settings(
        min_track_s=min_track,
        max_s=seconds,
        preview=preview,
        opengait=bool(formats),
    )
    extractor = Extractor(settings, seeing.device)
    warn_untrained(extractor.embedder.trained, extractor.embedder.model_id)
    results: list[Result] = []
    reports: list[dict[str, Any]] = []
    failures: list[MeshgaitError] = []
    page_of = {source.name: page for source, page in zip(sources, pages, strict=True)}
    target = folder or DEFAULT_OUT

    def by_ray() -> Iterator[tuple[VideoSource, Extraction | MeshgaitError]]:
        from ..cluster.engine import extract_all
        from ..pipeline import Step

        everything = f"{len(sources)} videos"
        with showing(everything, quiet) as progress:
            progress(Step("videos", 0, len(sources)))
            done = extract_all(sources, settings, seeing.device, target, address=address, force=force)
            for number, ended in enumerate(done, start=1):
                progress(Step("videos", number, len(sources)))
                yield ended

    def one_by_one() -> Iterator[tuple[VideoSource, Extraction | MeshgaitError]]:
        for source in sources:
            try:
                with showing(source.name, quiet) as progress:
                    made = extractor.extract(source, target, progress=progress, force=force)
            except MeshgaitError as error:
                yield source, error
            else:
                yield source, made

    for source, done in by_ray() if engine == "ray" else one_by_one():
        if isinstance(done, MeshgaitError):
            if len(sources) == 1:
                raise done
            failures.append(done)
            err().print(f"[red]error:[/] {escape(str(done))}")
            reports.append({"video": source.shown, "error": str(done)})
            continue
        page = page_of[source.name]
        if page is not None:  # whether it can be written was asked before anything else
            with showing(source.name, quiet) as progress:
                write_report(done.result, page, extractor=extractor, progress=progress)
        results.append(done.result)
        reports.append(
            {
                "video": source.shown,
                "folder": str(done.result.folder),
                "skipped": done.skipped,
                **({} if page is None else {"report": page.as_posix()}),
                **done.result.manifest.model_dump(
                    mode="json", include={"tracks", "dropped", "notes", "seconds"}
                ),
            }
        )
        if not json:
            _print(done.result, done.skipped)
            if page is not None:
                out().print(f"report: {page.as_posix()}", markup=False, soft_wrap=True)
    if json:
        print_json(reports)
    if failures:
        raise MeshgaitError(f"{len(failures)} of {len(sources)} videos failed; the others are done")
    if not any(track.usable for result in results for track in result.tracks):
        raise NoWalkerError("; ".join(why_nobody(result) for result in results[:3]))


def _print(result: Result, skipped: bool) -> None:
    from rich.markup import escape

    video = result.manifest.video
    state = " (already done; --force does it again)" if skipped else ""
    console = out()
    console.print(
        f"[bold]{escape(video.name)}[/]  {video.frames} frames, {video.duration_s:.1f} s, "
        f"{video.width}×{video.height}{state}"
    )
    for note in result.manifest.notes:
        console.print(f"[yellow]note:[/] {escape(note)}")
    console.print(result_table(result))
    if result.manifest.dropped:
        console.print(
            f"{len(result.manifest.dropped)} shorter track(s) dropped; the reasons are in manifest.json"
        )
    console.print(f"→ {escape(_short(result.folder))}/", soft_wrap=True)


def _short(path: Path) -> str:
    return path.as_posix()


def result_table(result: Result) -> Any:
    """People of a result as a Rich table."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name, justify in (
        ("track", "right"),
        ("seen", "left"),
        ("height", "right"),
        ("walking", "right"),
        ("cycles", "right"),
        ("quality", "right"),
        ("gait sample", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for track in result.tracks:
        table.add_row(
            str(track.id),
            f"{track.start_s:.1f}–{track.end_s:.1f} s",
            f"{track.height_px:.0f} px",
            f"{track.walking_fraction:.0%}",
            f"{track.gait_cycles:.1f}",
            f"{track.score:.2f}",
            "[green]yes[/]" if track.usable else f"[yellow]no:[/] {'; '.join(track.reasons)}",
        )
    return table
