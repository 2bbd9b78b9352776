"""`evaluate`: from files on disk to a report, several networks and baselines side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..embedding import embed_tree
from ..errors import NoWalkerError, SourceNotFound, UsageError
from ..results.embeddings import SUFFIXES, EmbeddingSet
from .baselines import energy_images, fit_lda
from .evaluate import Figures, centred, judge
from .protocols import Labels, Question, questions, read_partition

if TYPE_CHECKING:
    from ..pipeline import Progress

__all__ = ["EvaluateSettings", "Report", "evaluate"]


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """protocol: a name of `protocols.PROTOCOLS`. gallery: a second source; the first then holds the probes.
    partition: OpenGait's JSON. models: networks, the default one when empty. baselines: also energy images,
    and PCA+LDA where fit (a source of other people), or the partition's TRAIN_SET, gives people to fit on.
    normalise: None, or the label that says the camera ("view", "type"). resamples, seed: of the bootstrap."""

    protocol: str = "folder"
    gallery: Path | None = None
    partition: Path | None = None
    models: tuple[str, ...] = ()
    baselines: bool = False
    fit: Path | None = None
    normalise: str | None = None
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.normalise not in (None, "view", "type"):
            raise UsageError("the camera is told by view or type")
        if self.resamples < 20:
            raise UsageError("an interval needs 20 resamples or more")
        if self.fit is not None and not self.baselines:
            raise UsageError("--fit gives people to fit a baseline on: it goes with --baselines")
        if self.gallery is not None and self.protocol != "folder":
            raise UsageError("--gallery goes with the folder protocol: the others say which sequences it is")


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """figures: by network or baseline, one `Figures` a condition. cameras: people behind each mean that was
    subtracted. notes: what a reader has to know."""

    protocol: str
    sequences: int
    identities: int
    figures: dict[str, list[Figures]]
    cameras: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol,
            "sequences": self.sequences,
            "identities": self.identities,
            "figures": {name: [each.to_dict() for each in found] for name, found in self.figures.items()},
            "cameras": self.cameras,
            "notes": self.notes,
        }


def evaluate(
    data: Path,
    settings: EvaluateSettings | None = None,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> Report:
    """Evaluate silhouettes (a tree, arrays) or a file of embeddings that are there already.

    Raises SourceNotFound, UsageError, NoWalkerError, SilhouetteError, ResultError: each says what is wrong.
    """
    settings = settings or EvaluateSettings()
    sources = [data] if settings.gallery is None else [data, settings.gallery]
    for source in (*sources, *([settings.fit] if settings.fit else [])):
        if not source.exists():
            raise SourceNotFound(f"there is no {source}")
    partition = read_partition(settings.partition) if settings.partition else None
    figures: dict[str, list[Figures]] = {}
    cameras: dict[str, int] = {}
    notes: list[str] = []
    plan: _Plan | None = None
    for name, values, labels in _contestants(sources, settings, partition, device, progress, notes):
        plan = plan or _Plan.make(labels, sources, settings, partition)
        kept = values[plan.keep]
        found = []
        for question in plan.questions:
            compared = kept
            if settings.normalise:
                compared, made_of = centred(kept, plan.labels, question, settings.normalise)
                cameras |= made_of
            found.append(
                judge(compared, plan.labels, question, resamples=settings.resamples, seed=settings.seed)
            )
        figures[name] = found
    assert plan is not None
    if settings.normalise:
        notes.append(
            "each camera's mean embedding was subtracted: a figure for several people from one camera"
        )
    return Report(
        settings.protocol, len(plan.labels), len(np.unique(plan.labels.identity)), figures, cameras, notes
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    keep: NDArray[np.bool_]
    labels: Labels
    questions: list[Question]

    @classmethod
    def make(
        cls, labels: tuple[Labels, int], sources: list[Path], settings: EvaluateSettings,
        partition: dict[str, list[str]] | None,
    ) -> _Plan:  # fmt: skip
        everything, probes = labels
        keep = np.ones(len(everything), bool)
        if partition is not None:
            keep = np.isin(everything.identity, partition["TEST_SET"])
            if not keep.any():
                raise UsageError(f"nobody in {sources[0]} is named in the TEST_SET of {settings.partition}")
        chosen = everything.chosen(keep)
        if settings.gallery is not None:
            first = (np.arange(len(everything)) < probes)[keep]
            return cls(keep, chosen, [Question("probe vs gallery", first, ~first)])
        named = set(partition["PROBE_SET"]) if partition else set()
        return cls(keep, chosen, questions(settings.protocol, chosen, named))


def _contestants(
    sources: list[Path],
    settings: EvaluateSettings,
    partition: dict[str, list[str]] | None,
    device: str,
    progress: Progress | None,
    notes: list[str],
) -> Iterator[tuple[str, NDArray[np.float32], tuple[Labels, int]]]:
    """Name, N×parts×dim, labels with the number of sequences of the first source."""
    if any(source.suffix in SUFFIXES for source in sources):
        if settings.models or settings.baselines:
            raise UsageError("embeddings are made already: --model and --baselines need silhouettes")
        sets = [EmbeddingSet.read(source) for source in sources]
        for source, each in zip(sources, sets, strict=True):
            if not each.items:
                raise NoWalkerError(f"{source} holds no walker")
        if len({each.model_id for each in sets}) > 1:
            raise UsageError(f"made by different networks: {' and '.join(each.model_id for each in sets)}")
        yield sets[0].model_id, _values(sets), (_labels(sets), len(sets[0].items))
        return
    for model in settings.models or (None,):
        sets = [embed_tree(source, model=model, device=device, progress=progress) for source in sources]
        labels = (_labels(sets), len(sets[0].items))
        if not sets[0].trained:
            notes.append(f"{sets[0].model_id} is untrained: its figures say what chance is")
        yield sets[0].model_id, _values(sets), labels
    if not settings.baselines:
        return
    pictures = np.concatenate([energy_images(source)[0] for source in sources])
    yield "energy image", pictures, labels
    fit: tuple[NDArray[np.float32], list[str]] | None = None
    if settings.fit is not None:
        fit = energy_images(settings.fit)
        shared = set(fit[1]) & set(labels[0].identity.tolist())
        if shared:
            raise UsageError(
                f"{sorted(shared)[0]!r} is in --fit and is tested: a baseline may not be fitted on them"
            )
    elif partition is not None and partition["TRAIN_SET"]:
        rows = np.isin(labels[0].identity, partition["TRAIN_SET"])
        fit = (pictures[rows], labels[0].identity[rows].tolist()) if rows.any() else None
    if fit is None:
        notes.append("no PCA+LDA baseline: it needs other people to be fitted on (--fit, or a TRAIN_SET)")
        return
    yield "energy image, PCA+LDA", fit_lda(*fit, pictures), labels


def _values(sets: list[EmbeddingSet]) -> NDArray[np.float32]:
    return np.stack([item.embedding.values for each in sets for item in each.items])


def _labels(sets: list[EmbeddingSet]) -> Labels:
    items = [item for each in sets for item in each.items]
    return Labels(
        *(np.array([getattr(item, name) for item in items], dtype=np.str_) for name in ("id", "type", "view"))
    )
