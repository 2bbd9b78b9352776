"""Where a gallery's files lie: in a folder, or below an address of an object store. One interface for both.

A name is relative, with slashes: `gallery.json`, `silhouettes/0123abcd.npz`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ..errors import GalleryError, MeshgaitError, UsageError
from .journal import FileLog, Log
from .private import locked, make_folder, no_folder, owner_only, write_whole

__all__ = ["Anywhere", "Folder", "Place", "address_of", "is_remote", "place_at"]

Fence = Callable[[], None]


class Place(ABC):
    """What a gallery needs of the place in which it lies."""

    address: str  # as people write it
    remote: bool

    def __str__(self) -> str:
        return self.address

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it: the last part of the address."""

    @abstractmethod
    def below(self, name: str) -> Place:
        """A part of it."""

    @abstractmethod
    def found(self, name: str, content: bytes) -> None:
        """Begin a new gallery by that. Raises GalleryError when it holds anything already, or cannot keep
        what a gallery promises."""

    @abstractmethod
    def made(self) -> None:
        """Make the folder, where folders have to be made."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def which(self, names: Collection[str]) -> set[str]:
        """Those of the names that are there."""

    def has(self, name: str) -> bool:
        return bool(self.which([name]))

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Everything in it, by name, and how many bytes that takes."""

    @abstractmethod
    def write(self, name: str, content: bytes, durable: bool = True) -> None:
        """Whole or not at all. durable: on the disk when it returns, power cut or not."""

    @abstractmethod
    def replace(self, name: str, content: bytes) -> None:
        """Write what this process read last. Raises GalleryError where another process can have written it
        in between, and has."""

    @abstractmethod
    def copy(self, below: str, to: str) -> None:
        """All that lies below one name to below another."""

    @abstractmethod
    def write_new(self, name: str, content: bytes) -> None:
        """Unless there is one already: then that stays."""

    @abstractmethod
    def delete(self, names: Collection[str]) -> None:
        """Those that are there."""

    @abstractmethod
    def log(self, name: str) -> Log:
        """Lines that are only ever appended."""

    @abstractmethod
    def writing(self, fence: Fence) -> AbstractContextManager[None]:
        """Be the only one who writes. fence: called first where the right to write was taken from somebody
        who was not heard of any more, and who may yet be about to write. Raises GalleryError after waiting
        long, and, at the end, when the right was lost meanwhile: then nothing must be said to be done."""

    @abstractmethod
    def check(self) -> None:
        """Raises GalleryError when the right to write was lost."""

    @abstractmethod
    def keeps_old(self) -> str:
        """A sentence when what is overwritten or deleted here is kept all the same, as far as the beginning
        of the last turn of writing showed; else nothing."""

    # For the database, which reads and writes by itself

    @property
    @abstractmethod
    def uri(self) -> str | Path: ...

    @property
    @abstractmethod
    def options(self) -> dict[str, str] | None:
        """How to reach it."""

    @abstractmethod
    def clear(self, patterns: Sequence[str]) -> None:
        """Delete half-written files of such names."""

    @abstractmethod
    def explained(self, error: Exception) -> MeshgaitError | None:
        """What a failure of the database means, when it is about the way to this place; else None."""

    @property
    def whose(self) -> str | Path:
        """What a private folder elsewhere is named after."""
        return self.address

    @property
    @abstractmethod
    def work(self) -> Path:
        """A private folder of this machine for what is needed for a while."""


Anywhere = str | Path | Place


class Folder(Place):
    """A folder on a disk, or on a file system that is mounted like one."""

    remote = False

    def __init__(self, path: Path) -> None:
        self.path, self.address = path, str(path)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def below(self, name: str) -> Folder:
        return Folder(self.path / name)

    def found(self, name: str, content: bytes) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise GalleryError(f"{self.path} holds something already: choose a new folder for the gallery")
        make_folder(self.path)
        self.path.chmod(0o700)
        self.write(name, content)

    def made(self) -> None:
        make_folder(self.path)

    def read(self, name: str) -> bytes:
        no_folder(self.path / name)
        return (self.path / name).read_bytes()

    def which(self, names: Collection[str]) -> set[str]:
        return {name for name in names if (self.path / name).is_file()}

    def sizes(self) -> dict[str, int]:
        files = (path for path in self.path.rglob("*") if path.is_file())
        return {path.relative_to(self.path).as_posix(): path.stat().st_size for path in files}

    def write(self, name: str, content: bytes, durable: bool = True) -> None:
        no_folder(self.path / name)
        write_whole(self.path / name, content, durable)

    def replace(self, name: str, content: bytes) -> None:
        self.write(name, content)  # the system sees to it that there is one writer

    def copy(self, below: str, to: str) -> None:
        shutil.copytree(self.path / below, self.path / to)

    def write_new(self, name: str, content: bytes) -> None:
        path = self.path / name
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        try:
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            with suppress(FileExistsError):
                os.link(aside, path)  # unlike a rename it never replaces another process's
        finally:
            aside.unlink(missing_ok=True)

    def delete(self, names: Collection[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def log(self, name: str) -> FileLog:
        no_folder(self.path / name)  # at once, or it would show when a change is done
        return FileLog(self.path / name)

    @contextmanager
    def writing(self, fence: Fence) -> Iterator[None]:  # noqa: ARG002
        with locked(self.path / ".lock"), owner_only():  # the system frees it when its holder dies
            yield

    def check(self) -> None:
        """A lock of the system's is not lost."""

    def keeps_old(self) -> str:
        return ""

    @property
    def uri(self) -> Path:
        return self.path

    @property
    def options(self) -> None:
        return None

    def clear(self, patterns: Sequence[str]) -> None:
        for pattern in patterns:
            for half_written in self.path.rglob(pattern):
                half_written.unlink(missing_ok=True)

    def explained(self, error: Exception) -> MeshgaitError | None:  # noqa: ARG002
        return None

    @property
    def whose(self) -> Path:
        return self.path

    @property
    def work(self) -> Path:
        return self.path / "work"


def place_at(where: Anywhere) -> Place:
    """The place of that address. A Path is taken for an address, too, when it looks like one and no such
    folder exists: `Path("s3://bucket/people")` has lost a slash only.

    Raises UsageError for an object store of another kind, or an address that is none.
    """
    if isinstance(where, Place):
        return where
    address = address_of(where)
    if not is_remote(address):
        return Folder(Path(where))
    if address.partition("://")[0].lower() != "s3":
        kind = address.partition("://")[0]
        raise UsageError(
            f"a gallery is a folder, or s3://bucket/name: {kind}:// is not supported; copy galleries by "
            "`gallery export` and `gallery import`"
        )
    from .bucket import Bucket

    return Bucket.at(address)


def address_of(where: str | Path) -> str:
    """As people write it."""
    if isinstance(where, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", where):
        return where
    path = Path(where)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):$", path.parts[0] if path.parts else "")
    if scheme and not path.exists():
        return f"{scheme[1]}://" + "/".join(path.parts[1:])
    return str(path)


def is_remote(where: str | Path) -> bool:
    """Whether that is an address of an object store or another server."""
    return "://" in address_of(where)
