"""A process that takes slots for several people, over and over, until there are none: see test_concurrency."""

import random
import sys

import django

django.setup()

from labeling.errors import Conflict, LeaseLost  # noqa: E402
from labeling.models import Queue, User  # noqa: E402
from labeling.services import annotations, drafts, skips, slots  # noqa: E402


def main(queue_id: int, seed: int) -> None:
    """Everybody's turn comes at random; one in ten skips, takes back or sends twice; half keep one ahead."""
    dice = random.Random(seed)
    queue = Queue.objects.select_related("project").get(pk=queue_id)
    waiting = list(User.objects.filter(memberships__project=queue.project, memberships__role="annotator"))
    while waiting:
        person = dice.choice(waiting)
        slot = slots.take_next(queue, by=person)
        if slot is None:
            waiting.remove(person)
            continue
        lease = str(slot.lease)
        try:
            if dice.random() < 0.5:
                slots.take_ahead(queue, by=person)
            if dice.random() < 0.1:
                skips.skip(slot, lease=lease, reason="other", by=person)
                continue
            answers = {"response": {"text": f"by {person.pk}"}}
            drafts.save(slot, answers, lease=lease, revision=0, by=person)
            for _ in range(2 if dice.random() < 0.1 else 1):
                annotations.submit(slot, answers, lease=lease, by=person)
            if dice.random() < 0.1:
                slot = annotations.undo(slot, lease=lease, by=person)
                annotations.submit(slot, answers, lease=str(slot.lease), by=person)
        except (LeaseLost, Conflict):
            # Another process works for the same person and has finished this very slot: that is the contest.
            continue


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
