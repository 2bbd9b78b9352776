"""Pictures in a page decode to the silhouettes that they were made of."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from meshgait_cli.report import sprites


def _opacity(png):
    with Image.open(BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGBA"))
    assert not pixels[..., :3].any()
    return pixels[..., 3].astype(int)


def test_every_tile_of_a_sheet_is_its_silhouette(walks):
    walk = walks[3]
    sheet = _opacity(sprites.sheet(walk))
    tile = 64 + 2 * sprites.MARGIN
    for number, silhouette in enumerate(walk):
        row, column = divmod(number, sprites.COLUMNS)
        found = sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
        inner = found[sprites.MARGIN : -sprites.MARGIN, sprites.MARGIN : -sprites.MARGIN]
        assert np.abs(inner - silhouette.astype(int)).max() <= 8
        assert found.sum() == inner.sum()  # the margin is clear


def test_a_strip_stands_side_by_side_and_is_faint_where_it_does_not_count(walks):
    some = walks[0][:4, :, 10:-10]
    strip = _opacity(sprites.strip(some, np.array([True, True, False, True])))
    assert strip.shape == (64, 4 * 44)
    assert np.abs(strip[:, 44:88] - some[1].astype(int)).max() <= 8
    assert 0 < strip[:, 88:132].max() <= 0.4 * 255


def test_the_energy_image_is_the_mean(walks):
    with Image.open(BytesIO(sprites.energy(walks[1]))) as picture:
        found = np.asarray(picture).astype(float)
    np.testing.assert_allclose(found, walks[1].mean(0), atol=0.5)


@pytest.mark.parametrize("count", [0, 1, 12, 13])
def test_sheets_of_any_length(count):
    sheet = _opacity(sprites.sheet(np.full((count, 64, 64), 255, np.uint8)))
    assert sheet.sum() == count * 64 * 64 * 255


def test_a_data_uri_holds_the_bytes():
    head, _, body = sprites.data_uri(b"\x89PNG").partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == b"\x89PNG"
