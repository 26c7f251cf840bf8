"""The two commands, `moocmeta` and `moocmeta-train`: names and nothing else."""

import sys

import click

from training.allocator import keep_freed_memory
from training.commands.evaluate import evaluate_command
from training.commands.export import export_command
from training.commands.ingest import ingest_command
from training.commands.recommend import recommend_command
from training.commands.report import report_command
from training.commands.runs import runs_command
from training.commands.simulate import simulate_command
from training.commands.trace import trace_command
from training.commands.train import train_command

keep_freed_memory()
# a terminal of another encoding shows \u8bfe for what it lacks, not a traceback
for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):  # not where a test catches it
        stream.reconfigure(errors="backslashreplace")


@click.group()
@click.version_option(package_name="moocmeta")
def main() -> None:
    """From raw learning and click logs to tested marts and evaluated models."""


for command in (
    simulate_command,
    ingest_command,
    train_command,
    evaluate_command,
    recommend_command,
    trace_command,
    export_command,
    report_command,
    runs_command,
):
    main.add_command(command)

train = train_command

if __name__ == "__main__":  # as `torchrun` starts it
    train()
