"""A graph as ONNX, by torch.export: no TorchScript."""

from __future__ import annotations

import re
import warnings
from typing import Any

import torch

from .graph import Graph

__all__ = ["OPSET", "to_onnx"]

OPSET = 20  # the first with Gelu as one operator


def to_onnx(graph: Graph, *, keep_tensors: bool = False) -> bytes:
    """The serialised ONNX model, weights inside. Raises whatever torch.export raises for such a module.

    keep_tensors: all of the module's, by their names, for whoever wants to read them; else norms are folded
    into convolutions here, as the libraries that run the file do in any case.
    """
    free = graph.free or ({},) * len(graph.sample)
    names = sorted({name for axes in free for name in axes.values()})
    dims = {name: _dim(name, graph.steps.get(name, 1)) for name in names}
    shapes = tuple({axis: dims[name] for axis, name in axes.items()} for axes in free)
    module = graph.build()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of deprecations inside torch, and of caches that modules keep
        # Strict: the other mode takes len(tensor) for a constant, and with it the batch.
        program = torch.export.export(module, graph.sample, dynamic_shapes=shapes, strict=True)
        exported = torch.onnx.export(
            program,
            graph.sample,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            optimize=not keep_tensors,
        )
    assert exported is not None
    model: Any = exported.model_proto
    if keep_tensors:
        _without_no_biases(model)
    _name_axes(model, graph)
    return bytes(model.SerializeToString())


def _dim(name: str, step: int) -> Any:
    dim = torch.export.Dim(name if step == 1 else f"{name}_by_{step}", min=1)
    return dim if step == 1 else step * dim


def _without_no_biases(model: Any) -> None:
    """Of convolutions without a bias the exporter computes one of zeros, which OpenVINO cannot read."""
    from onnxscript import optimizer

    made_by = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type != "Conv" or len(node.input) < 3:
            continue
        bias = made_by.get(node.input[2])
        if bias is not None and bias.op_type == "Expand" and made_by[bias.input[0]].op_type == "CastLike":
            del node.input[2]
    optimizer.remove_unused_nodes(model)


def _name_axes(model: Any, graph: Graph) -> None:
    """The free axes by our names, where the exporter has its own (s6), in expressions (6*s6) too."""
    named: dict[str, str] = {}
    for value, shape in zip(model.graph.input, graph.shapes(), strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            if isinstance(size, str):
                named[dim.dim_param] = size
    if not named:
        return
    pattern = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in named))
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = pattern.sub(lambda found: named[found[0]], dim.dim_param)
