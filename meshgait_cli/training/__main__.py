"""python -m meshgait_cli.training --recipe meshgait-s --minutes 40 --data CORPUS --benchmark DIR --out RUN

Makes what is missing (the corpus, the benchmark), trains or resumes, and writes RUN/<variant>.safetensors and
RUN/about.json. `meshgait train` will take its place.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m meshgait_cli.training", description=__doc__)
    parser.add_argument("--recipe", default="meshgait-s")
    parser.add_argument("--minutes", type=float, default=40.0, help="training time, resumed parts included")
    parser.add_argument("--data", type=Path, required=True, help="training corpus; made when it is not there")
    parser.add_argument("--benchmark", type=Path, required=True, help="held-out corpus; made likewise")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--identities", type=int, default=4800, help="people in a corpus that is made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    chosen = parser.parse_args()

    import torch

    from ..errors import MeshgaitError
    from ..network.variants import VARIANTS
    from ..synth.corpus import Corpus, is_finished, make_benchmark, make_corpus
    from . import recipes
    from .export import export
    from .run import train

    if chosen.threads:
        torch.set_num_threads(chosen.threads)

    def log(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=sys.stderr, flush=True)

    try:
        recipe = recipes.find(chosen.recipe)
        if not is_finished(chosen.data):
            make_corpus(chosen.data, chosen.identities, sequences=6)
        if not is_finished(chosen.benchmark):
            make_benchmark(chosen.benchmark)
        model, about = train(
            VARIANTS[recipe.variant],
            recipe,
            Corpus.open(chosen.data),
            chosen.out,
            chosen.minutes,
            benchmark=Corpus.open(chosen.benchmark),
            seed=chosen.seed,
            log=log,
        )
        path = export(model, about, chosen.out / f"{recipe.variant}.safetensors")
    except MeshgaitError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
    (chosen.out / "about.json").write_text(json.dumps(about, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
