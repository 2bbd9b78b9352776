"""`manifest.json`: what a result directory holds, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import records
from ..errors import ResultError

__all__ = ["MANIFEST", "SCHEMA", "DroppedTrack", "Manifest", "ModelEntry", "TrackEntry", "VideoEntry"]

SCHEMA = 1
MANIFEST = "manifest.json"


_Count = Annotated[int, Field(ge=0, lt=1 << 31)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(pattern=r"^[^\x00]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class VideoEntry(_Entry):
    """The video. `sha256` is None for a live stream; times are seconds, sizes are upright pixels. `every`:
    frames 0, every, 2·every … were looked at."""

    name: str
    address: str
    sha256: str | None
    bytes: int | None
    width: _Count
    height: _Count
    fps: float = Field(ge=0)
    frames: _Count
    duration_s: float = Field(ge=0)
    rotation: int
    codec: str
    damage: str | None
    every: int = Field(1, ge=1)


class ModelEntry(_Entry):
    """A model that took part: `id` is name@sha256 (first 12 digits). `computed`: by which
    backend, in which precision."""

    role: str
    id: str
    trained: bool = True
    computed: str = "torch:f32"


class TrackEntry(_Entry):
    """One person. File names are relative to the result directory."""

    id: _Count
    frames: _Count
    first_frame: _Count
    last_frame: _Count
    start_s: float
    end_s: float
    usable: bool
    reasons: list[str]
    score: _Share
    height_px: float = Field(ge=0)
    cut_fraction: _Share
    complete_fraction: _Share
    overlap_fraction: _Share
    walking_fraction: _Share
    gait_cycles: float = Field(ge=0)
    silhouettes: _Count
    silhouette_file: _Name
    contact_file: _Name | None
    embedded: bool

    @property
    def quality(self) -> records.TrackQuality:
        names = records.TrackQuality.__dataclass_fields__
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        return records.TrackQuality(**{**values, "reasons": tuple(self.reasons)})


class DroppedTrack(_Entry):
    """A piece of a track that was too short to be a person's track, and why it was left out."""

    frames: _Count
    first_frame: _Count
    last_frame: _Count
    start_s: float
    end_s: float
    reason: str


class Manifest(_Entry):
    """The whole. `fingerprint` is equal when video, settings and models are: then nothing is redone."""

    schema_version: int
    meshgait_version: str
    created: str
    fingerprint: str
    video: VideoEntry
    settings: dict[str, Any]
    models: list[ModelEntry]
    tracks: list[TrackEntry]
    dropped: list[DroppedTrack]
    seconds: dict[str, float]
    notes: list[str]

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises ResultError when there is no manifest, or it is damaged or of another schema."""
        path = folder / MANIFEST
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ResultError(f"{folder} is no result of `meshgait extract`: it has no {MANIFEST}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ResultError(f"cannot read {path}: {error}") from error
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
            raise ResultError(
                f"{path} is damaged or of another version ({where}): run `meshgait extract` again"
            ) from error
        if manifest.schema_version != SCHEMA:
            raise ResultError(
                f"{path} has schema {manifest.schema_version}, this meshgait reads {SCHEMA}: "
                "run `meshgait extract` again"
            )
        return manifest

    def model(self, role: str) -> ModelEntry | None:
        return next((model for model in self.models if model.role == role), None)
