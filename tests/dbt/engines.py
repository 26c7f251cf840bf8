"""Marts that two engines exported, compared row for row."""

import importlib.util
import os
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.conftest import PROJECT_ROOT

MODELS = PROJECT_ROOT / "dbt_project" / "models"


def mart_names() -> list[str]:
    """Every mart that a YAML file of the project describes."""
    files = sorted(MODELS.glob("marts/*/*__models.yml"))
    files += sorted(MODELS.glob("kt_exports/*__models.yml"))
    return [
        model["name"]
        for file in files
        for model in yaml.safe_load(file.read_text())["models"]
    ]


def why_spark_is_absent() -> str | None:
    """Why dbt cannot run Spark on this machine, or None where it can."""
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        return "Spark needs Java 17: there is none"
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
