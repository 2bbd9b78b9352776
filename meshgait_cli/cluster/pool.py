"""Jobs over Ray actors: each is done once, and again only when the actor that had it has died."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import MeshgaitError

__all__ = ["ATTEMPTS", "each_done"]

ATTEMPTS = 3  # of one job, when its actor dies with it: what kills three workers kills the fourth


def each_done(make: Callable[[], Any], count: int, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Run `actor.run.remote(job)` for each job on `count` actors; yields (job number, result) as they end.

    make: starts an actor. An actor that dies (killed, out of memory, its machine gone) is replaced, and its
    job given to another. The result of a job that ends ATTEMPTS actors is a MeshgaitError. An exception that
    `run` raises is a bug there, and is raised here; MeshgaitError when no actor can be started.
    """
    import ray
    from ray.exceptions import RayActorError

    waiting = deque(range(len(jobs)))
    attempts = [0] * len(jobs)
    # The successor of a dead actor may have no machine to start on: it is given nothing before it lives.
    coming: dict[Any, Any] = {}
    idle: list[Any] = []
    running: dict[Any, tuple[int, Any]] = {}
    stillborn = 0

    def start() -> None:
        actor = make()
        coming[actor.__ray_ready__.remote()] = actor

    try:
        for _ in range(min(count, len(jobs))):
            start()
        while waiting or running:
            while waiting and idle:
                number, actor = waiting.popleft(), idle.pop()
                running[actor.run.remote(jobs[number])] = (number, actor)
            (ended, *_), _ = ray.wait([*running, *coming], num_returns=1)
            if ended in coming:
                actor = coming.pop(ended)
                try:
                    ray.get(ended)
                except RayActorError as error:
                    stillborn += 1
                    if stillborn >= ATTEMPTS * count:
                        said = str(error).splitlines()[0][:160]
                        raise MeshgaitError(f"workers cannot be started: {said}") from error
                    start()
                else:
                    idle.append(actor)
                continue
            number, actor = running.pop(ended)
            try:
                result = ray.get(ended)
            except RayActorError:
                attempts[number] += 1
                start()
                if attempts[number] < ATTEMPTS:
                    waiting.append(number)
                    continue
                result = MeshgaitError(f"{attempts[number]} workers died over it: it may need more memory")
            else:
                idle.append(actor)
            yield number, result
    finally:
        for actor in [*idle, *coming.values(), *(actor for _, actor in running.values())]:
            ray.kill(actor)
