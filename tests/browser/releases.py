"""A project with releases in every state, as its manager meets them."""

import uuid
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from labeling.exports.models import Release
from labeling.exports.services import building, releases, withdrawals
from labeling.models import User
from labeling.services import annotations
from tests import make


def released(manager: User) -> dict[str, object]:
    """Two that are done and differ, one that failed, one that is built and one that waits; their places by name."""
    ann, ben = make.person("rel-ann"), make.person("rel-ben")
    project = make.project(manager, annotators=[ann, ben], slug="released")
    make.imported(project, 14, candidates=2, language="en")
    write, rank = make.queue(project, slug="write"), make.queue(project, preset="ranking", slug="rank")
    for number in range(9):
        make.written(write, ann, f"A reply by hand, number {number}: first *one* thing, then another.")
    for number in range(8):
        make.ranked(rank, ben, [[f"Answer 1 to {number}"], [f"Answer 0 to {number}"]])
    known: dict[str, Any] = {"formats": ["sft", "preference"], "by": manager}
    first = releases.ask(project, title="For the first paper", **known)
    _work()
    slot = write.tasks.earliest("pk").slots.get()
    said = {"response": {"text": "A reply by hand, number 0: first *one* thing, then two others."}}
    annotations.revise(slot, said, lease=str(slot.lease), version=1, by=ann)
    make.written(write, ann, "A reply that came late.")
    second = releases.ask(project, **known)
    _work()
    withdrawals.withdraw(project, ben, reason="By mail.", by=manager)
    failed = releases.ask(project, formats=["spans"], by=manager)
    _work()
    running, waiting = (releases.ask(project, **known) for _ in range(2))
    held: dict[str, Any] = {"claim": uuid.uuid4(), "claimed_until": timezone.now() + timedelta(days=1)}
    Release.objects.filter(pk=running.pk).update(state="running", prompts_done=5, prompts_of=14, **held)
    return {
        "released": project.slug,
        "number": first.number,
        "second_release": second.number,
        "failed_release": failed.number,
        "running_release": running.number,
        "waiting_release": waiting.number,
    }


def _work() -> None:
    with patch.object(building, "CLOCKS_APART", 0.0):
        releases.work()
