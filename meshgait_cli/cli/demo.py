"""`meshgait demo`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, showing, warn_untrained

__all__ = ["demo"]


def demo(
    to: Annotated[Path, typer.Option("--out", "-o", help="Folder to work in.")] = Path("meshgait-demo"),
    device: options.Device = "auto",
    mesh: Annotated[bool, typer.Option(help="Draw the 3-D body too.")] = True,
    quiet: options.Quiet = False,
) -> None:
    """Run extract, match and render-mesh on a real clip, and say where to look.

    Fetches the clip and the model files on first use (about 50 MB), each checked by its sha256.
    """
    from time import perf_counter

    from rich.markup import escape

    from .. import demo as steps
    from ..render.session import RenderSettings, render_result
    from ..report.session import write_report
    from .extract import result_table
    from .match import match_table

    started = perf_counter()
    console = out()
    extractor = steps.default_extractor(device)
    console.print("[bold]1 extract[/]  find the people in a clip of a park")
    with showing("extract", quiet) as progress:
        result = steps.extract_clip(extractor, to / "results", progress)
    console.print(result_table(result))
    warn_untrained(extractor.embedder.trained, extractor.embedder.model_id)

    walker = steps.main_walker(result)
    console.print(
        "[bold]2 match[/]  the second half of her walk, against the first half among twenty synthetic people"
    )
    gallery, query = steps.write_halves(result.silhouettes(walker, good_only=True), to)
    found = steps.ask(extractor, gallery, query)
    (answer,) = found.answers
    console.print(match_table(f"who is it, of {found.people}?", list(answer.matches[:5])))
    place = 1 + next(i for i, match in enumerate(answer.matches) if match.identity == steps.WALKER)
    colour = "green" if place == 1 else "red"
    console.print(f"[{colour}]her other half is number {place}[/]; the answer: {escape(answer.sentence)}")
    console.print("One question proves little; it shows what an answer looks like.")

    with showing("report", quiet) as progress:
        page = write_report(
            found, to / "report.html", extractor=extractor if mesh else None, progress=progress
        )
    looks = [
        ("the answer, as a page", page),
        ("her silhouettes", result.folder / (walker.contact_file or "")),
        ("everything measured", result.folder / "manifest.json"),
    ]
    if mesh:
        console.print("[bold]3 render-mesh[/]  the 3-D body that the network saw")
        with showing("render-mesh", quiet) as progress:
            drawn = render_result(result, extractor, RenderSettings(), progress=progress)
        looks += [(name, path) for name, path in drawn.items()]
    console.print(f"[bold]Look here[/] ({perf_counter() - started:.0f} s in all)")
    for name, path in looks:
        console.print(f"  {name:<22} {path.as_posix()}", markup=False, soft_wrap=True)
    err().print(
        "Next: meshgait extract YOUR.mp4    meshgait match YOUR.mp4 --gallery FOLDER-OF-PEOPLE", markup=False
    )
