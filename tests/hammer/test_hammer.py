"""The short form of the hammer (tests/hammer/run.py), and whether it notices what it looks for."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from annotate.environment import ROOT
from labeling.models import Annotation, Draft, Queue, Slot, User
from labeling.services import drafts, slots
from tests import make
from tests.annotate.running import environment
from tests.hammer.annotators import Journal
from tests.hammer.chaos import faults_in
from tests.hammer.run import left_over, lost_answers, lost_drafts


@pytest.mark.slow
def test_what_was_confirmed_is_kept_while_programs_are_killed() -> None:
    """On a platform of its own, in a process of its own, another way each time."""
    command = {
        "people": 24,
        "processes": 8,
        "threads": 1,
        "workers": 2,
        "tasks": 30,
        "seconds": 5,
        "pause": 0.2,
        "seed": random.randrange(10**6),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.hammer.run", *(f"--{name}={value}" for name, value in command.items())],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for deed in ("kill_a_web_process", "kill_a_backend", "end_a_backend", "kill_the_broker", "change_overlap"):
        assert deed in done.stdout
    assert " submit" in done.stdout


class World:
    """One person who has submitted one task and has a draft in the next, and a journal that knows it."""

    def __init__(self) -> None:
        self.ann: User = make.person("ann")
        project = make.project(annotators=[self.ann])
        make.imported(project, 3)
        self.queue: Queue = make.queue(project)
        done = make.written(self.queue, self.ann, "one")
        self.done, self.slot = done, Slot.objects.get(pk=done.slot_id)
        held = slots.take_next(self.queue, by=self.ann)
        assert held is not None
        self.held = held
        drafts.save(held, {"response": {"text": "half"}}, lease=str(held.lease), revision=0, by=self.ann)
        self.journal = Journal()
        self.journal.sent = {"one": [self.ann.pk, self.slot.task_id], "half": [self.ann.pk, held.task_id]}
        self.journal.confirmed = [
            {
                "annotation": done.pk,
                "version": 1,
                "slot": done.slot_id,
                "task": self.slot.task_id,
                "person": self.ann.pk,
                "text": "one",
            }
        ]
        self.journal.beliefs = [
            self.belief(self.slot, "submitted", text="one", version=1),
            self.belief(held, "held", draft="half"),
        ]

    def belief(self, slot: Slot, state: str, **known: object) -> dict[str, object]:
        return {
            "person": self.ann.pk, "task": slot.task_id, "slot": slot.pk, "lease": str(slot.lease), "state": state,
            "text": "", "version": 0, "draft": "", **known,
        }  # fmt: skip


@pytest.fixture
def world(db: None) -> World:
    return World()


def test_nothing_is_wrong_where_all_is_there(world: World) -> None:
    assert lost_answers(world.journal) == []
    assert lost_drafts(world.journal) == []


def _lose_an_answer(world: World) -> None:
    Annotation.objects.all().delete()


def _change_a_text(world: World) -> None:
    Annotation.objects.update(answers={"response": {"text": "half"}})


def _take_back(world: World) -> None:
    Annotation.objects.update(undone_at=world.done.created_at)


def _write_twice(world: World) -> None:
    Annotation.objects.create(
        slot=world.slot, annotator=world.ann, queue=world.queue, version=2, answers=world.done.answers,
        form=world.done.form, guidelines=world.done.guidelines,
    )  # fmt: skip


def _open_again(world: World) -> None:
    Slot.objects.filter(pk=world.slot.pk).update(
        state="open", annotator=None, lease=None, lease_expires_at=None, finished_at=None
    )


def _take_away_the_lease(world: World) -> None:
    Slot.objects.filter(pk=world.held.pk).update(lease="00000000-0000-0000-0000-000000000000")


def _forget_what_was_sent(world: World) -> None:
    world.journal.sent.clear()


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (_lose_an_answer, "confirmed and not there"),
        (_change_a_text, "confirmed as"),
        (_take_back, "taken back: False"),
        (_write_twice, "there 2 times"),
        (_open_again, "submitted 'one', version 1"),
        (_take_away_the_lease, "held under"),
        (_forget_what_was_sent, "there and never sent: 'one'"),
    ],
)
def test_what_is_lost_is_noticed(world: World, deed: Callable[[World], None], said: str) -> None:
    deed(world)
    assert any(said in wrong for wrong in lost_answers(world.journal))


def test_a_draft_that_is_lost_is_noticed(world: World) -> None:
    Draft.objects.all().delete()
    assert "'half'" in lost_drafts(world.journal)[0]


def test_what_is_left_is_noticed(world: World) -> None:
    held, could = left_over([world.queue.pk])
    assert f"slot {world.held.pk}" in held
    assert "1 people have not met the task" in could


def test_errors_in_the_log_are_faults_unless_something_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text(
        'Traceback (most recent call last):\n  File "/x/labeling/services/slots.py", line 7, in x\nKeyError: 1\n\n'
        "During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
        "django.db.utils.OperationalError: consuming input failed: server closed the connection unexpectedly\n"
    )
    assert not faults_in(log)
    log.write_text(
        'Traceback (most recent call last):\n  File "/x/labeling/services/slots.py", line 7, in x\nKeyError: 1\n'
    )
    assert list(faults_in(log)) == ["KeyError: 1 (labeling/services/slots.py:7)"]
