"""Which backend: tried once on this machine, on the graph itself, and remembered."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ..errors import MeshgaitError
from .graph import Graph
from .runtimes import Run, precisions_here, runner
from .spec import check_backend
from .store import forget, key_of, read_choice, write_choice

__all__ = ["Compiled", "compiled", "error_of"]

_ROUNDS = 3  # each candidate's best of so many counts
_PATIENCE_S = 10.0  # for the rounds together
_WORTH = 0.85  # bfloat16 is chosen when it takes less than this share of float32's time


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A graph, ready to run: call it with the graph's inputs, on its device, for a tuple of its outputs.

    backend, precision: what computes it. error: relative to torch in float32, on the graph's sample.
    """

    backend: str
    precision: str
    error: float
    run: Run

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.run(*inputs)

    def __str__(self) -> str:
        return f"{self.backend}:{self.precision}"


def compiled(graph: Graph, backend: str = "auto", device: torch.device | str = "cpu") -> Compiled:
    """The graph by the fastest backend that `backend` allows and that agrees with torch in float32.

    backend: auto, torch, onnxruntime or openvino; the precision of the last and of torch can be fixed, as in
    openvino:f32. With a choice left, each candidate is run on the graph's sample; what is slower, or further
    from torch's float32 than graph.bound, is out. The choice is remembered, so the next call is quick.

    Raises UsageError when `backend` is unknown, not installed, or not for this device; MeshgaitError when
    none that it allows can compute the graph within the bound.
    """
    device = torch.device(device)
    allowed = check_backend(backend, device.type)
    pairs = [pair for pair in allowed if ":" in backend or pair[1] in precisions_here(pair[0], device)]
    if pairs == [("torch", "f32")]:  # the measure of all others
        return Compiled("torch", "f32", 0.0, runner(graph, "torch", "f32", device))
    key = key_of(graph, machine=_machine(device, pairs))
    kept = _remembered(graph, key, pairs, device)
    if kept is not None:
        return kept
    found, milliseconds, refused = _trial(graph, pairs, device)
    if not found:
        raise MeshgaitError(
            f"{graph.name} cannot run by --backend {backend} ({'; '.join(refused)}): use auto"
        )
    best = min(
        found, key=lambda each: milliseconds.get(str(each), 0.0) / (1 if each.precision == "f32" else _WORTH)
    )
    choice = {
        "backend": best.backend,
        "precision": best.precision,
        "error": best.error,
        "milliseconds": milliseconds,
        "refused": refused,
    }
    write_choice(graph, key, choice)
    return best


def error_of(found: Iterable[Tensor], expected: Iterable[Tensor]) -> float:
    """‖found − expected‖ / ‖expected‖ of the output where it is largest; infinite when one is not finite."""
    errors = [0.0]
    for mine, its in zip(found, expected, strict=True):
        difference = (mine.double() - its.double()).norm()
        error = float(difference / its.double().norm().clamp(min=1e-12))
        errors.append(error if error == error else float("inf"))
    return max(errors)


def _trial(
    graph: Graph, pairs: list[tuple[str, str]], device: torch.device
) -> tuple[list[Compiled], dict[str, float], list[str]]:
    """The candidates that agree, what each takes at best, and why others were refused."""
    sample = tuple(tensor.to(device) for tensor in graph.sample)
    expected = runner(graph, "torch", "f32", device)(*sample)
    found: list[Compiled] = []
    refused: list[str] = []
    for backend, precision in pairs:
        try:
            run = _build(graph, backend, precision, device)
            error = error_of(run(*sample), expected)
        except Exception as failure:  # each library has errors of its own, and its own gaps
            lines = str(failure).splitlines() or [type(failure).__name__]
            refused.append(f"{backend}:{precision}: {lines[0][:100]}")
            continue
        if error > graph.bound:
            refused.append(f"{backend}:{precision} differs by {error:.2g}, more than {graph.bound:g}")
            continue
        found.append(Compiled(backend, precision, error, run))
    best = {str(each): float("inf") for each in found}
    until = perf_counter() + _PATIENCE_S
    for number in range(_ROUNDS if len(found) > 1 else 0):
        if number and perf_counter() > until:
            break
        for each in found:
            best[str(each)] = min(best[str(each)], _milliseconds(each, sample, device))
    return found, best if len(found) > 1 else {}, refused


def _build(graph: Graph, backend: str, precision: str, device: torch.device) -> Run:
    """A cached file that its library cannot read is made anew, once."""
    try:
        return runner(graph, backend, precision, device)
    except Exception:
        if backend == "torch":
            raise
        forget(graph)
        return runner(graph, backend, precision, device)


def _milliseconds(each: Compiled, sample: tuple[Tensor, ...], device: torch.device) -> float:
    _wait(device)
    started = perf_counter()
    each(*sample)
    _wait(device)
    return (perf_counter() - started) * 1e3


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _remembered(
    graph: Graph, key: str, pairs: list[tuple[str, str]], device: torch.device
) -> Compiled | None:
    kept = read_choice(graph, key)
    if kept is None:
        return None
    backend, precision = str(kept.get("backend")), str(kept.get("precision"))
    if (backend, precision) not in pairs or not isinstance(kept.get("error"), float):
        return None
    try:
        return Compiled(backend, precision, kept["error"], _build(graph, backend, precision, device))
    except Exception:  # then all are tried again
        return None


def _machine(device: torch.device, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """What else decides which is fastest."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "device": [device.type, name, torch.backends.cpu.get_cpu_capability(), os.cpu_count()],
        "threads": torch.get_num_threads(),
        "pairs": pairs,
        "libraries": [version(name) for name in sorted({pair[0] for pair in pairs})],
    }
