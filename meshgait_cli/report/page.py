"""The page itself: one HTML file that holds everything it shows and asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .answers import AnswerView
from .people import Person
from .timeline import Timeline

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Page", "asset", "environment", "render"]

_SCRIPTS = ("walks.js", "viewer.js")


@dataclass(slots=True)
class Page:
    """What stands on a page, as text that is not yet escaped.

    facts, models: (name, value). walks: for the script, by key. bodies: as `motion.pack` has it, or None, and
    then body_note says why. more: how many people, and more_answers how many answers, are
    left out.
    """

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    models: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trained: bool = True
    answers: list[AnswerView] = field(default_factory=list)
    more_answers: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    against: str = ""
    timeline: Timeline | None = None
    people: list[Person] = field(default_factory=list)
    more: int = 0
    walks: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, Any] | None = None
    walkers: list[Person] = field(default_factory=list)
    body_note: str = ""
    body_model: str = ""
    made: str = ""


def render(page: Page) -> str:
    """HTML. Every text of the page is escaped; the policy in its head lets nothing load or run but what the
    page itself holds."""
    from markupsafe import Markup

    styles, script = asset("page.css"), "".join(asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(styles)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            policy=policy,
            styles=Markup(styles),  # ours, and its digest is in the policy
            script=Markup(script),
            data={"walks": page.walks, "bodies": page.bodies},
        )
    )


def environment(*packages: str) -> Environment:
    """Templates: those in the folder `page` of each of `packages`, then the report's own. Whatever they are
    given is escaped."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=ChoiceLoader([PackageLoader(name, "page") for name in (*packages, str(__package__))]),
    )


def asset(name: str) -> str:
    """The text of a style sheet or script of the page."""
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
