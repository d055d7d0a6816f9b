"""What the first labelling page weighs for somebody who comes with an empty browser: compressed, with all it loads."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from labeling.importing.base import parse
from labeling.models import Project, Queue, User
from labeling.questions.presets import PRESETS
from labeling.services import imports
from tests import make
from tests.bench.bench_screen import BUDGET, Scales
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.content import RANKING

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CANDIDATES = {"demonstrations": 0, "ranking": 4, "instructgpt-ranking": 4, "kto": 4, "grounded": 1}
ARTICLE: dict[str, Any] = RANKING[0]
TEXTS = [str(candidate["text"]) for candidate in ARTICLE["candidates"]]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    return make.project(annotators=[ann], guidelines="# Write well\n\nBe brief.\n\nBe right.")


def weigh(server: str, browser: Browser, visitors: list[Visitor], queue: Queue, ann: User) -> Scales:
    """Opens the queue in a new browser and lets it rest."""
    visitor = let_in(server, browser, visitors)
    visitor.enter(ann)
    scales = Scales(visitor.context, visitor.page)
    visitor.open(f"/label/{queue.pk}/")
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.wait_for_timeout(300)
    return scales


def fill(project: Project, texts: list[str]) -> None:
    """Prompts with these responses, and a source to check them against."""
    candidates = [{"text": text, "model": f"m{number}"} for number, text in enumerate(texts)]
    documents = [{"title": "A source", "text": TEXTS[0].replace("$", "")}]
    line = {"prompt": ARTICLE["prompt"], "candidates": candidates, "context": documents}
    lines = [parse({**line, "external_id": f"p{number}"}, number) for number in range(3)]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))


@pytest.mark.parametrize("slug", PRESETS)
def test_a_first_page_weighs_less_than_150_kb(
    server: str, browser: Browser, visitors: list[Visitor], project: Project, ann: User, slug: str
) -> None:
    fill(project, [text.replace("$", "") for text in TEXTS[: CANDIDATES.get(slug, 2)]])
    scales = weigh(server, browser, visitors, make.queue(project, preset=slug), ann)
    assert scales.total < BUDGET, scales.heaviest()


def test_what_draws_formulas_comes_after_the_page_and_is_all_that_comes_beyond_150_kb(
    server: str, browser: Browser, visitors: list[Visitor], project: Project, ann: User
) -> None:
    fill(project, TEXTS)
    scales = weigh(server, browser, visitors, make.queue(project, preset="ranking"), ann)
    page = visitors[0].page
    expect(page.locator(".katex").first).to_be_visible()
    katex = {where: size for size, where in scales.heaviest() if "/katex/" in where}
    assert len(katex) > 2, "the script, its styles and some fonts"
    assert scales.total - sum(katex.values()) < BUDGET, scales.heaviest()
    begun = page.evaluate("""() => {
      const [page] = performance.getEntriesByType("navigation");
      const began = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/katex/"));
      return began.length && began.every(({ startTime }) => startTime >= page.loadEventStart);
    }""")
    assert begun
