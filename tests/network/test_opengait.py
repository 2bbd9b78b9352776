"""OpenGait's DeepGaitV2 checkpoints: names and shapes as OpenGait writes them, and the same numbers.

The state dicts are built here from the naming alone, with random tensors; the reference forward pass
works on those tensors with torch.nn.functional and knows nothing of our modules.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from meshgait_cli.errors import WeightsError
from meshgait_cli.network.embed import Embedder
from meshgait_cli.network.opengait import convert, load_opengait
from meshgait_cli.records import SilhouetteSequence

CHANNELS = (4, 6, 8, 10)
DIM = 8
STRIDES = (1, 2, 2, 1)
W = "forward_block."


class _State(dict[str, Tensor]):
    """A state dict that fills itself."""

    def __init__(self) -> None:
        super().__init__()
        self.random = torch.Generator().manual_seed(5)

    def conv(self, name: str, *shape: int) -> None:
        fan = float(np.prod(shape[1:]))
        self[f"{name}.weight"] = torch.randn(shape, generator=self.random) * (2 / fan) ** 0.5

    def norm(self, name: str, width: int) -> None:
        for part in ("weight", "running_var"):
            self[f"{name}.{part}"] = 0.5 + torch.rand(width, generator=self.random)
        for part in ("bias", "running_mean"):
            self[f"{name}.{part}"] = 0.3 * torch.randn(width, generator=self.random)
        self[f"{name}.num_batches_tracked"] = torch.tensor(7)


def _opengait(mode: str, layers=(1, 2, 1, 1)) -> _State:
    state = _State()
    state.conv(f"layer0.{W}0", CHANNELS[0], 1, 3, 3)
    state.norm(f"layer0.{W}1", CHANNELS[0])
    before = CHANNELS[0]
    for stage, (count, width) in enumerate(zip(layers, CHANNELS, strict=True), start=1):
        kind = "2d" if stage == 1 else mode
        wrap = W if kind == "2d" else ""
        for block in range(count):
            name = f"layer{stage}.{wrap}{block}"
            inputs = before if block == 0 else width
            if kind == "p3d":
                for part, source in (("conv1", inputs), ("conv2", width)):
                    state.conv(f"{name}.{part}.{W}0", width, source, 3, 3)
                    state.norm(f"{name}.{part}.{W}1", width)
                state.conv(f"{name}.shortcut3d", width, width, 3, 1, 1)
                state.norm(f"{name}.sbn", width)
            else:
                kernel = (3, 3) if kind == "2d" else (3, 3, 3)
                for number, source in (("1", inputs), ("2", width)):
                    state.conv(f"{name}.conv{number}", width, source, *kernel)
                    state.norm(f"{name}.bn{number}", width)
            if inputs != width or (block == 0 and STRIDES[stage - 1] > 1):
                state.conv(f"{name}.downsample.0", width, inputs, *((1, 1) if kind == "2d" else (1, 1, 1)))
                state.norm(f"{name}.downsample.1", width)
        before = width
    state["FCs.fc_bin"] = torch.randn(16, CHANNELS[3], DIM, generator=state.random)
    state["BNNecks.fc_bin"] = torch.randn(16, DIM, 11, generator=state.random)
    state.norm("BNNecks.bn1d", DIM * 16)
    return state


def _norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    parts = (state[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts)


def _spatial(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """A 2-D or flat convolution over 1×C×T×H×W, as a 3-D one of depth 1; or a 3×3×3 one."""
    if weight.ndim == 4:
        weight = weight[:, :, None]
    padding = tuple(size // 2 for size in weight.shape[2:])
    return F.conv3d(x, weight, stride=(1, stride, stride), padding=padding)


def _reference(state: dict[str, Tensor], silhouettes: Tensor, layers=(1, 2, 1, 1)) -> Tensor:
    """T×64×44 to 16×dim: what OpenGait's network computes in evaluation."""
    x = _spatial(silhouettes[None, None], state[f"layer0.{W}0.weight"])
    x = _norm(state, f"layer0.{W}1", x).relu()
    for stage, count in enumerate(layers, start=1):
        for block in range(count):
            stride = STRIDES[stage - 1] if block == 0 else 1
            wrap = W if f"layer{stage}.{W}{block}.conv1.weight" in state else ""
            name = f"layer{stage}.{wrap}{block}"
            if f"{name}.shortcut3d.weight" in state:
                y = _spatial(x, state[f"{name}.conv1.{W}0.weight"], stride)
                y = _norm(state, f"{name}.conv1.{W}1", y).relu()
                moved = F.conv3d(y, state[f"{name}.shortcut3d.weight"], padding=(1, 0, 0))
                y = (y + _norm(state, f"{name}.sbn", moved)).relu()
                y = _norm(state, f"{name}.conv2.{W}1", _spatial(y, state[f"{name}.conv2.{W}0.weight"]))
            else:
                y = _norm(state, f"{name}.bn1", _spatial(x, state[f"{name}.conv1.weight"], stride)).relu()
                y = _norm(state, f"{name}.bn2", _spatial(y, state[f"{name}.conv2.weight"]))
            if f"{name}.downsample.0.weight" in state:
                x = _spatial(x, state[f"{name}.downsample.0.weight"], stride)
                x = _norm(state, f"{name}.downsample.1", x)
            x = (x + y).relu()
    strips = x[0].amax(1).reshape(CHANNELS[3], 16, -1)
    features = strips.mean(-1) + strips.amax(-1)
    return torch.stack([features[:, part] @ state["FCs.fc_bin"][part] for part in range(16)])


