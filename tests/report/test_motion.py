"""Bodies that were packed into a page come out as they went in, to a few millimetres."""

from __future__ import annotations

import base64
import json

import numpy as np

from meshgait_cli.body import open_body
from meshgait_cli.report.motion import TOLERANCE, Motion, pack, unpack


def _motion(seed, frames=30):
    rng = np.random.default_rng(seed)
    matrix = open_body.marker_decoder()
    rest = rng.uniform(-0.5, 0.5, (1, 64, 3))
    markers = rest + 0.1 * np.sin(np.arange(frames) / 5)[:, None, None] * rng.standard_normal((1, 64, 3))
    vertices = np.einsum("tmc,mv->tvc", markers, matrix).astype(np.float32)
    return Motion(vertices, np.arange(frames) / 24, frames / 24)


def test_every_vertex_comes_back():
    motions = [_motion(1), _motion(2, 45)]
    faces = np.asarray(open_body.load().faces)
    packed = json.loads(json.dumps(pack(motions, faces)))
    for number, motion in enumerate(motions):
        found = unpack(packed, number)
        assert found.shape == motion.vertices.shape
        assert np.abs(found - motion.vertices).max() < 1.5 * TOLERANCE
    stored = np.frombuffer(base64.b64decode(packed["faces"]), "<u2").reshape(-1, 3)
    np.testing.assert_array_equal(stored, faces)


def test_a_body_is_small():
    packed = pack([_motion(seed, 80) for seed in range(8)], np.asarray(open_body.load().faces))
    assert len(json.dumps(packed)) < 3_000_000


def test_a_single_frame_and_a_still_body():
    still = Motion(np.repeat(_motion(1, 1).vertices, 5, axis=0), np.arange(5) / 24, 5 / 24)
    for motion in (_motion(3, 1), still):
        packed = pack([motion], np.zeros((1, 3), np.int32))
        assert np.abs(unpack(packed, 0) - motion.vertices).max() < 1.5 * TOLERANCE
