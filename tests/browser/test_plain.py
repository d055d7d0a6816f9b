"""The same pages in a browser that runs no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from labeling.models import Annotation, Slot, SlotState
from tests import make
from tests.browser.conftest import Visitor, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plain(server: str, browser: Browser, visitors: list[Visitor]) -> Visitor:
    return let_in(server, browser, visitors, java_script_enabled=False)


def test_ranking_works_as_a_plain_form(plain: Visitor) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann], guidelines="Prefer the lowest number.")
    make.imported(project, 3, candidates=2)
    queue = make.queue(project, preset="ranking")
    plain.log_in(ann.email)
    page = plain.page
    page.get_by_role("link", name=re.compile("Start")).click()
    page.get_by_role("group", name="Place of response A").get_by_label("2").check()
    plain.expected.append("422")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-ranking")).to_have_text("1 response has no place yet. Give every response a place.")
    expect(page.get_by_role("group", name="Place of response A").get_by_label("2")).to_be_checked()
    page.get_by_role("group", name="Place of response B").get_by_label("1").check()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("2 left for you")).to_be_visible()
    assert Annotation.objects.get(queue=queue).answers == {"ranking": {"groups": [["b"], ["a"]]}}
    expect(page.get_by_text("Prefer the lowest number.")).to_be_hidden()
    page.get_by_role("link", name="Guidelines").click()
    expect(page.get_by_text("Prefer the lowest number.")).to_be_visible()
    page.get_by_role("link", name="Close").first.click()
    page.get_by_role("link", name="Skip S").click()
    page.get_by_label("Another reason").check()
    page.get_by_role("button", name="Skip the task").click()
    expect(page.get_by_text("1 left for you")).to_be_visible()
    assert Slot.objects.get(state=SlotState.SKIPPED).skip_reason == "other"
    page.get_by_role("button", name="One below the other").click()
    expect(page.locator("body")).to_have_attribute("data-layout", "stack")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("The task went back to the queue")).to_be_visible()


def test_writing_works_as_a_plain_form(plain: Visitor) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    queue = make.queue(project, preset="demonstrations")
    plain.enter(ann)
    page = plain.open(f"/label/{queue.pk}/")
    page.get_by_role("textbox", name=re.compile("Write the best")).fill("line one\nline two")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="That is all for now")).to_be_visible()
    assert Annotation.objects.get(queue=queue).answers == {"response": {"text": "line one\nline two"}}