def _sequence(frames: int = 5) -> SilhouetteSequence:
    rng = np.random.default_rng(2)
    return SilhouetteSequence.from_arrays(rng.integers(0, 256, (frames, 64, 64), dtype=np.uint8))


@pytest.mark.parametrize("mode", ["2d", "p3d", "3d"])
@pytest.mark.parametrize("layers", [(1, 1, 1, 1), (1, 4, 4, 1), (2, 2, 1, 1)])
def test_the_numbers_are_those_of_the_checkpoint(mode, layers):
    state = _opengait(mode, layers)
    net = convert(dict(state)).eval()
    assert (net.config.blocks, net.config.layers, net.config.channels) == (mode, layers, CHANNELS)
    silhouettes = torch.from_numpy(_sequence().cropped / np.float32(255))
    with torch.no_grad():
        found = net.embed(silhouettes[None])[0]
    expected = _reference(state, silhouettes, layers)
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("parallel", [False, True])
def test_a_file_is_read_as_training_wrote_it(tmp_path, wrapped, parallel):
    state = {("module." if parallel else "") + name: value for name, value in _opengait("p3d").items()}
    path = tmp_path / "DeepGaitV2-60000.pt"
    torch.save({"model": state, "iteration": 60000} if wrapped else state, path)
    embedder = Embedder(path, "cpu", mirror=False)
    assert embedder.trained
    assert embedder.model_id.startswith("DeepGaitV2-60000@")
    (embedding,) = embedder.embed([_sequence()])
    expected = _reference(_opengait("p3d"), torch.from_numpy(_sequence().cropped / np.float32(255)))
    np.testing.assert_allclose(embedding.values, expected.numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("layer3.0.sbn.running_mean"), r"layer3.0.sbn.running_mean is missing"),
        (lambda s: s.pop(f"layer0.{W}0.weight"), r"layer0.forward_block.0.weight is missing"),
        (lambda s: s.pop("FCs.fc_bin"), r"FCs.fc_bin is missing"),
        (lambda s: s.update({"Head.weight": torch.zeros(1)}), r"Head.weight is not part"),
        (lambda s: s.update({"layer2.7.shortcut3d.weight": torch.zeros(1)}), r"layer2.7.* is not part"),
        (lambda s: s.update({f"layer2.9.conv1.{W}0.weight": torch.zeros(6, 6, 3, 3)}), r"layer2.2.* missing"),
        (lambda s: s.update({f"layer0.{W}0.weight": torch.zeros(4, 3, 3, 3)}), r"is \(4, 3, 3, 3\), not"),
        (lambda s: s.update({"FCs.fc_bin": torch.zeros(31, 10, 8)}), r"FCs.fc_bin is \(31, 10, 8\)"),
        (lambda s: s.update({"layer4.0.sbn.bias": torch.full((10,), float("nan"))}), "not finite"),
        (lambda s: s.clear(), "layer1 has no first block"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(tmp_path, change, words):
    state = dict(_opengait("p3d"))
    change(state)
    path = tmp_path / "other.pt"
    torch.save({"model": state}, path)
    with pytest.raises(WeightsError, match=words) as caught:
        load_opengait(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


class _Payload:
    def __reduce__(self):
        return (Path.touch, (Path("pwned"),))


def _zero(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("hello")


def _code(path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": _Payload()}))


def _cut(path: Path) -> None:
    torch.save(dict(_opengait("2d")), path)
    path.write_bytes(path.read_bytes()[:2000])


def _list(path: Path) -> None:
    torch.save([torch.zeros(1)], path)


def _numbers(path: Path) -> None:
    torch.save({"model": {"layer1.0.conv1.weight": 3}}, path)


@pytest.mark.parametrize("write", [_zero, _text, _code, _cut, _list, _numbers])
def test_what_is_no_state_dict_is_refused_and_no_code_of_it_runs(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.pt"
    write(path)
    with pytest.raises(WeightsError, match=r"bad\.pt") as caught:
        Embedder(path, "cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists()
