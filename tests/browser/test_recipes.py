"""The presets: a whole task of each by keyboard alone, from the open page to what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from labeling.models import Annotation
from labeling.questions.presets import PRESETS
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Answers = dict[str, Any]
DOCUMENTS = [{"title": "A source", "text": "Chlorophyll makes leaves green."}]
CANDIDATES = {"demonstrations": 0, "ranking": 4, "instructgpt-ranking": 4, "kto": 4, "grounded": 1}


def press(page: Page, *keys: str) -> int:
    """Presses keys one after the other; tells how many there were."""
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def title(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", name=words, level=2, exact=True)


def card(page: Page, key: str) -> Locator:
    return page.locator(f"[data-candidate={key}]")


def demonstrations(page: Page) -> Answers:
    """Into the field, and on from within it."""
    press(page, "w")
    page.keyboard.type("Because of chlorophyll.")
    press(page, "Control+Enter")
    return {"response": {"text": "Because of chlorophyll."}}


def ranking(page: Page) -> Answers:
    """Four responses: one key each and one to submit."""
    assert press(page, "3", "1", "4", "2", "Enter") <= 6
    return {"ranking": {"groups": [["b"], ["d"], ["a"], ["c"]]}}


def instructgpt_ranking(page: Page) -> Answers:
    """Ratings and flags response by response, then the ranking."""
    press(page, "7", "1", "5", "5")
    expect(title(page, "Rank the responses, best first")).to_be_visible()
    press(page, ",")
    flags = page.locator("details.fold")
    expect(flags.nth(0)).to_have_attribute("open", "")
    press(page, "Enter")
    expect(flags.nth(0)).not_to_have_attribute("open", "")
    expect(flags.nth(1)).to_have_attribute("open", "")
    press(page, "3", "4", "0", "4")
    expect(flags.nth(1).locator(".fold__chosen")).to_have_text("Contains a hallucination, Expresses a moral judgment")
    press(page, "Enter", "Enter", "9", "Enter")
    press(page, "1", "4", "2", "2", "Enter")
    return {
        "quality": {"a": 7, "b": 1, "c": 5, "d": 5},
        "flags": {"b": ["Contains a hallucination", "Expresses a moral judgment"], "d": ["Expresses an opinion"]},
        "ranking": {"groups": [["a"], ["c", "d"], ["b"]]},
    }


def llama2_pairwise(page: Page) -> Answers:
    """Three keys."""
    assert press(page, "7", "2", "Enter") == 3
    return {
        "preference": {"preferred": "b", "strength": 3},
        "safety": {"": ["Both responses are safe"]},
    }


def llama3_pairwise_edit(page: Page) -> Answers:
    """The better one opens in the field, and is made better still."""
    press(page, "7")
    expect(page.locator("#q-edited")).to_be_focused()
    before = page.locator("#q-edited").input_value()
    press(page, "Control+End")
    page.keyboard.type(" And why.")
    press(page, "Control+Enter")
    return {
        "preference": {"preferred": "b", "strength": 3},
        "edited": {"candidate": "b", "text": f"{before} And why."},
    }


def helpsteer2(page: Page) -> Answers:
    """One key an attribute of a response."""
    expect(title(page, "Helpfulness")).to_be_visible()
    expect(title(page, "Correctness")).to_be_hidden()
    press(page, "4", "3")
    expect(title(page, "Helpfulness")).to_be_hidden()
    expect(title(page, "Correctness")).to_be_visible()
    assert 2 + press(page, *"21304012", "Enter") == 2 * 5 + 1
    return {
        "helpfulness": {"a": 4, "b": 3},
        "correctness": {"a": 2, "b": 1},
        "coherence": {"a": 3, "b": 0},
        "complexity": {"a": 4, "b": 0},
        "verbosity": {"a": 1, "b": 2},
    }


def helpsteer3(page: Page) -> Answers:
    """One key leads to the reason."""
    assert press(page, "2") == 1
    expect(page.get_by_role("textbox", name="Why?")).to_be_focused()
    expect(card(page, "a").locator(".verdict")).to_have_text("Better")
    expect(card(page, "b").locator(".verdict")).to_have_text("")
    expect(page.locator("[data-comparing-target=live]")).to_have_text("A: Better")
    page.keyboard.type("It says what chlorophyll is.")
    press(page, "Control+Enter")
    return {
        "preference": {"preferred": "a", "strength": 2},
        "reason": {"text": "It says what chlorophyll is."},
    }


def kto(page: Page) -> Answers:
    """One key a response."""
    assert press(page, "1", "0", "y", "-", "Enter") == 4 + 1
    return {"thumbs": {"a": 1, "b": 0, "c": 1, "d": 0}}


def mqm(page: Page) -> Answers:
    """Into the first text, two words on, a mark of the second severity with its kind as a comment."""
    press(page, "w", "ArrowRight", "Shift+ArrowRight", "2", "c")
    page.keyboard.type("fluency")
    press(page, "Enter", "Escape", "Control+Enter")
    start, end = len("Answer "), len("Answer 0 to")
    return {"errors": {"a": [{"label": "Major", "start": start, "end": end, "comment": "fluency"}], "b": []}}


def grounded(page: Page) -> Answers:
    """A mark in the response, a judgement of the whole, and the reason that may follow it."""
    press(page, "w", "Shift+ArrowRight", "1", "Escape", ".", "2", ".")
    expect(page.get_by_role("textbox", name="What is missing or wrong?")).to_be_focused()
    page.keyboard.type("It names no source.")
    press(page, "Control+Enter")
    return {
        "claims": {"a": [{"label": "Unsupported", "start": 0, "end": len("Answer 0")}]},
        "grounded": {"a": ["In part"]},
        "why": {"text": "It names no source."},
    }


TASKS: dict[str, Callable[[Page], Answers]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        demonstrations,
        ranking,
        instructgpt_ranking,
        llama2_pairwise,
        llama3_pairwise_edit,
        helpsteer2,
        helpsteer3,
        kto,
        mqm,
        grounded,
    )
}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_whole_task_by_keyboard_alone(visitor: Visitor, transactional_db: None, preset: str) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=CANDIDATES.get(preset, 2), context=DOCUMENTS)
    queue = make.queue(project, preset=preset)
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    answers = TASKS[preset](page)
    expect(page.get_by_text("1 left for you")).to_be_visible(timeout=15_000)
    assert Annotation.objects.get(annotator=ann).answers == answers
