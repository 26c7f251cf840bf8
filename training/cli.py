"""The two commands, `moocmeta` and `moocmeta-train`: names and nothing else."""

import click

from training.commands.ingest import ingest_command
from training.commands.report import report_command
from training.commands.simulate import simulate_command
from training.commands.train import train_command


@click.group()
@click.version_option(package_name="moocmeta")
def main() -> None:
    """From raw learning and click logs to tested marts and evaluated models."""


main.add_command(train_command)
main.add_command(simulate_command)
main.add_command(ingest_command)
main.add_command(report_command)

train = train_command

if __name__ == "__main__":
    train()
