"""Model files: whole, checked, and refused with one line when unfit."""

import os
import pickle

import pytest
import torch

from models_py import registry
from training.errors import UserError
from training.fit.checkpoints import load_model, load_tensors, save_model, save_tensors


@pytest.fixture
def path(tmp_path):
    """A saved, unfitted GRU of five items."""
    path = tmp_path / "checkpoints" / "gru.safetensors"
    config = registry.CONFIGS["gru"](embedding_dim=4, hidden_dim=6)
    model = registry.create("gru", n_items=5, config=config)
    save_model(path, "gru", model, config, {"n_items": 5})
    return path


def refusal(path) -> str:
    with pytest.raises(UserError) as raised:
        load_model(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def rewritten(path, **changes):
    """The same tensors under another header."""
    tensors, header = load_tensors(path)
    save_tensors(path, tensors, {**header, **changes})
    return path


def test_settings_come_back_with_the_model(path):
    name, model = load_model(path)
    assert name == "gru"
    assert model.config == registry.CONFIGS["gru"](embedding_dim=4, hidden_dim=6)
    assert model.embedding.weight.shape == (6, 4)


def test_a_missing_file_is_named(tmp_path):
    assert "no checkpoint" in refusal(tmp_path / "none.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_cut_file_is_damaged(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged" in refusal(path)


def test_a_flipped_bit_is_found(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert "checksum" in refusal(path)


def test_a_pickle_is_not_loaded(path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(path) + ".run",))

    path.write_bytes(pickle.dumps(Bomb()))
    assert "damaged" in refusal(path)
    assert not path.with_name(path.name + ".run").exists()


def test_a_foreign_safetensors_file_is_no_checkpoint(path):
    from safetensors.torch import save

    path.write_bytes(save({"w": torch.ones(2)}))
    assert "no checkpoint of moocmeta" in refusal(path)


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    assert "damaged" in refusal(tmp_path) or "cannot read" in refusal(tmp_path)


def test_an_unknown_model_is_named(path):
    assert "'unheard'" in refusal(rewritten(path, name="unheard"))


def test_weights_of_another_size_are_refused(path):
    assert "does not fit" in refusal(rewritten(path, sizes={"n_items": 6}))


def test_a_setting_this_version_lacks_is_refused(path):
    _, header = load_tensors(path)
    newer = {**header["config"], "wings": 2}
    assert "wings" in refusal(rewritten(path, config=newer))


def test_a_setting_of_the_wrong_type_is_refused(path):
    _, header = load_tensors(path)
    wrong = {**header["config"], "dropout": "much"}
    assert "dropout" in refusal(rewritten(path, config=wrong))


def test_tensors_of_every_shape_and_type_come_back(tmp_path):
    tensors = {
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "whole": torch.arange(6).reshape(2, 3),
        "turned": torch.arange(6.0).reshape(2, 3).T,
    }
    save_tensors(tmp_path / "t", tensors, {"note": ["ä", 1.5]})
    found, header = load_tensors(tmp_path / "t")
    assert header == {"note": ["ä", 1.5]}
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_an_unwritable_folder_is_a_users_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write"):
        save_tensors(tmp_path / "file" / "x", {"w": torch.ones(1)}, {})
