from __future__ import annotations

import numpy as np

from meshgait_cli.people.link import Piece, link
from meshgait_cli.records import Track

SIZE = (1000, 600)
RED, BLUE = np.eye(28, dtype=np.float32)[[0, 9]]


def track(
    number: int,
    frames: range,
    x: np.ndarray,
    clothes: np.ndarray = RED,
    height: float = 200.0,
    fps: float = 25.0,
    y: float = 300.0,
) -> Track:
    """A person whose box's centre is at x (a number a frame)."""
    n = len(frames)
    boxes = np.stack([x - 40, np.full(n, y - height / 2), x + 40, np.full(n, y + height / 2)], axis=1)
    rng = np.random.default_rng(number)
    look = np.tile(clothes, (n, 1)) if clothes.ndim == 1 else clothes
    return Track(
        id=number,
        frames=np.array(frames),
        times=np.array(frames) / fps,
        boxes=(boxes + rng.normal(0, 1, boxes.shape)).astype(np.float32),
        scores=np.ones(n, np.float32),
        keypoints=np.full((n, 17, 3), np.nan, np.float32),
        appearance=(look + rng.normal(0, 0.02, (n, 28))).astype(np.float32),
    )


def owners(chains: list[list[Piece]]) -> set[frozenset[int]]:
    return {frozenset(piece.tracklet for piece in chain) for chain in chains}


def test_nobody_is_nobody() -> None:
    assert link([], SIZE) == []


def test_one_frame_is_one_person() -> None:
    assert link([track(1, range(3, 4), np.array([100.0]))], SIZE) == [[Piece(1, 0, 1)]]


def test_a_quiet_track_stays_whole() -> None:
    walk = track(1, range(100), np.linspace(100, 900, 100))
    assert link([walk], SIZE) == [[Piece(1, 0, 100)]]


def test_a_gap_is_bridged_when_motion_and_clothes_agree() -> None:
    x = np.linspace(100, 900, 100)
    chains = link([track(1, range(40), x[:40]), track(2, range(60, 100), x[60:])], SIZE)
    assert owners(chains) == {frozenset({1, 2})}


def test_a_gap_is_not_bridged_to_somebody_elsewhere() -> None:
    x = np.linspace(100, 900, 100)
    far = track(2, range(60, 100), np.linspace(200, 100, 40), BLUE)
    assert len(link([track(1, range(40), x[:40]), far], SIZE)) == 2


def test_a_gap_is_not_bridged_to_other_clothes() -> None:
    x = np.linspace(100, 900, 100)
    chains = link([track(1, range(40), x[:40]), track(2, range(60, 100), x[60:], BLUE)], SIZE)
    assert len(chains) == 2


def test_after_too_long_it_is_somebody_new() -> None:
    x = np.full(200, 500.0)
    assert len(link([track(1, range(40), x[:40]), track(2, range(140, 180), x[:40])], SIZE)) == 2


def test_who_walked_out_is_not_who_comes_in_next() -> None:
    out = track(1, range(40), np.linspace(800, 1000, 40))
    back = track(2, range(50, 90), np.linspace(1000, 800, 40))
    assert len(link([out, back], SIZE)) == 2


def crossing(swapped: bool, first: np.ndarray = RED, second: np.ndarray = BLUE) -> list[Track]:
    """Two people walk through each other at frame 50; a fooled tracker turns them round there."""
    right, left = np.linspace(200, 800, 100), np.linspace(800, 200, 100)
    half = np.arange(100)[:, None] < 50
    if not swapped:
        return [track(1, range(100), right, first), track(2, range(100), left, second)]
    bounced = np.where(half[:, 0], right, left), np.where(half[:, 0], left, right)
    looks = np.where(half, first, second), np.where(half, second, first)
    return [track(1, range(100), bounced[0], looks[0]), track(2, range(100), bounced[1], looks[1])]


def late(chains: list[list[Piece]], tracks: list[Track]) -> list[tuple[int, int]]:
    """(owner at frame 20, owner at frame 90) of each chain that lasts so long."""
    found = []
    for chain in chains:
        at = {}
        for piece in chain:
            rows = tracks[piece.tracklet - 1].frames[piece.start : piece.stop]
            at.update({frame: piece.tracklet for frame in (20, 90) if frame in rows})
        if len(at) == 2:
            found.append((at[20], at[90]))
    return sorted(found)


def test_people_who_cross_keep_their_own_tracks() -> None:
    tracks = crossing(swapped=False)
    assert late(link(tracks, SIZE), tracks) == [(1, 1), (2, 2)]


def test_a_switch_of_identities_is_undone() -> None:
    tracks = crossing(swapped=True)
    assert late(link(tracks, SIZE), tracks) == [(1, 2), (2, 1)]


def test_a_switch_in_like_clothes_never_makes_one_person_of_two() -> None:
    tracks = crossing(swapped=True, second=RED)
    # By motion alone: either undone, or left apart; never followed.
    assert all(pair in [(1, 2), (2, 1)] for pair in late(link(tracks, SIZE), tracks))


def test_a_leap_across_the_picture_ends_a_track() -> None:
    x = np.concatenate([np.linspace(100, 300, 50), np.linspace(800, 900, 50)])
    assert len(link([track(1, range(100), x)], SIZE)) == 2


def test_every_row_belongs_to_exactly_one_person() -> None:
    tracks = [*crossing(swapped=True), track(3, range(30, 90), np.full(60, 500.0))]
    rows = sorted(
        (piece.tracklet, row)
        for chain in link(tracks, SIZE)
        for piece in chain
        for row in range(piece.start, piece.stop)
    )
    assert rows == [(t.id, row) for t in tracks for row in range(len(t))]


def worn(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """T×28: the share of the second."""
    return ((1 - share)[:, None] * first + share[:, None] * second).astype(np.float32)


def test_a_track_that_goes_over_to_somebody_in_other_clothes_is_cut() -> None:
    look = worn(RED, BLUE, np.arange(150) >= 70)
    chains = link([track(1, range(150), np.linspace(100, 900, 150), look)], SIZE)
    assert [[(piece.start, piece.stop) for piece in chain] for chain in chains] == [[(0, 70)], [(70, 150)]]


def test_light_and_shade_are_not_other_clothes() -> None:
    x = np.linspace(100, 900, 150)
    shade = worn(RED, BLUE, 0.45 * (np.arange(150) >= 70))  # changes by 0.64
    assert link([track(1, range(150), x, shade)], SIZE) == [[Piece(1, 0, 150)]]


def test_a_passing_glimpse_of_others_cuts_nothing() -> None:
    glimpse = worn(RED, BLUE, np.isin(np.arange(150), (70, 71, 72)))
    walk = track(1, range(150), np.linspace(100, 900, 150), glimpse)
    assert link([walk], SIZE) == [[Piece(1, 0, 150)]]
