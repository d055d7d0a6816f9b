"""Telling other programs what happens in a project: their addresses, and what was sent to them."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access, models
from labeling.api.base import ApiView, body, page, person, query
from labeling.api.schema import PageQuery, describe, page_of
from labeling.api.shapes.base import Fields, Known
from labeling.models import DeliveryState, EventType, Role, WebhookState
from labeling.selectors import webhooks as reads
from labeling.services import webhooks

_TYPES = "What it is told of: some of " + ", ".join(f"`{one}`" for one in EventType.values) + "."


class Webhook(Fields):
    id = serializers.IntegerField(source="pk")
    url = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    types = serializers.ListField(child=serializers.CharField(), help_text=_TYPES)
    state = Known(WebhookState.values, help_text="`paused` by a manager, or `failed`: switched off by the platform.")
    reason = serializers.CharField(allow_blank=True, help_text="Why the platform switched it off.")
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="The first failure since something was delivered last."
    )
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before the present one signs too."
    )
    created_at = serializers.DateTimeField()


class WebhookWithSecret(Webhook):
    secret = serializers.CharField(help_text="Shown this once.")


class NewWebhook(Fields):
    url = serializers.CharField(max_length=10_000)
    types = serializers.ListField(child=serializers.CharField(max_length=1000), max_length=100, help_text=_TYPES)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class WebhookChange(Fields):
    url = serializers.CharField(required=False, max_length=10_000)
    types = serializers.ListField(
        child=serializers.CharField(max_length=1000), max_length=100, required=False, help_text=_TYPES
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    state = Known((WebhookState.ACTIVE.value, WebhookState.PAUSED.value), required=False)


class Delivery(Fields):
    id = serializers.IntegerField(source="pk")
    webhook_id = serializers.CharField(source="message_id", help_text="The header of that name.")
    type = serializers.CharField()
    timestamp = serializers.DateTimeField(source="occurred_at", help_text="When it happened.")
    data = serializers.DictField()  # type: ignore[assignment]
    state = Known(DeliveryState.values)
    tries = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True, help_text="When it is tried next.")
    tried_at = serializers.DateTimeField(allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="Of the last answer; null where none came.")
    answer = serializers.CharField(allow_blank=True, help_text="What came of the last try, in words.")
    body = serializers.CharField(allow_blank=True, help_text="The beginning of an answer that was no good one.")
    seconds = serializers.FloatField(allow_null=True, help_text="How long the last try took.")


class DeliveriesQuery(PageQuery):
    state = Known(DeliveryState.values, required=False)


class Webhooks(ApiView):
    @describe({200: page_of(Webhook)}, errors=(400,), query=PageQuery, operation_id="list_webhooks")
    def get(self, request: Request, slug: str) -> Response:
        """The webhooks of a project."""
        project = access.get_project(person(request), slug, least=Role.MANAGER)
        return page(request, reads.of_project(project), Webhook)

    @describe({201: WebhookWithSecret}, request=NewWebhook, errors=(409,), operation_id="create_webhook")
    def post(self, request: Request, slug: str) -> Response:
        """A new webhook, on from now. The answer holds its secret, this once."""
        user = person(request)
        project = access.get_project(user, slug, least=Role.MANAGER)
        webhook, _ = webhooks.create(project, **body(request, NewWebhook, strict=True), by=user)
        return Response(WebhookWithSecret(webhook).data, status=201)


class WebhookDetail(ApiView):
    @describe({200: Webhook}, operation_id="get_webhook")
    def get(self, request: Request, slug: str, webhook_id: int) -> Response:
        """One webhook, and how it stands."""
        return Response(Webhook(access.get_webhook(person(request), slug, webhook_id)).data)

    @describe({200: Webhook}, request=WebhookChange, operation_id="change_webhook")
    def patch(self, request: Request, slug: str, webhook_id: int) -> Response:
        """Changes a webhook, pauses it, or switches it on again."""
        user = person(request)
        webhook = access.get_webhook(user, slug, webhook_id)
        return Response(Webhook(webhooks.change(webhook, **body(request, WebhookChange, strict=True), by=user)).data)

    @describe({204: "It is gone, and what waits for it is not sent."}, operation_id="delete_webhook")
    def delete(self, request: Request, slug: str, webhook_id: int) -> Response:
        """Takes a webhook away with its deliveries."""
        user = person(request)
        webhooks.delete(access.get_webhook(user, slug, webhook_id), by=user)
        return Response(status=204)


class RotateSecret(ApiView):
    @describe({200: WebhookWithSecret}, operation_id="rotate_webhook_secret")
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        """A new secret, which the answer holds this once. The one before it signs too for 24 hours."""
        user = person(request)
        webhook, _ = webhooks.rotate(access.get_webhook(user, slug, webhook_id), by=user)
        return Response(WebhookWithSecret(webhook).data)


class TestWebhook(ApiView):
    @describe({202: Delivery}, errors=(409,), operation_id="test_webhook")
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        """Has a message sent that tells of nothing. It is tried once; its delivery says what came of it."""
        user = person(request)
        delivery = webhooks.test(access.get_webhook(user, slug, webhook_id), by=user)
        return Response(Delivery(delivery).data, status=202)


class Deliveries(ApiView):
    @describe({200: page_of(Delivery)}, errors=(400,), query=DeliveriesQuery, operation_id="list_webhook_deliveries")
    def get(self, request: Request, slug: str, webhook_id: int) -> Response:
        """What was sent to a webhook or waits for it, the newest first, each with what came of its last try."""
        webhook = access.get_webhook(person(request), slug, webhook_id)
        asked = query(request, DeliveriesQuery)
        return page(request, reads.deliveries(webhook, state=asked.get("state", "")), Delivery, newest_first=True)


class SendAgain(ApiView):
    @describe({202: Delivery}, errors=(409,), operation_id="repeat_webhook_delivery")
    def post(self, request: Request, slug: str, webhook_id: int, delivery_id: int) -> Response:
        """Has a message sent once more, from its first try on and under the same `webhook-id`."""
        user = person(request)
        delivery: models.Delivery = access.get_delivery(user, slug, webhook_id, delivery_id)
        return Response(Delivery(webhooks.send_again(delivery, by=user)).data, status=202)
