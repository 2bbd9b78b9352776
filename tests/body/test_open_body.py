from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from meshgait_cli.body import open_body, pack
from meshgait_cli.body.model import JOINT_NAMES, PARENTS, BodyModel
from meshgait_cli.body.rasteriser import Outline


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return open_body.load()


def edges_of(faces: np.ndarray) -> Counter[tuple[int, int]]:
    return Counter((int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3))


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def test_it_has_smpls_format(body: BodyModel) -> None:
    assert body.v_template.shape == (6890, 3)
    assert body.shapedirs.shape == (6890, 3, 32)
    assert body.weights.shape == (6890, 24)
    assert body.faces.shape == (13776, 3)
    assert body.faces.dtype == torch.int32
    assert body.rest_joints.shape == (24, 3)
    assert body.parents == PARENTS
    assert len(JOINT_NAMES) == 24


@pytest.mark.parametrize("low", [False, True])
def test_both_meshes_are_closed_and_wound_outward(body: BodyModel, low: bool) -> None:
    mesh = body.proxy() if low else body
    directed = edges_of(mesh.faces.numpy())
    assert set(directed.values()) == {1}
    assert all((b, a) in directed for a, b in directed)
    assert 0.05 < volume(mesh.v_template.numpy(), mesh.faces.numpy()) < 0.09  # m³: some 70 kg


def test_every_vertex_belongs_wholly_to_some_joints(body: BodyModel) -> None:
    assert torch.allclose(body.weights.sum(1), torch.ones(6890), atol=1e-6)
    assert (body.weights >= 0).all()
    assert (body.weights > 0).sum(1).max() <= pack.INFLUENCES


def test_it_stands_upright_facing_z_with_arms_out(body: BodyModel) -> None:
    at = dict(zip(JOINT_NAMES, body.rest_joints.numpy(), strict=True))
    assert at["head"][1] > at["spine3"][1] > at["pelvis"][1] > at["left_knee"][1] > at["left_foot"][1]
    assert at["left_hand"][0] > 0.5 > -0.5 > at["right_hand"][0]
    assert at["left_foot"][2] > at["left_ankle"][2] + 0.05
    height = body.v_template[:, 1].max() - body.v_template[:, 1].min()
    assert 1.55 < float(height) < 1.85


def test_its_shapes_are_people_of_different_statures(body: BodyModel) -> None:
    betas = torch.randn(60, 32, generator=torch.Generator().manual_seed(0))
    posed = body.pose(torch.zeros(60, 24, 3), betas).vertices
    heights = posed[..., 1].amax(1) - posed[..., 1].amin(1)
    assert heights.std() > 0.05
    assert heights.min() > 1.3
    assert heights.max() < 2.2


def test_the_proxy_is_the_body_at_fewer_vertices(body: BodyModel) -> None:
    proxy = body.proxy()
    assert 1000 <= len(proxy.faces) <= 1500
    pose, betas = torch.randn(4, 24, 3) * 0.25, torch.randn(32)
    assert body.proxy_vertices is not None
    whole, low = body.pose(pose, betas), proxy.pose(pose, betas)
    assert torch.allclose(whole.vertices[:, body.proxy_vertices.long()], low.vertices, atol=2e-6)
    assert torch.allclose(whole.joints, low.joints, atol=2e-6)
    with pytest.raises(ValueError, match="no low-polygon"):
        proxy.proxy()
    with pytest.raises(ValueError, match="too few"):
        proxy.joints_of(low.vertices)


def test_the_proxy_is_good_enough_for_a_small_silhouette(body: BodyModel) -> None:
    pose = torch.randn(12, 24, 3, generator=torch.Generator().manual_seed(2)) * 0.2
    pictures = []
    for mesh in (body, body.proxy()):
        vertices = mesh.pose(pose).vertices
        across = vertices[..., 2] * 0.8 + vertices[..., 0] * 0.6
        points = torch.stack([32 + across * 34, 34 - vertices[..., 1] * 34], dim=-1)
        pictures.append(Outline(mesh.faces)(points, 64, 64) > 0)
    both, either = (pictures[0] & pictures[1]).sum((1, 2)), (pictures[0] | pictures[1]).sum((1, 2))
    assert (both / either).mean() > 0.94


def test_markers_are_spread_over_both_sides(body: BodyModel) -> None:
    numbers = open_body.marker_vertices()
    assert numbers.shape == (64,)
    assert len(set(numbers.tolist())) == 64
    places = body.v_template.numpy()[numbers]
    assert np.linalg.norm(places[:32] * [-1, 1, 1] - places[32:], axis=1).max() < 0.03
    joints = body.weights.numpy()[numbers].argmax(1)
    assert len(set(joints.tolist())) >= 14


def test_markers_give_the_mesh_back(body: BodyModel) -> None:
    decoder = open_body.marker_decoder()
    assert decoder.shape == (64, 6890)
    assert np.allclose(decoder.sum(0), 1, atol=1e-5)
    pose = torch.zeros(5, 24, 3)  # the poses of a walk: legs and arms swing
    swing = torch.linspace(-0.5, 0.5, 5)
    pose[:, 1, 0], pose[:, 2, 0], pose[:, 5, 0] = swing, -swing, swing.clamp(min=0) * 1.5
    pose[:, 16, 2], pose[:, 17, 2], pose[:, 16, 1] = -1.2, 1.2, swing
    betas = torch.randn(5, 32, generator=torch.Generator().manual_seed(1)) * 0.8
    vertices = body.pose(pose, betas, torch.tensor([[3.0, 1.0, 9.0]]).expand(5, -1)).vertices.numpy()
    again = np.einsum("nmc,mv->nvc", vertices[:, open_body.marker_vertices()], decoder)
    assert np.linalg.norm(again - vertices, axis=-1).mean() < 0.012


def test_packing_loses_less_than_half_a_millimetre(tmp_path: Path) -> None:
    random, count = np.random.default_rng(0), 300
    weights = random.dirichlet(np.full(24, 0.02), count)
    decoder = random.normal(0, 0.3, (64, count)).astype(np.float32)
    given = pack.Packed(
        v_template=random.normal(0, 0.5, (count, 3)).astype(np.float32),
        shapedirs=random.normal(0, 0.02, (count, 3, 4)).astype(np.float32),
        weights=weights.astype(np.float32),
        joint_regressor=(random.random((24, count)) * (random.random((24, count)) < 0.1)).astype(np.float32),
        faces=random.integers(0, count, (50, 3)).astype(np.int32),
        marker_vertices=np.arange(64, dtype=np.int32),
        marker_decoder=decoder + (1 - decoder.sum(0)) / 64,
        proxy_vertices=np.arange(40, dtype=np.int32),
        proxy_faces=random.integers(0, 40, (20, 3)).astype(np.int32),
    )
    pack.write(tmp_path / "body.npz", given)
    found = pack.read(tmp_path / "body.npz")
    assert (found.v_template == given.v_template).all()
    assert np.abs(found.shapedirs - given.shapedirs).max() < 5e-5
    assert np.abs(found.joint_regressor - given.joint_regressor).max() < 1e-6
    assert np.abs(found.marker_decoder - given.marker_decoder).max() < 1e-3
    assert np.allclose(found.marker_decoder.sum(0), 1, atol=1e-5)
    for name in ("faces", "marker_vertices", "proxy_vertices", "proxy_faces"):
        assert (getattr(found, name) == getattr(given, name)).all()


def test_the_file_is_small_and_free() -> None:
    assert open_body.DATA_FILE.stat().st_size < 2_500_000
    assert "CC0 1.0 Universal" in (open_body.DATA_FILE.parent / "LICENSE").read_text()
