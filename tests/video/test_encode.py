from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshgait_cli.errors import RenderError
from meshgait_cli.video.decode import open_video
from meshgait_cli.video.encode import VideoWriter


@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
def test_what_is_written_is_read(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "new" / "clip.mp4"
    with VideoWriter(path, 12.5, size[1], size[0]) as writer:
        for level in range(10, 200, 10):
            writer.write(np.full((*size, 3), level, np.uint8))
        assert not path.exists()
    with open_video(path) as reader:
        levels = [frame.image.mean() for frame in reader]
    assert np.allclose(levels, range(10, 200, 10), atol=4)
    assert reader.info.fps == 12.5
    assert (reader.info.height, reader.info.width) == (64, 96)


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "clip.mp4", 25, 64, 64) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").mkdir()
    with pytest.raises((RenderError, OSError)), VideoWriter(tmp_path / "clip.mp4", 25, 64, 64) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
