import hashlib
import json
import re
import subprocess
import sys
from datetime import datetime
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import UserError
from training.ingest import xuetangx
from training.ingest.xuetangx import EVERY_EVENT, Settings

AT = "2017-02-25T12:34:56"
FORM_OF_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
DOCUMENT = [["c", {"u": {"s": [["load_video", AT], ["click", AT], ["load_x", AT]]}}]]


def write(folder: Path, content, name: str = "log.json") -> Path:
    source = folder / name
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    source.write_bytes(data)
    return source


def read(path: Path) -> list[tuple]:
    table = pq.read_table(path)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def reference(data: bytes, prefixes: tuple[str, ...]) -> list[tuple]:
    """The rows as a plain loop makes them; ValueError if the form is not right."""

    def check(is_right: bool) -> None:
        if not is_right:
            raise ValueError

    def without_repeats(pairs: list[tuple]) -> dict:
        check(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=without_repeats)
    rows = []
    check(isinstance(document, list))
    for entry in document:
        check(isinstance(entry, list) and len(entry) == 2)
        check(isinstance(entry[0], str) and isinstance(entry[1], dict))
        for user, sessions in entry[1].items():
            check(isinstance(sessions, dict))
            for session, events in sessions.items():
                check(isinstance(events, list))
                for event in events:
                    check(isinstance(event, list) and len(event) == 2)
                    check(all(isinstance(text, str) for text in event))
                    check(bool(re.fullmatch(FORM_OF_TIME, event[1])))
                    at = datetime.fromisoformat(event[1])
                    rows.append((entry[0], user, session, event[0], at))
    "".join(text for row in rows for text in row[:4]).encode()  # lone surrogates
    json.dumps(document, ensure_ascii=False).encode()
    return [row for row in rows if row[3].startswith(prefixes)]


ids = st.one_of(
    st.sampled_from(["", "u1", "课程", '"', "\\", "{[", "]}", '":', "\\u0041", "𝄞"]),
    st.text(max_size=6),
)
stamps = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda at: at.replace(microsecond=0).isoformat(" " if at.second % 5 == 0 else "T")
)
types = st.sampled_from(["load_video", "seek_video", "click_about", "", "загрузка"])
events = st.lists(st.tuples(types, stamps), max_size=4)
sessions = st.dictionaries(ids, events, max_size=3)
users = st.dictionaries(ids, sessions, max_size=3)
documents = st.lists(st.tuples(ids, users), max_size=3)
numbers = count()


@settings(max_examples=40, deadline=None)
@given(
    document=documents,
    ensure_ascii=st.booleans(),
    indent=st.sampled_from([None, None, 0, 3]),
    separators=st.sampled_from([None, (",", ":"), (" ,\t", " :\n")]),
    prefixes=st.sampled_from([EVERY_EVENT, ("load_", "seek_")]),
    chunk_bytes=st.sampled_from([7, 20, 100]),
    row_group_rows=st.integers(1, 5),
)
def test_equals_json_and_a_loop(
    tmp_path_factory,
    document,
    ensure_ascii,
    indent,
    separators,
    prefixes,
    chunk_bytes,
    row_group_rows,
):
    data = json.dumps(
        document, ensure_ascii=ensure_ascii, indent=indent, separators=separators
    ).encode()
    folder = tmp_path_factory.getbasetemp() / "equals"
    folder.mkdir(exist_ok=True)
    how = Settings(prefixes, chunk_bytes, row_group_rows)
    ingested = xuetangx.ingest(write(folder, data), folder, how)
    rows = read(ingested.path)
    assert rows == reference(data, prefixes)
    assert ingested.counts.n_kept == len(rows)
    assert ingested.counts.n_events == len(reference(data, EVERY_EVENT))
    assert ingested.counts.n_rejected == ingested.counts.n_events - len(rows)
    assert ingested.counts.n_courses == len({row[0] for row in rows})
    assert ingested.counts.n_users == len({row[1] for row in rows})
    assert ingested.counts.n_sessions == len({row[1:3] for row in rows})


