"""Writing responses: preview, counts, and no word lost whatever happens to page, network and lease."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from labeling.models import Annotation, Draft, Queue, Slot, User
from tests import make
from tests.browser.conftest import Visitor, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 2)
    return make.queue(project, preset="demonstrations", slug="write")


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name=re.compile("Write the best response"))


def state(page: Page) -> Locator:
    return page.locator("[data-autosave-target=state]").first


def test_it_works(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    prompt = page.locator(".turn--user .prose").inner_text()
    editor(page).fill("The **answer** is $6 \\cdot 7$. 👩‍👩‍👧")
    expect(page.get_by_text(re.compile(r"\d words · 32 characters"))).to_be_visible()
    expect(page.locator(".editor__preview strong")).to_have_text("answer")
    expect(page.locator(".editor__preview .katex").first).to_be_visible()
    expect(state(page)).to_have_text(re.compile(r"saved \d\d:\d\d"))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".turn--user .prose")).not_to_have_text(prompt)
    expect(editor(page)).to_have_value("")
    assert Annotation.objects.get(annotator=ann).answers == {
        "response": {"text": "The **answer** is $6 \\cdot 7$. 👩‍👩‍👧"}
    }


def test_letters_are_text_while_one_writes(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    editor(page).click()
    page.keyboard.type("skip? go!")
    expect(editor(page)).to_have_value("skip? go!")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_reload_at_once_loses_no_word(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    editor(page).click()
    page.keyboard.type("not saved by anybody yet")
    visitor.expected.append("409")  # the last save of the page before may come behind the first look of this one
    page.reload()
    expect(editor(page)).to_have_value("not saved by anybody yet")
    expect(state(page)).to_have_attribute("data-state", "saved")
    assert Draft.objects.get(annotator=ann).answers == {"response": {"text": "not saved by anybody yet"}}


def test_a_draft_is_there_in_another_browser(
    server: str, browser: Browser, visitors: list[Visitor], visitor: Visitor, queue: Queue
) -> None:
    page = start(visitor, queue)
    editor(page).fill("begun at home")
    expect(state(page)).to_have_attribute("data-state", "saved")
    elsewhere = start(let_in(server, browser, visitors), queue)
    expect(editor(elsewhere)).to_have_value("begun at home")


def test_without_network_the_text_stays_here_and_goes_out_later(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    visitor.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    visitor.context.set_offline(True)
    editor(page).fill("written in a tunnel")
    expect(state(page)).to_have_text("offline, kept here")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("It could not be sent")).to_be_visible()
    expect(editor(page)).to_have_value("written in a tunnel")
    visitor.context.set_offline(False)
    expect(state(page)).to_have_attribute("data-state", "saved")
    page.keyboard.press("Control+Enter")
    expect(editor(page)).to_have_value("")
    assert Annotation.objects.get(annotator=ann).answers["response"]["text"] == "written in a tunnel"


def test_a_tab_that_is_closed_without_network_gives_its_text_back_when_opened_again(
    visitor: Visitor, queue: Queue
) -> None:
    page = start(visitor, queue)
    visitor.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
    visitor.context.set_offline(True)
    editor(page).fill("typed before the crash")
    expect(state(page)).to_have_text("offline, kept here")
    again = visitor.another_tab()
    page.close(run_before_unload=False)
    visitor.context.set_offline(False)
    again.goto(f"{visitor.address}/label/{queue.pk}/")
    expect(editor(again)).to_have_value("typed before the crash")
    expect(state(again)).to_have_attribute("data-state", "saved")


def test_two_tabs_ask_before_one_overwrites_the_other(visitor: Visitor, queue: Queue, ann: User) -> None:
    one = start(visitor, queue)
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/label/{queue.pk}/")
    editor(one).fill("from the first tab")
    expect(state(one)).to_have_attribute("data-state", "saved")
    visitor.expected.append("409")
    editor(other).fill("from the second tab")
    question = other.get_by_text("There are two versions of your answer.")
    expect(question).to_be_visible()
    expect(other.locator(".notice__text").nth(0)).to_have_text("from the second tab")
    expect(other.locator(".notice__text").nth(1)).to_have_text("from the first tab")
    assert Draft.objects.get(annotator=ann).answers["response"]["text"] == "from the first tab"
    other.get_by_role("button", name="Keep this one").click()
    expect(question).to_be_hidden()
    expect(state(other)).to_have_attribute("data-state", "saved")
    assert Draft.objects.get(annotator=ann).answers["response"]["text"] == "from the second tab"


def test_when_the_task_went_to_somebody_else_the_text_can_be_copied(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    Slot.objects.filter(annotator=ann).update(annotator=make.person("ben"), lease_expires_at=timezone.now())
    visitor.expected.append("409")
    editor(page).fill("a text nobody shall lose")
    expect(page.get_by_text("What you type is kept in this browser only.")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Your answer could not be taken")).to_be_visible()
    expect(page.get_by_role("textbox", name="What you typed, 1")).to_have_value("a text nobody shall lose")


def test_someone_who_was_logged_out_loses_nothing(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    editor(page).fill("before the log-out")
    expect(state(page)).to_have_attribute("data-state", "saved")
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/profile/")
    other.locator("summary").click()
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url("**/login/")
    visitor.expected += ["401", "403"]
    editor(page).fill("after the log-out")
    expect(state(page)).to_have_text("logged out, kept here: log in in another tab")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("You are logged out. Log in in another tab")).to_be_visible()
    other.get_by_label("E-mail").fill("ann@example.org")
    other.get_by_label("Password").fill("correct horse battery")
    other.get_by_role("button", name="Log in").click()
    other.wait_for_url(f"{visitor.address}/")
    page.keyboard.press("Control+Enter")
    expect(editor(page)).to_have_value("")
    assert Annotation.objects.get(annotator=ann).answers["response"]["text"] == "after the log-out"


def test_a_blank_response_is_refused_at_its_question(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    visitor.expected.append("422")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#error-response")).to_have_text("The response is empty.")


def test_the_preview_can_do_nothing_but_be_read(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    editor(page).fill('<img src=x onerror="document.title=1"> [x](javascript:alert(1)) ![p](http://evil.invalid/p.png)')
    expect(page.locator(".editor__preview")).to_contain_text("[picture: p – http://evil.invalid/p.png]")
    assert page.locator(".editor__preview :is(img, script, a[href^=javascript])").count() == 0
