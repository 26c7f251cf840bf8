"""How often an item or a skill is answered correctly, shrunk towards the mean."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_py.tracing.data import Responses


@dataclass(frozen=True)
class Rates:
    """Smoothed rates of correct answers among some users.

    Args:
        item: by item, shape (n_items,).
        skill: by skill, shape (n_skills,).
        mean: over all answers, a scalar; what an unseen item or skill gets.
    """

    item: Tensor
    skill: Tensor
    mean: Tensor

    @classmethod
    def among(cls, responses: Responses, weight: float) -> "Rates":
        """Count the given answers.

        Args:
            weight: rate = (correct + weight · mean) / (answers + weight).
        """
        correct = responses.correct.double()
        mean = (correct.sum() + 1) / (len(correct) + 2)  # defined without answers
        skills = responses.skills
        of_skills = torch.repeat_interleave(correct, skills.lengths)
        return cls(
            _smoothed(responses.item, correct, responses.n_items, mean, weight),
            _smoothed(skills.values, of_skills, responses.n_skills, mean, weight),
            mean,
        )

    def log_odds(self, responses: Responses) -> Tensor:
        """Log odds of each answer's item and of its skills' mean, shape (N, 2)."""
        of_sets = responses.skill_sets.mean(self.skill, self.mean)
        rates = torch.stack(
            [self.item[responses.item], of_sets[responses.skill_set]], dim=1
        )
        return rates.logit().float()


def out_of_fold_log_odds(
    train: Responses, *, n_folds: int, weight: float, seed: int
) -> Tensor:
    """Log odds for the training answers from other users' answers only.

    Users are dealt into folds and a fold's rates are counted without its users: a
    model that learns from them sees rates as strange to the answer as those of a
    test user are. One user alone keeps the prior mean.

    Returns:
        As `Rates.log_odds`, shape (N, 2).
    """
    _, user = train.user.unique_consecutive(return_inverse=True)
    n_users = int(user.max()) + 1
    dealt = torch.randperm(n_users, generator=torch.Generator().manual_seed(seed))
    fold = (dealt % n_folds)[user]  # (N,)
    found = torch.empty(len(train), 2)
    for number in fold.unique().tolist():
        inside = fold == number
        others = Rates.among(train.take(~inside), weight)
        found[inside] = others.log_odds(train.take(inside))
    return found


def _smoothed(
    group: Tensor, correct: Tensor, n_groups: int, mean: Tensor, weight: float
) -> Tensor:
    n_correct = torch.bincount(group, correct, minlength=n_groups)
    n_answers = torch.bincount(group, minlength=n_groups)
    return (n_correct + weight * mean) / (n_answers + weight)
