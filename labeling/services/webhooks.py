"""Webhooks: who is told what, and the outbox. What is in the outbox is sent by labeling.services.deliveries."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from labeling import outgoing
from labeling.errors import Conflict, Fault, Invalid
from labeling.models import Delivery, DeliveryState, EventType, Project, User, Webhook, WebhookState
from labeling.models.webhooks import TEST
from labeling.prepared import Statement
from labeling.services import events
from labeling.signatures import new_secret
from labeling.text import unfit_text

MOST = 20  # webhooks of a project
MAX_URL, MAX_DESCRIPTION = 2000, 200
# How long the secret before the present one signs too.
OVERLAP = timedelta(hours=24)

# --- The outbox ------------------------------------------------------------------------------------------------------

_ANNOUNCE = Statement(
    """
    INSERT INTO labeling_delivery (webhook_id, message, type, data, occurred_at, due_at)
    SELECT id, %(message)s, %(type)s, %(data)s, now(), now() FROM labeling_webhook
    WHERE project_id = %(project)s AND state = 'active' AND types @> ARRAY[%(type)s::varchar]
    FOR KEY SHARE SKIP LOCKED  -- see `delete`
    """
)

# The rest of a statement that begins with `WITH done AS (…)`: the tasks that it completed, with `id`, `queue_id`,
# `prompt_id` and a fresh `message`. Where it completed none, nothing of this runs; where nobody listens, it is two
# probes of an index. labeling_settle() (migration 0011) does the same for a single task.
TASKS_COMPLETED = """
INSERT INTO labeling_delivery (webhook_id, message, type, data, occurred_at, due_at)
SELECT webhook.id, done.message, 'task.completed', jsonb_build_object(
           'project', project.slug, 'queue', done.queue_id, 'task', done.id, 'prompt', done.prompt_id,
           'external_id', (SELECT external_id FROM labeling_prompt WHERE id = done.prompt_id),
           'answers', (SELECT count(*) FROM labeling_slot WHERE task_id = done.id AND state = 'submitted')
       ), now(), now()
FROM done
JOIN labeling_queue queue ON queue.id = done.queue_id
JOIN labeling_webhook webhook ON webhook.project_id = queue.project_id
    AND webhook.state = 'active' AND webhook.types @> ARRAY['task.completed'::varchar]
