from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from meshgait_cli.errors import GalleryError
from meshgait_cli.gallery.calibration import Calibration, asked_of, fit
from meshgait_cli.gallery.decide import ACCEPTED, UNCLEAR, UNKNOWN, Probe, decide
from meshgait_cli.gallery.normalise import cohort_of
from meshgait_cli.gallery.search import Gallery
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.records import GaitEmbedding

Make = Callable[..., list[GallerySequence]]
NOBODY = np.empty((0, 16, 8), np.float32)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    rng = np.random.default_rng(50)
    sequences = []
    for number in range(40):
        centre = rng.standard_normal((16, 8))
        for take in range(3):
            values = (centre + 0.8 * rng.standard_normal((16, 8))).astype(np.float32)
            sequences.append(
                GallerySequence(f"c{number}", str(take), GaitEmbedding(values, "net@1", True, 60))
            )
    return replace(
        fit(asked_of(sequences, cohort_of(sequences, NOBODY)).pairs, "net@1", "gallery"), halves=3.0
    )


@pytest.fixture
def known(people: Make) -> Gallery:
    return Gallery(tuple(people(20, spread=0.8)))


def another(sequence: GallerySequence, seed: int = 1, spread: float = 0.8) -> GaitEmbedding:
    """Another walk of the same person."""
    noise = np.random.default_rng(seed).standard_normal((16, 8)) * spread
    return replace(sequence.embedding, values=(sequence.embedding.values + noise).astype(np.float32))


def stranger(seed: int) -> GaitEmbedding:
    return GaitEmbedding(
        1.3 * np.random.default_rng(1000 + seed).standard_normal((16, 8)).astype(np.float32),
        "net@1",
        True,
        60,
        0.8,
    )


def test_a_known_person_is_accepted_and_a_stranger_unknown(known: Gallery, calibration: Calibration) -> None:
    probes = [Probe("track 1", another(known.sequences[6])), Probe("track 2", stranger(0))]
    friend, other = decide(known, probes, calibration, NOBODY)
    assert (friend.decision, friend.identity) == (ACCEPTED, "p3")
    assert friend.sentence == "accepted as p3"
    assert friend.probability is not None
    assert friend.probability > 0.9
    assert friend.matches[0].sequence in ("take 0", "take 1")
    assert [match.accepted for match in friend.matches[:2]] == [True, False]
    assert (other.decision, other.identity) == (UNKNOWN, None)
    assert other.nobody is not None
    assert other.nobody > 0.5
    assert len(other.matches) == 20


def test_strangers_are_accepted_no_more_often_than_asked(known: Gallery, calibration: Calibration) -> None:
    probes = [Probe(str(n), stranger(n)) for n in range(400)]
    for far in (0.2, 0.05):
        answers = decide(known, probes, calibration, NOBODY, far=far)
        share = np.mean([answer.decision == ACCEPTED for answer in answers])
        assert share <= far + 3 * np.sqrt(far * (1 - far) / 400)


def test_a_stricter_rate_accepts_less(known: Gallery, calibration: Calibration) -> None:
    probes = [Probe(str(n), another(known.sequences[n], n, 1.6)) for n in range(40)]
    accepted = [
        sum(a.decision == ACCEPTED for a in decide(known, probes, calibration, NOBODY, far=far))
        for far in (0.3, 0.01, 1e-6)
    ]
    assert accepted == sorted(accepted, reverse=True)
    assert accepted[0] > accepted[-1]


def test_between_the_two_it_is_not_enough_to_say(known: Gallery, calibration: Calibration) -> None:
    """Likely the right one, but not at one in a million."""
    probes = [Probe(str(n), another(known.sequences[n], n, 1.2)) for n in range(40)]
    answers = decide(known, probes, calibration, NOBODY, far=1e-12)
    unclear = [answer for answer in answers if answer.decision == UNCLEAR]
    assert unclear
    assert all("too little for a false-accept rate of 1e-12" in answer.sentence for answer in unclear)
    assert all(answer.identity is None for answer in unclear)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": 9}, "only 9 silhouettes"),
        ({"quality": 0.1}, "quality 0.10"),
        ({"trained": False}, "untrained"),
    ],
)
def test_a_poor_walk_is_not_judged(
    known: Gallery, calibration: Calibration, change: dict[str, float], said: str
) -> None:
    poor = replace(known.sequences[0].embedding, **change)
    (answer,) = decide(known, [Probe("x", poor)], calibration, NOBODY)
    assert (answer.decision, answer.identity) == (UNCLEAR, None)
    assert said in answer.sentence
    assert answer.matches[0].identity == "p0"  # still ranked, for whoever wants to look


def test_halves_that_differ_are_perhaps_two_people(known: Gallery, calibration: Calibration) -> None:
    one = known.sequences[0].embedding
    two = known.sequences[9].embedding
    (answer,) = decide(known, [Probe("x", one, (one, two))], calibration, NOBODY)
    assert answer.decision == UNCLEAR
    assert "perhaps two people" in answer.sentence
    (answer,) = decide(
        known, [Probe("x", one, (one, another(known.sequences[0], 3, 0.3)))], calibration, NOBODY
    )
    assert answer.decision == ACCEPTED


