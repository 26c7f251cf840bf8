"""What holds for the settings of every model, whatever its family."""

import dataclasses
import json
import re

import pytest

from models_py import registry


@pytest.mark.parametrize("name", registry.MODELS)
def test_settings_are_documented_and_survive_json(name):
    settings = dataclasses.asdict(registry.CONFIGS[name]())
    assert json.loads(json.dumps(settings)) == settings
    kinds = registry.CONFIGS[name].__mro__
    documentation = " ".join(kind.__doc__ or "" for kind in kinds)
    said = set(re.findall(r"\w+", documentation))
    assert set(settings) <= said
