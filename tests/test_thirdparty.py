from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import socket
def refuse(*a, **k): raise SystemExit("it wanted the network: %r" % (a,))
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import subprocess
start = subprocess.Popen.__init__
def watch(self, command, *a, **k):
    if "install" in command: raise SystemExit("it wanted to install: %r" % (command,))
    start(self, command, *a, **k)
subprocess.Popen.__init__ = watch
from meshgait_cli.thirdparty import quiet_ultralytics
quiet_ultralytics()
from ultralytics import YOLO, settings
from ultralytics.utils import AUTOINSTALL, ONLINE
assert not settings["sync"] and not AUTOINSTALL and not ONLINE, (settings["sync"], AUTOINSTALL, ONLINE)
from ultralytics.trackers import BYTETracker
print("quiet")
"""


def test_ultralytics_sends_installs_and_writes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "XDG_"))}
    environment |= {"HOME": str(home), "TMPDIR": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "mpl")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout.strip() == "quiet", done.stderr
    assert not [path for path in home.rglob("*") if "ltralytics" in path.name]
    assert not list(tmp_path.glob("meshgait-ultralytics-*"))  # its private folder is gone again


class _Evil:
    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple:
        return Path.touch, (self.where,)


def test_a_detectors_checkpoint_runs_nothing(tmp_path: Path) -> None:
    import torch

    from meshgait_cli.errors import WeightsError
    from meshgait_cli.people.detect import PersonDetector

    touched, checkpoint = tmp_path / "touched", tmp_path / "evil.pt"
    torch.save({"model": _Evil(touched)}, checkpoint)
    with pytest.raises(WeightsError, match="not a YOLO checkpoint"):
        PersonDetector(str(checkpoint))
    assert not touched.exists()
    torch.load(checkpoint, weights_only=False)
    assert touched.exists()  # it would have
