"""Files for their owner only, and one writer at a time."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import GalleryError, GalleryUnreadable, UsageError

__all__ = [
    "as_json",
    "for_a_while",
    "in_memory",
    "lies_in_memory",
    "locked",
    "make_folder",
    "memory_of",
    "no_folder",
    "owner_only",
    "swept",
    "workplace",
    "write_json",
    "write_whole",
]

_PATIENCE_S = 600.0
_MEMORY = Path("/dev/shm")  # Linux: files that are never written to a disk, swap apart
_ROOM = 1 << 30  # bytes that must be free there


@contextmanager
def owner_only() -> Iterator[None]:
    """New files get mode 0600 and new folders 0700, those of other threads too while it lasts: the storage
    engine takes no modes, only the process's umask."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def no_folder(path: Path) -> None:
    """Raises GalleryUnreadable where a folder stands in the place of a gallery's file."""
    if path.is_dir():
        raise GalleryUnreadable(f"{path} is damaged: it is a folder, no file; move it away")


@contextmanager
def locked(path: Path, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Hold the lock file `path`. The system frees it when its holder dies. Raises GalleryError after
    waiting."""
    from filelock import FileLock, Timeout

    no_folder(path)
    try:
        with FileLock(path, timeout=patience_s, mode=0o600):
            yield
    except Timeout:
        raise GalleryError(
            f"another process has been writing to {path.parent} for {patience_s:.0f} s: try again later"
        ) from None


def make_folder(path: Path) -> None:
    """Make the folder for its owner only; one that is there keeps its mode. Parents get the usual one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path} cannot be a folder: there is a file of that name, or above it") from error


def memory_of(whose: str | Path) -> Path:
    """The place in memory for a private folder that belongs to a gallery's folder or address."""
    return _MEMORY / _mark(whose)


def in_memory(whose: str | Path) -> Path | None:
    """The same, where there is room now and nobody else has taken it; else None."""
    import shutil

    try:
        if shutil.disk_usage(_MEMORY).free < _ROOM:
            return None
        place = memory_of(whose)
    except (OSError, AttributeError):
        return None
    return place if not place.exists() or _mine(place) else None


def lies_in_memory(folder: Path) -> bool:
    return folder.is_relative_to(_MEMORY)


def for_a_while(whose: str) -> Path:
    """Such a place in the folder for temporary files."""
    return Path(tempfile.gettempdir()) / _mark(whose)


def _mark(whose: str | Path) -> str:
    name = os.fsencode(whose.resolve()) if isinstance(whose, Path) else whose.encode()
    return f"meshgait-{os.getuid() if os.name != 'nt' else 'x'}-{hashlib.sha256(name).hexdigest()[:16]}"


def _shared(folder: Path) -> bool:
    """Whether it lies where anybody may make folders."""
    return folder.is_relative_to(_MEMORY) or folder.parent == Path(tempfile.gettempdir())


def _mine(folder: Path) -> bool:
    """Whether it is a folder that nobody else has made or may look into."""
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return private and (os.name == "nt" or found.st_uid == os.getuid())


def as_json(value: Any) -> bytes:
    """Raises ValueError for a number that JSON has no word for."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def write_json(path: Path, value: Any) -> None:
    write_whole(path, as_json(value))


def write_whole(path: Path, content: bytes, durable: bool = True) -> None:
    """Write aside, 0600, flush to the disk where that is wanted, and move into place."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A private folder below `folder` that vanishes with the block; `swept` clears those of the killed."""
    import shutil

    place = folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    for last in (False, False, True):
        make_folder(folder)
        if _shared(folder) and not _mine(folder):
            raise GalleryError(f"{folder} is not for its owner only: delete it")
        try:
            place.mkdir(mode=0o700)
            break
        except FileNotFoundError:  # another process has cleared away the empty folder
            if last:
                raise
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if _shared(folder):
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def swept(folder: Path) -> int:
    """Delete the workplaces whose process on this machine has died; returns how many there were. What
    somebody else may have put where anybody may is left alone."""
    import shutil

    count = 0
    ours = folder.is_dir() and (not _shared(folder) or _mine(folder))
    for place in folder.iterdir() if ours else ():
        host, _, rest = place.name.rpartition("-")[0].rpartition("-")
        if host == socket.gethostname() and rest.isdecimal() and not _alive(int(rest)):
            shutil.rmtree(place, ignore_errors=True)
            count += 1
    return count


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # there, asking would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
