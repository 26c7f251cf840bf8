"""How often an item or a skill is answered correctly, shrunk towards what is above it.

A skill's rate starts from the mean of all answers, an item's from its skills' rate: an
item that was met twice is as easy as its skills, not a coin.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from models_py.tracing.data import Responses, SkillSets

ITEM_WEIGHT = 5.0  # answers of its skills' rate that an item starts with
SKILL_WEIGHT = 10.0  # answers of the mean rate that a skill starts with


@dataclass(frozen=True)
class Rates:
    """Right answers among some users, by item and by skill.

    Args:
        item_right, item_n: right answers and answers by item, shape (n_items,).
        skill: smoothed rate by skill, shape (n_skills,).
        mean: over all answers, a scalar; what an unseen skill gets.
        weight: how many answers of its skills' rate an item starts with, a scalar.
    """

    item_right: Tensor
    item_n: Tensor
    skill: Tensor
    mean: Tensor
    weight: Tensor

    @classmethod
    def unknown(cls, n_items: int, n_skills: int) -> "Rates":
        """Of no answers at all."""
        real = torch.float64
        return cls(
            torch.zeros(n_items, dtype=real),
            torch.zeros(n_items, dtype=real),
            torch.full((n_skills,), 0.5, dtype=real),
            torch.tensor(0.5, dtype=real),
            torch.tensor(1.0, dtype=real),
        )

    @classmethod
    def among(cls, responses: Responses, weight: float) -> "Rates":
        """Count the given answers."""
        correct = responses.correct.double()
        mean = (correct.sum() + 1) / (len(correct) + 2)  # defined without answers
        skills, n_skills = responses.skills, responses.n_skills
        of_skills = torch.repeat_interleave(correct, skills.lengths)
        right = torch.bincount(skills.values, of_skills, minlength=n_skills)
        n = torch.bincount(skills.values, minlength=n_skills)
        item, n_items = responses.item, responses.n_items
        return cls(
            torch.bincount(item, correct, minlength=n_items),
            torch.bincount(item, minlength=n_items).double(),
            (right + SKILL_WEIGHT * mean) / (n + SKILL_WEIGHT),
            mean,
            torch.tensor(weight, dtype=torch.float64),
        )

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> "Rates":
        """From what `state` gave; other entries are left alone."""
        return cls(**{f.name: state[f"rates.{f.name}"] for f in fields(cls)})

    def state(self) -> dict[str, Tensor]:
        """All numbers, for a model's state."""
        return {f"rates.{f.name}": getattr(self, f.name) for f in fields(self)}

    def require_shapes(self, state: dict[str, Tensor]) -> None:
        """Refuse a state of other vocabularies.

        Raises:
            KeyError, ValueError: it lacks rates, or they are of other sizes.
        """
        for name, ours in self.state().items():
            if state[name].shape != ours.shape:
                raise ValueError(f"{name} has {state[name].numel()} rows")

    def of(self, item: Tensor, skill_set: Tensor, sets: SkillSets) -> Tensor:
        """Rate of items that ask for the sets given, float64, in (0, 1), shape (N,)."""
        prior = sets.mean(self.skill, self.mean)[skill_set]
        right, n = self.item_right[item], self.item_n[item]
        return (right + self.weight * prior) / (n + self.weight)

    def log_odds(self, item: Tensor, skill_set: Tensor, sets: SkillSets) -> Tensor:
        """Log odds of items and of their skills' mean, float32, shape (N, 2)."""
        of_sets = sets.mean(self.skill, self.mean)[skill_set]
        rates = torch.stack([self.of(item, skill_set, sets), of_sets], dim=1)
        return rates.logit().float()

    def of_items(self, responses: Responses) -> Tensor:
        """Rate of each item, asked with all the skills it is known to have."""
        known, set_of_item = responses.with_sets_of_items()
        every = torch.arange(responses.n_items)
        return self.of(every, set_of_item, known.skill_sets)


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
        found[inside] = others.log_odds(
            train.item[inside], train.skill_set[inside], train.skill_sets
        )
    return found
