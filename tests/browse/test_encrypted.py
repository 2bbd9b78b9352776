"""Browsing a gallery that has a passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import UsageError
from meshgait_cli.gallery import seal as seal_module
from meshgait_cli.gallery.seal import PASSPHRASE
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence

WORDS = "correct horse battery"
PORT = 4321


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(seal_module, "_SCRYPT", {"n": 1 << 10, "r": 8, "p": 1})
    monkeypatch.delenv(PASSPHRASE, raising=False)
    store = Store.create(tmp_path / "vault", WORDS)
    frames = SilhouetteSequence.from_arrays(np.full((9, 64, 64), 200, np.uint8))
    embedding = GaitEmbedding(np.ones((2, 2), np.float32), "net@1", True, 9, 0.5)
    store.add([GallerySequence("Zebediah", "walk.mp4", embedding, source="x", silhouettes=frames)])
    return store.folder


def nobody_asks(*_: object) -> Any:
    raise AssertionError


def test_people_are_shown_renamed_and_removed(vault: Path) -> None:
    pytest.importorskip("starlette")
    from starlette.testclient import TestClient

    from meshgait_cli.browse.app import create_app
    from meshgait_cli.browse.guard import Keys

    keys = Keys()
    app = create_app(vault, nobody_asks, keys, PORT, most_mb=1, passphrase=WORDS)
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}") as client:
        client.get("/", params={"token": keys.token})
        assert "Zebediah" in client.get("/").text
        assert "walk.mp4" in client.get("/person", params={"name": "Zebediah"}).text
        form = {"csrf": keys.csrf, "name": "Zebediah", "new": "Bartholomew"}
        assert client.post("/person/rename", data=form).status_code == 200
        assert Store(vault, WORDS).people() == {"Bartholomew": 1}
        client.post("/person/remove", data={"csrf": keys.csrf, "name": "Bartholomew"})
    assert Store(vault, WORDS).people() == {}
    everything = b"".join(path.read_bytes() for path in vault.rglob("*") if path.is_file())
    assert b"Bartholomew" not in everything


def test_without_the_passphrase_nothing_is_served(vault: Path) -> None:
    pytest.importorskip("starlette")
    from meshgait_cli.browse.session import serve

    with pytest.raises(UsageError, match=PASSPHRASE):
        serve(vault, None, open_browser=False)  # type: ignore[arg-type]
