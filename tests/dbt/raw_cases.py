"""Raw files that cannot be read, odd ones that can, and what dbt says of each."""

import gzip
import io
import os
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

XUETANGX = "xuetangx/events"
MARS = "mars/explicit_ratings_en"
ADS = "ad_events/unified_events"
EVENTS_HEADER = b"course_id,user_id,session_hash,event_type,timestamp\n"
RATINGS_HEADER = b"item_id,user_id,watch_percentage,created_at,rating\n"
ADS_HEADER = b"USER_ID,event_type,product_id,event_timestamp\n"
ACTIONS = "edm_cup_2023/action_logs"
DETAILS = "edm_cup_2023/assignment_details.csv"
SKILL_BUILDER = "assistments_2009/skill_builder_data"
MODELS = {
    "xuetangx": "stg_xuetangx__events",
    "mars": "stg_mars__ratings",
    "ad_events": "stg_ad_events__events",
    "edm_cup_2023": "stg_edm_cup_2023__actions",
    "assistments_2009": "stg_assistments_2009__answers",
}
# what reads the raw files of each, and makes that model
SELECTED = MODELS | {
    "edm_cup_2023": "+stg_edm_cup_2023__actions",
    "assistments_2009": "+stg_assistments_2009__answers",
}
ACTIONS_HEADER = b"assignment_log_id,timestamp,problem_id,action\n"
ANSWERS_HEADER = (
    b"order_id,user_id,problem_id,original,correct,skill_id,ms_first_response\n"
)
EVENT = {
    "course_id": ["c"],
    "user_id": ["u"],
    "session_hash": ["h"],
    "event_type": ["load_video"],
    "timestamp": [datetime(2017, 3, 1, 8)],
}


