"""Sending what is in the outbox of the webhooks: who sends what, what came of it, and when it is tried again.

The row is the work (labeling.models.webhooks). A worker claims what is due, has threads send it that know no database,
and stores what came of each; meanwhile it keeps moving the end of its claim on. What a worker held that died is sent
once more, under the same `webhook-id`: a receiver may get a message twice.
"""

from __future__ import annotations

import json
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from labeling import outgoing, signatures
from labeling.models import Delivery, DeliveryState, Webhook, WebhookState
from labeling.models.webhooks import TEST
from labeling.outgoing import Answer
from labeling.services import background, events

# Seconds before each try, from the end of the one before it: the schedule of the Standard Webhooks specification, ten
# tries in three days and a bit. `JITTER` of it more is drawn for each, so that what failed at once does not come back
# at once.
SCHEDULE = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
JITTER = 0.1
# A webhook to which nothing could be delivered for so long is switched off when a message has used up its tries.
GIVEN_UP_AFTER = timedelta(days=3)
# A receiver that is busy (429, 502, 503, 504) is left alone: for so long, or as long as it asks for, up to a day.
REST = 60.0
MOST_REST = 24 * 3600.0
_BUSY = (429, 502, 503, 504)
_GONE = 410

# How many requests are under way at once: in a worker, to one webhook, to one that fails, and to all that fail. So
# those that do not answer wait for themselves alone.
AT_ONCE = 32
EACH, EACH_FAILING = 4, 1
AT_ONCE_FAILING = AT_ONCE // 2

TURN_SECONDS = 30.0  # of a worker, before other jobs of its queue have theirs
POLL_SECONDS = 0.25
KEPT = timedelta(days=30)  # what is over, to be looked at
FORGOTTEN_AT_ONCE = 10_000

logger = logging.getLogger(__name__)

# One webhook after the other in each round (`nth`), so that a long queue before one makes nobody else wait.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT d.id, d.due_at, d.nth, w.failing_since IS NOT NULL AS failing
    FROM labeling_webhook w CROSS JOIN LATERAL (
        SELECT p.id, p.due_at, row_number() OVER (ORDER BY p.due_at, p.id) AS nth FROM labeling_delivery p
        WHERE p.webhook_id = w.id AND p.state = 'pending' AND p.due_at <= %(now)s
        ORDER BY p.due_at, p.id
        LIMIT GREATEST(0, CASE WHEN w.failing_since IS NULL THEN %(each)s ELSE %(each_failing)s END - (
            SELECT count(*) FROM labeling_delivery s WHERE s.webhook_id = w.id AND s.state = 'sending'))
    ) d
    WHERE w.state = 'active' AND COALESCE(w.rests_until <= %(now)s, true)
), picked AS (
    SELECT id FROM (
        SELECT *, row_number() OVER (PARTITION BY failing ORDER BY nth, due_at, id) AS turn FROM due
    ) ranked
    WHERE NOT failing OR turn <= %(free_failing)s
    ORDER BY nth, due_at, id LIMIT %(free)s
), got AS (
    SELECT id FROM labeling_delivery WHERE id IN (SELECT id FROM picked) AND state = 'pending' FOR UPDATE SKIP LOCKED
)
UPDATE labeling_delivery SET
    state = 'sending', claim = %(claim)s, claimed_until = %(until)s, due_at = NULL, tries = tries + 1
WHERE id IN (SELECT id FROM got) RETURNING id
"""

_IS_DUE = """
SELECT EXISTS (
    SELECT 1 FROM labeling_webhook w
    WHERE w.state = 'active' AND COALESCE(w.rests_until <= %(now)s, true) AND EXISTS (
        SELECT 1 FROM labeling_delivery d WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.due_at <= %(now)s)
) AND NOT EXISTS (
    SELECT 1 FROM labeling_delivery WHERE state = 'sending' AND claimed_until > %(now)s
)
"""


def is_waiting() -> bool:
    """Whether a worker is needed: something is due and nobody is sending. One at a time leaves room for other jobs."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_DUE, {"now": timezone.now()})
        row = cursor.fetchone()
    return bool(row and row[0])


