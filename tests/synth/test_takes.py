"""Recorded walks: read from files written here, brought to the 24 joints, cut into cycles, sampled around."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshgait_cli.body import open_body
from meshgait_cli.body.model import JOINT_NAMES, PARENTS
from meshgait_cli.errors import SourceNotFound
from meshgait_cli.synth import motion
from meshgait_cli.synth.feet import walk
from meshgait_cli.synth.takes.acclaim import read_amc
from meshgait_cli.synth.takes.bvh import read_bvh
from meshgait_cli.synth.takes.library import read_library, read_motions
from meshgait_cli.synth.takes.retarget import cycles, retarget
from meshgait_cli.synth.takes.skeleton import MotionError, roles_of
from meshgait_cli.synth.walkers import make_identity

REST = open_body.load().rest_joints.double().numpy()
# The 24 joints under names that exporters give them.
CMU = (
    *("Hips", "LeftUpLeg", "RightUpLeg", "LowerBack", "LeftLeg", "RightLeg", "Spine", "LeftFoot"),
    *("RightFoot", "Spine1", "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head"),
    *("LeftArm", "RightArm", "LeftForeArm", "RightForeArm", "LeftHand", "RightHand", "LHandEnd", "RHandEnd"),
)
BIOVISION = (
    *("Hips", "LeftHip", "RightHip", "Chest", "LeftKnee", "RightKnee", "Chest2", "LeftAnkle"),
    *("RightAnkle", "Chest3", "LeftToe", "RightToe", "Neck", "LeftCollar", "RightCollar", "Head"),
    *("LeftShoulder", "RightShoulder", "LeftElbow", "RightElbow", "LeftWrist", "RightWrist", "LTip", "RTip"),
)
MIXAMO = tuple("mixamorig:" + name for name in CMU)
BLENDER = (
    *("pelvis", "thigh.L", "thigh.R", "spine01", "shin.L", "shin.R", "spine02", "foot.L", "foot.R"),
    *("spine03", "toe.L", "toe.R", "neck", "clavicle.L", "clavicle.R", "head", "upperarm.L"),
    *("upperarm.R", "forearm.L", "forearm.R", "hand.L", "hand.R", "tip_a", "tip_b"),
)
HANDS = (20, 21, 22, 23)


def walking(seed=0, seconds=4.0, rate=60.0):
    """Rotations T×24×3, root T×3 (metres) and the style of somebody who walks along +z."""
    style = motion.sample_style(np.random.default_rng(seed))
    phases = 2 * np.pi * style.cadence * np.arange(0, seconds, 1 / rate)
    rotations, _ = motion.cycle(style, phases)
    return rotations, walk(style).at(phases) + [0.3, 0.9, -2.0], style


def write_bvh(path: Path, names, rotations, root, rate=60.0, *, pose=None, turn=None, scale=1.0, order="ZYX"):
    """A BVH of the 24 joints. pose: 24×3 axis-angle that the skeleton at rest is in already. turn: the
    world's."""
    world_rest = np.tile(np.eye(3), (24, 1, 1))
    rest = REST.copy()
    if pose is not None:
        own = Rotation.from_rotvec(pose).as_matrix()
        for joint, parent in enumerate(PARENTS):
            world_rest[joint] = own[joint] if parent < 0 else world_rest[parent] @ own[joint]
            if parent >= 0:
                rest[joint] = rest[parent] + world_rest[parent] @ (REST[joint] - REST[parent])
    turn = np.eye(3) if turn is None else turn
    local = Rotation.from_rotvec(rotations.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    world = np.empty_like(local)
    for joint, parent in enumerate(PARENTS):
        world[:, joint] = local[:, joint] if parent < 0 else world[:, parent] @ local[:, joint]
    # From its own rest pose, in the file's axes.
    world = turn @ world @ np.swapaxes(world_rest, 1, 2) @ turn.T
    children = {joint: [c for c in range(24) if PARENTS[c] == joint] for joint in range(24)}
    lines, angles = ["HIERARCHY"], []

    def joint_of(joint: int, depth: int) -> None:
        pad, parent = "\t" * depth, PARENTS[joint]
        offset = np.zeros(3) if parent < 0 else turn @ (rest[joint] - rest[parent]) * scale
        lines.append(f"{pad}{'ROOT' if parent < 0 else 'JOINT'} {names[joint]}\n{pad}{{")
        lines.append(f"{pad}\tOFFSET {' '.join(f'{v:.6f}' for v in offset)}")
        spins = " ".join(f"{axis}rotation" for axis in order)
        start = "6 Xposition Yposition Zposition" if parent < 0 else "3"
        lines.append(f"{pad}\tCHANNELS {start} {spins}")
        own = world[:, joint] if parent < 0 else np.swapaxes(world[:, parent], 1, 2) @ world[:, joint]
        angles.append(Rotation.from_matrix(own).as_euler(order, degrees=True))
        for child in children[joint]:
            joint_of(child, depth + 1)
        if not children[joint]:
            lines.append(f"{pad}\tEnd Site\n{pad}\t{{\n{pad}\t\tOFFSET 0 0.01 0\n{pad}\t}}")
        lines.append(f"{pad}}}")

    joint_of(0, 0)
    lines += ["MOTION", f"Frames: {len(world)}", f"Frame Time: {1 / rate:.7f}"]
    for row in np.concatenate([root @ turn.T * scale, *angles], axis=1):
        lines.append(" ".join(f"{value:.5f}" for value in row))
    path.write_text("\n".join(lines) + "\n")
    return path


ASF_NAMES = {
    1: "lfemur", 2: "rfemur", 3: "lowerback", 4: "ltibia", 5: "rtibia", 6: "upperback", 7: "lfoot",
    8: "rfoot", 9: "thorax", 10: "ltoes", 11: "rtoes", 12: "lowerneck", 13: "lclavicle", 14: "rclavicle",
    15: "head", 16: "lhumerus", 17: "rhumerus", 18: "lradius", 19: "rradius", 20: "lhand", 21: "rhand",
}  # fmt: skip


def write_acclaim(folder: Path, rotations, root, tilt=20.0):
    """16.asf and 16_01.amc. In Acclaim a bone starts where its parent ends, so hips and shoulders need bones
    of their own. tilt: of the bones' axes, degrees."""
    axis = Rotation.from_euler("xyz", [tilt, -tilt / 2, tilt], degrees=True)
    bones, tree = [], {}
    ends = {1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 9, 7: 10, 8: 11, 9: 12, 12: 15, 13: 16, 14: 17, 16: 18, 17: 19,
            18: 20, 19: 21, 20: 22, 21: 23}  # fmt: skip
    chest = 9

    def bone(name, vector, dof):
        length = float(np.linalg.norm(vector))
        way = vector / length if length > 1e-9 else np.array([0, 1.0, 0])
        degrees = axis.as_euler("xyz", degrees=True) if dof else np.zeros(3)
        bones.append(
            f"  begin\n     id {len(bones) + 1}\n     name {name}\n"
            f"     direction {way[0]:.9f} {way[1]:.9f} {way[2]:.9f}\n     length {length:.9f}\n"
            f"     axis {degrees[0]:.9f} {degrees[1]:.9f} {degrees[2]:.9f}  XYZ\n"
            + ("    dof rx ry rz\n" if dof else "") + "  end"
        )  # fmt: skip

    for joint, name in ASF_NAMES.items():
        parent = PARENTS[joint]
        if joint in (1, 2, 13, 14):
            bone(f"to_{name}", REST[joint] - REST[parent if parent == 0 else ends[chest]], False)
            tree.setdefault(ASF_NAMES.get(parent, "root"), []).append(f"to_{name}")
            tree[f"to_{name}"] = [name]
        else:
            tree.setdefault(ASF_NAMES.get(parent, "root"), []).append(name)
        vector = REST[ends[joint]] - REST[joint] if joint in ends else np.array([0, 0.02, 0.08])
        bone(name, vector, True)
    order, known = [], ["root"]
    while known:
        name = known.pop(0)
        if name in tree:
            order.append(f"    {name} {' '.join(tree[name])}")
            known += tree[name]
    (folder / "16.asf").write_text(
        "# made by a test\n:version 1.10\n:name VICON\n:units\n  length 0.45\n  angle deg\n:root\n"
        "   order TX TY TZ RX RY RZ\n   axis XYZ\n   position 0 0 0\n   orientation 0 0 0\n:bonedata\n"
        + "\n".join(bones) + "\n:hierarchy\n  begin\n" + "\n".join(order) + "\n  end\n"
    )  # fmt: skip
    text = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for t, pose in enumerate(rotations):
        text.append(str(t + 1))
        turn = Rotation.from_rotvec(pose[0]).as_euler("xyz", degrees=True)
        text.append("root " + " ".join(f"{v:.6f}" for v in [*root[t], *turn]))
        for joint, name in ASF_NAMES.items():
            own = (axis.inv() * Rotation.from_rotvec(pose[joint]) * axis).as_euler("xyz", degrees=True)
            text.append(f"{name} " + " ".join(f"{v:.6f}" for v in own))
    (folder / "16_01.amc").write_text("\n".join(text) + "\n")
    return folder / "16_01.amc"


def difference(found, wanted, joints=range(24)):
    """Degrees between two T×24×3 poses, the largest over frames, per joint."""
    return np.array(
        [
            np.degrees(
                (Rotation.from_rotvec(found[:, j]).inv() * Rotation.from_rotvec(wanted[:, j])).magnitude()
            )
            for j in joints
        ]
    ).max(1)


BODY = [j for j in range(24) if j not in (*HANDS, 7, 8, 10, 11)]


@pytest.mark.parametrize("names", [CMU, BIOVISION, MIXAMO, BLENDER])
@pytest.mark.parametrize("order", ["ZYX", "XYZ", "YXZ"])
def test_a_bvh_comes_back_as_it_was_written(tmp_path, names, order):
    rotations, root, _ = walking()
    taken = retarget(read_bvh(write_bvh(tmp_path / "a.bvh", names, rotations, root, order=order)), REST)
    assert taken.rate == pytest.approx(60, rel=1e-3)
    assert difference(taken.rotations, rotations, BODY).max() < 0.1
    np.testing.assert_allclose(taken.root, root, atol=1e-4)
    leg = np.linalg.norm(REST[4] - REST[1]) + np.linalg.norm(REST[7] - REST[4])
    assert taken.leg == pytest.approx(leg, rel=0.01)
    # Feet are levelled by what they do, not by the rest pose: a few degrees.
    assert difference(taken.rotations, rotations, [7, 8]).max() < 15


def test_arms_that_hang_and_legs_apart_at_rest_make_no_difference(tmp_path):
    rotations, root, _ = walking(1)
    pose = np.zeros((24, 3))
    pose[16, 2], pose[17, 2] = -1.2, 1.2
    pose[1, 2], pose[2, 2] = 0.3, -0.3
    file = write_bvh(tmp_path / "a.bvh", CMU, rotations, root, pose=pose)
    taken = retarget(read_bvh(file), REST)
    assert difference(taken.rotations, rotations, [0, 3, 6, 9, 12, 15, 13, 14]).max() < 0.1
    # The twist about a limb cannot be told; where its bone points can.
    own, other = _bones(taken.rotations), _bones(rotations)
    assert np.degrees(np.arccos((own * other).sum(-1).clip(-1, 1))).max() < 1


def _bones(rotations):
    local = Rotation.from_rotvec(rotations.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    world = np.empty_like(local)
    out = []
    for joint, parent in enumerate(PARENTS):
        world[:, joint] = local[:, joint] if parent < 0 else world[:, parent] @ local[:, joint]
    for a, b in ((1, 4), (2, 5), (4, 7), (5, 8), (16, 18), (17, 19), (18, 20), (19, 21)):
        bone = (REST[b] - REST[a]) / np.linalg.norm(REST[b] - REST[a])
        out.append(world[:, a] @ bone)
    return np.stack(out, axis=1)


@pytest.mark.parametrize(
    "turn", [Rotation.from_euler("x", 90, degrees=True), Rotation.from_euler("y", 90, degrees=True)]
)
def test_z_up_and_other_headings_and_other_units(tmp_path, turn):
    rotations, root, _ = walking(2)
    file = write_bvh(tmp_path / "a.bvh", CMU, rotations, root, turn=turn.as_matrix(), scale=100.0, rate=120.0)
    taken = retarget(read_bvh(file), REST)
    assert difference(taken.rotations, rotations, [j for j in BODY if j]).max() < 0.1
    straight = write_bvh(tmp_path / "b.bvh", CMU, rotations, root, rate=120.0)
    wanted, found = cycles(retarget(read_bvh(straight), REST), REST), cycles(taken, REST)
    assert len(found) == len(wanted) >= 1
    np.testing.assert_allclose(found[0][0], wanted[0][0], atol=0.01)


def test_acclaim_comes_back_as_it_was_written(tmp_path):
    rotations, root, _ = walking(3)
    taken = retarget(read_amc(write_acclaim(tmp_path, rotations, root)), REST)
    assert difference(taken.rotations, rotations, BODY).max() < 0.1
    np.testing.assert_allclose(taken.root, root, atol=1e-4)


@pytest.mark.parametrize("rate", [24.0, 60.0, 120.0])
def test_cycles_have_the_walkers_cadence_and_speed(tmp_path, rate):
    rotations, root, style = walking(4, seconds=6, rate=rate)
    found = cycles(retarget(read_bvh(write_bvh(tmp_path / "a.bvh", CMU, rotations, root, rate)), REST), REST)
    assert len(found) >= 3
    assert np.mean([1 / period for _, period, _ in found]) == pytest.approx(style.cadence, rel=0.03)
    leg = np.linalg.norm(REST[4] - REST[1]) + np.linalg.norm(REST[7] - REST[4])
    speed = walk(style).stride * style.cadence / leg
    assert np.mean([pace for _, _, pace in found]) == pytest.approx(speed, rel=0.05)


def test_standing_turning_and_going_backwards_are_no_walk():
    rotations, root, _ = walking(5, seconds=6)
    still = np.repeat(rotations[:1], len(rotations), axis=0)
    assert not cycles(_motion(still, np.zeros_like(root)), REST)
    assert not cycles(_motion(rotations, root * [1, 1, -1]), REST)
    around = np.linspace(0, 6 * np.pi, len(root))
    circle = np.stack([np.sin(around), np.full(len(root), 0.9), np.cos(around)], axis=1)
    assert not cycles(_motion(rotations, circle), REST)


def _motion(rotations, root):
    from meshgait_cli.synth.takes.retarget import Motion24

    return Motion24(rotations, root, 0.85, 60.0, "x")


def test_a_first_frame_in_the_rest_pose_is_dropped(tmp_path):
    rotations, root, _ = walking(6)
    with_pose = np.concatenate([np.zeros((2, 24, 3)), rotations])
    far = np.concatenate([np.full((2, 3), 50.0), root])
    taken = retarget(read_bvh(write_bvh(tmp_path / "a.bvh", CMU, with_pose, far)), REST)
    assert len(taken.rotations) == len(rotations)


def test_arrays_of_24_joints_and_of_amass(tmp_path):
    rotations, root, _ = walking(7)
    np.savez(tmp_path / "ours.npz", **{"07_01/rotvec": rotations, "07_01/root": root, "07_01/rate": 60})
    (taken,) = read_motions(tmp_path / "ours.npz", REST)
    np.testing.assert_allclose(taken.rotations, rotations)
    z_up = Rotation.from_rotvec([np.pi / 2, 0, 0])
    poses = rotations.reshape(-1, 72).copy()
    poses[:, :3] = (z_up * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    np.savez(
        tmp_path / "amass.npz",
        poses=np.pad(poses[:, :66], ((0, 0), (0, 90))),
        trans=z_up.apply(root),
        mocap_framerate=60.0,
    )
    (taken,) = read_motions(tmp_path / "amass.npz", REST)
    assert difference(taken.rotations, rotations, range(22)).max() < 1e-3
    np.testing.assert_allclose(taken.root, root, atol=1e-9)


ONE = b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 1 Xrotation\n}\nMOTION\n"
TREE = b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 3 Xrotation Yrotation Zrotation\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a bvh",
        b"HIERARCHY\nMOTION\nFrames: 1\nFrame Time: 0.1\n",
        TREE + b"MOTION\nFrames: 2\n",
        b"HIERARCHY\n}\nMOTION\n",
        b"HIERARCHY\nJOINT a\n{\n}\nMOTION\n",
        b"HIERARCHY\nROOT a\n{\nOFFSET 0 nan 0\n}\nMOTION\nFrames: 2\nFrame Time: .1\n",
        b"HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 9999999999 Xrotation\n}\nMOTION\n",
        ONE.replace(b"Xrot", b"Wrot") + b"Frames: 2\nFrame Time: .1\n1\n1\n",
        ONE + b"Frames: 99999999999\nFrame Time: .1\n1\n",
        ONE + b"Frames: 2\nFrame Time: 0\n1\n1\n",
        ONE + b"Frames: 2\nFrame Time: .1\n1\ninf\n",
        ONE + b"Frames: -2\nFrame Time: .1\n1\n1\n",
        ONE + b"Frames: 2\nFrame Time: .1\n1\n1 2\n",
        TREE + b"}\nMOTION\nFrames: 2\nFrame Time: .1\n1 1 1\n1 1 1\n",  # no legs
        bytes(range(256)) * 20,
    ],
)
def test_a_hostile_bvh_is_one_line(tmp_path, content):
    (tmp_path / "a.bvh").write_bytes(content)
    with pytest.raises(MotionError, match=r"a\.bvh") as caught:
        read_motions(tmp_path / "a.bvh", REST)
    assert "\n" not in str(caught.value)


