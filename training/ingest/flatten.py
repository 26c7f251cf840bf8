"""From the strings of a nested log to rows: who owns which events."""

from array import array
from dataclasses import dataclass
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.ingest.row_group import Owners, RowGroup
from training.ingest.scanner import (
    COURSE,
    EVENT_TYPE,
    SESSION,
    USER,
    FormError,
    Strings,
)

_STAMP_LENGTH = len("YYYY-MM-DDTHH:MM:SS")


@dataclass(frozen=True)
class Counts:
    """What was read and what was kept.

    Users, courses and sessions (distinct hashes of a user) are those of kept events.
    """

    n_events: int
    n_kept: int
    n_rejected: int
    n_users: int
    n_courses: int
    n_sessions: int


class Flattener:
    """Gives each event its owner, drops those that are not wanted, counts.

    Args:
        event_type_prefixes: an event is kept if its type begins with one of them.
    """

    def __init__(self, event_type_prefixes: tuple[str, ...]) -> None:
        self._prefixes = event_type_prefixes
        self._owner = ("", "", "")  # of the events that come next
        self._users_of_course: set[str] = set()
        self._sessions_of_user: set[str] = set()
        self._tally = _Tally()

    def add(self, strings: Strings, rows: RowGroup) -> None:
        """Append the kept events of a stretch of the document to `rows`.

        Raises:
            FormError: a key stands twice in one object, or a timestamp (of a dropped
                event, too) does not parse; names the course, the user and the value.
        """
        owners, first_events = self._follow_keys(strings)
        events = np.flatnonzero(strings.levels == EVENT_TYPE)  # (N,)
        timestamps = _parsed(strings.take(events + 1), owners, first_events)
        types = strings.take(events).dictionary_encode()
        names = types.dictionary.to_pylist()
        is_wanted = np.array([name.startswith(self._prefixes) for name in names], bool)
        kept = np.flatnonzero(is_wanted[types.indices.to_numpy()])

        lengths = np.diff(np.searchsorted(kept, first_events), append=len(kept))
        courses, users, sessions = (list(compress(texts, lengths)) for texts in owners)
        owners = courses, users, sessions
        kept_lengths = lengths[lengths > 0].tolist()
        rows.add(owners, kept_lengths, types.take(kept), timestamps.take(kept))
        self._tally.add(owners, len(events), len(kept))

    def counts(self) -> Counts:
        """Counts of everything added so far."""
        return self._tally.counts()

    def _follow_keys(self, strings: Strings) -> tuple[Owners, np.ndarray]:
        """Owners of the events, the open session first, and the first event of each."""
        keys = np.flatnonzero(strings.levels <= SESSION)
        events_before = (keys - np.arange(len(keys))) // 2  # an event is two strings
        course, user, session = self._owner
        courses, users, sessions, firsts = [course], [user], [session], [0]
        for level, text, before in zip(
            strings.levels[keys].tolist(),
            strings.take(keys).to_pylist(),
            events_before.tolist(),
            strict=True,
        ):
            if level == COURSE:
                course, self._users_of_course = text, set()
            elif level == USER:
                user, self._sessions_of_user = text, set()
                if user in self._users_of_course:
                    raise _twice(f"course {course!r}: user {user!r}")
                self._users_of_course.add(user)
            else:
                session = text
                if session in self._sessions_of_user:
                    raise _twice(
                        f"course {course!r}, user {user!r}: session {session!r}"
                    )
                self._sessions_of_user.add(session)
                courses.append(course)
                users.append(user)
                sessions.append(session)
                firsts.append(before)
        self._owner = (course, user, session)
        return (courses, users, sessions), np.array(firsts)


class _Tally:
    """Counts that grow with the file."""

    def __init__(self) -> None:
        self._n_events = 0
        self._n_kept = 0
        # 64-bit hashes of every run's owner: 8 bytes each where a set of texts takes
        # 100, and among ten million two agree by chance once in 400,000 files
        self._courses, self._users, self._sessions = array("q"), array("q"), array("q")

    def add(self, owners: Owners, n_events: int, n_kept: int) -> None:
        self._n_events += n_events
        self._n_kept += n_kept
        courses, users, sessions = owners
        self._courses.extend(map(hash, courses))
        self._users.extend(map(hash, users))
        self._sessions.extend(map(hash, zip(users, sessions, strict=True)))

    def counts(self) -> Counts:
        return Counts(
            n_events=self._n_events,
            n_kept=self._n_kept,
            n_rejected=self._n_events - self._n_kept,
            n_users=_n_distinct(self._users),
            n_courses=_n_distinct(self._courses),
            n_sessions=_n_distinct(self._sessions),
        )


def _n_distinct(hashes: array) -> int:
    ordered = np.sort(np.array(hashes))
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(ordered.size)


def _twice(what: str) -> FormError:
    return FormError(
        f"{what} stands twice, and JSON readers keep one of the two; merge them"
    )


def _parsed(
    texts: pa.StringArray, owners: Owners, first_events: np.ndarray
) -> pa.TimestampArray:
    is_long_enough = pc.equal(pc.binary_length(texts), _STAMP_LENGTH)
    if pc.all(is_long_enough, min_count=0).as_py():
        try:
            return texts.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:  # such as month 13: which one is found below
            pass
    first = next(i for i, text in enumerate(texts) if not _is_time(text))
    owner = int(np.searchsorted(first_events, first, "right")) - 1
    course, user, session = (texts_of[owner] for texts_of in owners)
    raise FormError(
        f"course {course!r}, user {user!r}, session {session!r}: timestamp "
        f"{texts[first].as_py()!r} is not of the form YYYY-MM-DDTHH:MM:SS (a blank for "
        "the T is fine, a zone or fractions are not)"
    )


def _is_time(text: pa.StringScalar) -> bool:
    try:
        text.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return False
    return len(text.as_py()) == _STAMP_LENGTH
