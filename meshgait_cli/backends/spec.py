"""The names of backends, and which packages each needs. Loads nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import UsageError

__all__ = ["BACKENDS", "PRECISIONS", "check_backend", "missing_packages", "split_backend"]

BACKENDS = ("auto", "torch", "onnxruntime", "openvino")
PRECISIONS = ("f32", "bf16")
EXPORTER = ("onnx", "onnxscript")  # torch.onnx.export needs them
_NEEDS = {"torch": (), "onnxruntime": ("onnxruntime", *EXPORTER), "openvino": ("openvino", *EXPORTER)}
_EXTRA = {"onnxruntime": "onnx", "openvino": "cpu"}
# ONNX Runtime's CPU kernels have no bfloat16.
_PRECISIONS = {"torch": PRECISIONS, "onnxruntime": ("f32",), "openvino": PRECISIONS}


def split_backend(spec: str) -> list[tuple[str, str]]:
    """The (backend, precision) pairs that a name allows, whether installed or not.

    `auto` is all of them, `openvino` its precisions, `openvino:bf16` one. Raises UsageError for any other.
    """
    name, _, precision = spec.partition(":")
    names = [name] if name != "auto" else [each for each in BACKENDS if each != "auto"]
    pairs = [(each, p) for each in names for p in _PRECISIONS.get(each, ()) if precision in ("", p)]
    if name not in BACKENDS or not pairs:
        raise UsageError(
            f"unknown backend {spec!r}: use one of {', '.join(BACKENDS)}; torch and openvino also as "
            "NAME:f32 or NAME:bf16"
        )
    return pairs


def missing_packages(name: str) -> list[str]:
    """The packages that a backend needs and that are not installed."""
    return [package for package in _NEEDS[name] if find_spec(package) is None]


def check_backend(spec: str, device: str = "cpu") -> list[tuple[str, str]]:
    """The pairs of `spec` that can be tried on a kind of device, "cpu" or "cuda".

    Raises UsageError when it is no backend's name, when its packages are missing, or when it does not
    compute on that device.
    """
    pairs = split_backend(spec)
    chosen = spec.partition(":")[0]
    if chosen == "auto":
        return [pair for pair in pairs if not missing_packages(pair[0]) and _runs_on(pair[0], device)]
    if not _runs_on(chosen, device):
        raise UsageError(f"{chosen} computes on the CPU here: use --device cpu, or --backend torch")
    missing = missing_packages(chosen)
    if missing:
        raise UsageError(
            f"--backend {chosen} needs {', '.join(missing)}: "
            f"python -m pip install 'meshgait[{_EXTRA[chosen]}]', or {' '.join(_NEEDS[chosen])}"
        )
    return pairs


def _runs_on(name: str, device: str) -> bool:
    return name == "torch" or device == "cpu"