def payload(delivery: Delivery) -> bytes:
    """The body of a message: the same bytes with every try."""
    occurred = delivery.occurred_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    said = {"type": delivery.type, "timestamp": occurred, "data": delivery.data}
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """What a message is signed with: the secret, and the one before it while it still counts."""
    old = webhook.old_secret_until is not None and now < webhook.old_secret_until
    return [webhook.secret, *([webhook.old_secret] if old else [])]


def send(delivery: Delivery) -> Answer:
    """Sends one message, signed at this moment, and says what came of it. Uses no database."""
    now, body = timezone.now(), payload(delivery)
    signed = signatures.headers(secrets_of(delivery.webhook, now), delivery.message_id, int(now.timestamp()), body)
    headers = {"Content-Type": "application/json", "User-Agent": "Annotate-Webhooks", **signed}
    return outgoing.post(delivery.webhook.url, headers, body, settings.WEBHOOKS_TO)


def work(*, should_stop: Callable[[], bool] = lambda: False, seconds: float = TURN_SECONDS) -> int:
    """Sends what is due, until nothing is or `seconds` are over. Returns how many tries it made.

    Told to stop, it begins nothing more and waits for what is under way. That ends within outgoing.TIMEOUT, but for the
    look-up of a name, which ends when the resolver gives up.
    """
    return _Sender(should_stop, seconds).run()


