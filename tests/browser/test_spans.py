"""Marking parts of responses: by keyboard alone, by mouse and by finger, in every script, losing nothing."""

from __future__ import annotations

import json
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

MQM = ["Minor", "Major", "Critical"]
CAT = "The cat sat on teh mat. It were happy.\n\nThe end."
DOG = "👩‍👩‍👧 The dog, naïve, ran.\r\nIt ran 𠮷 fast."
LINES = "first line here\nsecond line there\nthird line where"
Made = Callable[..., Queue]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def made(ann: User) -> Made:
    """A queue of one task with these responses, that asks for errors unless told otherwise."""

    def make_queue(*texts: str, form: list[dict[str, Any]] | None = None) -> Queue:
        project = make.project(annotators=[ann])
        line = parse({"prompt": "Tell me.", "candidates": [{"text": text, "model": "m"} for text in texts]}, 1)
        prompts.import_lines(project, [line], source="jsonl", by=make.manager(project))
        form = form or [{"name": "errors", "type": "spans", "title": "Mark every error", "labels": MQM}]
        return make.queue(project, form=form, slug="spans", candidates_max=len(texts))

    return make_queue


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def letter_of(text: str) -> str:
    """The key of a response on the one slot there is."""
    return next(one.key for one in slot_reads.candidates(Slot.objects.get(annotator__isnull=False)) if one.text == text)


def press(page: Page, keys: str) -> None:
    for key in keys.split():
        page.keyboard.press(key)


def chosen(page: Page) -> str:
    return str(page.evaluate("String(getSelection())"))


def submitted(page: Page) -> dict[str, list[tuple[str, str, str]]]:
    """Submits; the stored marks as (label, what Python cuts out of the text, comment), by response."""
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    annotation = Annotation.objects.get()
    texts = {one.key: one.text for one in slot_reads.candidates(annotation.slot)}
    (answer,) = (value for name, value in annotation.answers.items() if name in ("errors", "claims"))
    assert list(answer) == list(texts)
    return {
        texts[key]: [
            (mark["label"], texts[key][mark["start"] : mark["end"]], mark.get("comment", "")) for mark in marks
        ]
        for key, marks in answer.items()
    }


def marks_of(page: Page, key: str) -> Locator:
    return page.locator(f"[data-marks=errors][data-key={key}] .mark")


def state(page: Page) -> Locator:
    return page.locator("[data-autosave-target=state]").first


