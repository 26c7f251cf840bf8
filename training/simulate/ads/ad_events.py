"""Simulated ad events with a known effect of every click; see `ad_process`."""

from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.files import write_json
from training.simulate.ads.process import AdProcess, AdSettings
from training.simulate.ads.sessions import (
    DAY,
    Sessions,
    appeal_shares,
    draw_sessions,
    n_shelves,
)
from training.simulate.ads.sessions import PRODUCTS_PER_SHELF as N_PLACES
from training.simulate.ads.trials import TRUTH, product_key, truth_columns, user_key
from training.simulate.request import Counts, Request, Size

EVENT_TYPES = ("auction", "impression", "click", "purchase")
DEFAULT_SIZE = Size(users=1200)
BLOCK_USERS = 16_384
_TEXT = pa.dictionary(pa.int32(), pa.string())
LOG = pa.schema(
    [
        ("USER_ID", _TEXT),
        ("event_type", _TEXT),
        ("product_id", _TEXT),
        ("event_timestamp", pa.timestamp("ms")),
    ]
)
PARQUET = {
    "compression": "zstd",
    "use_dictionary": ["USER_ID", "event_type", "product_id"],
    "column_encoding": {"event_timestamp": "DELTA_BINARY_PACKED"},
    "store_schema": False,
}


def simulate(request: Request) -> Counts:
    """Write `unified_events.parquet`, and the truth of its eligible impressions.

    `truth/trials.parquet` has one row an eligible impression: `user_id` and
    `index_epoch` find its row of `causal_trials`.
    """
    settings = request.settings or AdSettings()
    process = AdProcess(settings, appeal_shares())
    size = request.size or DEFAULT_SIZE
    request.raw.mkdir()
    request.truth.mkdir()
    n_users = n_events = n_blocks = 0
    truths: list[dict[str, np.ndarray]] = []
    last_second = 0
    with (
        pq.ParquetWriter(request.raw / "unified_events.parquet", LOG, **PARQUET) as log,
        size.progress_bar("ad_events", request.show_progress) as bar,
    ):
        while not size.is_enough(n_users, n_events):
            rng = np.random.default_rng(request.chance(n_blocks))
            sessions = draw_sessions(process, rng, BLOCK_USERS)
            events_of = np.bincount(sessions.user[sessions.events.session])
            sessions = sessions.of_first_users(
                size.n_next(n_users, n_events, events_of)
            )
            log.write_table(log_rows(sessions, n_users))
            truths.append(_truth_rows(sessions, n_users))
            last_second = max(last_second, int(sessions.events.at.max()))
            n_blocks += 1
            n_users += int(sessions.user[-1]) + 1
            n_events += len(sessions.events.at)
            bar.update(size.reached(n_users, n_events) - bar.n)
    truth = {k: np.concatenate([part[k] for part in truths]) for k in truths[0]}
    _write_truth(request, process, truth, last_second)
    return Counts(
        n_users, n_events, len(truth["user"]), "impressions with their true effect"
    )


def log_rows(sessions: Sessions, first_user: int) -> pa.Table:
    """Events in the publisher's columns, of users numbered from `first_user`."""
    events = sessions.events
    user = sessions.user[events.session]
    users = [user_key(first_user + n) for n in range(int(sessions.user[-1]) + 1)]
    products = pa.array(
        np.where(events.product < 0, 0, events.product).astype(np.int32),
        mask=events.product < 0,
    )
    columns = [
        pa.DictionaryArray.from_arrays(user.astype(np.int32), users),
        pa.DictionaryArray.from_arrays(events.kind.astype(np.int32), EVENT_TYPES),
        pa.DictionaryArray.from_arrays(products, _product_keys(sessions)),
        pa.array(events.at * 1000, pa.int64()).cast(pa.timestamp("ms")),
    ]
    return pa.Table.from_arrays(columns, schema=LOG)


def _product_keys(sessions: Sessions) -> list[str]:
    n_products = int(sessions.events.product.max(initial=-1)) + 1
    return [product_key(number) for number in range(n_products)]


def _truth_rows(sessions: Sessions, first_user: int) -> dict[str, np.ndarray]:
    steps = sessions.steps
    rows = np.flatnonzero(steps.is_eligible)
    return {
        "user": first_user + sessions.user[steps.session[rows]],
        "index_epoch": steps.at[rows],
        "product": steps.product[rows],
        "is_clicked": steps.click_at[rows] >= 0,
        "is_bought": sessions.purchase_at[steps.session[rows]] >= 0,
        **truth_columns(sessions, rows),
    }


def _write_truth(
    request: Request,
    process: AdProcess,
    truth: dict[str, np.ndarray],
    last_second: int,
) -> None:
    """Write the truth by impression, its averages, and the settings."""
    is_censored = last_second < truth["index_epoch"] + DAY
    users = [user_key(number) for number in range(int(truth["user"][-1]) + 1)]
    keys = [
        product_key(number) for number in range(n_shelves(process.settings) * N_PLACES)
    ]
    columns = {
        "user_id": pa.DictionaryArray.from_arrays(
            truth["user"].astype(np.int32), users
        ),
        "index_epoch": truth["index_epoch"],
        "product_id": pa.DictionaryArray.from_arrays(
            truth["product"].astype(np.int32), keys
        ),
        "censored": is_censored,
        **{name: truth[name] for name in TRUTH},
    }
    pq.write_table(
        pa.table(columns),
        request.truth / "trials.parquet",
        compression="zstd",
        store_schema=False,
    )
    summary = {
        "population": asdict(process.population()),
        "sample": _sample_averages(truth, is_censored),
    }
    write_json(request.truth / "effects.json", summary)
    write_json(request.truth / "parameters.json", asdict(process.settings))


def _sample_averages(
    truth: dict[str, np.ndarray], is_censored: np.ndarray
) -> dict[str, float | int | None]:
    """The same averages over the impressions of this log that are not censored."""

    def mean(values: np.ndarray, rows: np.ndarray) -> float | None:
        return float(values[rows].mean(dtype=np.float64)) if rows.any() else None

    is_clicked, is_bought = truth["is_clicked"], truth["is_bought"]
    effect = truth["effect"]
    clicked, unclicked = is_clicked & ~is_censored, ~is_clicked & ~is_censored
    after_click, after_none = mean(is_bought, clicked), mean(is_bought, unclicked)
    return {
        "n_trials": len(effect),
        "n_censored": int(is_censored.sum()),
        "n_treated": int(clicked.sum()),
        "ate": mean(effect, ~is_censored),
        "att": mean(effect, clicked),
        "raw_difference": None
        if after_click is None or after_none is None
        else after_click - after_none,
    }
