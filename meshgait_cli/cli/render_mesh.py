"""`meshgait render-mesh`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained

__all__ = ["render_mesh"]


def render_mesh(
    source: Annotated[
        str | None,
        typer.Argument(help="A video or a result of `extract`.", show_default="the newest result below here"),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the pictures.", show_default="RESULT/mesh")
    ] = None,
    track: Annotated[
        list[int] | None, typer.Option("--track", "-t", help="Only these people.", show_default="all usable")
    ] = None,
    video: Annotated[
        Path | None, typer.Option("--video", help="Where the video is now, if it was moved.")
    ] = None,
    heatmaps: Annotated[
        bool, typer.Option("--heatmaps", help="Also draw the joint volumes and the joints.")
    ] = False,
    body: Annotated[
        str,
        typer.Option(
            "--body",
            help="open: the CC0 body, fitted to what the network saw. decoded: the network's mesh itself. "
            "smpl: your own file, fitted.",
        ),
    ] = "open",
    smpl_path: Annotated[
        Path | None, typer.Option("--smpl-path", help="Your SMPL .pkl or .npz (non-commercial licence).")
    ] = None,
    stature: Annotated[float, typer.Option(help="Assumed body height in metres, for the .glb.")] = 1.7,
    device: options.Device = "auto",
    model: options.Model = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show the 3-D body that the network saw: over the video, turning, and as animated glTF."""
    from ..errors import SourceNotFound, UsageError
    from ..gallery.walkers import kind_of
    from ..pipeline import DEFAULT_OUT, Extractor, ExtractSettings
    from ..render.session import RenderSettings, render_result
    from ..report.session import page_for, write_report
    from ..results.directory import Result, find_newest
    from ..spared import spare
    from ..video.sources import called

    page = None if report is None else page_for(report)
    if page is not None:
        spare("--report", page, source, video, smpl_path)
    settings = RenderSettings(body=body, smpl_path=smpl_path, stature_m=stature, heatmaps=heatmaps)
    extractor = Extractor(ExtractSettings(network=model), device)
    if source is None:
        newest = find_newest(Path.cwd())
        if newest is None:
            raise SourceNotFound(
                "no result below this folder: name a video or a result of `meshgait extract`"
            )
        err().print(f"drawing the newest result here: {newest.relative_to(Path.cwd())}", markup=False)
        result = Result(newest)
    elif kind_of(source) == "result":
        result = Result(Path(source))
    elif kind_of(source) == "video" and not Path(source).is_dir():
        with showing(called(source), quiet) as progress:
            result = extractor.extract(source, DEFAULT_OUT, progress=progress).result
    else:
        raise UsageError(f"{source} is neither a video nor a result of `meshgait extract`")
    warn_untrained(extractor.embedder.trained, extractor.embedder.model_id)
    with showing(result.manifest.video.name, quiet) as progress:
        drawn = render_result(
            result, extractor, settings, out=to, tracks=track, video=video, progress=progress
        )
        if page is not None:
            drawn["report"] = write_report(
                result, page, extractor=extractor, settings=settings, progress=progress
            )
    if json:
        print_json({name: path.as_posix() for name, path in drawn.items()})
        return
    for name, path in drawn.items():
        out().print(f"{name:<22} {path.as_posix()}", markup=False, soft_wrap=True)
