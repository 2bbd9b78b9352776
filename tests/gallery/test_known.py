from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshgait_cli.gallery import known as known_module
from meshgait_cli.gallery.identify import calibrate
from meshgait_cli.gallery.known import Known
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store

Make = Callable[..., list[GallerySequence]]


def test_a_large_gallery_says_who_stands_for_everybody(
    tmp_path: Path, people: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_WHOLE": 10, "_NEAREST": 4, "_SAMPLE": 5}.items():
        monkeypatch.setattr(known_module, name, value)
    store = Store.create(tmp_path / "g")
    given = people(20)
    store.add(given)
    part = Known(20, store).near([given[2].embedding])
    assert part.sample == {sorted(store.people())[i] for i in (0, 5, 10, 14, 19)}
    assert {"p1", *part.sample} <= set(part.identities)
    assert len(part.identities) < 10
    assert {one.identity for one in part.cohort_from} == part.sample


def test_a_calibration_ends_when_most_of_its_people_have_left(tmp_path: Path, people: Make) -> None:
    """Of a network without synthetic people to fill up the cohort: its scores would be in other units."""
    store = Store.create(tmp_path / "g")
    store.add(people(20, spread=0.8))
    calibrate(store)
    for left, holds in ((20, True), (15, True), (14, False)):
        for name in list(store.people())[left:]:
            store.remove(name)
        known = Known(left, store)
        found = known.calibration("net@1")
        assert (found is not None) == holds
        said = " ".join(known.remarks(found, 0.01, "weighted"))
        assert ("20 people and holds 14" in said) != holds
