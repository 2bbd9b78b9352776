"""The commands on a gallery in an object store, and what they say when it cannot be reached."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshgait_cli.gallery.store import Store

WALKERS = Path(__file__).parents[2] / "examples" / "walkers"
ADA, BEN, EVE = (WALKERS / f"synthetic-{number:02d}.npz" for number in (1, 2, 3))
QUICK = ("-q", "--device", "cpu")
Run = Callable[..., Any]


@pytest.fixture
def address(s3: Any) -> str:
    return f"s3://{s3.bucket}/people"


@pytest.mark.slow
def test_every_command_works_there(s3: Any, address: str, tmp_path: Path, meshgait: Run, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Any:
        done = meshgait(*words)
        assert done.code == 0, done.err
        return json.loads(done.out) if "--json" in words else done.out

    assert run("gallery", "create", address).startswith(f"{address} is a gallery now")
    for file, name in ((ADA, "ada lovelace"), (BEN, "ben"), (EVE, "eve")):
        told = run("gallery", "enroll", address, file, "-i", name, "--json", *QUICK)
        assert (told["gallery"], told["enrolled"]) == (address, 1)
    assert run("gallery", "enroll", address, ADA, "-i", "ada lovelace", "--json", *QUICK)["already"] == 1
    assert [each["identity"] for each in run("gallery", "list", address, "--json")] == [
        "ada lovelace",
        "ben",
        "eve",
    ]
    assert run("gallery", "show", address, "ada lovelace", "--json")[0]["silhouettes"] is True
    found = run("match", ADA, "--gallery", address, "--json", *QUICK)
    assert (found["gallery"], found["walkers"][0]["identity"]) == (address, "ada lovelace")
    run("match", BEN, "--gallery", address, "--report", tmp_path / "page.html", *QUICK)
    assert (tmp_path / "page.html").stat().st_size > 10_000
    run("gallery", "rename", address, "eve", "Eve")
    run("gallery", "merge", address, "ben", "Eve", "--yes")
    run("gallery", "export", address, tmp_path / "out", "--identity", "ada lovelace")
    run("gallery", "remove", address, "ada lovelace", "--yes")
    assert s3.places(b"ada lovelace") == []
    assert run("gallery", "import", address, tmp_path / "out", "--json") == {
        "gallery": address,
        "imported": 1,
    }
    run("gallery", "create", tmp_path / "local")
    assert run("gallery", "import", tmp_path / "local", address, "--json")["imported"] == 3
    assert run("gallery", "index", address, "--json") == {
        "gallery": address,
        "built": False,
        "search": "exact",
    }
    assert meshgait("gallery", "calibrate", address).error.startswith("error: calibrating needs 10 people")
    stats = run("gallery", "stats", address, "--json")
    assert (stats["people"], stats["sequences"], stats["log_entries"]) == (2, 3, 11)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local", "out", "page.html"]


def test_it_can_be_browsed(address: str, people: Any) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="the extra browse is not installed")
    from meshgait_cli.browse.app import create_app
    from meshgait_cli.browse.guard import Keys

    Store.create(address).add(people(2, prefix="ada"))
    keys = Keys()
    app = create_app(Path(address), lambda *_: pytest.fail("nobody asked"), keys, 8123, 10)
    with testclient.TestClient(app, base_url="http://127.0.0.1:8123") as client:
        client.get("/", params={"token": keys.token})
        page = client.get("/").text
        assert "ada1" in page
        assert ">people<" in page
        assert client.get("/about").status_code == 200


def test_an_encrypted_gallery_wants_its_passphrase(
    s3: Any, address: str, tmp_path: Path, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHGAIT_PASSPHRASE", "correct horse battery")
    assert "encrypted" in meshgait("gallery", "create", address, "--encrypt").out
    assert meshgait("gallery", "enroll", address, ADA, "-i", "ada lovelace", *QUICK).code == 0
    assert s3.places(b"ada lovelace") == []
    assert "ada lovelace" in meshgait("gallery", "list", address).out
    monkeypatch.delenv("MESHGAIT_PASSPHRASE")
    assert "encrypted" in meshgait("gallery", "list", address).error


@pytest.fixture(params=["refused", "silent", "unknown"])
def nobody(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where no S3 answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if request.param == "silent":
            held.listen(16)  # it takes connections, and says nothing
        host = "nowhere.invalid" if request.param == "unknown" else "127.0.0.1"
        yield f"http://{host}:{held.getsockname()[1]}"


@pytest.mark.parametrize("command", [("create",), ("list",)])
def test_a_server_that_does_not_answer_is_said_soon(
    address: str, nobody: str, command: tuple[str, ...], meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgait_cli.gallery import objects

    monkeypatch.setattr(objects, "_ANSWER", "300ms")
    monkeypatch.setenv("AWS_ENDPOINT_URL", nobody)
    began = time.monotonic()
    refused = meshgait("gallery", *command, address)
    assert (refused.code, f"{nobody} does not answer" in refused.error) == (1, True)
    assert time.monotonic() - began < 5


def test_a_missing_bucket_is_said(meshgait: Run, s3: Any) -> None:
    for command in (("create",), ("list",), ("remove", "x", "--yes")):
        refused = meshgait("gallery", command[0], "s3://no-such-bucket/people", *command[1:])
        assert (refused.code, "there is no bucket no-such-bucket" in refused.error) == (2, True)
    refused = meshgait("gallery", "list", f"s3://{s3.bucket}/nowhere")
    assert (refused.code, "gallery create" in refused.error) == (2, True)
    refused = meshgait("match", ADA, "-g", f"s3://{s3.bucket}/nowhere", *QUICK)
    assert (refused.code, "gallery create" in refused.error) == (2, True)


def test_wrong_credentials_are_said(address: str, s3: Any, meshgait: Run) -> None:
    def check_keys(after: bytes) -> None:
        s3.send("POST", "/moto-api/reset-auth", after)

    check_keys(b"0")  # from now on moto looks at them
    try:
        for command in ("create", "list"):
            refused = meshgait("gallery", command, address)
            assert (refused.code, "does not know these credentials" in refused.error) == (1, True)
    finally:
        check_keys(b"inf")


def test_denied_access_is_said(address: str, s3: Any, meshgait: Run) -> None:
    s3.gate = lambda method, path: 403
    for command in ("create", "list"):
        refused = meshgait("gallery", command, address)
        assert (refused.code, "denies access" in refused.error) == (1, True)


def test_missing_credentials_are_said(address: str, meshgait: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    refused = meshgait("gallery", "list", address)
    assert (refused.code, "AWS_ACCESS_KEY_ID" in refused.error) == (2, True)


def test_a_server_that_breaks_in_the_middle_is_said(address: str, s3: Any, meshgait: Run) -> None:
    assert meshgait("gallery", "create", address).code == 0
    s3.gate = lambda method, path: 503 if method == "PUT" and "/vectors/" in path else None
    refused = meshgait("gallery", "enroll", address, ADA, "-i", "ada lovelace", *QUICK)
    assert (refused.code, "try again later" in refused.error) == (1, True)
    s3.gate = None
    assert meshgait("gallery", "enroll", address, ADA, "-i", "ada lovelace", *QUICK).code == 0
    assert "1 person, 1 sequence" in meshgait("gallery", "list", address).out


def test_a_server_without_conditional_writes_is_refused(
    address: str, s3: Any, meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshgait_cli.gallery.objects import Objects

    put = Objects.put
    monkeypatch.setattr(Objects, "put", lambda self, name, content, only=None: put(self, name, content))
    refused = meshgait("gallery", "create", address)
    assert (refused.code, "conditional writes" in refused.error) == (1, True)
    assert s3.objects() == {}


def test_what_to_install_is_said(address: str, meshgait: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    refused = meshgait("gallery", "create", address)
    assert (refused.code, "pip install 'meshgait[s3]'" in refused.error) == (2, True)