def test_a_bvh_cut_anywhere_is_one_line(tmp_path):
    rotations, root, _ = walking(8, seconds=0.2)
    text = write_bvh(tmp_path / "a.bvh", CMU, rotations, root).read_text()
    for share in np.linspace(0.02, 0.95, 24):
        (tmp_path / "a.bvh").write_text(text[: int(len(text) * share)])
        with pytest.raises(MotionError):
            read_motions(tmp_path / "a.bvh", REST)


def test_acclaim_cut_anywhere_is_one_line(tmp_path):
    rotations, root, _ = walking(8, seconds=0.2)
    amc = write_acclaim(tmp_path, rotations, root)
    asf = tmp_path / "16.asf"
    for file in (asf, amc):
        text = file.read_text()
        # The end of an .asf is the word "end": without it nothing is lost.
        for share in np.linspace(0.02, 0.93, 16):
            file.write_text(text[: int(len(text) * share)])
            with pytest.raises(MotionError) as caught:
                read_motions(amc, REST)
            assert "\n" not in str(caught.value)
        file.write_text(text)
    read_motions(amc, REST)


def test_a_take_needs_its_skeleton(tmp_path):
    rotations, root, _ = walking(8, seconds=0.2)
    amc = write_acclaim(tmp_path, rotations, root)
    (tmp_path / "16.asf").rename(tmp_path / "99.asf")
    (tmp_path / "98.asf").write_text("another")
    with pytest.raises(MotionError, match=r"16\.asf"):
        read_amc(amc)


