from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from meshgait_cli.errors import VideoError
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter

Make = Callable[..., Path]


def numbered(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """Grey frames whose brightness is their number, brighter in the top-left corner."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames += (20 + 2 * np.arange(count, dtype=np.uint8))[:, None, None, None]
    frames[:, : height // 4, : width // 4] = 230
    return list(frames)


def test_frames_come_in_order_with_their_times(make_video: Make) -> None:
    with open_video(make_video(numbered(40), fps=20)) as reader:
        frames = list(reader)
        assert [frame.index for frame in frames] == list(range(40))
        assert np.allclose([frame.time_s for frame in frames], np.arange(40) / 20, atol=1e-3)
        assert not reader.damage.is_damaged
        assert reader.damage.summary() == ""
    brightness = [frame.image[-8:, -8:].mean() for frame in frames]
    assert (np.diff(brightness) > 0.5).all()
    assert (reader.info.width, reader.info.height, reader.info.frame_count) == (96, 64, 40)


def test_every_third_frame_keeps_its_number_and_time(make_video: Make) -> None:
    with open_video(make_video(numbered(40), fps=20)) as reader:
        reader.every = 3
        frames = list(reader)
        assert [frame.index for frame in frames] == list(range(0, 40, 3))
        assert np.allclose([frame.time_s for frame in frames], np.arange(0, 40, 3) / 20, atol=1e-3)
        assert reader.damage.frames_decoded == 40
        assert not reader.damage.is_damaged


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, "top-left"), (90, "top-right"), (180, "bottom-right"), (270, "bottom-left")]
)
def test_rotation_metadata_is_applied(make_video: Make, degrees: int, corner: str) -> None:
    path = make_video(numbered(5))
    turn_in_header(path, degrees)
    with open_video(path) as reader:
        frame = next(iter(reader))
        size = (reader.info.height, reader.info.width)
        assert frame.image.shape[:2] == size == ((64, 96) if degrees % 180 == 0 else (96, 64))
        assert reader.info.rotation == degrees
    rows = slice(0, 8) if "top" in corner else slice(-8, None)
    columns = slice(0, 8) if "left" in corner else slice(-8, None)
    assert frame.image[rows, columns].mean() > 200


def turn_in_header(path: Path, degrees: int) -> None:
    """Write a display matrix (clockwise degrees, as phones do) into the mp4's track header."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4
    matrix = start + (40 if content[start] == 0 else 52)
    one = 1 << 16
    a, b = {0: (one, 0), 90: (0, one), 180: (-one, 0), 270: (0, -one)}[degrees]
    for offset, value in ((0, a), (4, b), (12, -b), (16, a)):
        content[matrix + offset : matrix + offset + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(bytes(content))


def test_variable_frame_rate_keeps_the_true_times(tmp_path: Path) -> None:
    stamps = [0, 40, 80, 400, 410, 1000]  # milliseconds
    path = tmp_path / "vfr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, image in zip(stamps, numbered(6), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = stamp, stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with open_video(path) as reader:
        times = [frame.time_s for frame in reader]
    assert np.allclose(times, np.array(stamps) / 1000, atol=2e-3)


def test_damage_may_be_asked_for_when_the_video_is_closed(make_video: Make) -> None:
    with open_video(make_video(numbered(20))) as reader:
        for _ in reader:
            pass
    assert reader.damage.frames_expected == 20
    assert not reader.damage.is_damaged


def test_a_damaged_file_gives_what_is_left_and_says_so(make_video: Make) -> None:
    rng = np.random.default_rng(0)
    path = make_video(list(rng.integers(0, 255, (120, 64, 96, 3), dtype=np.uint8)))
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    for _ in range(12):
        at = start + int(rng.integers(4000, len(content) // 2))
        content[at : at + 60] = bytes(60)
    path.write_bytes(bytes(content))
    with open_video(path) as reader:
        count = sum(1 for _ in reader)
        assert 60 < count <= 120
        if count < 117:
            assert reader.damage.is_damaged
            assert "damaged" in reader.damage.summary()
            assert str(count) in reader.damage.summary()


def test_a_file_cut_short_gives_its_beginning(tmp_path: Path) -> None:
    whole = tmp_path / "fast.mp4"
    with VideoWriter(whole, 25, 96, 64) as writer:  # its index stands at the front
        for image in np.random.default_rng(0).integers(0, 255, (100, 64, 96, 3), dtype=np.uint8):
            writer.write(image)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) * 2 // 3])
    with open_video(whole) as reader:
        count = sum(1 for _ in reader)
        assert 30 < count < 90
        assert reader.damage.is_damaged
        assert "of 100 frames" in reader.damage.summary()


def test_an_mp4_without_its_index_is_beyond_reading(make_video: Make) -> None:
    path = make_video(numbered(50))  # its index stands at the end
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"clip\.mp4"):
        open_video(path)


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no picture"):
        open_video(path)


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "0 bytes"), (b"words " * 500, "not a video"), (b"\x00" * 4096, "not a video")]
)
def test_what_is_no_video(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=said):
        open_video(path)


def test_unreadable_permissions(make_video: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(numbered(3))
    if os.geteuid() == 0:  # root reads everything: refuse in its place

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(VideoError, match="Permission denied"):
        open_video(path)


def test_one_frame_is_a_video(make_video: Make) -> None:
    with open_video(make_video(numbered(1))) as reader:
        assert [frame.time_s for frame in reader] == [0.0]


def test_memory_does_not_grow_with_the_video(make_video: Make) -> None:
    import tracemalloc

    path = make_video(numbered(100, 240, 320))
    tracemalloc.start()
    with open_video(path) as reader:
        for _ in reader:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 240 * 320 * 3 / 4
