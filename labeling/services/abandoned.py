"""Seats that nobody comes back to, so that no task waits for them for ever."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from labeling.conditions import wanted
from labeling.errors import Conflict
from labeling.models import Slot, SlotState
from labeling.services import slots, tasks

# How long after the end of a lease a seat waits for somebody who has written something: they may finish it late.
PATIENCE = timedelta(days=1)
AT_ONCE = 500  # seats of each kind

# Leases that ran out go to whoever asks next, but for those of seats that nobody else is to have: their task is
# retired, or the overlap was lowered since.
_UNWANTED = f"""
SELECT s.id FROM labeling_slot s
WHERE s.state = 'leased' AND s.lease_expires_at < %(now)s AND NOT COALESCE({wanted("s")}, false)
  AND (s.lease_expires_at < %(long_ago)s OR NOT EXISTS (
    SELECT 1 FROM labeling_draft d WHERE d.slot_id = s.id AND d.annotator_id = s.annotator_id))
ORDER BY s.lease_expires_at LIMIT %(most)s
"""  # noqa: S608 - our own constant


def reclaim() -> int:
    """Closes seats that are not asked for any more once their holders are gone, with what they wrote kept in the Event,
    and frees those that were handed to somebody whose account is closed. Returns how many of both.
    """
    return _close_unwanted() + _free_handed()


def _close_unwanted() -> int:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_UNWANTED, {"now": now, "long_ago": now - PATIENCE, "most": AT_ONCE})
        found = [row[0] for row in cursor.fetchall()]
    return sum(_give_back(pk) for pk in found)


@transaction.atomic
def _give_back(slot_id: int) -> bool:
    # Its holder may have come back since, or may be writing at this moment.
    held = Slot.objects.select_for_update(no_key=True, skip_locked=True)
    slot = held.filter(pk=slot_id, state=SlotState.LEASED, lease_expires_at__lt=timezone.now()).first()
    if slot is not None:
        slots.release(slot, by=None)
    return slot is not None


def _free_handed() -> int:
    waiting = Slot.objects.filter(state=SlotState.OPEN, reserved_for__isnull=False, reserved_for__is_active=False)
    return sum(_free(slot) for slot in waiting[:AT_ONCE])


def _free(slot: Slot) -> bool:
    with contextlib.suppress(Conflict, Slot.DoesNotExist):  # somebody was quicker
        tasks.hand_to_anybody(slot, by=None)
        return True
    return False
