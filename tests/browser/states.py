"""The labelling page in states that come and go: half answered, refused, in two versions, lost, offline, with a notice;
what opens on it; and the pages that stand in the place of one that could not be shown.
"""

from __future__ import annotations

from collections.abc import Callable

from django.template.loader import render_to_string
from playwright.sync_api import Page

from labeling.questions import PRESETS
from tests.browser.tour import ANNOTATOR, NOBODY, Stop
from tests.browser.workday import CORRECTED, HALF_GIVEN

STARTER = "ben"  # has met the first guidelines and works where Ann has not been
TYPED = "A thought that is not finished"


def _state(page: Page, name: str) -> None:
    page.locator(f"[data-autosave-target=state][data-state={name}]").wait_for(state="attached")


def _half(preset: str) -> Callable[[Page], None]:
    def answer(page: Page) -> None:
        HALF_GIVEN[preset](page)
        _state(page, "saved")

    return answer


def _refused(page: Page) -> None:
    """Submitted without a script and without an answer: the page comes back with what is wrong."""
    page.evaluate("() => document.querySelector('#task').submit()")
    page.get_by_text("Not submitted yet").wait_for()


def _refused_here(page: Page) -> None:
    """The same by the page's own script."""
    page.keyboard.press("Control+Enter")
    page.locator("[data-question-error]:not(:empty)").first.wait_for()


def _not_taken(page: Page) -> None:
    """Submitted under a lease that is somebody else's, without a script: a page of its own gives the texts back."""
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    _state(page, "saved")
    page.evaluate("""() => {
      const form = document.querySelector("#task");
      form.elements.lease.value = crypto.randomUUID();
      form.submit();
    }""")
    page.get_by_role("heading", name="Your answer could not be taken").wait_for()


def _headers(page: Page) -> dict[str, str]:
    name = page.locator("meta[name=csrf-cookie]").get_attribute("content")
    token = next(one["value"] for one in page.context.cookies() if one["name"] == name)
    return {"X-CSRFToken": token, "Referer": page.url}


def _two_versions(page: Page) -> None:
    """Another device saved an answer after this page came, and before it is typed in."""
    page.locator("[data-autosave-target=state]:is([data-state=clean], [data-state=saved])").wait_for(state="attached")
    data = page.evaluate("() => ({...document.body.dataset})")
    question = page.locator("[data-question-number]").first.get_attribute("data-question")
    address = page.evaluate("() => origin") + data["autosaveUrlValue"]
    sent = {"lease": data["autosaveLeaseValue"], "answers": {question: {"text": "From elsewhere."}}, "revision": 0}
    answer = page.request.put(address, data=sent, headers=_headers(page))
    if answer.status == 409:  # something was typed here before
        sent["revision"] = answer.json()["draft"]["revision"]
        answer = page.request.put(address, data=sent, headers=_headers(page))
    assert answer.ok, answer.text()
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    page.get_by_text("There are two versions of your answer.").wait_for()


def _lost(page: Page) -> None:
    """The task went back to the queue by another tab."""
    held: dict[str, str | float | bool] = {
        name: page.locator(f"#task input[name={name}]").input_value() for name in ("slot", "lease")
    }
    leave = page.locator("form[action$='/leave/']").get_attribute("action") or ""
    page.request.post(page.evaluate("() => origin") + leave, form=held, headers=_headers(page))
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    page.get_by_text("What you type is kept in this browser only.").wait_for()


def _offline(page: Page) -> None:
    page.route("**/draft/", lambda route: route.abort())
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    _state(page, "offline")


def _kept_nowhere(page: Page) -> None:
    """Neither the server nor the browser takes a copy."""
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }; }")
    page.route("**/draft/", lambda route: route.abort())
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    page.get_by_text("Your answer is kept nowhere but on this page.").wait_for()


def _submitted(page: Page) -> None:
    page.keyboard.press("w")
    page.keyboard.insert_text(TYPED)
    page.keyboard.press("Control+Enter")
    page.get_by_text("Submitted", exact=True).wait_for()


