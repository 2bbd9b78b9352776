from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from meshgait_cli.errors import NoWalkerError
from meshgait_cli.gallery.decide import ACCEPTED, Answer
from meshgait_cli.gallery.identify import Identification
from meshgait_cli.gallery.search import Gallery
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.gallery.walkers import Walker
from meshgait_cli.pipeline import Step
from meshgait_cli.records import GaitEmbedding, Match, SilhouetteSequence
from meshgait_cli.shipped import folder

PORT = 8123
NAMES = ("anna", "ben", "<script>alert(1)</script>", "../../x")


@pytest.fixture(scope="session")
def walks() -> list[SilhouetteSequence]:
    """Walks of the synthetic people that are shipped."""
    found = []
    for path in sorted((folder("examples") / "walkers").glob("*.npz"))[:6]:
        with np.load(path) as arrays:
            found.append(SilhouetteSequence.from_arrays(arrays["silhouettes"]))
    return found


@pytest.fixture
def gallery(tmp_path: Path, walks: list[SilhouetteSequence]) -> Path:
    """Four people, two of names that are also markup and a path. ben has two walks; of ../../x no silhouettes
    were kept."""
    store = Store.create(tmp_path / "known")
    rng = np.random.default_rng(0)

    def one(name: str, number: int, quality: float = 0.8) -> GallerySequence:
        values = rng.standard_normal((16, 8)).astype(np.float32)
        return GallerySequence(
            name, f"{name}.mp4 #{number}", GaitEmbedding(values, "net@1", True, 60, quality),
            source=f"{name}{number}", video=f"/videos/{name}.mp4", start_s=1.0, end_s=3.5, camera="door",
            silhouettes=None if name == "../../x" else walks[number],
        )  # fmt: skip

    store.add([one(name, number) for number, name in enumerate(NAMES)])
    store.add([one("ben", 4, 0.9)])
    return store.folder


@dataclass
class Ask:
    """Stands in for `identify`: one walker, most like anna, against the gallery as it is.

    error: raised instead; says: raised instead, about the video. held: set it, and the question is worked on
    until it is cleared or stopped. seen: what it was asked.
    """

    gallery: Path
    walk: SilhouetteSequence
    error: Exception | None = None
    says: str = ""
    held: Event = field(default_factory=Event)
    seen: list[tuple[Path, bytes]] = field(default_factory=list)

    def __call__(self, video: Path, out: Path, progress: Callable[[Step], None]) -> Identification:
        self.seen.append((video, video.read_bytes()))
        out.mkdir()
        progress(Step("frames", 3, 10, 2))
        while self.held.is_set():
            sleep(0.01)
            progress(Step("frames", 4, 10, 2))
        if self.error is not None:
            raise self.error
        if self.says:
            raise NoWalkerError(self.says.format(video=video))
        store = Store(self.gallery)
        known = Gallery(tuple(store.sequences()))
        anna = next(one for one in known.sequences if one.identity == "anna").embedding.values
        near = anna + 0.1 * np.random.default_rng(1).standard_normal(anna.shape)
        walker = Walker(
            "track 1", GaitEmbedding(near.astype(np.float32), "net@1", True, 60, 0.7),
            silhouettes=self.walk, video=str(video), start_s=0.5, end_s=3.0,
        )  # fmt: skip
        ids = {one.name: one.id for one in known.sequences}
        matches = tuple(
            Match(one.identity, one.distance, one.margin, one.sequence, 0.9 if rank == 0 else 0.01, rank == 0,
                  {"sequence_id": ids[one.sequence]})
            for rank, one in enumerate(known.rank(walker.embedding))
        )  # fmt: skip
        answer = Answer("track 1", ACCEPTED, matches[0].identity, 0.9, 0.05, (), matches)
        return Identification(
            (answer,), (walker,), (), known, len(store.people()), None, 0.01, store, ("a remark",)
        )


@pytest.fixture
def ask(gallery: Path, walks: list[SilhouetteSequence]) -> Iterator[Ask]:
    made = Ask(gallery, walks[5])
    yield made
    made.held.clear()


@dataclass
class Browser:
    """A client and the application that it talks to."""

    client: Any
    app: Any
    keys: Any

    def get(self, path: str, **query: str) -> Any:
        return self.client.get(path, params=query or None)

    def post(self, path: str, **form: object) -> Any:
        """With the secret that every form carries."""
        return self.client.post(path, data={"csrf": self.keys.csrf, **form})

    def drop(self, content: bytes = b"a video", name: str = "walk.mp4", **headers: str) -> Any:
        given = {"x-csrf": self.keys.csrf, "x-name": name, "accept": "application/json", **headers}
        return self.client.post("/search", content=content, headers=given)

    def state(self, to: str) -> str:
        return self.get(f"{to}/progress").json()["state"]

    def wait(self, to: str, *states: str) -> None:
        end = monotonic() + 20
        while self.state(to) not in states:
            assert monotonic() < end
            sleep(0.01)

    def answered(self, name: str = "walk.mp4") -> str:
        """Drop a video and wait for the end of it; the address of the answer."""
        to = self.drop(name=name).json()["to"]
        self.wait(to, "done", "failed")
        return to

    @staticmethod
    def said(response: Any) -> str:
        """The words that a page begins with."""
        found = re.search(r'role="(?:status|alert)"[^>]*data-said><bdi>(.*?)</bdi>', response.text)
        assert found is not None, response.text[:3000]
        return unescape(found.group(1))


@pytest.fixture
def outside(gallery: Path, ask: Ask) -> Iterator[Browser]:
    """A client that has not come in yet. A video may have a thousand bytes."""
    pytest.importorskip("starlette")
    from starlette.testclient import TestClient

    from meshgait_cli.browse.app import create_app
    from meshgait_cli.browse.guard import Keys

    keys = Keys()
    app = create_app(gallery, ask, keys, PORT, most_mb=0.001)
    base = f"http://127.0.0.1:{PORT}"
    with TestClient(app, base_url=base, raise_server_exceptions=False) as client:
        yield Browser(client, app, keys)


@pytest.fixture
def browser(outside: Browser) -> Browser:
    assert outside.get("/", token=outside.keys.token).status_code == 200
    return outside
