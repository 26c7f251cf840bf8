"""Run folder to one self-contained HTML page; reads that folder only, never torch."""

from training.report.page import render, write_report

__all__ = ["render", "write_report"]
