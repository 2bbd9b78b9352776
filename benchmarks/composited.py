"""Silhouettes and recognition on composited walkers, whose true outlines are known.

    python benchmarks/composited.py [--people 20] [--frames 12] [--device auto] [--no-naive]

Films `--people` synthetic walkers, twice each (another place, view and often other clothes), with `meshgait
synth --scenes`, and runs `extract` with each effort and crop size, and the naive chain on `--frames` frames
of each video (2.7 s a frame on two cores). All that is made is kept in --work: stopped, it goes on.

Mean IoU at 64×44 with the visible outline, normalised alike, and the paired difference on the same walkers
and frames, with 95 % bootstrap intervals over people; the same in place, before the centres are found;
rank-1 of each walk among all others through one network, by our silhouettes, naive ones and true ones
(gathered by where the truth says the walker is: following people is not measured here); and
how often feet or head are missing or a shadow is glued on, beside what `synth/faults.py` does to the true
outlines in training. Writes benchmarks/results/composited.json, and contact.png in --work to look at.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from naive import Naive, Seen
from truth import FAULTS, Found, Walk, faults, likeness, ours, overlap, theirs, walks_of

from meshgait_cli.distance import part_distances
from meshgait_cli.evaluation.bootstrap import mean_interval
from meshgait_cli.evaluation.metrics import retrieve
from meshgait_cli.network.embed import Embedder
from meshgait_cli.people.silhouette import normalise
from meshgait_cli.pipeline import CROPS, Extractor, ExtractSettings
from meshgait_cli.records import SilhouetteSequence
from meshgait_cli.synth.faults import sample_faults
from meshgait_cli.synth.scenes import SceneTruth, make_scenes, name_of, read_scene
from meshgait_cli.synth.staging import SceneSettings
from meshgait_cli.video.decode import open_video

DEFAULT = ("balanced", 384)
RESAMPLES = 2000
FPS = 30.0  # so that quick, balanced and full look at every third, second and each frame
MODEL_FRAMES, MODEL_DRAWS = 12, 8  # of each walk that the fault model is applied to, and how often


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--frames", type=int, default=12, help="that the naive chain sees of each video")
    parser.add_argument("--length", type=int, default=150, help="frames of each video")
    parser.add_argument("--walkers", type=int, default=1, help="people in a video")
    parser.add_argument("--seed", type=int, default=404)
    parser.add_argument("--efforts", default="quick,balanced,full")
    parser.add_argument("--crops", default="256,320,448")
    parser.add_argument("--no-naive", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("meshgait-results/composited"))
    chosen = parser.parse_args()
    settings = SceneSettings(
        seed=chosen.seed, scenes=-(-2 * chosen.people // chosen.walkers), each=2, walkers=chosen.walkers,
        frames=chosen.length, fps=FPS,
    )  # fmt: skip
    work = chosen.work / f"{settings.seed}-{settings.scenes}-{settings.walkers}-{settings.frames}"
    make_scenes(work / "scenes", settings, workers=chosen.workers, progress=_tell)
    truths = [read_scene(work / "scenes", scene) for scene in range(settings.scenes)]
    walks = [walks_of(scene, truth) for scene, truth in enumerate(truths)]
    configs = [(effort, CROPS[effort]) for effort in chosen.efforts.split(",") if effort]
    configs += [(DEFAULT[0], int(crop)) for crop in chosen.crops.split(",") if crop]
    configs = sorted({DEFAULT, *configs}, key=lambda config: config != DEFAULT)
    embedder = Embedder(None, chosen.device)
    chains: dict[str, list[list[Found]]] = {}
    product: dict[str, list[list[np.ndarray | None]]] = {}
    for effort, crop in configs:
        extractor = Extractor(ExtractSettings(effort=effort, crop_px=crop), chosen.device)
        name = f"{effort}-{crop}"
        chains[name], product[name] = [], []
        for scene, truth in enumerate(truths):
            result = extractor.extract(truth.video, work / name).result
            found = ours(result, truth)
            chains[name].append(found)
            product[name].append([_embedded(embedder, one) for one in found])
            print(f"{name}: scene {scene + 1}/{len(truths)}", flush=True)
    if not chosen.no_naive:
        naive = Naive(chosen.device)
        chains["naive"] = []
        for scene, truth in enumerate(truths):
            frames = _frames(walks[scene], chosen.frames)
            seen = _naive(naive, truth, frames, work / "naive" / f"{name_of(scene)}-{len(frames)}.npz")
            chains["naive"].append(theirs(seen, truth))
            print(f"naive: scene {scene + 1}/{len(truths)}", flush=True)
    report = {
        "seed": settings.seed, "people": settings.people, "scenes": settings.scenes,
        "frames_a_video": settings.frames, "model": embedder.model_id, "naive_frames": chosen.frames,
        "silhouettes": _silhouettes(chains, walks, truths),
        "recognition": _recognition(chains, product, walks, embedder),
        "faults": _faults(chains, walks, truths),
    }  # fmt: skip
    _contact(work / "contact.png", truths, walks, chains)
    print(json.dumps(report, indent=1))
    print(f"look at {work / 'contact.png'}")
    path = Path(__file__).parent / "results" / "composited.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


def _tell(step) -> None:  # type: ignore[no-untyped-def]
    print(f"{step.stage} {step.done}/{step.total}", flush=True)


def _frames(walks: list[Walk], count: int) -> list[int]:
    """Every other frame in which the first walker counts, `count` of them from the middle."""
    shown = [frame for frame in sorted(walks[0].true) if frame % 2 == 0]
    start = max(0, (len(shown) - count) // 2)
    return shown[start : start + count]


def _naive(naive: Naive, truth: SceneTruth, frames: list[int], cache: Path) -> list[Seen]:
    if cache.is_file():
        with np.load(cache) as data:
            columns = [data[name] for name in ("frame", "track", "box", "silhouette", "transform")]
        return [Seen(int(row[0]), int(row[1]), *row[2:]) for row in zip(*columns, strict=True)]
    naive.forget()
    with open_video(truth.video) as reader:
        seen = naive.run([frame for frame in reader if frame.index in set(frames)])
    cache.parent.mkdir(parents=True, exist_ok=True)
    aside = cache.with_suffix(".tmp.npz")
    np.savez_compressed(
        aside, frame=[one.frame for one in seen], track=[one.track for one in seen],
        box=np.array([one.box for one in seen]).reshape(-1, 4),
        silhouette=np.array([one.silhouette for one in seen], np.uint8).reshape(-1, 64, 64),
        transform=np.array([one.transform for one in seen]).reshape(-1, 3),
    )  # fmt: skip
    aside.replace(cache)
    return seen


def _embedded(embedder: Embedder, found: Found | dict[int, np.ndarray]) -> np.ndarray | None:
    """Of a walker's silhouettes in order of time; None where there is none."""
    if not found:
        return None
    own = [found[frame] for frame in sorted(found)]
    stack = np.stack([one[0] if isinstance(one, tuple) else one for one in own])
    return embedder.embed([SilhouetteSequence.from_arrays(stack)])[0].values


