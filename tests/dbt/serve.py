"""Runs dbt commands that come in by stdin, one JSON object a line, one after another.

    python tests/dbt/serve.py PARSED SCRATCH OPTION…

Importing dbt and parsing the project take seconds, a run of a few models does not.
PARSED keeps the parsed project for processes that start later.
"""

import json
import os
import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from threading import get_ident

import daff
import jinja2
import sqlparse
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli import requires
from dbt.cli.main import dbtRunner
from dbt.clients.jinja import MacroGenerator
from dbt.compilation import Linker
from dbt.context import providers
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumuro_decoder
from dbt.plugins.manager import PluginManager
from dbt_common.clients import agate_helper
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from filelock import FileLock
from sqlparse import tokens
from sqlparse.sql import Statement, Token

FIRST_WORD = re.compile(r"((?:\s|--[^\n]*\n)*)(with(?=\s))?(.*)", re.S | re.I)
SEED = "seed.moocmeta.datasets"


def spare_what_nobody_reads() -> None:
    """dbt does these for every statement, at half of what a run costs.

    It words each message of its debug log although there is none, compiles the same
    Jinja text anew, guesses the types of a table without columns, parses all SQL of a
    unit test to find its first `with`, reads the files of a stack that nobody prints,
    searches the disk for plugins and the graph for cycles.
    """
    fire, compiled = EventManager.fire_event, jinja2.Environment.compile
    worded = BaseEvent.__init__
    nothing, known = agate_helper.empty_table(), {}
    type_tester = cache(agate_helper.build_type_tester)

    def fire_what_is_shown(self, event: BaseEvent, level=None, *args, **options):
        if (level or event.level_tag()) != EventLevel.DEBUG:
            fire(self, event, level, *args, **options)

    def keep(self, *args, **options):
        self.__dict__["given"] = args, options

    def word_when_asked(self, key):
        if key != "pb_msg":
            return getattr(self.pb_msg, key)
        args, options = self.given
        worded(self, *args, **options)
        return self.__dict__["pb_msg"]

    def compile_once(self, source, *place):
        if place or not isinstance(source, str):
            return compiled(self, source, *place)
        key = (type(self), self.undefined.__qualname__, source)
        if key not in known:
            known[key] = compiled(self, source)
        return known[key]

    def type_tester_once(text_columns, string_null_values=("null", "")):
        return type_tester(tuple(text_columns), string_null_values)

    def parse_first_word(sql):
        words = FIRST_WORD.fullmatch(sql).groups("")
        of = (tokens.Comment, tokens.Keyword, tokens.Text)
        return [Statement([Token(*one) for one in zip(of, words, strict=True)])]

    BaseEvent.__init__, BaseEvent.__getattr__ = keep, word_when_asked
    EventManager.fire_event = fire_what_is_shown
    jinja2.Environment.compile = compile_once
    agate_helper.empty_table = lambda: nothing
    agate_helper.build_type_tester = type_tester_once
    sqlparse.parse = parse_first_word
    daff.haxe_NativeStackTrace.exceptionStack = staticmethod(list)
    PluginManager.get_prefixed_modules = classmethod(lambda cls: {})
    Linker.find_cycles = lambda self: None


def share_macros() -> None:
    """dbt wraps each of 700 macros anew for everything that it renders.

    The order in which it finds them is the same each time; what a macro called from
    Python sees is the same as long as the command runs, in each thread.
    """
    of_macros, orders, kept = providers.generate_runtime_macro_context, {}, {}

    def order_of(builder, macros_by_package):
        """Of all macros by number: those of each package, and who wins a name."""
        every = [one for of in macros_by_package.values() for one in of.values()]
        by_package = defaultdict(dict)
        for number, macro in enumerate(every):
            by_package[macro.package_name][macro.name] = number
        internal = builder.internal_package_names_order
        built_in = {}
        for package in reversed(internal):
            built_in |= by_package.pop(package, {})
        own = by_package.get(builder.search_package, {})
        root = by_package.get(builder.root_package, {})
        return every, dict(by_package), own, root, built_in

    def build_namespace(self, macros_by_package, ctx):
        key = (id(macros_by_package), self.root_package, self.search_package)
        if key not in orders:
            orders[key] = (macros_by_package, order_of(self, macros_by_package))
        every, by_package, *layers = orders[key][1]
        made = [MacroGenerator(one, ctx, self.node, self.thread_ctx) for one in every]
        packages, (own, root, built_in) = (
            {name: taken(of, made) for name, of in by_package.items()},
            (taken(of, made) for of in layers),
        )
        found = MacroNamespace(root, own, built_in, packages)
        found.all_macros = built_in | {"dbt": built_in} | packages | root | own
        return found

    def taken(numbers, made):
        return dict(zip(numbers, map(made.__getitem__, numbers.values()), strict=True))

    def made_at_once(self, macro, context=None, node=None, stack=None):
        self.macro, self.context, self.node, self.stack = macro, context, node, stack

    def context_of_macro(macro, config, manifest, package):
        key = (get_ident(), macro.unique_id, package)
        if key not in kept or kept[key][0] is not config:
            kept[key] = (config, of_macros(macro, config, manifest, package))
        return kept[key][1]

    MacroGenerator.__init__ = made_at_once
    MacroNamespace.__iter__ = lambda self: iter(self.all_macros)
    MacroNamespace.__getitem__ = lambda self, name: self.all_macros[name]
    MacroNamespaceBuilder.build_namespace = build_namespace
    requires.generate_runtime_macro_context = context_of_macro


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
    share_macros()
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
