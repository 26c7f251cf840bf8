"""Any table with a row an event: CSV, JSON or Parquet."""

from training.ingest.engine import Engine
from training.ingest.forms.form import Form
from training.ingest.sources import Source, json_columns


def _read(source: Source, engine: Engine) -> Source:
    return json_columns(source, engine) if source.kind == "json" else source


FORM = Form("table", ("csv", "json", "parquet"), _read)
