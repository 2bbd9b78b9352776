"""A user's own SMPL file, through the `smplx` package.

SMPL's files and `smplx` are under a non-commercial research licence of the Max Planck Society: whoever
brings one has agreed to it. Nothing of them is shipped here, and `smplx` is imported here only.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import BodyError
from .model import BodyModel

__all__ = ["load"]

_NEEDED = ("v_template", "shapedirs", "J_regressor", "weights", "f", "kintree_table", "posedirs")
_ALLOWED_MODULES = ("numpy", "scipy.sparse")
_ALLOWED = {
    "ndarray",
    "dtype",
    "_reconstruct",
    "scalar",
    "_frombuffer",
    "csc_matrix",
    "csr_matrix",
    "coo_matrix",
}


class _Chumpy:
    """Stands for chumpy's arrays, which SMPL's original files hold: their value is in `x`."""

    def __setstate__(self, state: Any) -> None:
        self.x = state.get("x") if isinstance(state, dict) else None


class _BodyUnpickler(pickle.Unpickler):
    """Admits arrays and sparse matrices, and turns chumpy's objects into plain data. Runs no code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if module == "_codecs" and name == "encode":
            return super().find_class(module, name)
        if name in _ALLOWED and module.startswith(_ALLOWED_MODULES):
            if module.startswith("scipy.sparse"):
                module = "scipy.sparse"
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def load(path: Path) -> BodyModel:
    """An SMPL .pkl or .npz as a BodyModel. BodyError when it is missing, hostile, or not SMPL."""
    data = _read(Path(path))
    missing = [name for name in _NEEDED if name not in data]
    if missing:
        raise BodyError(f"{path} is not in SMPL's format: it has no {missing[0]}")
    try:
        from smplx import SMPL
        from smplx.utils import Struct

        count = min(10, data["shapedirs"].shape[-1])
        model = SMPL(str(path), data_struct=Struct(**data), num_betas=count)
        template, shapedirs = model.v_template.float(), model.shapedirs.float()
        regressor, weights = model.J_regressor.float(), model.lbs_weights.float()
        posedirs = model.posedirs.float().T.reshape(len(template), 3, -1)
        faces = torch.from_numpy(np.asarray(model.faces).astype(np.int32))
        if weights.shape[1] != 24 or posedirs.shape[2] != 207:
            raise ValueError(f"{weights.shape[1]} joints, not 24")
    except Exception as error:  # smplx asserts and indexes its way through a foreign file
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise BodyError(f"{path} is not an SMPL body that smplx can read: {said}") from error
    return BodyModel(
        v_template=template,
        shapedirs=shapedirs,
        weights=weights,
        faces=faces,
        rest_joints=regressor @ template,
        joint_shapedirs=torch.einsum("jv,vck->jck", regressor, shapedirs),
        joint_regressor=regressor,
        posedirs=posedirs,
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise BodyError(f"there is no SMPL file {path}: get yours from its makers and name it by --smpl-path")
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                content: Any = {name: arrays[name] for name in arrays.files}
        else:
            with path.open("rb") as file:
                content = _BodyUnpickler(file, encoding="latin1").load()
    except Exception as error:  # a hostile or foreign file raises anything
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise BodyError(f"{path} is not an SMPL .pkl or .npz: {said}") from error
    if not isinstance(content, dict):
        raise BodyError(f"{path} is not in SMPL's format: it holds {type(content).__name__}")
    plain = {key: value.x if isinstance(value, _Chumpy) else value for key, value in content.items()}
    return {key: value for key, value in plain.items() if value is not None}
