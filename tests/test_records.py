from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshgait_cli.records import (
    BodySequence,
    Detection,
    Frame,
    GaitEmbedding,
    SilhouetteSequence,
    TrackQuality,
)


def test_frame_refuses_what_is_no_rgb_picture() -> None:
    with pytest.raises(ValueError, match="H×W×3"):
        Frame(np.zeros((4, 4), np.uint8), 0, 0.0)
    with pytest.raises(ValueError, match="H×W×3"):
        Frame(np.zeros((4, 4, 3), np.float32), 0, 0.0)


def test_detection_refuses_a_box_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        Detection(np.array([0, 0, np.nan, 1], np.float32), 0.5)


def test_silhouettes_of_44_columns_are_padded_back_and_cut_again() -> None:
    narrow = np.arange(2 * 64 * 44, dtype=np.uint8).reshape(2, 64, 44)
    sequence = SilhouetteSequence.from_arrays(narrow)
    assert sequence.silhouettes.shape == (2, 64, 64)
    assert np.array_equal(sequence.cropped, narrow)


def test_an_empty_sequence_is_a_sequence() -> None:
    assert len(SilhouetteSequence.from_arrays(np.zeros((0, 64, 64), np.uint8))) == 0


@pytest.mark.parametrize("shape", [(64, 64), (3, 64, 63), (3, 32, 64), (3, 64, 64, 1)])
def test_silhouettes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="T×64×64"):
        SilhouetteSequence.from_arrays(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": np.arange(3.0)}, {"frames": np.array(2)}, {"times": np.zeros((2, 3))},
        {"times": np.full(2, "x")}, {"transform": np.full((2, 3), "x")}, {"transform": np.zeros((2, 2))},
    ],
)  # fmt: skip
def test_what_goes_with_silhouettes_has_its_shape_and_kind(wrong: dict[str, np.ndarray]) -> None:
    sequence = SilhouetteSequence.from_arrays(np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(sequence, **wrong)


def test_embedding_must_be_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        GaitEmbedding(np.full((16, 4), np.inf, np.float32), "model", True, 3)


@pytest.mark.parametrize(("frames", "quality"), [(2**40, 0.5), (-1, 0.5), (3, 1e308), (3, -0.1)])
def test_embedding_says_of_how_many_frames_and_how_good(frames: int, quality: float) -> None:
    with pytest.raises(ValueError, match=r"frames|quality"):
        GaitEmbedding(np.zeros((16, 4), np.float32), "model", True, frames, quality)


def test_a_refused_track_must_say_why() -> None:
    numbers = {
        "height_px": 100.0, "cut_fraction": 0.0, "complete_fraction": 1.0, "overlap_fraction": 0.0,
        "walking_fraction": 1.0, "gait_cycles": 3.0, "silhouettes": 90,
    }  # fmt: skip
    with pytest.raises(ValueError, match="why"):
        TrackQuality(usable=False, reasons=(), score=0.1, **numbers)
    with pytest.raises(ValueError, match="why"):
        TrackQuality(usable=True, reasons=("stands",), score=0.1, **numbers)


def test_body_units_are_known() -> None:
    joints, markers = np.zeros((2, 24, 3), np.float32), np.zeros((2, 64, 3), np.float32)
    with pytest.raises(ValueError, match="units"):
        BodySequence(joints, markers, np.zeros((2, 5, 3), np.float32), np.zeros((1, 3), np.int32), "feet")