def with_beside(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files of one data set, and what dbt asks for before it reads them."""
    is_log = any(path.startswith(ACTIONS) for path in files)
    return ({DETAILS: b"assignment_log_id,student_id\nb,s\n"} if is_log else {}) | files


def parquet(**changes: list | None) -> bytes:
    """One event as Parquet, with columns changed or left out."""
    return as_parquet({k: v for k, v in (EVENT | changes).items() if v is not None})


def ads_of(product_id: list) -> bytes:
    """Clicks on products as Parquet."""
    n_rows = len(product_id)
    return as_parquet(
        {
            "USER_ID": pa.array([1001.0] * n_rows, "float64"),
            "event_type": ["click"] * n_rows,
            "product_id": product_id,
            "event_timestamp": [datetime(2024, 3, 4)] * n_rows,
        }
    )


def as_parquet(columns: dict) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


# file below raw/ and its content → what the line says after the file's name
UNREADABLE = {
    "empty Parquet": (f"{XUETANGX}.parquet", b"", "the file is empty"),
    "empty ratings": (f"{MARS}.csv", b"", "the file is empty"),
    "column missing in Parquet": (
        f"{XUETANGX}.parquet",
        parquet(user_id=None),
        "column user_id is missing; found course_id, session_hash",
    ),
    "column missing in ratings": (
        f"{MARS}.csv",
        b"item,user_id,watch_percentage,created_at,rating\n1,2,3,2020-01-01,5\n",
        "column item_id is missing; found item, user_id",
    ),
    "no such day": (
        f"{XUETANGX}.csv",
        EVENTS_HEADER + b"c,u,h,load_video,2017-02-30 08:00:00\n",
        'column timestamp is "2017-02-30 08:00:00" in 1 rows',
    ),
    "time as a number": (
        f"{XUETANGX}.parquet",
        parquet(timestamp=[1488355200]),
        'column timestamp is "1488355200" in 1 rows, not a TIMESTAMP',
    ),
    "null user": (
        f"{XUETANGX}.parquet",
        parquet(user_id=pa.array([None], "string")),
        "column user_id is empty in 1 rows, not a VARCHAR",
    ),
    "blank user": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,,50,2020-01-01 00:00:00,5\n" * 2,
        "column user_id is empty in 2 rows",
    ),
    "no rating": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,2020-01-01 00:00:00,good\n",
        'column rating is "good" in 1 rows, not a DOUBLE',
    ),
    "no time of rating": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,soon,5\n",
        'column created_at is "soon" in 1 rows, not a TIMESTAMP',
    ),
    "day or month first": (
        f"{MARS}.csv",
        RATINGS_HEADER + b"1,2,50,09/10/2018 10:00,5\n",
        'column created_at is "09/10/2018 10:00" in 1 rows',
    ),
    "ad event without a column": (
        f"{ADS}.csv",
        b"USER_ID,event_type,event_timestamp\nu,click,2024-03-04 05:06:07\n",
        "column product_id is missing; found user_id, event_type",
    ),
    "product that is no whole number": (
        f"{ADS}.parquet",
        ads_of([7.0, 7.5, None]),
        'column product_id is "7.5" in 1 rows, not a VARCHAR',
    ),
    "ad event without a time": (
        f"{ADS}.csv",
        ADS_HEADER + b"u,click,p,\n",
        "column event_timestamp is empty in 1 rows, not a TIMESTAMP",
    ),
    "semicolons between columns": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER.replace(b",", b";"),
        "column order_id is missing; found order_id;user_id;problem_id;original;"
        "correct;skill_id;ms_first_response; are its columns parted by commas?",
    ),
    "tabs between columns": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER.replace(b",", b"\t"),
        "column assignment_log_id is missing; found assignment_log_id\t",
    ),
    "milliseconds since 1970": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER + b"a,1599150988995,p,correct_response\n",
        'column timestamp is "1599150988995" in 1 rows, not a TIMESTAMP',
    ),
    "no action": (
        f"{ACTIONS}.csv",
        ACTIONS_HEADER + b"a,1599150988.995,p,\n",
        "column action is empty in 1 rows",
    ),
    "no clock": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"soon,1,2,1,1,3,4\n",
        'column order_id is "soon" in 1 rows, not a BIGINT',
    ),
    # what DuckDB itself refuses; the line names the file in DuckDB's words
    "no Parquet": (f"{XUETANGX}.parquet", b"course_id,user_id\n" * 9, ""),
    "cut Parquet": (f"{XUETANGX}.parquet", parquet()[:-20], ""),
    "bytes that are no text": (
        f"{ADS}.parquet",
        ads_of([b"\xc3\xa9", b"\xe9"]),
        'column product_id is "\\xE9" in 1 rows, not a VARCHAR (the first is row 2)',
    ),
    "a list in place of an id": (
        f"{ADS}.parquet",
        ads_of([["p"]]),
        "column product_id is a VARCHAR[], not a VARCHAR",
    ),
    "no time at all": (
        f"{XUETANGX}.parquet",
        parquet(timestamp=pa.array([2**63 - 1], pa.timestamp("us"))),
        'column timestamp is "infinity" in 1 rows, outside 1990 to 2100',
    ),
    "a clock with parts of a tick": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7.0,1,2,1,1,3,4\n8.5,1,2,1,1,3,4\n",
        'column order_id is "8.5" in 1 rows, not a BIGINT (the first is line 3)',
    ),
    "a clock beyond 2100": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"2871763200,1,2,1,1,3,4\n",
        'column order_id is "2871763200" in 1 rows, not in 0 to 2871763200',
    ),
    "a short row below a blank line and a line end in quotes": (
        f"{MARS}.csv",
        RATINGS_HEADER + b'\n"1\n2",2,50,2020-01-01,5\n1,2,50\n',
        "line 5 has fewer fields than the header's 5",
    ),
    "bad value below a line end in quotes": (
        f"{MARS}.csv",
        RATINGS_HEADER + b'\n"1\n2",2,50,2020-01-01,5\n1,2,50,soon,5\n',
        'column created_at is "soon" in 1 rows, not a TIMESTAMP (the first is line 5)',
    ),
    "cut gzip": (
        f"{MARS}.csv.gz",
        gzip.compress(RATINGS_HEADER)[:-9],
        "the file is no whole gzip",
    ),
}
# rows of one answer, or of one assignment, that cannot all be true → what the line says
ORDER = "raw/assistments_2009/skill_builder_data*.csv: order_id "
CONTRADICTORY = {
    "an answer of two users": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7,1,2,1,1,3,4\n8,1,2,1,1,3,4\n7,5,2,1,1,9,4\n",
        f"{ORDER}7 is of several users or problems; keep the files of one export",
    ),
    "an answer to two problems": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7,1,2,1,1,3,4\n7,1,6,1,1,9,4\n",
        f"{ORDER}7 is of several users or problems; keep the files of one export",
    ),
    "an answer both right and wrong": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"7,1,2,1,1,3,4\n7,1,2,1,0,9,4\n",
        f"{ORDER}7 has rows that differ in correct or original; keep the true ones",
    ),
    # fed one after the other, the second row would know the answer
    "a row for each skill numbered anew": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"1,2,3,1,1,4,900\n2,9,3,1,1,4,900\n3,2,3,1,1,7,900\n",
        f"{ORDER}3 of user 2 repeats the answer before it with another skill",
    ),
}
READABLE = {
    "header only": (f"{XUETANGX}.csv", EVENTS_HEADER),
    "no session of the platform, where sessions are by gap": (
        f"{XUETANGX}.csv",
        EVENTS_HEADER + b"c,u,,load_video,2017-03-01\n",
    ),
    "upper-case header": (
        f"{MARS}.csv",
        RATINGS_HEADER.upper() + b"1,2,50,2020-01-01 00:00:00,5\n",
    ),
    "ad events with a spare column, in lower case": (
        f"{ADS}.csv",
        b"spare," + ADS_HEADER.lower() + b"x,u,auction,,2024-03-04 05:06:07\n",
    ),
    "answers that are alike but in time, and a skill with _ in its name": (
        f"{SKILL_BUILDER}.csv",
        ANSWERS_HEADER + b"1,2,3,1,1,Area_Circle,9\n2,2,3,1,1,7_8,NA\n3,2,3,1,1,7,8\n",
    ),
    "Latin-1, no index, no first_action": (
        f"{SKILL_BUILDER}_corrected.csv",
        ANSWERS_HEADER.replace(b"\n", b",skill_name\n")
        + b"38310209,1,2,1,0.5,,-7,\xc1rea \xbd\n",
    ),
}
# files in two forms → what the line about the CSV says
TWINS = {
    "ads as CSV and Parquet": (
        {f"{ADS}.csv": ADS_HEADER, f"{ADS}.parquet": ads_of([7.0])},
        "the same file lies there as unified_events.parquet; keep one",
    ),
    "two logs, one of each form": (
        {f"{XUETANGX}.csv": EVENTS_HEADER, "xuetangx/others.parquet": parquet()},
        "",
    ),
}
# ids in many forms → user and item of each row
SETTLED = {
    "floating": (
        f"{ADS}.parquet",
        ads_of([12345678.0, None, 9007199254740991.0]),
        [("1001", "12345678"), ("1001", "9007199254740991"), ("1001", None)],
    ),
    "decimal": (
        f"{ADS}.parquet",
        ads_of([Decimal("12.00"), None]),
        [("1001", "12"), ("1001", None)],
    ),
    "bytes": (
        f"{ADS}.parquet",
        ads_of(["é".encode(), b" None "]),
        [("1001", "é"), ("1001", None)],
    ),
    "texts": (
        f"{ADS}.csv",
        ADS_HEADER
        + b" 7.0,click,7.0,2024-03-04\n7.00,click,b\t,2024-03-04\n"
        + b"007,click,NULL,2024-03-04\n",
        [("007", None), ("7", "7.0"), ("7", "b")],
    ),
    "log": (  # filled first, settled where an id is odd
        f"{ACTIONS}.csv",
        ACTIONS_HEADER
        + b"b,1600000000,7.0,wrong_response\n b,1600000001,q ,correct_response\n",
        [("s", "7.0"), ("s", "q")],
    ),
}
# the first is read, the last is no log
UNREAD = [
    f"{MARS.split('/')[1]}.csv",
    "2018/explicit_ratings_en.csv",
    "EXPLICIT_RATINGS_EN.CSV",
    "explicit_ratings_en.tsv",
    "~$explicit_ratings_en.csv",
]
# DuckDB files → what the line says; nothing where it can be written
ODD_DATABASES = {
    "new folder/moocmeta.duckdb": "",
    "main.duckdb": "DuckDB keeps the name 'main' for itself; name it otherwise",
    "o'clock.duckdb": "the name holds a quote; name it otherwise",
    "held.duckdb": f"is locked by process {os.getpid()}; wait until it ends, or name",
    "damaged.duckdb": "cannot be opened (IO Error: The file ",
}
# files beside an EDM Cup's action log of one answer
ONE_ANSWER = b"a,1599150988.995,p,correct_response\n"
BESIDE = {
    "no assignments": {
        "problem_details.csv": b"problem_id,problem_skill_code\np,1.A\n"
    },
    "no problems": {"assignment_details.csv": b"assignment_log_id,student_id\na,s\n"},
}
# logs of which no row is an event: ids that meet nowhere, types that nobody lists
LOST = {
    f"{ACTIONS}.csv": ACTIONS_HEADER + ONE_ANSWER,
    DETAILS: b"assignment_log_id,student_id\nb,s\n",
    f"{XUETANGX}.csv": EVENTS_HEADER
    + b"c,u,h,click,2017-03-01\nc,u,h,close,2017-03-01\n",
}
