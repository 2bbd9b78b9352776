"""The truth: vertices computed anew are those that were drawn."""

from __future__ import annotations

import numpy as np
import pytest

from meshgait_cli.body.rasteriser import silhouettes as draw
from meshgait_cli.errors import MeshgaitError, SourceNotFound
from meshgait_cli.records import BodySequence
from meshgait_cli.synth.camera import Camera
from meshgait_cli.synth.truth import TRUTH, packed, read_truth, truth_of
from meshgait_cli.synth.walkers import make_identity, render_sequence


def _sequence(number=2, **options):
    identity = make_identity(4, number)
    rng = np.random.default_rng(number)
    return identity, render_sequence(identity, rng, 10, carrying=False, **options)


@pytest.mark.parametrize("severity", ["clean", "heavy"])
@pytest.mark.parametrize("planted", [False, True])
def test_the_body_comes_back_from_its_numbers(severity, planted):
    identity, sequence = _sequence(severity=severity, planted=planted)
    body = truth_of(identity, sequence).body()
    assert isinstance(body, BodySequence)
    assert body.vertices.shape == (10, 6890, 3)
    np.testing.assert_allclose(body.joints, sequence.joints, atol=2e-3)
    np.testing.assert_allclose(body.markers, sequence.markers, atol=2e-3)


def test_the_vertices_fill_the_silhouette_that_was_drawn():
    identity, sequence = _sequence(0, severity="clean", outfit=0, camera=Camera(90, 3, 0, 8, 0, 130))
    body = truth_of(identity, sequence).body()
    drawn = draw((body.vertices[..., :2] + 0.5) * 64, body.faces, 64, 64).numpy() > 0
    clothed = sequence.silhouettes > 127
    overlap = (drawn & clothed).sum() / drawn.sum()
    assert overlap > 0.93  # clothes add, they do not take away


def test_in_metres_the_walker_goes_forward_on_the_floor():
    identity, sequence = _sequence(5, severity="clean", planted=True, fps=12.0)
    truth = truth_of(identity, sequence)
    body = truth.body("metres")
    lowest = body.vertices[..., 1].min(1)
    assert np.abs(lowest).max() < 0.03
    assert 1.2 < body.vertices[..., 1].max() < 2.3
    gone = body.joints[-1, 0, 2] - body.joints[0, 0, 2]
    assert 0.2 < gone / (9 / 12) < 2.5  # metres a second
    with pytest.raises(ValueError, match="units"):
        truth.body("feet")


def test_a_file_holds_every_sequence_and_no_vertices(tmp_path):
    identity, first = _sequence(1)
    _, second = _sequence(1, severity="clean")
    content = packed({"nm-01/000": truth_of(identity, first), "bg-01/090": truth_of(identity, second)})
    again = packed({"nm-01/000": truth_of(identity, first), "bg-01/090": truth_of(identity, second)})
    assert content == again
    assert len(content) < 2 * 10 * 1000 + 5000
    (tmp_path / TRUTH).mkdir()
    (tmp_path / TRUTH / "00001.safetensors").write_bytes(content)
    found = read_truth(tmp_path, "00001")
    assert set(found) == {("nm-01", "000"), ("bg-01", "090")}
    np.testing.assert_array_equal(found["bg-01", "090"].joints, second.joints.astype(np.float16))


def test_truth_that_is_missing_or_damaged(tmp_path):
    with pytest.raises(SourceNotFound, match="00007"):
        read_truth(tmp_path, "00007")
    (tmp_path / TRUTH).mkdir()
    for content in (b"", b"nonsense" * 9, packed({"nm-01/000": truth_of(*_sequence(1))})[:-100]):
        (tmp_path / TRUTH / "00001.safetensors").write_bytes(content)
        with pytest.raises(MeshgaitError, match="damaged"):
            read_truth(tmp_path, "00001")