@settings(max_examples=80, deadline=None)
@given(
    document=documents,
    edits=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 2),
            st.sampled_from(list(b'"\\{}[],: \n\x00\xff\xc3\xa9x15')),
        ),
        min_size=1,
        max_size=2,
    ),
    chunk_bytes=st.sampled_from([7, 20, 100]),
)
def test_a_damaged_document_is_refused_unless_it_is_still_right(
    tmp_path_factory, document, edits, chunk_bytes
):
    data = bytearray(json.dumps(document, ensure_ascii=False).encode())
    for where, n_replaced, byte in edits:
        place = int(where * len(data))
        data[place : place + n_replaced] = bytes([byte])
    try:
        expected = reference(bytes(data), EVERY_EVENT)
    except ValueError:
        expected = None
    folder = tmp_path_factory.getbasetemp() / f"damaged{next(numbers)}"
    folder.mkdir()
    source = write(folder, bytes(data))
    how = Settings(EVERY_EVENT, chunk_bytes)
    if expected is not None:
        assert read(xuetangx.ingest(source, folder, how).path) == expected
        return
    with pytest.raises(UserError) as error:
        xuetangx.ingest(source, folder, how)
    assert str(error.value).isprintable()  # one line
    assert [path for path in folder.rglob("*") if path.is_file()] == [source]


def test_the_file_is_flat_dictionary_encoded_and_says_what_it_holds(tmp_path):
    source = write(tmp_path, DOCUMENT, "published.log.json")
    how = Settings(("load_", "seek_"))
    path = xuetangx.ingest(source, tmp_path / "data", how).path
    assert path == tmp_path / "data" / "raw" / "xuetangx" / "published.log.parquet"
    file = pq.ParquetFile(path)
    text = pa.string()
    assert [(field.name, field.type) for field in file.schema_arrow] == [
        ("course_id", text),
        ("user_id", text),
        ("session_hash", text),
        ("event_type", text),
        ("timestamp", pa.timestamp("us")),
    ]
    group = file.metadata.row_group(0)
    for column in range(4):
        assert "RLE_DICTIONARY" in group.column(column).encodings
    record = json.loads(file.metadata.metadata[xuetangx.METADATA_KEY.encode()])
    assert record == {
        "source": "published.log.json",
        "source_bytes": source.stat().st_size,
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "event_type_prefixes": ["load_", "seek_"],
        "n_events": 3,
        "n_kept": 2,
        "n_rejected": 1,
        "n_users": 1,
        "n_courses": 1,
        "n_sessions": 1,
    }


def test_the_same_file_gives_the_same_bytes(tmp_path):
    source = write(tmp_path, DOCUMENT)
    outputs = [
        xuetangx.ingest(source, tmp_path / name, Settings(EVERY_EVENT)).path
        for name in ("one", "two")
    ]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_a_byte_order_mark_is_skipped_but_counts_as_bytes(tmp_path):
    bom = b"\xef\xbb\xbf"
    source = write(tmp_path, bom + json.dumps(DOCUMENT).encode())
    assert len(read(xuetangx.ingest(source, tmp_path, Settings(EVERY_EVENT)).path)) == 3
    with pytest.raises(UserError, match="byte 3: expected"):
        xuetangx.ingest(write(tmp_path, bom + b"{}"), tmp_path, Settings(EVERY_EVENT))


def test_prefixes_come_from_the_table_of_data_sets(tmp_path):
    assert xuetangx.learning_event_prefixes() == (
        *("load_", "problem_", "video_", "seek_", "speed_", "pause_"),
    )
    table = tmp_path / "datasets.csv"
    table.write_text("dataset,event_type_prefixes\nmars,\nxuetangx,\n")
    assert xuetangx.learning_event_prefixes(table) == EVERY_EVENT


@pytest.mark.parametrize("text", [None, "dataset,x\nxuetangx,1\n", "dataset\nmars\n"])
def test_a_table_without_prefixes_is_named(tmp_path, text):
    table = tmp_path / "datasets.csv"
    if text:
        table.write_text(text)
    with pytest.raises(UserError, match=r"datasets\.csv .*--all-events"):
        xuetangx.learning_event_prefixes(table)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_does_not_grow_with_one_giant_user(tmp_path):
    """46 MB in one session; the same as Python objects takes over 300 MB."""
    event = b'["load_video", "2017-02-25T12:34:56"]'
    with (tmp_path / "giant.json").open("wb") as file:
        file.write(b'[["c", {"u": {"s": [' + event)
        for _ in range(12):
            file.write((b", " + event) * 100_000)
        file.write(b"]}}]]")
    program = f"""
import re
from pathlib import Path
from training.ingest.xuetangx import EVERY_EVENT, Settings, ingest
def peak_mib():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) // 1024
before = peak_mib()
folder = Path({str(tmp_path)!r})
ingested = ingest(folder / "giant.json", folder, Settings(EVERY_EVENT))
print(ingested.counts.n_kept, peak_mib() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    n_kept, mebibytes = map(int, done.stdout.split())
    assert n_kept == 1_200_001
    assert mebibytes < 250
