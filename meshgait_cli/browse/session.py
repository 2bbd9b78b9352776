"""`meshgait gallery browse`: serve one gallery to one browser on this machine until it is interrupted."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..gallery.store import Store

if TYPE_CHECKING:
    from ..gallery.identify import Identification
    from ..pipeline import Extractor, Progress
    from ..report.page import Page

__all__ = ["serve"]

_HOST = "127.0.0.1"
_BYE_S = 2  # for answers under way


def serve(
    gallery: Path,
    extractor: Extractor,
    *,
    port: int = 0,
    far: float = 0.01,
    most_mb: float = 2000,
    open_browser: bool = True,
    passphrase: str | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the gallery at 127.0.0.1:`port` (0: one that is free) until Ctrl-C. announce(address) is called
    once it answers there.

    far: share of strangers that a search may accept. most_mb: the largest video that may be dropped.
    passphrase: of an encrypted gallery. Raises UsageError when the port is taken or the extra `browse` is not
    installed, SourceNotFound where there is no gallery, GalleryError when it is damaged.
    """
    if not 0 <= port < 1 << 16:
        raise UsageError(f"a port lies between 0 and 65535, not at {port}")
    if not 0 < far < 1:
        raise UsageError(f"a false-accept rate lies between 0 and 1, not at {far:g}")
    if not 0 < most_mb < float("inf"):
        raise UsageError(f"--max-mb must be a number of more than 0, not {most_mb:g}")
    Store(gallery, passphrase)
    try:
        import uvicorn

        from .app import create_app
        from .guard import Keys
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise UsageError(
            "browsing needs starlette and uvicorn: python -m pip install 'meshgait[browse]', or "
            "python -m pip install starlette uvicorn"
        ) from error

    def ask(video: Path, out: Path, progress: Progress) -> Identification:
        from ..gallery.identify import identify

        return identify(
            video, gallery, extractor, out, far=far, top_k=5, passphrase=passphrase, progress=progress
        )

    def draw(page: Page, progress: Progress) -> None:
        from ..report.session import add_bodies

        add_bodies(page, extractor, progress=progress)

    before = os.umask(0o077)  # whatever is written while it runs is its owner's; a umask is every thread's
    try:
        with _listening(port) as bound:
            number = bound.getsockname()[1]
            keys = Keys()
            app = create_app(gallery, ask, keys, number, most_mb, passphrase, draw)
            config = uvicorn.Config(
                app, log_level="error", access_log=False, server_header=False, ws="none", lifespan="on",
                proxy_headers=False, timeout_graceful_shutdown=_BYE_S,
            )  # fmt: skip
            here = f"http://{_HOST}:{number}/?token="
            if announce is not None:
                announce(here + keys.token)
            if open_browser:
                _open(here + keys.once)
            with suppress(KeyboardInterrupt):  # it has shut down by then, and passes the signal on
                uvicorn.Server(config).run(sockets=[bound])
    finally:
        os.umask(before)


def _listening(port: int) -> socket.socket:
    """A socket that answers as soon as the application does: whoever comes earlier waits."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != "nt":  # there it would let two programs share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((_HOST, port))
        bound.listen()
    except OSError as error:
        bound.close()
        said = error.strerror or error
        raise UsageError(f"port {port} cannot be used ({said}): leave --port out, or try another") from error
    return bound


def _open(address: str) -> None:
    """In a thread: some browsers keep whoever starts them waiting."""
    import webbrowser
    from threading import Thread

    Thread(target=webbrowser.open, args=(address,), daemon=True).start()
