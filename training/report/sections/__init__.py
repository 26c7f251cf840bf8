"""The page's parts, in order: each is built from a run, or None where it has nothing.

A further part is a function here; the template needs no change.
"""

from collections.abc import Callable

from training.report.blocks import Section
from training.report.record import Run
from training.report.sections import tracing
from training.report.sections.adaptation import adaptation
from training.report.sections.by_time import by_time
from training.report.sections.causal import (
    checks,
    effects,
    nuisances,
    overlap,
    summary,
)
from training.report.sections.certainty import certainty
from training.report.sections.data import data
from training.report.sections.headline import headline
from training.report.sections.lists import lists
from training.report.sections.optimum import optimum
from training.report.sections.reliability import reliability
from training.report.sections.reproduce import reproduce
from training.report.sections.results import comparison, results
from training.report.sections.searched import searched
from training.report.sections.slices import slices
from training.report.sections.training import training

Build = Callable[[Run], Section | None]

# By family of marts.
SECTIONS: dict[str, tuple[Build, ...]] = {
    "recommendation": (
        headline,
        results,
        comparison,
        by_time,
        certainty,
        searched,
        optimum,
        adaptation,
        slices,
        lists,
        reliability,
        training,
        data,
        reproduce,
    ),
    "causal": (
        summary.summary,
        effects.effects,
        checks.checks,
        overlap.overlap,
        effects.groups,
        nuisances.nuisances,
        training,
        data,
        reproduce,
    ),
    "tracing": (
        tracing.summary,
        results,
        tracing.comparison,
        tracing.oracle,
        tracing.calibration,
        tracing.behaviour,
        training,
        tracing.soundness,
        data,
        reproduce,
    ),
}
