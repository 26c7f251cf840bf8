"""Raw logs full of hard cases, drawn user by user and put together to one log.

A dbt run costs seconds, so many small histories share a log: drawn by hypothesis
(`drawn_log`) or, longer ones, by a seeded generator of the same pieces
(`seeded_log`). Both data sets use the same odd ids, which must never mix.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

BEGIN = datetime(2017, 3, 1, 8)

# 0: tied seconds; 1799-1801: around the session gap
GAPS = (0, 0, 0, 1, 1, 7, 600, 1799, 1800, 1801, 90_000)
MILLISECONDS = (0, 0, 0, 250, 999)  # several events may share a second
COPIES = (1, 1, 1, 1, 2, 3)  # exact duplicates
COURSES = ("c10", "c9", "C9", "course-v1:É+2017", 'a "b", c', "010", "10", "{{ c }}")
EVENT_TYPES = (
    "load_video",
    "problem_check",
    "video_stop",
    "seek_video",
    "speed_up",
    "pause_video",
    # not learning events; an underscore is no wildcard and case counts
    "problemXcheck",
    "Load_video",
    "close_courseware",
    "my_load_video",
)
CHAINS = (0, 3, 4, 5, 14, 15, 16, 70)  # pairs: around K+Q and the prefix cap

# fmt: off
ODD_IDS = (
    "7", "07", "007", "7.0", "1e5", "0x1F", "-1", "true", "NULL.", "nul", "Nones",
    "NaN's", "user", "User", "USER", "user_1", "user%1", "userX1", "a", "a_000001",
    "a_", "_", "%", "it's", 'say "hi"', '"', "a,b", "a;b", "a|b", "a\tb", "back\\",
    "#1", "--", "/* */", "two  words", "{{ this }}", "{% raw %}",
    "{#", "$name", "${x}", "é", "e\u0301", "Łódź", "ß", "SS", "学堂在线", "🎓",
    "\uff5e", "\U0001d4b3", "2017-03-01", "08:00:00", "long" * 100,
)
# fmt: on

XuetangxRow = tuple[str, str, str, str, datetime]  # course, user, session, type, at
MarsRow = tuple[str, str, datetime]  # item, user, at


@dataclass(frozen=True)
class Step:
    """One event of a history, `gap` seconds after the one before."""

    gap: int
    milliseconds: int
    course: str
    event_type: str
    copies: int = 1


@dataclass(frozen=True)
class Log:
    """Raw rows of both data sets."""

    xuetangx: list[XuetangxRow]
    mars: list[MarsRow]


def chain(n_pairs: int, gap: int) -> list[Step]:
    """Steps that collapse to nothing and make exactly `n_pairs` pairs."""
    return [
        Step(gap, 0, COURSES[n % 3], EVENT_TYPES[n % 2]) for n in range(n_pairs + 1)
    ]


def rows_of(user_id: str, history: list[Step]) -> list[XuetangxRow]:
    """A history as raw XuetangX rows, in order of time."""
    rows, seconds = [], 0
    for step in history:
        seconds += step.gap
        at = BEGIN + timedelta(seconds=seconds, milliseconds=step.milliseconds)
        # sessions of the platform overlap in time and may hold several courses
        session = f"h{seconds // 90_000}{len(step.course) % 2}"
        row = (step.course, user_id, session, step.event_type, at)
        rows += [row] * step.copies
    return rows


def log_of(histories: list[tuple[str, list[Step]]], shuffle: random.Random) -> Log:
    """Histories as one log, with users of exactly so many pairs beside them, and
    users with a course of their own, which the train split may never see.

    Three of four users are in XuetangX, every other one in MARS.
    """
    edges = [(f"edge {n} {m}", chain(n, gap=60)) for n in CHAINS for m in range(4)]
    loners = [
        (f"loner {n}", [Step(60, 0, f"only {n}", "load_video")] * 5) for n in range(24)
    ]
    rows = [rows_of(user_id, steps) for user_id, steps in edges + loners + histories]
    xuetangx = [row for n, own in enumerate(rows) if n % 4 != 3 for row in own]
    mars = [
        (course, user_id, at)
        for n, own in enumerate(rows)
        if n % 2
        for course, user_id, _, _, at in own
    ]
    shuffle.shuffle(xuetangx)
    shuffle.shuffle(mars)
    return Log(xuetangx, mars)


def hard_log() -> Log:
    """The log of the differential test."""
    drawn, seeded = drawn_log(n_histories=250), seeded_log(seed=11, n_users=150)
    return Log(drawn.xuetangx + seeded.xuetangx, drawn.mars + seeded.mars)


def drawn_log(n_histories: int) -> Log:
    """One log of histories drawn by hypothesis.

    Runs of the same tests draw the same log; hypothesis mixes in constants of the
    project's modules, so code that changes may change it.
    """
    histories: dict[str, list[Step]] = {}

    @settings(
        max_examples=n_histories,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_user_ids(), _histories())
    def collect(user_id: str, history: list[Step]) -> None:
        taken = user_id in histories
        histories[f"{user_id}{len(histories)}" if taken else user_id] = history

    collect()
    return log_of(list(histories.items()), random.Random(1))


def seeded_log(seed: int, n_users: int) -> Log:
    """One log of longer histories: every user has one or two dozen pieces."""
    draw = random.Random(seed)
    histories = []
    for n in range(n_users):
        history = []
        for _ in range(draw.randint(1, 12)):
            if draw.random() < 0.2:
                history += chain(draw.choice(CHAINS), draw.choice((1, 1800)))
            else:
                history += [_random_step(draw) for _ in range(draw.randint(1, 12))]
        histories.append((f"{draw.choice(ODD_IDS)}{n}", history))
    return log_of(histories, draw)


def _random_step(draw: random.Random) -> Step:
    return Step(
        draw.choice(GAPS),
        draw.choice(MILLISECONDS),
        draw.choice(COURSES),
        draw.choice(EVENT_TYPES),
        draw.choice(COPIES),
    )


def _user_ids() -> st.SearchStrategy[str]:
    # no control characters: what a line break in a CSV is differs by reader
    letters = st.characters(exclude_categories=("Cs", "Cc"))
    texts = st.text(letters, min_size=1, max_size=6).filter(_is_an_id)
    return st.sampled_from(ODD_IDS) | texts


def _is_an_id(text: str) -> bool:
    """Whether readers keep it as it is: no blanks around it, no word for no value."""
    words = {"nan", "null", "none", "na", "n/a", "<na>", "#n/a", "nat", "\\n"}
    return text.strip() == text and text.lower() not in words


def _histories() -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from(GAPS),
        st.sampled_from(MILLISECONDS),
        st.sampled_from(COURSES),
        st.sampled_from(EVENT_TYPES),
        st.sampled_from(COPIES),
    )
    piece = st.lists(step, min_size=1, max_size=12) | st.builds(
        chain, st.sampled_from(CHAINS), st.sampled_from((1, 1800))
    )
    return st.lists(piece, min_size=1, max_size=4).map(
        lambda pieces: [step for piece in pieces for step in piece]
    )
