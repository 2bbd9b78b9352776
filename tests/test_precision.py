from __future__ import annotations

import pytest
import torch

from meshgait_cli.errors import UsageError
from meshgait_cli.pipeline import ExtractSettings
from meshgait_cli.precision import computing, resolve_precision

CPU = torch.device("cpu")


def test_what_is_asked_for_is_what_there_is():
    assert resolve_precision("f32", CPU) == "f32"
    assert resolve_precision("bf16", CPU) == "bf16"
    assert resolve_precision("auto", CPU) in ("f32", "bf16")


@pytest.mark.parametrize("there", [True, False])
def test_auto_is_what_the_processor_has(monkeypatch, there):
    monkeypatch.setattr("meshgait_cli.precision._in_hardware", lambda device: there)
    assert resolve_precision("auto", CPU) == ("bf16" if there else "f32")


def test_products_are_computed_in_it():
    x = torch.ones(2, 2)
    for precision, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        with computing(CPU, precision):
            assert (x @ x).dtype == dtype


def test_another_name_is_refused():
    with pytest.raises(UsageError, match="f32"):
        resolve_precision("fp8", CPU)
    with pytest.raises(UsageError, match="f32"):
        ExtractSettings(precision="fp8")
    with pytest.raises(UsageError, match="balanced"):
        ExtractSettings(effort="lazy")
