"""`meshgait match`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained

if TYPE_CHECKING:
    from ..records import Match

__all__ = ["match", "match_table"]


def match(
    query: Annotated[
        str, typer.Argument(help="A video, a result of `extract`, silhouettes, or a file of embeddings.")
    ],
    gallery: Annotated[
        Path,
        typer.Option(
            "--gallery", "-g", help="Folder of known people: NAME.mp4, NAME/*.mp4, results, silhouettes."
        ),
    ],
    top_k: Annotated[int, typer.Option("--top-k", "-k", min=1, help="Identities to show.")] = 5,
    folder: options.Out = None,  # type: ignore[assignment]
    device: options.Device = "auto",
    model: options.Model = None,
    detector: options.Detector = "yolo11n-pose",
    tracker: options.Tracker = "bytetrack",
    sam: options.Segmenter = "mobile",
    sam_checkpoint: options.SamCheckpoint = None,
    crop_px: options.CropPx = 320,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Rank the people of a gallery by their likeness to each walker of a query.

    The gallery folder is indexed on first use; afterwards only new or changed files are read.
    Distances are not yet probabilities: the nearest person is named even when nobody is right.
    """
    from ..gallery.folder import index_folder
    from ..gallery.walkers import walkers_in
    from ..pipeline import DEFAULT_OUT, Extractor, ExtractSettings

    settings = ExtractSettings(
        detector=detector,
        tracker=tracker,
        segmenter=sam,
        sam_checkpoint=sam_checkpoint,
        crop_px=crop_px,
        network=model,
    )
    extractor = Extractor(settings, device)
    with showing("gallery", quiet) as progress:
        announce = None if quiet else _announce
        indexed = index_folder(gallery, extractor, progress=progress, announce=announce)
    for note in indexed.notes:
        err().print(f"note: {note}", style="yellow", markup=False)
    with showing(Path(query).name, quiet) as progress:
        walkers = walkers_in(query, extractor, folder or DEFAULT_OUT, progress)
    warn_untrained(extractor.embedder.trained, extractor.embedder.model_id)
    ranked = [(walker, indexed.gallery.rank(walker.embedding, top_k)) for walker in walkers]
    if json:
        print_json(
            {
                "query": query,
                "gallery": str(gallery),
                "identities": len(indexed.gallery.identities),
                "model": indexed.gallery.model_id,
                "trained": extractor.embedder.trained,
                "walkers": [
                    {"walker": walker.label, "matches": [_as_dict(match) for match in matches]}
                    for walker, matches in ranked
                ],
            }
        )
        return
    console = out()
    people = len(indexed.gallery.identities)
    for walker, matches in ranked:
        console.print(match_table(f"{walker.label} against {people} known people", matches))


def _announce(name: str, number: int, count: int) -> None:
    if count > 1 or number == 1:
        err().print(f"gallery {number}/{count}: {name}", style="dim", markup=False)


def _as_dict(match: Match) -> dict[str, Any]:
    return {
        "identity": match.identity,
        "distance": round(match.distance, 5),
        "margin": round(match.margin, 5),
        "sequence": match.sequence,
    }


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
    table.add_column("best sequence")
    for rank, match in enumerate(matches, 1):
        margin = f"{match.margin:.4f}" if match.margin == match.margin else "–"
        table.add_row(
            str(rank), escape(match.identity), f"{match.distance:.4f}", margin, escape(match.sequence)
        )
    return table
