"""Third-party libraries kept quiet: nothing sent, nothing installed, nobody's settings touched."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

__all__ = ["quiet_ultralytics"]


def quiet_ultralytics() -> None:
    """Call before ultralytics is imported.

    Left alone it reports usage to its maker (`sync`), asks the network whether it is online, installs
    packages it misses, runs whatever a checkpoint's pickle tells it to, and writes a settings file into the
    user's configuration. Here it gets a private, throw-away configuration folder; a user who has set
    YOLO_CONFIG_DIR keeps it. Checkpoints are loaded by its allow-list of known layers; a user who has set
    ULTRALYTICS_SAFE_LOAD=false trusts theirs.
    """
    if "ultralytics" in sys.modules:
        return
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_VERBOSE"] = "false"
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
    if "YOLO_CONFIG_DIR" not in os.environ:
        private = Path(tempfile.gettempdir()) / f"meshgait-ultralytics-{os.getpid()}"
        private.mkdir(mode=0o700, exist_ok=True)
        os.environ["YOLO_CONFIG_DIR"] = str(private)
        import atexit
        import shutil

        atexit.register(shutil.rmtree, private, ignore_errors=True)
    from ultralytics import settings

    settings.update({"sync": False})
