"""Colour video of synthetic walkers, with the truth about who is where: `meshgait synth --scenes`.

`DIR/scene-00000.mp4` are videos, `DIR/truth/scene-00000.npz` the outlines, boxes and joints of each walker
in each frame, `DIR/truth/scene-00000.json` who they are and how they are filmed. `DIR/manifest.json` comes
last: a folder without it is unfinished. The same settings give the same files.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_ARRAYS, MeshgaitError, SourceNotFound
from ..words import from_json
from .claim import KIND, MANIFEST, claimed, make_room, write_manifest
from .plan import folder_of
from .pool import each
from .staging import Casting, SceneSettings, Stage, cast, sample_stage
from .tree import PARTS, write_aside

if TYPE_CHECKING:
    from ..pipeline import Progress
    from .film import Actor

__all__ = ["FILMING", "SceneResult", "SceneTruth", "Walker", "make_scenes", "name_of", "read_scene"]

FILMING = "filming walkers"
TRUTH = "truth"
_WALK_STREAM, _PERSON_STREAM, _DAY_STREAM, _SENSOR_STREAM = 9, 10, 11, 12  # of random numbers
_PIXEL_BYTES = 0.03  # of video and truth, for each pixel of each frame, about
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SceneResult:
    """What was made. made, kept: scenes filmed now, and found finished."""

    folder: Path
    scenes: int
    people: int
    made: int
    kept: int
    frames: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames a second, of those filmed now."""
        return self.frames / max(self.scenes, 1) * self.made / self.seconds if self.made else 0.0


@dataclass(frozen=True, slots=True)
class Walker:
    """identity: the person's folder name in a dataset of the same seed. outfit: number in the wardrobe.
    appearance: which of the person's walks it is, from 0. azimuth: degrees, half-way; 0 comes towards the
    camera, 90 walks to the picture's right."""

    identity: str
    number: int
    appearance: int
    outfit: int
    carrying: bool
    azimuth: float
    speed: float


@dataclass(frozen=True, slots=True, eq=False)
class SceneTruth:
    """One scene. visible, whole: P×T×H×W, where each walker is seen, and would be if nothing stood in front.
    boxes: P×T×4 float32 x1, y1, x2, y2 in pixels, of the whole walker, going on outside the picture. joints:
    P×T×24×2 pixels. times: T seconds. phases: P×T radians of the walking cycle."""

    video: Path
    walkers: tuple[Walker, ...]
    visible: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    joints: NDArray[np.float32]
    times: Array
    phases: Array
    record: dict[str, Any]


def name_of(scene: int) -> str:
    """The name of a scene's files."""
    return f"scene-{scene:05d}"