class _Sender:
    """One worker's turn: threads that send, and this one, which alone uses the database."""

    def __init__(self, should_stop: Callable[[], bool], seconds: float) -> None:
        self._claim = uuid.uuid4()
        self._end = time.monotonic() + seconds
        self._renewed = time.monotonic()
        self._should_stop = should_stop
        self._under_way: dict[Future[Answer], Delivery] = {}
        self._made = 0

    def run(self) -> int:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as threads:
            while self._begin(threads) or self._under_way:
                over, _ = wait(self._under_way, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in over:
                    store(self._under_way.pop(future), _outcome(future))
                self._keep_alive()
        return self._made

    def _begin(self, threads: ThreadPoolExecutor) -> bool:
        """Begins as much as there is room for. False where it begins nothing."""
        if self._should_stop() or time.monotonic() > self._end:
            return False
        failing = sum(delivery.webhook.failing_since is not None for delivery in self._under_way.values())
        claimed = claim(self._claim, AT_ONCE - len(self._under_way), AT_ONCE_FAILING - failing)
        for delivery in claimed:
            self._under_way[threads.submit(partial(send, delivery))] = delivery
        self._made += len(claimed)
        return bool(claimed)

    def _keep_alive(self) -> None:
        if self._under_way and time.monotonic() - self._renewed > background.RENEW_SECONDS:
            held = Delivery.objects.filter(state=DeliveryState.SENDING, claim=self._claim)
            held.update(claimed_until=background.end_of_claim())
            self._renewed = time.monotonic()


def _outcome(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except Exception as error:  # a fault of ours, which must not hold up the others
        logger.exception("A message could not be sent.")
        return Answer(None, f"It could not be sent ({type(error).__name__}).", 0.0)


@transaction.atomic
def claim(token: uuid.UUID, free: int, free_failing: int) -> list[Delivery]:
    """Claims at most `free` messages that are due, of which at most `free_failing` are for webhooks that fail."""
    if free <= 0:
        return []
    background.wait_turn(Delivery)
    parameters: dict[str, Any] = {
        "now": timezone.now(),
        "each": EACH,
        "each_failing": EACH_FAILING,
        "free": free,
        "free_failing": free_failing,
        "claim": token,
        "until": background.end_of_claim(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        found = [row[0] for row in cursor.fetchall()]
    rows = Delivery.objects.select_related("webhook").order_by("pk")
    return list(rows.filter(pk__in=found)) if found else []


@transaction.atomic
def store(delivery: Delivery, answer: Answer) -> bool:
    """Writes down what came of a try, and what follows from it for the message and its webhook.

    False where the message is somebody else's by now, or was deleted: then nothing is written.
    """
    now = timezone.now()
    # The webhook first, then the message, as everybody locks them.
    webhook = Webhook.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    found = webhook.filter(pk=delivery.webhook_id).first()
    fields: dict[str, Any] = {"claim": None, "claimed_until": None, "tried_at": now, "seconds": answer.seconds}
    fields |= {"status": answer.status, "answer": answer.words[:300], "body": answer.body}
    again = None if answer.is_good else _next_try(delivery, answer, now)
    if answer.is_good:
        fields |= {"state": DeliveryState.DELIVERED, "finished_at": now}
    elif again is None:
        fields |= {"state": DeliveryState.FAILED, "finished_at": now}
    else:
        fields |= {"state": DeliveryState.PENDING, "due_at": again}
    held = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.SENDING, claim=delivery.claim)
    if found is None or not held.update(**fields):
        return False
    # What the old address answered says nothing of a new one, and a test that fails switches nothing off.
    if found.url == delivery.webhook.url:
        _judge(found, answer, now, used_up=again is None and delivery.type != TEST)
    return True


def most_tries(type: str) -> int:
    """How often a message of a type is tried at most."""
    return 1 if type == TEST else len(SCHEDULE)


def _next_try(delivery: Delivery, answer: Answer, now: datetime) -> datetime | None:
    if answer.status == _GONE or delivery.tries >= most_tries(delivery.type):
        return None
    delay = SCHEDULE[delivery.tries] * (1 + random.uniform(0, JITTER))  # noqa: S311 - not for secrets
    return now + timedelta(seconds=max(delay, min(answer.retry_after or 0, MOST_REST)))


def _judge(webhook: Webhook, answer: Answer, now: datetime, *, used_up: bool) -> None:
    """What a try says of the webhook: that it is well, that it fails, that it needs a rest, that it is over."""
    if answer.is_good:
        if webhook.failing_since is not None:
            webhook.failing_since = webhook.rests_until = None
            webhook.save(update_fields=["failing_since", "rests_until"])
        return
    webhook.failing_since = webhook.failing_since or now
    if answer.status in _BUSY:
        rest = REST if answer.retry_after is None else min(answer.retry_after, MOST_REST)
        webhook.rests_until = now + timedelta(seconds=rest)
    webhook.save(update_fields=["failing_since", "rests_until"])
    if answer.status == _GONE:
        _switch_off(webhook, "The receiver answered 410 Gone: it wants no messages any more.")
    elif used_up and webhook.failing_since <= now - GIVEN_UP_AFTER:
        _switch_off(
            webhook, f"Nothing could be delivered since {webhook.failing_since:%-d %B %Y, %H:%M} UTC. {answer.words}"
        )


def _switch_off(webhook: Webhook, reason: str) -> None:
    if webhook.state != WebhookState.ACTIVE:
        return
    webhook.state, webhook.reason = WebhookState.FAILED, reason
    webhook.save(update_fields=["state", "reason"])
    events.record("webhook.switched_off", webhook, by=None, project=webhook.project, reason=reason)


def reclaim() -> int:
    """Puts back what dead workers held, to be sent at once. What used up its tries with them fails.

    Returns how many went back.
    """
    now = timezone.now()
    lost = Delivery.objects.filter(state=DeliveryState.SENDING, claimed_until__lt=now)
    free: dict[str, Any] = {"claim": None, "claimed_until": None}
    lost.filter(Q(tries__gte=len(SCHEDULE)) | Q(type=TEST)).update(
        state=DeliveryState.FAILED, finished_at=now, answer="Whoever sent it was gone each time.", **free
    )
    return lost.update(state=DeliveryState.PENDING, due_at=now, **free)


def forget_old() -> int:
    """Takes away what is over for KEPT. Returns how many. What still waits is kept, however old it is."""
    gone = 0
    old: Iterable[int]
    while old := list(
        Delivery.objects.filter(finished_at__lt=timezone.now() - KEPT)
        .order_by("finished_at")
        .values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]
    ):
        gone += Delivery.objects.filter(pk__in=old).delete()[0]
    return gone
