"""A whole watch without the heavy models: white silhouettes walk over a black picture, so that finding and
segmenting them is easy. The tracker, the judging, the decision and the gallery are the real ones."""

from __future__ import annotations

import json
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from meshgait_cli import pipeline
from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery.folder import index_folder
from meshgait_cli.gallery.identify import calibrate
from meshgait_cli.gallery.known import open_known
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.live import people, session
from meshgait_cli.live.capture import Capture, Shot
from meshgait_cli.live.events import EventLog
from meshgait_cli.live.judge import Judge, Sample
from meshgait_cli.live.latest import Latest
from meshgait_cli.live.searches import Searches
from meshgait_cli.live.session import Scene, WatchSettings, live_source, watch
from meshgait_cli.people.segment import PersonMask, SegmentRequest
from meshgait_cli.pipeline import ExtractSettings
from meshgait_cli.records import Detection, Frame, GaitEmbedding, SilhouetteSequence
from meshgait_cli.results.spool import ROW
from meshgait_cli.shipped import folder
from meshgait_cli.video.sources import VideoSource

FPS, TALL = 25, 192
MODEL = "energy@1"


class Embedder:
    """The mean silhouette, 16×8 pixels of it."""

    model_id, trained = MODEL, True

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, sequences: Sequence[SilhouetteSequence]) -> list[GaitEmbedding]:
        self.asked += len(sequences)
        return [embedding(each.silhouettes) for each in sequences]


def embedding(silhouettes: np.ndarray) -> GaitEmbedding:
    mean = silhouettes.mean(axis=0)[:, 10:-10].astype(np.float32) / 255
    values = cv2.resize(mean, (8, 16), interpolation=cv2.INTER_AREA)
    return GaitEmbedding(np.asarray(values, np.float32), MODEL, True, len(silhouettes), 0.8)


class Eyes:
    """Detector and segmenter in one: whatever is white."""

    model_id, computed = "eyes@1", "numpy"

    def detect(self, images: Sequence[np.ndarray], size: int) -> list[list[Detection]]:
        return [self._people(image[:, :, 0] > 127) for image in images]

    def _people(self, white: np.ndarray) -> list[Detection]:
        _, _, stats, _ = cv2.connectedComponentsWithStats(white.astype(np.uint8))
        return [
            Detection(np.array([x, y, x + w, y + h], np.float32), 0.95)
            for x, y, w, h, area in stats[1:].tolist()
            if area > 500
        ]

    def segment(self, requests: Sequence[SegmentRequest]) -> list[PersonMask]:
        masks = []
        for request in requests:
            x1, y1, x2, y2 = (int(v) for v in request.box)
            masks.append(PersonMask(request.image[y1:y2, x1:x2, 0] > 127, x1, y1, 1.0, 0.95))
        return masks


class Extractor(pipeline.Extractor):
    def __init__(self, crop_px: int | None = None) -> None:
        super().__init__(ExtractSettings(effort="full", detector_px=640, crop_px=crop_px), "cpu")
        self.detector = self.segmenter = Eyes()
        self.embedder = Embedder()

    def models(self) -> list[Any]:
        return [SimpleNamespace(role="network", id=MODEL)]


def walks() -> list[np.ndarray]:
    return [np.load(path)["silhouettes"] for path in sorted((folder("examples") / "walkers").glob("*.npz"))]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated gallery of all but the first five, two half walks each."""
    place = tmp_path_factory.mktemp("known") / "people"
    store = Store.create(place)
    store.add(
        [
            GallerySequence(f"p{number}", str(half), embedding(part), source=f"{number}/{half}")
            for number, walk in enumerate(walks())
            if number >= 5
            for half, part in enumerate(np.split(walk, 2))
        ]
    )
    calibrate(store)
    return place


def film(walk: np.ndarray, seconds: float = 4.0) -> list[np.ndarray]:
    """The walk, over and over, from left to right."""
    frames = []
    for step in range(round(seconds * FPS)):
        picture = np.zeros((288, 1152, 3), np.uint8)
        person = cv2.resize(walk[step % len(walk)], (TALL, TALL), interpolation=cv2.INTER_LINEAR)
        x = 20 + 6 * step
        picture[60 : 60 + TALL, x : x + TALL] = (person > 127)[:, :, None] * np.uint8(255)
        frames.append(picture)
    return frames


class EveryFrame(Latest[Shot]):
    """Waits until a frame is taken: what is seen of somebody does not depend on the machine's speed."""

    def put(self, item: Shot) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._item is None, timeout=10)
        super().put(item)

    def take(self, timeout: float) -> Shot | None:
        item = super().take(timeout)
        with self._changed:
            self._changed.notify()
        return item


class Unhurried(Capture):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.latest = EveryFrame()


