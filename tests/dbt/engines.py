"""Marts that two engines exported, compared row for row."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.conftest import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"
OLDEST_JAVA = 17


def mart_names() -> list[str]:
    """Every mart that a YAML file of the project describes."""
    files = sorted(MODELS.glob("marts/*/*__models.yml"))
    files += sorted(MODELS.glob("*_exports/*__models.yml"))
    return [
        model["name"]
        for file in files
        for model in yaml.safe_load(file.read_text())["models"]
    ]


def why_java_is_absent() -> str | None:
    """Why Spark finds no Java that it runs on, or None where it does.

    It takes that of `JAVA_HOME`, else the one on the path.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    needs = f"Spark needs Java {OLDEST_JAVA} or newer"
    if not java or not Path(java).is_file():
        return f"{needs}: there is none" + (f" in JAVA_HOME={home}" if home else "")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)  # Java 8 calls itself 1.8
    if not found or int(found[1]) < OLDEST_JAVA:
        return f"{needs}: {java} is {found[1] if found else 'none'}"
    return None


def why_spark_is_absent() -> str | None:
    """Why dbt cannot run Spark on this machine, or None where it can."""
    if why := why_java_is_absent():
        return why
    if not (importlib.util.find_spec("pyspark") and _has_adapter()):
        return "Spark is not installed: pip install -e '.[spark]'"
    return None


def _has_adapter() -> bool:
    return importlib.util.find_spec("dbt.adapters.spark") is not None


def difference(mart: str, expected: Path, found: Path) -> str | None:
    """What differs between a mart's rows in two exports, in words, or None."""
    ours, theirs = (f"'{folder}/{mart}/*.parquet'" for folder in (expected, found))
    with duckdb.connect() as connection:
        types = [_types(connection, files) for files in (ours, theirs)]
        if types[0] != types[1]:
            return f"{mart}: columns {types[0]} expected, {types[1]} found"
        missing, unexpected = (
            connection.sql(f"from {a} except all from {b}").fetchall()
            for a, b in ((ours, theirs), (theirs, ours))
        )
    if not (missing or unexpected):
        return None
    return (
        f"{mart}: {len(missing)} rows missing, {len(unexpected)} unexpected; "
        f"first {missing[:1]}, {unexpected[:1]}"
    )


def _types(connection: duckdb.DuckDBPyConnection, files: str) -> list[tuple]:
    return [row[:2] for row in connection.sql(f"describe from {files}").fetchall()]


def rows_in_order(mart: str, folder: Path) -> pa.Table:
    """A mart as it is streamed: files by name, rows as they stand."""
    return pa.concat_tables(
        pq.ParquetFile(file).read()
        for file in sorted((folder / mart).glob("*.parquet"))
    )


if __name__ == "__main__":  # for .ci/run: fails with a line where Java is absent
    sys.exit(why_java_is_absent())
