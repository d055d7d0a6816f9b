"""Ranking responses: by keyboard alone, by mouse, by touch, and without losing anything."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from labeling.models import Annotation, Draft, Queue, Slot, SlotState, User
from labeling.selectors import slots as slot_reads
from tests import make
from tests.browser.conftest import Visitor, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SAVED = "[data-autosave-target=state][data-state=saved]"


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    """Three tasks with four responses each, which say “Answer 0 to 2” and the like."""
    project = make.project(annotators=[ann], guidelines="Prefer the **lowest** number.")
    make.imported(project, 3, candidates=4)
    return make.queue(project, preset="ranking", slug="rank")


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def prompt(page: Page) -> str:
    return page.locator(".turn--user .prose").inner_text().strip()


def in_hand(queue: Queue, ann: User) -> Slot:
    return Slot.objects.get(queue=queue, annotator=ann, state=SlotState.LEASED, ahead=False)


def by_texts(annotation: Annotation) -> list[list[str]]:
    texts = {one.key: one.text for one in slot_reads.candidates(annotation.slot)}
    return [[texts[key] for key in group] for group in annotation.answers["ranking"]["groups"]]


def shown(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".candidate__text").all_inner_texts()]


def test_it_works_by_keyboard_in_five_presses(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.log_in(ann.email)
    page = visitor.page
    page.get_by_role("link", name=re.compile("Start")).click()
    page.wait_for_url(f"**/label/{queue.pk}/")
    first, texts = prompt(page), shown(page)
    presses = ["3", "1", "4", "2", "Enter"]
    for key in presses:
        page.keyboard.press(key)
    expect(page.locator(".turn--user .prose")).not_to_have_text(first)
    assert len(presses) <= 6
    annotation = Annotation.objects.get(annotator=ann)
    assert by_texts(annotation) == [[texts[1]], [texts[3]], [texts[0]], [texts[2]]]
    assert annotation.active_seconds is not None
    assert 0 <= annotation.active_seconds < 60
    expect(page.get_by_text("1 done today")).to_be_visible()


def test_a_reload_in_the_middle_of_work_loses_nothing(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    texts = shown(page)
    page.keyboard.press("4")
    page.keyboard.press("1")
    page.reload()
    assert shown(page) == texts
    expect(page.get_by_role("group", name="Place of response A").get_by_label("4")).to_be_checked()
    expect(page.get_by_role("group", name="Place of response B").get_by_label("1")).to_be_checked()
    expect(page.locator("[data-candidate=c]")).to_have_attribute("data-current", "")
    page.wait_for_selector(SAVED)


def test_a_page_that_only_opened_changes_no_draft(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    for key in "2143":
        page.keyboard.press(key)
    page.wait_for_selector(SAVED)
    stored = Draft.objects.get(annotator=ann)
    for _ in range(2):
        page.reload()
        page.wait_for_timeout(2000)  # longer than a change would wait before it is saved
        expect(page.get_by_role("group", name="Place of response A").get_by_label("2")).to_be_checked()
    again = Draft.objects.get(annotator=ann)
    assert (again.revision, again.answers) == (stored.revision, stored.answers)


def test_how_many_are_good_enough_survives_a_reload_too(visitor: Visitor, queue: Queue, ann: User) -> None:
    form = [{"name": "ranking", "type": "rank", "acceptable": True}, {"name": "why", "type": "comment"}]
    page = start(visitor, make.queue(queue.project, form=form, slug="line", candidates_max=4))
    for key in "1234":
        page.keyboard.press(key)
    page.get_by_label("How many places are good enough?").select_option("2")
    page.get_by_role("textbox", name="Comment").fill("because")
    visitor.expected.append("409")  # the last save of the page before may come behind the first look of this one
    page.reload()
    expect(page.get_by_label("How many places are good enough?")).to_have_value("2")
    expect(page.get_by_role("textbox", name="Comment")).to_have_value("because")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    answers = Annotation.objects.get(annotator=ann).answers
    assert answers["ranking"]["acceptable"] == 2
    assert answers["why"] == {"text": "because"}


def test_keys_say_how_many_are_good_enough(visitor: Visitor, queue: Queue, ann: User) -> None:
    form = [{"name": "ranking", "type": "rank", "acceptable": True}]
    page = start(visitor, make.queue(queue.project, form=form, slug="line", candidates_max=4))
    line, live = page.get_by_label("How many places are good enough?"), page.locator("[aria-live=polite]")
    for key in "1224":
        page.keyboard.press(key)
    expect(live).to_contain_text("1: A · 2: B, C · 3: D")
    page.keyboard.press("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("0")  # a key that submits what is complete: this is not
    expect(line).to_have_value("")
    page.keyboard.press("-")
    expect(line).to_have_value("0")
    page.keyboard.press("-")
    expect(line).to_have_value("0")
    for more in ("1", "2", "3", "3"):
        page.keyboard.press("+")
        expect(line).to_have_value(more)
    page.keyboard.press("-")
    expect(line).to_have_value("2")
    expect(live).to_contain_text(f"{line.locator('option:checked').inner_text()} good enough.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    answer = Annotation.objects.get(annotator=ann).answers["ranking"]
    assert answer == {"groups": [["a"], ["b", "c"], ["d"]], "acceptable": 2}


def test_the_order_is_shown_and_announced(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    for key in "2121":
        page.keyboard.press(key)
    expect(page.locator("[aria-live=polite]")).to_have_text("1: B, D · 2: A, C")
    expect(page.locator(".board [data-place='1']")).to_have_text("BD")


def test_moving_tying_and_undoing(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    live = page.locator("[aria-live=polite]")
    for key in "1234":
        page.keyboard.press(key)
    page.keyboard.press("t")
    expect(live).to_have_text("1: A · 2: B · 3: C, D")
    page.keyboard.press("u")
    expect(live).to_have_text("1: A · 2: B · 3: C · 4: D")
    page.keyboard.press("b")
    expect(page.locator("[data-candidate=b]")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(live).to_have_text("1: A, B · 2: C · 3: D")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    expect(live).to_have_text("1: A, B · 2: D · no place yet: C")


def test_by_mouse_with_buttons_and_by_dragging(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    first, texts = prompt(page), shown(page)
    for letter, place in (("A", 2), ("B", 1)):
        page.get_by_role("group", name=f"Place of response {letter}").get_by_label(str(place)).click()
    page.wait_for_function("Boolean(globalThis.Sortable)")  # it comes when a pointer is first used
    for letter, place in (("C", 3), ("D", 4)):
        page.locator(".chip", has_text=letter).drag_to(page.locator(f".board__chips[data-place='{place}']"))
    expect(page.locator("[aria-live=polite]")).to_have_text("1: B · 2: A · 3: C · 4: D")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".turn--user .prose")).not_to_have_text(first)
    assert by_texts(Annotation.objects.get(annotator=ann)) == [[texts[1]], [texts[0]], [texts[2]], [texts[3]]]


def test_by_touch_on_a_phone(server: str, browser: Browser, visitors: list[Visitor], queue: Queue, ann: User) -> None:
    visitor = let_in(server, browser, visitors, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = start(visitor, queue)
    for letter, place in (("A", 1), ("B", 2), ("C", 3), ("D", 3)):
        page.get_by_role("group", name=f"Place of response {letter}").get_by_label(str(place)).tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_role("button", name="Submit").tap()
    expect(page.get_by_text("2 left for you")).to_be_visible()
    assert [len(group) for group in by_texts(Annotation.objects.get(annotator=ann))] == [1, 1, 2]


def test_a_response_without_a_place_is_named_and_nothing_is_lost(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    page.keyboard.press("1")
    visitor.expected.append("422")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#error-ranking")).to_have_text("3 responses have no place yet. Give every response a place.")
    expect(page.get_by_role("group", name="Place of response A").get_by_label("1")).to_be_checked()
    assert not Annotation.objects.exists()
    page.wait_for_selector(SAVED)


def test_enter_does_not_submit_before_everything_has_a_place(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_selector(SAVED)
    assert not Annotation.objects.exists()


def test_question_mark_shows_the_keys_and_g_the_guidelines(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for words in ("Submit", "Next response", "Undo", "Guidelines", "Skip this task", "Tie with the one above"):
        expect(keys.get_by_text(words, exact=True)).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.locator(":checked")).to_have_count(0)
    page.keyboard.press("g")
    expect(page.get_by_role("dialog", name="Guidelines").get_by_text("Prefer the lowest number.")).to_be_visible()
    page.keyboard.press("g")
    expect(page.get_by_role("dialog", name="Guidelines")).to_be_hidden()


def test_skipping_asks_why_and_goes_on(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    first, slot = prompt(page), in_hand(queue, ann)
    page.keyboard.press("s")
    page.get_by_label("The prompt is unclear").check()
    page.get_by_role("button", name="Skip the task").click()
    expect(page.locator(".turn--user .prose")).not_to_have_text(first)
    slot.refresh_from_db()
    assert (slot.state, slot.skip_reason) == (SlotState.SKIPPED, "unclear")


def test_leaving_gives_the_task_back(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    slot = in_hand(queue, ann)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("The task went back to the queue")).to_be_visible()
    slot.refresh_from_db()
    assert slot.state == SlotState.OPEN


def test_the_end_of_the_queue_is_calm_and_says_what_happens_next(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    for left in (2, 1, 0):
        for key in ("1", "2", "3", "4", "Enter"):
            page.keyboard.press(key)
        if left:
            expect(page.get_by_text(f"{left} left for you")).to_be_visible()
    expect(page.get_by_role("heading", name="That is all for now")).to_be_visible()
    expect(page.get_by_text("3 done today")).to_be_visible()


def test_no_name_of_a_model_is_in_the_page(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    assert "model-" not in page.content()


def test_single_keys_can_be_switched_off(visitor: Visitor, queue: Queue, ann: User) -> None:
    ann.preferences = {"keys": "off"}
    ann.save()
    page = start(visitor, queue)
    page.keyboard.press("1")
    page.keyboard.press("s")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[aria-live=polite]")).to_have_text("1: A · no place yet: B, C, D")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_layout_is_remembered(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    with page.expect_response("**/profile/"):
        page.keyboard.press("l")
    expect(page.locator("body")).to_have_attribute("data-layout", "stack")
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-layout", "stack")
    ann.refresh_from_db()
    assert ann.preferences["layout"] == "stack"


def test_a_task_that_went_to_somebody_else_is_said_and_the_next_is_one_press_away(
    visitor: Visitor, queue: Queue, ann: User
) -> None:
    page = start(visitor, queue)
    other = make.person("ben")
    Slot.objects.filter(pk=in_hand(queue, ann).pk).update(annotator=other, lease_expires_at=timezone.now())
    visitor.expected.append("409")
    for key in ("1", "2", "3", "4", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Your answer could not be taken")).to_be_visible()
    page.get_by_role("link", name="Go on with the next task").click()
    expect(page.get_by_role("heading", name=re.compile("Rank"), level=2)).to_be_visible()
