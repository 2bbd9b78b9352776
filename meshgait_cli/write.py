"""The files of a result directory, person by person."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .records import GaitEmbedding, SilhouetteSequence
from .results.directory import EMBEDDINGS, TRACKS, Result
from .results.embeddings import EmbeddingSet, LabelledEmbedding
from .results.manifest import TrackEntry
from .results.tables import track_table, write_silhouettes

if TYPE_CHECKING:
    from .network.embed import Embedder
    from .people.assemble import Person
    from .pipeline import Progress

__all__ = ["write_opengait", "write_people"]

_RUNS, _RUN_FRAMES = 10, 720


def write_opengait(result: Result, root: Path) -> None:
    """The usable tracks as OpenGait reads them: `root/<video>-<track>/00/000/000.pkl`."""
    from .datasets.opengait import write_tree

    for track in result.tracks:
        if track.usable:
            sequence = result.silhouettes(track, good_only=True)
            write_tree(root, f"{result.manifest.video.name}-{track.id}", "00", "000", sequence)


def write_people(
    folder: Path,
    people: list[Person],
    embedder: Embedder,
    seconds: dict[str, float],
    progress: Progress,
) -> list[TrackEntry]:
    """Embed the usable people and write silhouettes, contact sheets, the table and the embeddings."""
    from .pipeline import Step
    from .render.contact import contact_sheet, write_png

    entries: list[TrackEntry] = []
    embeddings: list[LabelledEmbedding] = []
    clock = {"embed": 0.0, "write": 0.0}
    with track_table(folder / TRACKS) as table:
        for done, person in enumerate(people):
            progress(Step("people", done, len(people), len(people)))
            started = perf_counter()
            quality = person.assessment.quality
            if quality.usable:
                embeddings.append(_embed(person, embedder))
            clock["embed"] += perf_counter() - started
            started = perf_counter()
            walking, good = person.assessment.walking, person.assessment.good
            table.add(person.id, person.rows, walking, good)
            silhouette_file = f"silhouettes/{person.id}.npz"
            write_silhouettes(folder / silhouette_file, person.rows, walking, good)
            contact_file = f"contact/{person.id}.png"
            valid = np.flatnonzero(person.rows["valid"])
            shown = valid[np.linspace(0, len(valid) - 1, min(len(valid), 2000)).astype(int)]
            sheet = contact_sheet(
                _sequence(person, shown),
                person.thumbnails,
                quality,
                walking[shown],
                good=good[shown],
                title=f"track {person.id}",
            )
            write_png(folder / contact_file, sheet)
            entries.append(_entry(person, silhouette_file, contact_file))
            clock["write"] += perf_counter() - started
    progress(Step("people", len(people), len(people), len(people)))
    EmbeddingSet(tuple(embeddings), embedder.model_id, embedder.trained).write(folder / EMBEDDINGS)
    seconds.update(clock)
    return entries


def _sequence(person: Person, index: np.ndarray) -> SilhouetteSequence:
    rows = person.rows[index]
    return SilhouetteSequence(
        silhouettes=np.ascontiguousarray(rows["silhouette"]),
        frames=np.ascontiguousarray(rows["frame"]),
        times=np.ascontiguousarray(rows["time"]),
        transform=np.ascontiguousarray(rows["transform"]),
        name=f"track {person.id}",
    )


def _for_embedding(good: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Row numbers to embed: all good ones, or ten evenly spread runs of a very long track.

    An hour-long track says no more than ten times 720 frames do, and must not need more memory.
    """
    rows = np.flatnonzero(good)
    if len(rows) <= _RUNS * _RUN_FRAMES:
        return rows
    starts = np.linspace(0, len(rows) - _RUN_FRAMES, _RUNS).astype(int)
    return np.concatenate([rows[start : start + _RUN_FRAMES] for start in starts])


def _embed(person: Person, embedder: Embedder) -> LabelledEmbedding:
    (embedding,) = embedder.embed([_sequence(person, _for_embedding(person.assessment.good))])
    embedding = GaitEmbedding(
        values=embedding.values,
        model_id=embedding.model_id,
        trained=embedding.trained,
        frames=embedding.frames,
        quality=person.assessment.quality.score,
    )
    return LabelledEmbedding(id=str(person.id), embedding=embedding)


def _entry(person: Person, silhouette_file: str, contact_file: str) -> TrackEntry:
    rows, quality = person.rows, person.assessment.quality
    return TrackEntry(
        id=person.id,
        frames=len(rows),
        first_frame=int(rows["frame"][0]),
        last_frame=int(rows["frame"][-1]),
        start_s=round(float(rows["time"][0]), 3),
        end_s=round(float(rows["time"][-1]), 3),
        usable=quality.usable,
        reasons=list(quality.reasons),
        score=round(quality.score, 4),
        height_px=round(quality.height_px, 1),
        cut_fraction=round(quality.cut_fraction, 4),
        complete_fraction=round(quality.complete_fraction, 4),
        overlap_fraction=round(quality.overlap_fraction, 4),
        walking_fraction=round(quality.walking_fraction, 4),
        gait_cycles=round(quality.gait_cycles, 2),
        silhouettes=quality.silhouettes,
        silhouette_file=silhouette_file,
        contact_file=contact_file,
        embedded=quality.usable,
    )
