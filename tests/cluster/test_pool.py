"""Jobs over Ray: each is done, none twice, whatever dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshgait_cli.errors import MeshgaitError

ray = pytest.importorskip("ray", reason="needs Ray: pip install '.[cluster]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own: forks, open sockets, deprecations
]


class Worker:
    """Writes one line a job, when it is done. "poison" kills it."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def run(self, job: str) -> str:
        with (self.log / "started").open("a") as file:
            file.write(f"{job} {os.getpid()}\n")
        if job == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.4)
        with (self.log / "done").open("a") as file:
            file.write(f"{job}\n")
        return job.upper()


@pytest.fixture
def here() -> Iterator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1]


def test_what_kills_every_worker_is_given_up_and_the_rest_is_done(here: None, tmp_path: Path) -> None:
    from meshgait_cli.cluster.pool import ATTEMPTS, each_done

    jobs = ["a", "poison", "b", "c"]
    actor = ray.remote(num_cpus=1)(Worker)
    found = dict(each_done(lambda: actor.remote(tmp_path), 2, jobs))
    assert isinstance(found.pop(1), MeshgaitError)
    assert found == {0: "A", 2: "B", 3: "C"}
    started = [line.split()[0] for line in lines(tmp_path / "started")]
    assert started.count("poison") == ATTEMPTS
    assert sorted(lines(tmp_path / "done")) == ["a", "b", "c"]


def test_of_two_machines_one_is_lost_half_way(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    from meshgait_cli.cluster.pool import each_done

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        lost = cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        jobs = [f"job{number}" for number in range(10)]
        actor = ray.remote(num_cpus=1)(Worker)
        found: dict[int, str] = {}
        for number, result in each_done(lambda: actor.remote(tmp_path), 2, jobs):
            found[number] = result
            if len(found) == 3:
                cluster.remove_node(lost, allow_graceful=False)
        assert found == {number: job.upper() for number, job in enumerate(jobs)}
        done = lines(tmp_path / "done")
        assert sorted(set(done)) == sorted(jobs)
        # A job whose machine died after its last line, before its answer was heard, may stand there twice.
        assert len(done) <= len(jobs) + 1
        assert len({line.split()[1] for line in lines(tmp_path / "started")}) >= 2
    finally:
        ray.shutdown()
        cluster.shutdown()
