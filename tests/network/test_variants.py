"""The named networks: that they can be built, and that they cost what the documentation says."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from meshgait_cli.network.meshgait import MeshGait, ModelConfig
from meshgait_cli.network.variants import DEFAULT_MODEL, VARIANTS


def _millions(module: torch.nn.Module | None) -> float:
    assert module is not None
    return sum(p.numel() for p in module.parameters()) / 1e6


def _gmac(net: MeshGait, what: str = "embed", frames: int = 2) -> float:
    """Billions of multiply-accumulates a frame."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        getattr(net, what)(torch.zeros(1, frames, 64, 44, device="meta"))
    return counter.get_total_flops() / 2 / frames / 1e9


def _meta(config: ModelConfig) -> MeshGait:
    with torch.device("meta"):
        return MeshGait(config).eval()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_carries_its_name_and_embeds(name):
    net = _meta(VARIANTS[name])
    assert net.config.name == name
    dim = net.config.embedding_dim
    assert net.embed(torch.zeros(2, 3, 64, 44, device="meta")).shape == (2, 16, dim)


def test_the_default_is_a_variant():
    assert DEFAULT_MODEL in VARIANTS


def test_deepgaitv2_costs_what_the_published_one_does():
    net = _meta(VARIANTS["deepgaitv2"])
    assert _millions(net) == pytest.approx(13.2, abs=0.05)  # separate FCs included
    assert _gmac(net) == pytest.approx(2.84, abs=0.005)
    trunk = net.silhouette_branch
    assert trunk is not None
    assert trunk(torch.zeros(1, 1, 4, 64, 44, device="meta")).shape == (1, 512, 4, 16, 11)


@pytest.mark.parametrize(
    ("hrnet", "millions", "gmac"), [("w48", 63.7, 1.33), ("w32", 28.6, 0.65), ("w18", 9.3, 0.27)]
)
def test_heatmap_estimators_cost_what_hrnet_does(hrnet, millions, gmac):
    net = _meta(ModelConfig("probe", fusion="heatmap", hrnet=hrnet))
    assert _millions(net.heatmaps) == pytest.approx(millions, abs=0.05)
    assert _gmac(net, "volumes") == pytest.approx(gmac, abs=0.007)
    assert net.volumes(torch.zeros(1, 2, 64, 44, device="meta")).shape == (2, 88, 16, 16, 16)


def test_the_small_variant_is_small_enough_for_two_cores():
    net = _meta(VARIANTS["meshgait-s"])
    assert _gmac(net, frames=60) < 0.13  # two seconds; the energy branch runs once for all of them
    assert _millions(net) < 3.1
