"""Sending an export, and keeping what was sent: a file that came short must not look whole."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction
from django.utils import timezone

from labeling.exports.choices import Choice
from labeling.exports.models import Transfer, TransferState
from labeling.exports.stream import Export
from labeling.models import User
from labeling.services import events


@transaction.atomic
def begin(choice: Choice, *, by: User) -> Transfer:
    """The record of an export that is about to be sent."""
    transfer = Transfer.objects.create(project=choice.project, by=by, choice=choice.as_dict)
    events.record(
        "project.exported", choice.project, by=by, project=choice.project, transfer=transfer.pk, **choice.as_dict
    )
    return transfer


class Sent:
    """The bytes of an export as they are sent. At the end, the record says what they were; where it is closed before or
    something fails, that it broke off. Close it, as WSGI servers do.
    """

    def __init__(self, export: Export, transfer: Transfer) -> None:
        self._export = export
        self._transfer = transfer
        # A long export would leave it idle, until somebody on the way ends it; the end is told on a fresh one.
        if not connection.in_atomic_block:
            connection.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._export)
        except StopIteration:
            self._end(TransferState.WHOLE)
            raise
        except BaseException:
            self._end(TransferState.BROKEN)
            raise

    def close(self) -> None:
        """Gives the database connection back, and says that it broke off where it had not ended."""
        try:
            self._export.close()
        finally:
            self._end(TransferState.BROKEN)

    def _end(self, state: TransferState) -> None:
        if self._transfer.state != TransferState.SENDING:
            return
        report = self._export.report
        Transfer.objects.filter(pk=self._transfer.pk, state=TransferState.SENDING).update(
            state=state, ended_at=timezone.now(), rows=report.rows, bytes=report.bytes, sha256=report.sha256
        )
        self._transfer.state = state
