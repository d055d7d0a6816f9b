"""The short form of the hammer (tests/hammer/run.py), and whether it notices what it looks for."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from annotate.environment import ROOT
from labeling.models import Annotation, Draft, Prompt, PromptImport, Queue, Slot, Task, User
from labeling.services import drafts, imports, people, slots
from tests import make
from tests.annotate.running import environment
from tests.hammer.annotators import Journal
from tests.hammer.chaos import faults_in
from tests.hammer.files import Files
from tests.hammer.run import left_over, lost_answers, lost_drafts, wait_for_workers


@pytest.mark.slow
def test_what_was_confirmed_is_kept_while_programs_are_killed() -> None:
    """On a platform of its own, in a process of its own, another way each time."""
    command = {
        "people": 24,
        "processes": 8,
        "threads": 1,
        "workers": 2,
        "tasks": 30,
        "lines": 40,
        "step": 10,
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
    for deed in ("kill_a_worker", "kill_the_workers", "kill_the_clock", "send_a_file"):
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


def test_a_prompt_without_a_task_is_noticed(world: World) -> None:
    task = Task.objects.filter(queue=world.queue).latest("pk")
    Slot.objects.filter(task=task).delete()
    task.delete()
    assert f"prompt {task.prompt_id} has no task in queue {world.queue.pk}" in left_over([world.queue.pk])


@pytest.mark.django_db(transaction=True)
def test_what_workers_have_not_done_is_noticed() -> None:
    project = make.project()
    make.imported(project, 3)
    queue = make.queue(project)
    assert wait_for_workers(seconds=0) == []
    imports.send(project, io.BytesIO(b'{"prompt": "?"}'), source="jsonl", by=make.manager(project))
    Queue.objects.filter(pk=queue.pk).update(following_from=0)
    waiting, unsettled = wait_for_workers(seconds=0)
    assert "is waiting" in waiting
    assert f"queue {queue.pk} is opened from None and followed from 0" in unsettled


@pytest.fixture
def files(transactional_db: None, live_server: LiveServer, settings: Settings) -> Files:
    """Files that were sent for a worker and read by one."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    project = make.project(slug="hammer")
    by = make.manager(project)
    token = {"Authorization": f"Token {people.create_token(by, by=by)[1]}"}
    files = Files(urlsplit(live_server.url).port or 0, token, Counter(), project="hammer", lines=5)
    files.send()
    for _ in range(4):
        files.send_for_a_worker(random.Random(2))
    imports.work()
    return files


def _nothing() -> None:
    """Leaves it as it is."""


def _lose_a_line() -> None:
    Prompt.objects.filter(external_id="late4").delete()


def _lose_a_record() -> None:
    PromptImport.objects.latest("pk").delete()


def _forget_a_line() -> None:
    PromptImport.objects.filter(imported=5).update(imported=4)


def _leave_it_waiting() -> None:
    PromptImport.objects.filter(imported=5).update(state="waiting", finished_at=None)


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (_nothing, ""),
        (_lose_a_line, "4 there"),
        (_lose_a_record, "imports that were confirmed are not there"),
        (_forget_a_line, "4 counted"),
        (_leave_it_waiting, "is waiting"),
    ],
)
def test_what_is_lost_of_a_file_is_noticed(files: Files, deed: Callable[[], None], said: str) -> None:
    deed()
    wrong = files.lost()
    files.call.close()
    assert bool(wrong) == bool(said)
    assert all(said in wrong[0] for _ in wrong)


def test_a_file_that_failed_is_there_when_it_was_sent_again(files: Files) -> None:
    PromptImport.objects.filter(imported=5).update(state="failed", reason="It broke off. Send the file again.")
    Prompt.objects.filter(external_id__in=["late6", "late7"]).delete()
    assert files.lost() == []
    files.call.close()
    assert Prompt.objects.filter(external_id__in=["late6", "late7"]).count() == 2


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
    # Celery on the way to a broker that is back.
    log.write_text(
        'Traceback (most recent call last):\n  File "/x/site-packages/kombu/transport/redis.py", line 7, in x\n'
        "AttributeError: 'NoneType' object has no attribute 'hostname'\n"
    )
    assert not faults_in(log)
    log.write_text(
        'Traceback (most recent call last):\n  File "/x/site-packages/celery/app/trace.py", line 7, in x\n'
        '  File "/x/workers/jobs.py", line 8, in tick\nAttributeError: no plan\n'
    )
    assert list(faults_in(log)) == ["AttributeError: no plan (workers/jobs.py:8)"]
