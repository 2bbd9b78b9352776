"""What the pages show of the people in a gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..gallery.walkers import Walker
from ..report.people import Person, Walks, of_walkers
from ..words import plain

if TYPE_CHECKING:
    from ..gallery.store import Store

__all__ = ["Card", "Shelf", "Walk", "card_of", "names_of", "shelf_of", "walks_of"]

CARDS = 60  # people on a page
WALKS = 12  # sequences on a page


@dataclass(frozen=True, slots=True)
class Card:
    """One person at a glance. picture: id of the sequence to picture, "" where no silhouettes were kept.
    quality: of the best sequence, None where unknown. first, last: days."""

    name: str
    sequences: int
    picture: str
    quality: float | None
    first: str
    last: str
    cameras: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of something. page: from 1."""

    shown: list[Any]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Walk:
    """One enrolled sequence, as its owner may read it. person: its pictures."""

    id: str
    name: str
    facts: list[tuple[str, str]]
    person: Person


def shelf_of(items: Sequence[Any], page: int, size: int) -> Shelf:
    pages = max(1, -(-len(items) // size))
    page = min(max(1, page), pages)
    return Shelf(list(items[(page - 1) * size : page * size]), len(items), page, pages)


def names_of(store: Store, wanted: str = "") -> list[str]:
    """Everybody whose name holds `wanted` (capital or not), by name."""
    found = (name for name in store.people() if wanted.casefold() in name.casefold())
    return sorted(found, key=lambda name: (name.casefold(), name))


def card_of(name: str, rows: Sequence[dict[str, Any]]) -> Card:
    """rows: of `Store.describe`."""
    pictured = [row for row in rows if row["silhouettes"]]
    best = max(pictured, key=lambda row: (_number(row["quality"]) or 0.0, row["frames"]), default=None)
    days = sorted(row["enrolled"][:10] for row in rows)
    qualities = [value for row in rows if (value := _number(row["quality"])) is not None]
    cameras = sorted({row["camera"] for row in rows if row["camera"]})
    return Card(
        name=name,
        sequences=len(rows),
        picture="" if best is None else best["id"],
        quality=max(qualities, default=None),
        first=days[0],
        last=days[-1],
        cameras=plain(", ".join(cameras)),
    )


def walks_of(store: Store, rows: Sequence[dict[str, Any]], walks: Walks) -> list[Walk]:
    """Sequences with their pictures; `walks` takes the moving ones. rows: of `Store.describe`."""
    wanted = {row["id"] for row in rows}
    embeddings = {
        one.id: one.embedding
        for one in store.sequences({row["identity"] for row in rows})
        if one.id in wanted
    }
    walkers = [
        Walker(
            label=row["name"],
            embedding=embeddings[row["id"]],
            silhouettes=store.silhouettes(row["id"]) if row["silhouettes"] else None,
        )
        for row in rows
        if row["id"] in embeddings
    ]
    people = of_walkers(walkers, walks, len(walkers))
    return [
        Walk(row["id"], plain(row["name"]), _facts(row), person)
        for row, person in zip((row for row in rows if row["id"] in embeddings), people, strict=True)
    ]


def _facts(row: dict[str, Any]) -> list[tuple[str, str]]:
    start, end, quality = _number(row["start_s"]), _number(row["end_s"]), _number(row["quality"])
    return [
        ("enrolled", moment(row["enrolled"])),
        ("video", plain(row["video"]).replace("\\", "/").rsplit("/", 1)[-1] or "–"),
        ("seen", "–" if start is None or end is None else f"{start:.1f} to {end:.1f} s"),
        ("camera", plain(row["camera"]) or "–"),
        ("view", plain(row["view"]) or "–"),
        ("silhouettes", str(row["frames"])),
        ("quality, 0 to 1", "–" if quality is None else f"{quality:.2f}"),
        ("id", plain(row["id"])),
    ]


def moment(iso: str) -> str:
    """2031-05-02T10:11:12+00:00 to 2031-05-02 10:11 UTC."""
    return plain(f"{iso[:10]} {iso[11:16]} UTC")


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else float(value)
