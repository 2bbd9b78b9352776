"""What a browser sends: small forms, each with its secret, and one large file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from ..errors import UsageError
from ..words import plain

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Form", "posted", "received", "require_csrf", "said_name"]

Form = dict[str, str]
_MOST = 64 * 1024  # bytes of a form
_NAME = 120  # characters of a file's name that are kept


def require_csrf(given: str, expected: str) -> None:
    """Raises HTTPException 403 when a request lacks the secret that our own pages know."""
    if not compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, "This form is not from this session: reload the page and try again.")


def posted(
    action: Callable[[Request, Form], Response], secret: str
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads a form, requires its secret, and runs `action` beside the event loop."""

    async def endpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST:
                raise HTTPException(413, "This form is too long.")
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        require_csrf(form.get("csrf", ""), secret)
        return await run_in_threadpool(action, request, form)

    return endpoint


async def received(request: Request, path: Path, most: int) -> str:
    """Write the request's body to the new file `path`, for its owner only, and return its sha256.

    Raises HTTPException 413 beyond `most` bytes, UsageError for no bytes at all, OSError as writing has it.
    """
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > most:
        raise _too_large(most)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            digest.update(chunk)
            await run_in_threadpool(file.write, chunk)
    if not size:
        raise UsageError("the file is empty (0 bytes): copy or record it again")
    return digest.hexdigest()


def said_name(header: str) -> str:
    """What the browser calls a file, to be shown and never to be opened: no path, no hidden signs, not
    long."""
    name = plain(unquote(header)).replace("\\", "/").rsplit("/", 1)[-1].strip()
    return (name if len(name) <= _NAME else name[: _NAME - 1] + "…") or "video"


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"The file is larger than {most / 1e6:,.0f} MB: cut it, or raise --max-mb.")
