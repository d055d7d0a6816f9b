"""Tasks that go to another queue, and queues that take nothing else."""

from typing import Any

import pytest

from labeling.errors import Conflict, Invalid
from labeling.models import Project, Queue, Task, TaskState, User
from labeling.services import queues, tasks
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ann: User) -> Project:
    return make.project(annotators=[ann])


@pytest.fixture
def manager(project: Project) -> User:
    return make.manager(project)


def pair(project: Project, **settings: Any) -> tuple[Task, Queue]:
    """A task, and another queue."""
    make.imported(project, 1)
    return make.queue(project).tasks.get(), make.queue(project, **settings)


def test_a_queue_for_what_is_moved_takes_nothing_by_itself(project: Project, manager: User) -> None:
    task, experts = pair(project, only_moved=True, overlap=2)
    make.imported(project, 2)
    assert (experts.tasks.count(), experts.opening_from) == (0, None)
    moved = tasks.move(task, to=experts, by=manager)
    assert (moved.opened, moved.task.prompt_id, moved.task.slots.count()) == (True, task.prompt_id, 2)
    assert Task.objects.get(pk=task.pk).state == TaskState.RETIRED
    assert experts.tasks.count() == 1


def test_it_takes_the_others_once_it_is_told_to(project: Project, manager: User) -> None:
    make.imported(project, 3)
    experts = make.queue(project, only_moved=True)
    experts = queues.change(experts, only_moved=False, by=manager)
    assert experts.tasks.count() == 3
    queues.change(experts, only_moved=True, by=manager)
    make.imported(project, 2, start=3)
    assert experts.tasks.count() == 3


def test_what_is_retired_over_there_is_opened_again(project: Project, manager: User) -> None:
    task, other = pair(project)
    there = tasks.retire(other.tasks.get(), by=manager)
    moved = tasks.move(task, to=other, by=manager)
    assert (moved.opened, moved.task.pk, moved.task.state) == (True, there.pk, TaskState.OPEN)
    assert there.slots.count() == 1


def test_what_is_open_or_answered_over_there_stays_as_it_is(project: Project, manager: User, ann: User) -> None:
    task, other = pair(project)
    assert tasks.move(task, to=other, by=manager) == (other.tasks.get(), False)
    make.written(other, ann)
    tasks.reopen(task, by=manager)
    moved = tasks.move(task, to=other, by=manager)
    assert (moved.opened, moved.task.state, moved.task.slots.count()) == (False, TaskState.DONE, 1)


def test_it_stays_where_it_is_when_it_cannot_go_there(project: Project, manager: User) -> None:
    task, closed = pair(project, state="closed")
    with pytest.raises(Invalid) as refused:
        tasks.move(task, to=closed, by=manager)
    assert refused.value.errors[0].path == "queue"
    ranking = make.queue(project, preset="ranking", only_moved=True)
    with pytest.raises(Conflict, match="not as many responses"):
        tasks.move(task, to=ranking, by=manager)
    assert Task.objects.get(pk=task.pk).state == TaskState.OPEN


def test_a_queue_that_was_closed_meanwhile_takes_nothing(project: Project, manager: User) -> None:
    """Whoever moves many tasks looked the queue up before the first of them."""
    task, other = pair(project)
    there = tasks.retire(other.tasks.get(), by=manager)
    queues.change(other, state="closed", by=manager)
    with pytest.raises(Invalid):
        tasks.move(task, to=other, by=manager)
    assert {Task.objects.get(pk=one.pk).state for one in (task, there)} == {TaskState.OPEN, TaskState.RETIRED}
