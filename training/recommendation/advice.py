"""What to try where a mart leaves too few users to tell models apart."""

from typing import Any

FEW_TEST_USERS = 30


def on_few_users(metrics: dict[str, Any]) -> str | None:
    """A line that names the mart with most test users; None where there are enough.

    Args:
        metrics: with `dataset`, `n_test_users` and `test_users_by_mart`.
    """
    n_asked = metrics["n_test_users"]
    users = {
        other: n
        for other, n in metrics["test_users_by_mart"].items()
        if other.startswith("episodes_") and n > n_asked
    }
    if n_asked >= FEW_TEST_USERS:
        return None
    few = f"Only {n_asked} test user{'s' if n_asked != 1 else ''}: intervals are wide"
    if not users:
        return f"{few}."
    best = max(sorted(users), key=users.__getitem__)
    return (
        f"{few}. {best} asks {users[best]}: "
        f"try --mart {best} --dataset {metrics['dataset']}"
    )
