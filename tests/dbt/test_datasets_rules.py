"""Every column of `datasets` holds on every family, or is refused in one line."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import Case, Outcome, run_all
from tests.reference.ad_logs import tied_log, write_ad_log
from tests.reference.compare import first_difference, read_marts
from tests.reference.logs import seeded_log
from tests.reference.marts import marts
from tests.reference.raw_files import write_log
from tests.reference.sessions import (
    ADS,
    MARS,
    XUETANGX,
    Event,
    Rules,
    ad_events,
    mars_events,
    xuetangx_events,
)
from tests.reference.tracing_logs import drawn_tracing_log, write_tracing_log

SEED = PROJECT_ROOT / "dbt_project" / "seeds" / "datasets.csv"
BUILD = ("build", "--exclude-resource-type", "unit_test")
RUN = (*BUILD, "test")  # no test of either kind
COMMON = {
    "split_seed": 7,
    "split_train_until": 0.5,
    "split_val_until": 0.8,
    "max_prefix_len": 3,
}
WINDOWS = {
    "treatment_window_sec": 1,
    "outcome_horizon_sec": 9,
    "outcome_product": "any",
}

# every value of every column, each on data sets of all families, in two builds
TURNED = {
    "xuetangx": {
        "session_method": "platform",
        "session_gap_sec": "",
        "min_session_events": 2,
        "min_user_events": 3,
        "drops_exact_repeats": "true",
        "sequence_scope": "user",
        "split_method": "time",
        "split_train_until": 0.4,
        "split_val_until": 0.45,
        "composition_of": "items",
        "intensity_cap": "",
        "duration_cap_sec": 600,
        "intensity_weight": 2,
        "extent_weight": 0,
        # two blanks make no prefix that everything begins with
        "event_type_prefixes": "load_  problem_ video_ seek_ speed_ pause_",
    },
    "mars": {
        "session_gap_sec": 600,
        "min_session_events": 2,
        "min_user_events": 3,
        "drops_exact_repeats": "false",
        "sequence_scope": "session",
        "split_train_until": 0.3,
        "composition_of": "event_types",
        "intensity_cap": 3,
        "duration_cap_sec": 0,
        "extent_weight": 3,
        **WINDOWS,  # no causal data set: unused
    },
    "edm_cup_2023": {
        "session_method": "platform",
        "min_session_events": 2,
        "drops_exact_repeats": "true",
        "sequence_scope": "session",
        "composition_of": "items",
        "composition_cap": 2,
    },
    "assistments_2009": {
        "session_gap_sec": 5,
        "min_user_events": 2,
        "min_session_events": 0,
        "composition_of": "event_types",
        "event_type_prefixes": "response$",
    },
    "ad_events": {
        "session_gap_sec": 3600,
        "min_session_events": 1,
        "sequence_scope": "user",
        "composition_of": "items",
        "event_type_prefixes": "",
        "outcome_product": "same",
        "treatment_window_sec": 30,
        "outcome_horizon_sec": 0,
    },
}
OTHER_FAMILY = {
    "xuetangx": {"split_method": "time"},
    "mars": {"split_method": "time"},
    "edm_cup_2023": {"family": "recommendation", "session_method": "platform"},
    "assistments_2009": {"family": "recommendation", "session_gap_sec": 86400},
    "ad_events": {
        "family": "recommendation",
        "drops_exact_repeats": "true",
        "split_method": "time",
        "split_train_until": 0.5,
    },
}
# changed values of a data set → what is said of it
ODD = [
    ({"family": "ads"}, "family is ads; it must be recommendation,"),
    ({"family": ""}, "family is empty; it must be recommendation,"),
    ({"session_method": "Gap"}, "session_method is Gap; it must be gap or platform"),
    ({"session_gap_sec": 0}, "session_gap_sec is 0; it must be 1 or more"),
    ({"session_gap_sec": ""}, "session_gap_sec is empty; it must be 1 or more"),
    ({"min_session_events": ""}, "min_session_events is empty; it must be 0 or more"),
    ({"min_user_events": -1}, "min_user_events is -1; it must be 0 or more"),
    ({"drops_exact_repeats": ""}, "drops_exact_repeats is empty; it must be true or"),
    ({"sequence_scope": ""}, "sequence_scope is empty; it must be session or user"),
    ({"composition_of": "all"}, "composition_of is all; it must be event_types or"),
    ({"duration_cap_sec": -5}, "duration_cap_sec is -5.0; it must be 0 or more, or"),
    ({"extent_weight": ""}, "extent_weight is empty; it must be 0 or more"),
    (
        dict.fromkeys(("intensity_weight", "extent_weight", "composition_weight"), 0),
        "intensity_weight is 0.0; it must be more than 0 unless",
    ),
    ({"treatment_window_sec": ""}, "treatment_window_sec is empty; it must be 0"),
    ({"outcome_horizon_sec": -1}, "outcome_horizon_sec is -1; it must be 0 or more"),
    ({"outcome_product": "none"}, "outcome_product is none; it must be any or same"),
    (
        {"split_method": "time"},
        "split_method is time; it must be user: only recommendation data sets are",
    ),
    (
        {"split_train_until": 0},
        "split_train_until is 0.0; it must be more than 0 and less than 1, or empty",
    ),
    (
        {"split_train_until": 0.9},
        "split_val_until is empty; it must be more than split_train_until and less",
    ),
]
ODD = {f"odd{n:02}": case for n, case in enumerate(ODD)}
SHOWN = ("-q", "show", "--inline", "{{ odd_parameters('odd_ones') }}")
SHOWN += ("--limit", "99", "--output", "json")
# what is built, the changes, and the lines that say why not
REFUSED = {
    "a seed": ("datasets", {"mars": {"family": "ads"}}, ["mars: family is ads; it"]),
    "two of one name": (
        "datasets",
        {"mars": {"dataset": "xuetangx"}},
        ["xuetangx has several rows; keep one"],
    ),
    "sessions of no platform": (
        "+int_events_numbered",
        {"mars": {"session_method": "platform"}},
        ["session_method is platform, but its log names no session of the platform"],
    ),
    "strange families": (
        "+int_skill_lists +int_causal_events",
        {"xuetangx": {"family": "tracing"}, "mars": {"family": "causal", **WINDOWS}},
        [
            "xuetangx: family is tracing, but its log has no graded answer, only ",
            "mars: family is causal, but its log has no auction, impression, click or",
        ],
    ),
    "answers whose events go": (
        "+int_responses",
        {"edm_cup_2023": {"event_type_prefixes": "problem_ wrong_"}},
        ["event_type_prefixes drops correct_response, the events of graded answers"],
    ),
    "a log without a row": (
        "+int_event_types",
        {"mars": {"dataset": "another"}},
        ["no row for mars, which has raw files; add one or take the files away"],
    ),
}


def seed_with(path: Path, changes: dict[str, dict]) -> Path:
    """`datasets.csv` with other values."""
    rows = list(csv.DictReader(SEED.open(newline="")))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | changes.get(row["dataset"], {}) for row in rows)
    return path


def add_odd_ones(database: Path) -> None:
    """A table `odd_ones` like `datasets`: a causal data set over and over, each odd."""
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table odd_ones as from datasets limit 0")
        for name, (values, _) in ODD.items():
            new = ", ".join(
                f"{'null' if value == '' else repr(value)} as {column}"
                for column, value in {"dataset": name, **values}.items()
            )
            connection.execute(
                f"insert into odd_ones by name select * replace ({new}) "
                "from datasets where dataset = 'ad_events'"
            )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("datasets_rules")


@pytest.fixture(scope="module")
def logs(scratch) -> dict[str, list[Event]]:
    """Events of the data sets that the reference knows, and raw files of all."""
    log, ads = seeded_log(seed=31, n_users=80), tied_log(n_users=40)
    write_log(scratch, log, n_files=1)
    write_tracing_log(scratch, drawn_tracing_log(n_histories=40), seed=1)
    write_ad_log(scratch, ads, "parquet", seed=1)
    return {
        "xuetangx": list(dict.fromkeys(xuetangx_events(log.xuetangx))),
        "xuetangx_all": xuetangx_events(log.xuetangx),
        "mars": [Event(user, item, "watch", at, "") for item, user, at in log.mars],
        "mars_distinct": mars_events(log.mars),
        "ad_events": ad_events(ads),
        "ad_events_all": [Event(*row[:1], row[2], row[1], row[3], "") for row in ads],
    }


@pytest.fixture(scope="module")
def outcomes(scratch, logs) -> dict[str, Outcome]:
    """What dbt makes of one seed after the other."""

    def case(name: str, command: tuple, changes: dict) -> Case:
        folder = scratch / "databases" / name
        folder.mkdir(parents=True)
        seed = seed_with(folder / "datasets.csv", changes)
        return Case(scratch, folder / "moocmeta.duckdb", command, seed=seed)

    turned = case("turned", (*BUILD, "--vars", json.dumps(COMMON)), TURNED)
    cases = {"turned": turned, "other family": case("other family", RUN, OTHER_FAMILY)}
    for name, (models, changes, _) in REFUSED.items():
        cases[name] = case(name, (*RUN, "--select", *models.split()), changes)
    found = run_all(cases, scratch)
    add_odd_ones(turned.database)
    return found | run_all({"odd ones": replace(turned, command=SHOWN)}, scratch)


def rows_of(scratch: Path, name: str, query: str) -> list[tuple]:
    database = scratch / "databases" / name / "moocmeta.duckdb"
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.sql(query).fetchall()


def check(scratch: Path, name: str, events: list[Event], rules: Rules) -> None:
    """Marts of events, sessions and pairs of a data set against the reference."""
    found = read_marts(scratch / "databases" / name / "moocmeta.duckdb")
    for mart, rows in marts(events, rules).items():
        ours = [row for row in found[mart] if row["dataset"] == rules.dataset]
        assert first_difference(mart, rows, ours) is None


def rules_of(base: Rules, **more) -> Rules:
    """What `TURNED` says, in the words of the reference."""
    names = Rules.__dataclass_fields__
    values = {k: v for k, v in TURNED[base.dataset].items() if k in names}
    values = {key: None if value == "" else value for key, value in values.items()}
    return replace(base, **{**COMMON, **values, **more})


def test_parameters_hold_where_sessions_are_the_platforms(scratch, logs, outcomes):
    assert outcomes["turned"].success, outcomes["turned"].output
    check(
        scratch, "turned", logs["xuetangx"], rules_of(XUETANGX, has_event_types=False)
    )


def test_parameters_hold_where_repeats_are_kept(scratch, logs, outcomes):
    check(scratch, "turned", logs["mars"], rules_of(MARS, has_event_types=True))


def test_ads_of_every_type_are_events_and_only_four_types_are_read(
    scratch, logs, outcomes
):
    events = [
        event._replace(item_key=None) if event.event_type == "auction" else event
        for event in logs["ad_events_all"]
    ]
    assert len(events) > len(logs["ad_events"])
    check(scratch, "turned", events, rules_of(ADS, has_event_types=False))
    histories = "select unnest(event_ids) as id from causal_trials union all "
    histories += "select unnest(event_ids) from causal_sessions"
    ids = rows_of(
        scratch, "turned", f"select distinct id from ({histories}) order by 1"
    )
    assert ids == [(0,), (1,)]


def test_graded_answers_are_found_in_sessions_of_the_platform(scratch, outcomes):
    """Each answer of a kept session, in the assignment it was given in."""
    assert outcomes["turned"].success
    answers = rows_of(
        scratch,
        "turned",
        "select user_id, item_key, answered_at, user_id || '_' || platform_session "
        "from intermediate.int_answers_unioned where dataset = 'edm_cup_2023'",
    )
    kept = rows_of(scratch, "turned", "select session_id from sessions")
    expected = {answer for answer in answers if (answer[3],) in set(kept)}
    assert len(expected) > 10
    assert expected == set(
        rows_of(
            scratch,
            "turned",
            "select user_id, item_key, answered_at, session_id from responses "
            "where dataset = 'edm_cup_2023'",
        )
    )


def test_another_family_feeds_its_own_marts_and_no_other(scratch, logs, outcomes):
    assert outcomes["other family"].success, outcomes["other family"].output
    for mart in ("responses", "kt_sequences", "causal_trials", "causal_vocab"):
        assert rows_of(scratch, "other family", f"from {mart}") == []
    pairs = rows_of(scratch, "other family", "select distinct dataset from pairs")
    assert len(pairs) == 5
    rules = replace(ADS, feeds_pairs=True, split_method="time", split_train_until=0.5)
    events = list(dict.fromkeys(logs["ad_events"]))
    check(scratch, "other family", events, rules)


def test_logs_split_by_time_equal_the_reference(scratch, logs, outcomes):
    log = {XUETANGX: logs["xuetangx_all"], MARS: logs["mars_distinct"]}
    for rules, events in log.items():
        check(scratch, "other family", events, replace(rules, split_method="time"))


def test_values_that_cannot_be_are_told_with_what_they_must_be(outcomes):
    told = outcomes["odd ones"].output
    found = sorted(row["fault"] for row in json.loads(told[told.index("{") :])["show"])
    assert len(found) == len(ODD), told
    for fault, (name, (_, words)) in zip(found, ODD.items(), strict=True):
        assert fault.startswith(f"datasets: {name}: {words}")


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(outcomes, case):
    outcome = outcomes[case]
    assert not outcome.success
    for words in REFUSED[case][2]:
        (line,) = [one for one in outcome.output.splitlines() if words in one]
        assert "datasets: " in line
