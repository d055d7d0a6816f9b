"""Sending an export, and keeping what was sent: a file that came short must not look whole."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from labeling.exports.choices import Choice
from labeling.exports.models import Transfer, TransferState
from labeling.exports.stream import Export
from labeling.models import User
from labeling.services import events


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
        self._export.close()
        if self._transfer.state == TransferState.SENDING:
            self._end(TransferState.BROKEN)

    def _end(self, state: TransferState) -> None:
        if self._transfer.state != TransferState.SENDING:
            return
        report = self._export.report
        transfer = self._transfer
        transfer.state, transfer.ended_at = state, timezone.now()
        transfer.rows, transfer.bytes, transfer.sha256 = report.rows, report.bytes, report.sha256
        transfer.save()
