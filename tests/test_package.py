from __future__ import annotations

import subprocess
import sys

import meshgait_cli


def test_the_public_names_are_sorted_and_all_there() -> None:
    names = meshgait_cli.__all__
    assert names == sorted(names)
    assert set(names) == {*meshgait_cli._HOME, "__version__"}
    for name in names:
        assert getattr(meshgait_cli, name) is not None


def test_importing_the_package_or_asking_for_help_loads_no_heavy_library() -> None:
    heavy = ("torch", "cv2", "ultralytics", "timm", "av", "pyarrow", "numpy", "pydantic")
    code = (
        "import sys, meshgait_cli, meshgait_cli.cli.app;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
