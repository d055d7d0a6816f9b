"""The settings of a queue as people read them."""

from __future__ import annotations

from labeling.models import OpenTo, Ordering, Queue, QueuePerson, SkipReason
from labeling.selectors.standing import hours_in_words


def settings_in_words(queue: Queue) -> dict[str, str]:
    """Each group of settings on one line. Moments are not among them: they are for the reader's own zone."""
    return {
        "who": _who(queue),
        "order": Ordering(queue.ordering).label + (", only what is moved here" if queue.only_moved else ""),
        "caps": _caps(queue),
        "when": hours_in_words(queue.hours),
        "skips": _skips(queue),
        "price": f"{queue.price.normalize():f} {queue.currency}".strip() if queue.price is not None else "none",
    }


def _who(queue: Queue) -> str:
    parts = ["everybody in the project"]
    if queue.open_to == OpenTo.PEOPLE:
        number = QueuePerson.objects.filter(queue=queue).count()
        parts = [f"{number:,} named {'person' if number == 1 else 'people'}" if number else "nobody yet: name people"]
    skills = sorted(queue.skills.items(), key=lambda one: one[0].casefold())
    parts += [f"{skill} from level {level}" for skill, level in skills]
    if queue.by_language:
        parts.append("in languages that they read")
    return ", ".join(parts)


def _caps(queue: Queue) -> str:
    parts = []
    if queue.most_per_day is not None:
        parts.append(f"{queue.most_per_day:,} a day")
    if queue.most_in_all is not None:
        parts.append(f"{queue.most_in_all:,} in all")
    if queue.most_in_hand == 1:
        parts.append("one task at a time")
    return ", ".join(parts) or "none"


def _skips(queue: Queue) -> str:
    rules = skip_rules_in_words(queue)
    told = [f"{SkipReason(reason).label.lower()}: {rules[reason]}" for reason in queue.skip_rules]
    return "; ".join(told) or "another person gets it"


def skip_rules_in_words(queue: Queue) -> dict[str, str]:
    """What becomes of a task that was skipped, for each reason."""
    targets = {rule["queue"] for rule in queue.skip_rules.values() if "queue" in rule}
    names = dict(Queue.objects.filter(pk__in=targets).values_list("pk", "name"))
    words = {}
    for reason in SkipReason.values:
        rule = queue.skip_rules.get(reason, {"then": "another_person"})
        after = rule.get("after", 1)
        behind = "at once" if after == 1 else f"after {after} skips"
        if rule["then"] == "retire":
            words[reason] = f"retired {behind}"
        elif rule["then"] == "queue" and rule["queue"] in names:
            words[reason] = f"moved to “{names[rule['queue']]}” {behind}"
        else:
            words[reason] = "another person gets it"
    return words
