"""`meshgait gallery`: known people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .browse import browse
from .console import err, out, print_json, showing, warn_untrained

__all__ = ["app"]

app = typer.Typer(help="Known people: enrol them, look, rename, merge, remove.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's folder.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("create")
def create(gallery: Folder, json: options.Json = False) -> None:
    """Make an empty gallery, readable by its owner only."""
    from ..gallery.store import Store

    store = Store.create(gallery)
    if json:
        print_json(store.stats())
        return
    out().print(f"{gallery} is a gallery now; `meshgait gallery enroll` puts people in", markup=False)


@app.command("enroll")
def enroll(
    gallery: Folder,
    sources: Annotated[
        list[str],
        typer.Argument(help="Videos, results, silhouettes, embeddings, or folders of NAME.mp4, NAME/…"),
    ],
    identity: Annotated[
        str | None, typer.Option("--identity", "-i", help="All of it is this person.")
    ] = None,
    camera: Annotated[str, typer.Option("--camera", help="Which camera saw it.")] = "",
    view: Annotated[str, typer.Option("--view", help="From which side, in words of your own.")] = "",
    silhouettes: Annotated[
        bool, typer.Option("--silhouettes/--no-silhouettes", help="Keep what the embedding was made of.")
    ] = True,
    device: options.Device = "auto",
    model: options.Model = None,
    effort: options.Effort = "balanced",
    detector: options.Detector = "yolo11n-pose",
    tracker: options.Tracker = "bytetrack",
    sam: options.Segmenter = "mobile",
    sam_checkpoint: options.SamCheckpoint = None,
    crop_px: options.CropPx = 320,
    backend: options.Backend = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put people's walks into the gallery. What was enrolled before is left out."""
    from ..gallery.enrol import enrol
    from ..gallery.store import Store
    from ..pipeline import Extractor, ExtractSettings

    settings = ExtractSettings(
        effort=effort,
        detector=detector,
        tracker=tracker,
        segmenter=sam,
        sam_checkpoint=sam_checkpoint,
        crop_px=crop_px,
        backend=backend,
        network=model,
    )
    store = Store(gallery)
    with showing(gallery.name, quiet) as progress:
        done = enrol(
            store, sources, Extractor(settings, device), identity=identity, camera=camera, view=view,
            keep_silhouettes=silhouettes, progress=progress, announce=None if quiet else _announce,
        )  # fmt: skip
    if not store.trained:
        warn_untrained(False, str(store.model_id))
    for note in done.notes:
        err().print(f"note: {note}", style="yellow", markup=False)
    if json:
        print_json(
            {
                "gallery": str(gallery),
                "enrolled": done.sequences,
                "people": done.people,
                "already": done.already,
                "notes": done.notes,
            }
        )
        return
    again = f"; {done.already} source(s) were there already" if done.already else ""
    whom = ", ".join(done.people[:5]) + (" …" if len(done.people) > 5 else "")
    whose = f" of {whom}" if whom else ""
    out().print(f"{done.sequences} sequence(s){whose} enrolled{again}", markup=False)


@app.command("list")
def list_people(gallery: Folder, json: options.Json = False) -> None:
    """Who is in it."""
    from ..gallery.store import Store

    people = Store(gallery).people()
    if json:
        print_json([{"identity": name, "sequences": count} for name, count in people.items()])
        return
    _print_table(("identity", "sequences"), [(name, str(count)) for name, count in people.items()])
    out().print(f"{len(people)} people, {sum(people.values())} sequences", markup=False)


@app.command("show")
def show(
    gallery: Folder,
    identity: Annotated[str, typer.Argument(help="Whose walks.")],
    json: options.Json = False,
) -> None:
    """One person's sequences: where and when each is from, and how good."""
    from ..gallery.store import Store

    rows = Store(gallery).describe(identity)
    if json:
        print_json(rows)
        return

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        known = row["start_s"] == row["start_s"]
        span = f"{row['start_s']:.1f}–{row['end_s']:.1f} s" if known else "–"
        quality = row["quality"]
        score = "–" if quality is None or quality != quality else f"{quality:.2f}"
        labels = " ".join(word for word in (row["camera"], row["view"]) if word)
        return (row["id"], row["name"], span, labels, str(row["frames"]), score, row["enrolled"][:16])

    columns = ("id", "from", "time", "camera, view", "frames", "quality", "enrolled (UTC)")
    _print_table(columns, [cells(row) for row in rows])


