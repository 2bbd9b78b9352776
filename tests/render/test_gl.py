from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest

from meshgait_cli.body import open_body
from meshgait_cli.body.shade import shade
from meshgait_cli.errors import RenderError
from meshgait_cli.render.gl import GlShader, shader


@pytest.fixture
def gl() -> Iterator[GlShader]:
    pytest.importorskip("moderngl")
    try:
        opened = GlShader()
    except RenderError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.mark.parametrize("samples", [1, 2])
def test_opengl_draws_what_the_software_draws(gl: GlShader, samples: int) -> None:
    body = open_body.load()
    pose = np.zeros((1, 24, 3))
    pose[0, 0, 1], pose[0, 1, 0], pose[0, 16, 2] = 0.7, 0.5, -1.2
    vertices = body.pose(pose).vertices[0].numpy() * [1, -1, -1] * 120 + [125, 130, 0]
    for height, width in ((260, 250), (150, 200)):  # the second cuts the body off
        ours = shade(vertices, body.faces.numpy(), height, width, (200, 90, 30), samples)
        theirs = gl(vertices, body.faces.numpy(), height, width, (200, 90, 30), samples)
        assert theirs.shape == ours.shape
        assert (np.abs(ours[..., 3].astype(int) - theirs[..., 3]) > 128).mean() < 0.002
        both = (ours[..., 3] == 255) & (theirs[..., 3] == 255)
        assert both.mean() > 0.05
        assert np.abs(ours[both, :3].astype(int) - theirs[both, :3]).mean() < 2


def test_without_moderngl_software_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moderngl", None)
    with pytest.raises(RenderError, match="pip install"):
        GlShader()
    with shader() as draw:
        assert draw is shade


def test_a_missing_system_library_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise Exception("libEGL.so not loaded")

    broken = types.SimpleNamespace(create_context=fail)
    monkeypatch.setitem(sys.modules, "moderngl", broken)
    with pytest.raises(RenderError, match="libEGL"):
        GlShader()
    with shader() as draw:
        assert draw is shade
