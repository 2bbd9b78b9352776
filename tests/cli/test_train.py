"""`meshgait train` through its runner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshgait_cli.__main__ import main
from meshgait_cli.cli.app import app
from meshgait_cli.network.checkpoint import load
from meshgait_cli.training.refine import CHANNELS

CHANGES = (
    "people=4", "each=2", "frames=2", "window=4", "decoded=2", "identities=6", "fresh=5", "refined=6",
    "refine_steps=2", "bf16=false",
)  # fmt: skip
SMALL = [word for change in CHANGES for word in ("--set", change)]


@pytest.mark.slow
def test_a_run_makes_its_data_and_ends_in_a_checkpoint_that_embed_takes(tmp_path: Path) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    arguments = ["train", "meshgait-s", "--out", str(run), "--data", str(data), "--no-measure", *SMALL]
    done = CliRunner().invoke(app, [*arguments, "--steps", "3", "--json"])
    assert done.exit_code == 0, done.output
    about = json.loads(done.stdout)
    assert (about["steps"], about["identities"], about["fresh"]["identities"]) == (9, 6, 5)
    assert {name: part["steps"] for name, part in about["parts"].items()} == {
        "meshgait-s-energy": 3, "meshgait-s-silhouette": 3, "meshgait-s-bodies": 3,
    }  # fmt: skip
    assert load(about["file"]).config.refiner == CHANNELS
    again = CliRunner().invoke(app, [*arguments, "--steps", "4", "--json"])
    assert json.loads(again.stdout)["steps"] == 12  # went on, did not begin anew
    walkers = Path(__file__).parents[2] / "examples" / "walkers"
    to = tmp_path / "e.parquet"
    embedded = CliRunner().invoke(
        app, ["embed", str(walkers / "synthetic-01.npz"), "-o", str(to), "--model", about["file"], "--json"]
    )
    assert embedded.exit_code == 0, embedded.output
    assert json.loads(embedded.stdout)["trained"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense"], 2, "there is no recipe"),
        (["meshgait-s", "--set", "rate"], 2, "NAME=VALUE"),
        (["meshgait-s", "--set", "variant=w99"], 2, "there is no network"),
        (["meshgait-s", "--minutes", "1", "--steps", "1"], 2, "not both"),
        (["deepgaitv2", "--start-from", "nowhere"], 2, "there is no run"),
        (["meshgait-s", "--start-from", "nowhere"], 2, "no --start-from"),
        (["meshgait-s", "--device", "tpu"], 2, "unknown device"),
        (["meshgait-s", "--seed", "99999999999999999999999"], 2, "2⁶³ − 1"),
        (["meshgait-s", "--save-every", "nan"], 2, "must be positive"),
        (["meshgait-s", "--data", "{taken}"], 2, "name another folder"),
        (["meshgait-s", "--out", "{taken}/thesis.txt"], 2, "is a file"),
    ],
)
def test_bad_wishes_are_refused_in_one_line(tmp_path, capsys, arguments, code, said) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    arguments = [each.format(taken=tmp_path) for each in arguments]
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--out", str(tmp_path / "run"), *arguments])
    assert stopped.value.code == code
    assert said in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"
