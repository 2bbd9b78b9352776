"""Two processes with half of a batch each do what one process does with the whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

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

# Of two people, one a process, only the first person's body is known.
BODIES = """
import json, sys, numpy as np, torch
from dataclasses import replace
from pathlib import Path
from meshgait_cli.network.meshgait import ModelConfig
from meshgait_cli.training import recipes
from meshgait_cli.training.distributed import join
from meshgait_cli.training.loop import Run
from meshgait_cli.training.run import build
from meshgait_cli.training.walks import Walk, WalkBatches
group, device = join(2, torch.device("cpu"))
rng = np.random.default_rng(0)
views = (rng.random((2, 6, 64, 44)) * 255).astype(np.uint8)
truth = rng.uniform(-0.4, 0.4, (6, 88, 3)).astype(np.float32)
walks = [Walk(lambda: views[0], 0, truth=lambda: truth), Walk(lambda: views[1], 1)]
recipe = replace(
    recipes.with_bodies(recipes.find("gait3d")), bf16=False, frames=4, late_frames=4, people=2, each=2,
    decoded=100, rate=1e-3,
)
config = ModelConfig(
    "small", blocks="2d", layers=(1, 1, 1, 1), channels=(8, 8, 8, 16), stem_stride=2, embedding_dim=8,
    hrnet="tiny", squeeze=16, volume_size=8, volume_channels=(4, 8),
)
batches = WalkBatches(walks, 2, 2, 4, seed=0)
run = Run(build(config, recipe, 2, seed=0), batches, recipe, Path(sys.argv[1], "run"), device, group)
losses = [run.advance(0.1)["joints"] for _ in range(3)]
known = [len(batches.batch(step, group.rank, group.world).points) for step in range(3)]
weights = {name: value.double().sum().item() for name, value in run.model.named_parameters()}
Path(sys.argv[1], str(group.rank)).write_text(json.dumps([losses, known, weights]))
group.leave()
"""


def _run(world: int, folder: Path, program: str = PROGRAM) -> list[Any]:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder)],
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


@pytest.mark.slow
def test_a_process_without_labels_learns_bodies_from_the_other(tmp_path):
    one, two = _run(2, tmp_path / "two", BODIES)
    for step in range(3):
        assert sorted([one[1][step], two[1][step]]) == [0, 2]
        told, untold = (one, two) if one[1][step] else (two, one)
        assert untold[0][step] == 0
        assert told[0][step] > 0
    assert one[2] == two[2]
    # What is told is all there is: it weighs as in one process, twice in the mean of two.
    (alone,) = _run(1, tmp_path / "one", BODIES)
    assert (one[0][0] + two[0][0]) / 2 == pytest.approx(alone[0][0], rel=0.05)


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
