"""What is said of models whose fit was cut short."""

from models_py.fitting import FitLog
from training.fit.cut_short import named, remark


def log(is_cut_short: bool) -> FitLog:
    return FitLog([], 0, 0.0, "mrr", is_cut_short)


def test_one_fold_that_was_cut_short_is_enough():
    assert named("gru", log(False), log(True)) == {
        "title": "GRU (cut short)",
        "is_cut_short": True,
    }
    assert named("gru", log(False), None) == {"title": "GRU", "is_cut_short": False}


def test_the_remark_names_the_models_and_what_gives_them_more():
    models = {
        "markov": named("markov", None),
        "gru": named("gru", log(True)),
        "fine_tune": named("fine_tune", None, log(True)),  # of a network that was
        "older": {"title": "of a run that knows nothing of it"},
    }
    said = remark(models)
    assert said.startswith("cut short: gru, fine_tune: validation may still rise")
    assert said.endswith("by --epochs or --set models.NAME.optimiser.epochs")
    models["maml"] = named("maml", log(True))
    assert remark(models).endswith("epochs or --config configs/paper.yaml")
    assert remark({"markov": named("markov", None)}) is None
