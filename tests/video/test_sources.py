from __future__ import annotations

from pathlib import Path

import pytest

from meshgait_cli.errors import SourceNotFound
from meshgait_cli.video.sources import called, expand


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("walk2.mp4", "walk10.MP4", "deep/er/x.avi", "notes.txt", ".hidden.mp4", ".git/y.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_gives_its_videos_in_natural_order(tree: Path) -> None:
    assert [s.path.name for s in expand([str(tree)]) if s.path] == ["x.avi", "walk2.mp4", "walk10.MP4"]


def test_a_small_raised_number_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "1²2.mp4").touch()
    assert [source.name for source in expand([str(tmp_path)])] == ["1²2"]


def test_a_video_named_twice_is_one(tree: Path) -> None:
    assert len(expand([str(tree), str(tree / "walk2.mp4"), f"{tree}/*.mp4"])) == 3


def test_a_glob_that_the_shell_left_alone(tree: Path) -> None:
    assert [s.name for s in expand([f"{tree}/**/*.avi"])] == ["x"]


@pytest.mark.parametrize("argument", ["nowhere.mp4", "*.nope", "camera:97", "/dev/video97"])
def test_what_is_not_there_is_named(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceNotFound):
        expand([argument])


def test_a_folder_without_video_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"\.mp4"):
        expand([str(tmp_path)])


def test_previews_in_results_are_no_videos(tree: Path) -> None:
    result = tree / "result"
    result.mkdir()
    (result / "manifest.json").touch()
    (result / "preview.mp4").touch()
    assert all(s.path and s.path.name != "preview.mp4" for s in expand([str(tree)]))


def test_names_are_distinct_and_safe(tmp_path: Path) -> None:
    for name in ("a/walk.mp4", "b/walk.mp4", "b/walk.avi", "b/x%2f..<y>.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    names = [source.name for source in expand([str(tmp_path)])]
    assert len({name.lower() for name in names}) == 4
    assert all("/" not in name and "<" not in name and not name.startswith(".") for name in names)


def test_a_streams_name_keeps_no_password() -> None:
    (source,) = expand(["rtsp://anna:secret@camera.local:554/door?key=1"])
    assert source.kind == "stream"
    assert "secret" not in source.name
    assert "key" not in source.name


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://anna:se@cr/et?@camera.local:554/door", "rtsp://camera.local:554/door"),
        ("http://camera.local/live?user=anna&pwd=secret#x", "http://camera.local/live"),
        (
            "rtsp://10.0.0.2/user=anna_password=sec_ret_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.2/user=…_password=…_channel=1_stream=0.sdp",
        ),
        ("http://camera.local/live/token=secret/video", "http://camera.local/live/token=…/video"),
        ("http://camera.local/live?user=anna&pwd=sec@ret", "http://camera.local/live"),
        ("HTTP://camera.local", "HTTP://camera.local"),
    ],
)
def test_what_is_shown_of_a_stream_holds_no_password(address: str, shown: str) -> None:
    (source,) = expand([address])
    assert source.address == address
    assert source.shown == shown


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("people/a@b?c.mp4", "a@b?c.mp4"),
        ("https://camera.local/clip.mp4?user=anna&password=secret", "camera.local-clip.mp4"),
        ("rtsp://anna:secret@10.0.0.5", "10.0.0.5"),
    ],
)
def test_what_people_read_of_an_argument_holds_no_password(argument: str, name: str) -> None:
    assert called(argument) == name


def test_a_files_address_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a@b?c#d.mp4"
    path.touch()
    (source,) = expand([str(path)])
    assert source.shown == str(path)
