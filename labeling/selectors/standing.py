"""Where somebody stands with a queue: why it gives them nothing now, and when it will again.

The claim (labeling.services.claims) decides; this says in words what it decided by, in the order in which people want
to know. A person who asks twice may be told another reason each time: others work meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import get_language_info

from labeling.models import Membership, OpenTo, PersonCount, Queue, QueuePerson, QueueState, Slot, SlotState, User
from labeling.selectors import counts as kept_counts

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Open seats that are looked at for the languages of what is left.
_SCAN = 2000


@dataclass(frozen=True)
class Standing:
    """Why there is nothing: a stable `code`, the reason on one line and in a sentence or two, and when it ends where
    that is known. `passes` is false where nobody but a manager can change it.
    """

    code: str
    title: str
    words: str
    ends_at: datetime | None = None
    passes: bool = True

    @property
    def brief(self) -> str:
        """What keeps somebody else from it, in a few words for a list of people."""
        return _BRIEF.get(self.code, self.title)


_BRIEF = {
    "not_named": "not named",
    "skills": "skills are missing",
    "in_all": "their share is done",
    "today": "their share for today is done",
}


def why_nothing(queue: Queue, user: User) -> Standing:
    """Why a queue has nothing for a person who was just given nothing. Looks at a bounded number of seats."""
    now = timezone.now()
    numbers = kept_counts.of_queues([queue.pk])[queue.pk]
    being_made = queue.opening_from is not None
    if queue.state == QueueState.CLOSED:
        return Standing("closed", "This queue is closed", "What you submitted is kept, and nothing more is asked here.")
    if queue.state == QueueState.PAUSED:
        return Standing(
            "paused",
            "This queue is paused",
            "What you submitted is kept. When a manager opens the queue again, you can go on here.",
        )
    if numbers["task.done"] and not numbers["task.open"] and not being_made:
        return Standing(
            "done",
            "Everything here is done",
            f"Every task of this queue has all its answers. {_how_they_come(queue, 'New ones')}",
        )
    return (
        _shut(queue, now)
        or barriers(queue, [user]).get(user.pk)
        or _unread(queue, user)
        or _nothing_left(queue, numbers, being_made=being_made)
    )


def _how_they_come(queue: Queue, which: str = "They") -> str:
    if queue.only_moved:
        return f"{which} come when tasks of other queues are moved here."
    return f"{which} come when prompts are added, and when responses are made."


def _nothing_left(queue: Queue, numbers: Mapping[str, int], *, being_made: bool) -> Standing:
    if being_made:
        words = "The tasks of this queue are being made at this moment. Look again in a minute."
        return Standing("being_made", "Nothing for you right now", words)
    if not numbers["task.open"]:
        words = f"No task has come into this queue yet. {_how_they_come(queue)}"
        return Standing("no_tasks", "Nothing for you right now", words)
    if not numbers["slot.open"]:
        words = "Others have the last tasks of this queue in hand. One comes back when somebody gives it back."
        return Standing("held", "Nothing for you right now", words)
    words = (
        "You have seen every task that is open in this queue. New ones come when prompts are added, when responses "
        "are made, or when somebody gives a task back."
    )
    return Standing("seen", "Nothing for you right now", words)


def _shut(queue: Queue, now: datetime) -> Standing | None:
    """The queue gives out nothing at this time of day, or not yet, or not any more."""
    opens = next_opening(queue, now)
    if opens == now:
        return None
    if queue.opens_at is not None and now < queue.opens_at:
        return Standing("not_yet", "This queue has not opened yet", "It gives out its first tasks later.", opens)
    if opens is None:
        words = "Its time is over. What you submitted is kept, and nothing more is given out."
        return Standing("over", "This queue’s time is over", words, passes=False)
    words = f"It gives out tasks within its opening hours: {hours_in_words(queue.hours)}."
    return Standing("hours", "Outside the opening hours", words, opens)


def barriers(queue: Queue, users: Iterable[User]) -> dict[int, Standing]:
    """What keeps people from taking anything from a queue whatever is in it: being named, skills, and their share.

    Those whom nothing keeps are left out. A handful of statements for any number of people.
    """
    ids = [user.pk for user in users]
    everybody = queue.open_to == OpenTo.MEMBERS
    named = set() if everybody else set(QueuePerson.objects.filter(queue=queue).values_list("user", flat=True))
    able = Membership.objects.filter(project=queue.project_id, user__in=ids).values_list("user", "skills")
    skills: dict[int, dict[str, int]] = dict(able) if queue.skills else {}
    shares = _shares(queue, ids)
    found = {}
    for pk in ids:
        standing = (
            (None if everybody or pk in named else _NOT_NAMED)
            or _unskilled(queue, skills.get(pk, {}))
            or _share_done(queue, *shares.get(pk, (0, 0)))
        )
        if standing is not None:
            found[pk] = standing
    return found


_NOT_NAMED = Standing(
    "not_named",
    "This queue is open to named people",
    "You are not among those whom its managers named. Ask one of them, if you think that you should be.",
    passes=False,
)


def _unskilled(queue: Queue, skills: Mapping[str, int]) -> Standing | None:
    asked = sorted(queue.skills.items(), key=lambda one: one[0].casefold())
    missing = {name: level for name, level in asked if skills.get(name, 0) < level}
    if not missing:
        return None
    wanted = ", ".join(
        f"{name} at level {level} (you are at {skills[name]})" if name in skills else f"{name} at level {level}"
        for name, level in missing.items()
    )
    words = f"It asks for {wanted}. A manager of the project sets who can do what."
    return Standing("skills", "This queue asks for other skills", words, passes=False)


def _shares(queue: Queue, user_ids: list[int]) -> dict[int, tuple[int, int]]:
    """What each person has of a queue: today (in UTC) and in all, what they hold included."""
    if queue.most_per_day is None and queue.most_in_all is None:
        return {}
    today = Q(day=timezone.now().astimezone(UTC).date())
    rows = PersonCount.objects.filter(queue=queue, annotator__in=user_ids).order_by().values_list("annotator_id")
    done = rows.annotate(today=Sum("submitted", filter=today, default=0), whole=Sum("submitted"))
    held = Slot.objects.filter(queue=queue, annotator__in=user_ids, state=SlotState.LEASED).order_by()
    holding = dict(held.values_list("annotator_id").annotate(number=Count("pk")))
    shares = dict.fromkeys(user_ids, (0, 0)) | {pk: (int(now), int(whole)) for pk, now, whole in done}
    return {pk: (now + holding.get(pk, 0), whole + holding.get(pk, 0)) for pk, (now, whole) in shares.items()}


def _share_done(queue: Queue, today: int, in_all: int) -> Standing | None:
    if queue.most_in_all is not None and in_all >= queue.most_in_all:
        words = f"A person answers at most {_tasks(queue.most_in_all)} of this queue. The rest is for others."
        return Standing("in_all", "Your share of this queue is done", words, passes=False)
    if queue.most_per_day is not None and today >= queue.most_per_day:
        words = f"A person answers at most {_tasks(queue.most_per_day)} of this queue a day. You can go on tomorrow."
        return Standing("today", "Your share for today is done", words, _midnight(timezone.now()))
    return None


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number:,} tasks"


def _midnight(now: datetime) -> datetime:
    """When the next day of UTC begins: that is when a day's share is counted anew."""
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), UTC)


