"""Runs dbt commands that come in by stdin, one JSON object a line, one after another.

    python tests/dbt/serve.py PARSED SCRATCH OPTION…

Importing dbt and parsing the project take seconds, a run of a few models does not.
PARSED keeps the parsed project for processes that start later.
"""

import json
import os
import sys
from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder
from filelock import FileLock


def parsed_project(parsed: Path, scratch: Path, options: list[str]) -> Manifest:
    """The project as dbt keeps it between two runs, parsed by whoever comes first."""
    with FileLock(f"{parsed}.lock"):
        if not parsed.exists():
            done = dbtRunner().invoke(["-q", "parse", *options])
            if not done.success:
                sys.exit(f"dbt cannot parse the project: {done.exception}")
            (scratch / "target" / "partial_parse.msgpack").rename(parsed)
    manifest = Manifest.from_msgpack(
        parsed.read_bytes(), decoder=extended_mashumuro_decoder
    )
    manifest.build_flat_graph()  # `graph` of the macros; dbt does not keep it
    return manifest


def say_done(success: bool) -> None:
    """End what a command printed."""
    sys.stdout.write(f"\n\0{success}\n")
    sys.stdout.flush()


def serve(parsed: Path, scratch: Path, options: list[str]) -> None:
    """Run what stdin asks for; a line with a null byte ends what a command printed."""
    options = [*options, "--target-path", str(scratch / "target")]
    options += ["--log-path", str(scratch / "logs"), "--log-level-file", "none"]
    options += ["--no-use-colors", "--cache-selected-only"]
    manifest = parsed_project(parsed, scratch, options)
    environment = dict(os.environ)
    say_done(True)
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.clear()
        os.environ.update(environment | asked["env"])
        runner = dbtRunner(manifest=manifest)
        done = runner.invoke([*asked["command"], *options, "--no-write-json"])
        DuckDBConnectionManager.close_all_connections()  # the file is free again
        say_done(done.success)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
