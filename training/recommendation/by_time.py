"""The same line-up tested on the future, beside the test on other users.

A split by hash lets a model learn from learners who came later than those it is asked
about (Ji et al.: A Critical Study on Data Leakage in Recommender System Offline
Evaluation, TOIS 2023; Gusak et al.: Time to Split, RecSys 2025). So dbt builds the
marts once more, split by time, and the line-up is fitted on those alone.
"""

from dataclasses import replace
from typing import Any

from tabulate import tabulate

from training.errors import UserError
from training.evaluation.agreement import Asked, changed_places, rank_correlation
from training.evaluation.metrics import RANKING
from training.files import write_json
from training.fit.job import Job
from training.recommendation.marts import RecommendationMarts, load_recommendation
from training.recommendation.questions import check, utc
from training.recommendation.rebuild import nothing_left, rebuilt
from training.recommendation.scorecard import SELECTED_BY, Scorecard
from training.runs import Run

OPTION = "--also-by-time"
VARIABLES = {"split_method": "time"}
# what is said of the whole run already
LEFT_OUT = ("reliability", "data_summary", "funnel")


def check_by_time(marts: RecommendationMarts) -> None:
    """Whether there is another way to split.

    Raises:
        UserError: the marts are split by time themselves.
    """
    if marts.split_times:
        raise UserError(
            f"{OPTION}: data set {marts.dataset} is split by time already; leave the "
            "option out"
        )


def job_by_time(job: Job[RecommendationMarts]) -> Job[RecommendationMarts]:
    """The same job on the marts of a split by time, in a folder of its own.

    A run of which nothing is fitted yet leaves no folder where that cannot be.

    Raises:
        UserError: the marts cannot be built, or leave nothing to train on or to ask.
    """
    state = job.run.state / "by_time"
    with nothing_left(job, is_begun=(state / "built.json").is_file()):
        marts = _marts_by_time(job)
    return replace(job, marts=marts, run=Run(state))


def _marts_by_time(job: Job[RecommendationMarts]) -> RecommendationMarts:
    """Built by the main process, once for all and for a run that goes on."""
    state = job.run.state / "by_time"
    scratch, done = state / "marts", state / "built.json"
    if job.world.is_main and not done.is_file():
        marts = rebuilt(job.marts, scratch, VARIABLES, OPTION)
        try:
            check(marts, job.config.lineup)
        except UserError as error:
            raise UserError(f"{OPTION}: {error}") from error
        write_json(done, VARIABLES)
    job.world.barrier()
    database = scratch / "moocmeta.duckdb"
    return load_recommendation(database, job.marts.mart, job.marts.dataset)


def compared(
    by_user: Scorecard, by_time: Scorecard, optimum: dict[str, Any] | None
) -> dict[str, Any]:
    """What a line-up reached by time, and how its order differs from that by user.

    Args:
        optimum: of the queries by time, where the process is known.
    Returns:
        The scorecard's metrics by time, `rank_correlation` of the models by
        `ranked_by`, its interval over users as `rank_correlation_ci95`,
        `changed_places` (pairs of models that lead by user and trail by time),
        `share_cold_labels`, and in `words` what follows.
    """
    asked = [_asked(card) for card in (by_user, by_time)]
    found, interval = rank_correlation(*asked, seed=by_user.seed)
    metrics = by_time.metrics()
    result = {
        **{name: value for name, value in metrics.items() if name not in LEFT_OUT},
        "ranked_by": SELECTED_BY,
        "rank_correlation": found,
        "rank_correlation_ci95": interval,
        "changed_places": changed_places(*(each.means() for each in asked)),
        "share_cold_labels": metrics["share_unseen_labels"],
        "bayes_optimal": optimum,
    }
    return {**result, "words": _words(asked[0].means(), result)}


def _asked(card: Scorecard) -> Asked:
    metric = RANKING[SELECTED_BY]
    values = {name: metric(each.ranks["test"]) for name, each in card.answers.items()}
    return Asked(values, card.questions["test"].user)


def _words(by_user: dict[str, float], found: dict[str, Any]) -> list[str]:
    """What changes, a sentence each."""
    models = found["models"]
    by_time = {name: model["test"][SELECTED_BY] for name, model in models.items()}
    best, best_later = (max(each, key=each.__getitem__) for each in (by_user, by_time))
    title = {name: model["title"] for name, model in models.items()}
    cuts = found["split_times"]
    words = [
        f"By time train ends at {utc(cuts['train_until'])} and test begins at "
        f"{utc(cuts['val_until'])} (UTC).",
        f"{title[best]} is best on other users ({by_user[best]:.3f} {SELECTED_BY}), "
        f"{'still ' if best == best_later else ''}{title[best_later]} on the future "
        f"({by_time[best_later]:.3f}).",
        _order_in_words(found, title, len(models)),
    ]
    cold = found["share_cold_labels"]
    text = f"{cold:.1%} of the labels by time are cold: train has no event with them."
    known = models[best_later]["without_cold"]
    if cold and known:
        text += f" Without those {title[best_later]} reaches {known[SELECTED_BY]:.3f}."
    return [*words, text, *_optimum_in_words(found["bayes_optimal"])]


def _optimum_in_words(optimum: dict[str, Any] | None) -> list[str]:
    if not optimum:
        return []
    text = f"The data are simulated: the optimum is {optimum[SELECTED_BY]:.3f} there"
    if past := optimum.get("past"):
        text += f", {past[SELECTED_BY]:.3f} for who knows the process only as it was"
    return [f"{text}."]


def _order_in_words(found: dict[str, Any], title: dict[str, str], n: int) -> str:
    correlation, bounds = found["rank_correlation"], found["rank_correlation_ci95"]
    if correlation is None:
        return "One model, or models that are alike, have no order that could change."
    interval = f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else ""
    order = f"The rank correlation of the {n} models is {correlation:.2f}{interval}"
    places = found["changed_places"]
    if not places:
        return f"{order}: all keep their places."
    pairs = ", ".join(f"{title[a]} and {title[b]}" for a, b in places[:3])
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    plural = "pair changes" if len(places) == 1 else "pairs change"
    return f"{order}: {len(places)} {plural} places, {pairs}{more}."


def by_time_table(metrics: dict[str, Any]) -> str:
    """Both ways side by side, and what changes in words."""
    found = metrics["by_time"]
    ways = metrics["models"], found["models"]
    places = [_places(models) for models in ways]
    rows = []
    for name, model in ways[1].items():
        was, now = (models[name]["test"][SELECTED_BY] for models in ways)
        known = model["without_cold"]
        rows.append(
            [
                name,
                *(_with_interval(models[name]) for models in ways),
                f"{now - was:+.4f}",
                f"{places[0][name]} → {places[1][name]}",
                f"{known[SELECTED_BY]:.4f}" if known else "—",
            ]
        )
    header = [SELECTED_BY, "other users", "the future", "change", "place", "not cold"]
    table = tabulate(rows, header, tablefmt="simple", disable_numparse=True)
    return "\n".join([table, "", *found["words"]])


def _places(models: dict[str, Any]) -> dict[str, int]:
    """1-based place of each model; equal ones share the better."""
    reached = {name: model["test"][SELECTED_BY] for name, model in models.items()}
    return {n: 1 + sum(v > own for v in reached.values()) for n, own in reached.items()}


def _with_interval(model: dict[str, Any]) -> str:
    bounds = model["ci95"][SELECTED_BY]
    interval = f" [{bounds[0]:.3f}, {bounds[1]:.3f}]" if bounds else ""
    return f"{model['test'][SELECTED_BY]:.4f}{interval}"
