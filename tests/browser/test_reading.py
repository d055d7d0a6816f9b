"""Reading responses: one at a time, two side by side, what differs, what is shared, raw, and the prompt folded away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from labeling.importing.base import parse
from labeling.models import Candidate, Prompt, Queue, User
from labeling.services import prompts
from tests import make
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.test_accessibility import barriers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAINTED = """name => Object.fromEntries([...document.querySelectorAll(".candidate")].map((card) => [
  card.querySelector(".candidate__raw").textContent.split(" ")[0],
  [...(CSS.highlights.get(name) ?? [])].filter((range) => card.contains(range.startContainer)).map(String),
]))"""
# The contrast of dimmed text with the ground that it stands on.
CONTRAST = """selector => {
  const element = document.querySelector(selector);
  const light = (color) => {
    const paint = document.createElement("canvas").getContext("2d");
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    const parts = [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
  const shades = [getComputedStyle(element, "::highlight(share)").color, getComputedStyle(ground).backgroundColor];
  const [dark, bright] = shades.map(light).sort((one, other) => one - other);
  return (bright + 0.05) / (dark + 0.05);
}"""

# Whether the response that is shown lies wholly between its tabs and the dock.
FREE = """() => {
  const [tabs, card, dock] = [".response-tabs", "[data-current]", ".dock"].map((selector) =>
    document.querySelector(selector).getBoundingClientRect());
  return tabs.bottom <= card.top && card.bottom <= dock.top;
}"""

Enter = Callable[..., Page]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def enter(server: str, browser: Browser, visitors: list[Visitor], ann: User) -> Enter:
    """Opens a page where these texts are ranked, or the form is asked about them."""

    def open_page(texts: list[str], form: list[dict[str, Any]] | None = None, **options: Any) -> Page:
        line = {"prompt": options.pop("prompt", "What now?"), "candidates": [{"text": text} for text in texts]}
        line |= options.pop("line", {})
        path = options.pop("path", "/label/{}/")
        visitor = let_in(server, browser, visitors, **options)
        visitor.enter(ann)
        return visitor.open(path.format(queue_of(ann, line, form).pk))

    return open_page


def queue_of(ann: User, line: dict[str, Any], form: list[dict[str, Any]] | None) -> Queue:
    project = make.project(annotators=[ann])
    prompts.import_lines(project, [parse(line, 1)], source="jsonl", by=make.manager(project))
    if form is None:
        return make.queue(project, preset="ranking")
    return make.queue(project, form=form, candidates_max=len(line["candidates"]))


def letters(number: int) -> list[str]:
    """Texts of so many responses that have little in common."""
    return [f"Response{n} holds words{n} of its{n} own{n}." for n in range(number)]


def card(page: Page, key: str) -> Locator:
    return page.locator(f"[data-candidate={key}]")


def keys_shown(page: Page) -> str:
    return "".join(one.get_attribute("data-candidate") or "" for one in page.locator(".candidate:visible").all())


def key_of(page: Page, text: str) -> str:
    """The letter of the response that begins so: their order is drawn."""
    return page.locator(".candidate", has_text=re.compile(rf"\b{text}\b")).get_attribute("data-candidate") or ""


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def strip(page: Page) -> Locator:
    return page.locator(".strip")


def pin(page: Page, *keys: str) -> None:
    for key in keys:
        press(page, key, "p")


def painted(page: Page, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = page.evaluate(PAINTED, name)
    return found


def say(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator(".strip").get_by_role("status").filter(has_text=words)).to_be_visible()


# --- One at a time --------------------------------------------------------------------------------------------------


def test_one_response_at_a_time_with_the_others_as_tabs(enter: Enter, ann: User) -> None:
    page = enter(letters(4))
    press(page, "l")
    assert keys_shown(page) == "abcd"
    with page.expect_response("**/profile/"):
        press(page, "l")
    assert keys_shown(page) == "a"
    assert page.evaluate(FREE)
    press(page, "j")
    assert keys_shown(page) == "b"
    press(page, "ArrowLeft", "k")
    assert keys_shown(page) == "d"
    press(page, "c")
    assert keys_shown(page) == "c"
    expect(card(page, "c")).to_be_focused()
    assert page.evaluate(FREE)
    tabs = page.get_by_role("group", name="Responses", exact=True)
    expect(tabs.get_by_role("button", name="Response C, not answered yet")).to_have_attribute("aria-current", "true")
    press(page, "2")
    assert keys_shown(page) == "d"
    tabs.get_by_role("button", name="Response C, answered").click()
    assert keys_shown(page) == "c"
    press(page, "0")
    expect(tabs.get_by_role("button", name="Response C, not answered yet")).to_be_visible()
    page.reload()
    assert keys_shown(page) == "a"
    ann.refresh_from_db()
    assert ann.preferences["layout"] == "focus"
    press(page, "l")
    assert keys_shown(page) == "abcd"
    expect(tabs).to_be_hidden()


@pytest.mark.parametrize("number", [1, 2, 9])
@pytest.mark.parametrize("width", [360, 1440])
def test_every_layout_holds_one_to_nine_responses(enter: Enter, number: int, width: int) -> None:
    form = [{"name": "good", "type": "rate", "min": 1, "max": 5}]
    page = enter(letters(number), form, viewport={"width": width, "height": 740})
    expect(page.locator(".candidate:visible")).to_have_count(number)
    for layout, shown in (("stack", number), ("focus", 1), ("grid", number)):
        if number > 1 or layout == "focus":
            page.evaluate("layout => { document.body.dataset.layout = layout; }", layout)
        expect(page.locator(".candidate:visible")).to_have_count(shown)
        for _ in range(2):
            press(page, "x")
            assert page.evaluate("document.documentElement.scrollWidth") == width
            for key in "abcdefghi"[:number]:
                expect(page.locator(f"[data-candidate={key}] .candidate__letter")).to_have_count(1)


@pytest.mark.parametrize("whole", [False, True])
def test_each_response_is_found_where_it_was_left(enter: Enter, whole: bool) -> None:
    page = enter([f"Begin {n}\n\n" + f"line {n}\n\n" * 120 for n in range(3)])
    press(page, "l", "l", *(["x"] if whole else []), "a")
    scroller = "document.scrollingElement" if whole else "document.querySelector('[data-current]')"
    top = f"Math.round({scroller}.scrollTop)"
    page.evaluate(f"{scroller}.scrollTop = 900")
    assert page.evaluate(top) == 900
    # Its own event has passed when one that was asked for later has.
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    press(page, "b")
    expect(card(page, "b").locator("p").first).to_be_in_viewport()
    press(page, "a")
    assert page.evaluate(top) == 900
    press(page, "c")
    expect(card(page, "c").locator("p").first).to_be_in_viewport()


def test_one_at_a_time_shows_all_where_no_scripts_run(
    server: str, browser: Browser, visitors: list[Visitor], ann: User
) -> None:
    ann.preferences = {"layout": "focus"}
    ann.save()
    visitor = let_in(server, browser, visitors, java_script_enabled=False)
    visitor.enter(ann)
    line = {"prompt": "What now?", "candidates": [{"text": text} for text in letters(3)]}
    page = visitor.open(f"/label/{queue_of(ann, line, None).pk}/")
    expect(page.locator("body")).to_have_attribute("data-layout", "focus")
    assert keys_shown(page) == "abc"
    expect(page.get_by_role("button", name="Pin response A")).to_be_hidden()


def test_the_frame_fits_a_phone_too(enter: Enter) -> None:
    page = enter(["line\n\n" * 80, "other\n\n" * 80, "third"], viewport={"width": 390, "height": 844})
    press(page, "l", "l")
    assert page.evaluate(FREE)
    for _ in range(3):
        press(page, "j")
        assert page.evaluate(FREE)


# --- Two side by side -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_two_that_are_pinned_are_shown_alone_and_side_by_side(enter: Enter, turns: int) -> None:
    page = enter(letters(4))
    press(page, *["l"] * turns)
    before = keys_shown(page)
    pin(page, "b")
    say(page, "B is pinned. To see two side by side, pin another one.")
    card_d = card(page, "d")
    pin(page, "d")
    assert keys_shown(page) == "bd"
    say(page, "B and D are pinned: only they are shown.")
    expect(page.get_by_role("button", name="Pin response B")).to_have_attribute("aria-pressed", "true")
    boxes = [card(page, key).bounding_box() for key in "bd"]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert boxes[0]["width"] == boxes[1]["width"]
    press(page, "p")
    expect(card_d).to_be_visible()
    assert len(keys_shown(page)) == len(before)
    say(page, "B is pinned.")
    card(page, "b" if before != "a" else "d").get_by_role("button", name="Pin response").click()
    expect(page.locator("[data-pinned]")).to_have_count(0 if before != "a" else 2)


def test_pinning_by_mouse_and_unpinning_both(enter: Enter) -> None:
    page = enter(letters(3))
    page.get_by_role("button", name="Pin response A").click()
    page.get_by_role("button", name="Pin response C").click()
    assert keys_shown(page) == "ac"
    page.get_by_role("button", name="Unpin both").click()
    assert keys_shown(page) == "abc"
    expect(page.get_by_role("button", name="Unpin both")).to_be_hidden()
    expect(page.locator(".strip [role=status]").filter(has_text="No response is pinned.")).to_have_count(1)
    expect(page.locator(".candidate:focus")).to_have_count(1)


def test_narrow_screens_show_the_two_one_below_the_other(enter: Enter) -> None:
    page = enter(letters(3), viewport={"width": 390, "height": 844})
    pin(page, "a", "c")
    boxes = [card(page, key).bounding_box() for key in "ac"]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] == boxes[1]["x"]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_keys_reach_no_response_that_is_not_seen(enter: Enter) -> None:
    page = enter(letters(4))
    pin(page, "a", "c")
    for key, there in (("j", "a"), ("j", "c"), ("k", "a"), ("ArrowRight", "c"), ("a", "a")):
        press(page, key)
        expect(card(page, there)).to_be_focused()
    press(page, "2")  # for A; the next without a place is B, which is not shown
    expect(card(page, "c")).to_be_focused()
    press(page, "1")
    expect(page.get_by_role("group", name="Place of response C").get_by_label("1")).to_be_checked()
    expect(page.get_by_role("group", name="Place of response B").locator(":checked")).to_have_count(0)
    assert keys_shown(page) == "ac"
    press(page, "d")
    expect(card(page, "d")).to_be_focused()
    assert keys_shown(page) == "abcd"
    pin(page, "a", "c")
    page.locator(".chip", has_text="B").click()
    expect(card(page, "b")).to_be_focused()


# --- What differs ---------------------------------------------------------------------------------------------------


def test_differences_of_two_responses_are_marked_word_by_word(enter: Enter) -> None:
    page = enter(["Cats **sleep** all day.\n\nThey purr.", "Cats sleep all *night*. They purr!"])
    html = page.locator(".candidates").inner_html()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    press(page, "v")
    say(page, re.compile("^Marked: what differs, 1 word in A and 1 word in B.$"))
    marked = page.evaluate("[...CSS.highlights.get('differ')].map(String).sort()")
    assert marked == ["!", ".", "day", "night"]
    assert page.locator(".candidates").inner_html() == html
    assert [url for url in loaded if "/vendor/diff/" in url]
    expect(page.get_by_role("button", name="Differences")).to_have_attribute("aria-pressed", "true")
    press(page, "v")
    assert page.evaluate("CSS.highlights.size") == 0


def test_the_library_waits_until_it_is_asked_for(enter: Enter) -> None:
    page = enter(letters(2))
    page.wait_for_load_state("networkidle")
    names = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in names if "/contrast_controller" in name]
    assert not [name for name in names if "/vendor/diff/" in name or "/worddiff" in name]


def test_of_more_than_two_it_asks_which_by_pinning(enter: Enter) -> None:
    page = enter(["One small dog.", "Two small dogs.", "Three cats."])
    page.get_by_role("button", name="Differences").click()
    say(page, "To see what differs, pin two responses.")
    assert page.evaluate("CSS.highlights.size") == 0
    one, other = key_of(page, "One"), key_of(page, "Two")
    pin(page, one, other)
    say(page, re.compile("Marked: what differs"))
    assert painted(page, "differ") == {"One": ["One", "dog"], "Two": ["Two", "dogs"], "Three": []}
    press(page, "p")
    say(page, "To see what differs, pin two responses.")
    assert page.evaluate("CSS.highlights.size") == 0


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        (["今日は天気がいいですね", "今日は天気が悪いですね"], ["いい", "悪い"]),
        (["我们明天去上海。", "我们明天去北京。"], ["上海", "北京"]),
        (["ฉันชอบกินข้าว", "ฉันชอบกินปลา"], ["ข้าว", "ปลา"]),
        (["أهلاً بكم في المكتبة", "أهلاً بكم في المدرسة"], ["المكتبة", "المدرسة"]),
    ],
)
def test_words_are_told_apart_in_scripts_without_spaces(enter: Enter, texts: list[str], parts: list[str]) -> None:
    page = enter(texts)
    press(page, "v")
    say(page, "Marked: what differs, 1 word in A and 1 word in B.")
    assert page.evaluate("[...CSS.highlights.get('differ')].map(String).sort()") == sorted(parts)


def test_a_formula_is_marked_as_a_whole_and_stays_as_it_was_drawn(enter: Enter) -> None:
    page = enter(["It is $\\bar{x} = 3$ then.", "It is $\\bar{x} = 4$ then."])
    expect(page.locator(".katex")).to_have_count(2)
    press(page, "v")
    say(page, re.compile("^Marked"))
    marked = (
        "[...CSS.highlights.get('differ-formula')].map((range) => range.cloneContents().firstChild.dataset.tex).sort()"
    )
    assert page.evaluate(marked) == ["\\bar{x} = 3", "\\bar{x} = 4"]
    assert not page.evaluate("CSS.highlights.has('differ')")


def test_texts_that_read_alike_are_said_to(enter: Enter) -> None:
    page = enter(["The **same** words.", "The *same* words."])
    press(page, "v")
    say(page, "A and B read the same; only how they are written differs (R).")
    press(page, "r")
    say(page, re.compile("Marked: what differs"))
    assert page.evaluate("[...CSS.highlights.get('differ')].map(String)") == ["*", "*"]


def test_long_and_unlike_texts_are_compared_in_part_and_that_is_said(enter: Enter) -> None:
    words = [f"word{n}" for n in range(3000)]
    texts = [" ".join(words[(n * step) % 2999] for n in range(21_000)) for step in (7, 1013)]
    assert all(len(text) > 150_000 for text in texts)
    page = enter(texts)
    press(page, "v")
    say(page, re.compile("They are long and differ much: where one word does, its whole sentence is marked"))
    assert page.evaluate("CSS.highlights.get('differ').size") >= 2


# --- What is shared -------------------------------------------------------------------------------------------------

LONG = "the cheapest loan is the one that nobody needs at all"


def test_passages_that_two_responses_share_are_dimmed(enter: Enter) -> None:
    page = enter([f"One: **{LONG}**. So it is.", f"Two: {LONG}! Indeed.", "Three: the cheapest loan is mine."])
    press(page, "m")
    say(page, "Dimmed: passages of 8 words or more that stand in two or more responses.")
    assert painted(page, "share") == {"One:": [f"{LONG}."], "Two:": [f"{LONG}!"], "Three:": []}
    pin(page, key_of(page, "One"), key_of(page, "Three"))
    say(page, "No passage of 8 words or more stands in both responses.")
    assert not page.evaluate("CSS.highlights.has('share')")
    press(page, "p", "m")
    assert page.evaluate("CSS.highlights.size") == 0
    expect(page.get_by_role("button", name="Matches")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dimmed_text_can_still_be_read(enter: Enter, theme: str) -> None:
    text = f"{LONG}\n\n```\n{LONG}\n```\n\n> {LONG}\n\n`{LONG}`"
    page = enter([text, f"{text} and more"], color_scheme=theme)
    press(page, "m")
    say(page, re.compile("^Dimmed"))
    for part in ("p", "pre code", "blockquote p", "p > code"):
        assert page.evaluate(CONTRAST, f".candidate__text {part}") >= 4.5, part


def test_dimming_and_whole_responses_stay_for_the_next_task(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=2)
    queue = make.queue(project, preset="ranking")
    visitor.enter(ann)
    page = visitor.open(f"/label/{queue.pk}/")
    press(page, "m", "x", "o", "1", "2", "Enter")
    expect(page.get_by_text("1 left for you")).to_be_visible()
    expect(page.get_by_role("button", name="Matches")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Whole")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".turn--user .prose")).to_be_visible()


# --- Raw ------------------------------------------------------------------------------------------------------------

HARD = (
    "\n\n  **bold** <b>&amp;\r\n\ttab\rcr\n\n\n"
    "\u2028\u0085\ufeff\u200b e\u0301 👩‍👩‍👧 \U0010ffff \x01\x7f \xa0 </div>{{ x }}&#13;\r"
)


def test_raw_text_is_the_text_to_the_code_point(enter: Enter) -> None:
    page = enter([HARD, "\r\n\r.\r", "Plain *text*."], prompt=f"Do {HARD}", line={"context": [{"text": f"See {HARD}"}]})
    stored = list(Candidate.objects.values_list("text", flat=True))
    held = page.locator(".candidate__raw").evaluate_all("all => all.map((one) => one.textContent)")
    assert sorted(held) == sorted(stored)
    prompt = Prompt.objects.get()
    held = page.locator(".raw").evaluate_all("all => all.map((one) => one.textContent)")
    assert held == [prompt.context[0]["text"], prompt.messages[0]["content"]]
    assert page.locator(".candidate__raw").first.get_attribute("data-raw") == "a"


def test_raw_text_and_back(enter: Enter) -> None:
    page = enter(["Some **bold** words.", "And *others*."], prompt="Why **so**?")
    expect(page.get_by_text("Why so?")).to_be_visible()
    press(page, "r")
    expect(page.get_by_text("Some **bold** words.")).to_be_visible()
    expect(page.get_by_text("Why **so**?")).to_be_visible()
    expect(page.get_by_text("Some bold words.")).to_be_hidden()
    say(page, "Raw text: exactly as it was written.")
    page.get_by_role("button", name="Raw").click()
    expect(page.get_by_text("Some bold words.")).to_be_visible()
    expect(page.get_by_text("Why **so**?")).to_be_hidden()


def test_raw_text_comes_first_where_answers_point_into_it(enter: Enter) -> None:
    page = enter(["Some **bold** words."], [{"name": "wrong", "type": "spans", "labels": ["wrong"]}])
    expect(page.locator(".candidate__raw")).to_be_visible()
    expect(page.locator(".candidate__text")).to_be_hidden()
    press(page, "r")
    expect(page.locator(".candidate__text")).to_be_visible()
    expect(page.locator(".candidate__raw")).to_be_hidden()


# --- The prompt, the keys, and everybody ----------------------------------------------------------------------------


def test_the_prompt_folds_away_and_back(enter: Enter) -> None:
    page = enter(letters(2), line={"context": [{"title": "A document", "text": "Its words."}]})
    fold = page.get_by_role("button", name="Fold away")
    expect(fold).to_have_attribute("aria-expanded", "true")
    width = page.locator(".candidates").evaluate("element => element.clientWidth")
    asked = page.locator(".turn--user .prose")
    press(page, "o")
    expect(asked).to_be_hidden()
    expect(page.locator(".document")).to_be_hidden()
    assert page.locator(".candidates").evaluate("element => element.clientWidth") > width + 300
    page.get_by_role("button", name="Show the prompt").click()
    expect(asked).to_be_visible()
    expect(page.locator(".document")).to_be_visible()
    assert page.locator(".candidates").evaluate("element => element.clientWidth") == width


def test_a_writing_task_has_what_there_is_to_read(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1)
    visitor.enter(ann)
    page = visitor.open(f"/label/{make.queue(project).pk}/")
    page.get_by_role("button", name="Raw text").click()
    expect(page.locator(".turn--user .raw")).to_be_visible()
    page.get_by_role("button", name="Fold away").click()
    expect(page.locator(".turn--user .raw")).to_be_hidden()
    press(page, "p", "v", "m", "x", "l", "?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys.get_by_text("Fold the prompt away, or back")).to_be_visible()
    expect(keys.get_by_text(re.compile("Pin or unpin"))).to_have_count(0)


def test_all_keys_for_reading_are_shown(enter: Enter) -> None:
    page = enter(letters(3))
    press(page, "?")
    reading = page.get_by_role("dialog", name="Keys").locator(
        "section", has=page.get_by_role("heading", name="Reading")
    )
    for key in "XLOPVMR":
        expect(reading.locator("dt", has_text=re.compile(f"^{key}$"))).to_have_count(1)


def test_heads_stay_in_sight(enter: Enter) -> None:
    page = enter(["line\n\n" * 150, "other\n\n" * 150])
    for whole in (False, True):
        for layout in ("grid", "stack", "focus"):
            page.evaluate("layout => { document.body.dataset.layout = layout; }", layout)
            head = card(page, "a").locator(".candidate__head")
            if whole:
                page.evaluate("scrollTo(0, document.querySelector('.candidate').offsetTop + 2000)")
            else:
                card(page, "a").evaluate("card => card.scrollBy(0, 700)")
            expect(head).to_be_in_viewport(ratio=1)
            expect(card(page, "a").locator("p").first).not_to_be_in_viewport()
        press(page, "x")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_has_a_barrier(enter: Enter, theme: str) -> None:
    page = enter([f"One: **{LONG}**. So it is.", f"Two: {LONG}! Indeed.", "Three `x`."], color_scheme=theme)
    press(page, "m")
    pin(page, "a")
    assert barriers(page) == []
    pin(page, "b")
    press(page, "v", "x", "r")
    say(page, re.compile("Marked"))
    assert barriers(page) == []
    press(page, "p", "l", "l", "1", "o")
    expect(page.locator(".response-tab").first).to_be_visible()
    assert barriers(page) == []
