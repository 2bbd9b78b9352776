"""Who is compared with whom: the field's protocols, and plain folders.

A protocol turns labels into `Question`s: which sequences are probes, which the gallery, which pairs are not
compared. Conventions are OpenGait's (arXiv 2211.06597).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..words import from_json

__all__ = ["PROTOCOLS", "Labels", "Question", "questions", "read_partition"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """identity, type, view: N strings each."""

    identity: NDArray[np.str_]
    type: NDArray[np.str_]
    view: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.identity)

    def chosen(self, keep: Mask) -> Labels:
        return Labels(self.identity[keep], self.type[keep], self.view[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """name: of the condition. probe, gallery: N bool. other_view: a sequence of the probe's own view is not
    compared. by_view: one gallery view at a time; the figure is the mean over pairs of views."""

    name: str
    probe: Mask
    gallery: Mask
    other_view: bool = False
    by_view: bool = False


def _folder(labels: Labels) -> list[Question]:
    """Every sequence against all others; a line for each type where there are several."""
    everyone = np.ones(len(labels), bool)
    kinds = sorted(set(labels.type) - {""})
    out = [Question("all", everyone, everyone)]
    if 1 < len(kinds) <= 20:
        out += [Question(kind, labels.type == kind, everyone) for kind in kinds]
    return out


def _casia_b(labels: Labels) -> list[Question]:
    kind = np.char.lower(labels.type)
    gallery = np.isin(kind, [f"nm-0{i}" for i in range(1, 5)])
    probes = {"NM": ("nm-05", "nm-06"), "BG": ("bg-01", "bg-02"), "CL": ("cl-01", "cl-02")}
    return [
        Question(name, np.isin(kind, kinds), gallery, other_view=True, by_view=True)
        for name, kinds in probes.items()
    ]


def _oumvlp(labels: Labels) -> list[Question]:
    return [Question("00 vs 01", labels.type == "00", labels.type == "01", other_view=True, by_view=True)]


def _grew(labels: Labels) -> list[Question]:
    """Sequence 02 against 01: the labelled half, since GREW's own probes are not published with names."""
    return [Question("02 vs 01", labels.type == "02", labels.type == "01")]


def _gait3d(labels: Labels, named: set[str]) -> list[Question]:
    """The partition's PROBE_SET against the rest, cameras not looked at."""
    if not named:
        raise UsageError("the gait3d protocol needs --partition FILE with a PROBE_SET")
    joined = np.array(
        ["-".join(each) for each in zip(labels.identity, labels.type, labels.view, strict=True)]
    )
    probe = np.isin(joined, sorted(named))
    return [Question("probe set", probe, ~probe)]


_BY_TYPE: dict[str, Callable[[Labels], list[Question]]] = {
    "folder": _folder,
    "casia-b": _casia_b,
    "oumvlp": _oumvlp,
    "grew": _grew,
}
PROTOCOLS = (*_BY_TYPE, "gait3d")


def questions(protocol: str, labels: Labels, probe_set: set[str] | None = None) -> list[Question]:
    """The protocol's questions that these labels can answer. Raises UsageError when there is none."""
    if protocol not in PROTOCOLS:
        raise UsageError(f"unknown protocol {protocol!r}: use one of {', '.join(PROTOCOLS)}")
    asked = _gait3d(labels, probe_set or set()) if protocol == "gait3d" else _BY_TYPE[protocol](labels)
    asked = [question for question in asked if question.probe.any() and question.gallery.any()]
    if not asked:
        kinds = ", ".join(sorted(set(labels.type) - {""})[:8]) or "none"
        raise UsageError(
            f"the data does not follow the {protocol} protocol (its sequence types: {kinds}): use "
            "--protocol folder"
        )
    return asked


def read_partition(path: Path) -> dict[str, list[str]]:
    """A partition file as OpenGait has them: TRAIN_SET, TEST_SET, PROBE_SET. Raises UsageError."""
    try:
        found = from_json(path.read_text(encoding="utf-8"))
        lists = {
            key: [str(item) for item in found.get(key, [])] for key in ("TRAIN_SET", "TEST_SET", "PROBE_SET")
        }
    except OSError as error:
        raise UsageError(f"cannot read the partition {path}: {error.strerror or error}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"{path} is no partition file: JSON with TRAIN_SET and TEST_SET is expected"
        ) from error
    if not lists["TEST_SET"]:
        raise UsageError(f"{path} names nobody in TEST_SET")
    return lists
