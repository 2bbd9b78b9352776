"""What `meshgait watch` shows: a table that renews itself, or where there is no terminal a line an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..words import plain

if TYPE_CHECKING:
    from ..live.session import Scene

__all__ = ["said", "scene_table"]

_COLOURS = {"accepted": "bold green", "unknown": "bold yellow"}


def scene_table(scene: Scene) -> Any:
    """Everybody in view, with the best identity and its probability so far."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    share = scene.dropped / max(1, scene.dropped + scene.watched)
    table = Table(
        title=Text(f"{scene.source}  {scene.connection}  {_clock(scene.running_s)}"),
        caption=f"{scene.fps:.1f} frames/s watched, {scene.dropped} dropped ({share:.0%}), "
        f"{scene.behind_s:.1f} s behind the source",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for name in ("walker", "in view", "best so far", "probability", "silhouettes", "says"):
        table.add_column(name, justify="left" if name in ("best so far", "says") else "right")
    for person in scene.people:
        answer = person.answer
        best = answer.matches[0] if answer is not None and answer.matches else None
        chance = None if answer is None else answer.probability
        decision = "watching" if answer is None else answer.decision
        open_still = decision in _COLOURS and not person.settling.settled
        first = person.why.partition("; ")[0]
        state = f"{decision}, so far" if open_still else decision
        why = f" ({first})" if first and not person.settling.settled else ""
        colour = _COLOURS.get(decision, "") if person.settling.settled else "dim"
        table.add_row(
            str(person.number),
            f"{person.last_s - person.first_s:.0f} s",
            Text(plain(best.identity) if best else "–"),
            _percent(chance),
            "–" if person.silhouettes is None else str(len(person.silhouettes)),
            Text(plain(state + why), style=colour),
        )
    return table


def _percent(chance: float | None) -> str:
    """Never 100 %: nothing is that sure."""
    if chance is None:
        return "–"
    return ">99%" if chance > 0.99 else "<1%" if chance < 0.01 else f"{chance:.0%}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def said(event: dict[str, Any]) -> str | None:
    """An event in words, for whoever has no terminal; None for what only machines want."""
    kind = event["event"]
    if kind == "started":
        return f"watching {event['source']} for {event['identities']} known people; Ctrl-C ends it"
    if kind in ("connected", "reconnected"):
        away = f" after {event['away_s']:.0f} s" if "away_s" in event else ""
        return f"{kind}{away}: {event['width']}×{event['height']}"
    if kind == "lost":
        again = "" if event["retry_s"] is None else f"; next attempt in {event['retry_s']:.1f} s"
        return f"lost: {event['reason']}{again}"
    if kind == "answer" and event["settled"]:
        return f"walker {event['walker']}: {_decision(event)}"
    if kind == "left":
        return (
            f"walker {event['walker']} left after {event['to_s'] - event['from_s']:.0f} s: {_decision(event)}"
        )
    if kind == "note":
        return f"note: {event['text']}"
    if kind == "stopped":
        return (
            f"{event['reason']} after {event['running_s']:.0f} s: {event['walkers']} walkers, "
            f"{event['frames_watched']} frames watched, {event['frames_dropped']} dropped, "
            f"{event['reconnects']} times reconnected"
        )
    return None


def _decision(event: dict[str, Any]) -> str:
    decision = f"accepted as {event['identity']}" if event["identity"] else str(event["decision"])
    chance = event["probability"] if event["identity"] else event["probability_unknown"]
    sure = f" ({_percent(chance)})" if chance is not None and event["decision"] != "not enough to say" else ""
    why = f": {'; '.join(event['reasons'])}" if event["reasons"] else ""
    return decision + sure + why
