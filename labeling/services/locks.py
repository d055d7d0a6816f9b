"""Locks that are no rows. The first of them keeps a project's queues and its prompts from missing each other.

A prompt that becomes ready looks for queues, and a new or changed queue looks for prompts. While neither can see
the other's uncommitted rows, each would leave the work to the other. So whoever changes queues or generators holds the
project alone, and whoever makes prompts ready shares it with others of their kind. Taken first of all locks in a
transaction; it ends with the transaction.
"""

from __future__ import annotations

from django.db import connection

from labeling.models import Project
from labeling.prepared import Statement

# PostgreSQL's advisory locks have one space for the whole database: 7401 and 7403 are here, 7402 adds up kept counts
# (migration 0004), 7404 is for work in the background (labeling.services.background), 7405 for a release's files
# (labeling.exports), 7406 is here again. Locks by one number instead of two have another space, for turns alone.
_NAMESPACE = 7401
_FOLLOWING = 7403
_REVIEWING = 7406
# The number of a person's turn in a queue, of the parameters `annotator` and `queue`.
TURN = "hashint8extended(%(annotator)s, %(queue)s)"
_TURN = Statement(f"SELECT pg_advisory_xact_lock({TURN})")


def hold_queues(project: Project) -> None:
    """For whoever makes or changes a queue, or stops a generator: waits for everybody else, and they wait."""
    _lock("pg_advisory_xact_lock", project.pk)


def share_queues(project_id: int) -> None:
    """For whoever makes prompts of the project ready, or takes them back."""
    _lock("pg_advisory_xact_lock_shared", project_id)


def _lock(function: str, project_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_NAMESPACE, project_id])


def try_follow(queue_id: int) -> bool:
    """For whoever carries out what a queue's settings mean: true when nobody else is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_FOLLOWING, queue_id])
        row = cursor.fetchone()
    return bool(row and row[0])


def take_turn(queue_id: int, annotator_id: int) -> None:
    """For whoever takes a seat, or a submit back: one call of a person in a queue at a time.

    Each sees what the last one did.

    Call it before any look at what the person holds.
    """
    _TURN.run(queue=queue_id, annotator=annotator_id)


def take_turn_to_review(queue_id: int) -> None:
    """For whoever looks for answers to review: one at a time in a queue, so that each sees what the others have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_REVIEWING, queue_id])
