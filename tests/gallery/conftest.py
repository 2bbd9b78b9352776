from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import numpy as np
import pytest

from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.records import GaitEmbedding

Make = Callable[..., list[GallerySequence]]
Gate = Callable[[str, str], int | None]


@pytest.fixture
def people() -> Make:
    """people(count, each=2, seed=0, spread=0.3): `count` people, each one a point, each sequence of theirs
    near it; 16×8 numbers, named p0, p1, …"""

    def make(
        count: int, each: int = 2, seed: int = 0, spread: float = 0.3, model: str = "net@1", prefix: str = "p"
    ) -> list[GallerySequence]:
        rng = np.random.default_rng(seed)
        found = []
        for number in range(count):
            centre = rng.standard_normal((16, 8))
            for take in range(each):
                values = (centre + spread * rng.standard_normal((16, 8))).astype(np.float32)
                embedding = GaitEmbedding(values, model, True, 60, 0.8)
                name = f"{prefix}{number}"
                found.append(GallerySequence(name, f"take {take}", embedding, source=f"{seed}/{name}/{take}"))
        return found

    return make


class S3:
    """An S3 of this machine's, in memory. gate(method, path): called before each request; the status that it
    returns is the answer. bucket: of the test that is running."""

    def __init__(self) -> None:
        import logging

        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line for each request
        self.gate: Gate | None = None
        self.bucket = ""
        application = DomainDispatcherApplication(create_backend_app)

        def answer(environ: dict, start: Callable) -> object:
            status = self.gate and self.gate(environ["REQUEST_METHOD"], environ["PATH_INFO"])
            if status is None:
                return application(environ, start)
            start(f"{status} Said The Test", [("Content-Length", "0")])
            return []

        self.server = make_server("127.0.0.1", 0, answer, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make(self, bucket: str, versioned: bool = False) -> None:
        with suppress(urllib.error.HTTPError):  # there is one
            self.send("PUT", f"/{bucket}")
        if versioned:
            self.send("PUT", f"/{bucket}?versioning", b"<VersioningConfiguration><Status>Enabled</Status>"
                      b"</VersioningConfiguration>")  # fmt: skip

    def send(self, method: str, path: str, content: bytes = b"") -> None:
        request = urllib.request.Request(self.url + path, method=method, data=content)
        request.add_header("Content-Type", "application/xml")  # without it, it is a form to moto
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def objects(self) -> dict[str, bytes]:
        """Everything in the bucket."""
        import obstore
        from obstore.store import S3Store

        client = S3Store(self.bucket, endpoint=self.url, client_options={"allow_http": True})
        names = [found["path"] for page in obstore.list(client) for found in page]
        return {name: bytes(obstore.get(client, name).bytes()) for name in names}

    def places(self, needle: bytes) -> list[str]:
        """Objects that hold these bytes, in their content or their name."""
        return [name for name, held in self.objects().items() if needle in held or needle in name.encode()]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto, an S3 for tests, is not installed", exc_type=ImportError)
    server = S3()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """With a new bucket, and the environment that leads to it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.bucket = f"test-{uuid4().hex[:12]}"
    s3_server.make(s3_server.bucket)
    yield s3_server
    s3_server.gate = None