def make_scenes(
    folder: Path,
    settings: SceneSettings,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> SceneResult:
    """Film the scenes that are missing in `folder`.

    Raises UsageError for a folder that is something else or was made with other settings, MeshgaitError when
    the disk has not the room.
    """
    from ..pipeline import Step

    folder, started = Path(folder), perf_counter()
    record = {"kind": KIND, "settings": settings.record(), "motions": None}
    with claimed(folder, record):
        rows = {number: row for number in range(settings.scenes) if (row := _finished(folder, number))}
        missing = [number for number in range(settings.scenes) if number not in rows]
        kept = len(rows)
        size = round(settings.frames * settings.width * settings.height * _PIXEL_BYTES * len(missing))
        make_room(folder, size, len(missing), announce, "scenes")
        if missing or not (folder / MANIFEST).is_file():
            (folder / MANIFEST).unlink(missing_ok=True)
            for row in each(partial(_make_scene, folder=folder, settings=settings), missing, workers):
                rows[row["scene"]] = row
                if progress is not None:
                    done = (len(rows) - kept) * settings.frames
                    progress(Step(FILMING, done, len(missing) * settings.frames, len(rows)))
            write_manifest(folder, {**record, "scenes": [rows[number] for number in sorted(rows)]})
    return SceneResult(
        folder,
        settings.scenes,
        settings.people,
        len(missing),
        kept,
        settings.scenes * settings.frames,
        perf_counter() - started,
    )


def _finished(folder: Path, number: int) -> dict[str, Any] | None:
    """The record of a scene whose files are all there and whole, as far as their sizes tell."""
    path = folder / TRUTH / f"{name_of(number)}.json"
    try:
        row = from_json(path.read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in row["bytes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return row if row.get("scene") == number and sizes == row["bytes"] else None


def _make_scene(number: int, folder: Path, settings: SceneSettings) -> dict[str, Any]:
    """Film one scene: video, outlines, and last its record, which says that it is finished."""
    from .backdrop import own_backdrop
    from .film import film

    stage, actors, walkers, phases = _set_up(number, settings)
    rng = np.random.default_rng([settings.seed, _SENSOR_STREAM, number])
    grounds = None
    if settings.background is not None:
        grounds = own_backdrop(settings.background, settings.width, settings.height, settings.frames)
    video, outlines = f"{name_of(number)}.mp4", f"{TRUTH}/{name_of(number)}.npz"
    shots = film(stage, actors, rng, grounds)
    visible, whole = _record(folder / video, shots, settings, stage)
    boxes = np.stack([_boxes(stage, actor) for actor in actors])
    joints = np.stack([stage.view.project(actor.joints)[..., :2] for actor in actors])
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        visible=visible,
        whole=whole,
        size=np.array([settings.height, settings.width]),
        boxes=boxes.astype(np.float32),
        joints=joints.astype(np.float32),
        times=np.arange(settings.frames) / settings.fps,
        phases=phases,
    )
    write_aside(folder / outlines, packed.getvalue())
    row = {
        "scene": number,
        "video": video,
        "bytes": {name: (folder / name).stat().st_size for name in (video, outlines)},
        "walkers": [asdict(walker) for walker in walkers],
        "camera": asdict(stage.view),
        "place": None if stage.place is None else stage.place.record(),
        "things": [asdict(prop) for prop in stage.props],
        "light": {"sun": stage.light.sun, "ambient": stage.light.ambient, "shadow": stage.light.shadow,
                  "towards": stage.light.towards.tolist()},
        "blur": stage.blur, "noise": stage.noise, "crf": stage.crf,
    }  # fmt: skip
    write_aside(folder / TRUTH / f"{name_of(number)}.json", json.dumps(row, indent=1).encode())
    write_aside(folder / PARTS / f"{number:05d}.json", b"{}")  # so that `claimed` keeps what is finished
    return row


def _set_up(
    number: int, settings: SceneSettings
) -> tuple[Stage, list[Actor], list[Walker], NDArray[np.float64]]:
    """The stage, and everybody dressed and posed on it; P×T phases."""
    walks = [_Walk.of(settings, casting) for casting in cast(settings)[number]]
    stage = sample_stage(settings, number, [float(np.ptp(walk.root[:, 2])) for walk in walks])
    walkers = [
        replace(walk.walker, azimuth=round(float(azimuth), 1))
        for walk, azimuth in zip(walks, stage.azimuths, strict=True)
    ]
    actors = [walk.act(stage, index) for index, walk in enumerate(walks)]
    return stage, actors, walkers, np.stack([walk.phases for walk in walks])


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """One walk of a person, on a straight line along +z. root: T×3 metres."""

    walker: Walker
    betas: Array
    outfit: Any
    palette: Any
    rotations: Array
    root: Array
    phases: Array

    @classmethod
    def of(cls, settings: SceneSettings, casting: Casting) -> _Walk:
        from . import feet, motion
        from .clothes import carry
        from .palette import sample_palette
        from .walkers import make_identity
        from .wardrobe import OUTFITS

        who = [settings.seed, casting.number]
        identity = make_identity(settings.seed, casting.number)
        rng = np.random.default_rng([*who, _WALK_STREAM, casting.appearance])
        mood = motion.sample_mood(rng)
        other = casting.appearance > 0 and (
            settings.clothes == "other" or (settings.clothes == "mixed" and rng.random() < 0.5)
        )
        outfit = int(rng.integers(1, OUTFITS)) if other else 0
        person = np.random.default_rng([*who, _PERSON_STREAM])
        day = np.random.default_rng([*who, _DAY_STREAM, outfit])
        worn = identity.wardrobe[outfit]
        palette = sample_palette(person, day, worn)
        carrying = bool(rng.random() < 0.2)
        if carrying:
            worn, _ = carry(rng, worn)
        style = identity.style
        times = np.arange(settings.frames) / settings.fps
        phases = rng.uniform(0, 2 * np.pi) + 2 * np.pi * style.cadence * mood.pace * times
        rotations, _ = motion.cycle(style, phases, mood)
        walk = feet.walk(style, identity.betas, mood, planted=True)
        rotations, root = walk.bent(rotations, phases), walk.at(phases)
        root[:, 2] -= (root[0, 2] + root[-1, 2]) / 2
        speed = float(np.ptp(root[:, 2]) / max(times[-1], 1e-6)) if len(times) > 1 else 0.0
        walker = Walker(
            folder_of(casting.number), casting.number, casting.appearance, outfit, carrying, 0.0,
            round(speed, 3),
        )  # fmt: skip
        return cls(walker, identity.betas, worn, palette, rotations, root, phases)

    def act(self, stage: Stage, index: int) -> Actor:
        """This walk on the stage."""
        from .figure import dress
        from .film import Actor

        figure = dress(self.betas, self.outfit, self.palette)
        vertices, joints = figure.pose(self.rotations, self.root * [1, 1, 0])
        at, heading = stage.walk_at(index, self.root[:, 2])
        sine, cosine = np.sin(heading), np.cos(heading)
        zero, one = np.zeros_like(sine), np.ones_like(sine)
        turn = np.stack([cosine, zero, sine, zero, one, zero, -sine, zero, cosine], 1).reshape(-1, 3, 3)
        moved = np.stack([at[:, 0], zero, at[:, 1]], 1)[:, None]
        turn, moved = turn.astype(np.float32), moved.astype(np.float32)
        placed = [points @ turn.transpose(0, 2, 1) + moved for points in (vertices, joints)]
        return Actor(figure, placed[0], placed[1])


def _boxes(stage: Stage, actor: Actor) -> NDArray[np.floating]:
    flat = stage.view.project(actor.vertices)[..., :2]
    return np.concatenate([flat.min(1), flat.max(1)], axis=1)


def _record(
    path: Path, shots: Iterator[Any], settings: SceneSettings, stage: Stage
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Write the video; returns the visible and the whole outlines, P×T×H×⌈W/8⌉, eight pixels a byte."""
    from .reel import Reel

    visible, whole = [], []
    with Reel(path, settings.fps, settings.width, settings.height, stage.crf) as reel:
        for shot in shots:
            reel.write(shot.image)
            visible.append(np.packbits(shot.visible, axis=-1))
            whole.append(np.packbits(shot.whole, axis=-1))
    return np.stack(visible, axis=1), np.stack(whole, axis=1)


def read_scene(folder: Path, scene: int) -> SceneTruth:
    """The truth about one scene of the set in `folder`.

    Raises SourceNotFound where there is none, MeshgaitError where it is damaged.
    """
    folder = Path(folder)
    path = folder / TRUTH / f"{name_of(scene)}.npz"
    if not path.is_file():
        raise SourceNotFound(f"{folder} holds no scene {scene}: there is no {path.name}")
    try:
        record = from_json(path.with_suffix(".json").read_text(encoding="utf-8"))
        with np.load(path, allow_pickle=False) as data:
            width = int(data["size"][1])
            masks = {
                name: np.unpackbits(data[name], axis=-1, count=width).astype(bool)
                for name in ("visible", "whole")
            }
            return SceneTruth(
                video=folder / record["video"],
                walkers=tuple(Walker(**walker) for walker in record["walkers"]),
                boxes=data["boxes"],
                joints=data["joints"],
                times=data["times"],
                phases=data["phases"],
                record=record,
                **masks,
            )
    except DAMAGED_ARRAYS as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise MeshgaitError(f"{path} is damaged ({said}): make the scenes again") from error
