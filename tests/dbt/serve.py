"""Runs dbt commands that come in by stdin, one JSON object a line, one after another.

    python tests/dbt/serve.py PARSED SCRATCH OPTION…

Importing dbt and parsing the project take seconds, a run of a few models does not.
PARSED keeps the parsed project for processes that start later.
"""

import json
import os
import sys
from pathlib import Path

import jinja2
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.compilation import Linker
from dbt.context.macros import MacroNamespace
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder
from dbt.plugins.manager import PluginManager
from dbt_common.clients import agate_helper
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from filelock import FileLock

SEED = "seed.moocmeta.datasets"


def spare_what_nobody_reads() -> None:
    """dbt does these for every statement, at a third of what a run costs.

    It words each message of its debug log although there is none, compiles the same
    Jinja text anew, looks each macro up in five dictionaries, guesses the types of a
    table without columns, searches the disk for plugins and the graph for cycles.
    """
    fire, compiled = EventManager.fire_event, jinja2.Environment.compile
    nothing, known = agate_helper.empty_table(), {}

    def fire_what_is_shown(self, event: BaseEvent, level=None, *args, **options):
        if (level or event.level_tag()) != EventLevel.DEBUG:
            fire(self, event, level, *args, **options)

    def compile_once(self, source, *place):
        if place or not isinstance(source, str):
            return compiled(self, source, *place)
        key = (type(self), self.undefined.__qualname__, source)
        if key not in known:
            known[key] = compiled(self, source)
        return known[key]

    def all_macros(self) -> dict:
        if not hasattr(self, "all_macros"):
            self.all_macros = {}
            for members in reversed([*self._search_order()]):
                self.all_macros |= members
        return self.all_macros

    MacroNamespace.__iter__ = lambda self: iter(all_macros(self))
    MacroNamespace.__getitem__ = lambda self, name: all_macros(self)[name]
    EventManager.fire_event = fire_what_is_shown
    jinja2.Environment.compile = compile_once
    agate_helper.empty_table = lambda: nothing
    PluginManager.get_prefixed_modules = classmethod(lambda cls: {})
    Linker.find_cycles = lambda self: None


def parsed_project(parsed: Path, scratch: Path, options: list[str]) -> Manifest:
    """The project as dbt keeps it between two runs, parsed by whoever comes first."""
    with FileLock(f"{parsed}.lock"):
        if not parsed.exists():
            done = dbtRunner().invoke(["-q", "parse", *options])
            if not done.success:
                sys.exit(f"dbt cannot parse the project: {done.exception}")
            (scratch / "target" / "manifest.json").rename(parsed.with_suffix(".json"))
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
    spare_what_nobody_reads()
    manifest = parsed_project(parsed, scratch, options)
    environment, seed = dict(os.environ), manifest.nodes[SEED].original_file_path
    say_done(True)
    for line in sys.stdin:
        asked = json.loads(line)
        os.environ.clear()
        os.environ.update(environment | asked["env"])
        manifest.nodes[SEED].original_file_path = asked["seed"] or seed
        runner = dbtRunner(manifest=manifest)
        done = runner.invoke([*asked["command"], *options, "--no-write-json"])
        DuckDBConnectionManager.close_all_connections()  # the file is free again
        say_done(done.success)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
