"""Webhooks: who is told of what happens in a project, and what was sent."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from labeling import access
from labeling.errors import DomainError, Invalid
from labeling.forms.base import complain, posted
from labeling.forms.projects import WebhookForm
from labeling.models import DeliveryState, EventType, Role, User, Webhook
from labeling.models.webhooks import TEST
from labeling.selectors import webhooks as reads
from labeling.services import deliveries, webhooks
from labeling.views.pages import MemberRequest, page
from labeling.views.paging import key_page


@never_cache
@page("GET", "HEAD", "POST")
def index(request: MemberRequest, slug: str) -> HttpResponse:
    """The webhooks of a project and how they stand; adds one, and shows its secret, this once."""
    project = access.get_project(request.user, slug, least=Role.MANAGER)
    form = WebhookForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = webhooks.create(project, **form.cleaned_data, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            return _secret(request, webhook, secret, made=True)
    found = [reads.standing(webhook) for webhook in reads.of_project(project).order_by("pk")]
    context = {"project": project, "manages": True, "form": form, "webhooks": found}
    return render(request, "labeling/webhooks.html", context, status=422 if form.errors else 200)


@never_cache
@page("GET", "HEAD", "POST")
def detail(request: MemberRequest, slug: str, webhook_id: int) -> HttpResponse:
    """A webhook, what was sent to it, and what it can be told of; changes it."""
    webhook = access.get_webhook(request.user, slug, webhook_id)
    form = WebhookForm(posted(request), initial=_stored(webhook))
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.change(webhook, **form.cleaned_data, by=request.user)
        except DomainError as error:
            complain(form, error)
        else:
            messages.success(request, "The webhook is changed.")
            return redirect("webhook", slug, webhook.pk)
    return _show(request, webhook, form)


def _stored(webhook: Webhook) -> dict[str, object]:
    return {"url": webhook.url, "types": webhook.types, "description": webhook.description}


def _secret(request: MemberRequest, webhook: Webhook, secret: str, *, made: bool = False) -> HttpResponse:
    context = {"project": webhook.project, "manages": True, "webhook": webhook, "secret": secret, "made": made}
    return render(request, "labeling/webhook_secret.html", context)


def _show(request: MemberRequest, webhook: Webhook, form: WebhookForm) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in DeliveryState.values else ""
    context = {
        "project": webhook.project,
        "manages": True,
        "webhook": webhook,
        "form": form,
        "rotated": webhook.old_secret_until is not None and webhook.old_secret_until > timezone.now(),
        "state": state,
        "states": DeliveryState.choices,
        "page": key_page(reads.deliveries(webhook, state=state), request.GET, newest_first=True),
        "most_tries": {type: deliveries.most_tries(type) for type in (*EventType.values, TEST)},
    }
    return render(request, "labeling/webhook.html", context, status=422 if form.errors else 200)


def _pause(webhook: Webhook, user: User) -> str:
    webhooks.change(webhook, state="paused", by=user)
    return "The webhook is paused. It is not told of what happens meanwhile."


def _resume(webhook: Webhook, user: User) -> str:
    webhooks.change(webhook, state="active", by=user)
    return "The webhook is on. What waited is sent now."


def _test(webhook: Webhook, user: User) -> str:
    webhooks.test(webhook, by=user)
    return "A test is on its way. What came of it stands below in a moment."


# What the buttons of a webhook's page do; each says what it did.
_DEEDS = {"pause": _pause, "resume": _resume, "test": _test}


@never_cache
@page("POST")
def act(request: MemberRequest, slug: str, webhook_id: int) -> HttpResponse:
    """Pauses a webhook, switches it on, tests it, gives it a new secret (and shows that, this once), or deletes it."""
    webhook = access.get_webhook(request.user, slug, webhook_id)
    deed = request.POST.get("deed", "")
    if deed == "rotate":
        webhook, secret = webhooks.rotate(webhook, by=request.user)
        return _secret(request, webhook, secret)
    if deed == "delete":
        webhooks.delete(webhook, by=request.user)
        messages.success(request, f"The webhook to {webhook.host} is gone.")
        return redirect("webhooks", slug)
    try:
        if deed not in _DEEDS:
            raise Invalid("Press one of the buttons.")
        messages.success(request, _DEEDS[deed](webhook, request.user))
    except DomainError as error:
        messages.error(request, error.detail)
    return redirect("webhook", slug, webhook.pk)


@page("POST")
def send_again(request: MemberRequest, slug: str, webhook_id: int, delivery_id: int) -> HttpResponse:
    """Has a message sent once more."""
    delivery = access.get_delivery(request.user, slug, webhook_id, delivery_id)
    try:
        webhooks.send_again(delivery, by=request.user)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, "It is sent once more. What came of it stands below in a moment.")
    return redirect("webhook", slug, webhook_id)
