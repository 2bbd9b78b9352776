"""meshgait: recognise people in video by the way they walk.

    from pathlib import Path
    from meshgait_cli import Extractor, index_folder

    extractor = Extractor()
    result = extractor.extract("walk.mp4").result
    gallery = index_folder(Path("people"), extractor).gallery
    for track, embedding in result.embeddings().items():
        print(track, gallery.rank(embedding, top_k=3))

Names are loaded when they are first used, so that importing this package is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .distance import part_distance
    from .embedding import embed_silhouettes
    from .errors import MeshgaitError
    from .evaluation.session import EvaluateSettings, evaluate
    from .gallery.folder import index_folder
    from .gallery.search import Gallery
    from .gallery.walkers import walkers_in
    from .network.embed import Embedder
    from .pipeline import Extraction, Extractor, ExtractSettings
    from .records import BodySequence, GaitEmbedding, Match, SilhouetteSequence
    from .render.session import RenderSettings, render_result
    from .report.session import write_report
    from .results.directory import Result

_HOME = {
    "BodySequence": "records",
    "Embedder": "network.embed",
    "EvaluateSettings": "evaluation.session",
    "ExtractSettings": "pipeline",
    "Extraction": "pipeline",
    "Extractor": "pipeline",
    "GaitEmbedding": "records",
    "Gallery": "gallery.search",
    "Match": "records",
    "MeshgaitError": "errors",
    "RenderSettings": "render.session",
    "Result": "results.directory",
    "SilhouetteSequence": "records",
    "embed_silhouettes": "embedding",
    "evaluate": "evaluation.session",
    "index_folder": "gallery.folder",
    "part_distance": "distance",
    "render_result": "render.session",
    "walkers_in": "gallery.walkers",
    "write_report": "report.session",
}

__all__ = [
    "BodySequence",
    "Embedder",
    "EvaluateSettings",
    "ExtractSettings",
    "Extraction",
    "Extractor",
    "GaitEmbedding",
    "Gallery",
    "Match",
    "MeshgaitError",
    "RenderSettings",
    "Result",
    "SilhouetteSequence",
    "__version__",
    "embed_silhouettes",
    "evaluate",
    "index_folder",
    "part_distance",
    "render_result",
    "walkers_in",
    "write_report",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
