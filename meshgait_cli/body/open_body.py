"""The open default body: SMPL's format, SMPL's joints, CC0 data (`data/README.md` says whence).

Its vertex order, its shape numbers and its markers are its own: they are not SMPL's.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from . import pack
from .model import BodyModel

__all__ = ["DATA_FILE", "MARKERS", "load", "marker_decoder", "marker_vertices"]

DATA_FILE = Path(__file__).parent / "data" / "openbody.npz"
MARKERS = 64


@lru_cache(maxsize=1)
def _packed() -> pack.Packed:
    return pack.read(DATA_FILE)


@lru_cache(maxsize=1)
def load() -> BodyModel:
    """The open body on the CPU: 6,890 vertices, 13,776 faces, 24 joints, 32 shape numbers.

    It has a low-polygon stand-in (`BodyModel.proxy`). Cached: treat its tensors as read-only.
    """
    data = _packed()
    regressor = torch.from_numpy(data.joint_regressor)
    template, shapedirs = torch.from_numpy(data.v_template), torch.from_numpy(data.shapedirs)
    return BodyModel(
        v_template=template,
        shapedirs=shapedirs,
        weights=torch.from_numpy(data.weights),
        faces=torch.from_numpy(data.faces),
        rest_joints=regressor @ template,
        joint_shapedirs=torch.einsum("jv,vck->jck", regressor, shapedirs),
        joint_regressor=regressor,
        proxy_vertices=torch.from_numpy(data.proxy_vertices),
        proxy_faces=torch.from_numpy(data.proxy_faces),
    )


def marker_vertices() -> NDArray[np.int64]:
    """(64,) vertex numbers of the virtual markers; marker i and i+32 are mirror images."""
    return _packed().marker_vertices.astype(np.int64)


def marker_decoder() -> NDArray[np.float32]:
    """64×V: the mesh as a fixed linear combination of the markers, columns summing to 1.

    vertices = einsum("nmc,mv->nvc", markers, decoder). Fitted by ridge regression on posed bodies;
    about 6 mm mean error on people and motions it was not fitted on.
    """
    return _packed().marker_decoder.copy()
