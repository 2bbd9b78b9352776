"""The whole path on a real clip, with the real detector, SAM and network: does it mean what it says?

The park clip (Sports2D, BSD-3-Clause): a woman walks through a park from right to left; a man stands and
jumps on a wall, turns a somersault off it, and lands.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli import demo
from meshgait_cli.assets import fetch
from meshgait_cli.pipeline import Extraction, Extractor, ExtractSettings
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.results.directory import Result
from meshgait_cli.results.manifest import TrackEntry
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
Run = Callable[..., object]


@pytest.fixture(scope="session")
def extractor() -> Extractor:
    return Extractor(ExtractSettings(preview=True, opengait=True), "cpu")


@pytest.fixture(scope="session")
def park(extractor: Extractor, tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("results")
    done = extractor.extract(fetch(demo.CLIP), out)
    assert not done.skipped
    return done.result


@pytest.fixture(scope="session")
def woman(park: Result) -> TrackEntry:
    (only,) = [track for track in park.tracks if track.usable]
    return only


@pytest.fixture(scope="session")
def walk(park: Result, woman: TrackEntry) -> SilhouetteSequence:
    return park.silhouettes(woman, good_only=True)


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two and a half seconds of the walk at a quarter of the pixels."""
    import cv2

    path = tmp_path_factory.mktemp("clips") / "anna.mp4"
    with open_video(fetch(demo.CLIP)) as reader, VideoWriter(path, 30, 884, 496) as writer:
        for frame in reader:
            if 75 <= frame.index < 150:
                writer.write(cv2.resize(frame.image, (884, 497), interpolation=cv2.INTER_AREA))
    return path


def test_the_woman_is_one_usable_track_of_her_whole_walk(woman: TrackEntry) -> None:
    assert 35 <= woman.first_frame <= 70
    assert 180 <= woman.last_frame <= 220
    assert woman.frames >= 70  # every other one of 30 a second
    assert woman.walking_fraction > 0.8
    assert 3.5 <= woman.gait_cycles <= 6
    assert 350 <= woman.height_px <= 480


def test_the_man_is_found_and_refused_as_not_walking(park: Result, woman: TrackEntry) -> None:
    men = [track for track in park.tracks if track.id != woman.id]
    standing = max(men, key=lambda track: track.frames)
    assert standing.frames > 50
    assert any("walk" in reason for reason in standing.reasons)
    assert all(not track.usable and track.reasons for track in men)
    assert set(park.embeddings()) == {woman.id}


@pytest.mark.parametrize("source", ["both", "keypoints", "silhouettes"])
def test_walking_is_told_by_keypoints_or_silhouettes_alone(
    park: Result, woman: TrackEntry, source: str
) -> None:
    import pyarrow.parquet as pq

    from meshgait_cli.people.walking import recognise

    rows = pq.read_table(park.folder / "tracks.parquet").to_pydict()
    column = {name: np.array(values) for name, values in rows.items()}
    for track in park.tracks:
        own = column["track"] == track.id
        times = column["time_s"][own]
        boxes = np.stack([column[name][own] for name in ("x1", "y1", "x2", "y2")], axis=1)
        keypoints = column["keypoints"][own].reshape(-1, 17, 3).astype(np.float32)
        valid = column["valid"][own] & (source != "keypoints")
        silhouettes = np.zeros((len(times), 64, 64), np.uint8)
        silhouettes[column["valid"][own]] = park.silhouettes(track).silhouettes
        if source == "silhouettes":
            keypoints[:] = np.nan
        gait = recognise(times, boxes.astype(np.float32), keypoints, silhouettes, valid)
        assert gait.walking.mean() == pytest.approx(float(track.id == woman.id), abs=0.08)
        if track.id == woman.id:  # eight steps in 5.7 s can be counted by eye, and parts of a ninth
            assert gait.cycles(times) == pytest.approx(4.5, abs=0.5)


