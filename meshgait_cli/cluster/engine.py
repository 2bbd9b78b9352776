"""`extract --engine ray`: one task a video, on this machine or on a cluster that is there already."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MeshgaitError, UsageError
from ..results.directory import Result, is_result

if TYPE_CHECKING:
    from ..pipeline import Extraction, ExtractSettings
    from ..video.sources import VideoSource

__all__ = ["connected", "extract_all"]

CORES = 2  # of one worker: its stages use no more well
PATIENCE_S = 5.0  # for a cluster to answer


def extract_all(
    sources: Sequence[VideoSource],
    settings: ExtractSettings,
    device: str,
    out: Path,
    *,
    address: str | None = None,
    force: bool = False,
) -> Iterator[tuple[VideoSource, Extraction | MeshgaitError]]:
    """Extract videos side by side; yields each with its result, or what is wrong with it, as it ends.

    The results are those of `Extractor.extract`. out: a folder that all machines of the cluster share.
    address: of a cluster's head, as `ray start` prints it; None starts one on this machine, and stops it
    afterwards. A worker that dies gives its video to another; an error of a video is not tried again.
    Raises UsageError without Ray or for live streams, MeshgaitError when no cluster answers.
    """
    from ..pipeline import Extraction
    from .pool import each_done
    from .worker import ExtractWorker

    for source in sources:
        if source.path is None:
            raise UsageError(f"{source.shown} is live: --engine ray takes files")
    jobs = [replace(source, path=source.path and source.path.resolve()) for source in sources]
    folder = Path(out).resolve()
    with connected(address) as ray:
        have = ray.cluster_resources()
        cores, gpus = int(have.get("CPU", 1)), int(have.get("GPU", 0))
        on_gpu = gpus > 0 and device != "cpu"
        threads = min(CORES, cores)
        needs = {"num_cpus": 1, "num_gpus": 1} if on_gpu else {"num_cpus": threads}
        actor = ray.remote(**needs)(ExtractWorker)
        count = gpus if on_gpu else max(1, cores // threads)

        def make() -> Any:
            return actor.remote(settings, device, threads, folder, force)

        for number, said in each_done(make, count, jobs):
            yield sources[number], _answer(said, folder / sources[number].name, Extraction)


def _answer(said: Any, folder: Path, made: type[Extraction]) -> Extraction | MeshgaitError:
    if isinstance(said, MeshgaitError):
        return said
    skipped, wrong = said
    if wrong is not None:
        return MeshgaitError(wrong)
    if not is_result(folder):
        return MeshgaitError(
            f"{folder} was written on another machine and is not seen here: give --out a folder that all "
            "machines share"
        )
    return made(Result(folder), skipped=skipped)


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, joined to the cluster at `address` or to one of this machine's own, which then ends with it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray: python -m pip install 'meshgait[cluster]'") from None
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if address is None:
            ray.init(address="local", include_dashboard=False, **quiet)
        else:
            _answers(address)
            ray.init(address=address, **quiet)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:160]
        where = "on this machine" if address is None else f"at {address}"
        raise MeshgaitError(f"no Ray cluster {where}: {said}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Ray itself would try for a minute."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--address must be HOST:PORT, as `ray start` prints it, not {address!r}")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S):
        pass
