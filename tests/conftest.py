"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of extra recordings that maintainers keep beside the repository; absent elsewhere."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("MESHGAIT_SHARED", default))
    if not folder.is_dir():
        pytest.skip("the maintainers' extra recordings are not on this machine")
    return folder
