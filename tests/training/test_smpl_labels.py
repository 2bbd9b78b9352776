"""Bodies from SMPL labels, against walks whose truth is known: the open body, written as an SMPL file."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from meshgait_cli.body import open_body, smpl
from meshgait_cli.body.model import PARENTS
from meshgait_cli.datasets.silhouettes import Place
from meshgait_cli.errors import BodyError, SourceNotFound, UsageError
from meshgait_cli.network.meshgait import ModelConfig
from meshgait_cli.synth.camera import Camera
from meshgait_cli.synth.clothes import Outfit
from meshgait_cli.synth.faults import sample_faults
from meshgait_cli.synth.walkers import make_identity, render_sequence
from meshgait_cli.synth.wardrobe import OUTFITS
from meshgait_cli.training import recipes
from meshgait_cli.training.loop import Run
from meshgait_cli.training.run import build
from meshgait_cli.training.session import TrainSettings, train_recipe
from meshgait_cli.training.smpl_bodies import SmplBodies, marker_vertices
from meshgait_cli.training.smpl_labels import SmplLabels, read_labels
from meshgait_cli.training.walks import Walk, WalkBatches, walks_of_tree
from meshgait_cli.training.worsen import carried, turning, warped

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BARE = Outfit(np.zeros(24), 0.0, (), ())


def _smpl_like(betas: np.ndarray | None = None, order: np.ndarray | None = None, arms: float = 0.0) -> dict:
    """The open body in the layout of SMPL's own files; of another shape, its vertices in another order, its
    arms `arms` radians lower at rest."""
    body = open_body.load()
    order = np.arange(body.vertex_count) if order is None else order
    rest = np.zeros((1, 24, 3), np.float32)
    rest[0, 16:18, 2] = -arms, arms
    template = body.pose(rest, betas).vertices[0].numpy().astype(np.float64)
    place = np.argsort(order)
    return {
        "v_template": template[order],
        "shapedirs": np.pad(body.shapedirs.numpy()[order], ((0, 0), (0, 0), (0, 268))),
        "posedirs": np.zeros((len(order), 3, 207)),
        "J_regressor": body.joint_regressor.numpy()[:, order],
        "weights": body.weights.numpy()[order],
        "f": place[body.faces.numpy()].astype(np.uint32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], dtype=np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


@pytest.fixture(scope="module")
def smpl_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(_smpl_like(), protocol=2))
    return path


def _walk(number: int, azimuth: float, frames: int = 12):
    """A naked walk without faults, seen from afar; and its labels, as Gait3D has them."""
    betas = np.concatenate([make_identity(5, number).betas[:10], np.zeros(22)])
    person = replace(make_identity(5, number), betas=betas, wardrobe=(BARE,) * OUTFITS)
    camera = Camera(azimuth, 8.0, 1.5, 1e4, 0.0, 300.0)
    # Even clean masks mostly come off SAM's grid: not this one.
    sharp = next(seed for seed in range(99) if not sample_faults(np.random.default_rng(seed), "clean").rows)
    sequence = render_sequence(
        person, np.random.default_rng(number), frames, camera=camera, severity="clean", carrying=False,
        fps=15, fault_rng=np.random.default_rng(sharp),
    )  # fmt: skip
    seen = Rotation.from_euler("ZXY", [1.5, 8.0, azimuth], degrees=True)  # roll, tilt, turn
    to_picture = Rotation.from_matrix(np.diag([1.0, -1.0, -1.0])) * seen
    pose = sequence.rotations.reshape(frames, 72).copy()
    pose[:, :3] = (to_picture * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    camera_numbers = np.tile([0.9, 0.1, -0.2], (frames, 1))
    labels = np.concatenate([camera_numbers, pose, np.tile(betas[:10], (frames, 1))], axis=1)
    return sequence, labels.astype(np.float32)


@pytest.fixture(scope="module")
def tree(tmp_path_factory, smpl_file):
    """Three people, two sequences each; all but the last person's come with labels."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(3):
        for kind, azimuth in (("nm-01", 90.0), ("nm-02", 250.0)):
            sequence, labels = _walk(number, azimuth)
            folder = root / "silhouettes" / f"{number:03d}" / kind / "v1"
            folder.mkdir(parents=True)
            (folder / "v1.pkl").write_bytes(pickle.dumps(sequence.silhouettes))
            if number < 2:
                folder = root / "smpl" / f"{number:03d}" / kind / "v1"
                folder.mkdir(parents=True)
                (folder / "v1.pkl").write_bytes(pickle.dumps(labels))
    return root


