"""bfloat16 where the processor has it in hardware: for detector and SAM half the time or less, and masks that
agree with float32's to an IoU of 0.99 at 64×44 (`benchmarks/precision.py` measures both).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

__all__ = ["computing", "has_bf16", "mixed", "torch_precision"]


def has_bf16(device: torch.device) -> bool:
    """Whether torch computes in bfloat16 in hardware there."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    try:  # not public; where it is gone, float32 is right everywhere
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


def torch_precision(spec: str, device: torch.device) -> str:
    """Of what torch computes whichever backend is chosen for the rest: f32 or bf16, as the spec says
    (torch:f32), else what is in hardware."""
    asked = spec.partition(":")[2]
    return asked or ("bf16" if has_bf16(device) else "f32")


def computing(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Within it, what gains from bfloat16 is computed in it, if that is the precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def mixed(device: torch.device, wanted: bool = True) -> AbstractContextManager[object]:
    """Mixed precision for training, where the processor has bfloat16 in hardware: elsewhere torch's
    convolutions in it are plain loops, which take six to ten times as long as float32's."""
    return computing(device, "bf16" if wanted and has_bf16(device) else "f32")
