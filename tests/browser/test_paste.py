"""What nobody types but somebody pastes: characters that are none, megabytes; and a browser that keeps no copies."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from labeling.models import Annotation, Draft, Queue, Slot, User
from labeling.questions.base import MAX_TEXT
from labeling.services import slots
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PARAGRAPH = "Sixteen letters " * 62 + "sixteen\n"  # 1000 characters; browsers take their time for many short lines
PATIENCE = 60_000  # ms: so long takes a browser of its own to show megabytes, where the machine is busy
NOWHERE = "Your answer is kept nowhere but on this page."
EDIT_AND_WHY = [{"name": "better", "type": "edit"}, {"name": "why", "type": "comment"}]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 3, candidates=2)
    return make.queue(project, preset="demonstrations", slug="write")


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def editor(page: Page, name: str = "response") -> Locator:
    return page.locator(f"#q-{name}")


def state(page: Page) -> Locator:
    return page.locator("[data-autosave-target=state]").first


def paste(page: Page, text: str, name: str = "response") -> None:
    """Pastes a text in the place of what stands in the field."""
    page.evaluate("(text) => navigator.clipboard.writeText(text)", text)
    editor(page, name).focus()
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+V")


def long(number: int) -> str:
    """A text of so many characters, without white space at its ends."""
    return f"{(PARAGRAPH * (number // len(PARAGRAPH) + 1))[: number - 1]}."


def megabytes(number: int) -> str:
    return f"{PARAGRAPH!r}.repeat({number * 1000}).slice(1) + '.'"


def put(page: Page, text: str, name: str = "response") -> None:
    """Puts a text into a field that cannot come from the clipboard, or takes minutes; `text` is JavaScript."""
    script = f"(field) => {{ field.value = {text}; field.dispatchEvent(new Event('input', {{ bubbles: true }})); }}"
    editor(page, name).evaluate(script)


def submit(page: Page) -> None:
    page.keyboard.press("Control+Enter")


def taken(page: Page, number: int = 1) -> None:
    expect(page.locator("[data-count=today]")).to_have_text(str(number))


def asks_before_it_closes(page: Page) -> bool:
    return bool(page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))"))


def test_a_character_that_is_none_is_refused_at_its_question_and_never_changed(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    visitor.expected += ["status of 400", "status of 422"]
    error = page.locator("#error-response")
    editor(page).focus()
    for text, said in (("'one\\u0000two'", "holds a NUL character"), ("'one\\ud83d two'", "holds half of a character")):
        put(page, text)
        expect(state(page)).to_have_text(re.compile(f"not saved: A text {said}"))
        submit(page)
        expect(error).to_have_text(re.compile(f"^The (response|text) {said}"))
        expect(error).to_be_focused()
        assert editor(page).evaluate(f"(field) => field.value === {text}")
        assert not Annotation.objects.exists()
        assert not Draft.objects.exists()
    editor(page).fill("one 👍 two")
    expect(state(page)).to_have_attribute("data-state", "saved")
    submit(page)
    taken(page)
    assert Annotation.objects.get().answers == {"response": {"text": "one 👍 two"}}


def test_half_a_character_in_a_question_that_is_not_asked_is_in_nobodys_way(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=2)
    rest = {"required": False, "show_if": {"question": "r", "is": ["1"]}}
    form = [{"name": "r", "type": "rate", "per": "task"}, {"name": "why", "type": "comment", **rest}]
    page = start(visitor, make.queue(project, form=form))
    visitor.expected += ["status of 400"]
    page.keyboard.press("1")
    put(page, "'\\udc69'", "why")
    page.locator("#task input[type=radio][value='4']").check(force=True)
    expect(editor(page, "why")).to_be_hidden()
    submit(page)
    taken(page)
    assert Annotation.objects.get().answers == {"r": {"": 4}}


def test_a_text_that_is_too_long_is_kept_whole_and_refused_at_its_question(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    paste(page, long(300_000))
    counts = page.locator("#counts-response")
    expect(counts).to_have_text("300,000 characters · at most 200,000")
    expect(state(page)).to_have_attribute("data-state", "saved")
    assert len(Draft.objects.get().answers["response"]["text"]) == 300_000
    submit(page)
    expect(page.locator("#error-response")).to_have_text("The text has 300,000 characters; at most 200,000 fit here.")
    expect(page.get_by_text("Not submitted: see the note at the question.")).to_be_visible()
    paste(page, long(MAX_TEXT))
    expect(counts).to_have_text("25,000 words · 200,000 characters")
    submit(page)
    taken(page)
    assert Annotation.objects.get().answers["response"]["text"] == long(MAX_TEXT)


def test_megabytes_are_not_sent_and_no_copy_is_promised_that_is_not_there(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    notice = page.get_by_text(NOWHERE)
    put(page, megabytes(5))
    expect(state(page)).to_have_text("not saved: at most 4 MB can be kept", timeout=PATIENCE)
    expect(notice).to_be_hidden()  # it stands in this browser
    page.reload()
    page.wait_for_function("document.querySelector('#q-response')?.value.length === 5000000", timeout=PATIENCE)
    editor(page).evaluate("(field) => { field.style.display = 'none'; }")  # to draw it takes the browser long
    put(page, megabytes(12))
    expect(notice).to_be_visible(timeout=PATIENCE)
    expect(state(page)).to_have_text("not saved: at most 4 MB can be kept")
    assert asks_before_it_closes(page)
    submit(page)
    said = "The text has 12,000,000 characters; at most 200,000 fit here."
    expect(page.locator("#error-response")).to_have_text(said)
    page.get_by_role("button", name="Copy my answer").locator("visible=true").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText().then((text) => text.length)") == 12_000_000
    assert not asks_before_it_closes(page)
    assert max(sent) < 10_000
    put(page, "'short'")
    expect(state(page)).to_have_attribute("data-state", "saved")
    expect(notice).to_be_hidden()
    submit(page)
    taken(page)
    assert Annotation.objects.get().answers == {"response": {"text": "short"}}


def test_a_long_text_in_an_edit_and_in_a_comment_stops_nobody(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=2)
    page = start(visitor, make.queue(project, form=EDIT_AND_WHY))
    page.keyboard.press("Alt+1")
    paste(page, long(500_000), "better")
    expect(page.locator("[data-edit-target=changes]")).to_have_text("too long to be compared")
    paste(page, long(300_000), "why")
    expect(state(page)).to_have_attribute("data-state", "saved")
    submit(page)
    for name in ("better", "why"):
        expect(page.locator(f"#error-{name}")).to_have_text(re.compile("at most 200,000 fit here"))
    editor(page, "better").fill("Better.")
    editor(page, "why").fill("Shorter.")
    expect(page.locator("[data-edit-target=changes]")).not_to_have_text("too long to be compared")
    submit(page)
    taken(page)
    answers = Annotation.objects.get().answers
    assert (answers["better"]["text"], answers["why"]) == ("Better.", {"text": "Shorter."})


def test_a_full_storage_is_said_and_the_text_can_be_copied(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    visitor.expected += ["ERR_INTERNET_DISCONNECTED", "409"]
    fill = """() => {
      for (let size = 2 ** 22; size >= 1; size /= 2) {
        try { for (let n = 0; ; n += 1) localStorage.setItem(`other:${size}:${n}`, "x".repeat(size)); } catch {}
      }
    }"""
    page.evaluate(fill)
    visitor.context.set_offline(True)
    editor(page).fill("nowhere else")
    expect(state(page)).to_have_text("offline, kept nowhere: copy it")
    expect(page.get_by_text(NOWHERE)).to_be_visible()
    assert asks_before_it_closes(page)
    submit(page)
    expect(page.get_by_text("It could not be sent")).to_contain_text("Your answers are still on this page.")
    page.get_by_role("button", name="Copy my answer").locator("visible=true").click()
    assert page.evaluate("navigator.clipboard.readText()") == "nowhere else"
    assert not asks_before_it_closes(page)
    page.evaluate("localStorage.clear()")  # there is room again
    editor(page).fill("kept again")
    expect(state(page)).to_have_text("offline, kept here")
    expect(page.get_by_text(NOWHERE)).to_be_hidden()
    visitor.context.set_offline(False)
    expect(state(page)).to_have_attribute("data-state", "saved")
    page.evaluate(fill)
    held = Slot.objects.get(pk=page.locator("#task input[name=slot]").input_value())
    slots.release(held, by=make.manager(queue.project))
    editor(page).fill("of a task that is somebody else's")
    expect(state(page)).to_have_text("kept nowhere: copy it")
    expect(page.get_by_text("What you type is kept nowhere but on this page.")).to_be_visible()


def test_a_browser_that_forbids_to_store_anything_works_all_the_same(visitor: Visitor, queue: Queue) -> None:
    visitor.context.add_init_script("""
      for (const name of ["localStorage", "sessionStorage"]) {
        Object.defineProperty(window, name, { get() { throw new DOMException("Denied.", "SecurityError"); } });
      }
    """)
    page = start(visitor, queue)
    visitor.expected.append("ERR_INTERNET_DISCONNECTED")
    editor(page).fill("One.")
    page.keyboard.press("Alt+p")
    expect(state(page)).to_have_attribute("data-state", "saved")
    submit(page)
    taken(page)
    visitor.context.set_offline(True)
    editor(page).fill("Two.")
    expect(state(page)).to_have_text("offline, kept nowhere: copy it")
    visitor.context.set_offline(False)
    expect(state(page)).to_have_attribute("data-state", "saved")
    submit(page)
    taken(page, 2)
    assert sorted(Annotation.objects.values_list("answers__response__text", flat=True)) == ["One.", "Two."]
