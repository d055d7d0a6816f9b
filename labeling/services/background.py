"""Long work in the background: whose it is, that whoever has it still lives, and how it ends.

The row is the queue (labeling.models.background). A worker takes the one that waited longest under a claim, and a
thread beside it keeps moving the claim's end on. A worker that dies stops doing so, and the row is taken up again.
Nothing here rings for a worker: that is the business of whoever runs them.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import Error, connection, transaction
from django.db.models import F, Model
from django.utils import timezone

from labeling.models import Work, WorkState
from labeling.models.background import UNFINISHED

W = TypeVar("W", bound=Work)

CLAIM_SECONDS = 20.0
RENEW_SECONDS = 4.0
MAX_TRIES = 3
_NAMESPACE = 7404  # of advisory locks; see labeling.services.locks

logger = logging.getLogger(__name__)


class Lost(Exception):
    """The work was called off, or went to another worker: what is under way must not be stored."""


def claimed() -> dict[str, Any]:
    """The fields of a row that its maker holds from the beginning."""
    return {"state": WorkState.RUNNING, "claim": uuid.uuid4(), "claimed_until": end_of_claim()}


def end_of_claim() -> datetime:
    """Until when a claim holds that is made or renewed now."""
    return timezone.now() + timedelta(seconds=CLAIM_SECONDS)


def is_waiting(kind: type[W]) -> bool:
    """Whether a worker is needed: some work waits and none is being done. One at a time leaves room for other jobs."""
    rows = kind._default_manager.filter(in_background=True)
    alive = rows.filter(state=WorkState.RUNNING, claimed_until__gt=timezone.now())
    return rows.filter(state=WorkState.WAITING).exists() and not alive.exists()


def wait_turn(kind: type[Model]) -> None:
    """One at a time takes up work of this kind, until its transaction ends: each sees what the last one took."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_NAMESPACE, kind._meta.db_table])


@transaction.atomic
def take(kind: type[W]) -> W | None:
    """The work that waited longest, claimed; None where there is none, or another worker has some in hand."""
    wait_turn(kind)
    if not is_waiting(kind):
        return None
    rows = kind._default_manager.select_for_update(of=("self",), no_key=True, skip_locked=True)
    work = rows.filter(state=WorkState.WAITING, in_background=True).order_by("waiting_since", "pk").first()
    if work is None:
        return None
    fields = {**claimed(), "reason": ""}
    for name, value in fields.items():
        setattr(work, name, value)
    work.save(update_fields=fields)
    return work


def still_held(work: W, **fields: Any) -> None:
    """Writes fields of a row that is still ours, and moves its end on. Raises Lost where it is not."""
    changed = _held(work).update(claimed_until=end_of_claim(), **fields)
    if not changed:
        raise Lost


def _held(work: W) -> Any:
    return type(work)._default_manager.filter(pk=work.pk, state=WorkState.RUNNING, claim=work.claim)


@contextmanager
def kept_alive(work: Work) -> Iterator[None]:
    """Moves the end of a claim on for as long as this process lives, whatever it waits for."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_SECONDS):
            try:
                _held(work).update(claimed_until=end_of_claim())
            except Error as error:
                logger.warning("The claim on %s could not be renewed: %s", work, error)
            finally:
                connection.close()  # a pool has few to give

    thread = threading.Thread(target=renew, name=f"claim on {work}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def put_back(work: W) -> None:
    """Lets others go before: the work waits for its next turn, and has all its tries left."""
    _held(work).update(state=WorkState.WAITING, claim=None, claimed_until=None, waiting_since=timezone.now(), tries=0)


def end(work: W, state: WorkState, reason: str = "") -> bool:
    """Ends work that is ours. False where somebody else ended it or has it by now."""
    changed = _held(work).update(state=state, reason=reason, claim=None, claimed_until=None, finished_at=timezone.now())
    return bool(changed)


def call_off(work: W, reason: str) -> bool:
    """Ends work that is under way, whoever holds it: its holder finds out at its next write. False if it had ended."""
    rows = type(work)._default_manager.filter(pk=work.pk, state__in=UNFINISHED)
    changed = rows.update(
        state=WorkState.CANCELLED, reason=reason, claim=None, claimed_until=None, finished_at=timezone.now()
    )
    return bool(changed)


def recover() -> None:
    """Gives up a connection that broke, so that the next statement gets a good one."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def lose(work: W, reason: str) -> bool:
    """Gives back work that broke through no fault of its own. False: that happened too often, and it failed."""
    if work.tries + 1 >= MAX_TRIES or not work.in_background:
        end(work, WorkState.FAILED, reason)
        return False
    _held(work).update(state=WorkState.WAITING, claim=None, claimed_until=None, tries=F("tries") + 1, reason=reason)
    return True


@transaction.atomic
def reclaim(kind: type[W], *, reason: str) -> list[W]:
    """Puts back the work of those who died; what was lost too often fails, and so does what no worker can take up.

    Returns what failed by it.
    """
    overdue = kind._default_manager.select_for_update(of=("self",), no_key=True, skip_locked=True).filter(
        state=WorkState.RUNNING, claimed_until__lt=timezone.now()
    )
    failed = []
    for work in overdue:
        if not lose(work, reason):
            failed.append(work)
    return failed
