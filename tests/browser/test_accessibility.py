"""No page keeps anybody out: axe-core (https://github.com/dequelabs/axe-core) finds nothing serious on any of them."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Visitor
from tests.browser.tour import MANAGER, NO_PAGES, STOPS, Tour, World, addresses, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# `preload` would fetch the style sheets anew; they are ours and can be read where they are.
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"], preload: false})).violations"""
GRAVE = ("serious", "critical")

APPEARANCES: dict[str, dict[str, object]] = {
    "wide and light": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
    "narrow and dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}


@pytest.fixture
def world(transactional_db: None) -> World:
    return build()


def barriers(page: Page) -> list[dict[str, Any]]:
    """What axe finds wrong on a page as it is now."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return found


def told(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    lines = [f"  {violation['impact']}: {violation['id']}: {violation['help']} ({violation['helpUrl']})"]
    for node in nodes[:5]:
        lines += [f"    {node['html'][:200]}", *(f"      {line}" for line in node["failureSummary"].splitlines()[1:])]
    return "\n".join([*lines, f"    … and {len(nodes) - 5} more"] if len(nodes) > 5 else lines)


@pytest.mark.parametrize("appearance", APPEARANCES)
def test_no_page_has_a_barrier(
    world: World, server: str, browser: Browser, visitors: list[Visitor], appearance: str
) -> None:
    tour = Tour(world, server, browser, visitors, APPEARANCES[appearance])
    grave: list[str] = []
    lesser: list[str] = []
    for stop in STOPS:
        for violation in barriers(tour.go(stop)):
            (grave if violation["impact"] in GRAVE else lesser).append(f"{stop}\n{told(violation)}")
    assert not grave, "\n".join(["", *grave, "", "Less grave, to be mended with them:", *lesser])


def test_a_barrier_would_be_found(world: World, server: str, browser: Browser, visitors: list[Visitor]) -> None:
    page = Tour(world, server, browser, visitors, {}).go(STOPS[0])
    assert barriers(page) == []
    page.evaluate("() => document.querySelector('label').remove()")
    page.evaluate("() => { document.querySelector('main p.small').style.color = '#bbb'; }")
    assert {violation["id"] for violation in barriers(page)} >= {"label", "color-contrast"}


def test_every_page_is_on_the_tour() -> None:
    visited = {stop.name for stop in STOPS if not stop.name.startswith("/")}
    assert sorted(visited | NO_PAGES) == sorted(addresses())
    assert not visited & NO_PAGES


def test_what_is_left_out_shows_no_page(client: Client, world: World) -> None:
    client.force_login(world.people[MANAGER])
    places = {**world.places, "token_id": 1, "slot_id": 1}
    for name in sorted(NO_PAGES):
        wanted = addresses()[name].pattern.converters
        answer = client.get(reverse(name, kwargs={part: places[part] for part in wanted}))
        page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        assert not page, f"{name} is a page: give it a line in STOPS"
