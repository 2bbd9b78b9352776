"""`render-mesh`: everything that is drawn of a result's bodies, from silhouettes to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError, UsageError
from ..records import BodySequence, SilhouetteSequence
from ..results.directory import Result
from ..results.manifest import TrackEntry
from ..spared import spare
from .palette import track_colour
from .skin import BODIES, Skin, Worn, see, skin_of

if TYPE_CHECKING:
    from ..network.embed import Embedder
    from ..pipeline import Extractor, Progress

__all__ = ["RenderSettings", "render_result"]

_MOMENTS = 4  # rows of the turntable, columns of the heatmaps


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """body: one of skin.BODIES; "smpl" needs smpl_path, the user's own file. stature_m: the body height that
    metres are made with. heatmaps: also draw the volumes and joints."""

    body: str = "open"
    smpl_path: Path | None = None
    stature_m: float = 1.7
    heatmaps: bool = False

    def __post_init__(self) -> None:
        if self.body not in BODIES:
            raise UsageError(f"unknown body {self.body!r}: use one of {', '.join(BODIES)}")
        if (self.body == "smpl") != (self.smpl_path is not None):
            raise UsageError("--body smpl and --smpl-path FILE go together")
        if not 0.5 <= self.stature_m <= 2.5:
            raise UsageError(f"a stature of {self.stature_m} m is no person's: use 0.5 to 2.5")


@dataclass(frozen=True, slots=True, eq=False)
class _Walker:
    """One track's body without its skin, and the means to put the skin on a frame."""

    track: TrackEntry
    sequence: SilhouetteSequence
    joints: NDArray[np.float32]
    markers: NDArray[np.float32]
    faces: NDArray[np.int32]
    worn: Worn

    def vertices(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """N×V×3 in silhouette units."""
        return self.worn(rows)

    def vertices_at(self, row: int) -> NDArray[np.float32]:
        return self.vertices(np.array([row]))[0]


def render_result(
    result: Result,
    extractor: Extractor,
    settings: RenderSettings | None = None,
    *,
    out: Path | None = None,
    tracks: list[int] | None = None,
    video: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Draw the usable tracks (or those named) into `out` (default: RESULT/mesh); returns name → file.

    video: where the video is now, if it was moved. Without it, the overlay is left out. Raises RenderError
    when there is nobody to draw, or the network sees no body; BodyError for a bad SMPL file.
    """
    from ..pipeline import Step

    settings = settings or RenderSettings()
    out = out or result.folder / "mesh"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, and pictures need a folder: choose another --out")
    source = video or Path(result.manifest.video.address)
    spare("--out", out / "overlay.mp4", source)
    say = progress or (lambda _: None)
    chosen = _chosen(result, tracks)
    skin = skin_of(settings.body, settings.smpl_path)
    walkers = []
    for number, track in enumerate(chosen):
        say(Step("body", number, len(chosen)))
        walkers.append(_walker(result, track, extractor.embedder, skin))
    out.mkdir(parents=True, exist_ok=True)
    files: dict[str, Path] = {}
    for walker in walkers:
        files |= _pictures(walker, out, settings, extractor.embedder)
    if source.is_file():
        files["overlay"] = _overlay(result, walkers, source, out / "overlay.mp4", say)
    elif video is not None:
        raise RenderError(f"there is no video {video}")
    return files


def _chosen(result: Result, wanted: list[int] | None) -> list[TrackEntry]:
    if wanted:
        tracks = [result.track(number) for number in wanted]
    else:
        tracks = [track for track in result.tracks if track.usable]
    tracks = [track for track in tracks if track.silhouettes]
    if not tracks:
        from ..gallery.walkers import why_nobody

        raise RenderError(f"nobody to draw: {why_nobody(result)}")
    return tracks


def _walker(result: Result, track: TrackEntry, embedder: Embedder, skin: Skin) -> _Walker:
    sequence = result.silhouettes(track, good_only=track.usable)
    seen = see(sequence, sequence.times, embedder)
    return _Walker(track, sequence, seen.joints, seen.markers, skin.faces, skin.wear(seen))


def _pictures(walker: _Walker, out: Path, settings: RenderSettings, embedder: Embedder) -> dict[str, Path]:
    from .contact import write_png
    from .gltf import in_metres, key_frames, write_glb
    from .turntable import turntable

    name = f"track {walker.track.id}"
    colour = track_colour(walker.track.id)
    times = walker.sequence.times
    moments = np.linspace(0, len(times) - 1, _MOMENTS + 2).round().astype(int)[1:-1]
    labels = [f"{times[row]:.2f} s" for row in moments]
    files = {
        f"{name} turntable": out / f"turntable-{walker.track.id}.png",
        f"{name} body": out / f"body-{walker.track.id}.glb",
    }
    sheet = turntable(
        list(walker.vertices(moments)), labels, walker.faces, colour,
        f"{name}: the body that {embedder.model_id} sees",
    )  # fmt: skip
    write_png(files[f"{name} turntable"], sheet)
    keys = key_frames(times)
    metres = in_metres(walker.vertices(keys), settings.stature_m)
    body = BodySequence(
        joints=in_metres(walker.joints[keys], settings.stature_m),
        markers=in_metres(walker.markers[keys], settings.stature_m),
        vertices=metres,
        faces=walker.faces,
        units="metres",
    )
    write_glb(files[f"{name} body"], body, times[keys], colour, name)
    if settings.heatmaps:
        from .heatmaps import heatmap_sheet

        files[f"{name} heatmaps"] = out / f"heatmaps-{walker.track.id}.png"
        shown = SilhouetteSequence.from_arrays(walker.sequence.silhouettes[moments])
        picture = heatmap_sheet(
            shown.silhouettes, embedder.volumes(shown), walker.joints[moments], labels,
            embedder.network.config.alpha, f"{name}: inside {embedder.model_id}",
        )  # fmt: skip
        write_png(files[f"{name} heatmaps"], picture)
    return files


def _overlay(result: Result, walkers: list[_Walker], source: Path, path: Path, say: Progress) -> Path:
    from ..pipeline import Step
    from ..video.decode import open_video
    from .gl import shader
    from .overlay import Shown, write_overlay

    people = [
        Shown(
            frames=walker.sequence.frames,
            transform=walker.sequence.transform,
            faces=walker.faces,
            colour=track_colour(walker.track.id),
            vertices_at=walker.vertices_at,
        )
        for walker in walkers
    ]
    total = result.manifest.video.frames
    every = result.manifest.video.every
    with open_video(source) as reader, shader() as drawing:
        reader.every = every
        drawn = write_overlay(
            path,
            (frame for frame in reader if frame.index < total),
            (reader.info.width, reader.info.height),
            reader.info.fps / every,
            people,
            lambda done: say(Step("render", done, total)),
            drawing,
        )
    if not drawn:
        raise RenderError(f"{source} is not the video of this result: none of its frames has anybody in it")
    return path