def _mean(values: list[float], people: list[int]) -> dict[str, object]:
    if not values:
        return {"frames": 0}
    array, who = np.array(values, float), np.array(people)
    low, high = mean_interval(array, who, RESAMPLES, 0)
    return {
        "frames": len(array),
        "mean": round(float(array.mean()), 4),
        "interval": [round(low, 4), round(high, 4)],
    }


def _silhouettes(
    chains: dict[str, list[list[Found]]], walks: list[list[Walk]], truths: list[SceneTruth]
) -> dict[str, object]:
    """IoU with the truth of each chain, and of pairs on the frames that both have."""
    own: dict[str, dict[tuple[int, int, int], float]] = {}
    placed: dict[str, dict[tuple[int, int, int], float]] = {}
    clear, person = set(), {}
    counted = 0
    for name, scenes in chains.items():
        own[name], placed[name] = {}, {}
        for found, there in zip(scenes, walks, strict=True):
            for one, walk in zip(found, there, strict=True):
                seen = truths[walk.scene].visible[walk.walker]
                for frame, (silhouette, transform) in one.items():
                    if frame in walk.true:
                        key = (walk.scene, walk.walker, frame)
                        own[name][key] = likeness(silhouette, walk.true[frame])
                        placed[name][key] = overlap(silhouette, transform, seen[frame])
    for there in walks:
        for walk in there:
            counted += len(walk.true)
            person[walk.scene, walk.walker] = walk.person
            clear |= {(walk.scene, walk.walker, frame) for frame in walk.clear}

    def said(values: dict[tuple[int, int, int], float]) -> dict[str, object]:
        return _mean(list(values.values()), [person[key[:2]] for key in values])

    base, first = (each[f"{DEFAULT[0]}-{DEFAULT[1]}"] for each in (own, placed))
    out: dict[str, object] = {"true_frames": counted}
    for name, values in own.items():
        both = base.keys() & values.keys()
        out[name] = {
            "all": said(values),
            "all_in_place": said(placed[name]),
            "whole_in_view": said({key: value for key, value in values.items() if key in clear}),
        }
        if values is not base:
            out[name] |= {  # type: ignore[operator]
                "default_on_the_same": said({key: base[key] for key in sorted(both)}),
                "same": said({key: values[key] for key in sorted(both)}),
                "default_less_this": said({key: base[key] - values[key] for key in sorted(both)}),
                "default_less_this_in_place": said(
                    {key: first[key] - placed[name][key] for key in sorted(both)}
                ),
            }
    return out


