"""The same pictures as `body.shade`, drawn by OpenGL where it is there (extra `gl`: moderngl over EGL).

Nothing needs it: `shader()` gives the software renderer when moderngl or the system's EGL is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..body.shade import AMBIENT, HALFWAY, LIGHT, shade, vertex_normals
from ..errors import RenderError

__all__ = ["GlShader", "Shader", "shader"]


class Shader(Protocol):
    """What draws one mesh: `body.shade.shade`, or a GlShader. Arguments and result as there."""

    def __call__(
        self,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        height: int,
        width: int,
        colour: tuple[int, int, int],
        samples: int = 2,
    ) -> NDArray[np.uint8]: ...


_VERTEX = """
#version 330
uniform vec3 low;   // of the picture and the depths, in pixels
uniform vec3 size;
in vec3 place;
in vec3 normal;
out vec3 facing;
void main() {
    gl_Position = vec4(2.0 * (place - low) / size - 1.0, 1.0);
    facing = normal;
}
"""

_FRAGMENT = """
#version 330
uniform vec3 colour;  // 0-255
uniform vec3 light;
uniform vec3 halfway;
uniform float ambient;
in vec3 facing;
out vec4 shown;
void main() {
    vec3 n = normalize(facing);
    float diffuse = pow(0.5 + 0.5 * clamp(dot(n, light), -1.0, 1.0), 1.6);
    float rim = pow(1.0 - abs(n.z), 3.0);
    float sheen = 0.22 * pow(max(dot(n, halfway), 0.0), 24.0);
    float lit = max(ambient + (1.0 - ambient) * diffuse - 0.25 * rim, 0.1);
    shown = vec4((colour * lit + 255.0 * sheen) / 255.0, 1.0);
}
"""


class GlShader:
    """Draws through an off-screen OpenGL context. RenderError when there is none to be had.

    Use it as a context manager, in one thread.
    """

    def __init__(self) -> None:
        try:
            import moderngl
        except ImportError as error:
            raise RenderError("OpenGL needs moderngl: python -m pip install 'meshgait[gl]'") from error
        try:
            self._context: Any = moderngl.create_context(standalone=True, backend="egl")
        except Exception as error:  # a missing library raises a bare Exception
            raise RenderError(f"no OpenGL here ({error}): draw without it") from error
        self._program = self._context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
        self._targets: dict[tuple[int, int], Any] = {}
        self._context.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._context.front_face = "cw"  # with y down and z away, outward faces run clockwise in numbers

    @property
    def name(self) -> str:
        """What draws, in the driver's words."""
        return str(self._context.info["GL_RENDERER"])

    def __enter__(self) -> GlShader:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.release()

    def __call__(
        self,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        height: int,
        width: int,
        colour: tuple[int, int, int],
        samples: int = 2,
    ) -> NDArray[np.uint8]:
        """As `body.shade.shade`: height×width×4 uint8 RGBA, not premultiplied."""
        points = np.asarray(vertices, dtype=np.float64)
        near, far = float(points[:, 2].min()), float(points[:, 2].max())
        margin = 0.01 * (far - near) + 1e-3
        self._program["low"] = (0.0, 0.0, near - margin)
        self._program["size"] = (float(width), float(height), far - near + 2 * margin)
        self._program["colour"] = tuple(float(value) for value in colour)
        self._program["light"], self._program["halfway"] = tuple(LIGHT), tuple(HALFWAY)
        self._program["ambient"] = AMBIENT
        both = np.concatenate([points, vertex_normals(points, faces)], axis=1).astype("f4")
        target = self._target(width * samples, height * samples)
        target.use()
        target.clear()
        content = self._context.buffer(both.tobytes())
        index = self._context.buffer(np.ascontiguousarray(faces, dtype="i4").tobytes())
        mesh = self._context.vertex_array(
            self._program, [(content, "3f 3f", "place", "normal")], index_buffer=index
        )
        mesh.render()
        raw = np.frombuffer(target.read(components=4), np.uint8)
        for part in (mesh, content, index):
            part.release()
        # The first row that GL reads is that of the smallest y, which is our top.
        picture = raw.reshape(height * samples, width * samples, 4)
        if samples == 1:
            return picture.copy()
        mixed = cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        mixed[..., :3] /= np.maximum(mixed[..., 3:] / 255, 1e-3)  # empty samples are black: take them out
        return np.asarray(np.clip(np.round(mixed), 0, 255), dtype=np.uint8)

    def _target(self, width: int, height: int) -> Any:
        """A frame buffer of that size; only the last is kept, since crops differ in size."""
        if (width, height) not in self._targets:
            for old in self._targets.values():
                for attachment in (*old.color_attachments, old.depth_attachment, old):
                    attachment.release()
            self._targets = {
                (width, height): self._context.framebuffer(
                    [self._context.renderbuffer((width, height), 4)],
                    self._context.depth_renderbuffer((width, height)),
                )
            }
        return self._targets[width, height]


@contextmanager
def shader() -> Iterator[Shader]:
    """OpenGL where it can be had, the software renderer elsewhere."""
    try:
        opened = GlShader()
    except RenderError:
        yield shade
        return
    with opened:
        yield opened
