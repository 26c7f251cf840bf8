"""Raw files that are absent warn; files that cannot be read fail with one line."""

import re
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT_ROOT
from tests.dbt.one_process import Case, Outcome, run_all
from tests.dbt.raw_cases import (
    ACTIONS_HEADER,
    BESIDE,
    CONTRADICTORY,
    LOST,
    MODELS,
    ODD_DATABASES,
    ONE_ANSWER,
    RATINGS_HEADER,
    READABLE,
    SELECTED,
    SETTLED,
    TWINS,
    UNREAD,
    UNREADABLE,
    with_beside,
)
from tests.reference.compare import CONTRACT, column_types, contract_types

ONE_FILE = UNREADABLE | CONTRADICTORY | READABLE | SETTLED
FILES = {case: {path: content} for case, (path, content, *_) in ONE_FILE.items()} | {
    case: files for case, (files, _) in TWINS.items()
}


def rounds() -> list[dict[str, str]]:
    """Data set → case, each case once: a run of dbt costs as much for one model."""
    cases = {dataset: [] for dataset in MODELS}
    for case, files in FILES.items():
        cases[next(iter(files)).split("/")[0]].append(case)
    return [
        {dataset: mine[n] for dataset, mine in cases.items() if n < len(mine)}
        for n in range(max(map(len, cases.values())))
    ]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("raw_file_errors")


@pytest.fixture(scope="module")
def outcomes(scratch) -> dict[str, Outcome]:
    """What dbt makes of every case, one of each data set in a run."""
    database = scratch / "moocmeta.duckdb"
    cases = {}
    for n, case_by_dataset in enumerate(rounds()):
        folder = scratch / str(n)
        for case in case_by_dataset.values():
            for path, content in with_beside(FILES[case]).items():
                (folder / "raw" / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / "raw" / path).write_bytes(content)
        models = [SELECTED[dataset] for dataset in case_by_dataset]
        own = folder / database.name
        cases[str(n)] = Case(folder, own, ("run", "-s", *models))
    for name, others in BESIDE.items():
        folder = scratch / name / "raw" / "edm_cup_2023"
        folder.mkdir(parents=True)
        (folder / "action_logs.csv").write_bytes(ACTIONS_HEADER + ONE_ANSWER)
        for file, content in others.items():
            (folder / file).write_bytes(content)
        command = ("run", "-s", "datasets", "+int_answers_unioned")
        cases[name] = Case(scratch / name, database, command)
    for path, content in LOST.items():
        file = scratch / "lost" / "raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    types = ("build", "-s", "+int_event_types")
    types += ("--exclude-resource-type", "test", "unit_test")
    cases["lost"] = Case(scratch / "lost", database, types)
    empty = scratch / "no raw file"
    (empty / "raw" / "mars").mkdir(parents=True)
    (empty / "raw" / "mars" / "._explicit_ratings_en.csv").write_bytes(b"x")
    cases["no raw file"] = Case(empty, database, ("run", "-s", MODELS["mars"]))
    for file in UNREAD:
        path = scratch / "unread" / "raw" / "mars" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(RATINGS_HEADER)
    cases["unread"] = Case(scratch / "unread", database, ("run", "-s", MODELS["mars"]))
    for name in ODD_DATABASES:
        sample, models = PROJECT_ROOT / "sample_data", ("run", "-s", MODELS["mars"])
        # in the environment: no case may be for a file of another name
        env = {"MOOCMETA_DUCKDB": str(scratch / name)}
        cases[name] = Case(sample, database, models, env)
    (scratch / "damaged.duckdb").write_bytes(b"no database " * 1000)
    not_ingested = scratch / "not ingested"
    (not_ingested / "raw" / "xuetangx").mkdir(parents=True)
    (not_ingested / "raw" / "xuetangx" / "log.json").write_text("[]")
    # last, so that its marts are left
    whole = ("build", "--exclude-resource-type", "unit_test")
    cases["not ingested"] = Case(not_ingested, database, whole)
    with duckdb.connect(str(scratch / "held.duckdb")):
        found = run_all(cases, scratch)
    for n, case_by_dataset in enumerate(rounds()):
        output = found[str(n)].output
        for dataset, case in case_by_dataset.items():
            made = f"OK created sql \\w+ model staging.{MODELS[dataset]} "
            found[case] = Outcome(bool(re.search(made, output)), output)
    return found


def folder_of(scratch: Path, case: str) -> Path:
    """The data folder in which a case's files lie."""
    (n,) = (n for n, cases in enumerate(rounds()) if case in cases.values())
    return scratch / str(n)


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_cannot_be_read_fails_with_one_line(scratch, outcomes, case):
    path, _, fragment = UNREADABLE[case]
    file = str(folder_of(scratch, case) / "raw" / path)
    outcome = outcomes[case]
    assert not outcome.success
    naming = [line for line in outcome.output.splitlines() if file in line]
    assert len(naming) == 1, outcome.output
    if fragment:
        assert naming[0].strip().startswith(f"{file}: {fragment}")


@pytest.mark.parametrize("case", CONTRADICTORY)
def test_rows_of_one_answer_that_contradict_each_other_fail_with_one_line(
    outcomes, case
):
    outcome = outcomes[case]
    assert not outcome.success
    assert outcome.output.count(CONTRADICTORY[case][2]) == 1, outcome.output