def _marking(page: Page) -> None:
    """Something is marked, something else selected, with the labels beside it."""
    for key in ("w", "Shift+ArrowRight", "1"):
        page.keyboard.press(key)
    page.locator(".mark").wait_for()
    page.locator(".candidate__raw").first.dblclick()
    page.locator(".markbar").wait_for()


def _compared(page: Page) -> None:
    """Two responses are pinned, and what differs in them is marked."""
    for key in ("p", "j", "p", "v"):
        page.keyboard.press(key)
    page.locator(".strip__words").first.wait_for()


def _previewed(page: Page) -> None:
    page.keyboard.press("Control+End")
    if page.locator(".editor__preview").is_hidden():
        page.get_by_role("button", name="Preview").click()
    page.locator(".editor__preview ol").wait_for()


def _too_much(page: Page) -> None:
    """A form with more fields than the site reads."""
    page.evaluate("""() => {
      const form = document.querySelector("main form");
      for (let n = 0; n < 1200; n += 1) {
        form.append(Object.assign(document.createElement("input"), { name: `n${n}`, type: "hidden" }));
      }
      form.submit();
    }""")
    page.get_by_role("heading", name="This request cannot be read").wait_for()


def _without_a_cookie(page: Page) -> None:
    page.context.clear_cookies()
    page.evaluate("() => document.querySelector('main form').submit()")
    page.get_by_role("heading", name="The page was open for too long").wait_for()


def _broken(template: str, status: int) -> Callable[[Page], None]:
    """The page that stands where the site itself broke, as the server would send it."""

    def show(page: Page) -> None:
        html = render_to_string(template)
        page.route("**/broken/", lambda route: route.fulfill(status=status, content_type="text/html", body=html))
        page.goto("/".join([*page.url.split("/")[:3], "broken/"]))

    return show


STATES = [
    *(
        Stop("label", ANNOTATOR, f"with half of {preset} answered", _half(preset), at={"queue_id": preset})
        for preset in PRESETS
    ),
    Stop("label", ANNOTATOR, "with two responses compared", _compared),
    Stop("label", ANNOTATOR, "with a preview", _previewed, at={"queue_id": "demonstrations"}),
    Stop("label", ANNOTATOR, "while something is marked", _marking, at={"queue_id": "spans"}),
    Stop("label", ANNOTATOR, "refused", _refused, at={"queue_id": "instructgpt-ranking"}, also=("422",)),
    Stop("label", ANNOTATOR, "refused", _refused, at={"queue_id": "edit"}, also=("422",)),
    Stop("label", ANNOTATOR, "refused by its script", _refused_here, also=("422",)),
    Stop("label", ANNOTATOR, "not taken", _not_taken, at={"queue_id": "write"}, also=("409",)),
    Stop("label", ANNOTATOR, "offline", _offline, at={"queue_id": "write"}, also=("ERR_FAILED",)),
    Stop("label", ANNOTATOR, "kept nowhere", _kept_nowhere, at={"queue_id": "write"}, also=("ERR_FAILED",)),
    Stop("label", ANNOTATOR, "in two versions", _two_versions, at={"queue_id": "write"}, also=("409",)),
    Stop("label", ANNOTATOR, "lost", _lost, at={"queue_id": "comment"}, also=("409",)),
    Stop("label", STARTER, "with new guidelines", at={"queue_id": "rank"}),
    Stop("label", STARTER, "after a submit", _submitted, at={"queue_id": "write"}),
    *(
        Stop("label-correct", ANNOTATOR, f"of the form {form}", at={"queue_id": form, "slot_id": f"done-{form}"})
        for form in CORRECTED
    ),
    Stop("label-correct", ANNOTATOR, "of a closed queue", at={"queue_id": "finished", "slot_id": "done-finished"}),
    Stop("login", NOBODY, "with more than is read", _too_much, also=("400",)),
    Stop("login", NOBODY, "open for too long", _without_a_cookie, also=("403",)),
    Stop("login", NOBODY, "when something broke", _broken("500.html", 500), also=("500",)),
    Stop("login", NOBODY, "when the database is away", _broken("503.html", 503), also=("503",)),
]
