"""What a user can mend."""


class UserError(Exception):
    """A mistake the user can mend: one line says what is wrong and the way out.

    The message names the file, the column or the option. Commands print it
    without a traceback and exit with 1.
    """


class NoNumber(UserError):
    """A fit diverged: a loss, gradient or validation value is no number."""
