"""Simulated XuetangX activity logs, shaped by what was published about the real one.

Figures of the log of February to July 2017: 56,985,474 events, 28,002,537 of them
learning events of 182,755 users in 1,518 courses.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count

import numpy as np

from training.simulate.arrays import Ints
from training.simulate.courses.activity import Activity, ActivityConfig, draw_activity
from training.simulate.courses.bayes import Sequences
from training.simulate.courses.drift import CourseSettings, Drift, draw_drift
from training.simulate.courses.episodes import EpisodeRule, Split
from training.simulate.courses.histories import Histories
from training.simulate.courses.programme import (
    ProgrammeConfig,
    Programmes,
    draw_programmes,
)
from training.simulate.courses.truth import TruthWriter
from training.simulate.courses.xuetangx_log import FlatWriter, Names, Rows
from training.simulate.courses.xuetangx_nested import NativeWriter
from training.simulate.request import Counts, Request, Size

# many courses a user: small data from which models can learn the process
DENSE = ActivityConfig(
    process=ProgrammeConfig(n_items=150),
    block_users=1000,
    sessions_base=6,
    sessions_median=5.0,
    sessions_sigma=0.6,
    switching_max=0.9,
    switching_power=0.0,
    switches_shift=4.0,
    switches_power=3.0,
    extra_median=10.0,
    extra_sigma=0.8,
)
# the published log: most users never change the course within a session
PUBLISHED = ActivityConfig(
    process=ProgrammeConfig(n_items=1518),
    block_users=2048,
    sessions_base=1,
    sessions_median=2.05,
    sessions_sigma=1.35,
    switching_max=0.56,
    switching_power=2.0,
    switches_shift=1.0,
    switches_power=2.0,
    extra_median=12.0,
    extra_sigma=1.25,
)
DEFAULT_SIZE = Size(users=1000)
# numbers of learning events in the published log
LEARNING_EVENTS = {
    "pause_video": 10_447_067,
    "seek_video": 4_878_540,
    "problem_get": 4_594_062,
    "load_video": 3_832_977,
    "problem_check": 1_589_086,
    "problem_check_correct": 1_287_667,
    "problem_check_incorrect": 717_231,
    "problem_save": 655_907,
}
OTHER_EVENTS = (
    "play_video",
    "stop_video",
    "reset_problem",
    "click_about",
    "click_courseware",
    "click_forum",
    "click_info",
    "click_progress",
    "close_courseware",
    "close_forum",
    "create_comment",
    "create_thread",
    "delete_comment",
    "delete_thread",
)
# events of other types for each learning event: as published, or just a few
OTHER_SHARE = {"flat": 0.05, "native": 28_982_937 / 28_002_537}
OTHER_WITHIN_SEC = 5
WRITERS: dict[str, type[FlatWriter] | type[NativeWriter]] = {
    "flat": FlatWriter,
    "native": NativeWriter,
}
EPISODES = EpisodeRule("episodes_k5_q10", n_support=5, n_query=10, last_only=True)
PROCESS, ACTIVITY, RAW_EVENTS = range(3)


@dataclass(frozen=True)
class Part:
    """A block of users and where it stands in the log.

    Args:
        number: of the block.
        first_user, first_platform: log-wide numbers of its first user and of its
            first platform session.
    """

    activity: Activity
    number: int
    first_user: int
    first_platform: int


def simulate(request: Request) -> Counts:
    """Write a log and its truth.

    With a number of events the log has the published shape, else many courses a
    user. The learning events are the same in either form.
    """
    size = request.size or DEFAULT_SIZE
    is_published = size.events is not None
    config = PUBLISHED if is_published else DENSE
    origin = request.chance(PROCESS)
    settings: CourseSettings = request.settings or CourseSettings()
    drift = draw_drift(config.process, settings, origin) if settings.drift else None
    programmes = drift.before if drift else draw_programmes(config.process, origin)
    names = Names(
        courses=[course_id(number) for number in range(config.process.n_items)],
        event_types=[*LEARNING_EVENTS, *OTHER_EVENTS],
        seed=request.seed,
    )
    # of a large log only users who may be asked about have their pairs judged
    splits: frozenset[Split] = frozenset(
        {"val", "test"} if is_published else {"train", "val", "test"}
    )
    request.raw.mkdir()
    n_users = n_events = 0
    with (
        TruthWriter(
            request.truth, programmes, names.courses, EPISODES, splits, drift
        ) as truth,
        WRITERS[request.form](request.raw, names) as log,
        size.progress_bar("xuetangx", request.show_progress) as bar,
    ):
        for part in _parts(request, size, config, programmes, drift, settings.guests):
            chance = np.random.default_rng(request.chance(RAW_EVENTS, part.number))
            log.add(_raw_events(part, OTHER_SHARE[request.form], chance))
            truth.add(_histories(part, names))
            n_users += len(part.activity.programme)
            n_events += len(part.activity.event_at)
            bar.update(size.reached(n_users, n_events) - bar.n)
        log.finish()
        truth.finish(asdict(config) | (asdict(settings) if request.settings else {}))
    return Counts(n_users, n_events, truth.n_pairs)


def course_id(number: int) -> str:
    """A course id as the platform has them: several styles, some not ASCII."""
    term = ("2015_T2", "2016_T1", "2016_T2", "2017_T1")[number % 4]
    code = 20_220_332 + 1_009 * number
    if number % 50 == 7:
        return f"course-v1:CAICAI+计算机科学{code}X+{term}"
    if number % 50 == 23:
        return f'course-v1:清华大学+"中国"建筑史 {code}+{term}'
    if number % 5 == 1:
        return f"TsinghuaX/{code}_X/{term}"
    school = ("TsinghuaX", "MITx", "SPOC_TsinghuaX")[number % 3]
    return f"course-v1:{school}+{code}X+{term}"


def _parts(
    request: Request,
    size: Size,
    config: ActivityConfig,
    programmes: Programmes,
    drift: Drift | None,
    guests: float,
) -> Iterator[Part]:
    """Blocks of users until there are enough; the last is cut between users."""
    n_users = n_events = n_platform = 0
    for number in count():
        chance = np.random.default_rng(request.chance(ACTIVITY, number))
        drawn = draw_activity(config, programmes, chance, guests)
        if drift:
            drawn = _in_a_changing_world(drawn, drift, chance)
        events = np.bincount(drawn.event_user())
        activity = drawn.of_first_users(size.n_next(n_users, n_events, events))
        yield Part(activity, number, n_users, n_platform)
        n_users += len(activity.programme)
        n_events += len(activity.event_at)
        n_platform += int(activity.platform[-1]) + 1
        if size.is_enough(n_users, n_events):
            return


def _in_a_changing_world(
    drawn: Activity, drift: Drift, chance: np.random.Generator
) -> Activity:
    """The same learners at the same seconds, led by a process that changes."""
    visits = drawn.visits
    items = drift.sample(
        chance,
        drawn.programme[drawn.session_user],
        np.diff(visits.offsets),
        drawn.visit_at(),
    )
    return replace(drawn, visits=Sequences(items, visits.offsets))


def _raw_events(part: Part, other_share: float, chance: np.random.Generator) -> Rows:
    """Each learning event, and events of other types right after some of them."""
    activity = part.activity
    size = len(activity.event_at)
    # drawn first, so that learning events depend neither on the form nor on the cut
    learning_type = _learning_types(size, chance)
    n_rows = 1 + chance.poisson(other_share, size)
    of_event = np.repeat(np.arange(size), n_rows)
    is_other = np.diff(of_event, prepend=-1) == 0
    n_other = int(is_other.sum())
    event_type = learning_type[of_event]
    event_type[is_other] = len(LEARNING_EVENTS) + chance.integers(
        0, len(OTHER_EVENTS), n_other
    )
    at = activity.event_at[of_event]
    at[is_other] += chance.integers(0, OTHER_WITHIN_SEC, n_other)
    session = activity.visits.number()[activity.event_visit]
    return Rows(
        course=activity.visits.items[activity.event_visit][of_event],
        user=part.first_user + activity.session_user[session][of_event],
        platform=part.first_platform + activity.platform[session][of_event],
        event_type=event_type,
        at=at,
    )


def _learning_types(size: int, chance: np.random.Generator) -> Ints:
    share = np.array(list(LEARNING_EVENTS.values())) / sum(LEARNING_EVENTS.values())
    return np.searchsorted(share.cumsum()[:-1], chance.random(size), side="right")


def _histories(part: Part, names: Names) -> Histories:
    activity = part.activity
    last_user = part.first_user + len(activity.programme)
    return Histories(
        user_ids=[names.user(number) for number in range(part.first_user, last_user)],
        programme=activity.programme,
        sequences=activity.visits,
        user=activity.session_user,
        at=activity.visit_at(),
        is_guest=activity.is_guest,
    )
