from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.distance import part_distance
from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery.search import Gallery, GallerySequence
from meshgait_cli.records import GaitEmbedding


def embedding(values: list[list[float]], model: str = "net@1") -> GaitEmbedding:
    return GaitEmbedding(np.array(values, np.float32), model, True, 30)


def test_the_distance_is_the_mean_over_parts_of_each_parts_length() -> None:
    query = np.zeros((2, 2), np.float32)
    others = np.array([[[3, 4], [0, 0]], [[3, 4], [6, 8]]], np.float32)
    # One flat L2 would give 5 and 11.18; the parts' mean gives (5+0)/2 and (5+10)/2.
    assert part_distance(query, others).tolist() == [2.5, 7.5]


def gallery() -> Gallery:
    return Gallery(
        (
            GallerySequence("anna", "anna/1", embedding([[0.0, 5.0]])),
            GallerySequence("anna", "anna/2", embedding([[0.0, 1.0]])),
            GallerySequence("ben", "ben", embedding([[0.0, 3.0]])),
        )
    )


def test_an_identity_is_as_near_as_its_nearest_sequence() -> None:
    first, second = gallery().rank(embedding([[0.0, 0.0]]), sets="best")
    assert (first.identity, first.distance, first.margin, first.sequence) == ("anna", 1.0, 2.0, "anna/2")
    assert (second.identity, second.distance) == ("ben", 3.0)
    assert np.isnan(second.margin)


def test_unless_asked_otherwise_an_identity_is_the_mean_of_its_sequences() -> None:
    anna = next(one for one in gallery().rank(embedding([[0.0, 5.0]])) if one.identity == "anna")
    assert anna.distance == pytest.approx(2.0)  # from 5 to the mean of 5 and 1
    assert anna.sequence == "anna/1"


def test_top_k_cuts_the_list_but_not_the_margin() -> None:
    (only,) = gallery().rank(embedding([[0.0, 0.0]]), top_k=1, sets="best")
    assert only.margin == 2.0


def test_another_models_query_is_refused_in_words() -> None:
    with pytest.raises(GalleryError, match="net@2"):
        gallery().rank(embedding([[0.0, 0.0]], "net@2"))


def test_mixed_and_empty_galleries_are_refused() -> None:
    with pytest.raises(GalleryError, match="different models"):
        Gallery(
            (
                GallerySequence("a", "a", embedding([[1.0]])),
                GallerySequence("b", "b", embedding([[1.0]], "x")),
            )
        )
    with pytest.raises(GalleryError, match="nobody"):
        Gallery(())
