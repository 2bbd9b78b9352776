"""Compiled forms on disk: made once, found again, never half-written.

They are in the user's cache folder (MESHGAIT_CACHE overrides), can be deleted at any time, and are named
by everything that went into them: another checkpoint, shape, or version of a library is another file.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..atomic import aside
from ..homes import expanded
from ..words import from_json
from .graph import Graph
from .onnx_file import OPSET, to_onnx

__all__ = ["cache_folder", "cached_onnx", "key_of", "read_choice", "write_choice"]

_KEPT = 6  # files of one graph's name; those made longest ago go first
_LAYOUT = 1  # raise it when `to_onnx` changes what it writes


def cache_folder() -> Path:
    """MESHGAIT_CACHE, else a folder in the user's cache."""
    chosen = os.environ.get("MESHGAIT_CACHE")
    if chosen:
        return expanded(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("meshgait", appauthor=False) / "compiled"


def key_of(graph: Graph, **more: Any) -> str:
    """16 hex digits of everything that decides the compiled form."""
    facts = {
        "layout": _LAYOUT,
        "identity": graph.identity,
        "shapes": graph.shapes(),
        "types": [str(tensor.dtype) for tensor in graph.sample],
        "names": [graph.inputs, graph.outputs],
        "opset": OPSET,
        "versions": [_version(name) for name in ("meshgait", "torch", "onnx", "onnxscript")],
        **more,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def cached_onnx(graph: Graph) -> bytes:
    """The graph as ONNX: its own file, or from the cache where it is there. A cache that cannot be written is
    done without."""
    if graph.file is not None:
        return graph.file.read_bytes()
    path = _path(graph, key_of(graph), ".onnx")
    with suppress(OSError):
        found = path.read_bytes()
        if found:
            return found
    made = to_onnx(graph)
    _write(graph, path, made)
    return made


def read_choice(graph: Graph, key: str) -> dict[str, Any] | None:
    """What `write_choice` kept, or None."""
    try:
        found = from_json(_path(graph, key, ".json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_choice(graph: Graph, key: str, choice: dict[str, Any]) -> None:
    _write(graph, _path(graph, key, ".json"), (json.dumps(choice, indent=1) + "\n").encode())


def forget(graph: Graph) -> None:
    """Remove the ONNX file of a graph, so that it is made anew."""
    with suppress(OSError):
        _path(graph, key_of(graph), ".onnx").unlink()


def _path(graph: Graph, key: str, suffix: str) -> Path:
    return cache_folder() / f"{graph.name}-{key}{suffix}"


def _write(graph: Graph, path: Path, content: bytes) -> None:
    with suppress(OSError):
        with aside(path) as temporary:
            temporary.write_bytes(content)
        siblings = sorted(path.parent.glob(f"{graph.name}-*{path.suffix}"), key=_age)
        for old in siblings[:-_KEPT]:
            old.unlink()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
