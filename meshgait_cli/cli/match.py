"""`meshgait match`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained
from .galleries import passphrase_for
from .seeing import Seeing, with_seeing

if TYPE_CHECKING:
    from ..records import Match

__all__ = ["match", "match_table"]

_REFUSED = 5  # tracks whose reasons are printed


@with_seeing
def match(
    query: Annotated[
        str, typer.Argument(help="A video, a result of `extract`, silhouettes, or a file of embeddings.")
    ],
    gallery: Annotated[
        Path,
        typer.Option(
            "--gallery",
            "-g",
            help="A gallery (a folder, s3://bucket/name), or a folder of known people: NAME.mp4, NAME/*.mp4, "
            "results, silhouettes.",
        ),
    ],
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Identities to show.")] = 5,
    far: Annotated[
        float, typer.Option("--far", help="Share of strangers that may be accepted as somebody.")
    ] = 0.01,
    sets: Annotated[
        str, typer.Option("--sets", help="best, mean or weighted: how several sequences of a person count.")
    ] = "weighted",
    normalise: Annotated[
        str | None,
        typer.Option("--normalise", help="camera: subtract each camera's mean (five people by each)."),
    ] = None,
    folder: options.Out = None,  # type: ignore[assignment]
    *,
    seeing: Seeing,
    passphrase_file: options.PassphraseFile = None,
    report: options.Report = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say of each walker who it is, out of a gallery: accepted, unknown, or not enough to say.

    GALLERY was made by `meshgait gallery`, or is a folder of videos that is indexed on first use; afterwards
    only new or changed files are read.
    """
    from ..gallery.identify import identify
    from ..gallery.place import address_of
    from ..pipeline import DEFAULT_OUT
    from ..report.session import page_for, write_report
    from ..spared import spare
    from ..video.sources import called, public

    page = None if report is None else page_for(report)
    if page is not None:
        spare("--report", page, query)
    extractor = seeing.extractor()
    passphrase = passphrase_for(gallery, passphrase_file)
    with showing(called(query), quiet) as progress:
        found = identify(
            query, gallery, extractor, folder or DEFAULT_OUT, far=far, sets=sets,
            normalise=normalise, top_k=top_k, passphrase=passphrase, progress=progress,
            announce=None if quiet else _announce,
        )  # fmt: skip
        if page is not None:
            write_report(found, page, extractor=extractor, progress=progress)
    for note in found.notes:
        err().print(f"note: {note}", style="yellow", markup=False)
    trained = all(walker.embedding.trained for walker in found.walkers)
    warn_untrained(trained, found.gallery.model_id)
    if json:
        extra = {} if page is None else {"report": page.as_posix()}
        asked = {"query": public(query), "gallery": address_of(gallery), "trained": trained}
        print_json({**asked, **found.to_dict(), **extra})
        return
    console = out()
    for answer in found.answers:
        console.print(f"{answer.label}: {answer.sentence}", markup=False, style="bold")
        console.print(match_table(f"against {found.people} known people", list(answer.matches)))
    for refused in found.refused[:_REFUSED]:
        why = "; ".join(refused.reasons)
        err().print(f"{refused.label} cannot be judged: {why}", style="dim", markup=False)
    if len(found.refused) > _REFUSED:
        err().print(f"{len(found.refused) - _REFUSED} more tracks cannot be judged", style="dim")
    if page is not None:
        console.print(f"report: {page.as_posix()}", markup=False, soft_wrap=True)


def _announce(name: str, number: int, count: int) -> None:
    if count > 1 or number == 1:
        err().print(f"gallery {number}/{count}: {name}", style="dim", markup=False)


def match_table(title: str, matches: list[Match]) -> Any:
    """Ranked identities as a Rich table."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("rank", justify="right")
    table.add_column("identity")
    table.add_column("distance", justify="right")
    table.add_column("margin to next", justify="right")
    table.add_column("probability", justify="right")
    table.add_column("best sequence")
    for rank, match in enumerate(matches, 1):
        margin = f"{match.margin:.4f}" if match.margin == match.margin else "–"
        chance = "–" if match.probability is None else f"{match.probability:.1%}"
        table.add_row(
            str(rank), escape(match.identity), f"{match.distance:.4f}", margin, chance, escape(match.sequence)
        )
    return table
