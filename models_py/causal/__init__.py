"""Nuisances of causal estimates: who is treated, and what follows in either arm."""