def drag(page: Page, key: str, start: int, end: int) -> None:
    """Selects a part of a response as a mouse does; the places are JavaScript's."""
    raw = page.locator(f"[data-raw={key}]")
    raw.scroll_into_view_if_needed()
    box = raw.evaluate(
        """(raw, [start, end]) => {
          const at = (place) => {
            const range = document.createRange();
            range.setStart(raw.firstChild, place);
            range.setEnd(raw.firstChild, place + 1);
            return range.getBoundingClientRect();
          };
          const [first, last] = [at(start), at(end - 1)];
          return [first.left + 1, first.top + first.height / 2, last.right - 1, last.top + last.height / 2];
        }""",
        [start, end],
    )
    page.mouse.move(box[0], box[1])
    page.mouse.down()
    page.mouse.move((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    page.mouse.move(box[2], box[3])
    page.mouse.up()


def test_a_whole_task_by_keyboard_alone(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT, DOG))
    if letter_of(CAT) == "b":
        page.keyboard.press("b")
    press(page, "w ArrowRight ArrowRight Shift+ArrowRight")
    assert chosen(page) == "sat on"
    press(page, "2 ArrowRight 1 c")
    page.keyboard.type("spelling")
    press(page, "Enter ArrowDown")
    # Back in the text, at the mark that was commented on; below it stands the empty line, then the end.
    assert chosen(page) in ("end", "The", ".")
    press(page, "Escape")
    expect(page.locator(f"#candidate-{letter_of(CAT)}")).to_be_focused()
    press(page, "j w Control+Home 3 Escape")
    assert submitted(page) == {
        CAT: [("Major", "sat on", ""), ("Minor", "teh", "spelling")],
        DOG: [("Critical", "👩‍👩‍👧", "")],
    }


def test_in_the_text_keys_mean_the_text_and_elsewhere_the_page(visitor: Visitor, made: Made) -> None:
    form = [{"name": "errors", "type": "spans", "labels": MQM, "required": False}, {"name": "ranking", "type": "rank"}]
    page = start(visitor, made(CAT, CAT + " And more.", form=form))
    # Nothing has to be marked, and nothing that is pressed within the text submits what is not finished.
    press(page, "w Enter c ArrowRight 1")
    expect(marks_of(page, "a")).to_have_count(1)
    press(page, "c")
    expect(page.get_by_label("Comment on “cat”")).to_be_focused()
    press(page, "Escape Escape")
    expect(page.locator("#candidate-a")).to_be_focused()
    press(page, "ArrowRight")
    expect(page.locator("#candidate-b")).to_be_focused()
    # It is the ranking's turn: digits rank.
    press(page, ". 2 1")
    expect(marks_of(page, "a")).to_have_count(1)
    expect(page.get_by_role("group", name="Place of response A").get_by_label("2")).to_be_checked()
    press(page, "Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    answers = Annotation.objects.get().answers
    assert answers["ranking"] == {"groups": [["b"], ["a"]]}
    assert answers["errors"] == {"a": [{"start": 4, "end": 7, "label": "Minor"}], "b": []}


def test_the_cursor_goes_by_words_lines_sentences_and_characters(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(LINES))
    page.keyboard.press("w")
    for keys, found in [
        ("ArrowRight", "line"),
        ("ArrowDown", "line"),
        ("End", "there"),
        ("Home", "second"),
        ("Shift+End", "second line there"),
        ("Control+End", "where"),
        ("Shift+Home", "third line where"),
        ("Control+Home", "first"),
        ("Control+ArrowLeft", "t"),
        ("Control+Shift+ArrowLeft", "st"),
        ("Control+Shift+ArrowRight", "t"),
        ("Shift+ArrowDown", "t line here"),
        ("ArrowUp", "first"),
    ]:
        press(page, keys)
        assert chosen(page).replace("\r", "") == found, keys
    expect(page.locator("[data-spans-target=live]")).to_have_text("“first”")
    page.keyboard.press("1")
    expect(page.locator("[data-spans-target=live]")).to_have_text("“first” marked Minor.")
    press(page, "ArrowRight ArrowLeft")
    expect(page.locator("[data-spans-target=live]")).to_have_text("“first”, marked Minor")


def test_overlapping_marks_undo_and_removing(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT))
    press(page, "w ArrowRight Shift+ArrowRight 1 ArrowRight ArrowLeft 2 Shift+ArrowLeft 3")
    words = marks_of(page, "a").locator(".mark__words")
    expect(words).to_have_text(["cat sat", "cat sat", "sat"])
    # Under the cursor is what it selects: the third label of these words, then the first.
    press(page, "Backspace")
    expect(marks_of(page, "a").locator("select")).to_have_count(2)
    expect(words).to_have_text(["cat sat", "sat"])
    press(page, "u")
    expect(words).to_have_text(["cat sat", "cat sat", "sat"])
    press(page, "3")  # the same label again takes it away
    expect(words).to_have_text(["cat sat", "sat"])
    press(page, "Control+z u")
    expect(words).to_have_text(["cat sat", "sat"])
    press(page, "u u")
    expect(page.get_by_text("There is nothing to undo.")).to_be_hidden()
    expect(words).to_have_count(0)
    press(page, "u")
    expect(page.get_by_text("There is nothing to undo.")).to_be_visible()
    page.keyboard.press("2")
    assert submitted(page) == {CAT: [("Major", "cat sat", "")]}


@pytest.mark.parametrize(
    ("text", "keys", "part"),
    [
        ("今日は天気がいいですね。明日も晴れます。", "w Shift+ArrowDown 1", "今日は天気がいいですね。"),
        ("مرحبا بكم في المكتبة العامة", "w ArrowLeft Shift+ArrowLeft 1", "بكم في"),
        ("one\r\ntwo\r\n\r\nthree", "w ArrowRight Shift+ArrowRight 1", "two\r\n\r\nthree"),
        ("a 👍🏽 b 𠮷野家 c", "w ArrowRight ArrowRight ArrowRight 1", "𠮷野家"),
        ("cafe\u0301s 🇫🇷🇩🇪", "w Control+ArrowRight Control+Shift+ArrowRight Control+Shift+ArrowRight 1", "caf"),
        ("cafe\u0301s 🇫🇷🇩🇪", "w ArrowRight Control+ArrowRight 1", "🇫🇷"),
        ("👩‍👩‍👧" * 3, "w Control+ArrowLeft Control+Shift+ArrowLeft 1", "👩‍👩‍👧" * 2),
        ("\n\n  # Title\n\n* a *b* ` c", "w ArrowRight Shift+ArrowRight 1", "Title\n\n*"),
    ],
    ids=["Japanese", "Arabic", "CR LF", "beyond the first plane", "accents", "flags", "families", "Markdown"],
)
def test_python_cuts_out_what_was_marked_in_every_script(
    visitor: Visitor, made: Made, text: str, keys: str, part: str
) -> None:
    page = start(visitor, made(text))
    press(page, keys)
    ((label, cut, _),) = submitted(page)[text]
    assert label == "Minor"
    assert part.startswith(cut) if part == "𠮷野家" else cut == part


def test_by_mouse_with_the_bar_beside_the_selection(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT, DOG))
    cat, dog = letter_of(CAT), letter_of(DOG)
    drag(page, cat, 4, 8)
    bar = page.get_by_role("toolbar", name="What is selected")
    bar.get_by_role("button", name="Major").click()
    expect(marks_of(page, cat)).to_have_count(1)
    expect(bar.get_by_role("button", name="Major")).to_have_attribute("aria-pressed", "true")
    bar.get_by_role("button", name="Comment").click()
    page.keyboard.type("a dog")
    # Half of the family, with a mouse: the whole of it is marked.
    drag(page, dog, 0, 12)
    page.get_by_role("group", name="Labels").get_by_role("button", name="Minor").click()
    expect(marks_of(page, dog)).to_have_count(1)
    # A click on a mark is about that mark.
    page.locator(f"#candidate-{cat} h2").click()
    expect(bar).to_be_hidden()
    drag(page, cat, 5, 5)
    expect(bar.get_by_role("button", name="Major")).to_have_attribute("aria-pressed", "true")
    bar.get_by_role("button", name="Critical").click()
    expect(marks_of(page, cat)).to_have_count(2)
    bar.get_by_role("button", name="Critical").click()
    expect(marks_of(page, cat)).to_have_count(1)
    assert submitted(page) == {CAT: [("Major", "cat", "a dog")], DOG: [("Minor", "👩‍👩‍👧 The", "")]}