@pytest.mark.parametrize(("number", "azimuth"), [(0, 90.0), (1, 215.0), (2, 5.0)])
def test_a_labelled_body_stands_where_the_synthetic_truth_does(smpl_file, number, azimuth):
    sequence, labels = _walk(number, azimuth)
    found = SmplBodies(smpl.load(smpl_file))(labels)
    truth = np.concatenate([sequence.joints, sequence.markers], axis=1)
    assert found.shape == truth.shape == (12, 88, 3)
    off = found - truth
    # A mask's columns stand half a column off at most, either way; its rows miss the tips of toes.
    assert np.abs(off[..., 0]).max() < 0.65 / 64
    assert np.abs(off[..., 0].mean()) < 0.3 / 64
    assert np.abs(off[..., 1]).max() < 0.5 / 64
    assert np.abs(off - off.mean(1, keepdims=True)).mean() < 0.001
    assert np.abs(off[..., 2]).max() < 0.003


def test_camera_numbers_do_not_move_a_body(smpl_file):
    _, labels = _walk(0, 130.0, frames=2)
    bodies = SmplBodies(smpl.load(smpl_file))
    other = labels.copy()
    other[:, :3] = [3.0, -0.5, 0.7]
    np.testing.assert_array_equal(bodies(labels), bodies(other))


@pytest.mark.parametrize("arms", [0.0, 0.2])
def test_markers_are_found_again_in_another_order_and_shape(tmp_path, smpl_file, arms):
    own = open_body.marker_vertices()
    np.testing.assert_array_equal(marker_vertices(smpl.load(smpl_file)), own)
    order = np.random.default_rng(0).permutation(6890)
    betas = np.zeros(32)
    betas[:3] = [1.5, -1.5, 1.0]  # another stature and build
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(_smpl_like(betas, order, arms)))
    other = smpl.load(path)
    template = other.v_template.numpy()
    found, expected = template[marker_vertices(other)], template[np.argsort(order)[own]]
    off = np.linalg.norm(found - expected, axis=1)
    assert np.median(off) < 0.025
    assert off.max() < 0.06
    # Left is left: the mirror of a marker is marker i + 32.
    assert (np.sign(found[:32, 0]) == -np.sign(found[32:, 0]))[np.abs(found[:32, 0]) > 0.03].all()


def test_bodies_on_their_heads_are_refused(smpl_file):
    _, labels = _walk(0, 90.0, frames=2)
    turned = labels.copy()
    turn = Rotation.from_euler("x", 180, degrees=True)
    turned[:, 3:6] = (turn * Rotation.from_rotvec(labels[:, 3:6])).as_rotvec()
    with pytest.raises(BodyError, match="on their heads"):
        SmplBodies(smpl.load(smpl_file))(turned)


def _batches(tree, smpl_file, folder, people=3, **more):
    labels = SmplLabels(tree / "silhouettes", tree / "smpl", smpl_file, folder)
    walks = walks_of_tree(tree / "silhouettes", None, labels.of)
    told = {walk.truth: walk.load for walk in walks if walk.truth is not None}
    labels.prepare(list(told), lambda truth: len(told[truth]()))
    return WalkBatches(walks, people, 2, 6, seed=0, **more), told


@pytest.mark.parametrize("augment", [0.0, 1.0])
def test_labelled_walks_come_first_and_their_truth_follows_the_picture(tree, smpl_file, tmp_path, augment):
    batches, _ = _batches(tree, smpl_file, tmp_path, window=9, augment=augment)
    for step in range(4):
        batch = batches.batch(step)
        assert batch.points.shape == (4, 6, 88, 3)
        assert len(batch.traits) == 0
        assert set(batch.labels[:4].tolist()) == {0, 1}
        assert batch.labels[4:].tolist() == [2, 2]
        pictures, points = batch.silhouettes[:4, batch.watched], batch.points
        columns = ((points[..., 0] + 0.5) * 64 - 10).floor().long().clamp(0, 43)
        rows = ((points[..., 1] + 0.5) * 64).floor().long().clamp(0, 63)
        inside = list(range(24))
        hits = torch.stack(
            [pictures[b, t, rows[b, t, j], columns[b, t, j]] > 0.3
             for b in range(4) for t in range(6) for j in inside]
        )  # fmt: skip
        assert hits.float().mean() > 0.93


