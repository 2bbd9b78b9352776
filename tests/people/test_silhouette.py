"""The normalisation, pinned with hand-made masks whose answers can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.errors import SilhouetteError
from meshgait_cli.people.silhouette import normalise, to_picture


def block(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[rows, columns] = True
    return mask


def test_a_centred_mask_of_64_rows_is_copied_around_its_median_column() -> None:
    # 64 rows tall, so nothing is resized. 11 columns, 50-60: the cumulative mass passes half in the
    # sixth, 55, which becomes column 32; so the block lies in columns 27-37.
    found = normalise(block((100, 120), slice(20, 84), slice(50, 61)))
    assert found is not None
    expected = np.zeros((64, 64), dtype=np.uint8)
    expected[:, 27:38] = 255
    np.testing.assert_array_equal(found.silhouette, expected)
    assert (found.scale, found.left, found.top) == (1.0, 23.0, 20.0)


def test_half_is_passed_and_not_just_reached() -> None:
    # 10 columns, 50-59: after the fifth (54) the mass is exactly half; the sixth (55) passes it.
    found = normalise(block((64, 120), slice(0, 64), slice(50, 60)))
    assert found is not None
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[0]), np.arange(27, 37))


def test_the_centre_is_the_median_of_mass_not_of_extent() -> None:
    # A body in columns 40-59 and a thin arm (4 of 64 rows) in 60-79. Mass 20·64 + 20·4 = 1360; half is
    # 680, passed in the 11th body column (704), which is column 50. The extent's middle would be 60.
    mask = block((64, 120), slice(0, 64), slice(40, 60))
    mask[20:24, 60:80] = True
    found = normalise(mask)
    assert found is not None
    assert found.left == 50 - 32
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[0]), np.arange(22, 42))
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[21]), np.arange(22, 62))


@pytest.mark.parametrize(
    ("columns", "left", "expected"),
    [
        (slice(0, 8), 4 - 32, np.arange(28, 36)),  # mass passes half in column 4
        (slice(72, 80), 76 - 32, np.arange(28, 36)),
    ],
)
def test_a_person_at_the_border_is_padded_with_zeros(
    columns: slice, left: float, expected: np.ndarray
) -> None:
    found = normalise(block((64, 80), slice(0, 64), columns))
    assert found is not None
    assert found.silhouette.shape == (64, 64)
    assert found.left == left
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[40]), expected)


def test_a_mask_wider_than_tall_keeps_its_aspect_and_loses_what_lies_beyond_32_columns() -> None:
    # 32 rows, so everything doubles: 200 columns become 400, the block 40-119 becomes 80-239. Its
    # centre 160 goes to column 32, and all 64 columns that are kept lie inside the block.
    found = normalise(block((32, 200), slice(0, 32), slice(40, 120)))
    assert found is not None
    assert (found.scale, found.left) == (2.0, 80 - 16)
    np.testing.assert_array_equal(found.silhouette, np.full((64, 64), 255, dtype=np.uint8))


def test_a_mask_narrower_than_32_columns_is_padded() -> None:
    found = normalise(np.ones((128, 10), dtype=bool))  # becomes 5 columns, the third passes half
    assert found is not None
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[0]), np.arange(30, 35))


def test_grey_edges_of_the_cubic_resize_are_kept_and_overshoot_is_clipped() -> None:
    # Halved. OpenCV's cubic kernel (A = −0.75) weighs the four samples at a half step by
    # −0.09375, 0.59375, 0.59375, −0.09375. Left edge between two output pixels (column 40): the pixel
    # inside sees 1 − (−0.09375), clipped to 255, and the one outside −0.09375, clipped to 0. Right edge
    # in the middle of an output pixel (last white column 80): 0.59375 − 0.09375 = a half, 127.5.
    found = normalise(block((128, 128), slice(0, 128), slice(40, 81)))
    assert found is not None
    row = found.silhouette[32].astype(int)
    # 20 white columns (20-39 of 64) and a half one (40): 20.5; passed in the 11th, 30, now column 32.
    np.testing.assert_array_equal(row[22:42], 255)
    assert row[42] in (127, 128)
    assert row[:22].sum() == row[43:].sum() == 0
    assert found.left == 60 - 64


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((80, 60), dtype=bool),
        np.zeros((0, 0), dtype=np.uint8),
        block((80, 60), slice(40, 41), slice(30, 31)),  # one pixel
        block((80, 60), slice(0, 39), slice(30, 31)),  # 39·255 = 9945 ≤ 10000
        block((80, 60), slice(0, 39), slice(30, 31)).astype(np.uint8),  # 0/1 is judged as 0/255
    ],
    ids=["empty", "no pixels", "one pixel", "39 pixels", "39 pixels as 0/1"],
)
def test_nearly_empty_masks_are_rejected(mask: np.ndarray) -> None:
    assert normalise(mask) is None


def test_forty_pixels_are_enough() -> None:
    assert normalise(block((80, 60), slice(0, 40), slice(30, 31))) is not None


def test_a_very_narrow_mask_is_not_an_error() -> None:
    found = normalise(np.ones((500, 3), dtype=bool))  # int(64·3/500) would be no column at all
    assert found is not None
    np.testing.assert_array_equal(np.flatnonzero(found.silhouette[0]), [32])


def test_bool_and_0_1_and_0_255_masks_agree() -> None:
    mask = block((90, 70), slice(5, 80), slice(20, 45))
    results = [normalise(m) for m in (mask, mask.astype(np.uint8), mask.astype(np.uint8) * np.uint8(255))]
    for found in results:
        assert found is not None
        np.testing.assert_array_equal(found.silhouette, results[0].silhouette)  # type: ignore[union-attr]


def test_normalising_a_silhouette_again_changes_nothing() -> None:
    first = normalise(block((200, 150), slice(30, 181), slice(40, 93)))
    assert first is not None
    again = normalise(first.silhouette)
    assert again is not None
    np.testing.assert_array_equal(again.silhouette, first.silhouette)


@pytest.mark.parametrize("bad", [np.zeros((3, 4, 5), np.uint8), np.zeros((4, 5), np.float32)])
def test_what_is_no_mask_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(SilhouetteError, match="a mask must be"):
        normalise(bad)


def test_the_transform_leads_from_the_picture_to_the_silhouette_and_back() -> None:
    # A square of 8×8 mask pixels sits on a tall body; where does the silhouette show it, and where is
    # it in the picture, of which the mask is a crop at (300, 120), 2.5 picture pixels a mask pixel?
    mask = block((256, 256), slice(64, 192), slice(100, 140))
    mask[64:72, 140:148] = True
    found = normalise(mask)
    assert found is not None
    corner = np.array([148.0, 72.0])  # the square's lower right corner in the mask
    column, row = found.scale * (corner - (found.left, found.top))
    assert found.silhouette[int(row) - 1, int(column) - 1] == 255
    assert found.silhouette[int(row) - 1, int(column) + 1] == 0
    assert found.silhouette[int(row) + 1, int(column) - 1] == 0

    transform = np.array([found.in_picture(300, 120, 2.5)] * 2)
    picture = to_picture(np.tile([[[column, row], [0.0, 0.0]]], (2, 1, 1)), transform)
    assert picture.shape == (2, 2, 2)
    np.testing.assert_allclose(picture[1, 0], [300 + 2.5 * 148, 120 + 2.5 * 72], atol=1e-3)
    scale, left, top = transform[0]
    np.testing.assert_allclose(scale * (picture[0] - (left, top)), [[column, row], [0, 0]], atol=1e-4)


def test_points_of_unknown_pictures_are_nan_and_no_points_are_no_points() -> None:
    assert np.isnan(to_picture(np.zeros((2, 4, 2)), np.full((2, 3), np.nan))).all()
    assert to_picture(np.zeros((0, 4, 2)), np.zeros((0, 3))).shape == (0, 4, 2)
