from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from meshgait_cli.datasets.opengait import write_tree
from meshgait_cli.datasets.pickles import read_arrays
from meshgait_cli.datasets.silhouettes import count, read
from meshgait_cli.errors import SilhouetteError
from meshgait_cli.records import SilhouetteSequence


def walker(frames: int = 6, height: int = 64, width: int = 64) -> np.ndarray:
    masks = np.zeros((frames, height, width), np.uint8)
    masks[:, :, width // 2 - width // 8 : width // 2 + width // 8] = 255
    return masks


def test_opengaits_tree_round_trip(tmp_path: Path) -> None:
    sequence = SilhouetteSequence.from_arrays(walker())
    for identity in ("0001", "0002"):
        write_tree(tmp_path, identity, "nm-01", "090", sequence)
    assert count(tmp_path) == 2
    first, second = read(tmp_path)
    assert (first.identity, first.type, first.view) == ("0001", "nm-01", "090")
    assert second.identity == "0002"
    assert np.array_equal(first.sequence.silhouettes, sequence.silhouettes)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(walker(), protocol=protocol))
    assert np.array_equal(read_arrays(path)[0], walker())


class _Hostile:
    def __reduce__(self) -> tuple:
        return os.system, ("touch " + os.environ["HOSTILE_MARK"],)


def test_a_hostile_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "owned"
    monkeypatch.setenv("HOSTILE_MARK", str(mark))
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(_Hostile()))
    with pytest.raises(SilhouetteError, match="system"):
        list(read(path))
    assert not mark.exists()


