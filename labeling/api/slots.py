"""What the holder of a slot does with it. Every call carries the lease."""

from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.base import ApiView, body, person
from labeling.api.schema import describe
from labeling.api.shapes import slots as shapes
from labeling.models import Annotation
from labeling.services import annotations, drafts, skips, slots


class Draft(ApiView):
    @describe(
        {200: shapes.DraftSaved, 409: shapes.DraftConflict},
        request=shapes.NewDraft,
        operation_id="save_draft",
    )
    def put(self, request: Request, slot_id: int) -> Response:
        """Keeps half-done answers and renews the lease."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        draft, slot = drafts.save(slot, **body(request, shapes.NewDraft), by=user)
        saved = {"revision": draft.revision, "saved_at": draft.saved_at, "expires_at": slot.lease_expires_at}
        return Response(shapes.DraftSaved(saved).data)


class Submit(ApiView):
    @describe(
        {201: shapes.Submitted, 200: shapes.Submitted, 409: shapes.DraftConflict},
        request=shapes.Submission,
        errors=(422,),
        operation_id="submit_slot",
    )
    def post(self, request: Request, slot_id: int) -> Response:
        """Turns answers into an annotation: 201. The same call again is 200 with the same body."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        annotation, created = annotations.submit(slot, **body(request, shapes.Submission), by=user)
        return _submitted(annotation, created)


class Revise(ApiView):
    @describe(
        {201: shapes.Submitted, 200: shapes.Submitted},
        request=shapes.Revision,
        errors=(409, 422),
        operation_id="revise_slot",
    )
    def post(self, request: Request, slot_id: int) -> Response:
        """Corrects what you submitted, until the queue closes: 201 with the new version, 200 where nothing changes."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        annotation, created = annotations.revise(slot, **body(request, shapes.Revision), by=user)
        return _submitted(annotation, created)


class Undo(ApiView):
    @describe({200: shapes.Undone}, request=shapes.Release, errors=(409,), operation_id="undo_submit")
    def post(self, request: Request, slot_id: int) -> Response:
        """Takes a submit back within 30 seconds: the slot is yours again under a new lease, its answers a draft."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        slot = annotations.undo(slot, lease=body(request, shapes.Release)["lease"], by=user)
        return Response(shapes.Undone(slot).data)


class Skip(ApiView):
    @describe({200: shapes.SlotOutcome}, request=shapes.Skip, errors=(409,), operation_id="skip_slot")
    def post(self, request: Request, slot_id: int) -> Response:
        """Puts the task aside for good, for you; somebody else gets it."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        sent = body(request, shapes.Skip)
        sent["comment"] = sent.get("comment") or ""
        return Response(shapes.SlotOutcome(skips.skip(slot, **sent, by=user)).data)


class Release(ApiView):
    @describe({200: shapes.SlotOutcome}, request=shapes.Release, errors=(409,), operation_id="release_slot")
    def post(self, request: Request, slot_id: int) -> Response:
        """Gives the slot back to its queue. Your draft stays."""
        user = person(request)
        slot = access.get_held_slot(user, slot_id)
        slot = slots.give_back(slot, lease=body(request, shapes.Release)["lease"], by=user)
        return Response(shapes.SlotOutcome(slot).data)


def _submitted(annotation: Annotation, created: bool) -> Response:
    # As shapes.Submitted says, without its cost: this is the call of which there are most.
    return Response({"annotation": annotation.pk, "version": annotation.version}, status=201 if created else 200)
