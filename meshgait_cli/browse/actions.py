"""What can be done to the people of a gallery, each by one call of the gallery's own functions."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from ..errors import GalleryError, MeshgaitError
from ..gallery.exchange import export
from ..gallery.private import workplace
from ..gallery.sequence import GallerySequence, checked_name
from ..gallery.store import Store
from .pages import Pages, address, sentence

if TYPE_CHECKING:
    from starlette.requests import Request

    from .forms import Form
    from .searches import Search, Searches

__all__ = ["Actions"]

_CHUNK = 1 << 20


class Actions:
    """Endpoints that change something. Each takes the request and its form, and ends on a page that says what
    was done, or why it was not."""

    def __init__(
        self, gallery: Path, pages: Pages, searches: Searches, passphrase: str | None = None
    ) -> None:
        self.gallery, self.pages, self.searches = gallery, pages, searches
        self.passphrase = passphrase

    def _store(self) -> Store:
        """The gallery as it is now: others may write too."""
        return Store(self.gallery, self.passphrase)

    def rename(self, _: Request, form: Form) -> Response:
        name, new = form.get("name", ""), form.get("new", "")
        try:
            count = self._store().rename(name, new)
        except MeshgaitError as error:
            return self._sorry(error, name)
        new = checked_name(new)
        self.searches.rename(name, new)
        return self._person(new, f"{name} is called {new} now ({_walks(count)}).")

    def merge(self, _: Request, form: Form) -> Response:
        name, other = form.get("name", ""), form.get("other", "")
        try:
            count = self._store().merge(name, [other])
        except MeshgaitError as error:
            return self._sorry(error, name)
        self.searches.rename(other, name)
        return self._person(name, f"{other} is {name} now: {_walks(count)} moved.")

    def remove(self, _: Request, form: Form) -> Response:
        name, sequence = form.get("name", ""), form.get("sequence") or None
        store = self._store()
        try:
            count = store.remove(name, sequence)
        except MeshgaitError as error:
            return self._sorry(error, name)
        self.searches.forget(name)
        if name in store.people():
            return self._person(name, f"One walk of {name} was erased.")
        return self.pages.go("/", f"{name} was erased: {_walks(count)}, with all pictures of them.")

    def export(self, _: Request, form: Form) -> Response:
        """All that is held of a person, as a zip file that lies on no disk under any name."""
        store, name = self._store(), form.get("name", "")
        try:
            with workplace(store.work) as place:
                export(store, place / "export", name)
                file = TemporaryFile(dir=store.work)  # noqa: SIM115 (the response closes it)
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    for path in sorted((place / "export").rglob("*")):
                        archive.write(path, path.relative_to(place))
        except MeshgaitError as error:
            return self._sorry(error, name)
        headers = {"content-disposition": 'attachment; filename="meshgait-export.zip"'}
        return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)

    def accept(self, request: Request, form: Form) -> Response:
        """Enrol a walker of a finished search: as a candidate of it, or under a name of the user's."""
        search, number = self._walker(request, form)
        walker, verdict = search.walkers[number], search.verdict(number)
        here = f"/search/{search.id}"
        store = self._store()
        try:
            if verdict.identity is not None:
                raise GalleryError(f"this walk was enrolled as {verdict.identity} already")
            identity = self._candidate(search, number, form)
            if identity is None:
                identity = checked_name(form.get("name", ""))
            elif identity not in store.people():
                raise GalleryError(f"nobody is called {identity} any more: renamed, merged or removed")
            one = GallerySequence(
                identity=identity,
                name=f"{search.name} {walker.label}",
                embedding=walker.embedding,
                source=search.digest,
                video=walker.video,
                start_s=walker.start_s,
                end_s=walker.end_s,
                view=walker.view,
                silhouettes=walker.silhouettes,
            )
            known = identity in store.people()
            new = store.add([one])
        except MeshgaitError as error:
            return self.pages.go(here, sentence(error), "bad")
        verdict.identity = identity
        if not new:
            return self.pages.go(here, f"This walk was enrolled as {identity} before.")
        what = "has one walk more" if known else "is new in the gallery, with this walk"
        return self.pages.go(here, f"{walker.label} was enrolled: {identity} {what}.")

    def reject(self, request: Request, form: Form) -> Response:
        """Note that a walker is not who was suggested; nothing is enrolled."""
        search, number = self._walker(request, form)
        identity = self._candidate(search, number, form)
        if identity is None:
            raise HTTPException(400, "Say which suggestion is wrong.")
        search.verdict(number).rejected.add(int(form["rank"]))
        self._store().audit.note("reject", [identity], walkers=1)
        words = f"{search.walkers[number].label} is not {identity}: noted, and nothing was enrolled."
        return self.pages.go(f"/search/{search.id}", words)

    def cancel(self, request: Request, _: Form) -> Response:
        search = self.search(request)
        self.searches.cancel(search)
        return self.pages.go("/search", f"The search for {search.name} is being stopped.")

    def put_away(self, request: Request, _: Form) -> Response:
        search = self.search(request)
        self.searches.put_away(search)
        return self.pages.go("/search", f"The answer about {search.name} was put away.")

    def search(self, request: Request) -> Search:
        found = self.searches.all.get(request.path_params["id"])
        if found is None:
            raise HTTPException(404, "That search was put away: answers are not kept on the disk.")
        return found

    def _walker(self, request: Request, form: Form) -> tuple[Search, int]:
        """The search and the place of the walker that a form is about."""
        search = self.search(request)
        number = form.get("walker", "")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= len(search.walkers):
            raise HTTPException(400, "There is no such walker in this answer.")
        return search, int(number) - 1

    def _candidate(self, search: Search, number: int, form: Form) -> str | None:
        """The identity at the rank that a form names, None where it names none."""
        rank = form.get("rank", "")
        if not rank:
            return None
        matches = search.answers[number].matches
        if not rank.isascii() or not rank.isdigit() or not 1 <= int(rank) <= len(matches):
            raise HTTPException(400, "There is no such candidate in this answer.")
        return matches[int(rank) - 1].identity

    def _person(self, name: str, words: str) -> Response:
        return self.pages.go(address("/person", name=name), words)

    def _sorry(self, error: MeshgaitError, name: str) -> Response:
        known = name in self._store().people()
        return self.pages.go(address("/person", name=name) if known else "/", sentence(error), "bad")


def _walks(count: int) -> str:
    return f"{count} walk{'' if count == 1 else 's'}"


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(_CHUNK):
            yield piece
