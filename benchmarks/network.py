"""How fast the recognition network is, by whom it is computed, and how near that is to what the device can.

    python benchmarks/network.py [--device cuda] [--models meshgait-s ...] [--rounds 5] [--quick]

For each network: frames a second by eager torch, channels-last (ours), torch.compile, ONNX Runtime and
OpenVINO, in float32 and bfloat16, interleaved, medians, and which of them `--backend auto` takes; then, by
that one, batch and length swept, as a share of the matrix product's rate that is measured in the same run;
then with and without decoding the mesh. Last the paper's "72×": the 3-D branch a frame against a ViT-H/16 at
256×192, the backbone of a per-frame mesh regressor like HMR2 (random weights, and no head: a lower bound),
with and without a detector. Silhouettes have their cost too, which is not in it. Where the trial of
`--backend auto` has been made before, it is remembered. Writes benchmarks/results/network.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from meshgait_cli.backends.choose import compiled, error_of
from meshgait_cli.backends.precision import computing, has_bf16
from meshgait_cli.backends.runtimes import precisions_here, runner
from meshgait_cli.backends.spec import check_backend
from meshgait_cli.body import open_body
from meshgait_cli.device import resolve_device
from meshgait_cli.network.checkpoint import load
from meshgait_cli.network.graph import Recognition, graph_of

MODELS = ("meshgait-s", "meshgait-b", "meshgait-w48", "deepgaitv2")
REFERENCE = {"cpu": (2, 30), "cuda": (32, 30)}  # walks, frames: where the candidates meet
SWEEP = {"cpu": ((1, 4, 16), (15, 30, 60)), "cuda": ((1, 8, 32, 128), (15, 30, 60))}
BUDGET = {"cpu": 1.5e12, "cuda": 1e14}  # operations in one call of the sweep; larger ones are left out
PICTURES = {"cpu": 1, "cuda": 32}  # that the regressor sees at a time
MATMUL = {"cpu": 2048, "cuda": 8192}

Work = Callable[[], Any]


def clock(works: dict[str, Work], rounds: int, device: torch.device) -> dict[str, float]:
    """Seconds, medians; the works take turns, after one turn that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            wait(device)
            started = perf_counter()
            work()
            wait(device)
            if number:
                taken[name].append(perf_counter() - started)
    return {name: median(values) for name, values in taken.items()}


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ceiling(device: torch.device) -> dict[str, float]:
    """Operations a second of a large matrix product, best of five, in both precisions."""
    size = MATMUL[device.type]
    found = {}
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
        best = min(clock({"product": lambda a=a, b=b: a @ b}, 1, device)["product"] for _ in range(5))
        found[name] = 2 * size**3 / best
    return found


def operations(work: Work) -> int:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return int(counter.get_total_flops())


