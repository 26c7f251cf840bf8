"""The committed configuration files: complete, and equal to the defaults."""

import dataclasses
import shlex
from pathlib import Path

import pytest
import yaml

from models_py import registry
from training.cli import train
from training.config import TrainConfig, load_config

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))
FAMILIES = {
    "causal_trials": "causal",
    "episodes_k2_q3": "recommendation",
    "episodes_k5_q10": "recommendation",
    "kt_sequences": "tracing",
}
# given by the run unless a model's own section names it: a file that did would
# make `--seed` a lie
FROM_THE_RUN = {"seed"}

every_file = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)


def family_of(path: Path) -> str:
    return FAMILIES[path.stem.split("_")[0]]


def names_of(config) -> set[str]:
    return {field.name for field in dataclasses.fields(config)}


def test_there_is_a_file_for_each_mart():
    assert [path.stem for path in CONFIGS] == list(FAMILIES)


@every_file
def test_the_first_line_is_the_command_that_uses_the_file(path):
    program, *arguments = shlex.split(path.read_text().splitlines()[0].lstrip("# "))
    assert program == "moocmeta-train"
    options = train.make_context(program, arguments).params
    assert options["config_file"] == Path("configs") / path.name


@every_file
def test_every_setting_is_named(path):
    given = yaml.safe_load(path.read_text())
    assert set(given) == names_of(TrainConfig)
    assert list(given["models"]) == registry.names(FAMILIES[path.stem])
    for name, settings in given["models"].items():
        default = registry.CONFIGS[name]()
        preset = getattr(default, "PRESETS", {}).get("paper", {})
        of_preset = {
            key for key, value in preset.items() if not isinstance(value, dict)
        }
        elsewhere = FROM_THE_RUN | set(registry.MODELS[name].members) | of_preset
        assert set(settings) == names_of(default) - elsewhere, name
        for key, value in settings.items():
            if dataclasses.is_dataclass(getattr(default, key)):
                expected = names_of(getattr(default, key)) - set(preset.get(key, {}))
                assert set(value) == expected, f"{name}.{key}"


@pytest.mark.parametrize("mart", ["episodes_k5_q10", "episodes_k2_q3"])
def test_the_preset_of_a_complete_file_can_be_changed_there(mart, tmp_path):
    (path,) = (path for path in CONFIGS if path.stem == mart)
    text = path.read_text()
    assert "preset: quick" in text
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace("preset: quick", "preset: paper"))
    settings = load_config(changed, {}, []).model_config("maml_warm")
    assert (settings.tasks_per_step, settings.validate_every) == (32, 100)
    assert settings.optimiser.epochs == 30


@every_file
def test_every_value_is_the_default(path):
    given, default = load_config(path, {}, []), TrainConfig(mart=path.stem)
    assert dataclasses.replace(given, models={}) == default
    family = FAMILIES[path.stem]
    assert given.model_configs(family) == default.model_configs(family)


@every_file
def test_flags_reach_the_models(path):
    given = load_config(path, {"seed": 7, "epochs": 3}, [])
    for name, config in given.model_configs(FAMILIES[path.stem]).items():
        assert getattr(config, "seed", 7) == 7, name
        if hasattr(config, "optimiser"):
            assert config.optimiser.epochs == 3, name


def test_one_setting_leaves_its_neighbours_at_their_defaults():
    given = load_config(
        None, {"mart": "m"}, ["models.sasrec.optimiser.batch_size=10"]
    ).model_configs("recommendation")["sasrec"]
    default = registry.CONFIGS["sasrec"]()
    assert given.optimiser.batch_size == 10
    assert (
        dataclasses.replace(given.optimiser, batch_size=default.optimiser.batch_size)
        == default.optimiser
    )