class AtOnce(Judge):
    """Frames wait for what is judged: when somebody is named does not depend on the machine's speed."""

    def submit(self, *args: Any) -> None:
        super().submit(*args)
        while self._done.empty():
            sleep(0.001)


@pytest.fixture
def watched(
    make_video: Callable[..., Path], known: Path, tmp_path: Path
) -> Callable[..., tuple[list[dict], list[Scene]]]:
    def run(frames: list[np.ndarray], **settings: Any) -> tuple[list[dict], list[Scene]]:
        scenes: list[Scene] = []
        stop, stop_after = threading.Event(), settings.pop("stop_after", None)

        def show(scene: Scene) -> None:
            scenes.append(scene)
            if stop_after is not None and scene.watched >= stop_after:
                stop.set()

        path = tmp_path / f"log-{monotonic()}.jsonl"
        gallery = settings.pop("gallery", known)
        with EventLog(path) as log:
            watch(
                live_source(str(make_video(frames, fps=FPS))),
                gallery,
                Extractor(),  # type: ignore[arg-type]
                log,
                settings=WatchSettings(**settings),
                stop=stop,
                show=show,
            )
        return [json.loads(line) for line in path.read_text().splitlines()], scenes

    return run


def of(events: list[dict], kind: str) -> list[dict]:
    return [each for each in events if each["event"] == kind]


