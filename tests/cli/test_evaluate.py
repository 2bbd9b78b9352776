"""`meshgait evaluate` through its runner."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from meshgait_cli.__main__ import main
from meshgait_cli.cli.app import app
from meshgait_cli.records import GaitEmbedding
from meshgait_cli.results.embeddings import EmbeddingSet, LabelledEmbedding


def _embeddings(path: Path, model: str = "m@1", people: int = 6, each: int = 4, noise: float = 0.3) -> Path:
    rng = np.random.default_rng(0)
    items = []
    for person in range(people):
        middle = rng.normal(size=(16, 8))
        for number in range(each):
            values = (middle + noise * rng.normal(size=(16, 8))).astype(np.float32)
            items.append(
                LabelledEmbedding(
                    f"p{person}",
                    GaitEmbedding(values, model, True, 30),
                    "nm" if number < 2 else "bg",
                    f"{number:03}",
                )
            )
    EmbeddingSet(tuple(items), model, True).write(path)
    return path


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *arguments])
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    return int(stopped.value.code or 0), said


def test_embeddings_are_judged_with_counts_and_intervals(tmp_path: Path) -> None:
    path = _embeddings(tmp_path / "e.safetensors")
    done = CliRunner().invoke(app, ["evaluate", str(path), "--json", "--resamples", "50"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    everyone, bags, normal = report["figures"]["m@1"]
    assert [each["condition"] for each in (everyone, bags, normal)] == ["all", "bg", "nm"]
    assert (everyone["probes"], everyone["people"], bags["probes"]) == (24, 6, 12)
    value, low, high = everyone["values"]["rank-1"]
    assert value == 1.0
    assert low <= value <= high
    assert everyone["values"]["EER"][0] < 0.05


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_a_file_in_which_nobody_was_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    full, empty = _embeddings(tmp_path / "full.parquet"), tmp_path / f"empty{suffix}"
    EmbeddingSet((), "m@1", True).write(empty)
    for arguments in ((str(empty),), (str(full), "--gallery", str(empty))):
        code, said = _error(capsys, *arguments)
        assert (code, said) == (1, f"error: {empty} holds no walker")


def test_the_table_and_the_file(tmp_path: Path) -> None:
    path, to = _embeddings(tmp_path / "e.parquet", noise=3.0), tmp_path / "sub" / "report.json"
    done = CliRunner().invoke(app, ["evaluate", str(path), "--out", str(to), "--resamples", "50"])
    assert done.exit_code == 0, done.output
    for word in ("rank-1", "mINP", "TAR@0.001", "24 probes of 6 people"):
        assert word in done.stdout
    written = json.loads(to.read_text())
    assert len(written["figures"]["m@1"][0]["cmc"]) == 20


def test_a_gallery_of_its_own(tmp_path: Path) -> None:
    probes, known = _embeddings(tmp_path / "p.parquet"), _embeddings(tmp_path / "g.parquet", noise=0.1)
    done = CliRunner().invoke(app, ["evaluate", str(probes), "--gallery", str(known), "--json"])
    (figures,) = json.loads(done.stdout)["figures"]["m@1"]
    assert figures["condition"] == "probe vs gallery"
    assert (figures["probes"], figures["gallery"]) == (24, 24)


def test_camera_means_are_said_aloud(tmp_path: Path) -> None:
    path = _embeddings(tmp_path / "e.parquet")
    done = CliRunner().invoke(app, ["evaluate", str(path), "--json", "--normalise", "camera"])
    report = json.loads(done.stdout)
    assert report["cameras"]["gallery 000"] == 6
    assert any("mean embedding was subtracted" in note for note in report["notes"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--protocol", "nonsense"], 2, "unknown protocol"),
        (["--protocol", "casia-b"], 2, "does not follow"),
        (["--normalise", "people"], 2, "unknown normalisation"),
        (["--normalise", "camera", "--camera-from", "moon"], 2, "view or type"),
        (["--baselines"], 2, "need silhouettes"),
        (["--gallery", "nowhere"], 1, "there is no nowhere"),
        (["--partition", "nowhere.json"], 2, "cannot read the partition"),
        (["--out", "e.csv"], 2, "name it e.json"),
        (["--bodies", "--out", "e.csv"], 2, "name it e.json"),
        (["--bodies"], 1, "no true bodies"),
        (["--bodies", "--baselines"], 2, "--bodies goes with"),
    ],
)
def test_bad_wishes_are_refused_in_one_line(tmp_path, capsys, options, code, said) -> None:
    status, line = _error(capsys, str(_embeddings(tmp_path / "e.parquet")), *options)
    assert status in (1, 2)
    assert said in line
    assert status == code or code == 1


@pytest.mark.parametrize("option", ["DATA", "--gallery", "--partition", "--fit"])
def test_what_is_read_is_not_written_over(tmp_path, capsys, option) -> None:
    data, same = _embeddings(tmp_path / "e.parquet"), tmp_path / "read.json"
    same.write_text('{"TEST_SET": ["p0"]}')
    asked = [str(same)] if option == "DATA" else [str(data), option, str(same)]
    status, line = _error(capsys, *asked, "--out", str(same))
    assert status == 2
    assert "would overwrite what is read" in line
    assert same.read_text() == '{"TEST_SET": ["p0"]}'


def test_bad_data_are_refused_in_one_line(tmp_path, capsys) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    assert "damaged" in _error(capsys, str(tmp_path / "broken.parquet"))[1]
    (tmp_path / "empty").mkdir()
    assert "holds no silhouettes" in _error(capsys, str(tmp_path / "empty"))[1]
    one = _embeddings(tmp_path / "one.parquet", people=1)
    assert "only one person" in _error(capsys, str(one))[1]
    other = _embeddings(tmp_path / "other.parquet", model="n@2")
    assert "different networks" in _error(capsys, str(one), "--gallery", str(other))[1]
    part = tmp_path / "part.json"
    part.write_text(json.dumps({"TEST_SET": ["nobody"]}))
    assert "named in the TEST_SET" in _error(capsys, str(one), "--partition", str(part))[1]


@pytest.mark.slow
def test_silhouettes_with_baselines(tmp_path: Path) -> None:
    from meshgait_cli.synth.walkers import make_identity, render_sequence

    def tree(root: Path, numbers: range) -> Path:
        for number in numbers:
            identity = make_identity(9, number)
            for k in range(3):
                sequence = render_sequence(identity, np.random.default_rng([number, k]), 12, outfit=0)
                folder = root / f"{number:03}" / f"walk-{k}" / "x"
                folder.mkdir(parents=True)
                np.savez_compressed(folder / "x.npz", silhouettes=sequence.silhouettes)
        return root

    data, others = tree(tmp_path / "data", range(8)), tree(tmp_path / "fit", range(20, 30))
    options = ["--baselines", "--fit", str(others), "--json", "--resamples", "50"]
    done = CliRunner().invoke(app, ["evaluate", str(data), *options])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)["figures"]
    assert len(figures) == 3
    assert {"energy image", "energy image, PCA+LDA"} < set(figures)
    assert all(found[0]["probes"] == 24 for found in figures.values())
