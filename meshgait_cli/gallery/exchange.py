"""A gallery, or all that it holds about one person, as files that anybody can read; and back.

OUT/README.txt               what this is
OUT/sequences.json           one entry a sequence: identity, where and when it is from, quality, model
OUT/embeddings.safetensors   one array a sequence, in the same order
OUT/silhouettes/ID.npz       T×64×64 uint8, where they were kept
OUT/log.json                 what the audit log says of the person (of one person only)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import GalleryError, ResultError, SourceNotFound, UsageError
from ..records import GaitEmbedding, SilhouetteSequence
from ..results.embeddings import EmbeddingSet, LabelledEmbedding
from ..words import from_json
from .keepsakes import unpacked
from .place import Folder, address_of, is_remote
from .private import make_folder, owner_only, write_json
from .sequence import GallerySequence, checked_label
from .settings import HIDDEN, gallery_at, is_store
from .store import Store

__all__ = ["export", "import_into", "is_export"]

INDEX = "sequences.json"
VECTORS = "embeddings.safetensors"
SCHEMA = 1
_LONGEST_ID = 64
_TOGETHER = 500  # sequences whose silhouettes are in memory at a time
_ABOUT = """Exported by meshgait from a gallery of people and their way of walking. This is biometric
personal data.

sequences.json          one entry for each recorded walk: whose it is, and where and when it is from
embeddings.safetensors  for each of them, in the same order, the numbers by which it is recognised
silhouettes/            the outlines of the walking person from which these numbers were computed
log.json                when the person was enrolled, renamed or merged, where one person was exported
"""


def is_export(folder: Path) -> bool:
    return (folder / INDEX).is_file()


def export(store: Store, out: Path, identity: str | None = None) -> int:
    """Write the whole gallery, or one person's part, into the new folder `out`, for its owner only; returns
    the number of sequences.

    Raises GalleryError when there is nobody, or not that person; UsageError when `out` holds something or
    lies in the gallery.
    """
    if is_remote(out):
        raise UsageError(f"an export is a folder on a disk, not {address_of(out)}")
    if isinstance(store.place, Folder) and _below(out, _home(store.folder)) and not _below(out, store.work):
        raise UsageError(
            f"{out} lies in the gallery itself, where nobody would erase it: choose another place"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} holds something already: choose a new folder to export to")
    sequences = store.sequences(None if identity is None else [identity])
    if not sequences:
        whom = "nobody" if identity is None else f"no {identity!r}"
        raise GalleryError(f"there is {whom} in the gallery {store.place}")
    new = not out.exists()
    try:
        with owner_only():
            _write(store, out, sequences, identity)
        store.audit.note("export", [] if identity is None else [identity], sequences=len(sequences))
    except BaseException:  # half of it would be personal data that nobody knows of
        _clear(out, new)
        raise
    return len(sequences)


def _write(store: Store, out: Path, sequences: Sequence[GallerySequence], identity: str | None) -> None:
    first = sequences[0].embedding
    make_folder(out)
    (out / "README.txt").write_text(_ABOUT, encoding="utf-8")
    items = tuple(LabelledEmbedding(one.identity, one.embedding, view=one.view) for one in sequences)
    EmbeddingSet(items, first.model_id, first.trained).write(out / VECTORS)
    for one in sequences:
        found = store.silhouettes(one.id)
        if found is not None:
            make_folder(out / "silhouettes")
            path = out / "silhouettes" / f"{one.id}.npz"
            np.savez_compressed(path, silhouettes=found.silhouettes, times=found.times)
    if identity is not None:
        write_json(out / "log.json", store.audit.entries(identity))
    index = {"schema": SCHEMA, "model": first.model_id, "sequences": [_entry(one) for one in sequences]}
    write_json(out / INDEX, index)  # last: without it the folder is no export


def _clear(out: Path, away: bool) -> None:
    """What was written into the folder, which was new or empty. away: the folder, too."""
    import shutil

    for path in out.iterdir() if out.is_dir() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if away and out.is_dir():
        out.rmdir()


def _entry(one: GallerySequence) -> dict[str, Any]:
    def known(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "id": one.id,
        "identity": one.identity,
        "name": one.name,
        "source": one.source,
        "video": one.video,
        "start_s": known(one.start_s),
        "end_s": known(one.end_s),
        "view": one.view,
        "camera": one.camera,
        "enrolled": one.enrolled,
        "quality": known(one.embedding.quality),
        "frames": one.embedding.frames,
    }


def _home(gallery: Path) -> Path:
    """The gallery's folder; of a folder of videos that has become one, that."""
    return gallery.parents[1] if gallery.match(HIDDEN) else gallery