def test_points_move_with_the_picture():
    picture = np.zeros((1, 64, 44), np.uint8)
    picture[0, 20, 30] = 255  # a pixel, and its centre in silhouette units
    point = np.array([[[(30.5 + 10) / 64 - 0.5, 20.5 / 64 - 0.5, 0.25]]], np.float32)
    for seed in range(5):
        matrix = turning(np.random.default_rng(seed), 1.0, 64, 44)
        seen = warped(picture, matrix)[0].astype(float)
        rows, columns = np.indices(seen.shape)
        centre = [(columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()]
        x, y, z = carried(point, matrix)[0, 0]
        assert np.allclose([(x + 0.5) * 64 - 10.5, (y + 0.5) * 64 - 0.5], centre, atol=0.5)
        assert z == 0.25


def test_truth_is_made_once_and_again_when_labels_change(tree, smpl_file, tmp_path):
    _, told = _batches(tree, smpl_file, tmp_path)
    kept = sorted(tmp_path.rglob("*.npy"))
    before = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == len(told) == 4
    _batches(tree, smpl_file, tmp_path)
    assert [path.stat().st_mtime_ns for path in kept] == before
    truth = next(iter(told))
    later = max(before) + 10**9
    os.utime(truth.labels, ns=(later, later))
    assert not truth.fresh


@pytest.mark.parametrize("suffix", [".pkl", ".npz", ".npy"])
def test_labels_are_read_in_every_shape_they_come_in(tmp_path, suffix):
    labels = np.random.default_rng(0).normal(size=(5, 85))
    path = tmp_path / f"seq0{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(list(labels)))
        assert np.array_equal(read_labels(path), labels.astype(np.float32))
        path.write_bytes(pickle.dumps(labels[:, None]))
    elif suffix == ".npz":
        np.savez(path, labels)
    else:
        np.save(path, labels)
    assert np.array_equal(read_labels(path), labels.astype(np.float32))


class _Hostile:
    def __reduce__(self):
        return os.system, ("touch " + os.environ["HOSTILE_MARK"],)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a pickle"),
        (pickle.dumps({"pose": 1}), "does not hold NumPy arrays"),
        (pickle.dumps(np.zeros((4, 82))), r"T×85 .*not \(4, 82\)"),
        (pickle.dumps(np.zeros((0, 85))), "T×85"),
        (pickle.dumps(np.full((3, 85), np.nan)), "finite"),
        (pickle.dumps(np.array([["a"] * 85])), "numbers"),
        (pickle.dumps([np.zeros((3, 85)), np.zeros((4, 85))]), "2 arrays"),
    ],
)
def test_what_is_no_label_is_named(tmp_path, content, said):
    path = tmp_path / "v1.pkl"
    path.write_bytes(content)
    with pytest.raises(BodyError, match=said) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


def test_a_hostile_label_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOSTILE_MARK", str(tmp_path / "owned"))
    path = tmp_path / "v1.pkl"
    path.write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(BodyError, match="system"):
        read_labels(path)
    assert not (tmp_path / "owned").exists()


def test_other_numbers_of_frames_name_the_sequence(tree, smpl_file, tmp_path):
    labels = tmp_path / "smpl" / "001" / "nm-02" / "v1"
    labels.mkdir(parents=True)
    (labels / "other name.npy").parent.mkdir(exist_ok=True)
    np.save(labels / "other name.npy", np.zeros((7, 85)))
    made = SmplLabels(tree / "silhouettes", tmp_path / "smpl", smpl_file, tmp_path / "kept")
    path = tree / "silhouettes" / "001" / "nm-02" / "v1" / "v1.pkl"
    truth = made.of(Place(path, "001", "nm-02", "v1"))
    assert truth is not None
    with pytest.raises(BodyError, match=r"001/nm-02/v1/.* has 7 frames and .*001/nm-02/v1/v1.pkl 12"):
        made.prepare([truth], lambda _: 12)
    assert not list(tmp_path.rglob("kept/**/*.npy"))
    np.save(labels / "another.npy", np.zeros((7, 85)))
    with pytest.raises(BodyError, match="holds 2 files"):
        made.of(Place(path, "001", "nm-02", "v1"))


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        (TrainSettings("gait3d", data=__file__, smpl_labels=__file__), UsageError, "goes with --smpl-path"),
        (TrainSettings("gait3d", data=__file__, smpl_path=__file__), UsageError, "it with --smpl-labels"),
        (TrainSettings("meshgait-s", smpl_labels=__file__, smpl_path=__file__), UsageError, "of your own"),
        (
            TrainSettings(
                "gait3d", ("variant=deepgaitv2",), data=__file__, smpl_labels=__file__, smpl_path=__file__
            ),
            UsageError,
            "no 3-D branch",
        ),
        (
            TrainSettings(
                "gait3d", ("joints=0", "markers=0", "mesh=0"), data=__file__, smpl_labels=__file__,
                smpl_path=__file__,
            ),
            UsageError,
            "nothing is learned",
        ),
    ],
)  # fmt: skip
def test_labels_are_asked_for_in_words(settings, error, said):
    with pytest.raises(error, match=said):
        settings.resolve()


