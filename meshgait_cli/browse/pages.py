"""Templates to responses, and words that stand on the next page."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..report.page import asset, environment

if TYPE_CHECKING:
    from starlette.requests import Request

    from ..errors import MeshgaitError

__all__ = ["Pages", "address", "sentence", "static"]

_WAITING = 50  # words that nobody fetched
_STATIC = {
    "page.css": "text/css",
    "walks.js": "text/javascript",
    "viewer.js": "text/javascript",
    "browse.css": "text/css",
    "browse.js": "text/javascript",
}
_REPORTS = ("page.css", "walks.js", "viewer.js")  # the report's own


def address(path: str, **query: object) -> str:
    """A local address; names of people go into the query, quoted, never into the path."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def sentence(error: MeshgaitError) -> str:
    """An error's line, as it stands on a page. (None of them begins with a name.)"""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."


def static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        raise HTTPException(404, "There is no such file.")
    own = files(__package__).joinpath("page", name)
    text = asset(name) if name in _REPORTS else own.read_text(encoding="utf-8")
    return Response(text, media_type=_STATIC[name])


class Pages:
    """values: what every template may use."""

    def __init__(self, **values: Any) -> None:
        self._templates = environment(str(__package__))
        self._templates.globals.update(values, address=address)
        self._said: dict[str, tuple[str, str]] = {}

    def show(self, template: str, request: Request, status: int = 200, **values: Any) -> Response:
        """The page; it begins with what `go` left for it."""
        said = self._said.pop(request.query_params.get("said", ""), None)
        html = self._templates.get_template(template).render(said=said, here=request.url.path, **values)
        return HTMLResponse(html, status)

    def go(self, to: str, words: str, kind: str = "good") -> Response:
        """Lead the browser to the local address `to`, which will begin with these words. kind: good or
        bad."""
        key = secrets.token_hex(8)
        self._said[key] = (words, kind)
        while len(self._said) > _WAITING:
            del self._said[next(iter(self._said))]
        return RedirectResponse(to + ("&" if "?" in to else "?") + urlencode({"said": key}), 303)
