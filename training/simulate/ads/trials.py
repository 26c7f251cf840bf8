"""Eligible impressions of simulated sessions as rows of `causal_trials`, with truth.

For small data sets by the hundred: what `dbt build` makes of the log of the same users
is the same table, row for row.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from training.simulate.ads.process import AdProcess, AdSettings, PopulationTruth
from training.simulate.ads.sessions import (
    AUCTION,
    DAY,
    IMPRESSION,
    Sessions,
    appeal_shares,
    draw_sessions,
)
from training.simulate.arrays import Ints
from training.simulate.courses.episodes import user_split

PAD, AUCTION_ITEM, UNKNOWN = "[PAD]", "[AUCTION]", "[UNK]"
N_FOLDS = 5
TRUTH = (
    *("propensity", "outcome_if_clicked", "outcome_if_not", "effect"),
    *("intent", "unmeasured"),
)


@dataclass(frozen=True)
class SimulatedTrials:
    """A small data set as models see it.

    Args:
        table: columns and order of the mart `causal_trials`, then those of `TRUTH`:
            the probabilities of a click and of a purchase with and without it, their
            difference, the intent and the trait that no event shows.
        tokens: token of each item id, as in `causal_vocab`.
        population: exact averages over the eligible impressions of the process.
    """

    table: pa.Table
    tokens: list[str]
    population: PopulationTruth


def simulate_trials(settings: AdSettings, n_users: int, seed: int) -> SimulatedTrials:
    """Draw users and return their trials; about 4.5 of each user.

    Raises:
        UserError: an effect takes a probability out of [0, 1].
    """
    process = AdProcess(settings, appeal_shares())
    sessions = draw_sessions(process, np.random.default_rng(seed), n_users)
    users = [user_key(number) for number in range(n_users)]
    tokens = _tokens(sessions, users)
    return SimulatedTrials(
        _table(sessions, users, tokens), tokens, process.population()
    )


def user_key(number: int) -> str:
    """Hex digits of growing length."""
    return f"{104_729 + 7_919 * number:x}"


def product_key(number: int) -> str:
    """Digits of different lengths, so that byte-wise order is not numeric order."""
    return str(3 + 7 * number)


def user_fold(user_id: str) -> int:
    """Fold of a user under the marts' default salt."""
    digest = hashlib.md5(f"fold:{user_id}".encode()).hexdigest()
    return int(int(digest[:8], 16) / 2**32 * N_FOLDS)


def truth_columns(sessions: Sessions, rows: Ints) -> dict[str, np.ndarray]:
    """The columns of `TRUTH` of the chosen steps, as 32-bit floats."""
    steps = sessions.steps.take(rows)
    columns = {
        "propensity": steps.propensity,
        "outcome_if_clicked": steps.outcome_if_clicked,
        "outcome_if_not": steps.outcome_if_not,
        "effect": steps.outcome_if_clicked - steps.outcome_if_not,
        "intent": steps.intent,
        "unmeasured": steps.trait,
    }
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _tokens(sessions: Sessions, users: list[str]) -> list[str]:
    """Special tokens, then the products of train users in byte-wise order."""
    is_train = np.array([user_split(user_id) == "train" for user_id in users])
    product = sessions.events.product
    is_theirs = is_train[sessions.user[sessions.events.session]] & (product >= 0)
    met = {product_key(number) for number in np.unique(product[is_theirs])}
    return [PAD, AUCTION_ITEM, UNKNOWN, *sorted(met)]


def _table(sessions: Sessions, users: list[str], tokens: list[str]) -> pa.Table:
    """Trials in the order of user, session and time."""
    steps = sessions.steps
    by_user = np.argsort(np.argsort(np.array(users, dtype=object)))
    rows = np.flatnonzero(steps.is_eligible)
    rows = rows[
        np.lexsort((steps.at[rows], by_user[sessions.user[steps.session[rows]]]))
    ]
    session, at = steps.session[rows], steps.at[rows]
    user = sessions.user[session]
    bought_at = sessions.purchase_at[session]
    outcome = (bought_at > at) & (bought_at <= at + DAY)
    is_same = sessions.purchase_product[session] == steps.product[rows]
    history, item_of = _histories(sessions, tokens)
    user_ids = np.array(users, dtype=object)
    columns = {
        "trial_id": np.arange(len(rows)),
        "session_id": [
            f"{users[u]}_{n:06d}"
            for u, n in zip(user, sessions.number[session], strict=True)
        ],
        "user_id": pa.array(user_ids[user], pa.string()),
        "split": np.array([user_split(u) for u in users], object)[user],
        "fold": np.array([user_fold(u) for u in users], np.int32)[user],
        "index_epoch": at,
        "item_id": item_of[steps.product[rows]],
        **history(rows),
        "treatment": steps.click_at[rows] >= 0,
        "outcome": outcome,
        "censored": sessions.events.at.max() < at + DAY,
        "outcome_same": outcome & is_same,
        "outcome_other": outcome & ~is_same,
        "purchased_before": _purchased_before(sessions)[session],
        **truth_columns(sessions, rows),
    }
    return pa.table(columns)


def _purchased_before(sessions: Sessions) -> np.ndarray:
    """Whether the user bought in an earlier session, shape (S,)."""
    is_bought = sessions.purchase_at >= 0
    before = is_bought.cumsum() - is_bought
    first = np.searchsorted(sessions.user, sessions.user)
    return before > before[first]


def _histories(sessions: Sessions, tokens: list[str]):
    """How to list auctions and impressions up to an impression, and items' ids."""
    events, steps = sessions.events, sessions.steps
    browsing = events.take(events.kind <= IMPRESSION)
    row_of_step = np.flatnonzero(browsing.kind == IMPRESSION)
    first_row = np.searchsorted(browsing.session, steps.session)
    item_id = {token: number for number, token in enumerate(tokens)}
    unknown = item_id[UNKNOWN]
    item_of = np.array(
        [
            item_id.get(product_key(number), unknown)
            for number in range(int(events.product.max(initial=0)) + 1)
        ],
        np.int32,
    )
    item = np.where(browsing.kind == AUCTION, 1, item_of[browsing.product])

    def of_steps(rows: Ints) -> dict[str, pa.Array]:
        length = row_of_step[rows] - first_row[rows] + 1
        ends = length.cumsum()
        trial = np.repeat(np.arange(len(rows)), length)
        row = np.arange(ends[-1] if len(ends) else 0) - (ends - length)[trial]
        row += first_row[rows][trial]
        offsets = pa.array(np.r_[0, ends].astype(np.int32))
        values = {
            "event_ids": browsing.kind[row].astype(np.int32),
            "item_ids": item[row].astype(np.int32),
            "minutes_before": (steps.at[rows][trial] - browsing.at[row]) / 60.0,
        }
        lists = {
            name: pa.ListArray.from_arrays(offsets, pa.array(array))
            for name, array in values.items()
        }
        return {**lists, "history_length": length.astype(np.int32)}

    return of_steps, item_of
