"""Every page of the site, each with content as it would have in earnest and the person it is for.

A new page needs one line in STOPS. What stands in its address (`<int:prompt_id>`) is looked up in `World.places`.
The labelling page in its states is in states.py. `THOROUGH=1` takes tests to all of it in every appearance, where they
otherwise see each page at least once.
"""

import io
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.urls import URLPattern, URLResolver, reverse
from playwright.sync_api import Browser, Page

from annotate.urls import urlpatterns
from labeling.importing import Rejected
from labeling.importing.base import parse
from labeling.models import Membership, Project, PromptImport, Queue, Role, User
from labeling.outgoing import Answer
from labeling.questions import PRESETS, QUESTION_TYPES
from labeling.selectors import slots as slot_reads
from labeling.services import (
    annotations,
    batch_priorities,
    deliveries,
    drafts,
    duplicates,
    imports,
    people,
    projects,
    queues,
    reviews,
    skips,
    slots,
    tasks,
    webhooks,
)
from tests import make
from tests.browser.conftest import Visitor, let_in, person
from tests.browser.content import GUIDELINES, reading_room
from tests.browser.releases import released
from tests.browser.workday import CORRECTED
from workers.models import Finding
from workers.services import generations, generators, planning, supply
from workers.services.generations import Worker

THOROUGH = os.environ.get("THOROUGH") == "1"
MANAGER, REVIEWER, ANNOTATOR, NOBODY = "mira", "rita", "ann", ""

# Fonts are there, and so is the math.
DRAWN = """() => document.fonts.status === "loaded" &&
  !document.querySelector(":is(.math-inline, .math-block):not([data-tex], .math-wrong)")"""


def _press(name: str, then: str) -> Callable[[Page], None]:
    """Presses a button, after which a text stands there."""

    def press(page: Page) -> None:
        page.get_by_role("button", name=name).first.click()
        page.get_by_text(then).wait_for()

    return press


def _key(key: str) -> Callable[[Page], None]:
    def press(page: Page) -> None:
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()

    return press


def _menu(page: Page) -> None:
    page.locator(".menu > summary").click()


def _open_all(page: Page) -> None:
    closed = page.locator("details.more:not([open]) > summary:visible")
    for _ in range(closed.count() * 2):  # one may hold others
        if closed.count():
            closed.first.click()


def _wrong_password(page: Page) -> None:
    page.get_by_label("E-mail").fill("nobody@example.org")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()


def _new_secret(page: Page) -> None:
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_role("heading", name="The secret is changed").wait_for()


def _lose_the_session(page: Page) -> None:
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Save the name").click()
    page.get_by_role("heading", name="You are logged out").wait_for()


def _save_nothing(page: Page) -> None:
    page.evaluate("() => { for (const form of document.forms) form.noValidate = true; }")
    page.locator("main form .btn--primary").first.click()
    page.locator("[aria-invalid=true], .errorlist, .message--error").first.wait_for()


def _save_without_a_name(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("")
    page.get_by_label("Licence").select_option("other")
    _save_nothing(page)


def _wrong_hours(page: Page) -> None:
    page.locator("summary", has_text="When").click()
    page.get_by_label("From").first.fill("17:00")
    page.get_by_label("to", exact=True).first.fill("09:00")
    page.get_by_role("button", name="Save the settings").click()
    page.locator(".errorlist").first.wait_for()


def _reject_without_a_reason(page: Page) -> None:
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("alert").wait_for()


def _look(page: Page) -> None:
    page.get_by_role("button", name="Show what it would hold").click()
    page.get_by_role("heading", name="What it would hold now").wait_for()
    _open_all(page)


# Where releases are.
RELEASED = {"slug": "released"}


@dataclass(frozen=True)
class Stop:
    """One page: the name of its address (or the address itself), who opens it, and what they do there before it is
    looked at. `at` names other places of the world than the usual ones, `also` what the browser may complain of."""

    name: str
    who: str
    note: str = ""
    then: Callable[[Page], None] | None = None
    query: str = ""
    at: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, [self.name, self.query, self.note, f"as {self.who or 'nobody'}"]))


