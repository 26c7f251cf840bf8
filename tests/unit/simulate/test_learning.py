"""Answers by hand, and what the process promises."""

import numpy as np
import pytest

from training.simulate.practice.learning import (
    DAY_MS,
    Items,
    LearningConfig,
    Students,
    draw_items,
)

PLAIN = LearningConfig(
    n_items=2,
    n_skills=2,
    ability_sigma=0,
    offset_sigma=0,
    help_base=-1e9,  # nobody asks for help
    gain_ceiling=2.0,
    gain_share=0.5,
    fading_days=1 / np.log(2),  # a gain halves in a day
)


def items(**changes) -> Items:
    """Two items: one of the first skill, one of both."""
    columns = {
        "skills": np.array([[0, 0], [0, 1]]),
        "is_labelled": np.array([True, True]),
        "difficulty": np.array([0.0, 0.0]),
        "discrimination": np.array([1.0, 2.0]),
        "guessing": np.array([0.0, 0.25]),
        "drift": np.array([0.0, 0.0]),
        "pool_first": np.array([0, 1]),
        "pool_size": np.array([1, 1]),
    }
    return Items(**columns | changes)


def answer(bank: Items, item: list, at_days: list, share: float = 0.5):
    students = Students(PLAIN, bank, 1, np.random.default_rng(0))
    return students.answer(
        np.zeros(len(item), dtype=np.int64),
        np.array(item),
        (np.array(at_days) * DAY_MS).astype(np.int64),
        np.full(len(item), share),
    )


def test_practice_teaches_and_time_fades():
    found = answer(items(), [0, 0, 0], [10, 10, 11])
    # half the way to 2; half of what is left; a day later half of 1.5
    assert found.ability == pytest.approx([0, 1, 0.75])


def test_an_item_of_two_skills_asks_for_their_mean_and_teaches_both():
    found = answer(items(), [0, 1, 0], [10, 10, 10])
    assert found.ability == pytest.approx([0, 0.5, 1.5])


def test_probability_is_the_three_parameter_logistic():
    found = answer(items(difficulty=np.array([0.0, 1.0])), [1], [10])
    # c + (1 - c) / (1 + exp(-a (theta - b)))
    assert found.probability == pytest.approx([0.25 + 0.75 / (1 + np.exp(2))])


@pytest.mark.parametrize(("share", "difficulty"), [(0, -0.8), (0.5, 0), (1, 0.8)])
def test_difficulty_drifts_along_a_line(share, difficulty):
    found = answer(items(drift=np.array([1.6, 0])), [0], [10], share)
    assert found.probability == pytest.approx([1 / (1 + np.exp(difficulty))])


def test_answers_come_true_as_often_as_the_oracle_says():
    config = LearningConfig(n_items=40, n_skills=4)
    rng = np.random.default_rng(3)
    bank = draw_items(config, np.random.SeedSequence(1))
    user = np.repeat(np.arange(400), 50)
    students = Students(config, bank, 400, rng)
    found = students.answer(
        user,
        rng.integers(0, 40, len(user)),
        np.tile(np.arange(50), 400) * DAY_MS,
        rng.random(len(user)),
    )
    for low in np.arange(0.1, 1, 0.1):
        near = (found.probability >= low) & (found.probability < low + 0.1)
        spread = np.sqrt(0.25 / near.sum())
        difference = found.is_correct[near].mean() - found.probability[near].mean()
        assert abs(difference) < 4 * spread
    # help is sought by those who are less able
    asked = found.has_help
    assert 0.02 < asked.mean() < 0.3
    assert found.ability[asked].mean() < found.ability[~asked].mean()


def test_skills_are_published_sorted_and_only_where_labelled():
    bank = items(skills=np.array([[1, 0], [1, 1]]), is_labelled=np.array([True, False]))
    assert bank.skill_lists(["b", "a"]) == [["a", "b"], []]
