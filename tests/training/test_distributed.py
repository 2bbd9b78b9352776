"""Two processes with half of a batch each do what one process does with the whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from meshgait_cli.errors import UsageError
from meshgait_cli.training.distributed import Group, join

PROGRAM = """
import json, sys, torch
from pathlib import Path
from torch import nn
from meshgait_cli.training.distributed import join
group, device = join(8, torch.device("cpu"))
torch.manual_seed(0)
net, rows = nn.Linear(5, 3), torch.randn(8, 5)
out = group.gathered(net(rows[group.rank :: group.world]))
loss = (out[:, None] - out[None]).square().sum(-1).clamp(min=0.01).sqrt().mean()
loss.backward()
group.average_gradients(net.parameters())
agreed = group.agreed(float(group.rank))
found = {"loss": loss.item(), "gradient": net.weight.grad.flatten().tolist(), "agreed": agreed}
Path(sys.argv[1], str(group.rank)).write_text(json.dumps(found))
group.leave()
"""


def _run(world: int, folder: Path) -> list[dict]:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            env={
                **os.environ, "RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_RANK": str(rank),
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(world)
    ]  # fmt: skip
    assert [process.wait(120) for process in processes] == [0] * world
    return [json.loads((folder / str(rank)).read_text()) for rank in range(world)]


@pytest.mark.slow
def test_loss_and_gradient_do_not_depend_on_the_number_of_processes(tmp_path):
    (alone,) = _run(1, tmp_path / "one")
    both = _run(2, tmp_path / "two")
    for each in both:
        assert each["loss"] == pytest.approx(alone["loss"], rel=1e-5)
        assert each["gradient"] == pytest.approx(alone["gradient"], rel=1e-4, abs=1e-6)
        assert each["agreed"] == 0


def test_a_batch_that_cannot_be_shared_evenly_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match="shared by 3"):
        join(8, torch.device("cpu"))


def test_alone_nothing_is_gathered(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    group, device = join(7, torch.device("cpu"))
    rows = torch.ones(2, 3)
    assert group == Group()
    assert group.gathered(rows) is rows
    assert group.agreed(0.25) == 0.25
    assert device.type == "cpu"
