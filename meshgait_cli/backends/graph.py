"""A network as the backends see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

__all__ = ["BOUND", "Graph"]

BOUND = 0.03  # ‖y − y₀‖ / ‖y₀‖; bfloat16 keeps 8 bits, and through 30 layers some 1 to 2 % is usual


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A computation from tensors to tensors, and all that it takes to compile, check and find it again.

    name: what it is, fit for a file name. identity: all that decides its numbers and is not in `sample`'s
    shapes: the sha256 of the weights, settings. build: makes the module, in eval mode on the CPU; called only
    when it is needed, for a compiled form may be there already. Its forward takes the tensors of `inputs` and
    gives a tensor, or a tuple of them, in `outputs`' order. sample: CPU tensors like the real ones, two or
    more along free axes; speed and agreement are judged on them. free: for each input the axes whose size
    may change from call to call, with a name. steps: of a name, what its size is always a multiple of.
    bound: the relative L2 error against torch in float32, on the sample, up to which a backend agrees.
    file: the graph as ONNX, where somebody has it already.
    """

    name: str
    identity: str
    build: Callable[[], nn.Module]
    sample: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    free: tuple[dict[int, str], ...] = field(default=())
    bound: float = BOUND
    steps: dict[str, int] = field(default_factory=dict)
    file: Path | None = None

    def shapes(self) -> list[list[int | str]]:
        """Of the inputs, a name where the size is free."""
        free = self.free or ({},) * len(self.sample)
        return [
            [axes.get(axis, size) for axis, size in enumerate(tensor.shape)]
            for tensor, axes in zip(self.sample, free, strict=True)
        ]
