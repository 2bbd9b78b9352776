"""Changes a gallery until it is killed: `crash_worker.py GALLERY SEED [PASSPHRASE]`.

LEASE_S in the environment is the life of its right to write to an object store.

It says on standard output what it is about to do, and when that is done; test_crash.py reads it.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from meshgait_cli.gallery import lease
from meshgait_cli.gallery.sequence import GallerySequence
from meshgait_cli.gallery.store import Store
from meshgait_cli.records import GaitEmbedding, SilhouetteSequence

ACTIONS = {"enrol": 0.5, "remove": 0.2, "merge": 0.15, "rename": 0.15}


def tell(what: str, **facts: Any) -> None:
    os.write(1, (json.dumps({"what": what, **facts}) + "\n").encode())  # whole, or not at all


def sequences(rng: np.random.Generator, name: str, number: int) -> list[GallerySequence]:
    found = []
    for take in range(number):
        values = rng.standard_normal((16, 8)).astype(np.float32)
        frames = SilhouetteSequence.from_arrays(np.full((6, 64, 64), 9, np.uint8)) if take == 0 else None
        embedding = GaitEmbedding(values, "net@1", True, 6)
        source = rng.bytes(8).hex()  # it stays when its person gets another name
        found.append(GallerySequence(name, f"take {take}", embedding, source=source, silhouettes=frames))
    return found


def main(folder: Path, seed: int, passphrase: str | None) -> None:
    lease.LIFE_S = float(os.environ.get("LEASE_S", lease.LIFE_S))
    store, rng = Store(folder, passphrase), np.random.default_rng(seed)
    import lancedb  # noqa: F401 (which takes a second; the kills are to fall into the writes)

    tell("ready")
    for number in count():
        people = [name for name in store.people() if name.startswith(f"w{seed}-") or seed >= 1000]
        action = str(rng.choice(list(ACTIONS), p=list(ACTIONS.values()))) if len(people) > 4 else "enrol"
        who = [str(name) for name in rng.permutation(people)[:3]] if people else []
        fresh = f"w{seed}-{number}-{rng.integers(1 << 30):08x}"
        if action == "enrol":
            walks = sequences(rng, fresh, int(rng.integers(1, 4)))
            vectors = [walk.embedding.values.astype(np.float16).tobytes()[:16].hex() for walk in walks]
            tell("begin", action=action, who=[fresh], vectors=vectors)
            store.add(walks)
        elif action == "remove":
            tell("begin", action=action, who=who[:1])
            store.remove(who[0])
        elif action == "merge":
            tell("begin", action=action, who=who)
            store.merge(who[0], who[1:])
        else:
            tell("begin", action=action, who=[who[0], fresh])
            store.rename(who[0], fresh)
        tell("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