def test_labels_turn_a_recipe_of_silhouettes_into_one_of_bodies():
    settings = TrainSettings("casia-b", ("mesh=0",), data=__file__, smpl_labels=__file__, smpl_path=__file__)
    recipe = settings.resolve()
    assert (recipe.variant, recipe.people, recipe.each) == ("meshgait-b", 8, 16)
    assert recipe.joints > 0 == recipe.mesh
    assert recipe.triplet == recipes.find("casia-b").triplet


def test_labels_of_other_sequences_say_so(tree, smpl_file, tmp_path):
    settings = TrainSettings(
        "gait3d", data=tree / "silhouettes", smpl_labels=tmp_path, smpl_path=smpl_file, device="cpu"
    )
    with pytest.raises(BodyError, match="no labels of the sequences"):
        train_recipe(settings, tmp_path / "run")
    with pytest.raises(SourceNotFound, match="no folder"):
        train_recipe(replace(settings, smpl_labels=tmp_path / "nowhere"), tmp_path / "run")


def test_a_sequence_of_its_own_has_no_label(tree, smpl_file, tmp_path):
    path = tree / "silhouettes" / "000" / "nm-01" / "v1" / "v1.pkl"
    labels = SmplLabels(path, tree / "smpl", smpl_file, tmp_path)
    assert labels.of(Place(path, "v1", "", "")) is None


SMALL = ModelConfig(
    "small", blocks="2d", layers=(1, 1, 1, 1), channels=(8, 8, 8, 16), stem_stride=2, embedding_dim=8,
    hrnet="tiny", squeeze=16, volume_size=8, volume_channels=(4, 8),
)  # fmt: skip


@pytest.mark.slow
def test_bodies_are_learned_from_labels(tree, smpl_file, tmp_path):
    recipe = replace(
        recipes.with_bodies(recipes.find("gait3d")), bf16=False, rate=3e-3, warmup=1, decoded=16,
        late_frames=6, steps=40,
    )  # fmt: skip
    batches, _ = _batches(tree, smpl_file, tmp_path / "kept")
    run = Run(build(SMALL, recipe, batches.classes, seed=0), batches, recipe, tmp_path / "run")
    losses = [run.advance(0.1) for _ in range(24)]
    assert {"joints", "markers", "mesh", "triplet", "classes"} <= set(losses[0])
    for name in ("joints", "markers", "mesh"):
        assert np.mean([loss[name] for loss in losses[-4:]]) < 0.8 * losses[0][name]


def test_a_batch_without_labels_moves_no_body(tree, smpl_file, tmp_path):
    recipe = replace(recipes.with_bodies(recipes.find("gait3d")), bf16=False, late_frames=6)
    batches, _ = _batches(tree, smpl_file, tmp_path / "kept")
    bare = [Walk(walk.load, walk.identity) for walk in batches.walks]
    batches = WalkBatches(bare, 2, 2, 4, seed=0)
    run = Run(build(SMALL, recipe, 3, seed=0), batches, recipe, tmp_path / "run")
    losses = run.advance(0.1)
    assert "triplet" in losses
    assert "joints" not in losses


@pytest.mark.slow
def test_the_recipe_trains_with_labels_from_the_command_line(tree, smpl_file, tmp_path, meshgait):
    changes = (
        "variant=meshgait-s", "people=3", "each=2", "frames=4", "late_frames=4", "window=4", "bf16=false",
        "decoded=4",
    )  # fmt: skip
    ran = meshgait(
        "train", "gait3d", "--out", tmp_path / "run", "--data", tree / "silhouettes", "--smpl-labels",
        tree / "smpl", "--smpl-path", smpl_file, "--steps", 1, "--device", "cpu", "--json", "--quiet",
        *(part for change in changes for part in ("--set", change)),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    about = json.loads(ran.out)
    assert "SMPL labels of 4" in about["bodies"]
    assert about["recipe"]["joints"] > 0
    assert len(list((tmp_path / "run" / "bodies").rglob("*.npy"))) == 4
