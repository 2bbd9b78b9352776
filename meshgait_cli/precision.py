"""In which precision networks compute: bfloat16 where the processor has it in hardware, else float32.

For the detector and SAM's encoder it halves the time or better, and masks by the two precisions agree to an
IoU of 0.99 at 64×44: `benchmarks/precision.py` measures both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from .errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["PRECISIONS", "computing", "resolve_precision"]

PRECISIONS = ("auto", "f32", "bf16")


def resolve_precision(name: str, device: torch.device) -> str:
    """f32 or bf16. Raises UsageError for a name that is none of PRECISIONS."""
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision {name!r}: use {', '.join(PRECISIONS)}")
    if name != "auto":
        return name
    return "bf16" if _in_hardware(device) else "f32"


def computing(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within it, what gains from bfloat16 is computed in it, if that is the precision."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _in_hardware(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    try:  # not public; where it is gone, float32 is right everywhere
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False
