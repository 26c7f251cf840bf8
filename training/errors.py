"""The one exception that a user can mend, and what helps to mend it."""

from collections.abc import Sequence
from difflib import get_close_matches

N_SPELLINGS = 3


ANOTHER_SPLIT = "add data or try another split: dbt build --vars 'split_seed: 1'"


class UserError(Exception):
    """A mistake the user can mend: one line says what is wrong and the way out.

    The message names the file, the column or the option. Commands print it
    without a traceback and exit with 1.
    """


def nearest(key: str, known: Sequence[str]) -> str:
    """The known keys spelt most like one that is unknown, best first."""
    return ", ".join(get_close_matches(key, known, N_SPELLINGS, cutoff=0.0))


class NoNumber(UserError):
    """A fit diverged: a loss, gradient or validation value is no number."""
