"""Which sequences are compared with which."""

from __future__ import annotations

import json

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.evaluation.evaluate import MIN_PEOPLE, centred, judge
from meshgait_cli.evaluation.protocols import Labels, questions, read_partition


def _labels(*rows: tuple[str, str, str]) -> Labels:
    return Labels(*(np.array(column) for column in zip(*rows, strict=True)))


def _points(*values: float) -> np.ndarray:
    """One part of one number each."""
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_in_a_folder_every_sequence_is_compared_with_all_others():
    labels = _labels(("a", "", ""), ("a", "", ""), ("b", "", ""), ("b", "", ""), ("c", "", ""))
    (question,) = questions("folder", labels)
    figures = judge(_points(0, 0.5, 5, 9, 8.5), labels, question, resamples=20)
    # a finds a, a finds a, b (5) finds c, b (9) finds c; c has nobody to find.
    assert (figures.probes, figures.unasked, figures.people) == (4, 1, 2)
    assert figures.values["rank-1"].value == pytest.approx(0.5)
    assert figures.values["rank-5"].value == 1.0
    assert figures.cmc[1] == 1.0


def test_types_in_a_folder_are_conditions_of_their_own():
    labels = _labels(("a", "day", ""), ("a", "night", ""), ("b", "day", ""), ("b", "night", ""))
    assert [q.name for q in questions("folder", labels)] == ["all", "day", "night"]
    night = questions("folder", labels)[2]
    assert night.probe.tolist() == [False, True, False, True]
    assert night.gallery.all()


def test_casia_b_asks_each_view_of_the_gallery_by_itself_and_never_the_probes_own():
    rows = [
        (who, kind, view) for who in ("001", "002") for kind in ("nm-01", "nm-05") for view in ("000", "090")
    ]
    labels = _labels(*rows)
    (question,) = questions("casia-b", labels)
    assert question.name == "NM"
    # Each probe is exactly like the other person's gallery in its own view, which must not count.
    place = {("001", "nm-01"): 0.0, ("002", "nm-01"): 10.0, ("001", "nm-05"): 0.0, ("002", "nm-05"): 10.0}
    values = [place[who, kind] for who, kind, _ in rows]
    figures = judge(_points(*values), labels, question, resamples=20)
    assert figures.values["rank-1"].value == 1.0
    values[rows.index(("002", "nm-01", "000"))] = 0.0  # seen from 090, 001 is now as like 002
    figures = judge(_points(*values), labels, question, resamples=20)
    assert figures.values["rank-1"].value == pytest.approx(2 / 4)


def test_gait3d_takes_its_probes_from_the_partition():
    labels = _labels(("0001", "cam0", "s0"), ("0001", "cam1", "s0"), ("0002", "cam0", "s0"))
    (question,) = questions("gait3d", labels, {"0001-cam0-s0"})
    assert question.probe.tolist() == [True, False, False]
    assert question.gallery.tolist() == [False, True, True]
    with pytest.raises(UsageError, match="PROBE_SET"):
        questions("gait3d", labels)


def test_data_that_do_not_follow_a_protocol_are_refused_in_words():
    with pytest.raises(UsageError, match="sequence types: walk"):
        questions("casia-b", _labels(("a", "walk", "x"), ("b", "walk", "x")))
    with pytest.raises(UsageError, match="unknown protocol"):
        questions("gait4d", _labels(("a", "walk", "x")))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "", ""), ("a", "", "")], "only one person"),
        ([("a", "", ""), ("b", "", "")], "no probe has another sequence"),
    ],
)
def test_what_cannot_be_asked_is_said(rows, said):
    labels = _labels(*rows)
    (question,) = questions("folder", labels)
    with pytest.raises(UsageError, match=said):
        judge(_points(*range(len(rows))), labels, question, resamples=20)


def test_the_cameras_mean_is_subtracted_only_where_it_is_of_enough_people():
    many = [(f"p{i}", "", "street") for i in range(MIN_PEOPLE)]
    labels = _labels(*many, ("p0", "", "door"), ("p1", "", "door"))
    (question,) = questions("folder", labels)
    values, made_of = centred(_points(*range(MIN_PEOPLE), 100, 101), labels, question, "view")
    assert values[:MIN_PEOPLE].mean() == pytest.approx(0)
    assert values[MIN_PEOPLE:].ravel().tolist() == [100, 101]
    assert made_of == {"gallery street": MIN_PEOPLE, "gallery door": 2}


def test_a_partition_is_read_or_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"TRAIN_SET": ["1"], "TEST_SET": ["2", "3"]}))
    assert read_partition(path) == {"TRAIN_SET": ["1"], "TEST_SET": ["2", "3"], "PROBE_SET": []}
    for text, said in (("{", "no partition file"), ("[]", "no partition file"), ("{}", "names nobody")):
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_partition(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_partition(tmp_path / "none.json")