STOPS = [
    Stop("login", NOBODY),
    Stop("login", NOBODY, "with a wrong password", _wrong_password),
    Stop("welcome", NOBODY),
    Stop("welcome", NOBODY, "with an old link", at={"token": "old_token"}),
    Stop("home", ANNOTATOR),
    Stop("home", MANAGER, "with the menu", _menu),
    Stop("home", "newcomer", "without a project"),
    Stop("profile", ANNOTATOR, "with a new token", _press("Make a token", "Copy the new key now")),
    Stop("profile", ANNOTATOR, "logged out meanwhile", _lose_the_session, also=("401",)),
    Stop("project-create", MANAGER),
    Stop("project-create", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("project", MANAGER),
    Stop("project", MANAGER, "when it is new", at={"slug": "new_slug"}),
    Stop("project", REVIEWER),
    Stop("project-settings", MANAGER),
    Stop("project-settings", MANAGER, "with mistakes", _save_without_a_name, also=("422",)),
    Stop("guidelines", MANAGER),
    Stop("guidelines", MANAGER, query="?edit=1"),
    Stop("guidelines", ANNOTATOR),
    Stop("members", MANAGER),
    Stop("members", MANAGER, "with an invitation", _press("Invitation link", "A link for")),
    Stop("member", MANAGER),
    Stop("prompts", MANAGER),
    Stop("prompts", MANAGER, "when there are none", at={"slug": "new_slug"}),
    Stop("prompt", MANAGER),
    Stop("imports", MANAGER),
    Stop("imports", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("import", MANAGER),
    Stop("import", MANAGER, "while it waits", at={"slug": "new_slug", "import_id": "waiting_import"}),
    Stop("batches", MANAGER),
    Stop("batches", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("batches", MANAGER, "when there are none", at={"slug": "new_slug"}),
    Stop("duplicates", MANAGER),
    Stop("duplicates", MANAGER, "when nobody has looked", at={"slug": "new_slug"}),
    Stop("queues", MANAGER),
    Stop("queues", REVIEWER),
    Stop("queue-create", MANAGER, "with everything open", _open_all),
    Stop("queue-create", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("queue", MANAGER, "with everything open", _open_all),
    Stop("queue", REVIEWER),
    Stop("queue-settings", MANAGER, "with everything open", _open_all),
    Stop("queue-settings", MANAGER, "of a queue with everything set", _open_all, at={"queue_id": "shared"}),
    Stop("queue-settings", MANAGER, "with mistakes", _wrong_hours, also=("422",)),
    Stop("queue-live", MANAGER, "with everything open", _open_all),
    Stop("queue-live", MANAGER, "with a task that waits", query="?task={task_id}", at={"queue_id": "shared"}),
    Stop("queue-live", REVIEWER),
    Stop("queue-skips", MANAGER),
    Stop("queue-skips", MANAGER, "for one reason", query="?reason=other"),
    Stop("queue-skips", MANAGER, "when there are none", at={"queue_id": "shared"}),
    Stop("queue-review", REVIEWER),
    Stop("queue-review", REVIEWER, "with mistakes", _reject_without_a_reason, also=("422",)),
    Stop("queue-review", REVIEWER, "of what has a verdict", query="?annotation={reviewed}", at={"queue_id": "write"}),
    Stop("queue-review", MANAGER, "when nothing waits", at={"queue_id": "shared"}),
    Stop("queue-reviews", REVIEWER, at={"queue_id": "write"}),
    Stop("queue-reviews", MANAGER, "when there are none", at={"queue_id": "shared"}),
    Stop("queue-form", MANAGER),
    Stop("webhooks", MANAGER),
    Stop("webhooks", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("webhooks", MANAGER, "when there are none", at={"slug": "new_slug"}),
    Stop("webhook", MANAGER, "with everything open", _open_all),
    Stop("webhook", MANAGER, "when it was switched off", at={"webhook_id": "dead_webhook"}),
    Stop("webhook", MANAGER, "with a new secret", _new_secret),
    Stop("events", MANAGER),
    Stop("generators", MANAGER),
    Stop("generators", MANAGER, "when there are none", at={"slug": "new_slug"}),
    Stop("generator-create", MANAGER),
    Stop("generator-create", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("generator-create", MANAGER, "with all that unfolds", _open_all),
    Stop("generator", MANAGER),
    Stop("generator-change", MANAGER, "with all that unfolds", _open_all),
    Stop("generator-findings", MANAGER),
    Stop("generation", MANAGER),
    Stop("generation", MANAGER, "without a generator", at={"slug": "new_slug"}),
    Stop("export", MANAGER),
    Stop("releases", MANAGER, at=RELEASED),
    Stop("releases", MANAGER, "when there are none", at={"slug": "new_slug"}),
    Stop("release-create", MANAGER, "with everything open", _open_all, at=RELEASED),
    Stop("release-create", MANAGER, "with mistakes", _save_nothing, also=("422",)),
    Stop("release-create", MANAGER, "with what it would hold", _look, query="?like={number}", at=RELEASED),
    Stop("release", MANAGER, "with everything open", _open_all, at=RELEASED),
    Stop("release", MANAGER, "while it waits", at={**RELEASED, "number": "waiting_release"}),
    Stop("release", MANAGER, "while it is built", at={**RELEASED, "number": "running_release"}),
    Stop("release", MANAGER, "that failed", at={**RELEASED, "number": "failed_release"}),
    Stop("release-compare", MANAGER, at={**RELEASED, "number": "second_release"}),
    Stop("release-compare", MANAGER, "when it cannot be", at={**RELEASED, "number": "waiting_release"}),
    Stop("label", ANNOTATOR, "with the guidelines", _key("g")),
    Stop("label", ANNOTATOR, "with the reasons to skip", _key("s")),
    Stop("label", ANNOTATOR, "with the keys", _key("?")),
    Stop("label-history", ANNOTATOR, at={"queue_id": "write"}),
    Stop("label-history", ANNOTATOR, "when nothing is done", at={"queue_id": "mqm"}),
    Stop("label-correct", ANNOTATOR, at={"queue_id": "write"}),
    Stop("label", ANNOTATOR, "when nothing is left", at={"queue_id": "finished"}),
    Stop("label", ANNOTATOR, "when it is for others", at={"queue_id": "shared"}),
    *(Stop("label", ANNOTATOR, f"of the form {form}", at={"queue_id": form}) for form in QUESTION_TYPES),
    Stop("/nothing/here/", MANAGER, also=("404",)),
    Stop("prompts", ANNOTATOR, "who may not", also=("403",)),
]

# Addresses that show no page of their own when they are opened: they take a form, give a file or a piece of a page.
NO_PAGES = {
    *("label-undo", "label-ahead", "label-ahead-leave", "guidelines-met", "form-preview"),
    *("logout", "token-create", "token-revoke", "label-submit", "label-skip", "label-leave", "label-preview"),
    *("member-invite", "member-remove", "import-rejected", "slot-release", "generator-act"),
    *("generation-mark", "regenerate"),
    *("webhook-act", "delivery-again", "release-cancel"),
    *("task-act", "import-cancel", "duplicates-cancel", "duplicates-judge"),
}


def addresses() -> dict[str, URLPattern]:
    """Every address of the site by its name, but those of the API and of Django's own administration."""
    found: dict[str, URLPattern] = {}
    for part in urlpatterns:
        if isinstance(part, URLResolver) and not str(part.pattern):
            found |= {str(one.name): one for one in part.url_patterns if isinstance(one, URLPattern)}
    return found


@dataclass
class World:
    """What the pages show, with everything that an address may name."""

    people: dict[str, User]
    places: dict[str, object]

    def address(self, stop: Stop) -> str:
        if stop.name.startswith("/"):
            return stop.name
        wanted = addresses()[stop.name].pattern.converters
        unknown = [name for name in wanted if stop.at.get(name, name) not in self.places]
        assert not unknown, f"World.places does not know {unknown} of {stop.name}"
        kwargs = {name: self.places[stop.at.get(name, name)] for name in wanted}
        return reverse(stop.name, kwargs=kwargs) + stop.query.format(**self.places)


def build() -> World:
    """A project in the midst of its work, another that has just been made, and somebody who is in none."""
    mira, rita, ann, ben, newcomer = (person(name) for name in (MANAGER, REVIEWER, ANNOTATOR, "ben", "newcomer"))
    project, rank, _ = reading_room(mira, [ann, ben])
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=mira)
    invited, _ = projects.add_member(project, email="invited@example.org", role=Role.ANNOTATOR, by=mira)
    uidb64, token = people.invitation(invited.user, by=mira)
    queues_by_form = {
        name: queues.create(project, name=f"Form {name}", slug=f"form-{name}", preset=name, overlap=2, by=mira)
        for name in (*PRESETS, *QUESTION_TYPES)
    }
    finished = queues.create(project, name="Finished", slug="finished", preset="ranking", by=mira)
    shared, handed = _shared(project, mira, ben)
    _work(rank, ben)
    _type(queues_by_form["demonstrations"], ann)
    done = slots.take_next(queues_by_form["write"], by=ann)
    assert done is not None
    reviewed = make.answered(done, ann, {"write": {"text": "As it was."}})
    reviews.judge(reviewed, verdict="rejected", reason="It names no source.\n" + "Like the last one, " * 9, by=rita)
    corrected = {f"done-{form}": _answer(queues_by_form[form], ann, CORRECTED[form]) for form in CORRECTED}
    corrected["done-finished"] = _answer(finished, ann, {"ranking": CORRECTED["instructgpt-ranking"]["ranking"]})
    queues.change(finished, state="closed", by=mira)
    projects.meet_guidelines(project, 1, by=ben)
    projects.set_guidelines(project, GUIDELINES.replace("**true**", "true") + "\nSources must be named.\n", by=mira)
    people.create_token(ann, name="a notebook", by=ann)
    broken = Rejected(2, "It is no JSON: Expecting value at column 1.")
    imports.import_lines(project, [*make.lines(1, start=50), broken], source="jsonl", filename="more.jsonl", by=mira)
    imports.import_lines(project, [parse({"prompt": "question  50?"}, 1)], source="jsonl", by=mira)
    batch_priorities.set_priority(project, "the week that comes", 5, by=mira)
    duplicates.search(project, likeness=80, by=mira)
    duplicates.work()
    generator = generators.create(
        project,
        name="Echo",
        backend="echo",
        model="echo?fail=haiku",
        candidates_per_prompt=1,
        system="Be *brief*.",
        by=mira,
    )
    planning.plan_all()
    generations.work(Worker(name="tour"), seconds=60)
    Finding.objects.create(
        generator=generator,
        generation=generator.generations.earliest("pk"),
        found_by="looping",
        reason="The response says “so it goes, ” 60 times.",
        dropped=True,
        text="so it goes, " * 60,
    )
    supply.set_water_marks(queues_by_form["ranking"], low=1, high=5, by=mira)
    supply.change_project(project, budget="10", by=mira)
    new = projects.create(name="Just made", by=mira)
    record = PromptImport.objects.get(project=project, filename="more.jsonl")
    waiting = imports.send(new, io.BytesIO(b'{"prompt": "?"}'), source="jsonl", filename="later.jsonl", by=mira)
    places = _places(project, rank, {name: queue.pk for name, queue in queues_by_form.items()})
    places |= {"reviewed": reviewed.pk, "shared": shared.pk, "task_id": handed, **corrected}
    places |= {"uidb64": uidb64, "token": token, "old_token": "c0-ffee", "new_slug": new.slug, "finished": finished.pk}
    places |= {
        "slot_id": done.pk,
        "import_id": record.pk,
        "generator_id": generator.pk,
        "candidate_id": 1,
        "membership_id": invited.pk,
    }
    webhook, dead_webhook = _webhooks(project, mira)
    places |= {"webhook_id": webhook, "dead_webhook": dead_webhook}
    places |= released(mira)
    places |= {"waiting_import": waiting.pk, "group_id": project.duplicate_groups.earliest("pk").pk}
    return World({user.name.lower(): user for user in (mira, rita, ann, ben, newcomer)}, places)


def _places(project: Project, rank: Queue, forms: Mapping[str, int]) -> dict[str, object]:
    first = project.prompts.earliest("pk")
    return {"slug": project.slug, "queue_id": rank.pk, "prompt_id": first.pk, **forms}


def _shared(project: Project, manager: User, user: User) -> tuple[Queue, int]:
    """A queue with every setting set, and the number of a task in it that waits for somebody."""
    queue = queues.create(
        project,
        name="For the named",
        slug="for-the-named",
        preset="demonstrations",
        open_to="people",
        people=[user],
        skills={"poetry": 2},
        by_language=True,
        ordering="spread",
        most_in_hand=1,
        most_per_day=40,
        opens_at="2026-01-05T08:00Z",
        closes_at="2126-01-05T08:00Z",
        hours={
            "timezone": "Europe/Berlin",
            "week": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}],
        },
        skip_rules={"broken": {"then": "retire", "after": 2}, "expertise": {"then": "another_person"}},
        price="0.25",
        currency="EUR",
        by=manager,
    )
    membership = Membership.objects.get(project=project, user=user)
    projects.change_member(membership, skills={"poetry": 3}, languages=["en", "ar"], by=manager)
    task = queue.tasks.earliest("pk")
    tasks.hand(task, to=user, by=manager)
    return queue, task.pk


def _webhooks(project: Project, manager: User) -> tuple[int, int]:
    """One that has taken a message and not another, and one that is gone."""
    answers = (
        Answer(200, "200 OK", 0.12),
        Answer(503, "503 Service Unavailable", 1.5, "<h1>Later</h1> " + "please " * 200),
        Answer(410, "410 Gone", 0.1),
    )
    keys = []
    for url, number in (("https://ci.example.org/hooks/" + "long/" * 40, 2), ("https://gone.example.org/", 1)):
        webhook, _ = webhooks.create(project, url=url, types=["release.built"], description="", by=manager)
        keys.append(webhook.pk)
        for _ in range(number):
            webhooks.test(webhook, by=manager)
    for delivery, answer in zip(deliveries.claim(uuid.uuid4(), 9, 9), answers, strict=True):
        deliveries.store(delivery, answer)
    return keys[0], keys[1]


def _work(queue: Queue, user: User) -> None:
    """Somebody answers one task, skips another and holds a third."""
    slot = slots.take_next(queue, by=user)
    assert slot is not None
    order = [[candidate.key] for candidate in slot_reads.candidates(slot)]
    annotations.submit(slot, {"ranking": {"groups": order}}, lease=str(slot.lease), by=user)
    slot = slots.take_next(queue, by=user)
    assert slot is not None
    skips.skip(slot, lease=str(slot.lease), reason="other", comment="I do not read Arabic.", by=user)
    assert slots.take_next(queue, by=user) is not None


def _answer(queue: Queue, user: User, answers: dict[str, object]) -> int:
    """Somebody answers the next task; the number of its slot."""
    slot = slots.take_next(queue, by=user)
    assert slot is not None
    make.answered(slot, user, answers)
    return slot.pk


def _type(queue: Queue, user: User) -> None:
    """Somebody has begun to write."""
    slot = slots.take_next(queue, by=user)
    assert slot is not None
    answers = {"response": {"text": "Feed it **twice** a day:\n\n1. in the morning\n2. at night"}}
    drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=user)


class Tour:
    """Walks from page to page, each person in a browser of their own."""

    def __init__(
        self, world: World, server: str, browser: Browser, visitors: list[Visitor], options: Mapping[str, object]
    ) -> None:
        self.world = world
        self.let_in: Callable[[], Visitor] = lambda: let_in(
            server, browser, visitors, reduced_motion="reduce", **options
        )
        self.visitors: dict[str, Visitor] = {}

    def go(self, stop: Stop) -> Page:
        """The stop's page, drawn to the end."""
        if stop.who not in self.visitors:
            self.visitors[stop.who] = self.let_in()
        visitor = self.visitors[stop.who]
        if stop.who:
            visitor.enter(self.world.people[stop.who])
        visitor.expected += stop.also
        visitor.page.unroute_all()
        page = visitor.open(self.world.address(stop))
        page.wait_for_function(DRAWN)
        if stop.then:
            stop.then(page)
            page.wait_for_load_state("load")
            page.wait_for_function(DRAWN)
        return page
