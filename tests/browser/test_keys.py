"""Keys that are held down, pressed too early, written by other keyboards, or meant for what scrolls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from labeling.importing.base import parse
from labeling.models import Annotation, Queue, User
from labeling.services import prompts
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RATE: list[dict[str, Any]] = [{"name": "r", "type": "rate", "min": 1, "max": 5}]
OPTIONAL: list[dict[str, Any]] = [
    {"name": "errors", "type": "spans", "title": "Mark", "labels": ["Error"], "required": False}
]
EDIT: list[dict[str, Any]] = [{"name": "edited", "type": "edit", "title": "Improve"}]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


def asked(ann: User, form: list[dict[str, Any]], *texts: str, number: int = 1) -> Queue:
    project = make.project(annotators=[ann])
    lines = [
        parse({"prompt": f"Number {n}.", "candidates": [{"text": text, "model": "m"} for text in texts]}, n)
        for n in range(1, number + 1)
    ]
    prompts.import_lines(project, lines, source="jsonl", by=make.manager(project))
    return make.queue(project, form=form, candidates_max=len(texts))


def start(visitor: Visitor, ann: User, queue: Queue) -> Page:
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    page.wait_for_function("document.querySelector('[data-autosave-target=state]').dataset.state")
    return page


def chosen(page: Page) -> Locator:
    return page.locator("#task input[type=radio]:checked")


def slot_on(page: Page) -> str:
    return page.locator("#task input[name=slot]").input_value()


def submits(page: Page) -> list[str]:
    """The submits that are sent from now on."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/submit/") else None)
    return sent


def dispatched(page: Page, **event: object) -> None:
    """A press as another keyboard or browser tells it."""
    page.evaluate(
        """event => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...event }))""",
        event,
    )


def test_a_key_that_is_held_down_submits_one_task(visitor: Visitor, ann: User) -> None:
    queue = asked(ann, OPTIONAL, "one", "two", number=5)
    visitor.page.clock.install()
    page = start(visitor, ann, queue)
    page.clock.fast_forward(1000)
    page.keyboard.down("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    second = slot_on(page)
    sent = submits(page)
    for _ in range(3):
        page.clock.fast_forward(1000)
        page.keyboard.down("Enter")
        page.keyboard.down("Control")
        page.keyboard.down("Enter")
        page.keyboard.up("Control")
    page.keyboard.up("Enter")
    page.evaluate("() => fetch('/healthz')")  # what was sent before it is known by now
    assert (sent, slot_on(page)) == ([], second)
    page.keyboard.press("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("2")
    assert Annotation.objects.count() == 2


def test_enter_is_not_meant_for_a_task_that_has_just_come(visitor: Visitor, ann: User) -> None:
    queue = asked(ann, OPTIONAL, "one", "two", number=4)
    visitor.page.clock.install()
    page = start(visitor, ann, queue)
    page.clock.pause_at(timezone.now() + timedelta(hours=1))
    page.keyboard.press("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    second = slot_on(page)
    sent = submits(page)
    page.keyboard.press("Enter")
    page.clock.run_for(400)
    page.keyboard.press("Enter")
    page.evaluate("() => fetch('/healthz')")  # what was sent before it is known by now
    assert (sent, slot_on(page)) == ([], second)
    page.clock.run_for(200)
    page.keyboard.press("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("2")
    assert Annotation.objects.count() == 2


def test_a_key_that_is_held_down_rates_one_response(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, RATE, "one", "two", "three", "four"))
    for _ in range(5):
        page.keyboard.down("4")
    page.keyboard.up("4")
    expect(chosen(page)).to_have_count(1)
    page.keyboard.down("Alt")
    for _ in range(3):
        page.keyboard.down("ArrowUp")
    page.keyboard.up("ArrowUp")
    page.keyboard.up("Alt")
    expect(chosen(page)).to_have_count(2)
    assert chosen(page).evaluate_all("radios => radios.map((one) => one.value)") == ["4", "3"]


def test_a_key_that_is_held_down_places_one_response(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, [{"name": "ranking", "type": "rank"}], "one", "two", "three"))
    for _ in range(5):
        page.keyboard.down("1")
    page.keyboard.up("1")
    expect(chosen(page)).to_have_count(1)


def test_keys_that_lead_from_response_to_response_may_be_held_down(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, RATE, "one", "two", "three", "four"))
    for _ in range(3):
        page.keyboard.down("ArrowRight")
    page.keyboard.up("ArrowRight")
    expect(page.locator("[data-candidate][data-current]")).to_have_attribute("data-letter", "D")


def test_a_text_that_is_marked_is_walked_through_with_a_held_key_and_changed_once(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, OPTIONAL, "one two three four five"))
    page.keyboard.press("w")
    page.keyboard.down("Shift")
    for _ in range(3):
        page.keyboard.down("ArrowRight")
    page.keyboard.up("ArrowRight")
    page.keyboard.up("Shift")
    assert str(page.evaluate("String(getSelection())")).startswith("one two three")
    for _ in range(4):  # an even number would take it away again
        page.keyboard.down("1")
    page.keyboard.up("1")
    expect(page.locator("[data-marks] li")).to_have_count(1)


def test_what_alt_writes_into_an_edit_is_text(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, EDIT, "The first.", "The second."))
    page.locator(".edit-this").first.click()
    editor = page.locator("#task textarea.editor")
    editor.press("Control+End")
    page.keyboard.type(" My edit.")
    typed = editor.input_value()
    dispatched(page, key="@", code="Digit2", altKey=True)
    dispatched(page, key="1", code="Numpad1", altKey=True)
    dispatched(page, key="End", code="Numpad2", altKey=True)
    expect(editor).to_have_value(typed)
    page.keyboard.press("Alt+2")
    expect(editor).not_to_have_value(typed)


def test_scrolling_with_the_pad_answers_nothing(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, asked(ann, RATE, "one", "two"))
    dispatched(page, key="ArrowDown", code="Numpad2")
    expect(chosen(page)).to_have_count(0)
    dispatched(page, key="+", code="Digit2")  # a Czech keyboard
    expect(chosen(page)).to_have_count(1)
    expect(chosen(page)).to_have_value("2")


def test_arrows_scroll_code_that_is_too_wide(visitor: Visitor, ann: User) -> None:
    wide = "```\n" + "x = 1; " * 200 + "\n```\n"
    page = start(visitor, ann, asked(ann, RATE, wide, wide + "more"))
    code = page.locator(".candidate .prose pre").first
    code.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.candidate .prose pre').scrollLeft > 0")
    expect(code).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("[data-candidate][data-current]")).to_have_attribute("data-letter", "B")


def test_comparing_an_edit_ends_before_it_holds_up_who_types(visitor: Visitor, ann: User) -> None:
    words = [f"word{n}" for n in range(300)]
    sentences = [" ".join(words[at : at + 10]) for at in range(0, 300, 10)]
    turned = [" ".join(words[at + (n ^ 1)] for n in range(10)) for at in range(0, 300, 10)]
    page = start(visitor, ann, asked(ann, EDIT, ". ".join(sentences) + "."))
    page.locator(".edit-this").first.click()
    expect(page.locator("[data-edit-target=changes]")).to_have_text("none yet")
    # A slow device: each look at the clock is a millisecond later, so that 100 of them are 100 steps of comparing.
    page.evaluate("() => { let now = Date.now(); Date.now = () => (now += 1); }")
    page.locator("#task textarea.editor").fill(". ".join(turned) + ".")
    expect(page.locator("[data-edit-target=changes]")).to_have_text("300 words added, 300 words removed")