def _below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def import_into(store: Store, folder: Path, passphrase: str | None = None) -> list[str]:
    """Enrol an exported folder, or another gallery; returns the ids of the new sequences. Those that are
    there already are left out. passphrase: the other gallery's.

    Raises SourceNotFound where there is nothing, GalleryError when it is neither, damaged, or of another
    model.
    """
    if not is_remote(folder) and not folder.exists():
        raise SourceNotFound(f"there is no {folder}")
    known = {row["id"] for row in store.describe()}
    if is_store(gallery_at(folder)) or is_remote(folder):
        return _copied(Store(folder, passphrase), store, known)
    if not is_export(folder):
        raise GalleryError(f"{folder} is no gallery, nor was it exported by meshgait: it has no {INDEX}")
    found = _read(folder)
    if not found:
        raise GalleryError(f"there is nobody in {folder}: nothing was taken in")
    return store.add([one for one in found if one.id not in known])


def _copied(source: Store, target: Store, known: Collection[str]) -> list[str]:
    everything = source.sequences()
    if not everything:
        raise GalleryError(f"there is nobody in the gallery {source.place}: nothing was taken in")
    found = [one for one in everything if one.id not in known]
    ids: list[str] = []
    for start in range(0, len(found), _TOGETHER):
        some = found[start : start + _TOGETHER]
        ids += target.add([replace(one, silhouettes=source.silhouettes(one.id)) for one in some])
    return ids


def _read(folder: Path) -> Sequence[GallerySequence]:
    try:
        index = from_json((folder / INDEX).read_text(encoding="utf-8"))
        if index["schema"] != SCHEMA:
            raise GalleryError(f"{folder} was exported by another version of meshgait ({index['schema']})")
        items, entries = EmbeddingSet.read(folder / VECTORS).items, index["sequences"]
        if len({entry["id"] for entry in entries}) != len(items):
            raise ValueError(f"{VECTORS} holds {len(items)} walks, {INDEX} says otherwise")
        return [_sequence(folder, entry, item.embedding) for entry, item in zip(entries, items, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, ResultError, UsageError) as error:
        raise GalleryError(f"{folder} is damaged: {error}") from error


def _sequence(folder: Path, entry: dict[str, Any], embedding: GaitEmbedding) -> GallerySequence:
    def seconds(name: str) -> float:
        value = math.nan if entry[name] is None else float(entry[name])
        if math.isinf(value):
            raise ValueError(f"{value} is no {name}")
        return value

    def words(name: str) -> str:
        if not isinstance(entry[name], str):
            raise ValueError(f"{entry[name]!r} is no {name}")
        return str(entry[name])

    key = words("id")
    if not key.isalnum() or len(key) > _LONGEST_ID:
        raise ValueError(f"{key[:_LONGEST_ID]!r} is no sequence id")
    return GallerySequence(
        identity=words("identity"),
        name=words("name"),
        embedding=embedding,
        id=key,
        source=words("source"),
        video=words("video"),
        start_s=seconds("start_s"),
        end_s=seconds("end_s"),
        view=checked_label(words("view"), "view"),
        camera=checked_label(words("camera"), "camera"),
        enrolled=checked_label(words("enrolled"), "time of enrolment"),
        silhouettes=_silhouettes(folder / "silhouettes" / f"{key}.npz"),
    )


def _silhouettes(path: Path) -> SilhouetteSequence | None:
    if not path.exists():
        return None
    try:
        return unpacked(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"silhouettes/{path.name}: {error}") from error
