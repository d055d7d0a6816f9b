"""What one has done: the list, correcting, and what stays when the queue is closed. Without scripts."""

import pytest
from django.test import Client

from labeling.models import Annotation, Project, Queue, QueueState, Slot, User
from labeling.services import annotations, queues, slots
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue(project: Project) -> Queue:
    make.imported(project, 3)
    return make.queue(project, overlap=2)


@pytest.fixture
def as_ann(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def address(queue: Queue, annotation: Annotation) -> str:
    return f"/label/{queue.pk}/done/{annotation.slot_id}/"


def form(annotation: Annotation, text: str, version: object = 1) -> dict[str, object]:
    return {"lease": str(annotation.slot.lease), "version": version, "slot": annotation.slot_id, "q.response": text}


def test_it_works(as_ann: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann, "As it was.")
    listed = as_ann.get(f"/label/{queue.pk}/done/").content.decode()
    assert "1 submitted" in listed
    assert address(queue, annotation) in listed
    shown = as_ann.get(address(queue, annotation)).content.decode()
    assert "As it was." in shown
    saved = as_ann.post(address(queue, annotation), form(annotation, "As it is."), follow=True)
    assert "Version 2 is saved." in saved.content.decode()
    assert list(Annotation.objects.order_by("version").values_list("answers", flat=True)) == [
        {"response": {"text": "As it was."}},
        {"response": {"text": "As it is."}},
    ]
    again = as_ann.post(address(queue, annotation), form(annotation, "As it is.", 2), follow=True)
    assert "Nothing was changed." in again.content.decode()


def test_what_does_not_fit_is_said_and_kept(as_ann: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann)
    refused = as_ann.post(address(queue, annotation), form(annotation, "  "))
    assert refused.status_code == 422
    assert "The response is empty." in refused.content.decode()
    for version in ("", "x", "7", "9" * 30):
        lost = as_ann.post(address(queue, annotation), form(annotation, "typed with care", version))
        assert lost.status_code == 409
        assert "typed with care" in lost.content.decode()
    assert Annotation.objects.count() == 1


def test_a_closed_queue_shows_every_version(as_ann: Client, queue: Queue, ann: User, alice: User) -> None:
    annotation = make.written(queue, ann, "First thought.")
    annotations.revise(
        annotation.slot, {"response": {"text": "Second thought."}}, lease=str(annotation.slot.lease), version=1, by=ann
    )
    queues.change(queue, state=QueueState.CLOSED, by=alice)
    shown = as_ann.get(address(queue, annotation)).content.decode()
    assert shown.index("Second thought.") < shown.index("First thought.")
    lost = as_ann.post(address(queue, annotation), form(annotation, "Third.", 2))
    assert lost.status_code == 409
    assert "Third." in lost.content.decode()


def test_it_is_ones_own(as_ann: Client, client: Client, queue: Queue, ann: User, charlie: User, alice: User) -> None:
    annotation = make.written(queue, ann)
    for person in (charlie, alice):
        client.force_login(person)
        assert client.get(address(queue, annotation)).status_code == 404
        assert client.post(address(queue, annotation), form(annotation, "x")).status_code == 404
    client.force_login(charlie)
    assert client.get(f"/label/{queue.pk}/done/").status_code == 404


def test_a_task_in_hand_is_not_done(as_ann: Client, queue: Queue, ann: User) -> None:
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    assert as_ann.get(f"/label/{queue.pk}/done/{slot.pk}/").status_code == 404
    assert "Nothing yet" in as_ann.get(f"/label/{queue.pk}/done/").content.decode()


def test_undo_works_as_a_plain_form(as_ann: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann, "Too early.")
    page = as_ann.get(f"/label/{queue.pk}/").content.decode()
    assert f"/label/{queue.pk}/undo/" in page
    posted = {"slot": annotation.slot_id, "lease": str(annotation.slot.lease)}
    back = as_ann.post(f"/label/{queue.pk}/undo/", posted, follow=True).content.decode()
    assert "Too early." in back
    assert Slot.objects.get(pk=annotation.slot_id).state == "leased"
    twice = as_ann.post(f"/label/{queue.pk}/undo/", posted, follow=True).content.decode()
    assert "no longer in your hands" in twice


def test_the_page_ahead_is_for_members_with_a_task_in_hand(
    as_ann: Client, client: Client, queue: Queue, charlie: User
) -> None:
    assert as_ann.post(f"/label/{queue.pk}/ahead/").json() == {"lease": None, "page": None}
    as_ann.get(f"/label/{queue.pk}/")
    first = as_ann.post(f"/label/{queue.pk}/ahead/").json()
    assert "Question" in first["page"]
    again = as_ann.post(f"/label/{queue.pk}/ahead/", {"have": first["lease"]}).json()
    assert again == {"lease": first["lease"], "page": None}
    as_ann.post(f"/label/{queue.pk}/ahead/leave/", {"have": "junk"})
    assert Slot.objects.filter(ahead=True).count() == 1
    as_ann.post(f"/label/{queue.pk}/ahead/leave/", {"have": first["lease"]})
    assert Slot.objects.filter(ahead=True).count() == 0
    client.force_login(charlie)
    assert client.post(f"/label/{queue.pk}/ahead/").status_code == 404


def test_guidelines_are_met_by_a_member(as_ann: Client, client: Client, project: Project, charlie: User) -> None:
    for number in ("1", "", "x", "9" * 12):
        assert as_ann.post(f"/projects/{project.slug}/guidelines/met/", {"number": number}).status_code == 204
    assert list(
        project.memberships.filter(user__email="ann@example.org").values_list("guidelines_seen", flat=True)
    ) == [1]
    client.force_login(charlie)
    assert client.post(f"/projects/{project.slug}/guidelines/met/", {"number": "1"}).status_code == 404