@pytest.mark.parametrize(
    "arrays",
    [
        {"rotvec": np.zeros((9, 23, 3)), "root": np.zeros((9, 3))},
        {"rotvec": np.zeros((9, 24, 3)), "root": np.zeros((8, 3))},
        {"rotvec": np.full((9, 24, 3), np.nan), "root": np.zeros((9, 3))},
        {"rotvec": np.zeros((9, 24, 3))},
        {"rotvec": np.array([{}], dtype=object), "root": np.zeros((1, 3))},
        {"rotvec": np.zeros((9, 24, 3)), "root": np.zeros((9, 3)), "rate": np.array(0.0)},
        {"poses": np.zeros((9, 60)), "trans": np.zeros((9, 3))},
        {"something": np.zeros(3)},
    ],
)
def test_hostile_arrays_are_one_line(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(MotionError, match=r"a\.npz"):
        read_motions(tmp_path / "a.npz", REST)
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(MotionError, match=r"a\.npz"):
        read_motions(tmp_path / "a.npz", REST)


def test_people_walk_in_the_manner_of_the_takes(tmp_path):
    rotations, root, style = walking(9, seconds=6)
    write_bvh(tmp_path / "anna_1.bvh", CMU, rotations, root)
    write_bvh(
        tmp_path / "stands.bvh", CMU, np.repeat(rotations[:1], 200, axis=0), np.repeat(root[:1], 200, axis=0)
    )
    (tmp_path / "notes.txt").write_text("not a motion")
    library = read_library(tmp_path)
    assert library.extra.shape == (2, 13, 74)  # and the mirror image
    assert len(library.skipped) == 1
    assert "stands.bvh" in library.skipped[0]
    assert library.fingerprint == read_library(tmp_path).fingerprint
    phases = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    knees = motion.cycle(style, phases)[0][:, [4, 5], 0]
    moved, apart = [], []
    for number in range(30):
        identity = make_identity(1, number)
        joined = library.join(identity, np.random.default_rng(number))
        np.testing.assert_array_equal(joined.betas, identity.betas)
        if joined.style is identity.style:
            continue
        moved.append(np.abs(motion.cycle(joined.style, phases)[0][:, [4, 5], 0] - knees).mean())
        apart.append(np.abs(motion.cycle(identity.style, phases)[0][:, [4, 5], 0] - knees).mean())
    assert 12 <= len(moved) < 30
    assert np.mean(moved) < 0.8 * np.mean(apart)


def test_a_dataset_with_takes_differs_from_one_without(tmp_path):
    from meshgait_cli.errors import UsageError
    from meshgait_cli.synth.dataset import make_dataset
    from meshgait_cli.synth.plan import SynthSettings

    rotations, root, _ = walking(9, seconds=6)
    (tmp_path / "takes").mkdir()
    write_bvh(tmp_path / "takes" / "a.bvh", CMU, rotations, root)
    library = read_library(tmp_path / "takes")
    settings = SynthSettings(frames=4, sequences=1, conditions=("nm",))
    make_dataset(tmp_path / "with", 4, settings, library=library)
    make_dataset(tmp_path / "without", 4, settings)
    pairs = [
        [(tmp_path / kind / f"{n:05d}" / "nm-01" / "r00" / "r00.pkl").read_bytes() for n in range(4)]
        for kind in ("with", "without")
    ]
    assert pairs[0] != pairs[1]
    with pytest.raises(UsageError, match="--motions"):
        make_dataset(tmp_path / "with", 4, settings)


def test_folders_without_motion(tmp_path):
    with pytest.raises(SourceNotFound, match=r"\.bvh"):
        read_library(tmp_path)
    with pytest.raises(SourceNotFound, match="there is no"):
        read_library(tmp_path / "nowhere")
    rotations, root, _ = walking(0, seconds=1)
    write_bvh(
        tmp_path / "still.bvh", CMU, np.repeat(rotations[:1], 60, axis=0), np.repeat(root[:1], 60, axis=0)
    )
    with pytest.raises(MotionError, match="nobody walks"):
        read_library(tmp_path)


def test_names_tell_left_from_right_and_shoulders_from_arms():
    for names in (CMU, BIOVISION, MIXAMO, BLENDER):
        roles = roles_of(names, PARENTS)
        assert {role: roles[role] for role in range(20)} == {role: role for role in range(20)}
    with pytest.raises(MotionError, match="hips, knees"):
        roles_of(("tail", "wing"), (-1, 0))
    assert len(JOINT_NAMES) == len(CMU)


def test_the_readers_agree_with_the_retargeted_mocap(shared, tmp_path):
    import tarfile

    with tarfile.open(shared / "mocap" / "cmu_walk_raw.tar.xz") as archive:
        for member in archive:
            if member.name in ("raw/16.asf", "raw/16_22.amc", "raw/07_12.bvh"):
                archive.extract(member, tmp_path, filter="data")
            if len(list(tmp_path.glob("raw/*"))) == 3:
                break
    # Amplitudes, not frames: files of one take begin a few frames apart.
    with np.load(shared / "mocap" / "cmu_walk_smpl24_60hz.npz") as data:
        for file, name in (("16_22.amc", "016_22"), ("07_12.bvh", "007_12")):
            (taken,) = read_motions(tmp_path / "raw" / file, REST)
            wanted = data[f"{name}/rotvec"].astype(np.float64)[5:]
            for joint in (0, 1, 2, 3, 4, 5, 6, 9, 12, 15, 16, 17, 18, 19):
                found = np.percentile(taken.rotations[:, joint], [5, 50, 95], axis=0)
                np.testing.assert_allclose(
                    found, np.percentile(wanted[:, joint], [5, 50, 95], axis=0), atol=0.08
                )
