"""From task to task: the next one is there already, the last submit can be taken back, answers can be corrected."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Annotation, Queue, Slot, SlotState, User
from labeling.services import projects, queues
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SAVED = "[data-autosave-target=state][data-state=saved]"


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann], guidelines="# Write well\n\nBe brief.\n\nBe right.")
    make.imported(project, 5)
    return make.queue(project)


def start(visitor: Visitor, queue: Queue, ann: User) -> Page:
    visitor.enter(ann)
    return visitor.open(f"/label/{queue.pk}/")


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name=re.compile("best response")).fill(text)


def question(page: Page) -> str:
    return page.locator(".turn--user .prose").inner_text()


def test_the_next_task_is_there_before_this_one_is_done(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.enter(ann)
    with visitor.page.expect_response(re.compile(r"/ahead/$")) as reply:
        page = visitor.open(f"/label/{queue.pk}/")
    assert reply.value.json()["page"]
    kept = Slot.objects.get(queue=queue, ahead=True)
    write(page, "One.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.partition('/label/')[2]}"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    expect(page.locator("[data-count=sitting]")).to_have_text("1")
    expect(page.locator("[data-count=left]")).to_have_text("4")
    assert f"GET {queue.pk}/" not in asked
    assert page.locator("input[name=slot]").first.input_value() == str(kept.pk)
    kept.refresh_from_db()
    assert (kept.state, kept.ahead) == (SlotState.LEASED, False)


def test_every_task_comes_once_and_the_last_page_says_so(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    seen = set()
    for number in range(5):
        seen.add(question(page))
        write(page, f"Number {number}.")
        page.keyboard.press("Control+Enter")
        if number < 4:
            expect(page.locator("[data-count=today]")).to_have_text(str(number + 1))
    expect(page.get_by_role("heading", name="That is all for now")).to_be_visible()
    expect(page.get_by_text("5 done today, 5 in this session.")).to_be_visible()
    assert len(seen) == 5
    assert Annotation.objects.count() == 5


def test_whoever_closes_the_page_gives_back_what_was_kept(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.enter(ann)
    with visitor.page.expect_response(re.compile(r"/ahead/$")):
        page = visitor.open(f"/label/{queue.pk}/")
    page.wait_for_function("1")  # the answer has been read
    assert Slot.objects.filter(ahead=True).exists()
    visitor.open("/")
    for _ in range(100):
        if not Slot.objects.filter(ahead=True).exists():
            break
        page.wait_for_timeout(50)
    assert not Slot.objects.filter(ahead=True).exists()
    assert Slot.objects.filter(state=SlotState.LEASED).count() == 1


def test_a_submit_is_taken_back_by_a_key(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    first = question(page)
    write(page, "Too early")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Submitted", exact=True)).to_be_visible()
    assert question(page) != first
    page.keyboard.press("z")
    expect(page.get_by_role("textbox", name=re.compile("best response"))).to_have_value("Too early")
    assert question(page) == first
    assert Annotation.objects.get().undone_at is not None
    write(page, "In time")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Submitted", exact=True)).to_be_visible()
    standing = Annotation.objects.get(undone_at=None)
    assert (standing.version, standing.answers) == (2, {"response": {"text": "In time"}})


def test_what_was_typed_on_the_task_after_it_waits(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    write(page, "First")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Submitted", exact=True)).to_be_visible()
    second = question(page)
    write(page, "Half of the second")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(page.get_by_role("textbox", name=re.compile("best response"))).to_have_value("First")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("textbox", name=re.compile("best response"))).to_have_value("Half of the second")
    assert question(page) == second


def test_an_answer_is_corrected_from_the_list(visitor: Visitor, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann, "As it was.")
    page = start(visitor, queue, ann)
    page.get_by_role("link", name=re.compile("done today")).click()
    page.get_by_role("link", name=annotation.slot.task.prompt.opening).click()
    expect(page.get_by_role("textbox", name=re.compile("best response"))).to_have_value("As it was.")
    write(page, "As it should be.")
    page.wait_for_selector(SAVED)
    page.reload()
    expect(page.get_by_role("textbox", name=re.compile("best response"))).to_have_value("As it should be.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".messages").get_by_text("Version 2 is saved.")).to_be_visible()
    assert list(Annotation.objects.order_by("version").values_list("answers__response__text", flat=True)) == [
        "As it was.",
        "As it should be.",
    ]


def test_new_guidelines_are_announced_once_with_what_changed(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    with page.expect_response("**/ahead/"):  # the next page is here before this announcement was met
        expect(page.get_by_role("heading", name="Your first task here")).to_be_visible()
    with page.expect_response("**/ahead/"):  # the third task is kept before the guidelines change
        write(page, "One.")
        page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    expect(page.get_by_role("heading", name="Your first task here")).to_have_count(0)
    projects.set_guidelines(
        queue.project, "# Write well\n\nBe brief and kind.\n\nBe right.", by=make.manager(queue.project)
    )
    for number in ("2", "3"):  # those that were taken before the change keep what they were shown
        write(page, "Two.")
        page.keyboard.press("Control+Enter")
        expect(page.locator("[data-count=today]")).to_have_text(number)
    news = page.get_by_role("region", name="The guidelines have changed")
    expect(news).to_be_visible()
    expect(news.locator("ins")).to_contain_text("and kind")
    news.get_by_role("button", name="Got it").click()
    expect(news).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="The guidelines have changed")).to_have_count(0)


def test_who_does_not_see_the_page_hears_that_the_next_task_came(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    region = page.locator("#announcements")
    expect(region).to_have_attribute("role", "status")
    write(page, "One.")
    page.keyboard.press("Control+Enter")
    expect(region).to_have_text("Submitted. The next task.")
    expect(page.get_by_role("main", name=f"{queue.name}: a task")).to_be_focused()


def test_who_does_not_see_the_page_hears_where_nothing_is_saved(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    region = page.locator("#announcements")
    visitor.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch", "status of 400"]
    visitor.context.set_offline(True)
    write(page, "In a tunnel.")
    expect(region).to_have_text("offline, kept here")
    visitor.context.set_offline(False)
    expect(region).to_have_text(re.compile(r"saved \d\d:\d\d"))
    refusal = {"code": "invalid", "detail": "Too much.", "errors": []}
    page.route("**/draft/", lambda route: route.fulfill(status=400, json=refusal))
    write(page, "More.")
    expect(region).to_have_text("not saved: Too much.")


def test_what_was_submitted_stays_so_where_a_script_of_the_next_task_does_not_come(
    visitor: Visitor, queue: Queue, ann: User
) -> None:
    visitor.expected.append("ERR_FAILED")
    visitor.page.route("**/ahead/", lambda route: route.abort())
    visitor.page.route(re.compile(r"/js/questions/rate"), lambda route: route.abort())
    page = start(visitor, queue, ann)
    queues.change(queue, form=[{"name": "r", "type": "rate", "per": "task"}], by=make.manager(queue.project))
    write(page, "One.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    expect(page.locator("#task input[type=radio]")).to_have_count(5)
    expect(page.locator(".dock__notice")).to_be_hidden()
    assert Annotation.objects.get().answers == {"response": {"text": "One."}}


def test_a_page_of_a_newer_site_is_loaded_with_its_own_scripts(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue, ann)
    page.evaluate("""() => {
      const script = document.querySelector('script[src*="/js/label."]');
      script.setAttribute("src", script.getAttribute("src").replace(/label\\.\\w+\\.js/, "label.0123456789ab.js"));
      window.before = true;
    }""")
    assert page.locator('script[src$="/js/label.0123456789ab.js"]').count() == 1
    write(page, "One.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    assert page.evaluate("window.before") is None
    write(page, "Two.")
    page.evaluate("window.before = true")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("2")
    assert page.evaluate("window.before") is True
