"""What a run prints of its metrics."""

from typing import Any

from tabulate import tabulate

from training.evaluation.metrics import RANKING
from training.recommendation.gains import YARDSTICK
from training.recommendation.questions import utc
from training.recommendation.scorecard import SELECTED_BY


def table(metrics: dict[str, Any]) -> str:
    """The line-up as a text table: each metric with its 95% interval below."""
    rows = []
    for name, model in metrics["models"].items():
        cells = [
            f"{model['test'][metric]:.4f}\n{_interval(model['ci95'][metric])}"
            for metric in RANKING
        ]
        rows.append([f"{model['title']}\n({name})", *cells, _versus(model)])
    best = metrics["best_baseline"]
    header = ["model", *RANKING, f"{SELECTED_BY} vs {best}" if best else ""]
    found = tabulate(rows, header, tablefmt="simple", disable_numparse=True)
    return "\n\n".join([found, *_remarks(metrics)])


def _remarks(metrics: dict[str, Any]) -> list[str]:
    """What a reader of the table must know, a line each."""
    candidates = metrics["candidates"]
    left_out = {
        "last": "the prefix's last item is no candidate",
        "prefix": "no item of the prefix is a candidate",
        "none": "every item is a candidate",
    }
    lost = candidates["n_lost_labels"]
    found = [
        f"{left_out[candidates['exclude']]} (exclude: {candidates['asked']})"
        + (f"; {lost} labels can therefore not be found" if lost else "")
    ]
    if cuts := metrics.get("split_times"):
        unseen = metrics["share_unseen_labels"]
        found.append(
            f"split by time: train is before {utc(cuts['train_until'])}, test from "
            f"{utc(cuts['val_until'])} on (UTC); {unseen:.1%} of the labels are of "
            "items that train has not"
        )
    behind = not_above_markov(metrics)
    if behind:
        found.append(f"not above {YARDSTICK} in {SELECTED_BY}: {', '.join(behind)}")
    return found


def not_above_markov(metrics: dict[str, Any]) -> list[str]:
    """Models whose lead over the yardstick may be none, by its 95% interval."""
    compared = {
        name: model["vs_markov"][SELECTED_BY]
        for name, model in metrics["models"].items()
        if model.get("vs_markov")
    }
    return [
        name
        for name, found in compared.items()
        if (found["ci95"] or [found["difference"]])[0] <= 0
    ]


def repeated_table(metrics: dict[str, Any]) -> str:
    """Mean ± standard deviation over the repeated splits as a text table."""
    splits = metrics["repeat_splits"]
    references = _references(splits)
    rows = [
        [
            f"{metrics['models'][name]['title']}\n({name})",
            *(
                f"{spread[metric]['mean']:.4f} ± {spread[metric]['sd']:.4f}\n"
                f"{spread[metric]['min']:.4f} to {spread[metric]['max']:.4f}"
                for metric in RANKING
            ),
            *(_difference(spread[SELECTED_BY]["less"].get(one)) for one in references),
        ]
        for name, spread in splits["models"].items()
    ]
    users = splits["n_test_users"]
    title = f"{splits['n']} splits, {min(users)} to {max(users)} test users"
    less = [f"{SELECTED_BY} less {name}" for name in references]
    header = [title, *RANKING, *less]
    return tabulate(rows, header, tablefmt="simple", disable_numparse=True)


def _references(splits: dict[str, Any]) -> list[str]:
    """What some model of the repeated splits was compared with."""
    found = [m[SELECTED_BY]["less"] for m in splits["models"].values()]
    return list(dict.fromkeys(name for less in found for name in less))


def _difference(found: dict[str, Any] | None) -> str:
    """A mean difference with its interval below."""
    if found is None:
        return "—"
    return (
        f"{found['difference']:+.4f}\n{_interval(found['ci95'], '+.4f', 'one split')}"
    )


def _versus(model: dict[str, Any]) -> str:
    if not model["vs_best_baseline"]:
        return "—"
    compared = model["vs_best_baseline"][SELECTED_BY]
    interval = _interval(compared["ci95"], "+.4f")
    p_value = "p<0.001" if compared["p"] < 0.001 else f"p={compared['p']:.3f}"
    return f"{compared['difference']:+.4f}  {p_value}\n{interval}"


def _interval(
    bounds: tuple[float, float] | None, spec: str = ".4f", without: str = "one user"
) -> str:
    return f"[{bounds[0]:{spec}}, {bounds[1]:{spec}}]" if bounds else f"[{without}]"