@pytest.mark.parametrize("case", READABLE)
def test_odd_but_readable_files_pass(outcomes, case):
    assert outcomes[case].success, outcomes[case].output


@pytest.mark.parametrize("case", TWINS)
def test_a_log_in_two_forms_is_not_read_twice(scratch, outcomes, case):
    files, fragment = TWINS[case]
    outcome = outcomes[case]
    assert outcome.success == (not fragment), outcome.output
    if fragment:
        csv, _ = (folder_of(scratch, case) / "raw" / path for path in files)
        assert outcome.output.count(f"{csv}: {fragment}") == 1


@pytest.mark.parametrize("case", SETTLED)
def test_ids_are_settled_alike_in_every_form(scratch, outcomes, case):
    assert outcomes[case].success, outcomes[case].output
    database = folder_of(scratch, case) / "moocmeta.duckdb"
    with duckdb.connect(str(database), read_only=True) as marts:
        staged = f"staging.{MODELS[SETTLED[case][0].split('/')[0]]}"
        rows = marts.sql(f"select user_id, item_key from {staged}").fetchall()
    assert sorted(rows, key=str) == SETTLED[case][2]


def test_what_is_settled_is_said(scratch, outcomes):
    path = folder_of(scratch, "texts") / "raw" / SETTLED["texts"][0]
    assert (
        outcomes["texts"].output.count(
            f"[WARNING]: {path}: column user_id: blanks around 1 values are taken off; "
            "2 whole numbers with a point (7.0) are read as 7; "
            "1 values begin with 0 and stay so: 007 is another id than 7"
        )
        == 1
    )


def test_files_that_no_pattern_takes_are_named(scratch, outcomes):
    folder = scratch / "unread" / "raw" / "mars"
    assert outcomes["unread"].success
    warning = f"[WARNING]: {folder}: not read: {', '.join(UNREAD[1:-1])}; what is read"
    assert outcomes["unread"].output.count(warning) == 1


def test_without_any_raw_file_the_variable_is_named(scratch, outcomes):
    outcome = outcomes["no raw file"]
    line = f"no file lies below {scratch}/no raw file/raw: mend MOOCMETA_DATA_DIR"
    assert not outcome.success
    assert outcome.output.count(line) == 1


@pytest.mark.parametrize("name", ODD_DATABASES)
def test_a_database_that_cannot_be_is_one_line(scratch, outcomes, name):
    outcome, fragment = outcomes[name], ODD_DATABASES[name]
    assert outcome.success == (not fragment), outcome.output
    line = f"MOOCMETA_DUCKDB={scratch / name}: {fragment}"
    assert outcome.output.count(line) == bool(fragment), outcome.output
    assert "Traceback" not in outcome.output


def test_actions_without_their_assignments_fail_with_one_line(scratch, outcomes):
    outcome = outcomes["no assignments"]
    folder = scratch / "no assignments" / "raw" / "edm_cup_2023"
    line = f"{folder}/assignment_details.csv: the file is missing; put it beside "
    assert not outcome.success
    assert outcome.output.count(line + "action_logs.csv") == 1


def test_problems_may_be_absent_with_a_warning(scratch, outcomes):
    outcome = outcomes["no problems"]
    folder = scratch / "no problems" / "raw" / "edm_cup_2023"
    assert outcome.success, outcome.output
    warning = f"[WARNING]: {folder}/problem_details.csv is missing: responses have no"
    assert outcome.output.count(warning) == 1


def test_rows_that_are_all_lost_are_told_with_what_was_not_known(outcomes):
    outcome = outcomes["lost"]
    assert outcome.success, outcome.output
    for told in (
        "edm_cup_2023: nothing is left of its 1 rows: none has a known user; do the",
        "xuetangx: nothing is left of its 2 rows: no event type is kept "
        "(event_type_prefixes of datasets), found click, close",
        "edm_cup_2023/action_logs.csv: 1 of 1 rows have a value of assignment_log_id "
        "that assignment_details.csv lacks: a …; it has b …",
    ):
        assert outcome.output.count(f"[WARNING]: {told}") == 1, outcome.output


def test_one_line_says_which_data_sets_are_there(scratch, outcomes):
    outcome = outcomes["not ingested"]
    others = ", ".join(sorted(set(MODELS) - {"xuetangx"}))
    line = f"raw files in {scratch / 'not ingested' / 'raw'}: xuetangx; no files, so "
    assert outcome.output.count(f"{line}empty: {others}\n") == 1


def test_a_log_that_nobody_ingested_is_named_with_the_command(scratch, outcomes):
    path = scratch / "not ingested" / "raw" / "xuetangx" / "log.json"
    warning = f"[WARNING]: {path} is not read: run `moocmeta ingest xuetangx {path}`"
    assert outcomes["not ingested"].output.count(warning) == 1


@pytest.mark.parametrize("mart", CONTRACT)
def test_marts_of_no_data_are_empty_and_typed(scratch, outcomes, mart):
    assert outcomes["not ingested"].success
    database = scratch / "moocmeta.duckdb"
    for (name, kind), (wanted_name, wanted) in zip(
        column_types(database, mart), contract_types(mart), strict=True
    ):
        assert name == wanted_name
        assert wanted in (None, kind)
    with duckdb.connect(str(database), read_only=True) as marts:
        assert marts.sql(f"select count(*) from {mart}").fetchall() == [(0,)]
