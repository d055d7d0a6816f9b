"""The pages of a queue with scripts: what is live, what is ticked at once, whom a list is narrowed down to."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Project, Queue, Role, Slot, Task, User
from labeling.services import projects, skips, slots
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FETCH = "?part=now"


@pytest.fixture
def people(transactional_db: None) -> tuple[User, User]:
    return person("mira"), person("ann")


@pytest.fixture
def project(people: tuple[User, User]) -> Project:
    mira, ann = people
    made = make.project(mira, annotators=[ann], slug="haiku")
    make.imported(made, 4)
    return made


@pytest.fixture
def queue(project: Project) -> Queue:
    return make.queue(project, slug="write", overlap=2)


def opened(visitor: Visitor, user: User, queue: Queue, place: str) -> Page:
    visitor.enter(user)
    return visitor.open(f"/projects/haiku/queues/{queue.pk}/{place}/")


def test_it_follows_what_people_do(visitor: Visitor, people: tuple[User, User], queue: Queue) -> None:
    mira, ann = people
    page = opened(visitor, mira, queue, "live")
    expect(page.get_by_text("Nobody holds a task at the moment.")).to_be_visible()
    page.get_by_text("The same as a table").wait_for(state="detached")
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    expect(page.get_by_role("row", name="Ann").first).to_contain_text("min left", timeout=15_000)
    expect(page.get_by_text("Refreshed ", exact=False).first).to_be_visible()
    make.answered(slot, ann, {"response": {"text": "There."}})
    chart = page.locator("svg.days__chart")
    words = f"1 answer in the last 14 days: 1 today, most on {slot_day(slot)} with 1."
    expect(chart).to_have_attribute("aria-label", words, timeout=15_000)
    # What is unfolded stays so.
    page.get_by_text("The same as a table").click()
    expect(page.locator("#days-summary")).to_be_focused()
    with page.expect_response(lambda answer: FETCH in answer.url):
        pass
    make.written(queue, ann)
    expect(page.locator("#days-table tbody td").first).to_have_text("2", timeout=15_000)
    expect(page.locator("#days-table")).to_have_attribute("open", "")
    expect(page.locator("#days-summary")).to_be_focused()


def slot_day(slot: Slot) -> str:
    slot.refresh_from_db()
    assert slot.finished_at is not None
    return f"{slot.finished_at:%-d %B}"


def test_it_can_be_stopped_and_goes_on(visitor: Visitor, people: tuple[User, User], queue: Queue) -> None:
    mira, ann = people
    page = opened(visitor, mira, queue, "live")
    page.get_by_role("button", name="Stop refreshing").click()
    expect(page.get_by_text("Stopped ")).to_be_visible()
    assert slots.take_next(queue, by=ann) is not None
    with page.expect_response(lambda answer: FETCH in answer.url):
        page.get_by_role("button", name="Go on refreshing").click()
    expect(page.get_by_role("row", name="Ann").first).to_be_visible()
    expect(page.get_by_role("button", name="Stop refreshing")).to_be_visible()


def test_nothing_is_taken_from_under_a_hand(visitor: Visitor, people: tuple[User, User], queue: Queue) -> None:
    mira, ann = people
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    page = opened(visitor, mira, queue, "live")
    counting = "window.fetched = 0; const real = fetch; window.fetch = (...all) => (window.fetched++, real(...all));"
    page.evaluate(f"() => {{ {counting} }}")
    button = page.get_by_role("button", name=f"Release task {slot.task_id} of Ann")
    button.focus()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Holding still, as you are about to press something.")).to_be_visible()
    assert page.evaluate("window.fetched") == 0
    page.on("dialog", lambda dialog: dialog.accept())
    button.press("Enter")
    expect(page.get_by_text(f"Task {slot.task_id} is back in its queue.")).to_be_visible()
    expect(page.get_by_text("Nobody holds a task at the moment.")).to_be_visible()


def test_a_whole_page_of_skips_is_ticked_and_retired(visitor: Visitor, people: tuple[User, User], queue: Queue) -> None:
    mira, ann = people
    for _ in range(3):
        slot = slots.take_next(queue, by=ann)
        assert slot is not None
        skips.skip(slot, lease=str(slot.lease), reason="broken", by=ann)
    page = opened(visitor, mira, queue, "skips")
    page.get_by_label("Tick all on this page").check()
    expect(page.get_by_text("Those ticked below (3)")).to_be_visible()
    page.locator("input[name=slot]").first.uncheck()
    expect(page.get_by_text("Those ticked below (2)")).to_be_visible()
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_text("2 tasks are retired.")).to_be_visible()
    assert Task.objects.filter(queue=queue, state="retired").count() == 2


def test_many_members_are_narrowed_down_by_name(
    visitor: Visitor, people: tuple[User, User], project: Project, queue: Queue
) -> None:
    mira, _ = people
    for number in range(15):
        projects.add_member(project, email=make.person(f"member{number}").email, role=Role.ANNOTATOR, by=mira)
    page = opened(visitor, mira, queue, "settings")
    page.locator("summary", has_text="Who may take it").click()
    page.get_by_label("Member3").check()
    search = page.get_by_label("Show only names with")
    search.fill("member 14")
    expect(page.get_by_label("Member14")).to_be_visible()
    expect(page.get_by_label("Member3")).to_be_visible()
    expect(page.get_by_label("Member5")).to_be_hidden()
    search.press("Enter")
    page.get_by_label("Member14").check()
    page.get_by_label("The people named").check()
    page.get_by_role("button", name="Save the settings").click()
    expect(page.get_by_text("2 named people")).to_be_visible()
    assert sorted(str(one.user) for one in queue.named.all()) == ["Member14", "Member3"]
