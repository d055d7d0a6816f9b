"""Comparing, rating and choosing: whole tasks by keyboard alone, by mouse and by touch, and without losing anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from labeling.models import Annotation, Queue, User
from tests import make
from tests.browser.conftest import Visitor, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Form = list[dict[str, Any]]
SAVED = "[data-autosave-target=state][data-state=saved]"


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


def queue_of(ann: User, candidates: int, *, form: Form | None = None, preset: str = "") -> Queue:
    """A queue with two tasks, of a form of one's own or of a preset."""
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=candidates)
    return make.queue(project, form=list(form)) if form else make.queue(project, preset=preset)


def start(visitor: Visitor, ann: User, queue: Queue) -> Page:
    visitor.enter(ann)
    return visitor.open(f"/label/{queue.pk}/")


def press(page: Page, *keys: str) -> int:
    """Presses keys one after the other; tells how many there were."""
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def answers(page: Page, ann: User) -> dict[str, Any]:
    """What was stored, once the page has gone on to the next task."""
    expect(page.get_by_text("1 left for you")).to_be_visible(timeout=15_000)
    return dict(Annotation.objects.get(annotator=ann).answers)


def field(page: Page, name: str, value: str | int) -> Locator:
    return page.locator(f"input[name='q.{name}'][value='{value}']")


def title(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", name=words, level=2, exact=True)


def card(page: Page, key: str) -> Locator:
    return page.locator(f"[data-candidate={key}]")


# --- Comparing -----------------------------------------------------------------------------------------------------

BOTH_BAD: Form = [
    {"name": "better", "type": "compare", "strengths": ["Slightly better", "Much better"], "both_bad": True},
    {
        "name": "why",
        "type": "comment",
        "title": "Why is neither good?",
        "show_if": {"question": "better", "is": ["both_bad"]},
    },
]


def test_neither_is_good_asks_why(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, form=BOTH_BAD))
    why = page.get_by_role("textbox", name="Why is neither good?")
    expect(why).to_be_hidden()
    press(page, "n")
    expect(why).to_be_focused()
    for key in "ab":
        expect(card(page, key).locator(".verdict")).to_have_text("Neither is better · Neither is good")
    page.keyboard.type("Both are made up.")
    press(page, "Control+Enter")
    assert answers(page, ann) == {"better": {"preferred": None, "both_bad": True}, "why": {"text": "Both are made up."}}


def test_a_reason_that_is_not_asked_any_more_stays_behind(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, form=BOTH_BAD))
    press(page, "n")
    page.keyboard.type("Both are made up.")
    press(page, "Escape", ",", "n")
    expect(page.get_by_role("textbox", name="Why is neither good?")).to_be_hidden()
    expect(page.locator(":checked")).to_have_count(0)
    press(page, "5", "n")
    expect(page.get_by_role("textbox", name="Why is neither good?")).to_have_value("Both are made up.")
    press(page, "n")
    expect(card(page, "b").locator(".verdict")).to_have_text("Much better")
    press(page, "Enter")
    assert answers(page, ann) == {"better": {"preferred": "b", "strength": 2}}


def test_a_tie_and_taking_it_back(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, form=BOTH_BAD[:1]))
    press(page, "t")
    expect(field(page, "better", "tie")).to_be_checked()
    press(page, "0")
    expect(page.locator(":checked")).to_have_count(0)
    press(page, "Enter", "=")
    assert not Annotation.objects.exists()
    press(page, "Enter")
    assert answers(page, ann) == {"better": {"preferred": None}}


def test_no_tie_where_the_form_has_none(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="llama2-pairwise"))
    press(page, "t", "n", "9")
    expect(page.locator(":checked")).to_have_count(0)
    expect(page.get_by_role("group", name="Which response is better?").get_by_role("radio")).to_have_count(8)


def test_comparing_by_mouse(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, form=BOTH_BAD))
    page.get_by_role("radio", name="B: Slightly better").click()
    expect(card(page, "b").locator(".verdict")).to_have_text("Slightly better")
    neither = page.get_by_role("checkbox", name="Neither is good")
    neither.click()
    expect(card(page, "a").locator(".verdict")).to_have_text("Neither is good")
    neither.click()
    page.get_by_role("button", name="Submit").click()
    assert answers(page, ann) == {"better": {"preferred": "b", "strength": 1}}


def test_no_response_looks_chosen_before_it_is(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="helpsteer3"))
    expect(card(page, "a")).to_have_attribute("data-current", "")
    borders = [card(page, key).evaluate("one => getComputedStyle(one).borderColor") for key in "ab"]
    assert borders[0] == borders[1]


