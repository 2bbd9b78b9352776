"""Put branches that have learned on by themselves into a network, and fit its maps to the embedding anew.

    meshgait train meshgait-s-energy --start-from meshgait-s --out more
    python -m meshgait_cli.training.rejoin more/meshgait-s.safetensors --data FRESH --out FILE

As a run in parts ends (see `join`), with the network's other branches as they are. FRESH: a corpus
(`meshgait_cli.synth.corpus`) of people whom none of the branches has seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..ending import plainly
from ..errors import UsageError
from ..network.checkpoint import load
from ..network.meshgait import MeshGait
from ..synth.corpus import Corpus
from .export import export
from .join import between, branch_of, joined, refit

__all__ = ["rejoined"]

Tick = Callable[[int, int], None]


def rejoined(
    model: MeshGait,
    branches: Sequence[MeshGait],
    corpus: Corpus,
    folder: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
    tick: Tick | None = None,
) -> MeshGait:
    """`model` with these branches, networks of one branch each, instead of its own; maps fitted on `corpus`.

    share: of their weights, the rest being those of the model's own branches (`join.between`). folder, tick:
    see `strips_of`. Raises UsageError for what is no branch of it, and for what is no share.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of the new weights lies between 0 and 1, not at {share:g}")
    new = {branch.config.fusion: branch for branch in branches}
    if odd := sorted(set(new) - set(model.widths)):
        raise UsageError(f"{odd[0]!r} is no branch of {model.config.name}: {', '.join(model.widths)} are")
    parts = [branch_of(model, name) for name in model.widths]
    parts = [between(own, new[name], share) if (name := own.config.fusion) in new else own for own in parts]
    whole = joined(model.config, parts)
    if model.decoder is not None and "heatmap" not in new:  # another 3-D branch makes other mistakes
        whole.adopt(model.decoder.refiner)
    refit(whole, corpus, folder, seed=seed, tick=tick)
    return whole


@plainly()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("branches", nargs="+", help="checkpoints of one branch each")
    parser.add_argument("--model", help="the network that they are put into; the shipped one")
    parser.add_argument("--data", type=Path, required=True, help="people whom no branch has seen")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the new weights, the rest being the old")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    whole, new = load(chosen.model), [load(each) for each in chosen.branches]
    for each in (whole, *new):
        if each.network.heatmaps is not None:
            each.build_decoder()
    corpus = Corpus.open(chosen.data)

    def tell(done: int, total: int) -> None:
        print(f"strips: {done} of {total} walks", flush=True)

    with TemporaryDirectory(dir=chosen.out.parent) as folder:
        model = rejoined(
            whole.network, [each.network for each in new], corpus, Path(folder), share=chosen.share,
            seed=chosen.seed, tick=tell,
        )  # fmt: skip
    about: dict[str, Any] = {
        **whole.card,
        "rejoined": {
            "model": whole.id, "branches": [each.card for each in new], "share": chosen.share,
            "fresh": corpus.manifest,
        },
    }  # fmt: skip
    export(model, about, chosen.out)


if __name__ == "__main__":
    main()
