"""Networks as ONNX files that need nothing of ours, each checked against torch before it is given away."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import MeshgaitError, UsageError
from .spared import spare

if TYPE_CHECKING:
    from torch import Tensor

    from .backends.graph import Graph

__all__ = ["PARTS", "Exported", "export"]

PARTS = ("network", "segmenter")
_BOUND = 1e-3  # relative L2 error against torch, above which the file is not written


@dataclass(frozen=True, slots=True)
class Exported:
    """inputs, outputs: name → shape, with a name where the size is free. errors: by what was put in, the
    relative L2 error against torch in float32. checked_by: what ran the file."""

    path: Path
    model: str
    opset: int
    inputs: dict[str, list[int | str]]
    outputs: tuple[str, ...]
    errors: dict[str, float]
    checked_by: str

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "path": str(self.path)}


def export(
    part: str,
    path: Path,
    *,
    model: str | Path | None = None,
    segmenter: str = "mobile",
    sam_checkpoint: Path | None = None,
    crop_px: int = 320,
) -> Exported:
    """Write the gait network (walks×frames×64×44 floats 0-1 to walks×16×dim; any number of either), or SAM's
    crop encoder (people×3×S×S RGB 0-255 to features; any number of people). The first can then be used
    wherever a network's checkpoint can, by any backend.

    Two walks, or crops, of other sizes than the file was made with are put through it and through torch.
    Raises UsageError for another part, a bad name, a place that cannot be written, or missing packages,
    MeshgaitError when the two disagree.
    """
    from .backends.spec import EXPORTER, missing_packages
    from .pipeline import ExtractSettings

    if part not in PARTS:
        raise UsageError(f"unknown part {part!r}: use {' or '.join(PARTS)}")
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"an exported network is an .onnx file, not {path}")
    if part == "segmenter":
        ExtractSettings(segmenter=segmenter, crop_px=crop_px)  # refuses what `extract` would
    missing = missing_packages("onnxruntime")
    if missing:
        raise UsageError(
            f"exporting needs {', '.join(missing)}: python -m pip install 'meshgait[onnx]', "
            f"or {' '.join(('onnxruntime', *EXPORTER))}"
        )
    _writable(path, model, sam_checkpoint)
    from .atomic import aside
    from .backends.onnx_file import OPSET, to_onnx  # only now torch, which takes seconds

    if part == "network":
        name, content, graph, trials = _network(model)
    else:
        name, graph, trials = _segmenter(segmenter, sam_checkpoint, crop_px)
        content = to_onnx(graph)
    errors = {what: _error(graph, content, given) for what, given in trials.items()}
    worst = max(errors.values())
    if not worst <= _BOUND:
        raise MeshgaitError(f"the exported {part} differs from torch's by {worst:.2g}: nothing was written")
    with aside(path) as temporary:
        temporary.write_bytes(content)
    inputs = dict(zip(graph.inputs, graph.shapes(), strict=True))
    return Exported(path, name, OPSET, inputs, graph.outputs, errors, "onnxruntime")


def _writable(path: Path, *inputs: str | Path | None) -> None:
    """Say at once, and not after a minute's work, that there can be no such file. Raises UsageError."""
    spare("--out", path, *inputs)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {folder} takes no files from you")


def _network(model: str | Path | None) -> tuple[str, bytes, Graph, dict[str, Tensor]]:
    import torch

    from .backends.onnx_file import to_onnx
    from .datasets.silhouettes import read_place
    from .network.checkpoint import load
    from .network.exported import Description, described
    from .network.graph import graph_of
    from .shipped import folder

    loaded = load(model)
    graph = graph_of(loaded.network, loaded.id)
    # The graph is recognition's, and has no decoder: bodies of an exported file are not refined.
    description = Description(loaded.id, replace(loaded.config, refiner=0), loaded.trained, loaded.card)
    content = described(to_onnx(graph, keep_tensors=True), description)
    walkers = sorted((folder("examples") / "walkers").glob("*.npz"))[:2]
    real = [torch.from_numpy(read_place(path)[0].cropped).float() / 255 for path in walkers]
    frames = min(len(each) for each in real)
    drawn = torch.Generator().manual_seed(0)
    trials = {
        "random numbers": torch.rand(3, 7, 64, 44, generator=drawn),
        "walkers": torch.stack([each[:frames] for each in real]),
    }
    return loaded.id, content, graph, trials


def _segmenter(variant: str, checkpoint: Path | None, size: int) -> tuple[str, Graph, dict[str, Tensor]]:
    import torch

    from .people.segment import PersonSegmenter

    segmenter = PersonSegmenter(variant, checkpoint, "cpu", size, "torch:f32")
    drawn = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(3, 3, 9, 9, generator=drawn) * 255, (size, size), mode="bicubic"
    ).clamp(0, 255)
    trials = {"random numbers": torch.rand(1, 3, size, size, generator=drawn) * 255, "soft patches": smooth}
    people = _people(size)
    if people is not None:
        trials["people"] = people
    return segmenter.model_id, segmenter.graph, trials


def _people(size: int) -> Tensor | None:
    """Two crops, 2×3×size×size RGB 0-255, of the street in ultralytics; None if it is not there."""
    import cv2
    import numpy as np
    import torch

    from .thirdparty import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.utils import ASSETS

    street = cv2.imread(str(ASSETS / "bus.jpg"))
    if street is None:
        return None
    # Squares of 675 pixels, of its left and its right, with people in each.
    squares = [street[300:975, :675], street[300:975, -675:]]
    crops = [cv2.resize(each[:, :, ::-1], (size, size), interpolation=cv2.INTER_AREA) for each in squares]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()


def _error(graph: Graph, content: bytes, given: Tensor) -> float:
    import onnxruntime
    import torch

    from .backends.choose import error_of

    session: Any = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {graph.inputs[0]: given.numpy()})
    with torch.inference_mode():
        expected = graph.build()(given)
    return error_of([torch.from_numpy(each) for each in found], [expected])
