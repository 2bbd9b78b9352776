"""Where the stages are chained: a video in, a result directory out.

decode → detect, follow, segment → (spool) → link → judge → embed → write
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from . import __version__
from .assets import sha256_of
from .backends.spec import split_backend
from .device import resolve_device
from .errors import UsageError, VideoError
from .results.directory import Result, building, is_result, write_manifest
from .results.manifest import SCHEMA, Manifest, ModelEntry, VideoEntry
from .video.sources import VideoSource, expand

if TYPE_CHECKING:
    import torch

    from .network.embed import Embedder
    from .people.detect import PersonDetector
    from .people.segment import PersonSegmenter
    from .video.decode import VideoReader

__all__ = ["DEFAULT_OUT", "ExtractSettings", "Extraction", "Extractor", "Progress", "Step"]

DEFAULT_OUT = Path("meshgait-results")
TRACKERS = ("bytetrack", "botsort")
SEGMENTERS = ("mobile", "vit_b", "vit_l", "vit_h")
EFFORTS = {"quick": 10.0, "balanced": 15.0, "full": float("inf")}  # frames a second to look at, about
# Finer crops than these brought nothing that a silhouette of 64 rows shows (docs/speed.md).
CROPS = {"quick": 320, "balanced": 384, "full": 512}  # pixels at which each person is shown to SAM
_CHUNK = 8  # frames decoded ahead; what bounds the memory


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """What decides the content of a result. Two runs that agree in all of it give the same result.

    effort: quick, balanced or full: frames a second that are looked at, about 10, 15 or all. detector: a
    registered YOLO checkpoint, or a path. detector_px: its input size, None for as large as the smallest
    person needs. tracker: bytetrack or botsort. segmenter: mobile, vit_b, vit_l or vit_h, and sam_checkpoint
    a path to use instead of the registered file. crop_px: the size at which each person is shown to SAM,
    None for the effort's. backend: of all three networks; auto, torch, onnxruntime or openvino, some with a
    precision (torch:f32). network: a variant's name or a checkpoint's path; None for the default.
    min_track_s: shorter tracks are dropped. max_s: stop after so many seconds of video. preview, opengait:
    also write preview.mp4, the pkl tree.
    """

    effort: str = "balanced"
    detector: str = "yolo11n-pose"
    detector_px: int | None = None
    tracker: str = "bytetrack"
    segmenter: str = "mobile"
    sam_checkpoint: str | None = None
    crop_px: int | None = None
    backend: str = "auto"
    network: str | None = None
    min_track_s: float = 1.0
    max_s: float | None = None
    preview: bool = False
    opengait: bool = False

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise UsageError(f"unknown effort {self.effort!r}: use {', '.join(EFFORTS)}")
        split_backend(self.backend)
        if self.tracker not in TRACKERS:
            raise UsageError(f"unknown tracker {self.tracker!r}: use {' or '.join(TRACKERS)}")
        if self.segmenter not in SEGMENTERS:
            raise UsageError(f"unknown segmenter {self.segmenter!r}: use one of {', '.join(SEGMENTERS)}")
        for name in ("detector_px", "crop_px"):
            size = getattr(self, name)
            if size is not None and (not 128 <= size <= 2048 or size % 32):
                raise UsageError(f"{name} must be a multiple of 32 from 128 to 2048")
        if not self.min_track_s >= 0 or (self.max_s is not None and not self.max_s > 0):  # nan is neither
            raise UsageError("times must be positive")


@dataclass(frozen=True, slots=True)
class Step:
    """How far the work is. total is None when nobody knows (a live stream). note: shown beside it."""

    stage: str
    done: int
    total: int | None
    people: int = 0
    note: str = ""


Progress = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Extraction:
    """A finished result, and whether it was there already."""

    result: Result
    skipped: bool


@dataclass(slots=True)
class _Run:
    """What one video's run gathers on its way to the manifest."""

    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Extractor:
    """Loads each model once, on first use, and extracts any number of videos with them."""

    def __init__(self, settings: ExtractSettings | None = None, device: str = "auto") -> None:
        self.settings = settings or ExtractSettings()
        self._device_name = device

    @cached_property
    def device(self) -> torch.device:
        return resolve_device(self._device_name)

    @cached_property
    def detector(self) -> PersonDetector:
        from .people.detect import PersonDetector

        return PersonDetector(self.settings.detector, device=self.device, backend=self.settings.backend)

    @cached_property
    def segmenter(self) -> PersonSegmenter:
        from .people.segment import PersonSegmenter

        checkpoint = self.settings.sam_checkpoint
        return PersonSegmenter(
            self.settings.segmenter,
            checkpoint=Path(checkpoint) if checkpoint else None,
            device=self.device,
            crop_size=self.settings.crop_px or CROPS[self.settings.effort],
            backend=self.settings.backend,
        )

    @cached_property
    def embedder(self) -> Embedder:
        from .network.embed import Embedder

        return Embedder(self.settings.network, device=self.device, backend=self.settings.backend)

    def with_crops(self, crop_px: int | None) -> Extractor:
        """The same, with people shown to SAM at another size; detector and network are shared."""
        return self if crop_px == self.settings.crop_px else _WithCrops(self, crop_px)

    def models(self) -> list[ModelEntry]:
        return [
            ModelEntry(role="detector", id=self.detector.model_id, computed=self.detector.computed),
            ModelEntry(role="segmenter", id=self.segmenter.model_id, computed=self.segmenter.computed),
            ModelEntry(
                role="network",
                id=self.embedder.model_id,
                trained=self.embedder.trained,
                computed=self.embedder.computed,
            ),
        ]

    def extract(
        self,
        source: VideoSource | str | Path,
        out: Path = DEFAULT_OUT,
        *,
        progress: Progress | None = None,
        force: bool = False,
    ) -> Extraction:
        """Extract one video into `out/<name>`; a result that is already there is not made again.

        Raises VideoError when the video cannot be decoded, ResultError when `out/<name>` is taken.
        Ctrl-C on a live stream ends the recording and keeps it; on a file it leaves nothing behind.
        """
        if not isinstance(source, VideoSource):
            found = expand([str(source)])
            if len(found) > 1:
                raise UsageError(f"{source} is {len(found)} videos: name one of them")
            source = found[0]
        live = source.kind == "stream"
        if live and self.settings.preview:
            raise UsageError("--preview needs a file: a live stream cannot be read twice")
        digest = None if source.path is None else sha256_of(_readable(source.path))
        final = Path(out) / source.name
        fingerprint = self._fingerprint(digest)
        if not force and not live and is_result(final):
            existing = _existing(final)
            if existing and existing.manifest.fingerprint == fingerprint:
                return Extraction(existing, skipped=True)
        with building(final) as folder:
            manifest = self._run(source, folder, digest, fingerprint, progress or (lambda _: None))
            write_manifest(folder, manifest)
            self._extras(Result(folder), progress or (lambda _: None))
        return Extraction(Result(final), skipped=False)

    def _fingerprint(self, digest: str | None) -> str:
        facts: dict[str, Any] = {
            "schema": SCHEMA,
            "video": digest,
            "settings": asdict(self.settings),
            "models": [model.id for model in self.models()],
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _run(
        self, source: VideoSource, folder: Path, digest: str | None, fingerprint: str, progress: Progress
    ) -> Manifest:
        from .people.assemble import assemble
        from .results.spool import Spool
        from .video.decode import open_video
        from .write import write_people

        run = _Run()
        spool = Spool(folder / "spool")
        with open_video(source) as reader:
            reader.every = max(1, round(reader.info.fps / EFFORTS[self.settings.effort]))
            frames, last = self._stream(source, reader, spool, run, progress)
        info = reader.info
        if not frames:
            raise VideoError(f"{source.shown}: no picture could be decoded")
        if reader.damage.is_damaged:
            run.notes.append(reader.damage.summary())
        started = perf_counter()
        progress(Step("link", 0, None))
        people, dropped = assemble(spool, (info.width, info.height), self.settings.min_track_s)
        run.seconds["link"] = perf_counter() - started
        tracks = write_people(folder, people, self.embedder, run.seconds, progress)
        shutil.rmtree(folder / "spool")
        return Manifest(
            schema_version=SCHEMA,
            meshgait_version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            fingerprint=fingerprint,
            video=VideoEntry(
                name=source.name,
                address=str(source.path.resolve()) if source.path else source.shown,
                sha256=digest,
                bytes=source.path.stat().st_size if source.path else None,
                width=info.width,
                height=info.height,
                fps=info.fps,
                frames=frames,
                duration_s=last,
                rotation=info.rotation,
                codec=info.codec,
                damage=reader.damage.summary() if reader.damage.is_damaged else None,
                every=reader.every,
            ),
            settings=asdict(self.settings),
            models=self.models(),
            tracks=tracks,
            dropped=dropped,
            seconds={name: round(value, 3) for name, value in run.seconds.items()},
            notes=run.notes,
        )

    def _extras(self, result: Result, progress: Progress) -> None:
        if self.settings.preview:
            from .render.preview import write_preview

            def drawn(done: int, total: int) -> None:
                progress(Step("preview", done, total))

            write_preview(result, result.folder / "preview.mp4", drawn)
        if self.settings.opengait:
            from .write import write_opengait

            write_opengait(result, result.folder / "opengait")

    def _stream(
        self, source: VideoSource, reader: VideoReader, spool: Any, run: _Run, progress: Progress
    ) -> tuple[int, float]:
        """Frames through the observer and into the spool; returns frames seen and the last timestamp."""
        from .people.observe import Observer
        from .people.track import PersonTracker
        from .people.zoom import ZoomingDetector

        tracker = PersonTracker(self.settings.tracker, fps=(reader.info.fps or 25.0) / reader.every)
        observer = Observer(
            ZoomingDetector(self.detector, self.settings.detector_px), tracker, self.segmenter
        )
        total = reader.info.frame_count
        limit = self.settings.max_s
        count, last, waited = 0, 0.0, 0.0
        frames = iter(reader)
        try:
            while True:
                started = perf_counter()
                chunk = list(islice(frames, _CHUNK if source.kind == "file" else 1))
                waited += perf_counter() - started
                if limit is not None:
                    chunk = [frame for frame in chunk if frame.time_s <= limit]
                if not chunk:
                    break
                here = set()
                for seen in observer.observe(chunk):
                    if spool.wants_thumbnail(seen.tracklet):
                        spool.add_thumbnail(seen.tracklet, seen.frame.index, seen.thumbnail())
                    spool.append(seen.tracklet, seen.row, seen.appearance)
                    here.add(seen.tracklet)
                count, last = chunk[-1].index + 1, chunk[-1].time_s
                progress(Step("frames", count, total, len(here)))
        except KeyboardInterrupt:
            if source.kind == "file":
                raise
            run.notes.append(f"the recording was ended by hand after {last:.1f} s")
        run.seconds.update({"decode": waited, **observer.seconds})
        return count, last


class _WithCrops(Extractor):
    """Another's detector and network, loaded when they are needed, and a segmenter of its own."""

    def __init__(self, other: Extractor, crop_px: int | None) -> None:
        super().__init__(replace(other.settings, crop_px=crop_px), other._device_name)
        self._other = other

    @cached_property
    def detector(self) -> PersonDetector:
        return self._other.detector

    @cached_property
    def embedder(self) -> Embedder:
        return self._other.embedder


def _readable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise VideoError(f"{path} is empty (0 bytes): copy or record it again")
    except OSError as error:
        raise VideoError(f"cannot read {path}: {error.strerror or error}") from error
    return path


def _existing(folder: Path) -> Result | None:
    """The result that stands there, or None when it is damaged and has to be made again."""
    from .errors import ResultError

    try:
        return Result(folder)
    except ResultError:
        return None
