"""Work spread over processes, one thread each, so that the result does not depend on how many there are."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from ..errors import MeshgaitError

__all__ = ["each"]

Task = TypeVar("Task")
Done = TypeVar("Done")


def each(work: Callable[[Task], Done], tasks: Iterable[Task], workers: int) -> Iterator[Done]:
    """work(task) for every task, in the order in which they get done.

    `work` must be importable by name (or a partial of such). An error of one ends all. MeshgaitError when
    a process dies.
    """
    if workers <= 1:
        with _one_thread():
            for task in tasks:
                yield work(task)
        return
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    # Spawned, not forked: a fork takes torch's locks along with nobody to open them.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_settle)
    waiting = iter(tasks)
    running: set[Future[Done]] = set()
    try:
        while True:
            running |= {pool.submit(work, task) for task in islice(waiting, 3 * workers - len(running))}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise MeshgaitError(
            "a worker process died (out of memory?): what is finished is kept; run it again, perhaps with "
            "fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """In a new worker: one thread, no part in Ctrl-C, and an end when the parent ends, however that comes."""
    import multiprocessing

    import cv2
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _one_thread() -> Iterator[None]:
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
