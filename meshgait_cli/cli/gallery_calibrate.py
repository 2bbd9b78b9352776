"""`meshgait gallery calibrate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from . import options
from .console import err, out, print_json
from .galleries import Folder, opened, print_table

__all__ = ["calibrate"]

_PAIRS = {
    "eer": "equal error rate of pairs",
    "tar_at_far_0.01": "pairs of one person that pass at 0.01 of two",
}


def calibrate(
    gallery: Folder,
    sets: Annotated[
        str, typer.Option("--sets", help="best, mean or weighted: how several sequences of a person count.")
    ] = "weighted",
    diagram: Annotated[
        Path | None,
        typer.Option("--diagram", metavar="FILE.png", help="Also draw how far it holds (.png, .svg, .pdf)."),
    ] = None,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Fit probabilities and thresholds to the gallery's own people (ten with two sequences or more), and say
    how far they hold on people left out."""
    from ..gallery.diagram import check_picture, draw
    from ..gallery.identify import calibrate as fit
    from ..spared import keep_out

    if diagram is not None:
        check_picture(diagram)
        keep_out("--diagram", diagram, gallery)
    done = fit(opened(gallery, passphrase_file), sets)
    found = done.measured or {}
    if diagram is not None and "reliability" in found:
        draw(found, diagram, f"a fifth of {done.people} people left out at a time")
    if json:
        print_json(done.to_dict())
        return
    pairs = f"{done.genuine} pairs of one person and {done.impostor} of two"
    out().print(f"calibrated on {pairs}, from {done.people} people", markup=False)
    if "thresholds" not in found:
        err().print("without a fifth of the people nothing can be fitted: how far it holds is not known")
        return
    _tell(found)
    if diagram is not None:
        out().print(f"diagram: {diagram.as_posix()}", markup=False, soft_wrap=True)


def _tell(found: dict[str, Any]) -> None:
    out().print("on people whom it was not fitted on, a fifth of them at a time (95 % intervals):")
    lines = [(words, _share(found[name])) for name, words in _PAIRS.items()]
    lines.append(("known people to whom the right one is nearest", _share(found["rank_1_of_known"])))
    lines.append(("expected calibration error of the probability", f"{found['ece']:.3f}"))
    print_table(("", ""), lines)
    rows = [(f"{row['asked']:g}", _share(row["far"]), _share(row["dir"])) for row in found["thresholds"]]
    print_table(("--far", "strangers accepted", "known people accepted as themselves"), rows)
    loose = [f"{row['asked']:g}" for row in found["thresholds"] if row["far"][1] > row["asked"]]
    if loose:
        said = f"more strangers than asked for were accepted at --far {', '.join(loose)}: ask for less"
        err().print(f"note: {said}", style="yellow", markup=False)


def _share(value: list[float]) -> str:
    middle, low, high = value
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"
