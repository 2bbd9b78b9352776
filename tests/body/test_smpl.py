from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body, smpl
from meshgait_cli.body.fit import bone_scale, rotations_from_joints
from meshgait_cli.body.model import PARENTS, rotation_matrices
from meshgait_cli.body.person import fit_person
from meshgait_cli.errors import BodyError
from meshgait_cli.synth.motion import cycle, sample_style

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def smpl_like(**changes: object) -> dict:
    """The open body in the layout of SMPL's own files."""
    body = open_body.load()
    count = body.vertex_count
    data: dict = {
        "v_template": body.v_template.numpy().astype(np.float64),
        "shapedirs": np.pad(body.shapedirs.numpy(), ((0, 0), (0, 0), (0, 268))),
        "posedirs": np.zeros((count, 3, 207)),
        "J_regressor": body.joint_regressor.numpy(),
        "weights": body.weights.numpy(),
        "f": body.faces.numpy().astype(np.uint32),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], dtype=np.uint32),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    return {key: value for key, value in {**data, **changes}.items() if value is not None}


@pytest.fixture
def walk() -> np.ndarray:
    """8×24×3 axis-angle rotations of something like a step."""
    pose = np.random.default_rng(0).normal(0, 0.15, (8, 24, 3))
    pose[:, 1, 0], pose[:, 2, 0] = np.linspace(-0.5, 0.5, 8), np.linspace(0.5, -0.5, 8)
    return pose


@pytest.mark.parametrize("suffix", [".pkl", ".npz"])
def test_an_smpl_file_becomes_a_body(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"SMPL_NEUTRAL{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(smpl_like(), protocol=2))
    else:
        np.savez(path, **{k: v for k, v in smpl_like().items() if isinstance(v, np.ndarray)})
    body = smpl.load(path)
    ours = open_body.load()
    assert body.vertex_count == 6890
    assert torch.allclose(body.rest_joints, ours.rest_joints, atol=1e-4)


def test_its_mesh_follows_the_joints(tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(smpl_like()))
    body = smpl.load(path)
    walk, _ = cycle(sample_style(np.random.default_rng(0)), np.linspace(0, 6, 12))
    joints = open_body.load().pose(walk).joints.numpy() * [1, -1, -1] * 0.55  # silhouette units
    vertices = fit_person(body, joints).vertices(np.arange(len(joints)))
    found = np.einsum("jv,tvc->tjc", body.joint_regressor.numpy(), vertices)
    assert np.linalg.norm(found - joints, axis=-1).mean() < 0.02


def test_rotations_give_the_directions_back(walk: np.ndarray) -> None:
    body = open_body.load()
    rest = body.rest_joints.numpy()
    joints = body.pose(walk).joints.numpy()
    local = rotations_from_joints(joints, rest)
    again = body.pose(torch.from_numpy(local).float()).joints.numpy()
    child = np.arange(1, 24)
    parent = np.array(PARENTS)[1:]
    bones, expected = again[:, child] - again[:, parent], joints[:, child] - joints[:, parent]
    cosine = (bones * expected).sum(-1) / np.linalg.norm(bones, axis=-1) / np.linalg.norm(expected, axis=-1)
    # Pelvis and chest are rigid here as they are in the body; single bones are exact.
    assert cosine.min() > 0.97
    assert np.allclose(local @ np.swapaxes(local, -1, -2), np.eye(3), atol=1e-5)
    assert np.allclose(np.linalg.det(local), 1, atol=1e-5)
    assert bone_scale(joints * 3, rest) == pytest.approx(3, rel=1e-3)


def test_no_rotation_for_a_resting_body() -> None:
    rest = open_body.load().rest_joints.numpy()
    assert np.allclose(rotations_from_joints(rest[None], rest)[0], np.eye(3), atol=1e-4)
    assert np.allclose(rotation_matrices(torch.zeros(24, 3)).numpy(), np.eye(3))


class _Hostile:
    def __reduce__(self) -> tuple:
        return os.system, ("touch " + os.environ["HOSTILE_MARK"],)


def test_a_hostile_file_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE_MARK", str(tmp_path / "owned"))
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(smpl_like(extra=_Hostile())))
    with pytest.raises(BodyError, match="system"):
        smpl.load(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no"),
        (b"", r"not an SMPL"),
        (b"hello", "not an SMPL"),
        (pickle.dumps([1, 2]), "holds list"),
        (pickle.dumps({}), "v_template"),
    ],
)
def test_what_is_no_body_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "body.pkl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BodyError, match=said):
        smpl.load(path)


def test_missing_and_misshapen_parts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    path.write_bytes(pickle.dumps(smpl_like(J_regressor=None)))
    with pytest.raises(BodyError, match="J_regressor"):
        smpl.load(path)
    path.write_bytes(pickle.dumps(smpl_like(weights=np.ones((6890, 5)))))
    with pytest.raises(BodyError, match="body\\.pkl"):
        smpl.load(path)
