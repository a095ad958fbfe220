"""Groups failed tasks or messages by task and error. If a task is chosen, it also groups them by show."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.safestring import SafeString

from desk.moments import at
from desk.queue.entries import Entry, Situation
from goals.names import GoalName, name_goals

MOST_GROUPS = 30


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that belong together. If all of them are about the same goal, `goal` names it."""

    entries: list[Entry]
    subjects: set[str]
    goal: GoalName | None

    @property
    def task(self) -> str:
        """The name of the task."""
        return short(self.entries[0].task)

    @property
    def error(self) -> str:
        """The first line of the error; "" for messages."""
        return self.entries[0].error

    @property
    def at(self) -> SafeString:
        """When the newest task failed, or when the first message is due."""
        return at(self.entries[0].at)

    @property
    def attempts(self) -> int:
        """The highest number of attempts of an entry."""
        return max(each.attempts for each in self.entries)

    @property
    def late(self) -> int:
        """How many messages are late."""
        return sum(each.situation is Situation.LATE for each in self.entries)

    @property
    def query(self) -> str:
        """The query string that filters the list by this group."""
        only_subject = next(iter(self.subjects)) if len(self.subjects) == 1 else ""
        chosen = {"task": self.entries[0].task, "error": self.error, "of": only_subject}
        return urlencode({name: value for name, value in chosen.items() if value})


@dataclass(frozen=True, slots=True)
class Groups:
    """The first groups, and the number of the other groups."""

    shown: list[Group]
    more: int


def group(entries: Iterable[Entry], *, by_show: bool) -> Groups:
    """Return the groups, in the order of their first entries."""
    key: Callable[[Entry], Hashable] = (lambda each: (each.task, each.error, each.subject)) if by_show else _by_cause
    gathered: dict[Hashable, list[Entry]] = defaultdict(list)
    for each in entries:
        gathered[key(each)].append(each)
    shown = [(members, {each.subject for each in members}) for members in list(gathered.values())[:MOST_GROUPS]]
    names = name_goals(subject for _members, subjects in shown if len(subjects) == 1 for subject in subjects)
    groups = [
        Group(members, subjects - {""}, names.get(next(iter(subjects))) if len(subjects) == 1 else None)
        for members, subjects in shown
    ]
    return Groups(groups, len(gathered) - len(shown))


def short(path: str | None) -> str:
    """Return the name of the task, which is the last part of its dotted path."""
    return (path or "").rpartition(".")[2]


def _by_cause(entry: Entry) -> Hashable:
    return entry.task, entry.error
