"""What the commands print: progress and remarks on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..words import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from ..pipeline import Progress, Step

__all__ = ["err", "out", "print_json", "showing", "warn_untrained"]

_STAGES = {
    "frames": "looking",
    "link": "following people through gaps",
    "people": "judging and embedding",
    "preview": "drawing the preview",
    "body": "reading the body",
    "render": "drawing the body",
    "index": "reading the gallery",
    "embed": "embedding",
    "videos": "videos, side by side",
}


def out() -> Console:
    return _console()


def err() -> Console:
    return _console(stderr=True)


def _console(**options: Any) -> Console:
    """One on which nothing that stands in a name moves the cursor or starts a line."""
    from rich.console import Console

    class Plain(Console):
        def render_str(self, text: str, **more: Any) -> Text:
            return super().render_str(plain(text), **more)

    return Plain(highlight=False, **options)


def print_json(value: Any) -> None:
    """JSON on standard output; NaN becomes null, for JSON has none, and what the output's
    encoding lacks is escaped."""
    value = clean(value)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)


def clean(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def warn_untrained(trained: bool, model_id: str) -> None:
    """Said by every command that embeds: an untrained network's distances mean nothing."""
    if not trained:
        err().print(
            f"[bold yellow]warning:[/] the network {model_id} is UNTRAINED: its embeddings and matches "
            "carry no identity. Use a trained checkpoint (--model FILE)."
        )


@contextmanager
def showing(title: str, quiet: bool) -> Iterator[Progress]:
    """A progress line: stage, bar, frames done, frames a second, people in view, time left."""
    title = plain(title)
    if quiet or not sys.stderr.isatty():
        yield _plain(title) if not quiet else (lambda _: None)
        return
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("[bold]{task.fields[title]}[/] {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
    )
    with bars:
        task = bars.add_task("loading the models", total=None, title=escape(title), rate="")

        def show(step: Step) -> None:
            label = _STAGES.get(step.stage, step.stage)
            fresh = bars.tasks[0].description != label
            if fresh:
                # reset() forgets every field that it is not given
                bars.reset(task, description=label, total=step.total, title=escape(title), rate="")
            speed = bars.tasks[0].speed
            rate = f"{speed:.1f}/s" if speed else ""
            if step.stage == "frames":
                rate += f"  {step.people} in view"
            if step.note:
                rate = step.note
            bars.update(task, completed=step.done, total=step.total, rate=rate, refresh=fresh)

        yield show


def _plain(title: str) -> Callable[[Step], None]:
    """Without a terminal: a line every ten seconds, so that a log shows life."""
    from time import monotonic

    state = {"next": monotonic() + 10.0, "since": monotonic()}

    def show(step: Step) -> None:
        now = monotonic()
        if now >= state["next"]:
            state["next"] = now + 10.0
            of = f"/{step.total}" if step.total else ""
            label = _STAGES.get(step.stage, step.stage)
            note = f", {step.note}" if step.note else ""
            spent = f"after {now - state['since']:.0f} s"
            print(f"{title}: {label} {step.done}{of} {spent}{note}", file=sys.stderr)

    return show
