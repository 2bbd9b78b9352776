"""Every command meets bad input with one clear line and the right exit code, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.records import GaitEmbedding, SilhouetteSequence
from meshgait_cli.results.embeddings import EmbeddingSet

Run = Callable[..., object]
CUDA = Path("/dev/nvidia0").exists()


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_and_version_need_nothing(meshgait: Run) -> None:
    assert meshgait("--version").out.startswith("meshgait ")
    for command in ("extract", "embed", "match", "render-mesh", "demo", "weights"):
        ran = meshgait(command, "--help")
        assert ran.code == 0
        assert "Usage" in ran.out


def test_unknown_options_and_commands_are_usage_errors(meshgait: Run) -> None:
    assert meshgait("extract", "--nope", "x.mp4").code == 2
    assert meshgait("walk").code == 2
    assert meshgait("extract").code == 2


def test_missing_path(meshgait: Run) -> None:
    ran = meshgait("extract", "nowhere.mp4")
    assert ran.code == 2
    assert "nowhere.mp4" in ran.error


def test_folder_without_video(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("hello")
    ran = meshgait("extract", "notes")
    assert ran.code == 2
    assert "no video" in ran.error


def test_zero_bytes(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    ran = meshgait("extract", "empty.mp4")
    assert ran.code == 1
    assert "0 bytes" in ran.error
    assert written(tmp_path) == {"empty.mp4"}


def test_text_renamed_to_mp4(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("Dear reader, " * 100)
    ran = meshgait("extract", "letter.mp4")
    assert ran.code == 1
    assert "letter.mp4" in ran.error
    assert written(tmp_path) == {"letter.mp4"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "tpu"], "tpu"),
        (["--device", "cuda:²"], "unknown device"),
        (["--device", "cuda:99"], "--device cpu" if not CUDA else "cuda:99"),
        (["--tracker", "psychic"], "psychic"),
        (["--sam", "enormous"], "enormous"),
        (["--crop-px", "33"], "crop_px"),
        (["--seconds", "-1"], "positive"),
        (["--format", "xml"], "xml"),
        (["--model", "no-such-network"], "no-such-network"),
    ],
)
def test_impossible_wishes(meshgait: Run, make_video: Callable, arguments: list[str], said: str) -> None:
    video = make_video([np.zeros((48, 64, 3), np.uint8)] * 3)
    ran = meshgait("extract", video, *arguments)
    assert ran.code == 2
    assert said in ran.error


def test_a_bad_file_does_not_stop_the_others(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "[bold]a.mp4").touch()
    (tmp_path / "b.mp4").write_text("no video")
    ran = meshgait("extract", "[bold]a.mp4", "b.mp4")
    assert ran.code == 1
    assert "[bold]a.mp4" in ran.err  # a name is no markup
    assert "2 of 2 videos failed" in ran.err


def test_match_without_gallery_folder(meshgait: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "q.npz", silhouettes=np.zeros((9, 64, 64), np.uint8))
    ran = meshgait("match", "q.npz", "--gallery", "people")
    assert ran.code == 2
    assert "people" in ran.error


def test_match_with_an_empty_gallery(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    np.savez(tmp_path / "q.npz", silhouettes=np.zeros((9, 64, 64), np.uint8))
    ran = meshgait("match", "q.npz", "--gallery", "people")
    assert ran.code == 1
    assert "empty" in ran.error
    assert written(tmp_path) == {"q.npz"}


def test_embed_of_nothing(meshgait: Run, tmp_path: Path) -> None:
    assert meshgait("embed", "nowhere").code == 2
    (tmp_path / "void").mkdir()
    ran = meshgait("embed", "void")
    assert ran.code == 1
    assert "void" in ran.error


class _Embedder:
    model_id, trained = "net@1", True

    def __init__(self, *_: object, **__: object) -> None: ...

    def embed(self, sequences: list[SilhouetteSequence]) -> list[GaitEmbedding]:
        return [GaitEmbedding(np.ones((16, 8), np.float32), "net@1", True, len(one)) for one in sequences]


def test_embed_of_a_name_that_is_not_utf_8_says_no_more_than_asked(
    meshgait: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshgait_cli.network.embed.Embedder", _Embedder)
    with open(os.fsencode(tmp_path) + b"/na\xff.npy", "wb") as file:
        np.save(file, np.full((3, 64, 64), 255, np.uint8))
    for target in ("e.parquet", "e.safetensors"):
        ran = meshgait("embed", tmp_path, "--out", target, "--quiet")
        assert (ran.code, ran.err) == (0, "")
        assert [item.id for item in EmbeddingSet.read(Path(target)).items] == ["na\ufffd"]
    assert "16 parts" in meshgait("embed", tmp_path, "--out", target).err


def test_embed_into_a_format_that_is_not_there(meshgait: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", silhouettes=np.zeros((9, 64, 64), np.uint8))
    ran = meshgait("embed", "s.npz", "--out", "e.csv")
    assert ran.code == 2
    assert "parquet" in ran.error


def test_render_mesh_with_nothing_to_draw(meshgait: Run, tmp_path: Path) -> None:
    assert meshgait("render-mesh").code == 2
    (tmp_path / "folder").mkdir()
    assert meshgait("render-mesh", "folder").code in (1, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("embed", "x.safetensors", "--out", "x.safetensors"),
        ("embed", "x.npz", "--model", "x.safetensors", "--out", "x.safetensors"),
        ("export", "network", "--model", "x.onnx", "--out", "x.onnx"),
        ("export", "segmenter", "--sam-checkpoint", "x.onnx", "--out", "sub/../x.onnx"),
        ("match", "x.html", "--gallery", "sub", "--report", "x.html"),
        ("extract", "x.html", "--report", "x.html"),
    ],
)
def test_what_is_read_is_not_written_over(meshgait: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "sub").mkdir()
    for suffix in ("safetensors", "npz", "onnx", "html"):
        (tmp_path / f"x.{suffix}").write_bytes(b"mine")
    ran = meshgait(*arguments)
    assert ran.code == 2
    assert "would overwrite what is read" in ran.error
    assert {path.read_bytes() for path in tmp_path.glob("x.*")} == {b"mine"}


def test_no_diagram_goes_into_the_gallery(meshgait: Run, tmp_path: Path) -> None:
    (tmp_path / "people" / "anna").mkdir(parents=True)
    ran = meshgait("gallery", "calibrate", "people", "--diagram", "people/anna/walk.png")
    assert ran.code == 2
    assert "lies in the gallery" in ran.error


def test_a_full_disk(
    meshgait: Run, make_video: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from meshgait_cli.pipeline import Extractor

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "result/spool")

    monkeypatch.setattr(Extractor, "_run", full)
    monkeypatch.setattr(Extractor, "_fingerprint", lambda *_: "x")
    video = make_video([np.zeros((48, 64, 3), np.uint8)] * 3)
    ran = meshgait("extract", video)
    assert ran.code == 1
    assert "disk is full" in ran.error
    assert written(tmp_path) == {"clip.mp4"}


def test_an_unforeseen_error_is_one_line_too(
    meshgait: Run, make_video: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgait_cli.pipeline import Extractor

    def broken(*_: object, **__: object) -> None:
        raise KeyError("surprise\nsecond line")

    monkeypatch.setattr(Extractor, "extract", broken)
    ran = meshgait("extract", make_video([np.zeros((48, 64, 3), np.uint8)] * 3))
    assert ran.code == 1
    assert "please report" in ran.error


def _walk(path: Path) -> None:
    silhouettes = np.zeros((9, 64, 64), np.uint8)
    silhouettes[:, 4:60, 24:40] = 255
    np.savez(path, silhouettes=silhouettes)


def test_a_file_where_a_folder_is_needed(meshgait: Run, tmp_path: Path) -> None:
    _walk(tmp_path / "s.npz")
    (tmp_path / "file").write_text("precious")
    ran = meshgait("embed", "s.npz", "--out", "file/e.safetensors")
    assert ran.code == 2
    assert "a file stands where a folder is needed" in ran.error
    ran = meshgait("extract", "s.npz", "--out", "file/result")
    assert ran.code in (1, 2)
    assert (tmp_path / "file").read_text() == "precious"


def test_a_name_that_is_too_long(meshgait: Run) -> None:
    ran = meshgait("export", "network", "--out", "x" * 300 + ".onnx")
    assert ran.code == 2
    assert "choose a shorter one" in ran.error


def test_a_folder_where_a_file_is_needed(meshgait: Run, tmp_path: Path) -> None:
    _walk(tmp_path / "s.npz")
    (tmp_path / "e.safetensors").mkdir()
    ran = meshgait("embed", "s.npz", "--out", "e.safetensors")
    assert ran.code == 2
    assert "e.safetensors is a folder: name a file in it" in ran.error
    assert written(tmp_path) == {"s.npz"}