def test_when_nothing_is_selected_any_more_no_digit_marks_it(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT, DOG))
    bar = page.get_by_role("toolbar", name="What is selected")
    drag(page, "a", 1, 6)
    expect(bar).to_be_visible()
    page.get_by_role("heading", name="Mark every error").click()
    expect(bar).to_be_hidden()
    page.keyboard.press("1")
    expect(page.get_by_text("Select some words first")).to_be_visible()
    expect(page.locator(".mark")).to_have_count(0)


def test_by_finger_on_a_narrow_screen(server: str, browser: Browser, visitors: list[Visitor], made: Made) -> None:
    visitor = let_in(server, browser, visitors, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = start(visitor, made(CAT))
    # As a long press does, whose handles a test cannot reach.
    page.locator("[data-raw=a]").evaluate(
        "(raw) => getSelection().setBaseAndExtent(raw.firstChild, 4, raw.firstChild, 11)"
    )
    bar = page.get_by_role("toolbar", name="What is selected")
    expect(bar).to_be_visible()
    box = bar.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    bar.get_by_role("button", name="Critical").tap()
    expect(marks_of(page, "a")).to_have_count(1)
    page.get_by_label("Comment on “cat sat”").fill("who?")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Submit").tap()
    expect(page.get_by_text("1 done today")).to_have_count(1)
    assert Annotation.objects.get().answers == {
        "errors": {"a": [{"start": 4, "end": 11, "label": "Critical", "comment": "who?"}]}
    }


def test_a_reload_in_the_middle_loses_nothing(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT, DOG))
    dog = letter_of(DOG)
    press(page, f"{'j ' if dog == 'b' else ''}w ArrowRight 1 ArrowRight Shift+ArrowRight 3 c")
    page.keyboard.type("half a com")
    page.reload()
    expect(marks_of(page, dog).locator(".mark__words")).to_have_text(["The", "dog,"])
    expect(page.get_by_label("Comment on “dog,”")).to_have_value("half a com")
    expect(state(page)).to_have_attribute("data-state", "saved")
    stored = Draft.objects.get()
    assert {key: len(marks) for key, marks in stored.answers["errors"].items()} == {dog: 2, letter_of(CAT): 0}
    page.reload()
    expect(marks_of(page, dog)).to_have_count(2)
    press(page, f"{'j ' if dog == 'b' else ''}w 2")
    page.wait_for_function("name => document.forms.task.elements[name].value.includes('Major')", arg=f"q.errors.{dog}")
    found = submitted(page)
    assert [label for label, *_ in found[DOG]] == ["Major", "Minor", "Critical"]
    assert found[DOG][2] == ("Critical", "dog,", "half a com")


