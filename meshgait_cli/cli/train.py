"""`meshgait train`"""

from __future__ import annotations

from os import environ
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, print_json, showing

__all__ = ["train"]


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="Of synthetic walkers: meshgait-s, meshgait-b, meshgait-w48, deepgaitv2. Of silhouettes: "
            "gait3d, casia-b, oumvlp, grew, sustech1k. Of your videos, without names: self-supervised."
        ),
    ],
    to: Annotated[
        Path, typer.Option("--out", "-o", help="The run's folder; an unfinished run goes on there.")
    ],
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, help="Training time.", show_default="the recipe's")
    ] = 0.0,
    steps: Annotated[int, typer.Option("--steps", min=0, help="Or steps.", show_default="the recipe's")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Synthetic corpus, made when it is not there; or your folder of silhouettes by name.",
            show_default="in the cache",
        ),
    ] = None,
    partition: Annotated[
        Path | None, typer.Option("--partition", help="OpenGait's JSON: learn from its TRAIN_SET.")
    ] = None,
    smpl_labels: Annotated[
        Path | None,
        typer.Option(
            "--smpl-labels", help="Folder of SMPL labels (T×85) of the silhouettes; learns bodies too."
        ),
    ] = None,
    smpl_path: Annotated[
        Path | None, typer.Option("--smpl-path", help="Your SMPL .pkl or .npz (non-commercial licence).")
    ] = None,
    videos: Annotated[
        list[Path] | None,
        typer.Option("--videos", help="A video, a result, or a folder of them; may be given several times."),
    ] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option("--benchmark", help="Held-out corpus; likewise.", show_default="in the cache"),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="On held-out people, now and then and at the end.")
    ] = True,
    start_from: Annotated[
        Path | None,
        typer.Option("--start-from", help="Begin with another run (its folder), or with a checkpoint."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of the recipe; several times for several.")
    ] = None,
    device: options.Device = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    threads: Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0: all.")] = 0,
    save_every: Annotated[float, typer.Option("--save-every", help="Seconds between checkpoints.")] = 180.0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a network. Killed at any moment, the same command goes on; by torchrun, in several processes.

    Writes the checkpoint (use it with --model), about.json, log.jsonl and last.pt.
    """
    from ..pipeline import Step
    from ..training.session import TrainSettings, train_recipe

    settings = TrainSettings(
        recipe=recipe,
        changes=tuple(change or ()),
        minutes=minutes,
        steps=steps,
        data=data,
        benchmark=benchmark,
        partition=partition,
        smpl_labels=smpl_labels,
        smpl_path=smpl_path,
        videos=tuple(videos or ()),
        measure=measure,
        start_from=start_from,
        device=device,
        seed=seed,
        threads=threads,
        save_every=save_every,
    )
    # Of several processes one is enough to look at.
    with showing(recipe, quiet or environ.get("RANK", "0") != "0") as progress:
        done = train_recipe(
            settings,
            to,
            made=lambda what, number, total: progress(Step(f"making {what}", number, total)),
            tick=lambda share, loss: progress(
                Step("training", round(1000 * share), 1000, note=f"loss {loss:.3f}")
            ),
        )
    if not done.first:
        return
    if json:
        print_json({"file": str(done.path), **done.about})
        return
    about = done.about
    err().print(f"{about['steps']} steps, {about['minutes']} minutes", style="dim", markup=False)
    for name, figures in (("network", "heldout"), ("energy image", "heldout_energy_image")):
        if figures in about:
            shown = "  ".join(f"{key} {value}" for key, value in about[figures].items())
            out().print(f"{name}: rank-1 on held-out synthetic people: {shown}", markup=False)
    out().print(f"→ {done.path}", markup=False)