def test_a_known_person_is_named_while_in_view_and_a_stranger_is_not(
    watched: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Capture", Unhurried)
    monkeypatch.setattr(session, "Judge", AtOnce)
    everybody = walks()
    events, scenes = watched(film(everybody[9]))
    assert [each["event"] for each in events[:1]] == ["started"]
    (left,) = of(events, "left")
    assert (left["decision"], left["identity"]) == ("accepted", "p9")
    assert of(events, "answer")[0]["at_s"] < left["to_s"]  # before the end
    assert left["candidates"][0]["identity"] == "p9"
    assert any(scene.people for scene in scenes)
    (stopped,) = of(events, "stopped")
    assert stopped["reason"] == "the source ended"
    assert (stopped["frames_watched"], stopped["frames_dropped"]) == (100, 0)

    events, _ = watched(film(everybody[3]))
    (left,) = of(events, "left")
    assert left["identity"] is None
    assert left["candidates"], left["reasons"]  # there was enough to ask about


def test_a_bucket_that_is_out_of_reach_for_a_while_keeps_nobody_waiting(
    watched: Callable[..., Any], known: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Capture", Unhurried)
    monkeypatch.setattr(session, "Searches", partial(Searches, retry_s=0.1))
    monkeypatch.setattr(session, "_STATUS_S", 0.5)
    bucket = Path(f"s3://{s3.bucket}/people")
    store = Store.create(bucket)
    store.add([replace(each, silhouettes=None) for each in Store(known).sequences()])
    calibrate(store)
    refused: list[str] = []

    def gate(method: str, path: str) -> int | None:
        # Closed once she is named, for three attempts to put that on the log.
        if "/audit/" in path and method == "PUT" and len(refused) < 3:
            refused.append(path)
            return 403
        return None

    s3.gate = gate
    pause = [np.zeros_like(film(walks()[9], 0.1)[0])] * round(4.0 * FPS)
    events, _ = watched([*film(walks()[9]), *pause, *film(walks()[12])], gallery=bucket)
    assert of(events, "left")[0]["identity"] == "p9"
    assert len(refused) == 3
    notes = [each["text"] for each in of(events, "note")]
    assert any("wait to be put on the gallery's log" in each for each in notes), notes
    searches = [each for each in Store(bucket).audit.entries() if each["action"] == "search"]
    assert len(searches) == len(of(events, "left")) == 2
    assert len(Store(bucket).audit.entries("p9")) == 2  # enrolled, and taken for


def test_time_is_up(watched: Callable[..., Any], tmp_path: Path) -> None:
    began = monotonic()
    events, _ = watched(film(walks()[9], 4.0), seconds=1.5, save=tmp_path / "kept")
    assert monotonic() - began < 20
    assert events[-1]["reason"] == "time is up"
    assert events[-1]["running_s"] < 6
    (left,) = of(events, "left")
    assert left["decision"] == "not enough to say"
    assert left["reasons"]
    assert not (tmp_path / "kept").exists()  # nothing that could be used


def test_it_stops_when_it_is_told_and_keeps_what_it_has(
    watched: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Capture", Unhurried)
    events, _ = watched(film(walks()[9], 6.0), stop_after=90, save=tmp_path / "kept")
    assert events[-1]["event"] == "stopped"
    assert events[-1]["reason"] == "stopped"
    (saved,) = of(events, "saved")
    kept = np.load(saved["file"])["silhouettes"]
    assert kept.shape[1:] == (64, 64)
    assert len(kept) >= 15


def test_two_watches_that_save_in_one_second_keep_both(tmp_path: Path) -> None:
    kept = [np.full((3, 64, 64), value, np.uint8) for value in range(1, 4)]
    for walk in kept:
        session._keep(tmp_path / "kept", 1, SilhouetteSequence.from_arrays(walk))
    saved = list((tmp_path / "kept").iterdir())
    assert sorted(int(np.load(path)["silhouettes"].max()) for path in saved) == [1, 2, 3]
    assert {stat.S_IMODE(path.stat().st_mode) for path in saved} == {0o600}


def test_who_is_seen_is_not_embedded_again_without_new_silhouettes(known: Path) -> None:
    extractor = Extractor()
    opened = open_known(known, extractor)  # type: ignore[arg-type]
    judge = Judge(opened, extractor)  # type: ignore[arg-type]
    walk = walks()[9]
    rows = np.zeros(len(walk), ROW)
    rows["frame"], rows["time"] = np.arange(len(walk)), np.arange(len(walk)) / FPS
    places = 100 + 160 * rows["time"]
    rows["box"] = np.stack([places - 40, 0 * places + 100, places + 40, 0 * places + 300], axis=1)
    rows["keypoints"], rows["silhouette"] = np.nan, walk
    rows["valid"] = rows["complete"] = True
    short = judge.judge([Sample(1, rows[:20], 0.0)])[0]
    assert short.answer is None
    assert short.quality.reasons
    first = judge.judge([Sample(1, rows[:58], 0.0)])[0]
    asked = extractor.embedder.asked
    second = judge.judge([Sample(1, rows, 0.0)])[0]  # two more: nothing to speak of
    assert extractor.embedder.asked == asked
    assert (first.fresh, second.fresh) == (True, False)
    assert first.answer is not None
    assert first.answer.matches[0].identity == "p9"


def test_the_judge_hands_its_errors_on(known: Path) -> None:
    extractor = Extractor()
    opened = replace(open_known(known, extractor), store=None)  # type: ignore[arg-type]
    with Judge(opened, extractor) as judge:  # type: ignore[arg-type]
        judge.submit([Sample(1, np.zeros(3, np.float32), 0.0)], [1])
        with pytest.raises(IndexError):
            judge.results(timeout=10)
        assert not judge.busy


def test_a_gallery_of_another_network_is_refused(
    make_video: Callable[..., Path], known: Path, tmp_path: Path
) -> None:
    extractor = Extractor()
    extractor.embedder.model_id = "other@2"  # type: ignore[misc]
    with EventLog(tmp_path / "log.jsonl") as log, pytest.raises(GalleryError, match="other@2"):
        watch(live_source(str(make_video(film(walks()[9], 0.5)))), known, extractor, log)  # type: ignore[arg-type]


def test_a_folder_is_one_gallery_to_watch_and_to_match(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    """People in view are shown to SAM at the live size; what is made of the folder is `match`'s."""
    people = tmp_path / "people"
    people.mkdir()
    shutil.copy(folder("examples") / "walkers" / "synthetic-01.npz", people / "anna.npz")
    assert index_folder(people, Extractor()).processed == 1
    before = [one.id for one in Store(people).sequences()]
    with EventLog(tmp_path / "log.jsonl") as log:
        watch(live_source(str(make_video(film(walks()[9], 0.5)))), people, Extractor(320), log)
    assert [one.id for one in Store(people).sequences()] == before


@pytest.mark.slow
def test_many_visits_leave_nothing_behind(
    known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven minutes of people coming and going, at a clock of our own: memory is what it was after one."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("reads the memory in use from /proc")

    def resident_mb() -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    clock = [0.0]
    for module in (session, people):
        monkeypatch.setattr(module, "monotonic", lambda: clock[0])
    extractor = Extractor()
    opened = open_known(known, extractor)  # type: ignore[arg-type]
    films = [film(walk, 5.0) for walk in walks()[8:12]]
    memory = []
    with EventLog(tmp_path / "log.jsonl") as log, Judge(opened, extractor) as judge:  # type: ignore[arg-type]
        capture = Capture(VideoSource("x", "stream", None, "x"))
        running = session._Watch(capture.source, extractor, opened, capture, judge, log, WatchSettings())  # type: ignore[arg-type]
        number = 0
        for visit in range(60):
            for picture in films[visit % len(films)][::2]:
                clock[0] += 2 / FPS
                number += 1
                running._look(Shot(Frame(picture, number, clock[0]), clock[0]))
                if number % 6 == 0:
                    running._people.hear(judge.results(timeout=1.0))
                    running._tick()
            clock[0] += 2.0  # nobody there
            memory.append(resident_mb())
    assert running._people.seen >= 55
    assert memory[-1] - memory[9] < 20
