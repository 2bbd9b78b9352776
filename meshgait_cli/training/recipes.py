"""Recipes: every value that a training run depends on, and why it is what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from ..errors import UsageError

__all__ = ["RECIPES", "Recipe", "changed", "find", "with_bodies"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """variant: of network.variants. people×each×frames: the batch. rate: peak learning rate. warmup: steps
    to reach it. decay: weight decay. ema: decay of the averaged weights, which are what is kept.

    contrast_parts, contrast, triplet, classes, traits, joints, markers, mesh: weights of the losses; 0 leaves
    one out. late_frames: frames a sequence from the share late_from of the time on, and so many fewer people.
    classes_from: share of the time after which cross-entropy sets in. temperature, margin: of contrast and
    triplet, in units of a feature's spread. decoded: frames a batch whose body is reconstructed.
    clip: of the gradient's norm. bf16: mixed precision. minutes, steps: how long, where the command does not
    say; one of them is 0. identities: people in the synthetic corpus that is made for it; 0 for data of your
    own. body_until: share of the schedule, after energy_until, until which the 3-D branch alone learns to
    rebuild bodies, from body_frames frames a step; body_points: of the 88 points that many, half of them
    joints, are drawn and asked for in a step, all when 0 (and the mesh with them). synthetic: of a batch's
    people where there are both kinds. optimiser: adamw, or sgd with momentum 0.9. milestones: shares of the
    schedule at which the rate falls to a tenth; none for half a cosine. augment: chance that a sequence
    is turned, and that it is seen in perspective. faults: chance of each fault that a segmentation might have
    made in it (synthetic walkers have others already).

    branch: "silhouette" (2-D), "heatmap" (3-D) or "energy": train that one alone. apart: recipes of one
    branch each, which are trained one after the other and then joined; fresh: people of another synthetic
    corpus, on whom the joined network's maps to the embedding are fitted; refined: walks of theirs from which
    its refiner learns, in refine_steps steps; 0 for no refiner. See `join` and `refine`.
    """

    variant: str
    people: int
    each: int
    frames: int
    late_frames: int
    late_from: float
    window: int
    energy_until: float
    rate: float
    warmup: int
    decay: float
    ema: float
    contrast_parts: float
    contrast: float
    triplet: float
    classes: float
    classes_from: float
    traits: float
    joints: float
    markers: float
    temperature: float
    margin: float
    decoded: int
    clip: float
    bf16: bool
    minutes: float
    steps: int
    identities: int
    mesh: float = 0.0
    body_until: float = 0.0
    body_frames: int = 96
    body_points: int = 0
    synthetic: int = 0
    optimiser: str = "adamw"
    milestones: tuple[float, ...] = ()
    augment: float = 0.0
    faults: float = 0.0
    branch: str = ""
    apart: tuple[str, ...] = ()
    fresh: int = 0
    refined: int = 0
    refine_steps: int = 14_000

    @property
    def rebuilds(self) -> bool:
        """Whether bodies are reconstructed in training."""
        return max(self.joints, self.markers, self.mesh) > 0

    @property
    def recognises(self) -> bool:
        """Whether people are told apart in it: bodies may be all that is learned."""
        return self.body_until < 1 or bool(self.apart)


RECIPES = {
    # Two CPU cores for some hours, in parts (below). From scratch on normalised parts, triplet and
    # cross-entropy collapse in so short a run; contrast on batch-normalised parts does not. What teaches
    # fastest is to regress the numbers from which each person was made.
    "meshgait-s": Recipe(
        variant="meshgait-s",
        people=32,
        each=4,
        # Many people seen briefly teach more in a step than few seen long; recognition reads whole tracks,
        # so the end of the run is spent on longer ones.
        frames=5,
        late_frames=12,
        late_from=0.85,
        # A sequence's energy picture costs an eighth of its five frames, so the branch that reads it
        # goes ahead alone, and the others learn to add to what it knows.
        window=24,
        energy_until=0.45,
        rate=2e-3,
        warmup=50,
        decay=5e-4,
        ema=0.995,  # two hundred steps
        contrast_parts=0.5,
        contrast=1.0,
        triplet=0.0,  # B³ terms that add nothing to contrast in so short a run
        classes=0.0,  # thousands of classes seen a few times each: nearly all of their weights stay random
        classes_from=0.3,
        traits=2.0,
        joints=10.0,  # an L1 of 0.03 is two pixels: worth 0.3
        markers=10.0,
        temperature=0.1,
        margin=0.2,
        decoded=32,
        clip=5.0,
        bf16=True,
        minutes=80.0,
        steps=0,
        identities=9600,
    ),
}
_S = RECIPES["meshgait-s"]
# A branch that learns beside one that knows the answers learns little, so each learns alone.
RECIPES["meshgait-s-energy"] = replace(
    _S,
    branch="energy",
    energy_until=0.0,
    late_from=1.01,
    rate=3e-3,
    joints=0.0,
    markers=0.0,
    minutes=170.0,
    # One picture a walk is soon known by heart; and what a segmentation loses, it loses in every frame.
    augment=0.3,
    faults=0.3,
)
RECIPES["meshgait-s-silhouette"] = replace(
    _S, branch="silhouette", energy_until=0.0, joints=0.0, markers=0.0, minutes=95.0
)
# Bodies: a quarter of the points teaches as much a frame, in little more than half the time; at three times
# the rate the loss rose instead.
RECIPES["meshgait-s-bodies"] = replace(
    _S,
    branch="heatmap",
    energy_until=0.0,
    body_until=0.5,
    body_frames=64,
    body_points=24,
    rate=6e-4,
    minutes=90.0,
)
RECIPES["meshgait-s"] = replace(
    _S, apart=("meshgait-s-energy", "meshgait-s-silhouette", "meshgait-s-bodies"), fresh=6000, refined=20_000,
    minutes=355.0,
)  # fmt: skip
# For one GPU; sized on paper, not yet run. Whole batches are watched, so nothing goes ahead alone.
RECIPES["meshgait-b"] = replace(
    _S,
    variant="meshgait-b",
    frames=16,
    late_frames=20,
    window=20,
    energy_until=0.0,
    rate=1e-3,
    warmup=500,
    ema=0.999,
    classes=0.5,  # in a long run every class is seen often
    mesh=10.0,
    minutes=0.0,
    steps=30_000,
    identities=20_000,
)
RECIPES["deepgaitv2"] = replace(
    RECIPES["meshgait-b"], variant="deepgaitv2", joints=0.0, markers=0.0, mesh=0.0
)
RECIPES["meshgait-w48"] = replace(RECIPES["meshgait-b"], variant="meshgait-w48", rate=5e-4, steps=60_000)

# Real data with names, in OpenGait's layout, as its makers train DeepGaitV2 (arXiv 2303.03301; Gait3D's
# figures are theirs, the others' batches and lengths are like them). --set variant=meshgait-b trains our own.
RECIPES["gait3d"] = replace(
    _S,
    variant="deepgaitv2",
    people=32,
    each=4,
    frames=30,
    late_frames=30,
    late_from=1.0,
    window=30,
    energy_until=0.0,
    rate=0.1,
    warmup=1,
    ema=0.999,
    optimiser="sgd",
    milestones=(1 / 3, 2 / 3, 5 / 6),
    contrast_parts=0.0,
    contrast=0.0,
    triplet=1.0,
    classes=1.0,
    classes_from=0.0,
    traits=0.0,
    joints=0.0,
    markers=0.0,
    clip=1000.0,  # OpenGait does not clip
    augment=0.2,
    minutes=0.0,
    steps=60_000,
    identities=0,
)
RECIPES["casia-b"] = replace(RECIPES["gait3d"], people=8, each=16)
RECIPES["sustech1k"] = replace(RECIPES["gait3d"], people=8, each=8)
RECIPES["grew"] = replace(RECIPES["gait3d"], steps=180_000)
RECIPES["oumvlp"] = replace(RECIPES["gait3d"], each=8, steps=120_000)
# Real footage without names. Half of a batch is synthetic: few people are seen together in anybody's videos,
# and what is known of the synthetic ones (who they are, where their joints are) is not to be forgotten.
RECIPES["self-supervised"] = replace(
    _S,
    people=32,
    synthetic=16,
    frames=8,
    late_frames=12,
    energy_until=0.0,
    rate=3e-4,  # it begins with weights that are good
    ema=0.99,
    contrast_parts=0.5,
    augment=0.3,
    faults=0.3,
    minutes=20.0,
    identities=1200,
)


def with_bodies(recipe: Recipe) -> Recipe:
    """A recipe of silhouettes that also learns the bodies in them: our own network, weighed and optimised as
    on synthetic walkers; who somebody is, as before. For a GPU, on paper: not yet run."""
    b = RECIPES["meshgait-b"]
    return replace(
        recipe, variant=b.variant, joints=b.joints, markers=b.markers, mesh=b.mesh, decoded=b.decoded,
        optimiser=b.optimiser, milestones=b.milestones, rate=b.rate, warmup=b.warmup, clip=b.clip,
    )  # fmt: skip


_COUNT, _FROM_NONE, _SHARE, _WEIGHT, _ABOVE_0 = (1, 1e6), (0, 1e6), (0, 1), (0, 1e6), (1e-9, 1e6)
_RANGES = {
    **dict.fromkeys(("people", "each", "frames", "late_frames", "warmup", "decoded", "body_frames"), _COUNT),
    **dict.fromkeys(
        ("window", "minutes", "identities", "synthetic", "fresh", "refined", "refine_steps"), _FROM_NONE
    ),
    **dict.fromkeys(("energy_until", "ema", "classes_from", "body_until", "milestones"), _SHARE),
    **dict.fromkeys(("augment", "faults"), _SHARE),
    **dict.fromkeys(("contrast_parts", "contrast", "triplet", "classes", "traits"), _WEIGHT),
    **dict.fromkeys(("joints", "markers", "mesh", "decay", "margin"), _WEIGHT),
    **dict.fromkeys(("rate", "temperature", "clip"), _ABOVE_0),
    "late_from": (0, 2),  # above 1 is never
    "steps": (0, 1e12),
    "body_points": (0, 88),
}


def changed(recipe: Recipe, changes: list[str]) -> Recipe:
    """The recipe with `name=value` changes. Raises UsageError for a name or a value that does not fit, or is
    outside the field's range."""
    known = {field.name: field.type for field in fields(Recipe)}
    values: dict[str, Any] = {}
    for change in changes:
        name, sign, text = change.partition("=")
        if not sign or name not in known:
            raise UsageError(f"--set {change}: use NAME=VALUE, NAME one of {', '.join(known)}")
        kinds: dict[str, Callable[[str], Any]] = {
            "str": str, "int": int, "float": float, "bool": _flag, "tuple[float, ...]": _floats,
            "tuple[str, ...]": _words,
        }  # fmt: skip
        try:
            values[name] = kinds[str(known[name])](text)
        except ValueError as error:
            raise UsageError(f"--set {change}: {text!r} is no {known[name]}") from error
    recipe = replace(recipe, **values)
    for name, (least, most) in _RANGES.items():
        given = getattr(recipe, name)
        if not all(least <= each <= most for each in (given if isinstance(given, tuple) else (given,))):
            raise UsageError(f"--set {name}={_said(given)}: {name} goes from {least:g} to {most:g}")
    return recipe


def _said(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in text.split(",") if each)


def _words(text: str) -> tuple[str, ...]:
    return tuple(each for each in text.split(",") if each)


def find(name: str) -> Recipe:
    """Raises UsageError for a name that is none."""
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}: use one of {', '.join(RECIPES)}")
    return RECIPES[name]
