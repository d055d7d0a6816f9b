"""Editing a response: from which one, what was changed, and no word lost whatever one starts from."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from labeling.importing.base import parse
from labeling.models import Annotation, Draft, Queue, Slot, User
from labeling.selectors import slots as slot_reads
from labeling.services import prompts
from tests import make
from tests.browser.conftest import Visitor, let_in, person
from tests.labeling.hostile import TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EDIT: dict[str, Any] = {"name": "edited", "type": "edit", "title": "Improve it"}
RANK: dict[str, Any] = {"name": "ranking", "type": "rank"}
TEXTS_OF_THREE = ("One is here.", "Two is here.\r\nIt has 👩‍👩‍👧 lines.", "Three: مرحبا بكم.")
Made = Callable[..., Queue]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def made(ann: User) -> Made:
    """A queue of one task with these responses."""

    def make_queue(*texts: str, **fields: Any) -> Queue:
        project = make.project(annotators=[ann])
        line = parse({"prompt": "Tell me.", "candidates": [{"text": text, "model": "m"} for text in texts]}, 1)
        prompts.import_lines(project, [line], source="jsonl", by=make.manager(project))
        if "preset" not in fields:
            fields.setdefault("form", [EDIT])
        return make.queue(project, slug="edit", candidates_max=len(texts), **fields)

    return make_queue


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def texts_shown() -> dict[str, str]:
    return {one.key: one.text for one in slot_reads.candidates(Slot.objects.get(annotator__isnull=False))}


def typed(text: str) -> str:
    """A text as a field has it."""
    return text.replace("\r\n", "\n")


def editor(page: Page) -> Locator:
    return page.locator("#q-edited")


def begins_with(page: Page, letter: str) -> Locator:
    return page.get_by_role("group", name="Start from response").get_by_label(letter)


def state(page: Page) -> Locator:
    return page.locator("[data-autosave-target=state]").first


def submitted(page: Page) -> Any:
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    return Annotation.objects.get().answers["edited"]


def test_a_whole_task_by_keyboard_alone(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    shown = texts_shown()
    page.keyboard.press("Alt+2")
    expect(editor(page)).to_be_focused()
    expect(editor(page)).to_have_value(typed(shown["b"]))
    expect(begins_with(page, "B")).to_be_checked()
    page.keyboard.press("Control+End")
    page.keyboard.type(" And better.")
    expect(page.locator(".changes ins")).to_contain_text("And better")
    expect(page.locator(".changes del")).to_have_count(0)
    expect(page.locator(".changes summary")).to_have_text(re.compile("2 words added"))
    page.keyboard.press("Escape")
    expect(editor(page)).not_to_be_focused()
    page.keyboard.press("w")
    expect(editor(page)).to_be_focused()
    assert submitted(page) == {"candidate": "b", "text": typed(shown["b"]) + " And better."}


def test_the_response_on_the_page_stays_as_it_was(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    before = page.locator(".candidates").inner_text()
    page.keyboard.press("Alt+1")
    editor(page).fill("Something else altogether")
    expect(page.locator(".changes del").first).to_be_visible()
    assert page.locator(".candidates").inner_text() == before
    for key, text in texts_shown().items():
        assert page.locator(f"[data-raw={key}]").evaluate("raw => raw.textContent") == text


def test_by_mouse_from_a_card(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE[:2]))
    shown = texts_shown()
    page.get_by_role("button", name="Edit this response, B").click()
    expect(editor(page)).to_have_value(typed(shown["b"]))
    begins_with(page, "A").check(force=True)
    expect(editor(page)).to_have_value(typed(shown["a"]))
    expect(page.get_by_role("button", name="Edit this response, A")).to_have_attribute("aria-pressed", "true")
    editor(page).fill("Better.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers["edited"] == {"candidate": "a", "text": "Better."}


def test_who_starts_from_another_response_loses_nothing(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    shown = texts_shown()
    page.keyboard.press("Alt+1")
    editor(page).fill("typed from A")
    page.keyboard.press("Alt+2")
    expect(editor(page)).to_have_value(typed(shown["b"]))
    expect(page.get_by_text("Your text from response A is kept.")).to_be_visible()
    editor(page).fill("typed from B")
    expect(state(page)).to_have_attribute("data-state", "saved")
    page.reload()
    expect(editor(page)).to_have_value("typed from B")
    page.get_by_role("button", name="Go back to A").click()
    expect(editor(page)).to_have_value("typed from A")
    expect(page.get_by_text("Your text from response B is kept.")).to_be_visible()
    page.keyboard.press("Alt+3")
    expect(editor(page)).to_have_value(typed(shown["c"]))
    page.keyboard.press("Alt+2")
    expect(editor(page)).to_have_value("typed from B")
    editor(page).fill("typed from B again")
    expect(state(page)).to_have_attribute("data-state", "saved")
    assert Draft.objects.get().answers["edited"]["kept"] == {"a": "typed from A"}
    assert submitted(page) == {"candidate": "b", "text": "typed from B again"}


def test_what_was_typed_before_anything_was_chosen_is_kept_too(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    visitor.expected.append("422")
    editor(page).fill("from nowhere")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#error-edited")).to_have_text("Choose the response that you edit.")
    page.keyboard.press("Alt+1")
    expect(page.get_by_text("What you typed before you chose a response is kept.")).to_be_visible()
    page.get_by_role("button", name="Go back to it").click()
    expect(editor(page)).to_have_value("from nowhere")


def test_the_better_response_is_the_one_to_edit(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE[:2], preset="llama3-pairwise-edit"))
    shown = texts_shown()
    expect(editor(page)).to_have_value("")
    page.keyboard.press("8")
    expect(editor(page)).to_have_value(typed(shown["b"]))
    expect(editor(page)).to_be_focused()
    # Somebody thinks again, before and after a word was typed.
    page.keyboard.press("Escape")
    page.keyboard.press(",")
    page.keyboard.press("1")
    expect(editor(page)).to_have_value(typed(shown["a"]))
    page.keyboard.press("Control+End")
    page.keyboard.type(" More.")
    page.keyboard.press("Escape")
    page.keyboard.press(",")
    page.keyboard.press("7")
    expect(editor(page)).to_have_value(typed(shown["a"]) + " More.")
    expect(page.get_by_text("You prefer response B, and this is an edit of A.")).to_be_visible()
    page.get_by_role("button", name="Start from B").click()
    expect(editor(page)).to_have_value(typed(shown["b"]))
    expect(page.get_by_text("Your text from response A is kept.")).to_be_visible()
    page.keyboard.type("Well: ")
    assert submitted(page) == {"candidate": "b", "text": "Well: " + typed(shown["b"])}


def test_so_is_the_first_of_a_ranking_but_no_one_of_several_first_ones(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE, form=[RANK, EDIT]))
    shown = texts_shown()
    for key in "211":
        page.keyboard.press(key)
    expect(page.locator("[aria-live=polite]").first).to_have_text("1: B, C · 2: A")
    expect(editor(page)).to_have_value("")
    for key in (",", "c", "3"):
        page.keyboard.press(key)
    expect(editor(page)).to_have_value(typed(shown["b"]))
    page.reload()
    expect(editor(page)).to_have_value(typed(shown["b"]))


def test_no_key_that_goes_on_submits_a_response_as_it_was(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE[:2], preset="llama3-pairwise-edit"))
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(editor(page)).to_be_visible()
    page.keyboard.press("w")
    page.keyboard.type("x")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()


def test_an_edit_that_may_be_left_out_begins_with_nobody_s_text(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE[:2], form=[RANK, {**EDIT, "required": False}]))
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("[aria-live=polite]").first).to_have_text("1: A · 2: B")
    expect(editor(page)).to_have_value("")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert set(Annotation.objects.get().answers) == {"ranking"}


def test_a_reload_in_the_middle_loses_no_letter(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    page.keyboard.press("Alt+3")
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("\n\nنهاية 👍🏽 \t")
    value = editor(page).input_value()
    page.reload()
    expect(editor(page)).to_have_value(value)
    expect(begins_with(page, "C")).to_be_checked()
    expect(page.locator(".changes ins")).to_contain_text("نهاية")
    expect(state(page)).to_have_attribute("data-state", "saved")
    assert Draft.objects.get().answers["edited"] == {"candidate": "c", "text": value}
    assert submitted(page) == {"candidate": "c", "text": value.strip()}


def test_a_page_that_only_opened_makes_no_draft(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(*TEXTS_OF_THREE))
    page.wait_for_timeout(2000)  # longer than a change would wait before it is saved
    expect(editor(page)).to_have_value("")
    assert not Draft.objects.exists()


def test_lengths_are_counted_and_a_preview_is_there(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made("Some **bold** words.", form=[{**EDIT, "min_chars": 30}]))
    page.keyboard.press("Alt+1")
    expect(page.get_by_text("3 words · 20 characters · at least 30")).to_be_visible()
    expect(page.locator(".editor__preview strong")).to_have_text("bold")


def test_two_tabs_choose_between_two_versions(visitor: Visitor, made: Made) -> None:
    queue = made(*TEXTS_OF_THREE)
    one = start(visitor, queue)
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/label/{queue.pk}/")
    one.keyboard.press("Alt+1")
    editor(one).fill("first tab")
    expect(state(one)).to_have_attribute("data-state", "saved")
    visitor.expected.append("409")
    other.keyboard.press("Alt+2")
    editor(other).fill("second tab")
    expect(other.get_by_text("There are two versions of your answer.")).to_be_visible()
    expect(other.locator(".notice__text").nth(0)).to_have_text("Response B, edited:\nsecond tab")
    expect(other.locator(".notice__text").nth(1)).to_have_text("Response A, edited:\nfirst tab")
    other.get_by_role("button", name="Take that one").click()
    expect(editor(other)).to_have_value("first tab")
    expect(begins_with(other, "A")).to_be_checked()


def test_hostile_text_stays_text_in_the_field_and_in_the_changes(visitor: Visitor, made: Made) -> None:
    hostile = "\n".join(TEXTS[:60]).replace("\x00", "")
    page = start(visitor, made(hostile))
    page.keyboard.press("Alt+1")
    expect(editor(page)).to_have_value(typed(hostile))
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("<img src=x onerror=hacked=1>")
    expect(page.locator(".changes ins").last).to_contain_text("onerror")
    assert page.locator(".changes :not(ins, del, span, summary, div)").count() == 0
    assert page.evaluate("'hacked' in window") is False
    page.reload()
    expect(editor(page)).to_have_value(typed(hostile) + "<img src=x onerror=hacked=1>")


def test_without_scripts_it_is_a_choice_and_a_field(
    server: str, browser: Browser, visitors: list[Visitor], made: Made
) -> None:
    visitor = let_in(server, browser, visitors, java_script_enabled=False)
    visitor.expected.append("422")
    page = start(visitor, made(*TEXTS_OF_THREE))
    expect(page.get_by_role("button", name="Edit this")).to_have_count(0)
    begins_with(page, "B").check(force=True)
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#error-edited")).to_have_text("The response is empty.")
    expect(begins_with(page, "B")).to_be_checked()
    editor(page).fill("Written anew.\nWith a line.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers["edited"] == {"candidate": "b", "text": "Written anew.\nWith a line."}


def test_on_a_narrow_screen_nothing_hangs_over(
    server: str, browser: Browser, visitors: list[Visitor], made: Made
) -> None:
    visitor = let_in(server, browser, visitors, viewport={"width": 360, "height": 740})
    page = start(visitor, made(*TEXTS_OF_THREE, form=[RANK, EDIT]))
    page.get_by_role("button", name="Edit this response, A").click()
    page.keyboard.type("x" * 200)
    expect(page.locator(".changes ins")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_new_prompt_is_written_with_another_one_as_an_example(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    page = start(
        visitor, make.queue(project, form=[{"name": "new", "type": "write", "mode": "prompt"}], slug="prompts")
    )
    expect(page.get_by_role("heading", name="An example")).to_be_visible()
    expect(page.get_by_text("do not answer it")).to_be_visible()
    field = page.get_by_role("textbox", name="Write a new user prompt")
    visitor.expected.append("422")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#error-new")).to_have_text("The prompt is empty.")
    field.fill("How do I **fold** a map?")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers == {"new": {"text": "How do I **fold** a map?"}}
