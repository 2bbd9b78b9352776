"""Who may come in, and what may be asked from where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshgait_cli.gallery.store import Store

HERE = "http://127.0.0.1:8123"


def _addresses(browser: Any, method: str) -> list[str]:
    fill = {"{id}": "x", "{name}": "page.css"}
    found = []
    for route in browser.app.app.routes:
        if method in route.methods:
            path = route.path
            for name, value in fill.items():
                path = path.replace(name, value)
            found.append(path)
    return found


def test_without_the_token_there_is_nothing(outside: Any) -> None:
    for path in _addresses(outside, "GET"):
        refused = outside.get(path)
        assert refused.status_code == 403, path
        assert "anna" not in refused.text
    for path in _addresses(outside, "POST"):
        assert outside.post(path).status_code == 403, path
    assert outside.get("/", token="wrong").status_code == 403
    assert outside.get("/", token="").status_code == 403
    assert outside.get("/person", token=outside.keys.token, name="anna").status_code == 403


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(outside: Any) -> None:
    entered = outside.get("/", token=outside.keys.token)
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert outside.keys.token not in cookie
    assert "url=/" in entered.text
    assert "anna" in outside.get("/").text


def test_the_address_that_a_browser_is_started_with_opens_once(outside: Any) -> None:
    once = outside.keys.once
    assert outside.get("/", token=once).status_code == 200
    assert outside.get("/", token=once).status_code == 403
    assert outside.get("/", token="").status_code == 403
    assert outside.get("/", token=outside.keys.token).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:80", "[::1]:8123", ""]
)
def test_another_name_of_this_machine_is_refused(browser: Any, host: str) -> None:
    for path in ("/", "/assets/page.css"):
        assert browser.client.get(path, headers={"host": host}).status_code == 400
    token = {"token": browser.keys.token}
    assert browser.client.get("/", params=token, headers={"host": host}).status_code == 400


def test_localhost_is_this_machine_too(browser: Any) -> None:
    entered = browser.client.get(
        "/", params={"token": browser.keys.token}, headers={"host": "localhost:8123"}
    )
    assert entered.status_code == 200


def test_every_form_needs_its_secret(browser: Any, gallery: Path) -> None:
    before = Store(gallery).people()
    addresses = _addresses(browser, "POST")
    assert len(addresses) == 9
    for path in addresses:
        for csrf in ({}, {"csrf": "wrong"}, {"csrf": browser.keys.session}):
            answer = browser.client.post(path, data={"name": "anna", "new": "eve", "other": "ben", **csrf})
            assert answer.status_code == 403, path
    assert browser.drop(**{"x-csrf": "wrong"}).status_code == 403
    assert Store(gallery).people() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},  # another port of this machine
    ],
)
def test_another_site_may_not_post_even_with_the_secret(browser: Any, gallery: Path, headers: dict) -> None:
    form = {"csrf": browser.keys.csrf, "name": "anna"}
    assert browser.client.post("/person/remove", data=form, headers=headers).status_code == 403
    assert "anna" in Store(gallery).people()
    ours = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert browser.client.post("/person/remove", data=form, headers=ours).status_code == 200
    assert "anna" not in Store(gallery).people()


def test_no_get_changes_anything(browser: Any, gallery: Path) -> None:
    before = repr(Store(gallery).describe())
    for path in [*_addresses(browser, "GET"), *_addresses(browser, "POST")]:
        browser.get(path, name="anna", new="eve", other="ben", csrf=browser.keys.csrf)
    assert repr(Store(gallery).describe()) == before


def test_every_answer_forbids_what_is_not_its_own(browser: Any) -> None:
    answers = [
        browser.get("/"),
        browser.get("/nowhere"),
        browser.get("/assets/walks.js"),
        browser.post("/nowhere"),
    ]
    answers.append(browser.client.get("/", headers={"host": "evil.example"}))
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_form_without_end_is_not_read_to_its_end(browser: Any) -> None:
    assert browser.post("/person/rename", name="anna", new="x" * 100_000).status_code == 413
