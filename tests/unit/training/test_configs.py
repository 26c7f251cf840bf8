"""Where a run's settings come from, and the presets that are committed."""

import dataclasses
import shlex
from pathlib import Path

import pytest

from models_py import registry
from training.commands.train import train_command as train
from training.config import TrainConfig, load_config
from training.errors import UserError
from training.settings import as_yaml

ROOT = Path(__file__).parents[3]
PRESETS = sorted((ROOT / "configs").glob("*.yaml"))
MART = {"mart": "episodes_k5_q10"}

every_preset = pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.name)
every_family = pytest.mark.parametrize(
    "family", ["recommendation", "tracing", "causal"]
)


@pytest.fixture
def layers(tmp_path):
    """`layers(text, …)` → files to lay over each other."""

    def write(*texts: str) -> list[Path]:
        paths = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return paths

    return write


@every_preset
def test_the_first_line_of_a_preset_is_the_command_that_uses_it(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(path.read_text().splitlines()[0].lstrip("# "))
    assert program == "moocmeta-train"
    options = train.make_context(program, arguments).params
    assert options["config_files"] == (Path("configs") / path.name,)
    config = load_config(options["config_files"], {"mart": options["mart"]}, ())
    assert config.models
    config.settings("recommendation")


def test_the_paper_preset_has_the_published_steps():
    given = load_config([ROOT / "configs" / "paper.yaml"], MART, ())
    default = load_config([], MART, ())
    adapting = [
        n for n, e in registry.MODELS.items() if e.method not in (None, "fine_tune")
    ]
    assert list(given.models) == adapting
    for name in adapting:
        settings, quick = given.model_config(name), default.model_config(name)
        assert (settings.tasks_per_step, settings.validate_every) == (32, 100)
        assert (settings.optimiser.epochs, settings.optimiser.patience) == (30, 30)
        assert settings.optimiser.learning_rate == quick.optimiser.learning_rate
        assert (quick.tasks_per_step, quick.optimiser.epochs) == (8, 1)


@pytest.mark.parametrize(
    ("texts", "flags", "assignments", "expected"),
    [
        (["score_chunk: 1"], {}, [], ("score_chunk", 1)),
        (["score_chunk: 1", "score_chunk: 2"], {}, [], ("score_chunk", 2)),
        (["lineup: [gru, sasrec]", "lineup: [gru]"], {}, [], ("lineup", ("gru",))),
        (["seed: 1", "seed: 2"], {"seed": 3}, [], ("seed", 3)),
        (["seed: 1"], {"seed": 3}, ["seed=4"], ("seed", 4)),
        (["epochs: 9", "epochs: null"], {}, [], ("epochs", None)),
    ],
)
def test_later_settings_win(layers, texts, flags, assignments, expected):
    config = load_config(layers(*texts), {**MART, **flags}, assignments)
    name, value = expected
    assert getattr(config, name) == value


ONE = "models: {gru: {hidden_dim: 7, seed: 5, optimiser: {epochs: 7, patience: 3}}}"


@pytest.mark.parametrize(
    ("texts", "flags", "assignments", "expected"),
    [
        # (seed, most epochs) of gru, then of sasrec, which is given none of its own
        ([ONE], {}, [], ((5, 7), (1, 50))),
        ([f"{ONE}\nseed: 2\nepochs: 4"], {}, [], ((5, 7), (2, 4))),
        (["seed: 2\nepochs: 4", ONE], {}, [], ((5, 7), (2, 4))),
        ([ONE, "seed: 2\nepochs: 4"], {}, [], ((2, 4), (2, 4))),
        ([ONE], {"seed": 2, "epochs": 4}, [], ((2, 4), (2, 4))),
        ([ONE], {"seed": 2}, ["models.gru.seed=6"], ((6, 7), (2, 50))),
        ([], {"epochs": 4}, ["models.gru.optimiser.epochs=8"], ((1, 8), (1, 4))),
        ([ONE], {}, ["models.gru.seed=6", "seed=3"], ((6, 7), (3, 50))),
    ],
)
def test_what_is_said_of_all_models_stands_over_what_was_said_of_one_before(
    layers, texts, flags, assignments, expected
):
    flags = {**MART, **flags}
    config = load_config(layers("seed: 1", *texts), flags, assignments)
    found = [config.model_config(name) for name in ("gru", "sasrec")]
    assert tuple((one.seed, one.optimiser.epochs) for one in found) == expected
    if texts:  # what nobody overruled is as the file has it
        assert (found[0].hidden_dim, found[0].optimiser.patience) == (7, 3)


def test_a_seed_is_that_of_a_models_parts_unless_it_has_one_of_its_own(layers):
    part = "models: {best: {kinds: {seed: 5}}}"
    for texts, expected in (
        (["seed: 2"], (2, 2)),
        (["seed: 2", part], (2, 5)),
        ([part, "seed: 2"], (2, 2)),
    ):
        best = load_config(layers(*texts), MART, []).model_config("best")
        assert (best.seed, best.kinds.seed) == expected


@every_family
def test_resolved_settings_name_every_one_that_is_used(family):
    resolved = TrainConfig(mart="m", seed=3, epochs=2).resolved(family)
    assert list(resolved.lineup) == registry.default_names(family)
    assert set(resolved.models) == set(resolved.lineup)
    for name, given in resolved.models.items():
        config = resolved.model_config(name)
        assert dataclasses.asdict(config) == given
        assert given.get("seed", 3) == 3
        assert given.get("optimiser", {"epochs": 2})["epochs"] == 2


@every_family
def test_printed_settings_give_the_same_again_and_can_be_changed(family, layers):
    resolved = TrainConfig(mart="m", seed=3, epochs=2).resolved(family)
    paths = layers(as_yaml(dataclasses.asdict(resolved)))
    assert load_config(paths, {}, ()) == resolved
    changed = load_config(paths, {"seed": 9}, ()).resolved(family)
    expected = TrainConfig(mart="m", seed=9, epochs=2).resolved(family)
    assert changed == expected


def test_the_network_that_a_model_adapts_is_resolved_with_it():
    config = TrainConfig(
        mart="m",
        lineup=("anil", "anil"),
        models={"gru": {"hidden_dim": 7}, "sasrec": {"dim": 8}},
    )
    resolved = config.resolved("recommendation")
    assert resolved.lineup == ("anil",)
    assert list(resolved.models) == ["anil", "gru"]  # nothing reads sasrec's
    assert resolved.models["gru"]["hidden_dim"] == 7


def test_numbers_may_be_written_with_a_power_of_ten(layers):
    paths = layers("models: {maml: {inner_rate: 1e-3}}")
    given = load_config(paths, MART, ["models.gru.optimiser.learning_rate=2E-4"])
    assert given.model_config("maml").inner_rate == 1e-3
    assert given.model_config("gru").optimiser.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("nope=1", "--set: unknown key nope; known: mart, mart_dir, dataset"),
        ("models.gru.nope=1", "models.gru: unknown key nope"),
        ("models.gru.optimiser.nope=1", "unknown key optimiser.nope"),
        ("models.gru=3", "models.gru: .*an object"),
        ("models.gru.hidden_dim=0", "hidden_dim must be 1 or more"),
        ("models.sasrec.n_heads=3", "n_heads must divide dim"),
        ("models.maml.inner_rate=0", "inner_rate must be above 0"),
        ("models.maml.base=popularity", "base popularity .*; choose from gru, sasrec"),
        ("models.gru.dropout=.nan", "models.gru.dropout: write a finite number"),
        ("seed=1.5", "seed: .*valid integer"),
        ("seed=-1", "seed must be 0 or more"),
        ("seed=4294967296", "seed must be .* below"),
        ("models.gru.seed=4294967296", "models.gru: seed must be .* below"),
        ("models.best.kinds.seed=-1", "models.best.kinds: seed must be 0 or more"),
        ("models.maml.validate_every=2001", "from 1 to optimiser.max_steps"),
        ("exclude=maybe", "exclude: .*prefix"),
        ("mart=2017-01-01", "date is not JSON"),
        ("mart.x=1", "--set: mart: .*valid string"),
        ("seed", "--set seed: write KEY=VALUE"),
        ("=1", "write KEY=VALUE"),
        ("seed=[", r"--set seed=\[: .*no YAML"),
        ("seed=1 seed.x=1", "seed holds no keys"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(assignment, words):
    with pytest.raises(UserError, match=words):
        load_config([], MART, assignment.split()).check_models()


@pytest.mark.parametrize(
    ("family", "assignment", "words"),
    [
        ("tracing", "lineup=[sackt]", r"--model sackt is none for mart m \(sakt is\)"),
        ("causal", "lineup=[gru]", "m; choose from summary_logistic, .*transformer$"),
        ("tracing", "models.gru.seed=1", "^models.gru is none for mart m; .*, blend$"),
        ("recommendation", "models.9.x=1", "^models.9 is none .*; choose from random,"),
    ],
)
def test_a_model_that_the_marts_family_lacks_is_named(family, assignment, words):
    config = load_config([], {"mart": "m"}, [assignment])
    config.check_models()  # before the mart's family is known
    with pytest.raises(UserError, match=words):
        config.settings(family)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"mart: episodes_k2_q3\nsed: 1\n", "unknown key sed; known: mart"),
        (b"mart: [unclosed\n", "is no YAML"),
        (b"mart: \xff\xfe\n", "is no YAML"),
        (b"- mart\n- seed\n", "must hold keys and values"),
        (b"seed: 1\n", "--mart is missing"),
        (b"", "--mart is missing"),
        (None, "No such file"),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, content, words):
    path = tmp_path / "settings.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        load_config([path], {}, ())
