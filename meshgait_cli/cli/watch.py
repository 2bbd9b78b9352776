"""`meshgait watch`"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .console import err, out, showing, warn_untrained
from .galleries import passphrase_for
from .seeing import LiveSeeing, with_seeing

if TYPE_CHECKING:
    import threading

    from ..live.session import Scene

__all__ = ["watch"]


@with_seeing
def watch(
    source: Annotated[
        str, typer.Argument(help="A camera's number, an rtsp:// or http:// address, or a video file.")
    ],
    gallery: Annotated[
        Path, typer.Option("--gallery", "-g", help="A gallery, or a folder of known people, as for `match`.")
    ],
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE.jsonl",
            help="The event log.",
            show_default="meshgait-watch/NAME-TIME.jsonl",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so long.", show_default="never")] = None,
    reconnect: Annotated[bool, typer.Option(help="Open a lost stream again.")] = True,
    patience: Annotated[
        float | None,
        typer.Option(
            help="Give up after so many seconds without a picture, also at the start.",
            show_default="the first connection must succeed, then never",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FOLDER", help="Keep everybody's silhouettes, to enroll them later."),
    ] = None,
    far: Annotated[
        float, typer.Option("--far", help="Share of strangers that may be accepted as somebody.")
    ] = 0.01,
    sets: Annotated[
        str, typer.Option("--sets", help="best, mean or weighted: how several sequences of a person count.")
    ] = "weighted",
    *,
    seeing: LiveSeeing,
    passphrase_file: options.PassphraseFile = None,
    json: Annotated[bool, typer.Option("--json", help="Print the events on standard output.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Watch a camera, stream or file live, and say who walks by as it becomes clear.

    What the machine is too slow for is dropped, so that it is never behind. A lost stream is opened again.
    Everything that happens goes into a log, one JSON object a line; Ctrl-C ends it.
    """
    import os
    import sys
    import threading
    from datetime import UTC, datetime

    from ..live.events import EventLog
    from ..live.session import WatchSettings, live_source, require_gallery
    from ..live.session import watch as run
    from ..spared import keep_out, spare

    extractor = seeing.extractor()
    settings = WatchSettings(
        far=far, sets=sets, seconds=seconds, reconnect=reconnect, patience=patience, save=save
    )
    what = live_source(source)
    require_gallery(gallery)
    if log is not None:
        spare("--log", log, what.path)
        keep_out("--log", log, gallery)
    passphrase = passphrase_for(gallery, passphrase_file)
    stop = threading.Event()
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = log or Path("meshgait-watch") / f"{what.name}-{now}.jsonl"
    with _display(json, quiet) as (listen, show), EventLog(path, listen) as events, ExitStack() as loading:
        progress = loading.enter_context(showing("gallery", quiet))

        def begun() -> None:
            loading.close()  # the progress bar makes room
            warn_untrained(extractor.embedder.trained, extractor.embedder.model_id)
            _on_signal(stop)

        try:
            run(
                what, gallery, extractor, events, settings=settings, stop=stop,
                show=show, begun=begun, passphrase=passphrase, progress=progress,
            )  # fmt: skip
        except BrokenPipeError:  # whoever read our events has gone; the log has them all
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not quiet:
        err().print(f"event log: {path.as_posix()}", style="dim", markup=False, soft_wrap=True)


def _on_signal(stop: threading.Event) -> None:
    """The first Ctrl-C, or SIGTERM, ends the watch in good order; the second ends it at once."""
    import signal

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


@contextmanager
def _display(json: bool, quiet: bool) -> Iterator[tuple[Callable[[dict[str, Any]], None] | None, Any]]:
    """What is done with each event, and with each scene."""
    import sys

    from ..words import plain
    from .watch_view import said, scene_table

    if json:
        from json import dumps

        def line(event: dict[str, Any]) -> None:
            print(dumps(event, ensure_ascii=False), flush=True)

        yield line, None
    elif quiet:
        yield None, None
    elif not sys.stdout.isatty():

        def words(event: dict[str, Any]) -> None:
            text = said(event)
            if text is not None:
                print(plain(f"{event['time'][11:19]} {text}"), flush=True)

        yield words, None
    else:
        from rich.live import Live

        live = Live(console=out(), refresh_per_second=4, transient=True)

        def above(event: dict[str, Any]) -> None:
            text = said(event)
            if text is not None:
                live.console.print(f"{event['time'][11:19]} {text}", markup=False, highlight=False)

        def renew(scene: Scene) -> None:
            if not live.is_started:
                live.start()
            live.update(scene_table(scene))

        try:
            yield above, renew
        finally:
            live.stop()
