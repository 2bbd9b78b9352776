from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from meshgait_cli.body import open_body
from meshgait_cli.body.model import JOINT_NAMES, PARENTS, BodyModel, rotation_matrices


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body.load()


def random_poses(count: int, spread: float = 0.3) -> torch.Tensor:
    return torch.randn(count, 24, 3, generator=torch.Generator().manual_seed(5)) * spread


def skinned_slowly(body: BodyModel, pose: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """V×3: one body, joint by joint in 4×4 matrices and double precision, as the SMPL paper writes it."""
    template = body.v_template.double().numpy() + body.shapedirs.double().numpy() @ betas
    rest = body.joint_regressor.double().numpy() @ template
    worlds: list[np.ndarray] = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(pose[joint]).as_matrix()
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        worlds.append(worlds[parent] @ local if parent >= 0 else local)
    for joint, world in enumerate(worlds):
        world[:3, 3] -= world[:3, :3] @ rest[joint]
    blended = np.einsum("vj,jab->vab", body.weights.double().numpy(), np.stack(worlds))
    return np.einsum("vab,vb->va", blended[:, :3], np.c_[template, np.ones(len(template))])


def test_posing_is_linear_blend_skinning(body: BodyModel) -> None:
    pose, betas = random_poses(2), torch.linspace(-1.5, 1.5, 32)
    quick = body.pose(pose, betas).vertices.numpy()
    for found, one in zip(quick, pose, strict=True):
        assert np.abs(found - skinned_slowly(body, one.double().numpy(), betas.double().numpy())).max() < 1e-5


def test_one_shape_for_all_and_a_shape_for_each_agree(body: BodyModel) -> None:
    pose, betas, moved = random_poses(3), torch.randn(10) * 0.7, torch.randn(3, 3)
    one = body.pose(pose, betas, moved)
    each = body.pose(pose, betas.expand(3, -1), moved)
    kept = body.shape(betas).pose(rotation_matrices(pose), moved)
    for other in (each, kept):
        assert torch.allclose(one.vertices, other.vertices, atol=2e-6)
        assert torch.allclose(one.joints, other.joints, atol=2e-6)


def test_the_rest_pose_is_the_shape_itself(body: BodyModel) -> None:
    betas = torch.tensor([1.0, -2.0, 0.5])
    rest = body.pose(torch.zeros(1, 24, 3), betas)
    assert torch.allclose(rest.vertices[0], body.v_template + body.shapedirs[..., :3] @ betas, atol=1e-6)
    assert torch.allclose(rest.joints[0], body.joints_of(rest.vertices)[0], atol=1e-6)


def test_turning_the_pelvis_turns_everything_about_it(body: BodyModel) -> None:
    pose = torch.zeros(1, 24, 3)
    pose[0, 0, 1] = np.pi / 2
    still, turned = body.pose(torch.zeros(1, 24, 3)), body.pose(pose)
    about = still.joints[:, :1]
    quarter = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert torch.allclose(turned.vertices, (still.vertices - about) @ quarter.T + about, atol=1e-5)


def test_a_bent_knee_moves_only_the_lower_leg(body: BodyModel) -> None:
    pose = torch.zeros(1, 24, 3)
    pose[0, JOINT_NAMES.index("left_knee"), 0] = 1.0
    still, bent = body.pose(torch.zeros(1, 24, 3)), body.pose(pose)
    moved = (still.joints - bent.joints)[0].norm(dim=-1) > 1e-6
    assert {JOINT_NAMES[i] for i in moved.nonzero()[:, 0].tolist()} == {"left_ankle", "left_foot"}
    # Positive x lifts the foot behind a body that faces +z.
    ankle = JOINT_NAMES.index("left_ankle")
    assert bent.joints[0, ankle, 2] < still.joints[0, ankle, 2] - 0.1


def test_posing_passes_gradients_to_pose_shape_and_place(body: BodyModel) -> None:
    proxy = body.proxy()
    wanted = [
        torch.zeros(2, 24, 3),
        torch.zeros(2, 10),
        torch.zeros(2, 3),
    ]  # zero: where an angle's root bites
    for tensor in wanted:
        tensor.requires_grad_()
    posed = proxy.pose(*wanted)
    (posed.vertices.pow(2).sum() + posed.joints.sum()).backward()
    for tensor in wanted:
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert tensor.grad.abs().max() > 0


@pytest.mark.parametrize("angle", [0.0, 1e-6, 1e-3, 0.5, 3.0, np.pi, 6.0])
def test_rotation_matrices_are_those_of_rodrigues(angle: float) -> None:
    axis = np.array([[0.6, -0.48, 0.64], [0, 0, 1.0]])
    found = rotation_matrices(torch.from_numpy(axis * angle)).numpy()
    assert np.allclose(found, Rotation.from_rotvec(axis * angle).as_matrix(), atol=1e-7)


def test_pose_corrections_follow_the_joints_rotation(body: BodyModel) -> None:
    from dataclasses import replace

    corrected = replace(body.proxy(), posedirs=torch.zeros(len(body.proxy().v_template), 3, 207))
    assert corrected.posedirs is not None
    corrected.posedirs[7, 0, 0] = 0.5  # vertex 7, x, by the (0, 0) entry of the first joint's rotation less 1
    pose = torch.zeros(1, 24, 3)
    pose[0, 1, 2] = np.pi / 3
    plain, more = body.proxy().pose(pose), corrected.pose(pose)
    difference = (more.vertices - plain.vertices)[0].norm(dim=-1)
    assert difference[7] == pytest.approx(0.25, abs=1e-5)  # 0.5 · |cos 60° − 1|
    assert difference.sum() == pytest.approx(float(difference[7]), abs=1e-3)


@pytest.mark.parametrize("shape", [(24, 3), (2, 23, 3), (2, 24, 4), (2, 72)])
def test_rotations_of_another_shape_are_refused(body: BodyModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="N×24×3"):
        body.pose(torch.zeros(shape))


def test_too_many_betas_are_refused(body: BodyModel) -> None:
    with pytest.raises(ValueError, match="32"):
        body.shape(torch.zeros(33))


def test_nobody_poses_to_nothing(body: BodyModel) -> None:
    assert body.pose(torch.zeros(0, 24, 3)).vertices.shape == (0, 6890, 3)