_LANGUAGES_LEFT = """
SELECT language, count(*) FROM (
    SELECT task_id, language FROM labeling_slot
    WHERE queue_id = %(queue)s AND state = 'open' AND reserved_for_id IS NULL ORDER BY place LIMIT %(scan)s
) offered
WHERE NOT EXISTS (
    SELECT 1 FROM labeling_slot mine WHERE mine.task_id = offered.task_id AND mine.annotator_id + 0 = %(user)s
)
GROUP BY language ORDER BY count(*) DESC, language
"""


def _unread(queue: Queue, user: User) -> Standing | None:
    """What is left is in languages that the person does not read."""
    if not queue.by_language:
        return None
    read = Membership.objects.filter(project=queue.project_id, user=user).values_list("languages", flat=True).first()
    if read is None:
        return None
    known = {tag.lower() for tag in read}
    with connection.cursor() as cursor:
        cursor.execute(_LANGUAGES_LEFT, {"queue": queue.pk, "user": user.pk, "scan": _SCAN})
        tags = [tag for tag, _ in cursor.fetchall()]
    left = [tag for tag in tags if tag and not {tag.lower(), tag.lower().split("-")[0]} & known]
    if not left:
        return None
    told = "You read " + (", ".join(map(language_name, read)) if read else "none that a manager has noted")
    words = f"The tasks that are left are in {', '.join(map(language_name, left[:8]))}. {told}."
    return Standing("language", "What is left is in other languages", words, passes=False)


def language_name(tag: str) -> str:
    """A language as people call it, with its tag: “German (de)”; the tag alone where it is not known."""
    for known in (tag.lower(), tag.lower().split("-")[0]):
        try:
            return f"{get_language_info(known)['name']} ({tag})"
        except KeyError:
            continue
    return tag


# Opening hours


def next_opening(queue: Queue, moment: datetime) -> datetime | None:
    """When a queue that is open gives out work next, from a moment on: that moment itself where it does so then; none
    where it never will again. It agrees with labeling.services.slots.gives_out.
    """
    start = max(moment, queue.opens_at) if queue.opens_at else moment
    opens = _within(queue.hours, start) if queue.hours else start
    return None if opens is None or (queue.closes_at is not None and opens >= queue.closes_at) else opens


def _within(hours: Mapping[str, Any], start: datetime) -> datetime | None:
    """The first moment from `start` on that lies within opening hours."""
    zone = ZoneInfo(hours["timezone"])
    local = start.astimezone(zone)
    found = []
    for ahead in range(8):  # a week from now on, and the part of today that is over
        date = local.date() + timedelta(days=ahead)
        for opening in hours["week"]:
            if _DAYS[date.weekday()] not in opening["days"]:
                continue
            begins, ends = opening["from"], opening["to"]
            if ahead == 0 and begins <= f"{local:%H:%M}" < ends:
                return start
            if begins != "24:00" and (ahead or f"{local:%H:%M}" < begins):
                # By UTC and back: a time that the clocks leave out in spring is the one after it.
                found.append(datetime.combine(date, time.fromisoformat(begins), zone).astimezone(UTC))
        if found:
            return min(found)
    return None


def hours_in_words(hours: Mapping[str, Any]) -> str:
    """Opening hours on one line: “Mon–Fri 09:00–17:00 (Europe/Berlin)”."""
    if not hours:
        return "always"
    week = ", ".join(f"{_days_in_words(one['days'])} {one['from']}–{one['to']}" for one in hours["week"])
    return f"{week} ({hours['timezone']})"


def _days_in_words(days: list[str]) -> str:
    places = [_DAYS.index(day) for day in days]
    if len(places) == 7:
        return "every day"
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{days[0].title()}–{days[-1].title()}"
    return ", ".join(day.title() for day in days)
