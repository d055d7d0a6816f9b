"""Pictures of every annotator's page, wide and narrow, light and dark; and of each recipe, half answered.

They are made only where SCREENSHOTS names a folder for them: `SCREENSHOTS=/tmp/pictures make test ARGS=tests/browser`.
The README's own picture, docs/screenshot.png, is then made anew too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from labeling.questions import PRESETS
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.content import reading_room
from tests.browser.tour import DRAWN
from tests.browser.workday import HALF_GIVEN, workday
from tests.process import ROOT

FOLDER = os.environ.get("SCREENSHOTS", "")
SIZES = {"1440": (1440, 900), "390": (390, 844)}
RECIPE_SIZES = {**SIZES, "2560": (2560, 1440)}
MOST_SCREENS = 12
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not FOLDER, reason="SCREENSHOTS names no folder")]


def shoot(page: Page, name: str | Path, *, whole: bool = False) -> None:
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    path = name if isinstance(name, Path) else Path(FOLDER) / f"{name}.png"
    page.screenshot(path=path, full_page=whole, animations="disabled")


def test_picture_for_the_readme(server: str, browser: Browser, visitors: list[Visitor]) -> None:
    ann = person("ann")
    _, rank, _ = reading_room(person("mira"), [ann])
    visitor = let_in(server, browser, visitors, color_scheme="light")
    visitor.enter(ann)
    page = visitor.open(f"/label/{rank.pk}/")
    page.wait_for_selector(".katex")
    for key in "31":
        page.keyboard.press(key)
    page.wait_for_selector("[data-autosave-target=state][data-state=saved]")
    page.evaluate("scrollTo(0, 0)")
    shoot(page, ROOT / "docs" / "screenshot.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures(server: str, browser: Browser, visitors: list[Visitor], size: str, theme: Theme) -> None:
    manager, ann = person("mira"), person("ann")
    _, rank, write = reading_room(manager, [ann])
    width, height = SIZES[size]
    phone = {"has_touch": True, "is_mobile": True} if width < 500 else {}
    visitor = let_in(
        server, browser, visitors, viewport={"width": width, "height": height}, color_scheme=theme, **phone
    )
    page, end = visitor.page, f"{size}-{theme}"
    visitor.open("/login/")
    shoot(page, f"login-{end}")
    visitor.log_in("ann@example.org")
    shoot(page, f"home-{end}")
    visitor.open(f"/label/{rank.pk}/")
    page.wait_for_selector(".katex")
    shoot(page, f"rank-fresh-{end}")
    for key in "312":
        page.keyboard.press(key)
    page.wait_for_selector("[data-autosave-target=state][data-state=saved]", state="attached")
    shoot(page, f"rank-{end}")
    shoot(page, f"rank-whole-{end}", whole=True)
    page.keyboard.press("?")
    shoot(page, f"keys-{end}")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    shoot(page, f"guidelines-{end}")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    shoot(page, f"skip-{end}")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    page.get_by_text("المكتبة").first.wait_for()
    shoot(page, f"rank-arabic-{end}")
    visitor.open(f"/label/{write.pk}/")
    page.locator("textarea").first.fill(
        "Your starter is **hungry**:\n\n1. Feed it 1 : 5 : 5.\n2. Keep it at $25\\,^{\\circ}$C.\n"
    )
    if page.locator(".editor__preview").is_hidden():  # on a phone it is closed at first
        page.get_by_role("button", name="Preview").click()
    page.wait_for_selector(".editor__preview .katex")
    shoot(page, f"write-{end}", whole=size == "390")
    visitor.open("/profile/")
    shoot(page, f"profile-{end}", whole=True)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", RECIPE_SIZES)
def test_pictures_of_each_recipe(
    server: str, browser: Browser, visitors: list[Visitor], size: str, preset: str
) -> None:
    """As the page comes, and with half the answers given: from its top to its end, screen by screen."""
    ann = person("ann")
    _, queue = workday(preset, person("mira"), ann)
    width, height = RECIPE_SIZES[size]
    phone = {"has_touch": True, "is_mobile": True} if width < 500 else {}
    visitor = let_in(server, browser, visitors, viewport={"width": width, "height": height}, **phone)
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    page.wait_for_function(DRAWN)
    in_both_themes(page, f"{preset}-{size}-fresh")
    HALF_GIVEN[preset](page)
    page.wait_for_selector("[data-autosave-target=state][data-state=saved]", state="attached")
    in_both_themes(page, f"{preset}-{size}-half")
    page.emulate_media(color_scheme=THEMES[0])
    for number in range(MOST_SCREENS):
        page.evaluate("number => scrollTo(0, number * (innerHeight - 120))", number)
        shoot(page, f"{preset}-{size}-screen{number}")
        if page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 1"):
            break


def in_both_themes(page: Page, name: str) -> None:
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        shoot(page, f"{name}-{theme}")