# --- Rating --------------------------------------------------------------------------------------------------------


def test_a_scale_with_negative_numbers_goes_by_places(visitor: Visitor, ann: User) -> None:
    form: Form = [{"name": "change", "type": "rate", "min": -3, "max": 3, "labels": ["Worse", "Better"]}]
    page = start(visitor, ann, queue_of(ann, 3, form=form))
    press(page, "1", "7", "4", "Alt+ArrowUp")
    expect(page.locator("[data-rating-target=live]")).to_have_text("Response C: 1")
    press(page, "Enter")
    assert answers(page, ann) == {"change": {"a": -3, "b": 3, "c": 1}}


def test_a_long_scale_goes_by_steps(visitor: Visitor, ann: User) -> None:
    form: Form = [{"name": "whole", "type": "rate", "per": "task", "min": 0, "max": 20}]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    press(page, "1", "Alt+ArrowUp", "Alt+ArrowUp")
    expect(field(page, "whole", 11)).to_be_checked()
    press(page, "Alt+ArrowDown", "Alt+ArrowDown", "Enter")
    assert answers(page, ann) == {"whole": {"": 9}}


def test_an_optional_rating_can_be_taken_back(visitor: Visitor, ann: User) -> None:
    names = ["Cold", "Cool", "Neutral", "Warm", "Hot"]
    form: Form = [{"name": "tone", "type": "rate", "title": "Tone", "labels": names, "required": False}]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    first = page.get_by_role("group", name="Tone: response A")
    first.get_by_role("radio", name="4 Warm").click()
    expect(first.get_by_text("Warm", exact=True)).to_be_visible()
    first.get_by_role("button", name="Take the rating of response A away: Tone").click()
    expect(page.locator(":checked")).to_have_count(0)
    press(page, "5", "2", "a", "0", "Enter")
    assert answers(page, ann) == {"tone": {"b": 2}}


def test_ratings_by_mouse_make_their_question_the_one_that_keys_answer(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="helpsteer2"))
    page.get_by_role("group", name="Coherence: response B").get_by_role("radio", name="4").click()
    expect(title(page, "Coherence")).to_be_visible()
    expect(title(page, "Helpfulness")).to_be_hidden()
    press(page, "a", "3")
    expect(page.get_by_role("group", name="Coherence: response A").get_by_role("radio", name="3")).to_be_checked()
    expect(title(page, "Complexity")).to_be_visible()


# --- Choosing ------------------------------------------------------------------------------------------------------


def test_one_option_a_response(visitor: Visitor, ann: User) -> None:
    form: Form = [{"name": "safe", "type": "choose", "title": "Safe?", "options": ["Yes", "No", "Unsure"]}]
    page = start(visitor, ann, queue_of(ann, 3, form=form))
    assert press(page, "1", "3", "2", "Enter") == 3 + 1
    assert answers(page, ann) == {"safe": {"a": ["Yes"], "b": ["Unsure"], "c": ["No"]}}


def test_several_options_wait_for_enter(visitor: Visitor, ann: User) -> None:
    form: Form = [
        {
            "name": "topics",
            "type": "choose",
            "per": "task",
            "multiple": True,
            "options": [f"T{n}" for n in range(1, 13)],
        },
        {"name": "why", "type": "comment", "title": "Why?"},
    ]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    press(page, "2", "0", "1", "2")
    expect(page.locator("[data-choosing-target=live]")).to_have_text("T1, T10")
    field(page, "topics", "T12").click()
    press(page, ".")
    expect(page.get_by_role("textbox", name="Why?")).to_be_focused()
    press(page, "Escape", ",", "Enter")
    expect(page.get_by_role("textbox", name="Why?")).to_be_focused()
    page.keyboard.type("so")
    press(page, "Control+Enter")
    assert answers(page, ann) == {"topics": {"": ["T1", "T10", "T12"]}, "why": {"text": "so"}}


def test_the_first_key_on_a_busy_machine_takes_the_turn_from_no_question(visitor: Visitor, ann: User) -> None:
    # There, timers come long after the keys that were pressed meanwhile.
    visitor.context.add_init_script(
        "const later = setTimeout; window.setTimeout = (run, wait = 0, ...rest) => later(run, wait + 700, ...rest)"
    )
    topics = {"name": "topics", "type": "choose", "per": "task", "multiple": True, "options": ["T1", "T2", "T3"]}
    form: Form = [topics, {"name": "why", "type": "comment", "title": "Why?"}]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    press(page, "2")
    page.wait_for_timeout(900)
    press(page, "3")
    expect(page.locator("[data-choosing-target=live]")).to_have_text("T2, T3")


