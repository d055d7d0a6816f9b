"""A long day's material in every width: no line of it widens the page, and what is answered with stays at hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from labeling.importing.base import parse
from labeling.models import Queue, User
from labeling.questions import PRESETS
from labeling.services import projects, prompts
from tests import make
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.test_accessibility import SIDEWAYS
from tests.browser.tour import DRAWN
from tests.browser.workday import FIRST, HALF_GIVEN, THIRD, workday

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Enter = Callable[..., Page]
WIDTHS = (360, 390, 768, 1024, 1440, 2560)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def people(transactional_db: None) -> tuple[User, User]:
    return person("mira"), person("ann")


@pytest.fixture
def enter(server: str, browser: Browser, visitors: list[Visitor], people: tuple[User, User]) -> Enter:
    """Ann at the first task of a recipe's queue, or of one that is given."""

    def enter(where: str | Queue, **context: object) -> Page:
        queue = workday(where, *people)[1] if isinstance(where, str) else where
        visitor = let_in(server, browser, visitors, **context)
        visitor.enter(people[1])
        page = visitor.open(f"/label/{queue.pk}/")
        page.wait_for_function(DRAWN)
        return page

    return enter


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_of_a_long_task_stands_out_sideways(enter: Enter, preset: str) -> None:
    page = enter(preset)
    HALF_GIVEN[preset](page)
    page.wait_for_selector("[data-autosave-target=state][data-state=saved]", state="attached")
    page.wait_for_selector(".editor__preview:not([hidden]) .prose:empty", state="detached")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert {width: page.evaluate(SIDEWAYS)} == {width: []}


def test_nothing_stands_out_where_long_texts_are_read_later(
    server: str, browser: Browser, visitors: list[Visitor], people: tuple[User, User]
) -> None:
    manager, ann = people
    project, queue = workday("demonstrations", manager, ann)
    projects.set_guidelines(project, f"{FIRST}\n\n{'long' * 100}\n", by=manager)
    done = make.written(queue, ann, FIRST)
    first = f"/projects/{project.slug}/prompts/{project.prompts.earliest('pk').pk}/"
    places = {
        ann: [f"/label/{queue.pk}/", f"/label/{queue.pk}/done/", f"/label/{queue.pk}/done/{done.slot_id}/"],
        manager: [first, *(f"/projects/{project.slug}/{place}/" for place in ("prompts", "guidelines", "export"))],
    }
    for user, addresses in places.items():
        visitor = let_in(server, browser, visitors)
        visitor.enter(user)
        for address in addresses:
            page = visitor.open(address)
            page.wait_for_function(DRAWN)
            if address == places[ann][0]:
                page.keyboard.press("g")
            page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                assert {(address, width): page.evaluate(SIDEWAYS)} == {(address, width): []}


def test_a_page_that_stands_out_would_be_found(enter: Enter) -> None:
    page = enter("ranking", viewport={"width": 390, "height": 844})
    assert page.evaluate(SIDEWAYS) == []
    page.evaluate("() => { document.querySelector('.turns').style.gridTemplateColumns = 'auto'; }")
    assert page.evaluate(SIDEWAYS)[0] == "the page"


def test_on_a_phone_only_the_page_scrolls(enter: Enter) -> None:
    """A response that scrolled by itself would catch the finger that moves the page."""
    page = enter("kto", **PHONE)
    long = page.locator(".candidate", has_text="What I would do, in this order")
    assert long.evaluate("card => card.offsetHeight > innerHeight && card.scrollHeight <= card.offsetHeight")
    page.evaluate("card => scrollTo(0, card.offsetTop + card.offsetHeight / 2)", long.element_handle())
    top = page.locator(".topbar").evaluate("bar => bar.getBoundingClientRect().bottom")
    head = long.locator(".candidate__head").evaluate("head => head.getBoundingClientRect().top")
    assert abs(head - top) <= 1, "its letter stays in sight"
    page.evaluate("() => { document.body.dataset.layout = 'focus'; }")
    shown = page.locator(".candidate[data-current]")
    assert shown.evaluate("card => card.offsetHeight < innerHeight && getComputedStyle(card).overflowY === 'auto'")


def test_digits_stand_only_where_they_answer(enter: Enter) -> None:
    page = enter("llama2-pairwise")
    scale, safety = page.locator(".scale .keyhint").first, page.locator(".question--choose .keyhint").first
    expect(scale).to_be_visible()
    expect(safety).to_be_hidden()
    page.keyboard.press("3")
    expect(safety).to_be_visible()
    expect(scale).to_be_hidden()


def test_thumbs_say_their_keys_on_the_response_that_has_its_turn(enter: Enter) -> None:
    page = enter("kto")
    hints = page.locator(".candidate__foot .keyhint:visible")
    expect(hints).to_have_text(["0", "1"])
    page.keyboard.press("1")
    expect(page.locator("[data-candidate=b] .candidate__foot .keyhint:visible")).to_have_text(["0", "1"])
    expect(hints).to_have_count(2)


def test_what_was_counted_stays_in_sight_while_one_writes_a_long_text(enter: Enter) -> None:
    page = enter("demonstrations")
    field, foot, dock = page.locator("#q-response"), page.locator(".editor__foot"), page.locator(".dock")
    page.keyboard.press("w")
    page.keyboard.insert_text(THIRD + "\n\n" + THIRD)
    expect(foot).to_contain_text("words")
    page.keyboard.press("Control+Home")
    page.keyboard.type("First: ")
    box, below = foot.bounding_box(), dock.bounding_box()
    assert box is not None
    assert below is not None
    assert abs(box["y"] + box["height"] - below["y"]) <= 1
    assert field.evaluate("field => field.getBoundingClientRect().bottom > innerHeight")


def test_texts_say_their_language_and_the_page_its_own(enter: Enter, people: tuple[User, User]) -> None:
    """A browser draws the same Chinese character as Chinese or as Japanese readers know it, by this."""
    manager, ann = people
    project = make.project(manager, annotators=[ann])
    asked = {"prompt": "直感について一文で書いてください。", "language": "ja"}
    answers = [{"text": "直感は、考える前に分かることです。"}, {"text": "直感とは何か、`骨`。\n\n- 直\n- 骨"}]
    lines = [parse({**asked, "candidates": answers}, 1)]
    prompts.import_lines(project, lines, source="jsonl", by=manager)
    queue = make.queue(project, preset="llama3-pairwise-edit")
    page = enter(queue)
    texts = ".prompt .prose, .prompt .raw, .candidate__text, .candidate__raw, #q-edited, .changes__text"
    assert page.locator(texts).evaluate_all("all => [all.length, ...new Set(all.map(({lang}) => lang))]") == [8, "ja"]
    assert page.evaluate("document.documentElement.lang") == "en"
    page.keyboard.press("v")
    page.keyboard.press("7")
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("骨も。")
    added = page.locator(".changes__text ins")
    expect(added).to_contain_text("骨も。")
    assert added.evaluate("element => element.closest('[lang]').lang") == "ja"
    assert page.locator(".dock").evaluate("dock => dock.closest('[lang]').lang") == "en"
