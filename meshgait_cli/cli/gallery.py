"""`meshgait gallery`: known people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from . import options
from .browse import browse
from .console import err, out, print_json, showing, warn_untrained
from .galleries import Folder, counted, new_passphrase, opened, passphrase_for
from .gallery_calibrate import calibrate
from .gallery_look import list_people, show, stats
from .gallery_passphrase import passphrase
from .gallery_people import merge, remove, rename
from .seeing import Seeing, with_seeing

__all__ = ["app"]

app = typer.Typer(
    help="Known people: enrol them, look, rename, merge, remove.", no_args_is_help=True, add_completion=False
)


@app.command("create")
def create(
    gallery: Folder,
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="Nobody reads it without a passphrase. Lost is lost.")
    ] = False,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Make an empty gallery, readable by its owner only."""
    from ..gallery.store import Store

    if passphrase_file is not None and not encrypt:
        raise UsageError("--passphrase-file goes with --encrypt")
    store = Store.create(gallery, new_passphrase(passphrase_file) if encrypt else None)
    if json:
        print_json(store.stats())
        return
    what = "an encrypted gallery" if encrypt else "a gallery"
    out().print(f"{store.place} is {what} now; `meshgait gallery enroll` puts people in", markup=False)


@app.command("enroll")
@with_seeing
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
    *,
    seeing: Seeing,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put people's walks into the gallery. What was enrolled before is left out."""
    from ..gallery.enrol import enrol

    extractor = seeing.extractor()
    store = opened(gallery, passphrase_file)
    with showing(store.place.name, quiet) as progress:
        done = enrol(
            store, sources, extractor, identity=identity, camera=camera, view=view,
            keep_silhouettes=silhouettes, progress=progress, announce=None if quiet else _announce,
        )  # fmt: skip
    store.tune(None if quiet else _tuning)
    if not store.trained:
        warn_untrained(False, str(store.model_id))
    for note in done.notes:
        err().print(f"note: {note}", style="yellow", markup=False)
    if json:
        print_json(
            {
                "gallery": store.place.address,
                "enrolled": done.sequences,
                "people": done.people,
                "already": done.already,
                "notes": done.notes,
            }
        )
        return
    again = f"; {done.already} of the sources had been enrolled before" if done.already else ""
    whom = ", ".join(done.people[:5]) + (" …" if len(done.people) > 5 else "")
    whose = f" of {whom}" if whom else ""
    out().print(f"{counted(done.sequences)}{whose} enrolled{again}", markup=False)


@app.command("export")
def export(
    gallery: Folder,
    to: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    identity: Annotated[
        str | None, typer.Option("--identity", "-i", help="All that is held about this person.")
    ] = None,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Write the gallery, or all that it holds about one person, as plain files, also of an encrypted one."""
    from ..gallery.exchange import export as write

    count = write(opened(gallery, passphrase_file), to, identity)
    if json:
        print_json({"folder": str(to), "identity": identity, "sequences": count})
        return
    out().print(f"{counted(count)} → {to}", markup=False)


@app.command("import")
def import_folder(
    gallery: Folder,
    folder: Annotated[
        Path, typer.Argument(metavar="FROM", help="What `gallery export` wrote, or another gallery.")
    ],
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Take in an exported gallery or person, or all of another gallery."""
    from ..gallery.exchange import import_into

    store = opened(gallery, passphrase_file)
    ids = import_into(store, folder, passphrase_for(folder, None))
    store.tune(_tuning)
    if json:
        print_json({"gallery": store.place.address, "imported": len(ids)})
        return
    again = "" if ids else ": all of it was there already"
    out().print(f"{counted(len(ids))} imported{again}", markup=False)


@app.command("index")
def index(
    gallery: Folder, passphrase_file: options.PassphraseFile = None, json: options.Json = False
) -> None:
    """Build a large gallery's search index again, after an erasure; `enroll` does it by itself."""
    store = opened(gallery, passphrase_file)
    done = store.tune(_tuning)
    if json:
        print_json({"gallery": store.place.address, "built": done, "search": store.stats()["search"]})
        return
    if done:
        out().print("the search index is up to date")
    else:
        out().print(f"nothing to do: the search is {store.stats()['search']}")


app.command("calibrate")(calibrate)
app.command("list")(list_people)
app.command("show")(show)
app.command("stats")(stats)
app.command("remove")(remove)
app.command("rename")(rename)
app.command("merge")(merge)
app.command("passphrase")(passphrase)
app.command("browse")(browse)


def _announce(name: str, number: int, count: int) -> None:
    err().print(f"{number}/{count}: {name}", style="dim", markup=False)


def _tuning(sequences: int) -> None:
    text = f"building the search index of {sequences:,} sequences, some minutes for each 100,000"
    err().print(text, style="dim")