def test_a_page_that_only_opened_makes_no_draft(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT))
    press(page, "w ArrowRight Escape")
    page.wait_for_timeout(2000)  # longer than a change would wait before it is saved
    assert not Draft.objects.exists()


def test_the_list_shows_changes_and_removes_marks(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(CAT))
    press(page, "w 1 ArrowRight 2 ArrowRight 3 Tab")
    expect(marks_of(page, "a").nth(0).locator("select")).to_be_focused()
    page.get_by_label("Label of “The”").select_option("Critical")
    quotes = marks_of(page, "a").locator(".mark__quote")
    quotes.nth(0).focus()
    press(page, "ArrowDown")
    expect(quotes.nth(1)).to_be_focused()
    assert page.evaluate("[...CSS.highlights.get('mark-pointed')].map(String).length") == 1
    press(page, "Delete")
    expect(quotes).to_have_text([re.compile("The"), re.compile("sat")])
    expect(quotes.nth(1)).to_be_focused()
    press(page, "Enter")
    assert chosen(page) == "sat"
    expect(page.locator("[data-raw=a]")).to_be_focused()
    page.get_by_label("Remove the mark on “The”").click()
    expect(quotes).to_have_count(1)
    # The same part cannot have a label twice.
    press(page, "w 1")
    page.get_by_label("Label of “sat”").nth(0).select_option("Critical")
    expect(page.get_by_text("This part is marked Critical already.")).to_be_visible()
    expect(page.get_by_label("Label of “sat”").nth(0)).to_have_value("Minor")
    assert submitted(page) == {CAT: [("Minor", "sat", ""), ("Critical", "sat", "")]}


