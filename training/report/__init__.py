"""Run folder to one self-contained HTML page; reads that folder only, never torch."""
