"""What a user had shown before each answer, held against what the mart says of it.

The mart `response_features` counts by windows, `models_py.tracing.shown` by prefix
sums. The two are compared in every run, and tampered answers are followed into the
features.
"""

from dataclasses import replace

import torch

from models_py.tracing.data import Responses
from models_py.tracing.shown import FEATURES, Shown
from training.errors import UserError

TOLERANCE = 1e-4  # of transformed features in single precision


def recounted(responses: Responses) -> Responses:
    """The same responses with `history` counted from strictly earlier seconds.

    Args:
        responses: whole users, in order of time.
    """
    shown = Shown(responses)
    return replace(responses, history=shown.features(shown.questions()))


def require_past_only(responses: Responses) -> None:
    """Hold the features read from the marts against those counted anew.

    Raises:
        UserError: a feature tells more, or less, than earlier responses do.
    """
    found, expected = responses.history, recounted(responses).history
    is_same = torch.isclose(found, expected, TOLERANCE, TOLERANCE, equal_nan=True)
    if not is_same.all():
        row, column = (~is_same).nonzero()[0].tolist()
        raise UserError(
            f"mart response_features is broken: {list(FEATURES)[column]} of "
            f"{int((~is_same).any(1).sum())} of {len(responses)} responses is not what "
            f"strictly earlier responses give (transformed: {found[row, column]:.4g}, "
            f"not {expected[row, column]:.4g}); rebuild it with `dbt build`"
        )