def _recognition(
    chains: dict[str, list[list[Found]]],
    product: dict[str, list[list[np.ndarray | None]]],
    walks: list[list[Walk]],
    embedder: Embedder,
) -> dict[str, object]:
    """Rank-1 of each walk among all others. Who was not found is not recognised."""
    flat = [walk for there in walks for walk in there]
    sets = {
        f"{name}, all frames": [one for scene in values for one in scene] for name, values in product.items()
    }
    sets["true, all frames"] = [
        _embedded(embedder, {f: s for f, s in walk.true.items() if f % 2 == 0}) for walk in flat
    ]
    if "naive" in chains:
        naive = [one for scene in chains["naive"] for one in scene]
        default = [one for scene in chains[f"{DEFAULT[0]}-{DEFAULT[1]}"] for one in scene]
        short = [_frames(there, max(map(len, naive), default=0)) for there in walks]
        sets["naive, its frames"] = [_embedded(embedder, one) for one in naive]
        sets["ours, its frames"] = [
            _embedded(embedder, {f: s for f, s in one.items() if f in short[walk.scene]})
            for one, walk in zip(default, flat, strict=True)
        ]
        sets["true, its frames"] = [
            _embedded(embedder, {f: s for f, s in walk.true.items() if f in short[walk.scene]})
            for walk in flat
        ]
    people = np.array([walk.person for walk in flat])
    return {name: _rank_one(values, people) for name, values in sets.items()}


def _rank_one(values: list[np.ndarray | None], people: np.ndarray) -> dict[str, object]:
    there = [index for index, value in enumerate(values) if value is not None]
    right = np.zeros(len(people))
    if len(there) > 1:
        stack = np.stack([values[index] for index in there]).astype(np.float32)
        own = people[there]
        distances = part_distances(stack, stack)
        found = retrieve(distances, own[:, None] == own[None], ~np.eye(len(own), dtype=bool))
        right[there] = np.nan_to_num(found.within(1))
    low, high = mean_interval(right, people, RESAMPLES, 0)
    return {
        "walks": len(people), "not_found": len(people) - len(there), "rank_1": round(float(right.mean()), 4),
        "interval": [round(low, 4), round(high, 4)],
    }  # fmt: skip


