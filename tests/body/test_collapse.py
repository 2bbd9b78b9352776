from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.body.collapse import collapse


def ball(steps: int = 3) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=steps)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def test_a_ball_stays_a_closed_ball() -> None:
    import trimesh

    vertices, faces = ball()
    kept, fewer = collapse(vertices, faces, 120, np.ones(len(vertices)))
    assert len(kept) == 120
    assert len(fewer) == 2 * 120 - 4  # Euler: a closed surface without handles
    mesh = trimesh.Trimesh(vertices[kept], fewer, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi, rel=0.1)


def test_what_is_important_is_kept() -> None:
    vertices, faces = ball()
    importance = np.where(vertices[:, 1] > 0, 1.0, 0.01)
    kept, _ = collapse(vertices, faces, 300, importance)
    assert (vertices[kept, 1] > 0).sum() > 2 * (vertices[kept, 1] <= 0).sum()


def test_nothing_to_remove() -> None:
    vertices, faces = ball(1)
    kept, same = collapse(vertices, faces, len(vertices), np.ones(len(vertices)))
    assert (kept == np.arange(len(vertices))).all()
    assert (same == faces).all()


def test_a_tetrahedron_cannot_be_made_smaller() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    kept, left = collapse(vertices, faces, 3, np.ones(4))
    assert len(kept) == 4
    assert len(left) == 4
