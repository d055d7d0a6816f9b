"""What happens by itself as time goes by: leases that are renewed and let go, an offer that ends, time that counts."""

from __future__ import annotations

import re
from datetime import datetime
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Annotation, Queue, Slot, User
from tests import make
from tests.browser.conftest import Visitor, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DRAFTS = "**/api/slots/*/draft/"
AHEAD = re.compile(r"/ahead/$")
MINUTE = 60_000  # ms


@pytest.fixture
def ann(transactional_db: None) -> User:
    return person("ann")


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 4)
    return make.queue(project, preset="demonstrations", slug="write")


@pytest.fixture
def asked(visitor: Visitor) -> list[str]:
    """The addresses that the page has sent something to, as it goes on."""
    found: list[str] = []
    visitor.page.on("request", lambda request: found.append(request.url))
    return found


def number(asked: list[str], kind: str) -> int:
    return len([address for address in asked if address.endswith(f"/{kind}/")])


def start(visitor: Visitor, queue: Queue) -> Page:
    """Opens a task on a page whose time the test lets pass."""
    visitor.page.clock.install()
    visitor.enter(User.objects.get(email="ann@example.org"))
    return visitor.open(f"/label/{queue.pk}/")


def touch(page: Page) -> None:
    """Moves the pointer: somebody is there."""
    page.mouse.move(300, 300)
    page.mouse.move(310, 320)


def pass_until_asked(page: Page, asked: list[str], kind: str) -> None:
    """Lets up to 45 seconds pass. In small steps: a page gives an answer up that takes 15 seconds of its own time."""
    before = number(asked, kind)
    for _ in range(9):
        page.clock.run_for(5_000)
        if number(asked, kind) > before:
            return


def expiry(**which: object) -> datetime:
    """When the lease of the one slot that is so ends."""
    expires = Slot.objects.get(**which).lease_expires_at
    assert expires is not None
    return expires


def test_a_lease_is_renewed_for_whoever_reads_and_for_nobody_else(
    visitor: Visitor, queue: Queue, asked: list[str]
) -> None:
    page = start(visitor, queue)
    words = page.locator("[data-lease-target=words]").first
    expect(words).to_have_text("yours for 30 min")
    before = expiry(ahead=False, state="leased")
    touch(page)
    page.clock.run_for(12 * MINUTE)
    touch(page)
    page.clock.run_for(30_000)  # more than half is left
    page.clock.run_for(12 * MINUTE)  # less is left, and nobody has touched the page
    expect(words).to_have_text(re.compile("yours for [56] more min, typing keeps it"))
    assert number(asked, "draft") == 0
    assert expiry(ahead=False, state="leased") == before
    with page.expect_response(DRAFTS) as reply:
        touch(page)
        page.clock.run_for(10_000)
    sent: Any = reply.value.request.post_data_json
    assert (reply.value.status, sent["answers"]) == (200, {})
    expect(words).to_have_text("yours for 30 min")
    assert expiry(ahead=False, state="leased") > before


def test_the_task_ahead_is_kept_while_somebody_is_there_and_let_go_after_three_minutes(
    visitor: Visitor, queue: Queue, asked: list[str]
) -> None:
    with visitor.page.expect_response(AHEAD):
        page = start(visitor, queue)
        page.clock.run_for(500)
    lease = Slot.objects.get(ahead=True).lease
    touch(page)
    for _ in range(3):  # at 45, 90 and 135 seconds
        before = expiry(ahead=True)
        with page.expect_response(AHEAD) as reply:
            pass_until_asked(page, asked, "ahead")
        assert reply.value.json() == {"lease": str(lease), "page": None}  # the page is here already
        assert expiry(ahead=True) > before
    assert number(asked, "ahead") == 4
    page.clock.run_for(10 * MINUTE)
    # The look at 180 seconds finds that nobody is there any more, or just yet.
    assert number(asked, "ahead") <= 5
    with page.expect_response(AHEAD):  # somebody came back
        touch(page)
        pass_until_asked(page, asked, "ahead")


def test_a_submit_can_be_taken_back_for_30_seconds_and_no_longer(
    visitor: Visitor, queue: Queue, asked: list[str]
) -> None:
    page = start(visitor, queue)
    page.locator("#q-response").fill("One.")
    page.keyboard.press("Control+Enter")
    undo = page.locator("form.undo:visible")
    expect(undo).to_contain_text("30 s")
    page.clock.run_for(20_000)
    expect(undo).to_contain_text(re.compile(r"\b(10|9) s"))
    page.clock.run_for(8_000)
    expect(undo).to_be_visible()
    page.clock.run_for(3_000)
    expect(undo).to_have_count(0)
    page.keyboard.press("z")
    page.clock.run_for(1_000)
    assert number(asked, "undo") == 0
    assert Annotation.objects.get().undone_at is None


def test_time_counts_while_the_page_is_used_and_looked_at(visitor: Visitor, queue: Queue) -> None:
    before = monotonic()
    page = start(visitor, queue)
    now = page.evaluate("Date.now()") / 1000
    running = monotonic() - before  # the most that passed while the clock still ran: seconds, on a busy machine
    page.clock.pause_at(datetime.fromtimestamp(now + 5).astimezone())  # 5 s
    field = page.locator("#q-response")
    for key in "One.":
        field.press(key)
        page.clock.run_for(5_000)  # 20 s
    page.clock.run_for(10 * MINUTE)  # reads on, or is gone: 55 s more, which makes a minute since the last key
    touch(page)
    page.clock.run_for(10_000)  # 10 s
    page.evaluate("window.dispatchEvent(new Event('blur'))")  # another window is in front
    page.clock.run_for(MINUTE)
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.clock.run_for(7_000)  # 7 s
    visitor.expected.append("409")  # a save that comes after the submit, or just before it
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-count=today]")).to_have_text("1")
    seconds = Annotation.objects.get().active_seconds
    assert seconds is not None
    assert 97 <= seconds <= 97.5 + running
