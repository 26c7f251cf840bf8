"""What to try where a mart leaves too few users to tell models apart."""

from typing import Any

FEW_TEST_USERS = 30
_EPISODES = "episodes_"


def on_few_users(metrics: dict[str, Any]) -> str | None:
    """A line that names the marts with more users; None where there are enough.

    Args:
        metrics: with `mart`, `dataset`, `n_test_users` and `funnel`.
    """
    n_asked = metrics["n_test_users"]
    users = {
        step["step"]: step["n_users"]
        for step in metrics["funnel"]
        if step["step"].startswith(_EPISODES)
    }
    own = users.get(metrics["mart"], 0)
    more = sorted((n, mart) for mart, n in users.items() if n > own)
    if n_asked >= FEW_TEST_USERS or not more:
        return None
    n_users, mart = more[-1]
    return (
        f"Only {n_asked} test users: intervals are wide. {metrics['mart']} has "
        f"episodes of {own:,} users, {mart} of {n_users:,}: "
        f"try --mart {mart} --dataset {metrics['dataset']}"
    )
