"""Objects of an S3 bucket: get, list, delete, and put on condition, with errors in words.

Through obstore, the Python side of the object_store library that LanceDB reaches its objects by, too. The
environment says where and who: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or
AWS_DEFAULT_REGION, and AWS_ENDPOINT_URL for an S3 that is not Amazon's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import GalleryError, MeshgaitError, SourceNotFound, UsageError

__all__ = ["NEW", "Changed", "Objects", "Put"]

NEW = "new"  # instead of an e_tag: only where there is none yet
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_CONNECT, _ANSWER = "5s", "10s"  # patience with a server that does not answer
_COPYING = "600s"
_RETRIES = 2
_COPIED = 4 << 30  # bytes of an object that the server copies by itself; S3 does so up to 5 GB
_TOGETHER = 1000  # objects deleted by one request
_FEW = 10  # objects that are asked for one by one rather than by a listing


class Changed(Exception):
    """Somebody else has written the object meanwhile."""


@dataclass(frozen=True, slots=True)
class Put:
    """e_tag: of what was written. versioned: whether what it replaced is kept by the bucket."""

    e_tag: str
    versioned: bool


class Objects:
    """What lies in a bucket below a prefix; names are relative to that.

    Raises UsageError when obstore or credentials are missing, or the address is none; any method GalleryError
    when the server does not answer or refuses, SourceNotFound when there is no such bucket.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.bucket, self.prefix = _parsed(self.address)

    def above(self) -> list[Objects]:
        """What lies over it, up to the bucket itself."""
        parts = self.prefix.split("/") if self.prefix else []
        return [Objects("/".join([f"s3://{self.bucket}", *parts[:n]])) for n in range(len(parts))]

    @property
    def endpoint(self) -> str:
        """Of an S3 that is not Amazon's, or nothing."""
        return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""

    @property
    def region(self) -> str:
        return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"

    def get(self, name: str) -> tuple[bytes, str]:
        """Content and e_tag. Raises FileNotFoundError."""
        obstore = self._library
        with self._words():
            found = obstore.get(self._client, name)
            return bytes(found.bytes()), str(found.meta["e_tag"])

    def find(self, name: str) -> tuple[bytes, str] | None:
        try:
            return self.get(name)
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes, only: str | None = None) -> Put:
        """only: NEW, or the e_tag of what is to be replaced. Raises Changed when it is not so."""
        obstore = self._library
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = {"e_tag": only} if only not in (None, NEW) else "create" if only else "overwrite"
        try:
            with self._words():
                done = obstore.put(self._client, name, content, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
            if only is None:
                raise self.explained(error) or error from error
            # The answer to a first try may have been lost, and a second one found what the first had written.
            found = self.find(name)
            if found is None or found[0] != content:
                raise Changed(name) from error
            return Put(found[1], False)
        return Put(str(done["e_tag"]), done["version"] not in (None, "", "null"))

    def which(self, names: Collection[str], below: str = "") -> set[str]:
        """Those of the names that are there. below: where all of them lie."""
        obstore = self._library
        if len(names) > _FEW:
            return set(names) & set(self.sizes(below))
        found = set()
        for name in names:
            try:
                with self._words():
                    obstore.head(self._client, name)
                found.add(name)
            except FileNotFoundError:
                continue
        return found

    def sizes(self, below: str = "") -> dict[str, int]:
        """Names and bytes of all that lies below, in order of name."""
        obstore = self._library
        with self._words():
            pages = obstore.list(self._client, prefix=below or None)
            return {str(found["path"]): int(found["size"]) for page in pages for found in page}

    def copy(self, name: str, to: str, size: int) -> None:
        """Within the server, as long as it does that."""
        obstore = self._library
        client = self._made(_COPYING)
        with self._words():
            if size <= _COPIED:
                obstore.copy(client, name, to)
            else:
                with obstore.open_writer(client, to) as writer:
                    for part in obstore.get(client, name).stream():
                        writer.write(bytes(part))

    def delete(self, names: Collection[str]) -> None:
        obstore = self._library
        every = sorted(names)
        for start in range(0, len(every), _TOGETHER):
            with self._words():
                obstore.delete(self._client, every[start : start + _TOGETHER])

    @property
    def options(self) -> dict[str, str]:
        """The same for LanceDB; credentials it takes from the environment by itself."""
        told = {
            "region": self.region,
            "connect_timeout": _CONNECT,
            "client_max_retries": str(_RETRIES),
            "allow_http": "true" if self.endpoint.startswith("http://") else "false",
        }
        return told | ({"endpoint": self.endpoint} if self.endpoint else {})

    @cached_property
    def _library(self) -> Any:
        try:
            import obstore
        except ImportError as error:
            raise UsageError(
                "galleries at s3:// need obstore: python -m pip install 'meshgait[s3]', or "
                "python -m pip install obstore"
            ) from error
        return obstore

    @cached_property
    def _client(self) -> Any:
        return self._made(_ANSWER)

    def _made(self, patience: str) -> Any:
        """patience: with any one answer."""
        from obstore.store import S3Store

        if not any(os.environ.get(name) for name in _CREDENTIALS):
            raise UsageError(
                f"no credentials for {self.address}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the "
                "environment (and AWS_ENDPOINT_URL for an S3 that is not Amazon's)"
            )
        settings: dict[str, Any] = {"region": self.region, "prefix": self.prefix or None}
        if self.endpoint:
            settings["endpoint"] = self.endpoint
        try:
            return S3Store(
                self.bucket,
                **{key: value for key, value in settings.items() if value is not None},
                client_options={
                    "allow_http": self.endpoint.startswith("http://"),
                    "connect_timeout": _CONNECT,
                    "timeout": patience,
                },
                retry_config={"max_retries": _RETRIES},
            )
        except Exception as error:  # whatever the library says of the environment
            said = (str(error).splitlines() or [""])[0][:150]
            raise UsageError(f"{self.address} cannot be reached as the environment says: {said}") from error

    @contextmanager
    def _words(self) -> Iterator[None]:
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise
        except (BaseError, OSError) as error:
            told = self.explained(error)
            if told is None and isinstance(error, FileNotFoundError):
                raise
            said = (str(error).splitlines() or [""])[0][:200]
            raise told or GalleryError(f"{self.address}: {said}") from error

    def explained(self, error: Exception) -> MeshgaitError | None:
        """What a failure on the way to the server, or its refusal, means; None for one of another kind."""
        said = str(error).lower()
        server = self.endpoint or "Amazon S3"

        def has(*words: str) -> bool:
            return any(word in said for word in words)

        if has("nosuchbucket", "bucket does not exist"):
            return SourceNotFound(f"there is no bucket {self.bucket} at {server}: make it first")
        if has(
            "invalidaccesskeyid", "signaturedoesnotmatch", "expiredtoken", "invalidtoken", "401 unauthorized"
        ):
            return GalleryError(
                f"{server} does not know these credentials: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
                "and AWS_SESSION_TOKEN"
            )
        if has("accessdenied", "403 forbidden", "status: 403"):
            return GalleryError(
                f"{server} denies access to bucket {self.bucket}: these credentials must be allowed to read, "
                "write, list and delete"
            )
        if has("permanentredirect", "301 moved", "authorizationheadermalformed", "status: 301"):
            return GalleryError(f"bucket {self.bucket} lies in another region: set AWS_REGION")
        if has("error sending request", "timed out", "kind: connect", "kind: timeout", "dns error"):
            return GalleryError(
                f"{server} does not answer: check the network, AWS_ENDPOINT_URL and AWS_REGION, and try again"
            )
        if has("503 ", "500 ", "502 ", "slowdown", "status: 50"):
            return GalleryError(f"{server} is in trouble or too busy: try again later")
        return None


def _parsed(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.partition("/")
    if "@" in rest:
        raise UsageError(
            "no credentials in an address: they belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    parts = prefix.split("/") if prefix else []
    if (
        scheme.lower() != "s3"
        or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", bucket)
        or not all(re.fullmatch(r"[A-Za-z0-9._=-]+", part) and set(part) != {"."} for part in parts)
    ):
        raise UsageError(
            f"{address} is no address of a gallery: s3://bucket/name, of letters, digits and . _ = - only, "
            "the bucket's name of 3 to 63"
        )
    return bucket, prefix