def test_two_walkers_seen_together_are_not_one_person(known: Gallery, calibration: Calibration) -> None:
    near, far = another(known.sequences[0], 1, 0.3), another(known.sequences[0], 2, 0.9)
    together = [Probe("track 1", far, start_s=0, end_s=9), Probe("track 2", near, start_s=5, end_s=12)]
    first, second = decide(known, together, calibration, NOBODY)
    assert (second.decision, second.identity) == (ACCEPTED, "p0")
    assert first.identity != "p0"
    assert "p0 is track 2, seen at the same time" in first.sentence

    apart = [replace(together[0], end_s=4), together[1]]
    assert [answer.identity for answer in decide(known, apart, calibration, NOBODY)] == ["p0", "p0"]
    unknown_times = [Probe("a", far), Probe("b", near)]
    assert [answer.identity for answer in decide(known, unknown_times, calibration, NOBODY)] == ["p0", "p0"]


def test_only_those_seen_together_exclude_each_other(known: Gallery, calibration: Calibration) -> None:
    """A and C are one person who was lost while B walked past: only B is somebody else."""
    probes = [
        Probe("A", another(known.sequences[0], 1, 0.4), start_s=0, end_s=5),
        Probe("B", another(known.sequences[4], 2, 0.4), start_s=4, end_s=9),
        Probe("C", another(known.sequences[0], 3, 0.4), start_s=8, end_s=12),
    ]
    assert [a.identity for a in decide(known, probes, calibration, NOBODY)] == ["p0", "p2", "p0"]


def test_two_who_are_seen_together_are_not_both_accepted_as_one(
    known: Gallery, calibration: Calibration
) -> None:
    """Where "nobody" is a little more probable than p0 for each, the assignment gives p0 to neither."""
    near, far = another(known.sequences[0], 1, 0.4).values, stranger(0).values
    lenient = replace(calibration, tail=((0.5, -3.0), (1e-6, -2.5)))

    def walk(name: str, share: float) -> Probe:
        values = ((1 - share) * near + share * far).astype(np.float32)
        return Probe(name, replace(known.sequences[0].embedding, values=values), start_s=0, end_s=5)

    def doubtful(share: float) -> bool:
        (answer,) = decide(known, [walk("x", share)], lenient, NOBODY)
        return answer.identity == "p0" and (answer.nobody or 0) > (answer.probability or 0)

    shares = [share for share in np.linspace(0.2, 0.9, 701).tolist() if doubtful(share)]
    probes = [walk("b", shares[-1]), walk("a", shares[0])]
    further, nearer = decide(known, probes, lenient, NOBODY)
    assert nearer.identity == "p0"
    assert further.identity is None
    assert "p0 is a, seen at the same time" in further.sentence


def test_neighbours_are_no_cohort(known: Gallery, calibration: Calibration) -> None:
    """Of a large gallery the people near a walker are compared, and a sample of all makes the cohort."""
    probe = [Probe("x", another(known.sequences[0]))]
    sample = frozenset(known.identities[:12])
    part = Gallery(known.sequences, sample)
    few = Gallery(tuple(one for one in known.sequences if one.identity in sample))
    ours, theirs = (decide(each, probe, calibration, NOBODY, people=20)[0] for each in (part, few))
    chances = {match.identity: match.probability for match in theirs.matches}
    assert len(ours.matches) == 20
    for match in ours.matches:
        if match.identity != "p0" and match.identity in chances:
            assert match.probability == pytest.approx(chances[match.identity], rel=0.2, abs=1e-6)
    assert ours.probability != decide(known, probe, calibration, NOBODY)[0].probability


def test_without_a_calibration_nothing_is_said_but_the_order(known: Gallery) -> None:
    (answer,) = decide(known, [Probe("x", another(known.sequences[0]))], None, NOBODY, top_k=3)
    assert (answer.decision, answer.probability) == (UNCLEAR, None)
    assert "gallery calibrate" in answer.sentence
    assert answer.matches[0].identity == "p0"
    assert len(answer.matches) == 3
    assert answer.matches[0].probability is None


def test_a_gallery_of_one_without_a_cohort_is_not_scored(people: Make, calibration: Calibration) -> None:
    alone = Gallery(tuple(people(1)))
    (answer,) = decide(alone, [Probe("x", alone.sequences[0].embedding)], calibration, NOBODY)
    assert (answer.decision, answer.probability) == (UNCLEAR, None)


def test_nobody_asked_and_another_model(known: Gallery, calibration: Calibration) -> None:
    assert decide(known, [], calibration, NOBODY) == []
    other = replace(known.sequences[0].embedding, model_id="net@2")
    with pytest.raises(GalleryError, match="net@2"):
        decide(known, [Probe("x", other)], calibration, NOBODY)


@pytest.mark.parametrize("sets", ["best", "mean", "weighted"])
def test_every_way_to_compare_sets_finds_the_person(
    known: Gallery, calibration: Calibration, sets: str
) -> None:
    (answer,) = decide(known, [Probe("x", another(known.sequences[10]))], calibration, NOBODY, sets=sets)
    assert answer.identity == "p5"