def test_a_folded_list_opens_and_closes_by_mouse(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 4, preset="instructgpt-ranking"))
    fold = card(page, "c").locator("details")
    summary = fold.locator("summary")
    summary.click()
    expect(fold).to_have_attribute("open", "")
    expect(card(page, "c")).to_have_attribute("data-current", "")
    fold.get_by_role("checkbox", name="Expresses an opinion").click()
    summary.click()
    expect(fold).not_to_have_attribute("open", "")
    expect(summary).to_contain_text("Expresses an opinion")
    summary.press("Enter")
    expect(fold).to_have_attribute("open", "")


# --- What holds for all --------------------------------------------------------------------------------------------


def test_a_reload_in_the_middle_goes_on_where_it_was(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="helpsteer2"))
    press(page, "4", "3", "2")
    page.wait_for_selector(SAVED)
    page.reload()
    expect(title(page, "Correctness")).to_be_visible()
    expect(card(page, "b")).to_have_attribute("data-current", "")
    for name, value in (("helpfulness.a", 4), ("helpfulness.b", 3), ("correctness.a", 2)):
        expect(field(page, name, value)).to_be_checked()
    press(page, *"1223344", "Enter")
    assert answers(page, ann)["correctness"] == {"a": 2, "b": 1}


def test_a_reload_at_once_loses_nothing(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="llama2-pairwise"))
    press(page, "3")
    visitor.expected.append("409")  # the last save of the page before may come behind the first look of this one
    page.reload()
    expect(field(page, "preference", "a:2")).to_be_checked()
    expect(card(page, "a").locator(".verdict")).to_have_text("Slightly better")
    press(page, "3", "Enter")
    assert answers(page, ann) == {
        "preference": {"preferred": "a", "strength": 2},
        "safety": {"": ["Both responses are unsafe"]},
    }


def test_what_is_missing_is_said_at_its_question(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="helpsteer2"))
    press(page, "4", "3", "2")
    visitor.expected.append("422")
    press(page, "Control+Enter")
    expect(page.locator("#error-correctness")).to_have_text("Response B: give a rating.")
    expect(page.locator("#error-verbosity")).to_have_text("This question needs an answer.")
    expect(page.locator("#error-verbosity")).to_be_visible()
    expect(page.locator("#error-helpfulness")).to_be_hidden()
    expect(field(page, "correctness.a", 2)).to_be_checked()
    press(page, *"1223344", "Enter")
    assert len(answers(page, ann)) == 5


def test_nothing_moves_under_a_press_that_gives_another_question_its_turn(visitor: Visitor, ann: User) -> None:
    form: Form = [
        {"name": "better", "type": "compare"},
        {"name": "quality", "type": "rate", "title": "Quality", "help": "A line of help. " * 30},
        {"name": "safe", "type": "choose", "title": "Safe?", "options": ["Yes", "No"]},
        {"name": "flags", "type": "choose", "title": "Flags", "multiple": True, "options": [f"F{n}" for n in range(9)]},
    ]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    expect(title(page, "Quality")).to_be_visible()
    press(page, ".", ".", ".")
    expect(card(page, "a").locator("details")).to_have_attribute("open", "")
    quality, safe = field(page, "quality.b", 2), field(page, "safe.b", "No")
    before = [radio.bounding_box() for radio in (quality, safe)]
    for radio in (safe, quality):
        radio.hover()
        page.mouse.down()
        pressed = [one.bounding_box() for one in (quality, safe)]
        page.mouse.up()
        expect(radio).to_be_checked()
        assert pressed == before
        before = [one.bounding_box() for one in (quality, safe)]
    expect(title(page, "Quality")).to_be_visible()
    expect(card(page, "a").locator("details")).not_to_have_attribute("open", "")


