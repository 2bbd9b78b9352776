"""`meshgait embed`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .console import err, out, print_json, showing, warn_untrained

__all__ = ["embed"]


def embed(
    silhouettes: Annotated[
        Path,
        typer.Argument(
            help="An OpenGait pkl tree, .npz/.npy arrays (T×64×64, T×64×44, any size), PNG masks."
        ),
    ],
    to: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write: .safetensors or .parquet.")
    ] = Path("embeddings.parquet"),
    device: options.Device = "auto",
    model: options.Model = None,
    backend: options.Backend = "auto",
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Embed silhouettes that you already have: one parts×dim embedding a sequence."""
    from ..embedding import embed_silhouettes

    with showing(silhouettes.name, quiet) as progress:
        done = embed_silhouettes(
            silhouettes, to, model=model, device=device, backend=backend, progress=progress
        )
    warn_untrained(done.trained, done.model_id)
    if json:
        print_json(
            {
                "file": str(to),
                "model": done.model_id,
                "trained": done.trained,
                "sequences": [
                    {"id": item.id, "type": item.type, "view": item.view, "path": item.path,
                     "frames": item.embedding.frames, "shape": list(item.embedding.values.shape)}
                    for item in done.items
                ],
            }
        )  # fmt: skip
        return
    if not quiet:
        parts, dim = done.items[0].embedding.values.shape
        err().print(f"{done.model_id}: {parts} parts × {dim}", style="dim", markup=False)
    people = len({item.id for item in done.items})
    out().print(f"{len(done.items)} sequence(s) of {people} identities → {to}", markup=False)
