"""Which branch, fusion and loss is worth what, trained alike: the same people, steps and seed.

    python benchmarks/ablation.py [--variant meshgait-s] [--steps 300] [--data CORPUS] [--device cpu]

Trains each arrangement anew and asks it the held-out synthetic benchmark: rank-1 with 95 % intervals over
people. Few steps say which learns faster, not which ends higher. Runs are kept below --out and resumed; what
is finished is not trained again. Prints a table and writes benchmarks/results/ablation.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

from heldout import judged, show

from meshgait_cli.evaluation.evaluate import Figures
from meshgait_cli.network.meshgait import ModelConfig
from meshgait_cli.network.variants import VARIANTS
from meshgait_cli.synth.corpus import Corpus, is_finished, make_benchmark, make_corpus
from meshgait_cli.training import recipes
from meshgait_cli.training.batches import Batches
from meshgait_cli.training.heldout import embed_all
from meshgait_cli.training.recipes import Recipe
from meshgait_cli.training.run import train
from meshgait_cli.training.sources import BENCHMARK_SEED, CORPUS_SEED, benchmark_folder

Arrangement = Callable[[ModelConfig, Recipe], tuple[ModelConfig, Recipe]]


def fused(fusion: str) -> Arrangement:
    return lambda config, recipe: (replace(config, fusion=fusion, energy=()), recipe)


def without_bodies(config: ModelConfig, recipe: Recipe) -> tuple[ModelConfig, Recipe]:
    return replace(config, energy=()), replace(recipe, joints=0.0, markers=0.0, mesh=0.0)


def added(config: ModelConfig, recipe: Recipe) -> tuple[ModelConfig, Recipe]:
    wide = (*config.volume_channels[:-1], config.channels[-1])  # only equal widths can be added
    return replace(config, fusion="add", volume_channels=wide, energy=()), recipe


def energy_alone(config: ModelConfig, recipe: Recipe) -> tuple[ModelConfig, Recipe]:
    return replace(config, fusion="energy"), replace(recipe, joints=0.0, markers=0.0, mesh=0.0)


ARRANGEMENTS: dict[str, Arrangement] = {
    "2-D branch (DeepGaitV2)": fused("silhouette"),
    "3-D branch": fused("heatmap"),
    "concat, no reconstruction": without_bodies,
    "concat (the paper)": fused("concat"),
    "add": added,
    "energy branch": energy_alone,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="meshgait-s")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--people", type=int, default=0, help="a batch; 0: the recipe's")
    parser.add_argument("--data", type=Path, help="a corpus (meshgait_cli.synth.corpus); made when missing")
    parser.add_argument("--benchmark", type=Path, default=benchmark_folder())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("ablation"))
    parser.add_argument("--only", nargs="+", choices=tuple(ARRANGEMENTS), default=tuple(ARRANGEMENTS))
    arguments = parser.parse_args()
    base = replace(recipes.find(arguments.variant), energy_until=0.0, body_until=0.0, late_from=1.0)
    if arguments.people:
        base = replace(base, people=arguments.people)
    data = arguments.data or arguments.out / "walkers"
    if not is_finished(data):
        make_corpus(data, base.identities, seed=CORPUS_SEED, sequences=6, frames=24)
    if not is_finished(arguments.benchmark):
        make_benchmark(arguments.benchmark, seed=BENCHMARK_SEED)
    corpus, benchmark = Corpus.open(data), Corpus.open(arguments.benchmark)
    rows: dict[str, object] = {}
    for name in arguments.only:
        config, recipe = ARRANGEMENTS[name](VARIANTS[arguments.variant], base)
        batches = Batches(corpus, recipe.people, recipe.each, recipe.frames, 0, recipe.window)
        start = perf_counter()
        network, about = train(
            config, recipe, batches, arguments.out / name.replace(" ", "-"), steps=arguments.steps,
            device=arguments.device, log=partial(print, name, flush=True),
        )  # fmt: skip
        found = judged(embed_all(network.cpu(), benchmark.silhouettes), benchmark)
        show(name, found)
        rows[name] = {
            "minutes": about["minutes"], "wall_minutes": round((perf_counter() - start) / 60, 1),
            "rank_1": {one.condition: _interval(one) for one in found},
        }  # fmt: skip
    path = Path(__file__).parent / "results" / "ablation.json"
    path.parent.mkdir(exist_ok=True)
    facts = {
        "variant": arguments.variant, "steps": arguments.steps, "people": base.people,
        "device": arguments.device, "corpus": corpus.manifest,
    }  # fmt: skip
    path.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")


def _interval(found: Figures) -> list[float]:
    rank = found.values["rank-1"]
    return [rank.value, rank.low, rank.high]


if __name__ == "__main__":
    main()
