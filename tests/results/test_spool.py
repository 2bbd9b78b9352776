from __future__ import annotations

from pathlib import Path

import numpy as np

from meshgait_cli.results.spool import ROW, Spool
from meshgait_cli.results.tables import track_table, write_silhouettes


def row(frame: int, valid: bool = True) -> np.ndarray:
    made = np.zeros((), ROW)
    made["frame"], made["time"], made["valid"] = frame, frame / 25, valid
    made["box"] = [frame, 0, frame + 10, 30]
    made["silhouette"] = frame % 256
    return made


def filled(folder: Path, frames: range, tracklet: int = 1) -> Spool:
    spool = Spool(folder)
    for frame in frames:
        spool.append(tracklet, row(frame), np.arange(6, dtype=np.float32))
    return spool


def test_rows_come_back_in_order_and_the_track_with_them(tmp_path: Path) -> None:
    spool = filled(tmp_path, range(100))
    assert spool.rows(1)["frame"].tolist() == list(range(100))
    track = spool.track(1)
    assert track.frames.tolist() == list(range(100))
    assert track.appearance.shape == (100, 6)
    assert track.boxes[7].tolist() == [7, 0, 17, 30]


def test_reading_in_between_does_not_lose_rows(tmp_path: Path) -> None:
    spool = filled(tmp_path, range(40))
    assert len(spool.rows(1)) == 40
    for frame in range(40, 90):
        spool.append(1, row(frame), np.zeros(6, np.float32))
    assert spool.rows(1)["frame"].tolist() == list(range(90))


def test_a_second_row_for_a_frame_is_ignored(tmp_path: Path) -> None:
    spool = filled(tmp_path, range(3))
    spool.append(1, row(2), np.zeros(6, np.float32))
    assert len(spool.rows(1)) == 3


def test_pieces_join_across_tracklets(tmp_path: Path) -> None:
    spool = filled(tmp_path, range(600))
    for frame in range(700, 710):
        spool.append(2, row(frame), np.zeros(6, np.float32))
    joined = spool.join("person", [(1, 10, 590), (2, 0, 10)])
    assert joined["frame"].tolist() == [*range(10, 590), *range(700, 710)]


def test_thumbnails_stay_few_and_spread_over_the_track(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for frame in range(1000):
        if spool.wants_thumbnail(1):
            spool.add_thumbnail(1, frame, np.full((20, 10, 3), frame % 256, np.uint8))
        spool.append(1, row(frame), np.zeros(6, np.float32))
    crops = spool.thumbnails([(1, 0, 1000)])
    assert 4 <= len(crops) <= 8
    assert len(list(tmp_path.glob("*.jpg"))) <= 8
    assert crops[0].mean() < 5


def test_the_written_silhouettes_are_the_valid_ones(tmp_path: Path) -> None:
    rows = np.stack([row(frame, valid=frame % 3 > 0) for frame in range(1500)])
    flags = np.arange(1500) % 2 == 0
    write_silhouettes(tmp_path / "1.npz", rows, flags, ~flags)
    with np.load(tmp_path / "1.npz", allow_pickle=False) as arrays:
        valid = np.flatnonzero(rows["valid"])
        assert arrays["frames"].tolist() == valid.tolist()
        assert np.array_equal(arrays["silhouettes"], rows["silhouette"][valid])
        assert np.array_equal(arrays["walking"], flags[valid])
        assert np.array_equal(arrays["good"], ~flags[valid])


def test_the_table_has_a_row_a_person_and_frame(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows = np.stack([row(frame) for frame in range(5000)])
    flags = np.ones(5000, dtype=bool)
    with track_table(tmp_path / "t.parquet") as table:
        table.add(1, rows, flags, flags)
        table.add(2, rows[:1], flags[:1], flags[:1])
        table.add(3, rows[:0], flags[:0], flags[:0])
    read = pq.read_table(tmp_path / "t.parquet").to_pydict()
    assert len(read["frame"]) == 5001
    assert read["track"][-1] == 2
    assert read["time_s"][25] == 1.0
    assert len(read["keypoints"][0]) == 51