def test_two_versions_are_told_apart_in_words(visitor: Visitor, ann: User) -> None:
    form: Form = [
        {"name": "better", "type": "compare", "both_bad": True},
        {"name": "quality", "type": "rate", "title": "Quality", "labels": ["Bad", "Poor", "Fair", "Good", "Great"]},
        {"name": "flags", "type": "choose", "title": "Flags", "multiple": True, "options": ["Rude", "Wrong"]},
    ]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    press(page, "1")
    page.wait_for_selector(SAVED)
    other = visitor.another_tab()
    other.goto(page.url)
    with other.expect_response("**/draft/"):
        press(other, "4")
    visitor.expected.append("409")
    press(page, "2", "5", "1", "2")
    notice = page.get_by_role("alert").filter(has_text="There are two versions")
    expect(notice).to_be_visible()
    mine, theirs = notice.locator("[data-autosave-target=mine]"), notice.locator("[data-autosave-target=theirs]")
    expect(theirs).to_have_text("Which response is better?\nA: Better\n\nQuality\nA: 4, Good · B: no answer yet")
    expect(mine).to_contain_text("Quality\nA: 2, Poor · B: 5, Great")
    notice.get_by_role("button", name="Take that one").click()
    expect(field(page, "quality.a", 4)).to_be_checked()
    expect(page.locator(":checked")).to_have_count(2)
    expect(title(page, "Quality")).to_be_visible()
    press(page, "b", "1", "1", "Enter", "2", "Enter", "Enter")
    assert answers(page, ann) == {
        "better": {"preferred": "a", "strength": 1},
        "quality": {"a": 4, "b": 1},
        "flags": {"a": ["Rude"], "b": ["Wrong"]},
    }


def test_the_keys_of_one_type_are_listed_once(visitor: Visitor, ann: User) -> None:
    page = start(visitor, ann, queue_of(ann, 2, preset="helpsteer2"))
    press(page, "?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.get_by_text("Rate the response, go to the next", exact=True)).to_have_count(1)
    expect(keys.get_by_text("0 – 4", exact=True)).to_have_count(1)
    expect(keys.get_by_text("Next question", exact=True)).to_be_visible()


def test_by_touch_on_a_phone(server: str, browser: Browser, visitors: list[Visitor], ann: User) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    visitor = let_in(server, browser, visitors, **phone)
    form: Form = [
        {"name": "better", "type": "compare", "strengths": ["Barely", "Slightly", "Better", "Much"], "both_bad": True},
        {"name": "quality", "type": "rate", "title": "Quality", "max": 7, "labels": ["Worst", "Best"]},
        {"name": "safe", "type": "choose", "title": "Safe?", "options": ["Yes", "No"]},
    ]
    page = start(visitor, ann, queue_of(ann, 2, form=form))
    scale = page.get_by_role("group", name="Which response is better?").get_by_role("radio")
    expect(scale).to_have_count(9)
    for box in [radio.bounding_box() for radio in scale.all()]:
        assert box
        assert min(box["width"], box["height"]) >= 36
    scale.nth(6).tap()
    expect(page.locator(".scale").get_by_text("B: Slightly")).to_be_visible()
    for letter, number in (("A", 2), ("B", 7)):
        page.get_by_role("group", name=f"Quality: response {letter}").get_by_role("radio", name=str(number)).tap()
        page.get_by_role("group", name=f"Safe?: response {letter}").get_by_role("radio", name="Yes").tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Submit").tap()
    assert answers(page, ann) == {
        "better": {"preferred": "b", "strength": 2},
        "quality": {"a": 2, "b": 7},
        "safe": {"a": ["Yes"], "b": ["Yes"]},
    }


def test_without_scripts(server: str, browser: Browser, visitors: list[Visitor], ann: User) -> None:
    plain = let_in(server, browser, visitors, java_script_enabled=False)
    form: Form = [
        *BOTH_BAD[:1],
        {"name": "quality", "type": "rate", "title": "Quality"},
        {
            "name": "flags",
            "type": "choose",
            "title": "Flags",
            "multiple": True,
            "options": [f"Flag {n}" for n in range(9)],
        },
        {"name": "topic", "type": "choose", "per": "task", "title": "Topic", "options": ["Life", "Death"]},
    ]
    page = start(plain, ann, queue_of(ann, 2, form=form))
    page.get_by_role("radio", name="A: Much better").check()
    page.get_by_role("group", name="Quality: response A").get_by_role("radio", name="2").check()
    plain.expected.append("422")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-quality")).to_have_text("Response B: give a rating.")
    expect(page.get_by_role("radio", name="A: Much better")).to_be_checked()
    page.get_by_role("group", name="Quality: response B").get_by_role("radio", name="5").check()
    for letter in "AB":
        group = page.get_by_role("group", name=re.compile(f"Flags: response {letter}"))
        group.locator("summary").click()
        group.get_by_role("checkbox", name="Flag 8").check()
    page.get_by_role("radio", name="Death").check()
    page.get_by_role("button", name="Submit").click()
    assert answers(page, ann) == {
        "better": {"preferred": "a", "strength": 2},
        "quality": {"a": 2, "b": 5},
        "flags": {"a": ["Flag 8"], "b": ["Flag 8"]},
        "topic": {"": ["Death"]},
    }