def test_her_silhouettes_are_a_walkers(walk: SilhouetteSequence) -> None:
    masks = walk.silhouettes > 127
    assert masks[:, :2].any(axis=(1, 2)).mean() > 0.95  # head to the top row, feet to the bottom one
    assert masks[:, -2:].any(axis=(1, 2)).mean() > 0.95
    mass = masks.mean(axis=(1, 2))
    assert 0.12 < np.median(mass) < 0.3
    columns = np.array([np.ptp(np.flatnonzero(mask.any(0))) + 1 for mask in masks])
    assert 0.25 < np.median(columns) / 64 < 0.75
    legs = np.array([np.ptp(np.flatnonzero(mask[-12:].any(0))) for mask in masks]).astype(float)
    legs -= legs.mean()
    spectrum = np.abs(np.fft.rfft(legs * np.hanning(len(legs))))
    rate = np.fft.rfftfreq(len(legs), d=1 / 15)[spectrum.argmax()]
    assert 1.2 < rate < 2.4  # steps a second


def test_her_halves_are_closer_to_each_other_than_to_anybody(
    extractor: Extractor, walk: SilhouetteSequence, tmp_path: Path
) -> None:
    gallery, query = demo.write_halves(walk, tmp_path)
    found = demo.ask(extractor, gallery, query)
    assert found.people == 21
    (answer,) = found.answers
    assert answer.matches[0].identity == demo.WALKER
    assert answer.matches[0].margin > 0


def test_the_result_holds_what_its_page_promises(park: Result, woman: TrackEntry) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(park.folder / "tracks.parquet").to_pydict()
    assert len(rows["frame"]) == sum(track.frames for track in park.tracks)
    for track in park.tracks:
        assert (park.folder / track.silhouette_file).is_file()
        assert (park.folder / str(track.contact_file)).stat().st_size > 10_000
    assert not (park.folder / "spool").exists()
    (tree,) = (park.folder / "opengait").rglob("*.pkl")
    with tree.open("rb") as file:
        assert pickle.load(file).shape[1:] == (64, 64)
    with open_video(park.folder / "preview.mp4") as reader:
        assert reader.info.frame_count == 115
    assert {model.role for model in park.manifest.models} == {"detector", "segmenter", "network"}
    assert park.manifest.video.sha256
    assert woman.embedded


def test_a_finished_video_is_skipped_and_a_changed_wish_is_not(
    extractor: Extractor, park: Result, tmp_path: Path
) -> None:
    again: Extraction = extractor.extract(fetch(demo.CLIP), park.folder.parent)
    assert again.skipped
    other = Extractor(ExtractSettings(effort="full"))
    other.__dict__.update({name: getattr(extractor, name) for name in ("detector", "segmenter", "embedder")})
    assert other._fingerprint("x") != extractor._fingerprint("x")


