"""Several processes, one batch: `torchrun --nproc-per-node N -m meshgait_cli train …`.

Each process takes its share of a batch's people. Embeddings are gathered before the losses that compare them,
so what is minimised does not depend on how many processes there are; the batch norm inside the branches is
each process's own on CPUs, and shared on CUDA devices.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import UsageError

__all__ = ["Group", "join"]


@dataclass(frozen=True, slots=True)
class Group:
    """rank: this process's number. world: how many there are."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that saves, measures and speaks."""
        return self.rank == 0

    def gathered(self, tensor: Tensor) -> Tensor:
        """Rows of all processes, in order of rank. Its gradient, after `average_gradients`, is that of one
        process with the whole batch."""
        if self.world == 1:
            return tensor
        return _Gathered.apply(tensor.contiguous(), self)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every process then holds the mean of all. A parameter that has no gradient has none in any."""
        if self.world == 1:
            return
        import torch.distributed as dist

        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def agreed(self, value: float) -> float:
        """The first process's value, on all."""
        if self.world == 1:
            return value
        import torch.distributed as dist

        held = torch.tensor([value], dtype=torch.float64, device=_device())
        dist.broadcast(held, 0)
        return float(held)

    def share_norms(self, model: nn.Module) -> nn.Module:
        """Batch norm over all processes, where devices can do that."""
        if self.world == 1 or not torch.cuda.is_available():
            return model
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)

    def leave(self) -> None:
        if self.world > 1:
            import torch.distributed as dist

            dist.destroy_process_group()


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: Group) -> Tensor:
        import torch.distributed as dist

        ctx.own = slice(group.rank * len(tensor), (group.rank + 1) * len(tensor))
        rows = [torch.empty_like(tensor) for _ in range(group.world)]
        dist.all_gather(rows, tensor)
        return torch.cat(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Of all processes' losses, which are one and the same."""
        import torch.distributed as dist

        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.own], None


def _device() -> torch.device:
    import torch.distributed as dist

    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def join(people: int, device: torch.device) -> tuple[Group, torch.device]:
    """The processes that torchrun started with this one, and this one's device; alone where it did not.

    people: in a batch. Raises UsageError when they cannot be shared evenly.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Group(), device
    if people % world:
        raise UsageError(f"{people} people a batch cannot be shared by {world} processes: --set people=…")
    import torch.distributed as dist

    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Group(dist.get_rank(), world), device
