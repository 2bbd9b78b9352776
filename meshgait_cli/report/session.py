"""`--report`: a result, or an answer, as one page to look at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..atomic import aside
from ..errors import RenderError, UsageError
from ..gallery.identify import Identification
from ..results.directory import Result
from ..words import plain
from .page import Page, render
from .people import Walks, of_result, of_walkers

if TYPE_CHECKING:
    from ..pipeline import Extractor, Progress
    from ..render.session import RenderSettings

__all__ = ["MOST_BODIES", "MOST_PEOPLE", "add_bodies", "page_for", "page_of", "write_report"]

MOST_PEOPLE = 60  # who are shown with pictures; about 60 kB each
MOST_BODIES = 8  # the best seen
_SUFFIXES = (".html", ".htm")


def page_for(report: Path, name: str = "", several: bool = False) -> Path:
    """Where one video's page goes: `report` itself, or report/NAME.html where there are several videos.

    Raises UsageError when `report` cannot be that.
    """
    named = report.suffix.lower() in _SUFFIXES
    if several and named:
        raise UsageError(f"--report {report} is one file, but there are several videos: name a folder")
    if not several and (not named or report.is_dir()):
        raise UsageError(f"--report takes the name of an .html file, not {report}")
    above = next(
        folder for folder in (report if several else report.parent, *report.parents) if folder.exists()
    )
    if not above.is_dir():
        raise UsageError(f"--report {report} cannot be written: {above} is no folder")
    return report / f"{name}.html" if several else report


def write_report(
    source: Result | Identification,
    path: Path,
    *,
    extractor: Extractor | None = None,
    settings: RenderSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the page of a result, or of an answer (`gallery.identify.identify`), to `path`; returns it.

    extractor: with it, the 3-D bodies that its network sees are shown. settings: which body to draw. The file
    is written whole or not at all, for its owner only: it shows biometric data. Raises ResultError,
    SilhouetteError or BodyError when something that it shows is damaged.
    """
    path = page_for(Path(path))
    page = page_of(source)
    if extractor is not None:
        add_bodies(page, extractor, settings, progress)
    page.made = f"{datetime.now().astimezone():%d %B %Y, %H:%M} by meshgait {__version__}"
    html = render(page)
    with aside(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_text(html, encoding="utf-8")
    return path


def page_of(source: Result | Identification) -> Page:
    """What stands on the page of a result or an answer, without bodies. Errors as `write_report` has them."""
    walks = Walks()
    page = _of_answer(source, walks) if isinstance(source, Identification) else _of_result(source, walks)
    page.walks = walks.data
    return page


def _of_result(result: Result, walks: Walks) -> Page:
    from .timeline import timeline

    manifest, video = result.manifest, result.manifest.video
    people = of_result(result, walks, MOST_PEOPLE)
    usable = sum(track.usable for track in result.tracks)
    page = Page(
        title=plain(video.name),
        facts=[
            ("length", f"{video.duration_s:.1f} s, {video.frames} frames"),
            (
                "picture",
                f"{video.width}×{video.height}, {video.fps:.4g} frames a second, {plain(video.codec)}",
            ),
            ("people", f"{len(result.tracks)} followed, {usable} of them usable as gait samples"),
        ],
        models=[
            (plain(model.role), plain(model.id) + ("" if model.trained else " (untrained)"))
            for model in manifest.models
        ],
        notes=[plain(note) for note in manifest.notes],
        trained=all(model.trained for model in manifest.models),
        people=people,
        more=len(result.tracks) - len(people),
        timeline=timeline(people, video.duration_s),
    )
    if manifest.dropped:
        count = len(manifest.dropped)
        page.facts.append(("left out", f"{count} track{'s' if count > 1 else ''}, too short"))
    return page


def _of_answer(found: Identification, walks: Walks) -> Page:
    from .answers import answer_views

    folders = {walker.result for walker in found.walkers if walker.result is not None}
    if folders:
        page = _of_result(Result(folders.pop()), walks)
        by_label = {person.label: person for person in page.people}
    else:
        people = of_walkers(list(found.walkers), walks, MOST_PEOPLE)
        count = len(found.walkers)
        page = Page(title="Who is it?", people=people, more=count - len(people))
        page.facts.append(("asked about", f"{count} walker{'s' if count > 1 else ''}"))
        by_label = {}
    shown = [
        by_label.get(plain(walker.label)) if folders else next(iter(page.people[number : number + 1]), None)
        for number, walker in enumerate(found.walkers)
    ]
    page.answers = answer_views(found, shown, walks)
    page.more_answers = len(found.answers) - len(page.answers)
    page.refused = [(plain(each.label), plain("; ".join(each.reasons))) for each in found.refused]
    page.notes += [plain(note) for note in found.notes]
    page.trained = page.trained and all(walker.embedding.trained for walker in found.walkers)
    page.against = f"{found.people} known {'person' if found.people == 1 else 'people'}"
    page.facts.append(("gallery", page.against))
    page.facts.append(("false accepts", f"one stranger in {1 / found.far:.4g} may be taken for somebody"))
    origin = None if found.calibration is None else found.calibration.origin
    said = {
        None: "none: no probabilities",
        "synthetic": "from synthetic walkers",
        "gallery": "of this gallery",
    }
    page.facts.append(("calibration", said.get(origin, str(origin))))
    if not any(id == plain(found.gallery.model_id) for _, id in page.models):
        page.models.append(("network of the answers", plain(found.gallery.model_id)))
    return page


def add_bodies(
    page: Page,
    extractor: Extractor,
    settings: RenderSettings | None = None,
    progress: Progress | None = None,
) -> None:
    """Put the 3-D bodies that the extractor's network sees on the page, of the MOST_BODIES best seen; or why
    there are none."""
    from ..pipeline import Step
    from ..render.session import RenderSettings
    from ..render.skin import skin_of
    from .body import motion_of
    from .motion import pack

    walkers = [person for person in page.people if person.usable and person.stretch is not None]
    walkers.sort(key=lambda person: -(person.track.score if person.track else 0))
    shown = sorted(walkers[:MOST_BODIES], key=page.people.index)
    if not shown:
        page.body_note = "There is nobody whose body could be shown."
        return
    settings = settings or RenderSettings()
    skin = skin_of(settings.body, settings.smpl_path)
    motions = []
    try:
        for number, person in enumerate(shown):
            if progress is not None:
                progress(Step("body", number, len(shown)))
            assert person.sequence is not None
            assert person.stretch is not None
            motions.append(motion_of(person.sequence, person.stretch, extractor.embedder, skin))
            person.body = number
    except RenderError as error:  # a network without a 3-D branch; the rest of the page is worth having
        page.body_note = str(error)
        return
    page.bodies, page.walkers = pack(motions, skin.faces), shown
    page.body_model = extractor.embedder.model_id
    if len(walkers) > len(shown):
        page.body_note = f"The {len(shown)} best seen of {len(walkers)} are shown."
