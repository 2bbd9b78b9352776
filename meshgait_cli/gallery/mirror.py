"""The gallery that a folder of videos has become: hidden inside it, and kept as the folder's files are.

    FOLDER/.meshgait/gallery/             a gallery like any other (`store`)
    FOLDER/.meshgait/gallery/files.json   each file's sha256, its sequences' ids, what is to be said of it

Whatever came from a file that is gone, changed or renamed is erased. Rows and list are written under the
gallery's lock; rows that no file's entry names were left by a killed process, and are erased, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..errors import GalleryError, GalleryUnreadable, MeshgaitError, SourceNotFound
from ..words import from_json
from .private import as_json, for_a_while, locked, make_folder, swept
from .search import GallerySequence
from .settings import FILES, HIDDEN, other_version
from .sources import listed
from .store import Store

__all__ = ["File", "Mirror"]

_SCHEMA = 1
_FORMER = (
    "index.json",
    ".index.*.tmp",
    "embeddings.safetensors",
    ".embeddings.*",
    "results",
)  # of an older kind


@dataclass(frozen=True, slots=True)
class File:
    """What is known of a file. sequences: their ids. note: what is to be said about it, if anything."""

    sha256: str
    sequences: list[str]
    note: str = ""


class Mirror:
    """What is known of a folder's files: in the gallery hidden in it or, where that cannot be, in memory.

    settings: what else decides of embeddings; with others everything is made anew. digests: the sha256 of
    each file now, by its name in the folder. Making a mirror erases whatever these do not agree with, and
    makes a damaged gallery anew. store: None where nothing can be written into the folder; trouble says why.
    files: by name those that need not be read again. Raises GalleryError, and changes nothing, for a gallery
    of another version, or one that cannot be read just now.
    """

    def __init__(self, folder: Path, settings: str, digests: Mapping[str, str]) -> None:
        self._folder, self._settings, self._digests = folder, settings, digests
        self.store: Store | None = None
        self.trouble = ""
        self.files: dict[str, File] = {}
        self._memory: list[GallerySequence] = []
        hidden = folder / HIDDEN
        swept(self.work)  # where it is while there is no store: the folder may have been read-only
        try:
            make_folder(hidden.parent)
            with locked(hidden.parent / ".lock"):
                _clear_former(hidden.parent)
                try:
                    self._follow(Store(hidden))
                except (SourceNotFound, GalleryUnreadable):
                    if hidden.exists():
                        shutil.rmtree(hidden)
                    self._follow(Store.create(hidden))
        except (OSError, NotImplementedError) as error:  # the second: a file system that does not lock
            self.trouble = str(getattr(error, "strerror", None) or error)
            with suppress(MeshgaitError, OSError):
                self._remember(Store(hidden))

    @property
    def work(self) -> Path:
        """Where videos are extracted for a while."""
        return for_a_while(str(self._folder.resolve())) if self.store is None else self.store.work

    def _follow(self, store: Store) -> None:
        """Erase what the folder no longer holds."""
        held = store.holding
        with held.changing():
            held.sweep()
            before = _read(store)
            ids: set[str] = set(held.read(lambda rows: rows.columns(["id"])["id"], []))
            there = {source.name for source in listed(str(self._folder))}
            # A file that came while the others' digests were made may be in the gallery by another process.
            stays = {name: file for name, file in self._current(store, ids).items() if name in there}
            if before != (self._settings, stays):
                store.place.clear([f".{FILES}.*.tmp"])  # half-written by who was killed over it
                self._write(store, stays)
            wanted = {key for file in stays.values() for key in file.sequences}
            if gone := sorted(ids - wanted):
                held.take_out({"id": gone})
            if not wanted and store.model_id is not None:
                held.forget_model()
        self.store, self.files = store, stays

    def _current(self, store: Store, ids: Collection[str]) -> dict[str, File]:
        """Of the gallery's files those that are the same now, and wholly there."""
        settings, files = _read(store)
        return {
            name: file
            for name, file in (files if settings == self._settings else {}).items()
            if file.sha256 == self._digests.get(name, file.sha256) and set(file.sequences) <= set(ids)
        }

    def _remember(self, store: Store) -> None:
        """Take from a gallery that cannot be written to what still holds."""
        found = {one.id: one for one in store.sequences()}
        self.files = {
            name: file for name, file in self._current(store, found).items() if name in self._digests
        }
        ids = [key for file in self.files.values() for key in file.sequences]
        self._memory = [replace(found[key], silhouettes=store.silhouettes(key)) for key in ids]

    def add(self, fresh: Mapping[str, tuple[File, list[GallerySequence]]]) -> None:
        """Files that were read now, and their sequences. What another process has put in meanwhile stays.

        Raises GalleryError when that was done with other settings.
        """
        self.files |= {name: file for name, (file, _) in fresh.items()}
        if self.store is None:
            self._memory += [one for _, found in fresh.values() for one in found]
            return
        with self.store.holding.writing():
            settings, files = _read(self.store)
            if settings != self._settings:
                raise GalleryError(
                    f"another process reads {self._folder} with other settings just now: try again later"
                )
            new = {name: each for name, each in fresh.items() if name not in files}
            self.store.holding.put([one for _, found in new.values() for one in found])
            self._write(self.store, files | {name: file for name, (file, _) in new.items()})

    def sequences(self) -> list[GallerySequence]:
        return self._memory if self.store is None else self.store.sequences()

    def _write(self, store: Store, files: Mapping[str, File]) -> None:
        entries = {name: asdict(file) for name, file in sorted(files.items())}
        store.place.write(FILES, as_json({"schema": _SCHEMA, "settings": self._settings, "files": entries}))


def _read(store: Store) -> tuple[str, dict[str, File]]:
    """Settings and files; none where the list is missing or damaged."""
    try:
        found = from_json(store.place.read(FILES))
        if found["schema"] == _SCHEMA:
            return found["settings"], {name: File(**entry) for name, entry in found["files"].items()}
        if isinstance(found["schema"], int):
            raise other_version(store.place, found["schema"])
    except FileNotFoundError:
        pass
    except OSError as error:
        raise GalleryError(f"{store.place}/{FILES} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return "", {}


def _clear_former(hidden: Path) -> None:
    for pattern in _FORMER:
        for path in hidden.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
