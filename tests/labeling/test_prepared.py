"""Statements that stay prepared: that they are, and that rows come as Django would give them."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction

from labeling.models import Draft, FormVersion, Queue, Slot
from labeling.prepared import Statement
from labeling.services import slots
from tests import make

pytestmark = pytest.mark.django_db


def kept() -> dict[str, tuple[int, int]]:
    """How often each prepared statement was run by the plan for all values, and by one of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements")
        return {statement: (general, own) for statement, general, own in cursor.fetchall()}


def test_claims_are_planned_once() -> None:
    ann = make.person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 12)
    queue = make.queue(project)
    for _ in range(12):
        slot = slots.take_next(queue, by=ann)
        assert slot is not None
        make.answered(slot, ann, {"response": {"text": "x"}})
    (claim,) = [runs for statement, runs in kept().items() if "marked AS" in statement]
    assert claim[0] >= 12
    assert claim[1] == 0


def test_models_come_whole_and_none_where_there_is_none() -> None:
    queue = make.queue(make.project(), overlap=2)
    statement = Statement(
        "SELECT {queue}, {form}, {draft}, 40 + 2 FROM labeling_queue queue"
        " JOIN labeling_formversion form ON form.id = queue.form_id"
        " LEFT JOIN labeling_draft draft ON false WHERE queue.id = %(queue)s",
        queue=Queue,
        form=FormVersion,
        draft=Draft,
    )
    found = statement.first(queue=queue.pk)
    assert found is not None
    again, form, draft, number = found
    fields = [field.attname for field in Queue._meta.concrete_fields]
    assert [getattr(again, name) for name in fields] == [
        getattr(Queue.objects.get(pk=queue.pk), name) for name in fields
    ]
    assert form.questions == queue.form.questions  # type: ignore[union-attr]
    assert (draft, number) == (None, 42)
    assert statement.first(queue=2**62) is None
    assert len(statement.all(queue=queue.pk)) == 1


def test_numbers_of_any_size_share_one_statement() -> None:
    statement = Statement("SELECT {slot} FROM labeling_slot slot WHERE slot.id = %(slot)s -- any size", slot=Slot)
    for number in (1, 2**20, 2**40):
        assert statement.first(slot=number) is None
    assert len([one for one in kept() if "any size" in one]) == 1


def test_an_error_is_one_of_django_and_breaks_the_transaction() -> None:
    statement = Statement("SELECT 1 / %(by)s::int")
    with pytest.raises(DataError), transaction.atomic():
        statement.run(by=0)
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            statement.run(by=1)
