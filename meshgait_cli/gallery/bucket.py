"""A gallery's place in an object store: s3://bucket/name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import GalleryError, MeshgaitError
from .journal import More
from .lease import Lease
from .objects import NEW, Changed, Objects
from .place import Fence, Place
from .private import for_a_while, owner_only

__all__ = ["Bucket"]

_LOCK = "lock"
_PROBE = "probe"
_SEGMENT = 256  # lines of the log in one object
_AT_ONCE = 16  # objects of the log read at a time
_AGAIN = 5  # copies begun
_TRIES = 1000


@dataclass(slots=True)
class _Held:
    """lease: what this process writes under now. versioned: whether the bucket keeps old versions.
    read: the e_tags of what was read."""

    lease: Lease | None = None
    versioned: bool = False
    read: dict[str, str] = field(default_factory=dict)


class Bucket(Place):
    """below: the part of the gallery that it is, with a slash at its end; nothing for the whole."""

    remote = True

    def __init__(self, objects: Objects, below: str = "", held: _Held | None = None) -> None:
        self._objects, self._below, self._held = objects, below, held or _Held()
        self.address = f"{objects.address}/{below}".rstrip("/")

    @classmethod
    def at(cls, address: str) -> Bucket:
        """Raises UsageError for an address that is none. Nothing is asked of the server yet."""
        return cls(Objects(address))

    @property
    def name(self) -> str:
        return self.address.rpartition("/")[2]

    def below(self, name: str) -> Bucket:
        return Bucket(self._objects, f"{self._below}{name}/", self._held)

    def found(self, name: str, content: bytes) -> None:
        if set(self.sizes()) - {_PROBE}:
            raise GalleryError(f"{self} holds something already: choose a new name for the gallery")
        for above in self._objects.above():
            if above.find(name) is not None:
                raise GalleryError(f"{above.address} is a gallery: make another one beside it, not in it")
        self._try_out()
        try:
            self._objects.put(self._below + name, content, NEW)
        except Changed:
            raise GalleryError(f"somebody else has just made a gallery at {self}") from None

    def _try_out(self) -> None:
        """Whether the bucket can keep what a gallery promises."""
        content = b"may this be overwritten?"
        try:
            versioned = self._objects.put(_PROBE, content).versioned
            for only in (NEW, '"00000000000000000000000000000000"'):
                with suppress(Changed):
                    self._objects.put(_PROBE, content + only.encode(), only)
                    raise GalleryError(
                        f"{self._objects.endpoint or 'this S3'} does not honour conditional writes "
                        "(If-None-Match, If-Match), without which two processes would spoil each other's work"
                    )
        finally:
            with suppress(MeshgaitError):
                self._objects.delete([_PROBE])
        if versioned:
            raise GalleryError(f"{_keeps_old(self)}: switch versioning off, or take another bucket")

    def made(self) -> None:
        """There are no folders."""

    def has(self, name: str) -> bool:
        return self._objects.find(self._below + name) is not None  # unlike a HEAD it tells of a lost bucket

    def read(self, name: str) -> bytes:
        content, self._held.read[self._below + name] = self._objects.get(self._below + name)
        return content

    def which(self, names: Collection[str]) -> set[str]:
        found = self._objects.which([self._below + name for name in names], self._below)
        return {name.removeprefix(self._below) for name in found}

    def sizes(self) -> dict[str, int]:
        found = self._objects.sizes(self._below)
        return {name.removeprefix(self._below): size for name, size in found.items()}

    def write(self, name: str, content: bytes, durable: bool = True) -> None:  # noqa: ARG002
        """Always durable: an object store answers when it has it."""
        self.check()
        self._objects.put(self._below + name, content)

    def replace(self, name: str, content: bytes) -> None:
        self.check()
        name = self._below + name
        try:
            self._held.read[name] = self._objects.put(name, content, self._held.read.get(name, NEW)).e_tag
        except Changed:
            raise GalleryError(f"another process has changed {self} meanwhile: try again") from None

    def copy(self, below: str, to: str) -> None:
        source, target = self.below(below), self.below(to)
        for _ in range(_AGAIN):
            with suppress(FileNotFoundError):  # whoever was late has just deleted it: what is there now?
                for name, size in source.sizes().items():
                    self._objects.copy(source._below + name, target._below + name, size)
                return
            target.delete(target.sizes())
        raise GalleryError(f"{self} is written to by a process that has lost the right to: try again later")

    def write_new(self, name: str, content: bytes) -> None:
        with suppress(Changed):
            self._objects.put(self._below + name, content, NEW)

    def delete(self, names: Collection[str]) -> None:
        if names:
            self.check()
            self._objects.delete([self._below + name for name in names])

    def log(self, name: str) -> SegmentLog:
        return SegmentLog(self._objects, self._below + name.partition(".")[0])

    @contextmanager
    def writing(self, fence: Fence) -> Iterator[None]:
        lease = Lease(self._objects, self._below + _LOCK)
        taken_over = lease.acquire()
        self._held.lease, self._held.versioned = lease, lease.versioned
        try:
            with owner_only():  # the database builds indices in temporary files
                if taken_over:
                    try:
                        fence()
                    except BaseException:
                        lease.abandon()  # so that the next one does it
                        raise
                try:
                    yield
                except BaseException:
                    with suppress(MeshgaitError):
                        lease.release()
                    raise
                lease.release()
        except (RuntimeError, OSError, ValueError) as error:
            lease.check()  # if the right was lost, that is why
            told = self.explained(error)
            if told is None and "lance error" in str(error):
                told = GalleryError(f"{self}: {str(error).splitlines()[0][:200]}")
            if told is None:
                raise
            raise told from error
        finally:
            self._held.lease = None

    def check(self) -> None:
        if self._held.lease is not None:
            self._held.lease.check()

    def keeps_old(self) -> str:
        return _keeps_old(self) if self._held.versioned else ""

    @property
    def uri(self) -> str:
        return self.address

    @property
    def options(self) -> dict[str, str]:
        return self._objects.options

    def clear(self, patterns: Sequence[str]) -> None:
        """An object is there whole or not at all."""

    def explained(self, error: Exception) -> MeshgaitError | None:
        return self._objects.explained(error)

    @property
    def work(self) -> Path:
        return for_a_while(self.address)


def _keeps_old(place: Bucket) -> str:
    return f"the bucket of {place} keeps old versions of its objects, so that nobody could be erased from it"


class SegmentLog:
    """Numbered objects of up to 256 lines: the last one is replaced by itself and a line more, on condition
    that it is still the same; the next one is begun on condition that there is none. So it cannot fork."""

    def __init__(self, objects: Objects, below: str) -> None:
        self._objects, self._below = objects, f"{below}/"
        self.address = f"{objects.address}/{below}"

    def lines(self) -> list[bytes]:
        def content(name: str) -> bytes:
            return self._objects.get(name)[0]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [line for found in pool.map(content, self._segments()) for line in found.splitlines()]

    def append(self, more: More) -> None:
        for _ in range(_TRIES):
            segments = self._segments()
            content, e_tag = self._objects.get(segments[-1]) if segments else (b"", NEW)
            before = content.splitlines()
            lines = more(before[-1] if before else b"")
            added = b"".join(line + b"\n" for line in lines)
            with suppress(Changed):
                if segments and len(before) < _SEGMENT:
                    self._objects.put(segments[-1], content + added, e_tag)
                else:
                    number = int(PurePosixPath(segments[-1]).stem) + 1 if segments else 1
                    self._objects.put(f"{self._below}{number:08d}.jsonl", added, NEW)
                return
        raise GalleryError(f"{self.address} is written to by too many at once: try again later")

    def _segments(self) -> list[str]:
        return [name for name in sorted(self._objects.sizes(self._below)) if name[-14:-6].isdigit()]
