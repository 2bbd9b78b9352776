"""`watch`: a live source against a gallery, until it ends or is told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..errors import GalleryError, SourceNotFound, UsageError
from ..gallery.decide import ACCEPTED
from ..gallery.known import Known, open_known
from ..gallery.place import address_of, is_remote
from ..gallery.private import write_whole
from ..people.observe import Observer
from ..people.segment import SegmentRequest
from ..people.track import PersonTracker
from ..people.zoom import SIZES, ZoomingDetector
from ..pipeline import EFFORTS
from ..records import Detection, Frame, SilhouetteSequence
from ..video.sources import VideoSource, expand
from .capture import Capture, Connected, Lost, Shot
from .events import EventLog
from .focus import DONE, IDLE, OPEN, Focus
from .judge import Judge, Judgement
from .people import People, Person
from .searches import Searches
from .settings import WatchSettings
from .walkers import LiveWalker, Walkers

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress

__all__ = ["Scene", "WatchSettings", "live_source", "require_gallery", "watch"]

_TICK_S = 0.5  # between two looks at who is who
_STATUS_S = 10.0  # between two status events
_TAKE_S = 0.2  # waited for a frame, before looking whether to stop
_LAST_S = 10.0  # waited for the last judgements, in all
_SLOW_FPS = 5.0  # watched below which steps cannot be told
_RESTART_S = 1.0  # without a picture, after which the tracker starts afresh
_PROBE_S = 4.0  # between two looks for small people: each takes the time of four frames
_TRACKERS = 1_000_000  # tracklet numbers that one tracker may use


@dataclass(frozen=True, slots=True)
class Scene:
    """What a display shows. connection: in words. fps: frames a second watched lately."""

    source: str
    connection: str
    running_s: float
    fps: float
    watched: int
    dropped: int
    behind_s: float
    people: tuple[Person, ...]


def live_source(argument: str) -> VideoSource:
    """The one source that an argument names. Raises SourceNotFound; UsageError when it names several."""
    found = expand([argument])
    if len(found) != 1:
        raise UsageError(f"{argument} names {len(found)} videos: one source can be watched at a time")
    return found[0]


def require_gallery(gallery: Path) -> None:
    """Raises SourceNotFound where there is no such folder."""
    if not is_remote(gallery) and not gallery.is_dir():
        raise SourceNotFound(f"there is no gallery {gallery}")


def watch(
    source: VideoSource,
    gallery: Path,
    extractor: Extractor,
    log: EventLog,
    *,
    settings: WatchSettings | None = None,
    stop: threading.Event | None = None,
    show: Callable[[Scene], None] | None = None,
    begun: Callable[[], None] | None = None,
    passphrase: str | None = None,
    progress: Progress | None = None,
    announce: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """Watch until the source ends, `stop` is set or `settings.seconds` have passed; returns the last event.

    show: called after every frame. begun: called once everything is loaded and the watch begins. passphrase:
    of an encrypted gallery. progress, announce: of a gallery folder that has to be indexed first. Raises
    SourceNotFound, GalleryError and UsageError before anything is watched; VideoError when the source cannot
    be opened, or was given up.
    """
    settings = settings or WatchSettings()
    require_gallery(gallery)
    capture = Capture(
        source,
        rate=EFFORTS[extractor.settings.effort],
        reconnect=settings.reconnect,
        patience=settings.patience,
    )
    capture.start()
    try:
        _wait_for_picture(capture)
        # A folder is indexed as `match` does it, or each of them would make the other's gallery anew.
        indexer = extractor.with_crops(None)
        known = open_known(gallery, indexer, passphrase=passphrase, progress=progress, announce=announce)
        if known.store is not None:
            known.store.require_model(extractor.embedder.model_id)
            known.load()
        with Judge(known, extractor, settings.far, settings.sets) as judge:
            running = _Watch(source, extractor, known, capture, judge, log, settings)
            running.started(gallery)
            if begun is not None:
                begun()
            return running.run(stop or threading.Event(), show or (lambda _: None))
    finally:
        capture.stop()


def _wait_for_picture(capture: Capture) -> None:
    """Until the source is open, or has failed: nobody wants to wait for models first."""
    while capture.is_alive() and capture.news.empty():
        capture.join(0.05)
    if capture.failure is not None:
        raise capture.failure


class _Watch:
    """The running of one watch."""

    def __init__(
        self,
        source: VideoSource,
        extractor: Extractor,
        known: Known,
        capture: Capture,
        judge: Judge,
        log: EventLog,
        settings: WatchSettings,
    ) -> None:
        self._source, self._extractor, self._known = source, extractor, known
        self._capture, self._judge, self._log, self._settings = capture, judge, log, settings
        self._people, self._walkers = People(log), Walkers(settings.keep_s)
        self._searches = Searches(None if known.store is None else known.store.audit)
        self._focus = Focus(self._rank)
        self._observer = Observer(
            ZoomingDetector(extractor.detector, extractor.settings.detector_px, _PROBE_S),
            PersonTracker(extractor.settings.tracker, fps=10.0),
            extractor.segmenter,
            self._choose,
        )
        self._trackers = self._segmented = 0
        self._size = (0, 0)
        self._last: Shot | None = None
        self._connection = "connecting"
        self._recent: deque[float] = deque(maxlen=50)  # when the last frames were done
        self._watched = self._reconnects = 0
        self._told_slow = self._told_away = False
        self._began = monotonic()

    def started(self, gallery: Path) -> None:
        extractor, known = self._extractor, self._known
        calibration = known.calibration(extractor.embedder.model_id)
        _warm_up(extractor)
        self._log.write(
            "started",
            source=self._source.name,
            gallery=address_of(gallery),
            identities=known.people,
            calibrated=None if calibration is None else calibration.origin,
            far=self._settings.far,
            models={model.role: model.id for model in extractor.models()},
            meshgait=__version__,
        )
        if calibration is None:
            self._log.write(
                "note",
                text="distances of this network are not calibrated, so nobody can be accepted: "
                "`meshgait gallery calibrate` does it",
            )
        for note in (*known.notes, *known.remarks(calibration, self._settings.far, self._settings.sets)):
            self._log.write("note", text=note)

    def run(self, stop: threading.Event, show: Callable[[Scene], None]) -> dict[str, Any]:
        self._began = monotonic()
        self._capture.begin()
        tick, status = self._began + _TICK_S, self._began + _STATUS_S
        reason = "stopped"
        while not stop.is_set():
            self._hear_news()
            shot = self._capture.latest.take(_TAKE_S)
            if shot is not None:
                self._look(shot)
            self._people.hear(self._judged())
            now = monotonic()
            if now >= tick:
                self._tick()
                tick = monotonic() + _TICK_S
            if now >= status:
                self._status()
                status = now + _STATUS_S
            show(self._scene())
            if self._settings.seconds is not None and now - self._began >= self._settings.seconds:
                reason = "time is up"
                break
            if shot is None and self._capture.latest.finished:
                reason = "gave up" if self._capture.failure is not None else "the source ended"
                break
        self._hear_news()
        done = self._finish(reason)
        show(self._scene())
        unlogged = self._searches.end(_LAST_S)
        if self._capture.failure is not None:
            raise self._capture.failure
        if unlogged is not None:
            raise GalleryError(unlogged)
        return done

    def _judged(self, timeout: float = 0.0) -> list[Judgement]:
        """What has been judged; nothing while a gallery far away is out of reach."""
        try:
            found = self._judge.results(timeout)
        except GalleryError as error:
            if not self._known.far_away:
                raise
            if not self._told_away:
                self._log.write("note", text=f"nobody can be asked about just now: {error}")
            self._told_away = True
            return []
        self._told_away = self._told_away and not found
        return found

    def _look(self, shot: Shot) -> None:
        """Detect, follow and segment in one frame."""
        frame = shot.frame
        self._size = (frame.image.shape[1], frame.image.shape[0])
        if self._last is not None and frame.time_s - self._last.frame.time_s > _RESTART_S:
            self._trackers += 1
            self._observer.tracker = PersonTracker(self._extractor.settings.tracker, fps=self._fps() or 10.0)
        before = dict(self._observer.seconds)
        for seen in self._observer.observe([frame]):
            self._walkers.add(seen, self._trackers * _TRACKERS + seen.tracklet)
        spent = {stage: total - before[stage] for stage, total in self._observer.seconds.items()}
        self._focus.paid(spent["detect"] + spent["track"], spent["segment"], self._segmented)
        self._last = shot
        self._watched += 1
        self._recent.append(monotonic())
        if self._watched % 25 == 0:
            self._observer.tracker.keep_pace(self._fps())

    def _choose(self, frame: Frame, people: Sequence[tuple[int, Detection]]) -> Collection[int]:
        """Whom to segment, by the present tracker's numbers."""
        base = self._trackers * _TRACKERS
        chosen = self._focus.choose(frame, [(base + tracklet, person) for tracklet, person in people])
        self._segmented = len(chosen)
        return {tracklet - base for tracklet in chosen}

    def _rank(self, tracklet: int) -> int:
        """How much there is to be learned from somebody's silhouettes."""
        person = self._people.present.get(self._walkers.number_of(tracklet))
        if person is None or person.quality is None:
            return OPEN
        if person.quality.walking_fraction == 0:
            return IDLE
        return DONE if person.settling.settled else OPEN

    def _now_s(self) -> float:
        """The time in the stream, also while there is no picture."""
        return 0.0 if self._last is None else self._last.frame.time_s + monotonic() - self._last.arrived

    def _tick(self) -> None:
        """Who is who, who has left, and whom to judge."""
        if self._last is None:
            return
        now_s = self._now_s()
        self._walkers.forget(now_s)
        found = self._walkers.linked(self._size)
        self._let_go(self._people.update(found, now_s))
        if not self._judge.busy:
            self._submit(self._people.due(found, self._last.arrived))

    def _submit(self, samples: list[Any]) -> None:
        if samples:
            self._judge.submit(samples, list(self._people.present))

    def _let_go(self, left: list[Person]) -> None:
        """Keep, and put on record, what is to be kept of those who have left."""
        for person in left:
            answer = person.answer
            if answer is not None:
                names = [answer.identity] if answer.decision == ACCEPTED and answer.identity else []
                self._searches.add(names)
            if self._settings.save is not None and person.silhouettes is not None:
                path = _keep(self._settings.save, person.number, person.silhouettes)
                self._log.write("saved", walker=person.number, file=str(path))

    def _hear_news(self) -> None:
        """What the capture has to say."""
        while not self._capture.news.empty():
            news = self._capture.news.get()
            if isinstance(news, Connected):
                self._reconnects += news.away_s is not None
                self._connection = f"{news.width}×{news.height}"
                self._log.write(
                    "connected" if news.away_s is None else "reconnected",
                    width=news.width,
                    height=news.height,
                    fps=news.fps,
                    codec=news.codec,
                    **({} if news.away_s is None else {"away_s": news.away_s}),
                )
            elif isinstance(news, Lost):
                again = "" if news.retry_s is None else f", next attempt in {news.retry_s:.1f} s"
                self._connection = f"lost{again}"
                self._log.write("lost", reason=news.reason, retry_s=news.retry_s, attempt=news.attempt)

    def _fps(self) -> float:
        """Frames watched a second, over the last few seconds."""
        now = monotonic()
        times = [each for each in self._recent if now - each <= 5.0]
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 else 0.0

    def _counts(self) -> dict[str, Any]:
        return {
            "frames_watched": self._watched,
            "frames_dropped": self._capture.latest.dropped,
            "reconnects": self._reconnects,
        }

    def _status(self) -> None:
        trouble = self._searches.trouble()
        if trouble is not None:
            self._log.write("note", text=f"searches wait to be put on the gallery's log: {trouble}")
        fps = self._fps()
        self._log.write(
            "status",
            running_s=monotonic() - self._began,
            fps=fps,
            behind_s=self._capture.behind_s,
            in_view=len(self._people.present),
            **self._counts(),
        )
        if 0 < fps < _SLOW_FPS and not self._told_slow and self._people.present:
            self._told_slow = True
            self._log.write(
                "note",
                text=f"only {fps:.1f} frames a second can be watched here, and steps need about "
                f"{_SLOW_FPS:g}: --detector-px 480 and --crop-px 256 are faster",
            )

    def _scene(self) -> Scene:
        return Scene(
            source=self._source.name,
            connection=self._connection,
            running_s=monotonic() - self._began,
            fps=self._fps(),
            watched=self._watched,
            dropped=self._capture.latest.dropped,
            behind_s=self._capture.behind_s,
            people=tuple(self._people.present.values()),
        )

    def _finish(self, reason: str) -> dict[str, Any]:
        """The last word on everybody who is still there."""
        self._capture.stop()
        until = monotonic() + _LAST_S
        self._people.hear(self._judged(_LAST_S))
        if self._last is not None:
            found: list[LiveWalker] = self._walkers.linked(self._size)
            self._let_go(self._people.update(found, self._last.frame.time_s))
            if not self._judge.busy:
                self._submit(self._people.due(found, self._last.arrived, all_of_them=True))
                self._people.hear(self._judged(max(0.1, until - monotonic())))
        left = list(self._people.present.values())
        for person in left:
            self._people.leave(person)
        self._let_go(left)
        return self._log.write(
            "stopped",
            reason=reason,
            running_s=monotonic() - self._began,
            walkers=self._people.seen,
            **self._counts(),
        )


def _keep(folder: Path, number: int, walk: SilhouetteSequence) -> Path:
    """Write a walk for its owner only, under a name that no other watch takes."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    when = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = folder / f"{when}-walker-{number}-{token_hex(4)}.npz"
    content = BytesIO()
    np.savez_compressed(content, silhouettes=walk.silhouettes)
    write_whole(path, content.getvalue(), durable=False)
    return path


def _warm_up(extractor: Extractor) -> None:
    """Load and compile everything before the first frame is waited for."""
    blank = np.zeros((480, 640, 3), np.uint8)
    box = np.array([200, 100, 300, 400], np.float32)
    sizes = SIZES if extractor.settings.detector_px is None else (extractor.settings.detector_px,)
    for size in sizes:
        extractor.detector.detect([blank], size)
    extractor.segmenter.segment([SegmentRequest(blank, box, None, np.empty((0, 4), np.float32))])
    extractor.embedder.embed([SilhouetteSequence.from_arrays(np.zeros((8, 64, 64), np.uint8))])
