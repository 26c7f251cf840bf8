"""RecBole's atomic `.inter` files: tabs, and a type behind each column's name.

https://recbole.io/docs/user_guide/data/atomic_files.html
"""

import dataclasses

from training.errors import UserError
from training.ingest.engine import Engine, name, shown
from training.ingest.forms.form import Form
from training.ingest.sources import BAD, Source

TYPES = ("token", "token_seq", "float", "float_seq")


def _read(source: Source, engine: Engine) -> Source:
    plain = {}
    for column, kind in source.columns.items():
        field, _, declared = column.rpartition(":")
        if declared not in TYPES:
            raise UserError(
                f"{source.path}: line 1: {shown(column)} is no column of RecBole: a "
                "header reads user_id:token, item_id:token, timestamp:float"
            )
        plain[field] = (column, kind)
    renamed = ", ".join(
        f"{name(c)} as {name(field)}" for field, (c, _) in plain.items()
    )
    rows = f"select {renamed}, {BAD} from ({source.rows})"
    columns = {field: kind for field, (_, kind) in plain.items()}
    return dataclasses.replace(source, rows=rows, columns=columns)


FORM = Form(
    "recbole",
    ("csv",),
    _read,
    quote="",
    signs=(("user_id:token", "item_id:token"),),
)
