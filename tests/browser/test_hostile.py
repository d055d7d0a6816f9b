"""Hostile responses in a real browser: nothing runs, nothing is loaded, nothing leaves its card."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from labeling.importing.base import parse
from labeling.services import prompts
from tests import make
from tests.browser.conftest import Visitor, person
from tests.labeling.hostile import TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OUTSIDE = """() => [...document.querySelectorAll(".candidate")].flatMap((card) => {
  const own = card.getBoundingClientRect();
  return [...card.querySelectorAll(".candidate__text *")].filter((element) => {
    const { left, top } = element.getBoundingClientRect();
    const seen = document.elementFromPoint(left + 1, top + 1);
    const inside = left >= own.left - 1 && left <= own.right && top >= own.top - 1 && top <= own.bottom;
    return !inside && seen && card.contains(seen);
  }).map((element) => element.outerHTML.slice(0, 200));
})"""


def test_nothing_runs_nothing_loads_and_nothing_leaves_its_card(visitor: Visitor) -> None:
    ann = person("ann")
    project = make.project(annotators=[ann], guidelines="\n\n".join(TEXTS[:5]))
    usable = [text.replace("\x00", "\ufffd") for text in TEXTS]
    groups = [usable[at : at + 9] for at in range(0, len(usable), 9)]
    groups[-1] += ["filler"] * (9 - len(groups[-1]))
    lines = [
        parse(
            {"prompt": group[0], "candidates": [{"text": f"{text}\n\nend {n}"} for n, text in enumerate(group)]}, number
        )
        for number, group in enumerate(groups, 1)
    ]
    prompts.import_lines(project, lines, source="jsonl", by=make.manager(project))
    queue = make.queue(project, preset="ranking")
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    for left in range(len(groups), 0, -1):
        expect(page.locator(".labelbar__count")).to_have_text(f"{left} left for you")
        expect(page.locator(".candidate")).to_have_count(9)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("typeof hacked") == "undefined"
        assert (
            page.locator(".prose :is(img, script, iframe, object, embed, form, style, link, input, svg image)").count()
            == 0
        )
        assert page.locator(".prose :is([id], [onerror], [onload], [data-controller])").count() == 0
        assert page.locator(".prose a:not([href^='http'])[href]").count() == 0
        assert page.evaluate(OUTSIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for key in [*"123456789", "Enter"]:
            page.keyboard.press(key)
    expect(page.get_by_role("heading", name="That is all for now")).to_be_visible()
    assert page.evaluate("typeof hacked") == "undefined"
