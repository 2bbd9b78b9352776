"""When each person was seen: numbers for an SVG picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .people import Person

__all__ = ["Row", "Timeline", "ticks", "timeline"]

WIDTH, LEFT, RIGHT = 1000, 96, 16  # units of the SVG
ROW, TOP, BOTTOM = 30, 8, 30


@dataclass(frozen=True, slots=True)
class Row:
    """One person's line. bars: (x, width, whether it counts)."""

    anchor: str
    label: str
    usable: bool
    said: str
    y: float
    colour: str
    bars: list[tuple[float, float, bool]]


@dataclass(frozen=True, slots=True)
class Timeline:
    height: float
    rows: list[Row]
    ticks: list[tuple[float, str]]


def timeline(people: list[Person], duration_s: float) -> Timeline | None:
    """None where nobody is known by time."""
    seen = [person for person in people if person.track is not None and person.spans]
    if not seen:
        return None
    last = max([duration_s, 1e-3, *(end for person in seen for _, end, _ in person.spans)])

    def x(second: float) -> float:
        return round(LEFT + max(0.0, second) / last * (WIDTH - LEFT - RIGHT), 1)

    rows = []
    for number, person in enumerate(sorted(seen, key=lambda one: one.spans[0][0])):
        assert person.track is not None
        bars = [
            (x(start), round(max(x(end) - x(start), 3.0), 1), counts) for start, end, counts in person.spans
        ]
        walking = "usable" if person.usable else "not usable"
        said = f"{person.label}: {person.track.start_s:.1f} to {person.track.end_s:.1f} s, {walking}"
        rows.append(
            Row(
                person.anchor,
                person.label,
                person.usable,
                said,
                TOP + number * ROW,
                person.colour,
                bars,
            )
        )
    marks = [(x(second), _clock(second, last)) for second in ticks(last)]
    return Timeline(TOP + len(rows) * ROW + BOTTOM, rows, marks)


def ticks(last: float, most: int = 10) -> list[float]:
    """At most so many round moments from 0 to `last` seconds."""
    raw = last / most
    steps = [m * 10.0**e for e in (-2, -1, 0) for m in (1, 2, 5)] + [
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        1800,
        3600,
    ]
    step = next((each for each in steps if each >= raw), 3600 * math.ceil(raw / 3600))
    return [round(number * step, 3) for number in range(int(last / step + 1e-9) + 1)]


def _clock(second: float, last: float) -> str:
    if last < 120:
        return f"{second:g} s"
    return f"{int(second // 60)}:{int(second % 60):02d}"