@app.command("remove")
def remove(
    gallery: Folder,
    identity: Annotated[str, typer.Argument(help="Who is to be forgotten.")],
    sequence: Annotated[
        str | None, typer.Option("--sequence", help="Only this sequence, by its id (see `show`).")
    ] = None,
    yes: Yes = False,
    json: options.Json = False,
) -> None:
    """Erase a person: embeddings, silhouettes, index entries and all their older versions on the disk."""
    from ..gallery.store import Store

    store = Store(gallery)
    if not yes:
        rows = store.describe(identity)
        count = len(rows) if sequence is None else 1
        typer.confirm(f"erase {count} sequence(s) of {identity!r} for good?", abort=True, err=True)
    gone = store.remove(identity, sequence)
    if json:
        print_json({"identity": identity, "removed": gone})
        return
    out().print(f"{gone} sequence(s) of {identity} erased", markup=False)


@app.command("rename")
def rename(
    gallery: Folder,
    identity: Annotated[str, typer.Argument(help="The name now.")],
    new: Annotated[str, typer.Argument(help="The new name.")],
    json: options.Json = False,
) -> None:
    """Give a person another name."""
    from ..gallery.store import Store

    moved = Store(gallery).rename(identity, new)
    if json:
        print_json({"identity": new, "was": identity, "sequences": moved})
        return
    out().print(f"{identity} is called {new} now ({moved} sequences)", markup=False)


@app.command("merge")
def merge(
    gallery: Folder,
    into: Annotated[str, typer.Argument(help="Who stays.")],
    others: Annotated[list[str], typer.Argument(help="Who is the same person.")],
    yes: Yes = False,
    json: options.Json = False,
) -> None:
    """Make several people one."""
    from ..gallery.store import Store

    store = Store(gallery)
    if not yes:
        question = f"make {', '.join(map(repr, others))} and {into!r} one person? It cannot be undone"
        typer.confirm(question, abort=True, err=True)
    moved = store.merge(into, others)
    if json:
        print_json({"identity": into, "merged": others, "moved": moved})
        return
    out().print(f"{moved} sequence(s) are {into}'s now", markup=False)


@app.command("export")
def export(
    gallery: Folder,
    to: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    identity: Annotated[
        str | None, typer.Option("--identity", "-i", help="All that is held about this person.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write the gallery, or all that it holds about one person, as plain files."""
    from ..gallery.exchange import export as write
    from ..gallery.store import Store

    count = write(Store(gallery), to, identity)
    if json:
        print_json({"folder": str(to), "identity": identity, "sequences": count})
        return
    out().print(f"{count} sequence(s) → {to}", markup=False)


@app.command("import")
def import_folder(
    gallery: Folder,
    folder: Annotated[Path, typer.Argument(help="What `gallery export` wrote.")],
    json: options.Json = False,
) -> None:
    """Take in an exported gallery or person."""
    from ..gallery.exchange import import_into
    from ..gallery.store import Store

    ids = import_into(Store(gallery), folder)
    if json:
        print_json({"gallery": str(gallery), "imported": len(ids)})
        return
    out().print(f"{len(ids)} sequence(s) imported", markup=False)


@app.command("calibrate")
def calibrate(
    gallery: Folder,
    sets: Annotated[
        str, typer.Option("--sets", help="best, mean or weighted: how several sequences of a person count.")
    ] = "best",
    json: options.Json = False,
) -> None:
    """Fit probabilities and thresholds to the gallery's own people (ten with two sequences or more)."""
    from ..gallery.identify import calibrate as fit
    from ..gallery.store import Store

    done = fit(Store(gallery), sets)
    if json:
        print_json(done.to_dict())
        return
    pairs = f"{done.genuine} pairs of one person and {done.impostor} of two"
    out().print(f"calibrated on {pairs}, from {done.people} people", markup=False)
    for name, value in (done.measured or {}).items():
        out().print(f"{name}: {value:.1%}", markup=False)


@app.command("stats")
def stats(gallery: Folder, json: options.Json = False) -> None:
    """How many, how large, of which model; whether the audit log is whole."""
    from ..gallery.store import Store

    store = Store(gallery)
    store.audit.verify()
    found = store.stats()
    if json:
        print_json(found)
        return
    rows = [(name.replace("_", " "), "–" if value is None else str(value)) for name, value in found.items()]
    _print_table(("", ""), rows)


app.command("browse")(browse)


def _announce(name: str, number: int, count: int) -> None:
    err().print(f"{number}/{count}: {name}", style="dim", markup=False)


def _print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Names are other people's text: nothing in them is markup."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(escape, row))
    out().print(table)
