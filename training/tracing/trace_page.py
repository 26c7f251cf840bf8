"""One student on one page, for a teacher."""

from typing import Any

import pandas as pd

from training.report import numbers
from training.report.blocks import (
    Block,
    Figure,
    Folded,
    Points,
    Section,
    Table,
    Text,
    Tiles,
)
from training.report.page import page_of
from training.tracing.trace import Trace
from training.tracing.trace_plot import mastery_inline

MASTERY = (
    "Mastery is the chance, as the model sees it right after an answer, that the "
    "student would answer the skill's items right."
)
NO_SKILL = "The items that this student answered name no skill."


def trace_page(trace: Trace, top: int) -> str:
    """The page: skills practised most and others, items worth a look, answers."""
    built = [
        _summary(trace),
        _skills(trace, top),
        _worth_a_look(trace),
        _answers(trace),
    ]
    return page_of(
        [section for section in built if section is not None],
        title=f"{trace.user_id} · {trace.dataset}",
        heading=f"Student {trace.user_id}",
        run_id=trace.run_id,
        facts={"data set": trace.dataset, "split": trace.split},
    )


def _summary(trace: Trace) -> Section:
    answers, skills = trace.answers, trace.skills
    first, last = answers.iloc[0], answers.iloc[-1]
    tiles = [
        (numbers.count(len(answers)), "answers"),
        (numbers.percent(answers["actual"].mean()), "of them right"),
        (numbers.count(len(skills)), "skills"),
    ]
    if not trace.time_is_order:
        tiles += [
            (f"{first.answered_at:%Y-%m-%d}", "first answer"),
            (f"{last.answered_at:%Y-%m-%d}", "last answer"),
        ]
    return Section("summary", "Summary", [Tiles(tiles)])


def _skills(trace: Trace, top: int) -> Section:
    skills = trace.skills
    if skills.empty:
        return Section("skills", "Skills", [Text(NO_SKILL)])
    shown, rest = skills.head(top), skills.iloc[top:]
    spoken = "; ".join(
        f"{row.skill} from {row.first:.2f} to {row.last:.2f}"
        for row in shown.itertuples()
    )
    blocks: list[Block] = [
        Text(MASTERY),
        Figure(
            "The most practised skills",
            mastery_inline(trace, top),
            f"Mastery by skill: {spoken}.",
            "To the right the mastery after the last answer.",
            is_wide=True,
        ),
    ]
    if len(rest):
        table = Table(
            f"The other {numbers.counted(len(rest), 'skill')}, most practised first.",
            ["Skill", "Answers", "Right", "Mastery, first", "Mastery, last"],
            [_skill(row) for row in rest.itertuples()],
        )
        blocks.append(Folded(table.caption, [table]) if len(rest) > top else table)
    return Section("skills", "Skills", blocks)


def _skill(row: Any) -> list[str]:
    return [
        row.skill,
        numbers.count(row.n),
        numbers.percent(row.share_right),
        f"{row.first:.2f}",
        f"{row.last:.2f}",
    ]


def _worth_a_look(trace: Trace) -> Section | None:
    odd = [row for row in trace.answers.itertuples() if worth_a_look(row)]
    if not odd:
        return None
    by_item = {row.item_key: worth_a_look(row) for row in odd}
    points = [f"{item}: {what}" for item, what in by_item.items()]
    text = Text(
        "What these items tell of the student is less sure than what others tell."
    )
    return Section("items", "Items worth a look", [text, Points(points)])


def worth_a_look(row: Any) -> str:
    """What is odd about an answer's item, empty where nothing is."""
    drifts = "grew harder or easier over time" if row.drifts is True else ""
    misfits = "answered unlike predicted" if row.misfits is True else ""
    return "; ".join(filter(None, (drifts, misfits)))


def _answers(trace: Trace) -> Section:
    rows = [
        [
            numbers.count(row.nth),
            *([] if trace.time_is_order else [f"{row.answered_at:%Y-%m-%d %H:%M}"]),
            row.skills or numbers.NOTHING,
            row.item_key,
            "right" if row.actual else "wrong",
            f"{row.predicted:.2f}",
            numbers.NOTHING if pd.isna(row.mastery) else f"{row.mastery:.2f}",
            worth_a_look(row),
        ]
        for row in trace.answers.itertuples()
    ]
    time = [] if trace.time_is_order else ["When"]
    columns = ["n-th", *time, "Skills", "Item", "Answer"]
    columns += ["Chance before", "Mastery after", "Item worth a look"]
    table = Table("Single answers, in order of time.", columns, rows)
    return Section("answers", "Answers", [Folded("Show every answer", [table])])
