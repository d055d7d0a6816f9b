"""Reviewing with keys: a verdict is one key, a rejection asks for its reason first, and nothing typed is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Annotation, Queue, Review, Role, Task, User
from labeling.services import projects, reviews
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queue(transactional_db: None) -> Queue:
    """Three written answers."""
    mira, ann, rita = person("mira"), person("ann"), person("rita")
    project = make.project(mira, annotators=[ann], slug="haiku")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=mira)
    make.imported(project, 3)
    queue = make.queue(project)
    for number in range(3):
        make.written(queue, ann, f"Answer number {number}.")
    return queue


def opened(visitor: Visitor, queue: Queue, name: str = "rita") -> Page:
    visitor.enter(User.objects.get(email=f"{name}@example.org"))
    return visitor.open(f"/projects/haiku/queues/{queue.pk}/review/")


def test_with_keys(visitor: Visitor, queue: Queue) -> None:
    page = opened(visitor, queue)
    expect(page.get_by_text("Answer number 0.")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text("Answer number 1.")).to_be_visible()
    page.keyboard.press("l")
    expect(page.get_by_text("Answer number 2.")).to_be_visible()
    page.keyboard.press("r")
    reason = page.get_by_label("What is wrong")
    expect(reason).to_be_focused()
    page.keyboard.type("A list, all along.")  # letters are typed here, and no keys of the page
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text("Answer number 1.")).to_be_visible()
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
    found = [(one.annotation.answers["response"]["text"], one.verdict, one.reason) for one in _reviews()]
    assert found == [
        ("Answer number 0.", "accepted", ""),
        ("Answer number 2.", "rejected", "A list, all along."),
        ("Answer number 1.", "accepted", ""),
    ]
    assert sorted(Task.objects.filter(queue=queue).values_list("overlap", flat=True)) == [1, 1, 2]


def _reviews() -> list[Review]:
    return list(Review.objects.select_related("annotation").order_by("pk"))


def test_without_single_keys(visitor: Visitor, queue: Queue) -> None:
    rita = User.objects.get(email="rita@example.org")
    rita.preferences = {"keys": "off"}
    rita.save(update_fields=["preferences"])
    page = opened(visitor, queue)
    page.keyboard.press("a")
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text("Answer number 1.")).to_be_visible()
    assert Review.objects.count() == 1


def test_what_was_typed_stays_where_somebody_was_quicker(visitor: Visitor, queue: Queue) -> None:
    visitor.expected.append("409")
    page = opened(visitor, queue)
    expect(page.get_by_text("Answer number 0.")).to_be_visible()
    page.get_by_label("What is wrong").fill("It is no answer.")
    page.get_by_label("After a rejection").uncheck()
    annotation = Annotation.objects.filter(queue=queue).earliest("pk")
    reviews.judge(annotation, verdict="accepted", by=User.objects.get(email="mira@example.org"))
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("alert")).to_contain_text("Mira has accepted them meanwhile")
    expect(page.get_by_label("What is wrong")).to_have_value("It is no answer.")
    expect(page.get_by_label("After a rejection")).not_to_be_checked()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("It is no answer.")).to_be_visible()  # among what was rejected
    annotation.refresh_from_db()
    assert annotation.verdict == "rejected"