def test_match_on_a_folder_of_videos_indexes_once(
    meshgait: Run, short_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    people = tmp_path / "people"
    people.mkdir()
    (people / "anna.mp4").write_bytes(short_clip.read_bytes())
    (people / "nobody.mp4").write_bytes(b"no video")
    from meshgait_cli.gallery.store import Store
    from meshgait_cli.shipped import folder

    for stranger in sorted((folder("examples") / "walkers").glob("*.npz"))[:3]:
        (people / stranger.name).write_bytes(stranger.read_bytes())
    first = meshgait("match", people / "anna.mp4", "--gallery", people, "--json")
    assert first.code == 0, first.err
    answer = json.loads(first.out)
    assert answer["identities"] == 4
    assert answer["walkers"][0]["matches"][0]["identity"] == "anna"
    assert answer["walkers"][0]["matches"][0]["distance"] == pytest.approx(0, abs=0.02)
    assert "nobody.mp4 is left out" in first.err
    second = meshgait("match", people / "anna.mp4", "-g", people, "--json", "-k", "2")
    assert "gallery 1/" not in second.err
    assert len(json.loads(second.out)["walkers"][0]["matches"]) == 2
    (people / "anna.mp4").unlink()
    third = json.loads(meshgait("match", short_clip, "-g", people, "--json").out)
    assert third["identities"] == 3
    store = Store(people)
    assert "anna" not in store.people()
    actions = [entry["action"] for entry in store.audit.entries("anna")]
    assert (actions[0], actions[-1]) == ("enrol", "remove")
    hidden = [path for path in (people / ".meshgait").rglob("*") if path.is_file()]
    assert not any(b"anna" in path.read_bytes() for path in hidden)


def test_embed_takes_what_extract_wrote(
    meshgait: Run, park: Result, woman: TrackEntry, tmp_path: Path
) -> None:
    from meshgait_cli.results.embeddings import EmbeddingSet

    for name in ("e.parquet", "e.safetensors"):
        ran = meshgait("embed", park.folder / woman.silhouette_file, "--out", tmp_path / name)
        assert ran.code == 0, ran.err
        (item,) = EmbeddingSet.read(tmp_path / name).items
        expected = park.embeddings()[woman.id].values
        assert np.allclose(item.embedding.values, expected, atol=1e-4)


def test_render_mesh_draws_her_body_over_her(
    meshgait: Run, park: Result, woman: TrackEntry, tmp_path: Path
) -> None:
    import trimesh

    ran = meshgait("render-mesh", park.folder, "--out", tmp_path, "--heatmaps", "--json")
    assert ran.code == 0, ran.err
    files = {name: Path(path) for name, path in json.loads(ran.out).items()}
    assert all(path.stat().st_size > 5_000 for path in files.values())
    (mesh,) = trimesh.load(files[f"track {woman.id} body"]).geometry.values()
    assert len(mesh.vertices) == 6890
    assert 1.2 < np.ptp(mesh.vertices[:, 1]) < 2.0
    with open_video(files["overlay"]) as drawn, open_video(fetch(demo.CLIP)) as plain:
        import cv2

        plain.every = park.manifest.video.every
        for seen, raw in zip(drawn, plain, strict=False):
            if raw.index == 120:
                small = cv2.resize(raw.image, seen.image.shape[1::-1], interpolation=cv2.INTER_AREA)
                changed = np.abs(seen.image.astype(int) - small).max(2) > 60
                break
    ys, xs = np.nonzero(changed)
    row = int(np.flatnonzero(park.silhouettes(woman).frames == 120)[0])
    scale, left, top = park.silhouettes(woman).transform[row]
    shrink = seen.image.shape[0] / 994
    assert abs(xs.mean() / shrink - (left + 32 / scale)) < 12 / scale
    assert abs(ys.mean() / shrink - (top + 32 / scale)) < 12 / scale


def test_one_frame_is_no_walk(meshgait: Run, make_video: Callable, tmp_path: Path) -> None:
    ran = meshgait("extract", make_video([np.full((96, 128, 3), 90, np.uint8)]), "--out", tmp_path / "o")
    assert ran.code == 1
    assert "no person was found in 1 frame" in ran.error


def test_nobody_there(meshgait: Run, make_video: Callable, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (20, 96, 128, 3), dtype=np.uint8)
    ran = meshgait("extract", make_video(noise), "--out", tmp_path / "o")
    assert ran.code == 1
    assert "no person was found" in ran.error


def test_a_person_cut_off_is_refused_with_the_reason(meshgait: Run, short_clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    with open_video(short_clip) as reader, VideoWriter(path, 30, 884, 300) as writer:
        for frame in reader:
            writer.write(frame.image[:300])  # the legs lie below
    ran = meshgait("extract", path, "--out", tmp_path / "o", "--json")
    assert ran.code == 1
    (report,) = json.loads(ran.out)
    assert not any(track["usable"] for track in report["tracks"])
    assert ran.error


def test_a_busy_street_gives_long_usable_tracks(shared: Path, tmp_path: Path) -> None:
    """Twelve seconds in which people cross and hide each other."""
    extractor = Extractor(ExtractSettings(max_s=12.0), "cpu")
    result = extractor.extract(shared / "videos" / "opencv_vtest.avi", tmp_path).result
    usable = [track for track in result.tracks if track.usable]
    assert len(usable) >= 4
    assert max(track.frames for track in usable) >= 80


def test_people_one_by_one(shared: Path, tmp_path: Path) -> None:
    extractor = Extractor(ExtractSettings(max_s=20.0), "cpu")
    result = extractor.extract(shared / "videos" / "intel_one-by-one-person-detection.mp4", tmp_path).result
    assert result.tracks
    assert all(track.usable or track.reasons for track in result.tracks)