@pytest.mark.parametrize(
    "array",
    [
        walker(),
        walker()[:, :, 10:-10],
        walker() > 0,
        (walker() > 0).astype(np.uint8),
        (walker() > 0).astype(np.float64),
        walker()[..., None],
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pkl"])
def test_arrays_of_every_kind_are_one_walker(tmp_path: Path, array: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"anna{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    elif suffix == ".npz":
        np.savez(path, array)
    else:
        path.write_bytes(pickle.dumps(array))
    (only,) = read(path)
    assert only.identity == "anna"
    assert np.array_equal(only.sequence.silhouettes, walker())


def test_other_sizes_are_normalised(tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.pad(walker(4, 200, 200), ((0, 0), (30, 10), (5, 0))))
    (only,) = read(tmp_path / "big.npy")
    assert only.sequence.silhouettes.shape == (4, 64, 64)
    assert only.sequence.silhouettes[:, 0].any()
    assert only.sequence.silhouettes[:, -1].any()


def test_folders_of_masks_are_sequences(tmp_path: Path) -> None:
    for identity in ("anna", "ben"):
        folder = tmp_path / identity / "walk"
        folder.mkdir(parents=True)
        for number, mask in enumerate(walker(12, 120, 80)):
            cv2.imwrite(str(folder / f"{number}.png"), mask * (number != 3))
    first, second = read(tmp_path)
    assert (first.identity, first.type, second.identity) == ("anna", "walk", "ben")
    assert len(first.sequence) == 11  # the empty mask is left out


def test_a_result_of_extract_gives_its_good_frames(tmp_path: Path) -> None:
    good = np.array([True, False, True, True, True, True])
    np.savez(
        tmp_path / "1.npz", silhouettes=walker(), frames=np.arange(10, 16), times=np.arange(6) / 25,
        transform=np.ones((6, 3), np.float32), good=good, walking=good,
    )  # fmt: skip
    (only,) = read(tmp_path / "1.npz")
    assert only.sequence.frames.tolist() == [10, 12, 13, 14, 15]


def test_names_that_are_not_utf_8_or_hold_odd_digits(tmp_path: Path) -> None:
    np.save(tmp_path / "1²2.npy", walker())
    (tmp_path / "masks").mkdir()
    picture = cv2.imencode(".png", walker(1)[0])[1].tobytes()
    (tmp_path / "masks" / os.fsdecode(b"a\xff.png")).write_bytes(picture)
    assert [item.identity for item in read(tmp_path)] == ["1²2", "masks"]


def broken(folder: Path, what: str) -> Path:
    path = folder / "x.npy"
    if what == "empty folder":
        return folder
    if what == "empty file":
        path.touch()
    elif what == "text":
        path.write_text("hello")
    elif what == "one number":
        np.save(path, np.float32(3))
    elif what == "strings":
        np.save(path, np.full((3, 64, 64), "x"))
    elif what == "objects":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif what == "nan":
        np.save(path, np.full((3, 64, 64), np.nan))
    elif what == "negative":
        np.save(path, -walker().astype(np.int16))
    elif what == "all black":
        np.save(path, np.zeros((3, 100, 100), np.uint8))
    elif what == "no frames":
        np.save(path, np.zeros((0, 64, 64), np.uint8))
    elif what == "cut npz":
        path = folder / "x.npz"
        np.savez_compressed(path, walker())
        path.write_bytes(path.read_bytes()[:100])
    elif what == "garbled npz":
        path = folder / "x.npz"
        np.savez_compressed(path, walker())
        content = bytearray(path.read_bytes())
        content[60:200] = b"\xff" * 140  # within what is compressed
        path.write_bytes(content)
    elif what == "npz of text":
        path = folder / "x.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("silhouettes", "hello")
    elif what == "made-up size":
        header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (999999999, 640, 640), }\n"
        path = folder / "x.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    elif what == "cut pickle":
        path = folder / "x.pkl"
        path.write_bytes(pickle.dumps(walker())[:500])
    elif what == "pickled dict":
        path = folder / "x.pkl"
        path.write_bytes(pickle.dumps({"a": 1}))
    elif what == "colour picture":
        cv2.imwrite(str(folder / "x.png"), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
        return folder
    elif what == "no picture":
        (folder / "x.png").write_text("hello")
        return folder
    elif what == "empty picture":
        (folder / "x.png").touch()
        return folder
    elif what == "made-up picture":
        picture = bytearray(cv2.imencode(".png", walker(1)[0])[1].tobytes())
        picture[16:24] = (100_000).to_bytes(4, "big") * 2  # its width and height
        picture[29:33] = zlib.crc32(picture[12:29]).to_bytes(4, "big")
        (folder / "x.png").write_bytes(picture)
        return folder
    elif what in ("complex", "timespans"):
        np.save(path, walker().astype("c8" if what == "complex" else "m8[s]"))
    elif what == "frames of two kinds":
        path = folder / "x.pkl"
        path.write_bytes(pickle.dumps([walker(1)[0].astype("f4"), np.zeros((64, 64), "M8[s]")]))
    elif what in ("ours, frames one number", "ours, good of text", "ours, times of text"):
        path = folder / "x.npz"
        parts = {"frames": np.arange(6), "times": np.arange(6.0), "transform": np.ones((6, 3), np.float32)}
        wrong = {"frames": np.array(6)} if "number" in what else {what.split()[1]: np.full(6, "x")}
        np.savez(path, silhouettes=walker(), **{**parts, **wrong})
    elif what == "another kind":
        path = folder / "x.csv"
        path.write_text("1,2")
    return path


@pytest.mark.parametrize(
    "what",
    [
        "empty folder", "empty file", "text", "one number", "strings", "objects", "nan", "negative",
        "all black", "no frames", "cut npz", "garbled npz", "npz of text",
        "made-up size", "cut pickle", "pickled dict", "colour picture",
        "no picture", "empty picture", "made-up picture", "complex", "timespans", "frames of two kinds",
        "ours, frames one number", "ours, good of text", "ours, times of text", "another kind",
    ],
)  # fmt: skip
def test_what_is_no_silhouettes_is_named(tmp_path: Path, what: str) -> None:
    path = broken(tmp_path, what)
    with pytest.raises(SilhouetteError, match=re_escape(path.name)) as caught:
        list(read(path))
    assert "\n" not in str(caught.value)


def re_escape(text: str) -> str:
    import re

    return re.escape(text)
