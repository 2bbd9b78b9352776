"""The three ways to run a graph: each gives a function from tensors on its device to tensors there."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .graph import Graph
from .precision import computing, has_bf16
from .store import cached_onnx

__all__ = ["Run", "precisions_here", "runner"]

Run = Callable[..., tuple[Tensor, ...]]


def runner(graph: Graph, backend: str, precision: str, device: torch.device) -> Run:
    """A function that computes `graph`. Several threads may call it at a time.

    Raises whatever the library raises for a graph that it cannot compile.
    """
    if backend == "torch":
        return _torch(graph, precision, device)
    return _openvino(graph, precision) if backend == "openvino" else _onnxruntime(graph)


def precisions_here(backend: str, device: torch.device) -> tuple[str, ...]:
    """The precisions that the processor computes in hardware."""
    if backend == "torch":
        return ("f32", "bf16") if has_bf16(device) else ("f32",)
    if backend == "openvino":
        _import_openvino()
        import openvino

        capable = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("f32", "bf16") if "BF16" in capable else ("f32",)
    return ("f32",)


def _torch(graph: Graph, precision: str, device: torch.device) -> Run:
    module = graph.build().to(device)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)  # what its convolutions are fastest in

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        with torch.inference_mode(), computing(device, precision):
            found = module(*inputs)
        tensors: tuple[Tensor, ...] = (found,) if isinstance(found, Tensor) else tuple(found)
        return tuple(each.float() if each.is_floating_point() else each for each in tensors)

    return run


def _onnxruntime(graph: Graph) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        cached_onnx(graph), options, providers=["CPUExecutionProvider"]
    )
    names = list(graph.inputs)

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        given = {name: _array(tensor) for name, tensor in zip(names, inputs, strict=True)}
        return tuple(torch.from_numpy(each) for each in session.run(None, given))

    return run


def _openvino(graph: Graph, precision: str) -> Run:
    _import_openvino()
    import openvino

    core = openvino.Core()
    model = core.read_model(cached_onnx(graph))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # pinned threads wait for cores that others use
        # Prepared operations, a few shapes' worth: each takes megabytes, and the default keeps all.
        "CPU_RUNTIME_CACHE_CAPACITY": 512,
    }
    compiled = core.compile_model(model, "CPU", settings)
    local = threading.local()  # a request serves one caller at a time

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        found = local.request.infer([_array(tensor) for tensor in inputs], share_inputs=True)
        return tuple(torch.from_numpy(found[output].copy()) for output in compiled.outputs)

    return run


def _array(tensor: Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _import_openvino() -> None:
    """Import it without its telemetry, which tells its maker of every import; it does without by itself
    where that package is not installed."""
    if "openvino" in sys.modules:
        return
    hidden = "openvino_telemetry"
    before = sys.modules.get(hidden)
    sys.modules[hidden] = None  # type: ignore[assignment]
    try:
        import openvino  # noqa: F401
    finally:
        if before is None:
            del sys.modules[hidden]
        else:
            sys.modules[hidden] = before
