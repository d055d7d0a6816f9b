"""By keyboard alone: every stop can be seen, none is skipped, and one always gets on."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.states import STATES
from tests.browser.tour import ANNOTATOR, MANAGER, NOBODY, STOPS, THOROUGH, Stop, Tour, World, build

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST = 400  # presses of Tab on one page
BATCH = 12  # presses between two looks at where they led
# Walked in both directions; the rest of the tour is walked once.
CLOSELY = [
    Stop("login", NOBODY),
    Stop("home", ANNOTATOR),
    Stop("profile", ANNOTATOR),
    Stop("project", MANAGER),
    Stop("queue", MANAGER),
    Stop("queue-create", MANAGER),
    Stop("prompts", MANAGER),
    Stop("label", ANNOTATOR),
    Stop("label", ANNOTATOR, "where one writes", at={"queue_id": "demonstrations"}),
]
SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 844}}

# What has the focus, as it looks while it has it. A mark may be around the control, around what holds it (a radio
# button that is drawn as a segment), or around its label.
SCRIPT = """() => {
  const around = (element) =>
    [element, element.parentElement, element.parentElement?.parentElement, ...(element.labels ?? [])].filter(Boolean);
  // How many sides of an outline are left by the boxes around it that cut off what stands out of them.
  const sides = (one, gap) => {
    const box = one.getBoundingClientRect();
    const room = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };
    for (let outer = one.parentElement; outer; outer = outer.parentElement) {
      const style = getComputedStyle(outer);
      const cuts = style.overflow !== "visible" || /paint|content|strict/.test(style.contain);
      if (!cuts || outer === document.body) continue;
      const { left, top, right, bottom } = outer.getBoundingClientRect();
      room.left = Math.max(room.left, left);
      room.top = Math.max(room.top, top);
      room.right = Math.min(room.right, right);
      room.bottom = Math.min(room.bottom, bottom);
    }
    const shown = [room.left < box.left - gap, room.top < box.top - gap, room.right > box.right + gap,
      room.bottom > box.bottom + gap];
    return shown.filter(Boolean).length;
  };
  // Changes that are on their way are at their end.
  const settle = () => {
    for (const one of document.getAnimations()) if (one.effect.getTiming().iterations === 1) one.finish();
  };
  const looks = (element) => around(element).map((one) => {
    const style = getComputedStyle(one);
    const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
    const outline = drawn && sides(one, parseFloat(style.outlineOffset)) > 1 ? style.outline : "";
    return { outline, shadow: style.boxShadow === "none" ? "" : style.boxShadow };
  });
  const say = (element) => element.outerHTML.replace(/\\s+/g, " ").slice(0, 160);
  // Somewhere on it (or on its label) the pointer would hit it: it is on the screen and nothing lies over all of it.
  const inSight = (element) => [element, ...(element.labels ?? [])].some((one) => {
    const { left, right, top, bottom } = one.getBoundingClientRect();
    const [x0, x1] = [Math.max(left, 0), Math.min(right, innerWidth)];
    const [y0, y1] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
    if (x0 >= x1 || y0 >= y1) return false;
    return [0.02, 0.25, 0.5, 0.75, 0.98].some((x) => [0.02, 0.25, 0.5, 0.75, 0.98].some((y) => {
      const hit = document.elementFromPoint(x0 + x * (x1 - x0), y0 + y * (y1 - y0));
      return hit && (one.contains(hit) || hit.closest("label")?.control === element);
    }));
  });
  const stops = [];
  const root = document.querySelector("dialog:modal") ?? document.body; // nothing behind an open dialog can be reached
  window.focusStops = {
    // The next press of Tab begins at the page's start (or end): the browser goes on from where the focus was last.
    begin(atEnd) {
      const mark = document.createElement("span");
      mark.tabIndex = -1;
      root[atEnd ? "append" : "prepend"](mark);
      mark.focus();
      mark.remove();
    },
    // Where each press of Tab led since the last time this was asked.
    led: [],
    // Notes the element that has the focus; null when it is none of the page's.
    note() {
      const element = document.activeElement;
      if (!element || element === document.body || element === document.documentElement) return null;
      settle();
      const again = stops.some((stop) => stop.element === element);
      if (!again) stops.push({ element, focused: looks(element), seen: inSight(element) });
      return { again, what: say(element) };
    },
    // What is wrong with the stops, once nothing has the focus.
    faults() {
      document.activeElement?.blur();
      settle();
      return stops.flatMap(({ element, focused, seen }) => {
        if (!element.isConnected) return [];
        const plain = looks(element);
        const marked = focused.some((look, n) =>
          (look.outline && look.outline !== plain[n]?.outline) || (look.shadow && look.shadow !== plain[n]?.shadow));
        return [...(marked ? [] : ["not marked: " + say(element)]), ...(seen ? [] : ["out of sight: " + say(element)])];
      });
    },
    // What Tab should have come to and did not. Of radio buttons with one name it comes to one.
    missed() {
      const controls = "a[href], button, input, select, textarea, summary, [tabindex]";
      const met = new Set(stops.map((stop) => stop.element));
      const groups = new Set([...met].filter(({ type }) => type === "radio").map(({ name }) => name));
      return [...root.querySelectorAll(controls)].filter((element) => element.tabIndex >= 0
        && !element.disabled && element.type !== "hidden" && element.checkVisibility({ visibilityProperty: true })
        && !met.has(element) && !(element.type === "radio" && groups.has(element.name))).map(say);
    },
  };
  // The key is up once the focus is where it goes. Where it leaves the page, nobody hears of that.
  window.focusWatch?.abort();
  window.focusWatch = new AbortController();
  // A field for a date has stops of its own: day, month, year.
  const within = () => /date|time|month|week/.test(document.activeElement.type ?? "")
    && document.activeElement === stops.at(-1)?.element;
  const hear = ({ key }) => key === "Tab" && !within() && focusStops.led.push(focusStops.note());
  addEventListener("keyup", hear, { capture: true, signal: focusWatch.signal });
}"""


@pytest.fixture
def world(transactional_db: None) -> World:
    return build()


def walk(page: Page, key: str = "Tab") -> list[str]:
    """Every stop from the top of the page to where the page lets go of the focus, in order."""
    page.evaluate(SCRIPT)
    page.evaluate("atEnd => focusStops.begin(atEnd)", key != "Tab")
    found: list[str] = []
    for _ in range(MOST // BATCH):
        for _ in range(BATCH):
            page.keyboard.press(key)
        led: list[dict[str, Any] | None] = page.evaluate("() => focusStops.led.splice(0)")
        for stop in led:
            if stop is None or stop["again"]:
                assert stop is None or stop["what"] == found[0], f"Tab goes back from {found[-1]} to {stop['what']}"
                return found
            found.append(stop["what"])
        if not led:  # a frame has stops of its own, of which the page around it does not hear
            assert page.evaluate("() => document.activeElement.localName") == "iframe", f"{found[-1:]} keeps the keys"
    raise AssertionError(f"Tab does not get through the page. The last stops: {found[-5:]}")


def faults_of(page: Page, stop: Stop) -> list[str]:
    """What is wrong with the stops that were walked."""
    found: list[str] = page.evaluate(
        "() => [...focusStops.missed().map((what) => `missed: ${what}`), ...focusStops.faults()]"
    )
    return [f"{stop}: {fault}" for fault in found]


@pytest.mark.parametrize("size", SIZES)
def test_every_stop_of_the_keyboard_can_be_seen(
    world: World, server: str, browser: Browser, visitors: list[Visitor], size: str
) -> None:
    tour = Tour(world, server, browser, visitors, {"viewport": SIZES[size]})
    faults: list[str] = []
    for stop in CLOSELY:
        page = tour.go(stop)
        forward = walk(page)
        assert len(forward) >= 3
        faults += faults_of(page, stop)
        assert len(walk(page, "Shift+Tab")) == len(forward), f"{stop}: backwards Tab comes to other stops"
    assert not faults, "\n".join(["", *faults])


def test_every_stop_of_the_tour_can_be_seen_in_the_dark(
    world: World, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    """A fifth of the pages and states in a usual run, all of them with THOROUGH=1."""
    tour = Tour(world, server, browser, visitors, {"viewport": SIZES["wide"], "color_scheme": "dark"})
    faults: list[str] = []
    for stop in [*STOPS, *STATES][:: 1 if THOROUGH else 5]:
        page = tour.go(stop)
        assert walk(page)
        faults += faults_of(page, stop)
    assert not faults, "\n".join(["", *faults])


def test_a_stop_without_a_mark_would_be_found(
    world: World, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    page = Tour(world, server, browser, visitors, {}).go(CLOSELY[0])
    page.evaluate("""() => {
      document.querySelector("[name=password]").style.outline = "none";
      document.querySelector("main button").tabIndex = -1;
      document.querySelector(".brand").style.position = "fixed";
      document.querySelector(".brand").style.left = "-500px";
    }""")
    walk(page)
    sight, marked = page.evaluate("() => focusStops.faults()")
    assert sight.startswith('out of sight: <a class="brand"')
    assert marked.startswith('not marked: <input type="password"')
    page.evaluate("() => { document.querySelector('main button').tabIndex = 0; }")
    assert len(page.evaluate("() => focusStops.missed()")) == 1


def test_the_first_stop_leads_past_the_bar(
    world: World, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    page = Tour(world, server, browser, visitors, {}).go(Stop("project", MANAGER))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_a_dialog_keeps_the_focus_and_gives_it_back(
    world: World, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    page = Tour(world, server, browser, visitors, {}).go(Stop("label", ANNOTATOR))
    opener = page.get_by_role("link", name="Skip").last
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Skip this task")
    expect(dialog).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
