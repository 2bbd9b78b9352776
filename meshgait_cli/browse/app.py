"""The application: addresses, the pages behind them, and what they do when something goes wrong."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import GalleryError, MeshgaitError
from ..gallery.place import place_at
from ..gallery.store import Store
from ..report.people import Walks
from ..report.sprites import energy
from ..words import plain
from .actions import Actions
from .forms import Form, posted, received, require_csrf, said_name
from .guard import Guard, Keys
from .pages import Pages, address, sentence, static
from .people import CARDS, WALKS, card_of, moment, names_of, shelf_of, walks_of
from .searches import Searches

if TYPE_CHECKING:
    from starlette.requests import Request

    from .searches import Ask, Draw

__all__ = ["create_app"]

_ENTRIES = 100  # of the log


def create_app(
    gallery: Path,
    ask: Ask,
    keys: Keys,
    port: int,
    most_mb: float,
    passphrase: str | None = None,
    draw: Draw | None = None,
) -> Guard:
    """The ASGI application. ask, draw: answer a video, as `Searches` has it. port: where it will listen.

    Raises SourceNotFound where there is no gallery, GalleryError when it is damaged.
    """
    site = _Site(Path(gallery), keys, most_mb, passphrase, Searches(gallery, ask, passphrase, draw))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(site.searches.close)

    app = Starlette(
        routes=site.routes(),
        lifespan=lifespan,
        exception_handlers={
            HTTPException: site.refused,
            MeshgaitError: site.failed,
            OSError: site.failed,
            Exception: site.failed,
        },
    )
    return Guard(app, keys, port)


class _Site:
    def __init__(
        self, gallery: Path, keys: Keys, most_mb: float, passphrase: str | None, searches: Searches
    ) -> None:
        self.passphrase = passphrase
        self.gallery, self.keys, self.most = gallery, keys, round(most_mb * 1e6)
        self.pages = Pages(csrf=keys.csrf, gallery=plain(place_at(gallery).name), most=self.most)
        self.searches = searches
        self.actions = Actions(gallery, self.pages, self.searches, passphrase)

    def _store(self) -> Store:
        """The gallery as it is now: others may write too."""
        return Store(self.gallery, self.passphrase)

    def routes(self) -> list[Route]:
        do = self.actions

        def form(path: str, action: Callable[[Request, Form], Response]) -> Route:
            return Route(path, posted(action, self.keys.csrf), methods=["POST"])

        return [
            Route("/", self.people),
            Route("/person", self.person),
            Route("/person/remove", self.confirm_removal),
            Route("/person/merge", self.confirm_merge),
            Route("/search", self.search_list),
            Route("/search/{id}", self.search),
            Route("/search/{id}/progress", self.progress),
            Route("/about", self.about),
            Route("/energy/{id}.png", self.picture),
            Route("/assets/{name}", static),
            Route("/search", self.upload, methods=["POST"]),
            form("/person/rename", do.rename),
            form("/person/merge", do.merge),
            form("/person/remove", do.remove),
            form("/person/export", do.export),
            form("/search/{id}/accept", do.accept),
            form("/search/{id}/reject", do.reject),
            form("/search/{id}/cancel", do.cancel),
            form("/search/{id}/put-away", do.put_away),
        ]

    def people(self, request: Request) -> Response:
        store, wanted = self._store(), request.query_params.get("q", "").strip()
        shelf = shelf_of(names_of(store, wanted), _page(request), CARDS)
        return self.pages.show(
            "home.html.j2", request, shelf=shelf, wanted=wanted, trained=store.trained,
            cards=[card_of(name, store.describe(name)) for name in shelf.shown],
            everybody=len(store.people()),
        )  # fmt: skip

    def person(self, request: Request) -> Response:
        store, name = self._store(), request.query_params.get("name", "")
        rows = self._rows(store, name)
        shelf = shelf_of(rows, _page(request), WALKS)
        walks = Walks()
        return self.pages.show(
            "person.html.j2", request, card=card_of(name, rows), shelf=shelf,
            shown=walks_of(store, shelf.shown, walks), data={"walks": walks.data},
            others=_names(store, name), log=_log(store, name),
        )  # fmt: skip

    def confirm_removal(self, request: Request) -> Response:
        name, sequence = (request.query_params.get(key, "") for key in ("name", "sequence"))
        rows = self._rows(self._store(), name)
        chosen = [row for row in rows if sequence in ("", row["id"])]
        if not chosen:
            raise HTTPException(404, f"{name} has no such walk.")
        return self.pages.show(
            "remove.html.j2", request, card=card_of(name, rows), sequence=sequence,
            chosen=card_of(name, chosen), source=plain(chosen[0]["name"]),
        )  # fmt: skip

    def confirm_merge(self, request: Request) -> Response:
        store = self._store()
        name, other = (request.query_params.get(key, "").strip() for key in ("name", "other"))
        known = store.people()
        if other == name or other not in known:
            who = "the same person" if other == name else "not in the gallery"
            return self.pages.go(address("/person", name=name), f"{other or 'Nobody'} is {who}.", "bad")
        both = [card_of(each, self._rows(store, each)) for each in (name, other)]
        return self.pages.show("merge.html.j2", request, card=both[0], other=both[1])

    def search_list(self, request: Request) -> Response:
        found = list(reversed(self.searches.all.values()))
        return self.pages.show("searches.html.j2", request, searches=found)

    def search(self, request: Request) -> Response:
        search = self.actions.search(request)
        if search.page is None:
            return self.pages.show("progress.html.j2", request, search=search, progress=search.progress())
        return self.pages.show(
            "found.html.j2", request, search=search, page=search.page, others=_names(self._store()),
            data={"walks": search.page.walks, "bodies": search.page.bodies},
        )  # fmt: skip

    def progress(self, request: Request) -> Response:
        return JSONResponse(self.actions.search(request).progress())

    def about(self, request: Request) -> Response:
        store, fault = self._store(), ""
        try:
            store.audit.verify()
        except GalleryError as error:
            fault = str(error)
        return self.pages.show(
            "about.html.j2", request, stats=store.stats(), fault=plain(fault), log=_log(store),
        )  # fmt: skip

    def picture(self, request: Request) -> Response:
        key = request.path_params["id"]
        found = self._store().silhouettes(key) if key.isalnum() else None
        if found is None or not len(found):
            raise HTTPException(404, "No silhouettes were kept of this walk.")
        return Response(energy(found.cropped), media_type="image/png")

    async def upload(self, request: Request) -> Response:
        """A video, as the body of the request; answers with the address of its search."""
        require_csrf(request.headers.get("x-csrf", ""), self.keys.csrf)
        search = await run_in_threadpool(self.searches.new, said_name(request.headers.get("x-name", "")))
        try:
            search.digest = await received(request, search.video, self.most)
        except BaseException:
            search.stack.close()
            raise
        self.searches.start(search)
        return JSONResponse({"to": f"/search/{search.id}"}, 201)

    def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self._said(request, error.status_code, error.detail)

    def failed(self, request: Request, error: Exception) -> Response:
        if isinstance(error, MeshgaitError):
            return self._said(request, 400 if error.exit_code == 2 else 409, sentence(error))
        if isinstance(error, OSError):
            full = error.errno == errno.ENOSPC
            why = "The disk is full: free some space and try again." if full else error.strerror or error
            return self._said(request, 507 if full else 500, str(why))
        said = (str(error).splitlines() or [""])[0][:200]
        return self._said(request, 500, f"Internal error, please report it: {type(error).__name__}: {said}")

    def _said(self, request: Request, status: int, words: str) -> Response:
        words = plain(words)
        if request.headers.get("accept", "").startswith("application/json"):
            return JSONResponse({"said": words}, status)
        return self.pages.show("wrong.html.j2", request, status, words=words)

    def _rows(self, store: Store, name: str) -> list[dict[str, Any]]:
        try:
            return store.describe(name)
        except GalleryError as error:
            raise HTTPException(404, f"{name} is not in the gallery.") from error


def _page(request: Request) -> int:
    number = request.query_params.get("page", "")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 1


def _names(store: Store, but: str = "", most: int = 500) -> list[str]:
    """Suggestions for a field; any other name may be typed."""
    return [name for name in store.people() if name != but][:most]


def _log(store: Store, name: str | None = None) -> list[dict[str, object]]:
    """The newest entries first."""
    found = store.audit.entries(name)[-_ENTRIES:]
    return [
        {
            "time": moment(str(entry.get("time", ""))),
            "action": plain(str(entry.get("action", ""))),
            "user": plain(str(entry.get("user", ""))),
            "people": len(entry["people"]),
            "walks": entry.get("sequences", entry.get("walkers", "")),
        }
        for entry in reversed(found)
    ]
