"""What a network has to beat: gait-energy images, raw and through PCA and LDA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..datasets.silhouettes import read
from ..errors import UsageError

__all__ = ["energy_images", "fit_lda"]

_COMPONENTS = 150


def energy_images(source: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Each sequence's mean silhouette as N×1×2816, in the order of `datasets.silhouettes.read`, and the
    identities (Han and Bhanu, PAMI 2006)."""
    pictures, names = [], []
    for item in read(source):
        pictures.append(item.sequence.cropped.astype(np.float32).mean(0).reshape(1, -1) / 255)
        names.append(item.identity)
    return np.stack(pictures), names


def fit_lda(
    pictures: NDArray[np.float32], names: list[str], apply_to: NDArray[np.float32]
) -> NDArray[np.float32]:
    """PCA then LDA, fitted on `pictures` of people named `names`, applied to others: N×1×K.

    Raises UsageError when there are too few people to fit on.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    people = len(set(names))
    if people < 3 or len(names) <= people:
        raise UsageError(f"PCA and LDA cannot be fitted on {len(names)} sequences of {people} people")
    pca = PCA(min(_COMPONENTS, len(names) - people), whiten=True, random_state=0).fit(pictures[:, 0])
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(
        pca.transform(pictures[:, 0]), names
    )
    return np.asarray(lda.transform(pca.transform(apply_to[:, 0]))[:, None], dtype=np.float32)
