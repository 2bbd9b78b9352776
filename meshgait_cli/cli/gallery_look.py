"""`meshgait gallery list`, `show` and `stats`: what is in it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import options
from .console import out, print_json
from .galleries import Folder, counted, opened, print_table

__all__ = ["list_people", "show", "stats"]


def list_people(
    gallery: Folder, passphrase_file: options.PassphraseFile = None, json: options.Json = False
) -> None:
    """Who is in it."""
    people = opened(gallery, passphrase_file).people()
    if json:
        print_json([{"identity": name, "sequences": count} for name, count in people.items()])
        return
    if not people:
        out().print("nobody yet; `meshgait gallery enroll` puts people in", markup=False)
        return
    print_table(("identity", "sequences"), [(name, str(count)) for name, count in people.items()])
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    out().print(f"{who}, {counted(sum(people.values()))}", markup=False)


def show(
    gallery: Folder,
    identity: Annotated[str, typer.Argument(metavar="NAME", help="Whose walks.")],
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """One person's sequences: where and when each is from, and how good."""
    rows = opened(gallery, passphrase_file).describe(identity)
    if json:
        print_json(rows)
        return

    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        known = row["start_s"] == row["start_s"]
        span = f"{row['start_s']:.1f}–{row['end_s']:.1f} s" if known else "–"
        quality = row["quality"]
        score = "–" if quality is None or quality != quality else f"{quality:.2f}"
        labels = " ".join(word for word in (row["camera"], row["view"]) if word)
        return (row["id"], row["name"], span, labels, str(row["frames"]), score, row["enrolled"][:10])

    columns = ("id", "from", "time", "camera", "frames", "quality", "enrolled")
    print_table(columns, [cells(row) for row in rows], 0, 6)


def stats(
    gallery: Folder, passphrase_file: options.PassphraseFile = None, json: options.Json = False
) -> None:
    """How many, how large, of which model; whether the audit log is whole."""
    store = opened(gallery, passphrase_file)
    store.audit.verify()
    found = store.stats()
    if json:
        print_json(found)
        return
    told = {
        **found,
        "shape": " × ".join(map(str, found["shape"])) or None,
        "encrypted": "yes" if found["encrypted"] else "no",
        "bytes": f"{found['bytes']:,}",
        "log entries": f"{found.pop('log_entries')}, none missing",
    }
    told.pop("log_entries", None)
    rows = [(name.replace("_", " "), "–" if value is None else str(value)) for name, value in told.items()]
    print_table(("", ""), rows)
