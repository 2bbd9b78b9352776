"""Scenes: who is in them, that outlines are true, that they are made once and the same each time."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from meshgait_cli.errors import MeshgaitError, SourceNotFound, UsageError
from meshgait_cli.synth import scenes
from meshgait_cli.synth.scenes import make_scenes, name_of, read_scene
from meshgait_cli.synth.staging import SceneSettings, cast
from meshgait_cli.video.decode import open_video

SMALL = SceneSettings(seed=3, scenes=2, frames=4, fps=10, width=160, height=96, occluders=0, crf=10)


def pictures(path: Path) -> np.ndarray:
    with open_video(path) as reader:
        return np.stack([frame.image for frame in reader])


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "set"
    make_scenes(folder, SMALL)
    return folder


def test_a_video_and_its_truth_have_the_same_frames(made):
    truth = read_scene(made, 0)
    shown = pictures(truth.video)
    assert shown.shape == (4, 96, 160, 3)
    assert truth.visible.shape == truth.whole.shape == (1, 4, 96, 160)
    assert truth.boxes.shape == (1, 4, 4)
    assert truth.joints.shape == (1, 4, 24, 2)
    np.testing.assert_allclose(truth.times, [0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("scene", [0, 1])
def test_the_outline_is_where_the_picture_shows_somebody(made, scene):
    """What is in the outline looks unlike the empty place, which later frames show where the walker was."""
    settings = replace(SMALL, frames=1)
    stage, actors, _, _ = scenes._set_up(scene, settings)
    (shot,) = _shots(stage, actors)
    away = [replace_vertices(actor, 500.0) for actor in actors]
    (empty,) = _shots(stage, away)
    assert not empty.whole.any()
    changed = np.abs(shot.image.astype(int) - empty.image).sum(2) > 24
    mask = shot.visible[0]
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0
    assert changed[inner].mean() > 0.8
    # Outside of it only the shadow on the floor changes anything.
    height = np.flatnonzero(mask.any(1))
    above = np.arange(len(mask)) < height[0] + 0.6 * len(height)
    outer = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) == 0
    assert changed[outer & above[:, None]].mean() < 0.02


def replace_vertices(actor, aside: float):
    move = np.array([aside, 0, 0], np.float32)
    return type(actor)(actor.figure, actor.vertices + move, actor.joints + move)


def _shots(stage, actors):
    from meshgait_cli.synth.film import film

    return list(film(stage, actors, np.random.default_rng(0)))


def test_the_outline_is_the_shape_of_a_person_upright(made):
    for scene in (0, 1):
        truth = read_scene(made, scene)
        mask, joints = truth.whole[0, 2], truth.joints[0, 2]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        x1, y1, x2, y2 = truth.boxes[0, 2]
        assert abs(rows[0] - y1) < 2
        assert abs(columns[-1] + 1 - x2) < 2
        assert (y2 - y1) > 1.4 * (x2 - x1)
        assert joints[15, 1] < joints[0, 1] < joints[[7, 8], 1].min()
        inside = joints.round().astype(int)
        assert mask[inside[:16, 1].clip(0, 95), inside[:16, 0].clip(0, 159)].mean() > 0.85


def test_feet_stay_where_they_stand():
    """A planted foot may not slide through the scene: its slowest point hardly moves between frames."""
    settings = replace(SMALL, frames=12, fps=24)
    _, actors, _, _ = scenes._set_up(0, settings)
    vertices = actors[0].vertices
    low = vertices[..., 1] < 0.03
    both = low[1:] & low[:-1]
    step = np.linalg.norm(np.diff(vertices, axis=0)[..., [0, 2]], axis=2)
    slowest = np.array([np.quantile(step[t][both[t]], 0.2) for t in range(len(both)) if both[t].any()])
    gone = np.linalg.norm(np.diff(actors[0].joints[:, 0], axis=0)[:, [0, 2]], axis=1).mean()
    assert np.median(slowest) < 0.3 * gone
    assert -0.03 < vertices[..., 1].min() < 0.03


def test_what_stands_in_front_hides_and_does_not_shrink_the_whole():
    from meshgait_cli.synth.props import Prop

    settings = replace(SMALL, frames=1)
    stage, actors, _, _ = scenes._set_up(0, settings)
    x, _, z = actors[0].joints[0, 0]
    pole = Prop("pole", float(x * 0.6), float(z * 0.6), 0.12, 4.0, 1)
    (free,) = _shots(stage, actors)
    (hidden,) = _shots(replace_props(stage, pole), actors)
    np.testing.assert_array_equal(free.whole, hidden.whole)
    assert 0.1 < hidden.visible.sum() / free.visible.sum() < 0.95
    assert not (hidden.visible & ~free.visible).any()


def replace_props(stage, *props):
    names = type(stage).__slots__
    return type(stage)(**({name: getattr(stage, name) for name in names} | {"props": props}))


def test_two_walkers_do_not_share_pixels():
    settings = replace(SMALL, scenes=4, walkers=2)
    stage, actors, who, _ = scenes._set_up(0, settings)
    assert who[0].number != who[1].number
    for shot in _shots(stage, actors):
        assert not (shot.visible[0] & shot.visible[1]).any()


def test_everybody_is_cast_as_often_as_asked_and_never_beside_themselves():
    settings = SceneSettings(seed=1, scenes=12, each=3, walkers=2)
    casts = cast(settings)
    assert all(len({one.number for one in scene}) == 2 for scene in casts)
    seen = [(one.number, one.appearance) for scene in casts for one in scene]
    assert sorted(seen) == [(number, time) for number in range(8) for time in range(3)]


def test_a_person_keeps_skin_and_hair_and_the_usual_clothes():
    settings = SceneSettings(seed=1, scenes=12, each=3, clothes="same")
    walks = {}
    for scene in cast(settings):
        for one in scene:
            walks.setdefault(one.number, []).append(scenes._Walk.of(settings, one))
    for first, *others in walks.values():
        assert all(other.palette == first.palette for other in others)
        assert all((other.betas == first.betas).all() for other in others)
    other = SceneSettings(seed=1, scenes=12, each=3, clothes="other")
    again = [scenes._Walk.of(other, one) for scene in cast(other) for one in scene]
    for walk in again:
        usual = walks[walk.walker.number][0].palette
        assert (walk.palette.skin, walk.palette.hair) == (usual.skin, usual.hair)
        assert (walk.walker.outfit == 0) == (walk.walker.appearance == 0)


def test_the_same_seed_gives_the_same_files(made, tmp_path):
    make_scenes(tmp_path / "again", SMALL)
    assert files(tmp_path / "again") == files(made)
    make_scenes(tmp_path / "other", replace(SMALL, seed=4, scenes=1, each=1))
    assert files(tmp_path / "other")[f"{name_of(0)}.mp4"] != files(made)[f"{name_of(0)}.mp4"]


def test_what_is_finished_is_kept_and_what_is_missing_is_made(made, tmp_path):
    folder = tmp_path / "set"
    for name, content in files(made).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "manifest.json").unlink()
    (folder / f"{name_of(1)}.mp4").unlink()
    (folder / ".parts").mkdir()
    record = json.loads((made / "manifest.json").read_text())
    (folder / ".parts" / "settings.json").write_text(json.dumps(record))
    done = make_scenes(folder, SMALL)
    assert (done.made, done.kept) == (1, 1)
    assert files(folder) == files(made)


def test_other_settings_are_refused(made):
    with pytest.raises(UsageError, match="other settings"):
        make_scenes(made, replace(SMALL, frames=5))


def test_a_picture_and_a_video_of_ones_own_are_the_background(made, tmp_path):
    red = np.zeros((50, 50, 3), np.uint8)
    red[..., 2] = 200
    cv2.imwrite(str(tmp_path / "red.png"), red)
    one = replace(SMALL, scenes=1, each=1, background=tmp_path / "red.png")
    make_scenes(tmp_path / "on red", one)
    truth = read_scene(tmp_path / "on red", 0)
    corner = pictures(truth.video)[:, :10, :10].reshape(-1, 3).mean(0)
    assert corner[0] > 170
    assert corner[1:].max() < 40
    make_scenes(tmp_path / "on video", replace(one, background=truth.video, frames=6))
    assert pictures(read_scene(tmp_path / "on video", 0).video)[5, 5, 5, 0] > 150


def test_a_background_that_is_none_is_refused(tmp_path):
    one = replace(SMALL, scenes=1, each=1)
    with pytest.raises(UsageError, match="no --background"):
        make_scenes(tmp_path / "a", replace(one, background=tmp_path / "nothing.mp4"))
    for name in ("text.mp4", os.fsdecode(b"text\xff.png")):
        (tmp_path / name).write_text("no video")
        with pytest.raises(MeshgaitError, match="--background"):
            make_scenes(tmp_path / "b", replace(one, background=tmp_path / name))
        assert not (tmp_path / "b").exists()


def test_missing_and_damaged_truth_is_said(made, tmp_path):
    with pytest.raises(SourceNotFound):
        read_scene(made, 7)
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / f"{name_of(0)}.npz").write_bytes(b"PK nonsense")
    with pytest.raises(MeshgaitError, match="damaged"):
        read_scene(tmp_path, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scenes": 0}, {"each": 0}, {"walkers": 9}, {"frames": 0}, {"fps": 1.0}, {"width": 97}, {"crf": 60},
        {"clothes": "none"}, {"seed": -1}, {"scenes": 1, "walkers": 2, "each": 2},
    ],
)  # fmt: skip
def test_impossible_settings(wrong):
    with pytest.raises(UsageError):
        replace(SMALL, **wrong)


@pytest.mark.slow
def test_the_products_own_detector_finds_the_walkers(tmp_path):
    import torch

    from meshgait_cli.people.detect import PersonDetector

    settings = SceneSettings(seed=5, scenes=3, each=1, frames=2, fps=5, occluders=0)
    make_scenes(tmp_path / "set", settings)
    detector = PersonDetector("yolo11n-pose", device=torch.device("cpu"))
    for scene in range(3):
        truth = read_scene(tmp_path / "set", scene)
        for found, box in zip(detector.detect(list(pictures(truth.video))), truth.boxes[0], strict=True):
            middles = [(one.box[:2] + one.box[2:]) / 2 for one in found if one.score > 0.4]
            assert any(np.abs(middle - (box[:2] + box[2:]) / 2).max() < 25 for middle in middles)
