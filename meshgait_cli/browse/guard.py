"""Who may talk to the application: the one browser that was given its address.

- A page elsewhere on the web that resolves its own name to this machine (DNS rebinding) is stopped by the
  Host header.
- Another program or user of this machine is stopped by the token in the printed address; the browser trades
  it for a cookie that scripts cannot read and that other sites' requests do not carry.
- A form on another site is stopped by that cookie (SameSite=Strict), by the Origin header, and by a secret
  that every form of ours carries (`require_csrf`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard", "Keys"]

HEADERS = {
    # form-action and connect-src: the pages talk to where they came from and to nobody else
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer the browser would hide the Origin from us
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",  # what it shows must not outlive it in a browser's cache
}
_ENTER = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    '<link rel="icon" href="data:,"><title>meshgait</title><p><a href="/">Open the gallery</a></p></html>'
)


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(slots=True)
class Keys:
    """The secrets of one run. token: in the printed address. once: opens one browser, once: a browser that is
    started is given its address on a command line, which others on this machine can read."""

    token: str = field(default_factory=_secret)
    once: str = field(default_factory=_secret)
    session: str = field(default_factory=_secret)
    csrf: str = field(default_factory=_secret)

    def admits(self, token: str) -> bool:
        if self.once and _same(token, self.once):
            self.once = ""
            return True
        return _same(token, self.token)


class Guard:
    """The middleware before everything else. port: where the application listens."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int) -> None:
        self.app, self.keys = app, keys
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"} | (
            {"127.0.0.1", "localhost"} if port == 80 else set()
        )
        # cookies know no ports: two galleries that are open at once must not share one
        self.cookie = f"meshgait-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no web sockets here

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refused = self._refused(Request(scope))
        await (self.app if refused is None else refused)(scope, receive, with_headers)

    def _refused(self, request: Request) -> Response | None:
        """What is answered instead of the page; None for whoever may pass."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return PlainTextResponse("This application answers on this machine's own address only.", 400)
        token = request.query_params.get("token")
        if token is not None and request.method == "GET" and request.url.path == "/":
            return self._entered() if self.keys.admits(token) else _closed()
        if not _same(request.cookies.get(self.cookie, ""), self.keys.session):
            return _closed()
        if request.method not in ("GET", "HEAD") and not self._ours(request):
            return PlainTextResponse("That was asked for by another site.", 403)
        return None

    def _entered(self) -> Response:
        """A page that leads on, not a redirect: after a redirect from a link in another program's window, the
        browser would not send the strict cookie."""
        response = HTMLResponse(_ENTER)
        response.set_cookie(self.cookie, self.keys.session, httponly=True, samesite="strict", path="/")
        return response

    def _ours(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        return site == "same-origin" and origin in (None, f"http://{request.headers['host']}")


def _closed() -> Response:
    return PlainTextResponse(
        "Open the address that `meshgait gallery browse` printed in the terminal, with its token.", 403
    )


def _same(one: Any, other: str) -> bool:
    return compare_digest(str(one).encode(), other.encode())