JOIN labeling_project project ON project.id = queue.project_id
FOR KEY SHARE OF webhook SKIP LOCKED
"""


def announce(project: Project, type: str, data: Mapping[str, Any]) -> int:
    """Puts an event into the outbox for every webhook of the project that listens for it. Returns for how many.

    Call it in the transaction of the deed: what is rolled back was never announced, and what is done cannot be
    forgotten. One statement; where nobody listens, it looks into one index. `data` is thin: ids, addresses within the
    platform and counts, never prompts, responses or answers. The receiver is given `{"type", "timestamp", "data"}`.

    Raises ValueError for a type that is none of EventType.
    """
    if not connection.in_atomic_block:
        raise AssertionError("an event is announced in the transaction of its deed")
    message = uuid.uuid4()
    return _ANNOUNCE.run(project=project.pk, message=message, type=EventType(type).value, data=Jsonb(dict(data)))


# --- What managers do ------------------------------------------------------------------------------------------------


def clean_url(url: Any) -> str:
    """An address that a webhook can have. Raises Invalid, in words; where its host leads is looked at on sending."""
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise _wrong("url", f"Give an address of at most {MAX_URL} characters.")
    try:
        outgoing.check_url(url.strip(), settings.WEBHOOKS_TO)
    except outgoing.Refused as error:
        raise _wrong("url", str(error)) from error
    return url.strip()


def clean_types(types: Any) -> list[str]:
    """Some of EventType, each once and in its order. Raises Invalid."""
    known = ", ".join(EventType.values)
    if not isinstance(types, Sequence) or isinstance(types, str) or not types:
        raise _wrong("types", f"Choose at least one of: {known}.")
    unknown = [one for one in types if one not in EventType.values]
    if unknown:
        raise _wrong("types", f"There is no event “{unknown[0]}”. Choose from: {known}.")
    return [one for one in EventType.values if one in types]


def clean_description(text: Any) -> str:
    """A line that says whose address it is. Raises Invalid."""
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION or unfit_text(text):
        raise _wrong("description", f"Give a line of at most {MAX_DESCRIPTION} characters.")
    return " ".join(text.split())


def _wrong(path: str, message: str) -> Invalid:
    return Invalid("The webhook cannot be like this.", errors=[Fault(path, message)])


@transaction.atomic
def create(project: Project, *, url: Any, types: Any, description: Any = "", by: User) -> tuple[Webhook, str]:
    """A new webhook, and its secret, which is shown this once. Raises Invalid, or Conflict for one too many."""
    fields = {"url": clean_url(url), "types": clean_types(types), "description": clean_description(description)}
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    if Webhook.objects.filter(project=project).count() >= MOST:
        raise Conflict(f"A project has at most {MOST} webhooks. Delete one that nobody needs.")
    webhook = Webhook.objects.create(project=project, secret=new_secret(), **fields)
    events.record("webhook.created", webhook, by=by, project=project, host=webhook.host, types=webhook.types)
    return webhook, webhook.secret


@transaction.atomic
def change(
    webhook: Webhook, *, url: Any = None, types: Any = None, description: Any = None, state: Any = None, by: User
) -> Webhook:
    """Changes what is given. `state` is `active` or `paused`; one that the platform switched off comes back with
    `active`, and what waits is sent then. Raises Invalid.
    """
    webhook = _locked(webhook)
    before = {name: getattr(webhook, name) for name in ("url", "types", "description", "state")}
    if url is not None:
        webhook.url = clean_url(url)
    if types is not None:
        webhook.types = clean_types(types)
    if description is not None:
        webhook.description = clean_description(description)
    if state is not None:
        if state not in (WebhookState.ACTIVE, WebhookState.PAUSED):
            raise _wrong("state", "Choose one of: active, paused.")
        webhook.state = state
    changed = {name: [old, getattr(webhook, name)] for name, old in before.items() if getattr(webhook, name) != old}
    if not changed:
        return webhook
    if "url" in changed:
        changed["url"] = [urlsplit(one).netloc for one in changed["url"]]
    if "url" in changed or "state" in changed:  # it is another one, or begins anew
        webhook.reason, webhook.failing_since, webhook.rests_until = "", None, None
    webhook.save()
    events.record("webhook.changed", webhook, by=by, project=webhook.project, **changed)
    return webhook


@transaction.atomic
def delete(webhook: Webhook, *, by: User) -> None:
    """Takes a webhook away with its deliveries; what waits is not sent any more."""
    # Against whoever puts something into the outbox at this moment, which would refer to a row that is gone: this waits
    # for those who have begun, and they pass over a webhook that goes.
    webhook = Webhook.objects.select_related("project").select_for_update(of=("self",)).get(pk=webhook.pk)
    events.record("webhook.deleted", webhook, by=by, project=webhook.project, host=webhook.host)
    webhook.delete()


@transaction.atomic
def rotate(webhook: Webhook, *, by: User) -> tuple[Webhook, str]:
    """A new secret, shown this once. The one before it signs too for a day, so that no message is refused meanwhile."""
    webhook = _locked(webhook)
    webhook.old_secret, webhook.old_secret_until = webhook.secret, timezone.now() + OVERLAP
    webhook.secret = new_secret()
    webhook.save(update_fields=["secret", "old_secret", "old_secret_until"])
    events.record("webhook.secret_changed", webhook, by=by, project=webhook.project)
    return webhook, webhook.secret


@transaction.atomic
def test(webhook: Webhook, *, by: User) -> Delivery:
    """Puts a message that tells of nothing into the outbox, to be tried once. Raises Conflict while it is off."""
    webhook = _awake(webhook)
    now = timezone.now()
    data = {"project": webhook.project.slug, "webhook": webhook.pk}
    delivery = Delivery.objects.create(webhook=webhook, type=TEST, data=data, occurred_at=now, due_at=now)
    events.record("webhook.tested", webhook, by=by, project=webhook.project, delivery=delivery.pk)
    return delivery


@transaction.atomic
def send_again(delivery: Delivery, *, by: User) -> Delivery:
    """Sends a message once more from its first try on, under the same `webhook-id`, whatever became of it before.

    Raises Conflict while the webhook is off, or while the message is being sent.
    """
    webhook = _awake(delivery.webhook)
    delivery = Delivery.objects.select_for_update(no_key=True).get(pk=delivery.pk)
    if delivery.state == DeliveryState.SENDING:
        raise Conflict("This message is being sent at this moment.")
    delivery.webhook = webhook
    delivery.state, delivery.due_at = DeliveryState.PENDING, timezone.now()
    delivery.tries, delivery.finished_at = 0, None
    delivery.save(update_fields=["state", "due_at", "tries", "finished_at"])
    events.record("webhook.sent_again", webhook, by=by, project=webhook.project, delivery=delivery.pk)
    return delivery


def _locked(webhook: Webhook) -> Webhook:
    rows = Webhook.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    return rows.get(pk=webhook.pk)


def _awake(webhook: Webhook) -> Webhook:
    webhook = _locked(webhook)
    if webhook.state != WebhookState.ACTIVE:
        raise Conflict("This webhook is off, so nothing is sent to it. Switch it on first.")
    return webhook