def _faults(
    chains: dict[str, list[list[Found]]], walks: list[list[Walk]], truths: list[SceneTruth]
) -> dict[str, object]:
    """Shares of walker-frames with each fault: chains, and the fault model on the true outlines."""
    counts: dict[str, list[list[bool]]] = {name: [] for name in (*chains, "fault model")}
    for there, truth in zip(walks, truths, strict=True):
        for walk in there:
            seen = truth.visible[walk.walker]
            for name, scenes in chains.items():
                for frame, (silhouette, transform) in scenes[walk.scene][walk.walker].items():
                    if frame in walk.true:
                        counts[name].append(faults(silhouette, transform, seen[frame], walk.true[frame]))
            counts["fault model"] += _modelled(walk, truth)
    return {
        name: {"frames": len(rows), **dict(zip(FAULTS, np.mean(rows, axis=0).round(4).tolist(), strict=True))}
        for name, rows in counts.items()
        if rows
    }


def _modelled(walk: Walk, truth: SceneTruth) -> list[list[bool]]:
    """The same of true outlines with training's faults, of severities as training draws them."""
    frames = sorted(walk.clear)[:: max(1, len(walk.clear) // MODEL_FRAMES)][:MODEL_FRAMES]
    if not frames:
        return []
    masks = truth.visible[walk.walker, frames].astype(np.uint8) * np.uint8(255)
    rng = np.random.default_rng([walk.scene, walk.walker])
    out = []
    joints = truth.joints[walk.walker, frames].astype(np.float64)
    for _ in range(MODEL_DRAWS):
        faulty = sample_faults(rng).apply(masks, joints, rng)
        for frame, mask in zip(frames, faulty, strict=True):
            done = normalise(mask)
            if done is not None:
                transform = np.array([done.scale, done.left, done.top])
                seen = truth.visible[walk.walker, frame]
                out.append(faults(done.silhouette, transform, seen, walk.true[frame]))
    return out


def _contact(
    path: Path, truths: list[SceneTruth], walks: list[list[Walk]], chains: dict[str, list[list[Found]]]
) -> None:
    """Rows: picture, true, ours, naive; for the first six walks."""
    blank, rows = np.zeros((64, 64), np.uint8), []
    default = chains[f"{DEFAULT[0]}-{DEFAULT[1]}"]
    for walk in [walk for there in walks for walk in there][:6]:
        naive = chains.get("naive", default)[walk.scene][walk.walker]
        found = default[walk.scene][walk.walker]
        frames = (sorted(naive.keys() & walk.true.keys()) or _frames([walk], 12))[:12]
        if not frames:
            continue
        lines = [[walk.true.get(f, blank) for f in frames]]
        lines += [[source.get(f, (blank, None))[0] for f in frames] for source in (found, naive)]
        big = [cv2.resize(np.concatenate(line, 1), None, fx=2, fy=2) for line in lines]
        pictures = _crops(truths[walk.scene], walk.walker, frames)
        row = np.concatenate([pictures, *(np.repeat(line[..., None], 3, 2) for line in big)])
        rows.append(np.pad(row, ((0, 0), (0, 12 * 128 - row.shape[1]), (0, 0))))
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


def _crops(truth: SceneTruth, walker: int, frames: list[int]) -> np.ndarray:
    shown = {}
    with open_video(truth.video) as reader:
        for frame in reader:
            if frame.index in frames:
                x1, y1, x2, y2 = truth.boxes[walker, frame.index]
                scale = 118 / max(y2 - y1, 1)
                move = np.array(
                    [[scale, 0, 64 - scale * (x1 + x2) / 2], [0, scale, 64 - scale * (y1 + y2) / 2]]
                )
                shown[frame.index] = cv2.warpAffine(frame.image, move, (128, 128), flags=cv2.INTER_AREA)
    return np.concatenate([shown[f] for f in frames], axis=1)


if __name__ == "__main__":
    main()
