"""The two commands, `moocmeta` and `moocmeta-train`: names and nothing else."""

import signal
import sys
import threading
from importlib import import_module

import click

from training.allocator import keep_freed_memory

keep_freed_memory()
# a terminal of another encoding shows \u8bfe for what it lacks, not a traceback
for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):  # not where a test catches it
        stream.reconfigure(errors="backslashreplace")

COMMANDS = {
    "simulate": "Simulate logs in the publishers' forms, with their truth.",
    "ingest": "Read a log of any platform into a data set.",
    "train": "Train and evaluate every model that fits a mart.",
    "evaluate": "Ask a run's models about today's marts, month by month.",
    "recommend": "Print or write what a model ranks highest.",
    "trace": "Show one student's mastery over time.",
    "export": "Write a data set's marts as plain files, or a network as ONNX.",
    "report": "Write the page of a finished run anew.",
    "runs": "List the finished runs, each with its best model.",
}


class Subcommands(click.Group):
    """Imports the command that is asked for and no other: torch alone takes seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return command_of(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def command_of(name: str) -> click.Command:
    """The command of a file in `training.commands`."""
    return getattr(import_module(f"training.commands.{name}"), f"{name}_command")


@click.command(cls=Subcommands)
@click.version_option(package_name="moocmeta")
def main() -> None:
    """From raw learning and click logs to tested marts and evaluated models."""
    _let_a_kill_be_an_interrupt()


def _let_a_kill_be_an_interrupt() -> None:
    """End by SIGTERM as by Ctrl-C: nothing half-written stays, one line is said."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def train() -> None:
    """`moocmeta-train`, the same as `moocmeta train`."""
    _let_a_kill_be_an_interrupt()
    command_of("train")()


if __name__ == "__main__":  # as `torchrun` starts it
    train()
