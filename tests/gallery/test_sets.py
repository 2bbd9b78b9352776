from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.gallery.sets import check_method, groups_of, set_distances

QUERY = np.zeros((1, 1, 1), np.float32)
VALUES = np.array([1.0, 3.0, 2.0], np.float32).reshape(3, 1, 1)  # anna's, anna's, ben's
GROUPS = [np.array([0, 1]), np.array([2])]
QUALITY = np.array([0.25, 0.75, np.nan])


@pytest.mark.parametrize(("method", "wanted"), [("best", 1.0), ("mean", 2.0), ("weighted", 2.5)])
def test_several_sequences_of_one_person(method: str, wanted: float) -> None:
    distances, nearest = set_distances(QUERY, VALUES, QUALITY, GROUPS, method)
    assert distances.tolist() == [[pytest.approx(wanted, abs=1e-6), pytest.approx(2.0)]]
    assert nearest.tolist() == [[0, 2]]  # the sequence that gave the answer, whatever the method


def test_groups_are_sorted_and_whole() -> None:
    groups = groups_of(["b", "a", "b", "c", "a"])
    assert list(groups) == ["a", "b", "c"]
    assert [sorted(rows.tolist()) for rows in groups.values()] == [[1, 4], [0, 2], [3]]
    assert groups_of([]) == {}


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UsageError, match="weighted"):
        check_method("worst")
