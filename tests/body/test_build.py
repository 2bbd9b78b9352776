from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.body import build, open_body
from meshgait_cli.body.model import JOINT_NAMES
from meshgait_cli.body.population import Population, to_t_pose


@pytest.fixture(scope="module")
def people() -> Population:
    """Six people of the finished body in an A-pose, standing in for those that anny would give."""
    body = open_body.load()
    betas = torch.randn(6, 32, generator=torch.Generator().manual_seed(4))
    pose = torch.zeros(6, 24, 3)
    pose[:, JOINT_NAMES.index("left_shoulder"), 2] = -0.7
    pose[:, JOINT_NAMES.index("right_shoulder"), 2] = 0.7
    pose[:, JOINT_NAMES.index("left_hip"), 2] = 0.15
    pose[:, JOINT_NAMES.index("right_hip"), 2] = -0.15
    posed = body.pose(pose, betas, torch.tensor([0.1, 0.9, 0.0]).expand(6, -1))
    return Population(
        posed.vertices.double().numpy(),
        posed.joints.double().numpy(),
        body.faces.long().numpy(),
        body.weights.double().numpy(),
    )


def test_arms_go_out_and_legs_down(people: Population) -> None:
    at = dict(zip(JOINT_NAMES, to_t_pose(people).joints.transpose(1, 0, 2), strict=True))
    assert np.allclose(at["pelvis"], 0)
    for side, sign in (("left", 1), ("right", -1)):
        arm = at[f"{side}_wrist"] - at[f"{side}_shoulder"]
        assert np.allclose(arm[:, 1:], 0, atol=1e-9)
        assert (arm[:, 0] * sign > 0.4).all()
        leg = at[f"{side}_ankle"] - at[f"{side}_hip"]
        assert np.allclose(leg[:, 0] / -leg[:, 1], sign * 0.03, atol=1e-9)


def test_a_t_pose_has_the_shape_of_the_resting_body(people: Population) -> None:
    """The body's own rest pose is a T-pose, so that undoing an A-pose must nearly give it back."""
    found = to_t_pose(people)
    rest = open_body.load().pose(
        torch.zeros(6, 24, 3), torch.randn(6, 32, generator=torch.Generator().manual_seed(4))
    )
    error = np.linalg.norm(found.vertices - (rest.vertices - rest.joints[:, :1]).numpy(), axis=-1)
    assert error.mean() < 0.006


def test_principal_shapes_give_the_people_back() -> None:
    random = np.random.default_rng(0)
    given = random.normal(size=(30, 3)) @ random.normal(size=(3, 120)) + random.normal(size=120)
    vertices = given.reshape(30, 40, 3)
    mean, directions, betas = build.shape_space(vertices, 3)
    assert np.allclose(mean + np.einsum("vck,nk->nvc", directions, betas), vertices)
    assert np.allclose(betas.std(0, ddof=1), 1)


def test_joints_are_convex_combinations_of_nearby_vertices() -> None:
    random = np.random.default_rng(1)
    vertices = random.normal(size=(20, 1, 3)) + random.normal(size=(1, 60, 3)) * random.normal(
        1, 0.1, (20, 1, 1)
    )
    joints = np.stack([vertices[:, :10].mean(1), vertices[:, [3, 50]].mean(1)], axis=1)
    regressor = build.joint_regressor(vertices, joints, near=60)
    assert (regressor >= 0).all()
    assert np.allclose(regressor.sum(1), 1)
    assert np.allclose(np.einsum("jv,nvc->njc", regressor, vertices), joints, atol=1e-3)


def triangles(faces: np.ndarray) -> set[tuple[int, ...]]:
    """The faces as a set, each turned to begin with its smallest vertex."""
    return {tuple(np.roll(face, -face.argmin()).tolist()) for face in faces}


def test_the_markers_and_the_proxy_in_the_file_are_those_that_would_be_chosen() -> None:
    body = open_body.load()
    template, weights = body.v_template.numpy(), body.weights.numpy()
    assert (build.choose_markers(template, weights) == open_body.marker_vertices()).all()
    kept, faces = build.proxy(template, body.faces.numpy(), weights, build.PROXY_VERTICES)
    assert body.proxy_vertices is not None
    assert body.proxy_faces is not None
    assert (kept == body.proxy_vertices.numpy()).all()
    # Triangles in any order: which of two equal costs goes first is the processor's rounding.
    assert len(faces) == len(body.proxy_faces)
    assert triangles(faces) == triangles(body.proxy_faces.numpy())


def test_a_decoder_finds_the_linear_map_and_moves_with_its_markers() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=(8, 25))
    truth += (1 - truth.sum(0)) / 8
    markers = random.normal(size=(40, 8, 3))
    found = build.fit_decoder(markers, np.einsum("nmc,mv->nvc", markers, truth), ridge=1e-9)
    assert np.allclose(found, truth, atol=1e-6)
    noisy = build.fit_decoder(markers, random.normal(size=(40, 25, 3)), ridge=10.0)
    assert np.allclose(noisy.sum(0), 1)


def test_the_whole_build_runs_on_people_in_hand(
    people: Population, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "VERTICES", 6880)
    monkeypatch.setattr(build, "BODIES", 200)
    monkeypatch.setattr(build, "SHAPES", 4)
    monkeypatch.setattr(build, "NEAR", 60)
    poses = np.random.default_rng(0).normal(0, 0.15, (50, 24, 3)).astype(np.float32)
    np.savez(tmp_path / "poses.npz", **{"take/rotvec": poses, "take/root": poses[:, 0]})
    made = build.build(to_t_pose(people), tmp_path / "poses.npz")
    assert made.v_template.shape == (6880, 3)
    assert made.marker_decoder.shape == (64, 6880)
    joints = made.joint_regressor @ made.v_template
    assert np.linalg.norm(joints - to_t_pose(people).joints.mean(0), axis=1).max() < 0.02


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--mocap", str(tmp_path / "none.npz"), "--out", str(tmp_path / "body.npz")]
    with pytest.raises(SystemExit, match=r"^1$"):
        build.main(arguments)
    assert "none.npz" in capsys.readouterr().err
    np.savez(tmp_path / "none.npz")
    try:
        import anny  # noqa: F401
    except ImportError:
        with pytest.raises(SystemExit, match=r"^1$"):
            build.main(arguments)
        assert "pip install anny==0.6.2" in capsys.readouterr().err
