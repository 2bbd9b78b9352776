"""What a user may name as a video: files, folders, globs, cameras, streams."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import SourceNotFound
from ..homes import expanded

__all__ = ["VIDEO_SUFFIXES", "VideoSource", "called", "expand", "public"]

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".asf", ".h264", ".hevc"),
)
_STREAM = re.compile(r"^(rtsps?|https?|rtmps?|udp|tcp|srt)://", re.IGNORECASE)
# Recorders have them in the path, too: /user=admin_password=secret_channel=1_stream=0.sdp
_SECRET = re.compile(
    r"([a-z]*(?:user|usr|login|pass|pwd|psw|token|auth|key|secret)[a-z]*)=.*?(?=_[a-z]+=|[&;,/]|$)",
    re.IGNORECASE,
)
_CAMERA = re.compile(r"^(?:camera:)?(\d{1,2})$")


@dataclass(frozen=True, slots=True)
class VideoSource:
    """One video. address: a path, or what PyAV opens. path: None for streams. name: a safe folder name."""

    address: str
    kind: str  # "file" or "stream"
    path: Path | None
    name: str

    @property
    def shown(self) -> str:
        """The address to print and to keep."""
        return self.address if self.path is not None else public(self.address)


def public(argument: str) -> str:
    """An argument to print and to keep: a stream's without name, password and query, where cameras have their
    passwords as well."""
    if not _STREAM.match(argument):
        return argument
    scheme, rest = argument.split("://", 1)
    return f"{scheme}://{_public(rest)}"


def called(argument: str) -> str:
    """What people read of an argument: the last part of a path, the name of a stream."""
    return _stream_name(argument) if _STREAM.match(argument) else Path(argument).name


def expand(arguments: Sequence[str]) -> list[VideoSource]:
    """Every video that the arguments name, each once, with names that differ.

    Raises SourceNotFound for a path that is missing, a glob that matches nothing, and a folder
    without a video below it.
    """
    found: list[VideoSource] = []
    seen: set[str] = set()
    for argument in arguments:
        for source in _sources(argument):
            key = str(source.path.resolve()) if source.path else source.address
            if key not in seen:
                seen.add(key)
                found.append(source)
    return _distinct(found)


def _sources(argument: str) -> Iterator[VideoSource]:
    path = expanded(argument)
    camera = _CAMERA.match(argument)
    if camera and not path.exists():
        address = f"/dev/video{camera.group(1)}"
        if not Path(address).exists():
            raise SourceNotFound(f"there is no camera {camera.group(1)} ({address})")
        yield VideoSource(address, "stream", None, f"camera-{camera.group(1)}")
    elif argument.startswith("/dev/video"):
        if not path.exists():
            raise SourceNotFound(f"there is no camera {argument}")
        yield VideoSource(argument, "stream", None, _safe(path.name))
    elif _STREAM.match(argument):
        yield VideoSource(argument, "stream", None, _stream_name(argument))
    elif path.is_dir():
        videos = [p for p in path.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and _shown(p, path)]
        if not videos:
            raise SourceNotFound(
                f"there is no video in {path}: looked for {', '.join(VIDEO_SUFFIXES[:6])} and the like"
            )
        yield from (_file(video) for video in sorted(videos, key=_natural))
    elif path.exists():
        yield _file(path)
    elif glob.has_magic(argument):
        matches = [Path(match) for match in glob.glob(argument, recursive=True)]
        videos = [match for match in matches if match.is_file() and match.suffix.lower() in VIDEO_SUFFIXES]
        if not videos:
            raise SourceNotFound(f"no video matches {argument}")
        yield from (_file(video) for video in sorted(videos, key=_natural))
    else:
        raise SourceNotFound(f"there is no {argument}")


def _shown(path: Path, folder: Path) -> bool:
    """Neither hidden nor below a result directory, whose preview.mp4 nobody means."""
    inside = path.relative_to(folder).parts
    if any(part.startswith(".") for part in inside):
        return False
    return not any((parent / "manifest.json").is_file() for parent in path.parents if parent != folder)


def _file(path: Path) -> VideoSource:
    return VideoSource(str(path), "file", path, _safe(path.stem))


def _safe(name: str) -> str:
    """A name that is one harmless folder on every file system."""
    safe = re.sub(r"[^\w.\- ]+", "_", name).strip(". ")
    return safe[:80] or "video"


def _stream_name(address: str) -> str:
    """Without credentials: user:password@ must not become a folder's name."""
    return _safe(_public(address.split("://", 1)[1]).replace("/", "-"))


def _public(rest: str) -> str:
    """What stands behind `scheme://`, without user:password@ (which may hold an @, / or ?) and ?query (which
    may hold an @ behind a `name=`); of a `password=` in the path the name alone."""
    place = re.split(r"\?[^=@?]*=", rest, maxsplit=1)[0]
    return _SECRET.sub(r"\1=…", place.rsplit("@", 1)[-1].split("?")[0].split("#")[0])


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """walk2 before walk10."""
    return [
        (0, int(t), "") if t.isdecimal() else (1, 0, t.lower()) for t in re.split(r"(\d+)", str(path)) if t
    ]


def _distinct(sources: list[VideoSource]) -> list[VideoSource]:
    """Two videos of one name take their folders' names along, then numbers."""
    out: list[VideoSource] = []
    taken: set[str] = set()
    names = [source.name.lower() for source in sources]
    for source in sources:
        name = source.name
        if names.count(name.lower()) > 1 and source.path is not None:
            name = _safe(f"{source.path.resolve().parent.name}-{name}{source.path.suffix}")
        unique, number = name, 2
        while unique.lower() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.lower())
        out.append(replace(source, name=unique))
    return out
