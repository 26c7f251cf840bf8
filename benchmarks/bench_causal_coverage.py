"""How often the intervals hold the truth, over many small simulated data sets.

    python -m benchmarks.bench_causal_coverage

The intent lies in counts of the history here (`order_weight` 0), so that logistic
regression on summary features can learn it: the nuisances are adequate, and what is
measured is the estimators. Once with an effect that differs from trial to trial, once
with a true effect of zero.
"""

import json

import click
import numpy as np

from training.causal.crossfit import quick_cross_fit
from training.causal.effects import ESTIMANDS, estimate, observed
from training.causal.marts import trial_table
from training.evaluation.effects import Nuisances
from training.fit.seeds import make_reproducible
from training.simulate.ads.process import AdSettings
from training.simulate.ads.trials import simulate_trials

CASES = {
    "effect": AdSettings(order_weight=0.0),
    "no_effect": AdSettings(order_weight=0.0, effect=0.0, effect_slope=0.0),
}
TRIM = 0.01
FIRST_SEED = 1000


def run(n_datasets: int = 300, n_users: int = 1200) -> dict:
    """Coverage and bias of every estimator in each case."""
    make_reproducible()
    return {
        "n_datasets": n_datasets,
        "n_users": n_users,
        "nuisances": "summary_logistic",
        "cases": {
            name: _case(settings, n_datasets, n_users)
            for name, settings in CASES.items()
        },
    }


def _case(settings: AdSettings, n_datasets: int, n_users: int) -> dict:
    found, n_trials = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + n_datasets):
        simulated = simulate_trials(settings, n_users, seed)
        table = trial_table(simulated.table, len(simulated.tokens)).uncensored()
        nuisances = Nuisances(*quick_cross_fit(table.trials, table.fold).T)
        estimates = estimate(observed(table), nuisances, TRIM)
        if estimates is None:
            raise click.ClickException(f"trimming leaves nothing with seed {seed}")
        found.append(estimates.effects)
        n_trials.append(len(table))
    population = simulated.population
    truth = {"ATE": population.ate, "ATT": population.att}
    return {
        "mean_n_trials": round(float(np.mean(n_trials))),
        "truth": truth,
        "estimates": {
            estimand: {
                name: _summary([one[estimand][name] for one in found], truth[estimand])
                for name in found[0][estimand]
            }
            for estimand in ESTIMANDS
        },
    }


def _summary(effects: list, truth: float) -> dict:
    values = np.array([effect.estimate for effect in effects])
    return {
        "bias": round(float(values.mean() - truth), 5),
        "sd": round(float(values.std(ddof=1)), 5),
        "mean_se": round(float(np.mean([effect.se for effect in effects])), 5),
        "share_covered": float(np.mean([effect.holds(truth) for effect in effects])),
    }


@click.command()
@click.option("--datasets", type=click.IntRange(2), default=300, show_default=True)
@click.option("--users", type=click.IntRange(50), default=1200, show_default=True)
def main(datasets: int, users: int) -> None:
    """Print coverage and bias as JSON."""
    click.echo(json.dumps(run(datasets, users), indent=2))


if __name__ == "__main__":
    main()
