"""The list of commands: quick, and true to the commands themselves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from meshgait_cli.cli.app import COMMANDS, app

Run = Callable[..., object]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    root = get_command(app)
    command = root.get_command(None, name)
    assert command.help.splitlines()[0] == COMMANDS[name]
    ran = CliRunner().invoke(app, [name, "-h"], env={"COLUMNS": "200"})
    assert ran.exit_code == 0
    assert COMMANDS[name] in ran.output
    assert ("COMMAND [ARGS]" in ran.output) == (name in ("gallery", "weights"))
    assert "install-completion" not in ran.output  # the root's alone


def test_every_command_is_listed(meshgait: Run) -> None:
    ran = meshgait("--help")
    assert ran.code == 0
    assert all(f"\n  {name} " in ran.out for name in COMMANDS)
    assert "--version" in ran.out


def test_a_slip_of_the_pen_is_understood(meshgait: Run) -> None:
    ran = meshgait("galery", "list")
    assert ran.code == 2
    assert "Did you mean 'gallery'?" in ran.err


def test_ctrl_c_before_the_command_has_begun_is_no_traceback(
    meshgait: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "meshgait_cli.cli.app", SimpleNamespace(app=interrupted))
    ran = meshgait("export", "network")
    assert ran.code == 130
    assert ran.err == ""


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_what_is_asked_first_is_answered_at_once(argument: str) -> None:
    """In under 0.3 s on two cores. Clocks differ, but not what costs the time: libraries, other commands."""
    code = (
        "import sys\nfrom meshgait_cli.__main__ import main\n"
        f"try:\n    main([{argument!r}])\n"
        "except SystemExit:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "meshgait" in done.stdout
    assert not loaded & {"torch", "numpy", "cv2", "av", "ultralytics", "pydantic", "rich"}
    commands = {each for each in loaded if each.startswith("meshgait_cli.cli.")}
    assert commands == {"meshgait_cli.cli.app"}