def candidates(name: str, device: torch.device, compile_too: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """Name to a function of silhouettes; and why others are absent."""
    loaded = load(name, device)
    graph = graph_of(loaded.network, loaded.id)
    plain = deepcopy(graph.build())
    for parameter in plain.parameters():
        parameter.data = parameter.data.contiguous()
    found: dict[str, Any] = {"eager f32": lambda x: (plain(x),)}
    absent: dict[str, str] = {}
    bf16 = has_bf16(device)
    if compile_too:
        for precision in ("f32", "bf16") if bf16 else ("f32",):
            fast = torch.compile(Recognition(deepcopy(loaded.network)).eval())

            def run(x: torch.Tensor, fast: Any = fast, precision: str = precision) -> tuple[torch.Tensor]:
                with computing(device, precision):
                    return (fast(x).float(),)

            found[f"torch.compile {precision}"] = run
    for backend, precision in check_backend("auto", device.type):
        label = "channels-last" if backend == "torch" else backend
        if precision not in precisions_here(backend, device):
            absent[f"{label} {precision}"] = "not in hardware"
            continue
        try:
            found[f"{label} {precision}"] = runner(graph, backend, precision, device)
        except Exception as error:
            absent[f"{label} {precision}"] = str(error).splitlines()[0][:120]
    found["auto"] = compiled(graph, "auto", device)
    return found, absent


def compare(found: dict[str, Any], x: torch.Tensor, rounds: int, device: torch.device) -> dict[str, Any]:
    frames = x.shape[0] * x.shape[1]
    with torch.inference_mode():
        expected = found["channels-last f32"](x)
        errors, works, failed = {}, {}, {}
        for name, run in found.items():
            try:
                errors[name] = error_of(run(x), expected)
            except Exception as error:  # torch.compile without a compiler, for one
                failed[name] = (str(error).splitlines() or [type(error).__name__])[0][:120]
                continue
            works[name] = lambda run=run: run(x)
        seconds = clock(works, rounds, device)
    best = min(seconds, key=lambda name: seconds[name] if name != "auto" else float("inf"))
    for name, value in sorted(seconds.items(), key=lambda pair: pair[1]):
        print(f"    {name:<20}{frames / value:>10.0f} frames/s   differs by {errors[name]:.1g}", flush=True)
    ratio = seconds["auto"] / seconds[best]
    print(f"    auto is {found['auto']}: {ratio:.2f} times the best ({best})", flush=True)
    return {
        "walks": x.shape[0],
        "frames": x.shape[1],
        "frames_a_second": {name: round(frames / value, 1) for name, value in seconds.items()},
        "errors": errors,
        "failed": failed,
        "auto": str(found["auto"]),
        "best": best,
        "auto_to_best": round(ratio, 3),
    }


def sweep(
    run: Any, flops: float, rates: dict[str, float], rounds: int, device: torch.device, quick: bool
) -> list[dict]:
    batches, lengths = ((1, 2), (15,)) if quick else SWEEP[device.type]
    rows = []
    for walks in batches:
        for frames in lengths:
            if flops * walks * frames > BUDGET[device.type]:
                continue
            x = torch.rand(walks, frames, 64, 44, device=device)
            with torch.inference_mode():
                seconds = clock({"run": lambda x=x: run(x)}, rounds, device)["run"]
            rate = walks * frames / seconds
            share = {name: rate * flops / each for name, each in rates.items()}
            rows.append(
                {"walks": walks, "frames": frames, "frames_a_second": round(rate, 1),
                 "share_of_matmul": {name: round(each, 3) for name, each in share.items()}}
            )  # fmt: skip
            shares = ", ".join(f"{each:.1%} of {name}" for name, each in share.items())
            print(f"    {walks:>4} × {frames:<4}{rate:>10.0f} frames/s   {shares}", flush=True)
    return rows


def decoding(name: str, x: torch.Tensor, rounds: int, device: torch.device) -> dict[str, float]:
    """Frames a second without and with the body in every frame; torch in float32."""
    loaded = load(name, device)
    network = loaded.network
    network.build_decoder(torch.tensor(open_body.marker_decoder(), device=device)).eval()
    frames = x.shape[0] * x.shape[1]
    with torch.inference_mode():
        seconds = clock(
            {"embedding": lambda: network.embed(x), "and mesh": lambda: network(x, decode=True)},
            rounds, device,
        )  # fmt: skip
    found = {key: round(frames / value, 1) for key, value in seconds.items()}
    print(f"    {found} frames/s: the mesh costs {seconds['and mesh'] / seconds['embedding']:.2f} times")
    return found


def regressor(device: torch.device) -> torch.nn.Module:
    """ViT-H/16 at 256×192 with random weights: the backbone of HMR2."""
    from timm.models.vision_transformer import VisionTransformer

    with torch.device("meta"):
        model = VisionTransformer(
            img_size=(256, 192), patch_size=16, embed_dim=1280, depth=32, num_heads=16, num_classes=0
        )
    model = model.to_empty(device=device).eval()
    for parameter in model.parameters():
        parameter.data.uniform_(-0.02, 0.02)
    return model


def seventy_two(models: list[str], x: torch.Tensor, rounds: int, device: torch.device) -> dict[str, Any]:
    """A frame of the 3-D branch (silhouette to F1, no mesh) against a frame of the regressor."""
    from meshgait_cli.people.detect import PersonDetector

    network_of = {name: load(name, device).network for name in models}
    branches = {name: net for name, net in network_of.items() if net.heatmaps is not None}
    silhouettes, frames = x[:, None], x.shape[0] * x.shape[1]
    vit, pictures = regressor(device), torch.rand(PICTURES[device.type], 3, 256, 192, device=device)
    detector, whole = PersonDetector(device=device, backend="torch:f32"), np.zeros((360, 640, 3), np.uint8)

    def branch(net: Any) -> torch.Tensor:
        return net.volume_branch(net.heatmaps.mixed(net.heatmaps.maps(silhouettes), net.volume_branch.mix))

    flops = {name: operations(lambda net=net: branch(net)) / frames for name, net in branches.items()}
    vit_flops = operations(lambda: vit(pictures[:1]))
    rows: dict[str, Any] = {"regressor_gflop": round(vit_flops / 1e9, 1)}
    for precision in ("f32", "bf16") if has_bf16(device) else ("f32",):
        works: dict[str, Work] = {name: lambda net=net: branch(net) for name, net in branches.items()}
        with torch.inference_mode(), computing(device, precision):
            seconds = clock({**works, "regressor": lambda: vit(pictures)}, rounds, device)
        with torch.inference_mode():
            seconds |= clock({"detector": lambda: detector.detect([whole], 640)}, rounds, device)
        seconds["regressor"] /= len(pictures)
        for name in branches:
            a_frame = seconds[name] / frames
            row = {
                "branch_ms": round(a_frame * 1e3, 3),
                "branch_gflop": round(flops[name] / 1e9, 3),
                "regressor_ms": round(seconds["regressor"] * 1e3, 2),
                "detector_ms": round(seconds["detector"] * 1e3, 2),
                "times": round(seconds["regressor"] / a_frame, 1),
                "times_with_detector": round((seconds["regressor"] + seconds["detector"]) / a_frame, 1),
                "times_in_operations": round(vit_flops / flops[name], 1),
            }
            rows[f"{name} {precision}"] = row
            print(f"  {name} {precision}: {row}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes minutes")
    parser.add_argument("--no-regressor", action="store_true", help="leave ViT-H out: it takes 2.5 GB")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest sizes, two rounds, no torch.compile"
    )
    chosen = parser.parse_args()
    device = resolve_device(chosen.device)
    rounds = 2 if chosen.quick else chosen.rounds
    walks, frames = (1, 15) if chosen.quick else REFERENCE[device.type]
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor(),
        "cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__,
        "rounds": rounds, "networks": {},
    }  # fmt: skip
    for name in chosen.models:
        rates = ceiling(device)
        shown = ", ".join(f"{each / 1e9:.0f} GFLOP/s {key}" for key, each in rates.items())
        torch.manual_seed(0)
        x = torch.rand(walks, frames, 64, 44, device=device)
        network = load(name, device).network
        flops = operations(lambda network=network, x=x: network.embed(x)) / (walks * frames)
        print(f"{name}: {flops / 1e9:.3f} GFLOP a frame; matrix product {shown}", flush=True)
        found, absent = candidates(name, device, not (chosen.quick or chosen.no_compile))
        row: dict[str, Any] = {
            "gflop_a_frame": round(flops / 1e9, 4),
            "matmul_gflop_a_second": {key: round(each / 1e9, 1) for key, each in rates.items()},
            "absent": absent,
            "candidates": compare(found, x, rounds, device),
            "sweep": sweep(found["auto"], flops, rates, rounds, device, chosen.quick),
        }
        if network.heatmaps is not None:
            row["decoding"] = decoding(name, x, rounds, device)
        report["networks"][name] = row
        del found, network
    if not chosen.no_regressor:
        print("a frame of the 3-D branch against one of ViT-H/16 at 256×192")
        report["seventy_two"] = seventy_two(chosen.models, x, rounds, device)
    target = Path(__file__).parent / "results" / "network.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
