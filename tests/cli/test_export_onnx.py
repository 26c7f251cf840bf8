"""`moocmeta export --onnx`: the network's scores in another runtime."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from models_py.data import Queries
from models_py.ragged import Ragged
from tests.cli.command_line import (
    MARS,
    SMALL,
    assert_one_line,
    moocmeta,
    options_of,
    trained,
)
from training.fit.checkpoints import load_model
from training.runs import Run

MAX_LENGTH = 6


@pytest.fixture(scope="module")
def run(tmp_path_factory, built_project) -> Path:
    models = options_of("--model", "popularity", "gru", "sasrec")
    lengths = (f"models.{name}.max_length={MAX_LENGTH}" for name in ("gru", "sasrec"))
    sizes = ("models.sasrec.dim=8", "models.gru.n_layers=2")
    shares = ("models.sasrec.repeat_weight=0.3",)
    settings = options_of("--set", *lengths, *sizes, *shares)
    options = (*MARS, *SMALL, *settings, "--epochs", "1", *models)
    return trained(built_project.env, tmp_path_factory.mktemp("runs"), *options)


@pytest.mark.parametrize("model", ["gru", "sasrec"])
def test_scores_are_those_of_the_checkpoint_at_every_length(run, tmp_path, model):
    """Longer than the network reads, too; one file for all batches."""
    file = tmp_path / "model.onnx"
    made = moocmeta("export", "--run", run, "--model", model, "--onnx", file)
    assert (made.exit_code, made.stderr) == (0, ""), made.output
    session = onnxruntime.InferenceSession(file)
    vocabulary = json.loads((run / "vocab.json").read_text())
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["item_keys"]) == vocabulary
    assert (about["model"], about["run_id"]) == (model, run.name)
    _, network = load_model(Run(run).checkpoint(model))
    generator = torch.Generator().manual_seed(1)
    for longest in range(1, 3 * MAX_LENGTH):
        lengths = torch.randint(1, longest + 1, (longest % 4,), generator=generator)
        lengths = torch.cat([lengths, torch.tensor([longest])])
        n_items = len(vocabulary)
        items = torch.randint(0, n_items, (int(lengths.sum()),), generator=generator)
        rows = Ragged.of_lengths(items, lengths)
        (scores,) = session.run(None, {"items": rows.pad()[0].numpy()})
        expected = network.score(Queries(rows, torch.full((len(rows),), -1)))
        np.testing.assert_allclose(scores, expected.numpy(), rtol=0, atol=1e-5)


def test_the_documented_example_serves_it(run, tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[2] / "docs" / "lists.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    moocmeta("export", "--run", run, "--model", "gru", "--onnx", "gru.onnx")
    first, second, *_ = json.loads((run / "vocab.json").read_text())
    exec(code.replace("COURSE_A", first).replace("COURSE_B", second), {})
    told = capsys.readouterr().out.split()
    options = ("--run", run, "--model", "gru", "--after", first, "--after", second)
    expected = moocmeta("recommend", *options, "--json", "--top", 5).stdout
    assert told == [row["item_key"] for row in json.loads(expected)]


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        (
            ("--model", "popularity"),
            ("--model popularity is no network", "gru, sasrec"),
        ),
        (("--model", "best"), ("--model best is not in",)),
        (("--model", "gru", "--onnx", "/proc/gru.onnx"), ("cannot write /proc/gru",)),
    ],
)
def test_mistakes(run, tmp_path, options, fragments):
    command = ("export", "--run", run, "--onnx", tmp_path / "model.onnx", *options)
    assert_one_line(moocmeta(*command), *fragments)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    command = ("export", "--run", run, "--model", "gru", "--onnx", tmp_path / "m.onnx")
    assert_one_line(moocmeta(*command), "pip install 'moocmeta[onnx]'")


@pytest.mark.parametrize(
    "options", [(), ("--run", "latest"), ("--dataset", "mars", "--onnx", "m.onnx")]
)
def test_wrong_usage(options):
    assert moocmeta("export", *options).exit_code == 2
