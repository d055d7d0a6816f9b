"""What could mix up, overwrite or lose an answer: the way back, several tabs and devices, leaving, dead networks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from labeling.models import Annotation, Draft, Queue, Role, Slot, User
from labeling.services import drafts, projects, slots
from tests import make
from tests.browser.conftest import Visitor, let_in, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RATE_AND_WHY: list[dict[str, Any]] = [
    {"name": "r", "type": "rate", "min": 1, "max": 5},
    {"name": "why", "type": "comment", "title": "Why?"},
]
DRAFTS = "**/api/slots/*/draft/"


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 4)
    return make.queue(project, preset="demonstrations", slug="write")


def start(visitor: Visitor, queue: Queue) -> Page:
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def editor(page: Page) -> Locator:
    return page.locator("#task textarea.editor").first


def state(page: Page) -> Locator:
    return page.locator("[data-autosave-target=state]").first


def saved(page: Page) -> None:
    expect(state(page)).to_have_attribute("data-state", "saved")


def slot_on(page: Page) -> str:
    return page.locator("#task input[name=slot]").input_value()


def drafted(ann: User) -> list[str]:
    return [draft.answers["response"]["text"] for draft in Draft.objects.filter(annotator=ann)]


# ── The way back ──


def test_the_way_back_puts_no_answer_into_another_task(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    first = slot_on(page)
    editor(page).fill("TEXT FOR THE FIRST TASK")
    saved(page)
    page.locator(".labelbar__done").click()
    page.wait_for_url("**/done/")
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/label/{queue.pk}/")
    expect(editor(other)).to_have_value("TEXT FOR THE FIRST TASK")
    other.keyboard.press("Control+Enter")
    expect(other.locator("[data-count=today]")).to_have_text("1")
    other.close()
    page.go_back()
    page.wait_for_selector("#task")
    assert slot_on(page) != first
    expect(page.locator("#task [data-write-target=counts]")).to_contain_text("0 words")
    expect(editor(page)).to_have_value("")


def test_the_way_back_puts_no_rating_into_another_task(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 4, candidates=2)
    page = start(visitor, make.queue(project, form=RATE_AND_WHY[:1]))
    first = slot_on(page)
    for key in "51":
        page.keyboard.press(key)
    saved(page)
    page.locator(".labelbar__done").click()
    page.wait_for_url("**/done/")
    other = visitor.another_tab()
    other.goto(f"{visitor.address}/label/{project.queues.get().pk}/")
    expect(other.locator("#task input[type=radio]:checked")).to_have_count(2)
    other.keyboard.press("Control+Enter")
    expect(other.locator("[data-count=today]")).to_have_text("1")
    other.close()
    page.go_back()
    page.wait_for_selector("#task")
    assert slot_on(page) != first
    expect(page.locator("#task input[type=radio]:checked")).to_have_count(0)


def test_no_browser_is_asked_to_fill_forms_of_a_task_in_again(visitor: Visitor, queue: Queue) -> None:
    page = start(visitor, queue)
    editor(page).fill("One.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    with_slot = page.locator("form:has(input[name=slot])")
    expect(with_slot).to_have_count(4)  # the task, to leave it, to skip it, to undo
    assert with_slot.evaluate_all("forms => forms.every((form) => form.autocomplete === 'off')")


def test_a_page_that_was_kept_whole_asks_the_server_when_it_is_shown_again(
    visitor: Visitor, queue: Queue, ann: User
) -> None:
    page = start(visitor, queue)
    editor(page).fill("half a thought")
    saved(page)
    slots.release(Slot.objects.get(pk=slot_on(page)), by=make.manager(queue.project))
    visitor.expected.append("409")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.get_by_text("What you type is kept in this browser only.")).to_be_visible()


def test_after_a_correction_the_way_back_leads_to_the_page_before_it(visitor: Visitor, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann, "As it was.")
    visitor.enter(ann)
    page = visitor.open("/profile/")
    visitor.open(f"/label/{queue.pk}/done/{annotation.slot_id}/")
    editor(page).fill("As it should be.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".messages").get_by_text("Version 2 is saved.")).to_be_visible()
    expect(page).to_have_url(re.compile("/done/$"))
    page.go_back()
    expect(page).to_have_url(re.compile("/profile/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")


# ── Two versions ──


def test_a_key_typed_before_the_choice_destroys_no_version(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    slot = Slot.objects.get(pk=slot_on(page))
    words = {"response": {"text": "AN HOUR OF MY WORDS"}}
    page.evaluate(
        """([key, lease, answers]) => localStorage.setItem(key, JSON.stringify(
            { answers, lease, base: 0, at: Date.now() - 3600000, tab: 'x' }))""",
        [f"annotate:draft:{ann.pk}:{slot.pk}", str(slot.lease), words],
    )
    drafts.save(slot, {"response": {"text": "other device"}}, lease=str(slot.lease), revision=0, by=ann)
    page.reload()
    expect(editor(page)).to_have_value("other device")
    mine = page.locator("[data-autosave-target=mine]")
    expect(mine).to_have_text("AN HOUR OF MY WORDS")
    editor(page).press("End")
    page.keyboard.type("!")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Not submitted: there are two versions of your answer.")).to_be_visible()
    assert not Annotation.objects.exists()
    page.reload()
    expect(mine).to_have_text("AN HOUR OF MY WORDS")
    page.keyboard.type("!")
    page.get_by_role("button", name="Keep this one").click()
    expect(editor(page)).to_have_value("AN HOUR OF MY WORDS")
    saved(page)
    assert drafted(ann) == ["AN HOUR OF MY WORDS"]


def test_a_submit_from_an_old_tab_destroys_no_newer_draft(
    visitor: Visitor, queue: Queue, ann: User, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    page = start(visitor, queue)
    editor(page).fill("half a thought")
    saved(page)
    elsewhere = start(let_in(server, browser, visitors), queue)
    expect(editor(elsewhere)).to_have_value("half a thought")
    editor(elsewhere).fill("half a thought, and an hour of work")
    saved(elsewhere)
    expect(state(elsewhere)).to_have_attribute("data-state", "saved")
    elsewhere.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('annotate:draft:'))")
    assert drafted(ann) == ["half a thought, and an hour of work"]
    visitor.expected.append("409")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Not submitted: another tab or device has saved something else.")).to_be_visible()
    expect(page.locator("[data-autosave-target=mine]")).to_have_text("half a thought")
    expect(page.locator("[data-autosave-target=theirs]")).to_have_text("half a thought, and an hour of work")
    expect(editor(page)).to_have_value("half a thought")
    assert not Annotation.objects.exists()
    page.get_by_role("button", name="Take that one").click()
    expect(editor(page)).to_have_value("half a thought, and an hour of work")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    assert Annotation.objects.get().answers["response"]["text"] == "half a thought, and an hour of work"


def test_a_save_whose_answer_got_lost_does_not_hold_up_the_submit(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    visitor.expected += ["ERR_FAILED", "409"]

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(DRAFTS, lose)
    editor(page).fill("arrived, but nobody knows")
    expect(state(page)).to_have_text("offline, kept here")
    page.unroute(DRAFTS)
    page.route(DRAFTS, lambda route: route.abort())
    editor(page).fill("arrived, but nobody knows. And more.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    assert Annotation.objects.get().answers["response"]["text"] == "arrived, but nobody knows. And more."


def test_without_scripts_an_old_page_gives_the_text_back_and_keeps_the_draft(
    queue: Queue, ann: User, server: str, browser: Browser, visitors: list[Visitor]
) -> None:
    plain = let_in(server, browser, visitors, java_script_enabled=False)
    page = start(plain, queue)
    slot = Slot.objects.get(pk=slot_on(page))
    drafts.save(slot, {"response": {"text": "from a browser with scripts"}}, lease=str(slot.lease), revision=0, by=ann)
    plain.expected.append("409")
    editor(page).fill("typed without scripts")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("textbox", name="What you typed, 1")).to_have_value("typed without scripts")
    expect(page.get_by_role("alert")).to_contain_text("A newer draft of this task is stored")
    assert drafted(ann) == ["from a browser with scripts"]
    page.get_by_role("link", name="Go on with the next task").click()
    expect(editor(page)).to_have_value("from a browser with scripts")


def test_another_tab_that_renews_the_lease_asks_nothing_of_this_one(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    other = visitor.another_tab()
    other.goto(page.url)
    visitor.expected.append("409")
    with page.expect_response(DRAFTS):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody came back to it
    editor(other).fill("hello")
    saved(other)
    assert drafted(ann) == ["hello"]


# ── A page that is not whole ──


def test_a_question_whose_script_did_not_come_keeps_its_answer(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 2, candidates=2)
    page = start(visitor, make.queue(project, form=RATE_AND_WHY))
    editor(page).fill("A LONG COMMENT")
    page.locator("#task input[type=radio][value='3']").first.check(force=True)
    saved(page)
    draft = Draft.objects.get(annotator=ann)
    assert draft.answers == {"r": {"a": 3}, "why": {"text": "A LONG COMMENT"}}
    visitor.expected.append("ERR_FAILED")
    page.route(re.compile(r"/js/questions/comment"), lambda route: route.abort())
    page.reload()
    page.locator("#task input[type=radio][value='4']").last.check(force=True)
    with page.expect_response(DRAFTS):
        pass
    draft.refresh_from_db()
    assert draft.answers == {"r": {"a": 3, "b": 4}, "why": {"text": "A LONG COMMENT"}}


# ── Leaving ──


def test_leave_takes_the_last_words_along(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    editor(page).fill("Saved first.")
    saved(page)
    editor(page).press("End")
    page.keyboard.type(" And last words.")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("The task went back to the queue.")).to_be_visible()
    assert drafted(ann) == ["Saved first. And last words."]


def test_what_is_only_in_this_browser_is_found_under_a_new_lease(visitor: Visitor, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1)  # one task, so that none is fetched ahead and comes first
    queue = make.queue(project, preset="demonstrations", slug="write")
    page = start(visitor, queue)
    slot = Slot.objects.get(pk=slot_on(page))
    visitor.expected.append("ERR_INTERNET_DISCONNECTED")
    visitor.context.set_offline(True)
    editor(page).fill("never sent")
    expect(state(page)).to_have_text("offline, kept here")
    slots.release(slot, by=make.manager(queue.project))
    again = visitor.another_tab()
    page.close(run_before_unload=False)
    visitor.context.set_offline(False)
    again.goto(f"{visitor.address}/label/{queue.pk}/")
    assert slot_on(again) == str(slot.pk)
    expect(again.locator("[data-autosave-target=mine]")).to_have_text("never sent")
    again.get_by_role("button", name="Keep this one").click()
    saved(again)
    assert drafted(ann) == ["never sent"]


def test_nobody_is_told_that_something_was_copied_that_was_not(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = start(visitor, queue)
    slots.release(Slot.objects.get(pk=slot_on(page)), by=make.manager(queue.project))
    visitor.expected.append("409")
    editor(page).fill("words that nobody shall lose")
    page.get_by_role("button", name="Copy my answer").click()
    expect(page.get_by_role("button", name="Selected: press Ctrl+C")).to_be_visible()
    assert page.evaluate("String(getSelection())") == "words that nobody shall lose"
    # It stands nowhere else: closing asks.
    assert page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_what_was_copied_lets_somebody_go(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = start(visitor, queue)
    slots.release(Slot.objects.get(pk=slot_on(page)), by=make.manager(queue.project))
    visitor.expected.append("409")
    editor(page).fill("safe in another place")
    page.get_by_role("button", name="Copy my answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "safe in another place"
    assert page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_a_clock_that_is_wrong_does_not_take_the_copy_of_this_task(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    slot = Slot.objects.get(pk=slot_on(page))
    keys = [f"annotate:draft:{ann.pk}:{slot.pk}", f"annotate:draft:{ann.pk}:0"]
    kept = {"answers": {"response": {"text": "of another year"}}, "lease": str(slot.lease), "base": 0, "at": 1000}
    page.evaluate("([keys, kept]) => keys.forEach((key) => localStorage.setItem(key, kept))", [keys, json.dumps(kept)])
    page.reload()
    expect(editor(page)).to_have_value("of another year")
    assert page.evaluate("key => localStorage.getItem(key)", keys[1]) is None


# ── The network ──


def test_a_network_that_swallows_requests_is_found_out(visitor: Visitor, queue: Queue, ann: User) -> None:
    visitor.page.clock.install()
    visitor.expected.append("409")  # a save that comes after the submit
    page = start(visitor, queue)
    page.route(DRAFTS, lambda route: None)
    page.route("**/submit/", lambda route: None)
    with page.expect_request(DRAFTS):
        editor(page).fill("into the void")
        page.clock.run_for(1000)
    expect(state(page)).to_have_text("saving …")
    page.clock.run_for(16_000)
    expect(state(page)).to_have_text("offline, kept here")
    page.clock.run_for(200)
    expect(page.locator("#announcements")).to_have_text("offline, kept here")
    with page.expect_request("**/submit/"):
        page.keyboard.press("Control+Enter")
    page.clock.run_for(31_000)
    expect(page.get_by_text("It could not be sent")).to_be_visible()
    page.unroute(DRAFTS)
    page.unroute("**/submit/")
    page.keyboard.press("Control+Enter")
    expect(editor(page)).to_have_value("")
    assert Annotation.objects.get().answers["response"]["text"] == "into the void"


@pytest.mark.parametrize(("size", "survives"), [(20_000, True), (70_000, False)])
def test_a_save_outlives_the_page_where_browsers_let_it(
    visitor: Visitor, queue: Queue, ann: User, size: int, survives: bool
) -> None:
    visitor.context.add_init_script("""
        window.sent = [];
        const { fetch } = window;
        window.fetch = (address, options) => {
          if (String(address).includes("/draft/")) sent.push(options.keepalive);
          return fetch(address, options);
        };
    """)
    page = start(visitor, queue)
    editor(page).fill("word " * (size // 5))
    # While it is on its way closing asks only where the request would end with the page.
    asked = page.evaluate("!dispatchEvent(new Event('beforeunload', { cancelable: true }))")
    assert asked is not survives
    saved(page)
    assert page.evaluate("sent") == [survives]
    assert [len(text) for text in drafted(ann)] == [size]


def test_whoever_comes_back_renews_the_lease(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    slot = Slot.objects.get(pk=slot_on(page))
    with page.expect_response(DRAFTS):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    renewed = Slot.objects.get(pk=slot.pk)
    assert renewed.lease_expires_at is not None
    assert slot.lease_expires_at is not None
    assert renewed.lease_expires_at > slot.lease_expires_at


def test_a_member_who_takes_the_task_meanwhile_is_not_overwritten(visitor: Visitor, queue: Queue, ann: User) -> None:
    page = start(visitor, queue)
    first = slot_on(page)
    editor(page).fill("TEXT FOR THE FIRST TASK")
    saved(page)
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("The task went back to the queue.")).to_be_visible()
    ben = person("ben")
    projects.add_member(queue.project, email=ben.email, role=Role.ANNOTATOR, by=make.manager(queue.project))
    slots.take_next(queue, by=ben)
    page.go_back()
    page.wait_for_selector("#task")
    assert slot_on(page) != first
    expect(editor(page)).to_have_value("")
