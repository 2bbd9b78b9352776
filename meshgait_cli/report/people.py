"""What a page shows of one person: strip, energy image, a walk that is played over and over, numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gallery.walkers import Walker
from ..records import SilhouetteSequence
from ..render.palette import track_colour
from ..results.directory import Result
from ..results.manifest import TrackEntry
from ..words import plain
from . import sprites
from .phase import Stretch, stretch_of

__all__ = ["Person", "Walks", "hue", "of_result", "of_walkers"]

_STRIP = 24  # silhouettes of a strip


@dataclass(slots=True)
class Person:
    """anchor: unique in the page. track: its number in the video, if it is one. facts: (name, value, what it
    means). sequence: what the embedding was made of, or everything where nothing was embedded. spans: (from,
    to, whether it counts) in seconds."""

    anchor: str
    label: str
    usable: bool
    reasons: list[str]
    facts: list[tuple[str, str, str]]
    sequence: SilhouetteSequence | None
    track: TrackEntry | None = None
    strip: str = ""
    strip_note: str = ""
    shown: int = 0
    energy: str = ""
    walk: str = ""
    stretch: Stretch | None = None
    spans: list[tuple[float, float, bool]] = field(default_factory=list)
    body: int | None = None
    colour: str = ""


class Walks:
    """The moving silhouettes of a page, each once, by a key that is safe in an attribute."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Any]] = {}

    def add(self, sequence: SilhouetteSequence) -> tuple[str, Stretch | None]:
        """The key, and the piece that is shown; "" and None for a sequence without silhouettes."""
        stretch = stretch_of(sequence)
        if stretch is None:
            return "", None
        key = f"w{len(self.data)}"
        self.data[key] = {
            "sheet": sprites.data_uri(sprites.sheet(sequence.silhouettes[stretch.rows])),
            "seconds": [round(float(second), 4) for second in stretch.seconds],
            "phase": None if stretch.phase is None else [round(float(step), 4) for step in stretch.phase],
            "steps": stretch.steps,
            "cadence": round(stretch.cadence, 4),
        }
        return key, stretch


def of_result(result: Result, walks: Walks, most: int) -> list[Person]:
    """The people of a result, usable ones first, `most` of them at most."""
    chosen = sorted(result.tracks, key=lambda track: (not track.usable, -track.silhouettes))[:most]
    return [
        _of_track(result, track, walks) for track in sorted(chosen, key=lambda one: (not one.usable, one.id))
    ]


def of_walkers(walkers: list[Walker], walks: Walks, most: int) -> list[Person]:
    """The people of silhouettes that belong to no video."""
    people = []
    for number, walker in enumerate(walkers[:most]):
        facts = [("silhouettes", str(walker.embedding.frames), "frames that the embedding is made of")]
        if walker.view:
            facts.append(("view", plain(walker.view), "as the source labels it"))
        person = Person(
            f"person-{number + 1}", plain(walker.label), True, [], facts, walker.silhouettes,
            colour=hue(number + 1),
        )  # fmt: skip
        if walker.silhouettes is not None:
            _draw(person, walker.silhouettes, np.ones(len(walker.silhouettes), dtype=bool), walks)
        people.append(person)
    return people


def hue(track: int) -> str:
    """A person's colour, as #rrggbb: that of the other pictures, calmed for paper."""
    red, green, blue = (round(0.72 * value + 18) for value in track_colour(track))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _of_track(result: Result, track: TrackEntry, walks: Walks) -> Person:
    whole = result.silhouettes(track)
    good = np.isin(whole.frames, result.silhouettes(track, good_only=True).frames)
    counted = _kept(whole, good) if good.any() else whole
    person = Person(
        f"person-{track.id}",
        f"track {track.id}",
        track.usable,
        [plain(reason) for reason in track.reasons],
        _facts(track),
        counted,
        track,
        spans=_spans(whole, good, track),
        colour=hue(track.id),
    )
    _draw(person, whole, good if track.usable else np.ones(len(whole), dtype=bool), walks)
    return person


def _draw(person: Person, whole: SilhouetteSequence, counted: NDArray[np.bool_], walks: Walks) -> None:
    if not len(whole) or person.sequence is None:
        return
    rows = np.unique(np.linspace(0, len(whole) - 1, _STRIP).round().astype(int))
    person.strip = sprites.data_uri(sprites.strip(whole.cropped[rows], counted[rows]))
    person.shown = len(rows)
    person.strip_note = f"{len(rows)} of {len(whole)} silhouettes, evenly spread" + (
        "; the faint ones are left out of the embedding" if not counted[rows].all() else ""
    )
    person.energy = sprites.data_uri(sprites.energy(person.sequence.cropped))
    if person.usable:
        person.walk, person.stretch = walks.add(person.sequence)


def _kept(whole: SilhouetteSequence, good: NDArray[np.bool_]) -> SilhouetteSequence:
    return SilhouetteSequence(
        whole.silhouettes[good], whole.frames[good], whole.times[good], whole.transform[good], whole.name
    )


def _facts(track: TrackEntry) -> list[tuple[str, str, str]]:
    return [
        ("seen", f"{track.start_s:.1f} to {track.end_s:.1f} s", "in the video"),
        ("height", f"{track.height_px:.0f} px", "median height in the picture; 32 or more are needed"),
        ("silhouettes", str(track.silhouettes), "frames with a usable silhouette"),
        ("walking", f"{track.walking_fraction:.0%}", "share of the frames"),
        ("gait cycles", f"{track.gait_cycles:.1f}", "of two steps each"),
        ("cut off", f"{track.cut_fraction:.0%}", "share of the frames, by the picture's border"),
        ("overlapped", f"{track.overlap_fraction:.0%}", "share of the frames, by another person"),
        ("whole", f"{track.complete_fraction:.0%}", "share of the frames with a complete mask"),
        ("quality", f"{track.score:.2f}", "0 to 1, all in all"),
    ]


def _spans(
    whole: SilhouetteSequence, good: NDArray[np.bool_], track: TrackEntry
) -> list[tuple[float, float, bool]]:
    """The whole track, and in it the pieces that count."""
    spans = [(track.start_s, track.end_s, False)]
    times = whole.times
    if not good.any() or not np.isfinite(times).all():
        return spans
    rows = np.flatnonzero(good)
    apart = np.flatnonzero(np.diff(times[rows]) > 0.5) + 1
    return spans + [(float(times[part[0]]), float(times[part[-1]]), True) for part in np.split(rows, apart)]
