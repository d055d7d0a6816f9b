"""No page keeps anybody out: axe-core (https://github.com/dequelabs/axe-core) finds nothing serious on any of them.

Every page and each state of the labelling page is looked at in one of two appearances, every other one of them in both
themes, and at four widths for what stands out; with THOROUGH=1 everything in all four appearances.
"""

from __future__ import annotations

from importlib import resources
from typing import Any, Literal

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import Visitor
from tests.browser.states import STATES
from tests.browser.tour import MANAGER, NO_PAGES, STOPS, THOROUGH, Tour, World, addresses, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# `preload` would fetch the style sheets anew; they are ours and can be read where they are.
RUN = """async (rules) => (await axe.run(document,
  {resultTypes: ["violations"], preload: false, ...(rules && {runOnly: rules})})).violations"""
GRAVE = ("serious", "critical")
Theme = Literal["light", "dark"]

# Each a width with its theme, and the other theme, in which only colours differ.
APPEARANCES: dict[str, tuple[ViewportSize, tuple[Theme, Theme]]] = {
    "wide": ({"width": 1440, "height": 900}, ("light", "dark")),
    "narrow": ({"width": 390, "height": 844}, ("dark", "light")),
}
# For what stands out.
SIZES: list[ViewportSize] = [
    {"width": width, "height": height} for width, height in ((2560, 1440), (1440, 900), (390, 844), (360, 740))
]
# What reaches beyond its box sideways, but for what may scroll because its lines mean something as they are.
SIDEWAYS = r"""() => {
  const found = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  const may = "pre, table, textarea, select, .table-wrap, .math-block, .tabs, .board, .sr-only";
  for (const element of document.querySelectorAll("body *")) {
    if (element.scrollWidth <= element.clientWidth + 1 || element.matches(may)) continue;
    if (!/auto|scroll/.test(getComputedStyle(element).overflowX)) continue;
    found.push(element.outerHTML.replace(/\s+/g, " ").slice(0, 160));
  }
  return found;
}"""


@pytest.fixture
def world(transactional_db: None) -> World:
    return build()


def barriers(page: Page, rules: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What axe finds wrong on a page as it is now, by all its rules or by these."""
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN, list(rules) or None)
    return found


def recolour(page: Page, theme: Theme) -> None:
    """Shows the page in the other theme, to the end of what changes slowly."""
    page.emulate_media(color_scheme=theme)
    page.evaluate("""async () => {
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null)));
    }""")


def told(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    lines = [f"  {violation['impact']}: {violation['id']}: {violation['help']} ({violation['helpUrl']})"]
    for node in nodes[:5]:
        lines += [f"    {node['html'][:200]}", *(f"      {line}" for line in node["failureSummary"].splitlines()[1:])]
    return "\n".join([*lines, f"    … and {len(nodes) - 5} more"] if len(nodes) > 5 else lines)


@pytest.mark.parametrize("appearance", APPEARANCES)
def test_no_page_has_a_barrier_or_stands_out_sideways(
    world: World, server: str, browser: Browser, visitors: list[Visitor], appearance: str
) -> None:
    viewport, (theme, other) = APPEARANCES[appearance]
    tour = Tour(world, server, browser, visitors, {"viewport": viewport, "color_scheme": theme})
    grave: list[str] = []
    lesser: list[str] = []
    sideways: list[str] = []
    turn = list(APPEARANCES).index(appearance)
    for number, stop in enumerate([*STOPS, *STATES] if THOROUGH else [*STOPS, *STATES][turn::2]):
        page = tour.go(stop)
        found = {theme: barriers(page)}
        if THOROUGH or number % 2:
            recolour(page, other)
            found[other] = barriers(page, ("color-contrast",))
            recolour(page, theme)
        for size in SIZES:
            page.set_viewport_size(size)
            sideways += [f"{stop}, {size['width']} wide: {one}" for one in page.evaluate(SIDEWAYS)]
        page.set_viewport_size(viewport)
        for look, violations in found.items():
            for violation in violations:
                (grave if violation["impact"] in GRAVE else lesser).append(f"{stop}, {look}\n{told(violation)}")
    assert not sideways, "\n".join(["", *sideways])
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
    places = {**world.places, "token_id": 1, "slot_id": 1, "delivery_id": 1}
    for name in sorted(NO_PAGES):
        wanted = addresses()[name].pattern.converters
        answer = client.get(reverse(name, kwargs={part: places[part] for part in wanted}))
        page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        assert not page, f"{name} is a page: give it a line in STOPS"