def test_marks_are_drawn_in_the_text_and_leave_it_as_it_is(visitor: Visitor, made: Made) -> None:
    page = start(visitor, made(DOG))
    drawn = """() => Object.fromEntries([...CSS.highlights].filter(([name]) => name.startsWith("mark-"))
      .map(([name, ranges]) => [name, [...ranges].map((range) =>
        range.startContainer.data.slice(range.startOffset, range.endOffset))]))"""
    press(page, "w 1 Shift+ArrowRight 2 ArrowRight 2")
    assert page.evaluate(drawn) == {
        "mark-tint-1": ["👩‍👩‍👧"],
        "mark-line-1": ["👩‍👩‍👧"],
        "mark-tint-2": ["👩‍👩‍👧 The", "dog"],
        "mark-line-2": ["👩‍👩‍👧 The", "dog"],
    }
    assert page.locator("[data-raw=a]").evaluate("raw => raw.textContent") == DOG
    assert page.locator("[data-raw=a]").evaluate("raw => raw.childNodes.length") == 1
    press(page, "Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert page.evaluate(drawn) == {}


def test_two_such_questions_have_labels_and_keys_of_their_own(visitor: Visitor, made: Made) -> None:
    form = [
        {"name": "errors", "type": "spans", "title": "Errors", "labels": ["Bad"], "required": False},
        {"name": "claims", "type": "spans", "title": "Claims", "labels": ["Bare", "Backed"], "required": False},
    ]
    page = start(visitor, made(CAT, form=form))
    press(page, "w 1 . w ArrowRight 2")
    samples = page.locator(".question--spans .label-sample").evaluate_all(
        "all => all.map(({ dataset }) => dataset.tint + dataset.line)"
    )
    assert len(set(samples)) == 3
    press(page, ",")
    drag(page, "a", 8, 11)
    page.get_by_role("toolbar").locator("visible=true").get_by_role("button", name="Bad").click()
    press(page, "Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers == {
        "errors": {"a": [{"start": 0, "end": 3, "label": "Bad"}, {"start": 8, "end": 11, "label": "Bad"}]},
        "claims": {"a": [{"start": 4, "end": 7, "label": "Backed"}]},
    }


def test_what_is_marked_decides_what_is_asked_next(visitor: Visitor, made: Made) -> None:
    form = [
        {"name": "errors", "type": "spans", "labels": MQM, "required": False},
        {
            "name": "why",
            "type": "comment",
            "title": "Why critical?",
            "show_if": {"question": "errors", "is": ["label:Critical"]},
        },
        {
            "name": "fine",
            "type": "comment",
            "title": "Why is it fine?",
            "show_if": {"question": "errors", "is": ["none"]},
        },
    ]
    page = start(visitor, made(CAT, form=form))
    why, fine = (page.get_by_role("textbox", name=name) for name in ("Why critical?", "Why is it fine?"))
    expect(fine).to_be_visible()
    expect(why).to_be_hidden()
    press(page, "w 3")
    expect(why).to_be_visible()
    expect(fine).to_be_hidden()
    press(page, "u")
    fine.fill("It is.")
    press(page, "Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers == {"errors": {"a": []}, "fine": {"text": "It is."}}


def test_marks_stay_where_the_rendered_text_is_shown_and_the_cursor_brings_the_plain_text_back(
    visitor: Visitor, made: Made
) -> None:
    page = start(visitor, made("**bold** words"))
    press(page, "w ArrowRight 1 Escape r")
    expect(page.locator(".candidate__text strong")).to_be_visible()
    expect(marks_of(page, "a")).to_have_count(1)
    press(page, "w")
    expect(page.locator("[data-raw=a]")).to_be_focused()
    assert chosen(page) == "bold"


def test_two_tabs_choose_between_two_versions_in_words(visitor: Visitor, made: Made) -> None:
    queue = made(CAT)
    one = start(visitor, queue)
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/label/{queue.pk}/")
    press(one, "w 1")
    expect(state(one)).to_have_attribute("data-state", "saved")
    visitor.expected.append("409")
    press(other, "w ArrowRight 2")
    expect(other.get_by_text("There are two versions of your answer.")).to_be_visible()
    expect(other.locator(".notice__text").nth(0)).to_have_text("A: Major “cat”")
    expect(other.locator(".notice__text").nth(1)).to_have_text("A: Minor “The”")
    other.get_by_role("button", name="Take that one").click()
    expect(marks_of(other, "a").locator(".mark__words")).to_have_text(["The"])


def test_hostile_text_stays_text_wherever_it_is_quoted(visitor: Visitor, made: Made) -> None:
    texts = ["".join(text for text in TEXTS[:60]).replace("\x00", ""), '"><img src=x onerror=hacked=1>“</textarea>']
    page = start(visitor, made(*texts))
    for _ in texts:
        press(page, "w Shift+ArrowRight Shift+ArrowRight Shift+ArrowDown 1 Control+Home Control+Shift+End 2 c")
        page.keyboard.insert_text("<img src=x onerror=hacked=1>\"'")
        press(page, "Escape Escape j")
    page.reload()
    expect(page.locator(".mark")).to_have_count(4)
    assert page.locator(".mark img, [data-raw] *, .markbar img").count() == 0
    assert page.evaluate("'hacked' in window") is False
    found = submitted(page)
    for text in texts:
        assert max((cut for _, cut, _ in found[text]), key=len) == text.strip()
        assert all(cut in text for _, cut, _ in found[text])


def test_a_long_text_with_many_marks(visitor: Visitor, made: Made) -> None:
    """As many as anybody will make: every one is there, drawn and listed, and keys still reach the next word."""
    text = "".join(f"Sentence {n} has 👍 some words.\n" for n in range(700))
    assert len(text) > 18_000
    queue = made(text, text + "!")
    page = start(visitor, queue)
    marks = [{"start": at, "end": at + 8, "label": MQM[n % 3]} for n, at in enumerate(range(0, 18_000, 90))]
    assert len(marks) == 200
    slot = Slot.objects.get(annotator__isnull=False)
    assert slot.annotator is not None
    Draft.objects.create(slot=slot, annotator=slot.annotator, revision=1, answers={"errors": {"a": marks, "b": marks}})
    page.reload()
    expect(page.locator(".mark")).to_have_count(400)
    page.keyboard.press("w")
    for _ in range(100):
        page.keyboard.press("ArrowRight")
    press(page, "1 Control+End 2 c")
    page.keyboard.type("the last word")
    expect(page.locator(".mark")).to_have_count(402)
    assert page.evaluate("CSS.highlights.get('mark-tint-1').size + CSS.highlights.get('mark-tint-2').size") > 200
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 done today")).to_be_visible()
    stored = Annotation.objects.get().answers["errors"]
    assert [mark for mark in stored["a"] if mark not in marks] == [
        mark for mark in stored["a"] if mark["end"] - mark["start"] != 8 or "comment" in mark
    ]
    assert len(json.dumps(stored)) > 10_000


def test_without_scripts_the_marks_that_are_there_stay(
    server: str, browser: Browser, visitors: list[Visitor], made: Made
) -> None:
    form = [{"name": "errors", "type": "spans", "labels": MQM, "required": False}]
    queue = made(CAT, form=form)
    visitor = let_in(server, browser, visitors, java_script_enabled=False)
    page = start(visitor, queue)
    assert "Marking parts of a text needs scripts." in page.content()
    expect(page.get_by_role("button", name="Minor")).to_be_hidden()
    slot = Slot.objects.get(annotator__isnull=False)
    marks = {"a": [{"start": 4, "end": 7, "label": "Minor", "comment": "“quoted” & <b>"}]}
    assert slot.annotator is not None
    Draft.objects.create(slot=slot, annotator=slot.annotator, revision=1, answers={"errors": marks})
    page = visitor.open(f"/label/{queue.pk}/")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("1 done today")).to_be_visible()
    assert Annotation.objects.get().answers == {"errors": marks}
