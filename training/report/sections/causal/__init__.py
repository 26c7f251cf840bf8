"""Parts of the page of causal trials, in order."""

from training.report.sections.causal.checks import checks
from training.report.sections.causal.effects import effects, groups
from training.report.sections.causal.nuisances import nuisances
from training.report.sections.causal.overlap import overlap
from training.report.sections.causal.summary import summary

__all__ = ["checks", "effects", "groups", "nuisances", "overlap", "summary"]
