"""YOLO's network by any backend, between ultralytics' own letterbox and its own suppression.

The cut is where the last convolutions end: before it are all the operations, in any precision and library;
behind it boxes are decoded, in torch and float32, by ultralytics.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ..backends.choose import Compiled
from ..backends.graph import Graph

__all__ = ["STRIDE", "graph_of", "predictor_of"]

STRIDE = 32  # what heights and widths are multiples of
_SAMPLE = (2, 384, 640)  # pictures, height, width: two frames of a 16:9 video at 640


class _Raw(nn.Module):
    """N×3×H×W RGB 0-1 to what the head's convolutions say of each anchor, N×channels×anchors, in the
    order of `names`. After ultralytics' `BaseModel._predict_once` and `Detect.forward`."""

    def __init__(self, model: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.layers, self.head = model.model[:-1], model.model[-1]
        self.kept, self.names = frozenset(model.save), names

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        seen: list[Any] = []
        x: Any = pictures
        for layer in self.layers:
            x = layer(_inputs(layer.f, x, seen))
            seen.append(x if layer.i in self.kept else None)
        said = _said(self.head, _inputs(self.head.f, x, seen))
        return tuple(said[name] for name in self.names)


def graph_of(yolo: Any, name: str, identity: str) -> Graph | None:
    """Of ultralytics' model `yolo`; None where its head is not of the kind that is cut here (segmentation,
    transformers): such a network runs as it comes."""
    from ultralytics.nn.modules.head import Detect

    head = yolo.model.model[-1]
    if type(head).forward is not Detect.forward or not hasattr(head, "forward_head"):
        return None
    if int(head.stride.max()) != STRIDE:
        return None
    network = deepcopy(yolo.model).float().fuse(verbose=False).eval().requires_grad_(False)
    with torch.inference_mode():
        said = _outputs(network)
    count, height, width = _SAMPLE
    coarse = torch.rand(count, 3, height // 16, width // 16, generator=torch.Generator().manual_seed(0))
    sample = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return Graph(
        name=f"detector-{name}",
        identity=identity,
        build=lambda: _Raw(deepcopy(network), said).eval(),
        sample=(sample,),
        inputs=("pictures",),
        outputs=said,
        free=({0: "pictures", 2: "height", 3: "width"},),
        steps={"height": STRIDE, "width": STRIDE},
    )


def predictor_of(yolo: Any, names: tuple[str, ...], run: Compiled) -> Any:
    """ultralytics' predictor of the model's task, with `run`, whose outputs are `names`, in place of the
    network."""
    base: Any = yolo.task_map[yolo.task]["predictor"]

    class Predictor(base):  # type: ignore[misc]
        def inference(self, im: Tensor, *_: Any, **__: Any) -> Tensor:
            head = self.model.model.model[-1]
            said = dict(zip(names, run(im), strict=True))
            # The decoder asks the feature maps for their sizes alone.
            sizes = [(im.shape[2] // int(s), im.shape[3] // int(s)) for s in head.stride]
            maps = [im.new_empty(()).expand(len(im), 1, *size) for size in sizes]
            found: Tensor = head._inference({**said, "feats": maps})
            return head.postprocess(found.permute(0, 2, 1)) if head.end2end else found

    return Predictor


def _inputs(where: int | list[int], before: Any, seen: list[Any]) -> Any:
    """What a layer reads: -1 is the layer before."""
    if isinstance(where, int):
        return before if where == -1 else seen[where]
    return [before if each == -1 else seen[each] for each in where]


def _said(head: Any, maps: list[Tensor]) -> dict[str, Any]:
    said: dict[str, Any] = head.forward_head(maps, **(head.one2one if head.end2end else head.one2many))
    return said


def _outputs(network: Any) -> tuple[str, ...]:
    """The names of what the head says, asked with the smallest picture."""
    _, said = network(torch.zeros(1, 3, STRIDE, STRIDE))
    if "one2one" in said:
        said = said["one2one" if network.model[-1].end2end else "one2many"]
    return tuple(sorted(name for name, value in said.items() if isinstance(value, Tensor)))
