"""Building forms on pages: the builder, its preview, and the form of a queue as it is read."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client

from labeling.models import Annotation, Draft, Event, Project, Queue, Role, Slot, User
from labeling.questions import PRESETS, QUESTION_TYPES
from labeling.services import projects, queues, slots
from tests import make

PREVIEW = "/projects/haiku/forms/preview/"
COMPARE: list[dict[str, Any]] = [
    {"name": "better", "type": "compare", "title": "Which is better?", "both_bad": True},
    {"name": "why", "type": "comment", "title": "Why?", "show_if": {"question": "better", "is": ["both_bad"]}},
]


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    return browser(alice)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def preview(
    client: Client, form: Any, query: str = "", *, answers: dict[str, str] | None = None, status: int = 200
) -> Any:
    """The preview of a form; with `answers`, what it says of them."""
    text = form if isinstance(form, str) else json.dumps(form)
    given = {} if answers is None else {"answering": "1", **answers}
    answer = client.post(f"{PREVIEW}{query}", {"form": text, **given})
    assert answer.status_code == status
    return answer


def shown(answer: Any) -> str:
    return unescape(answer.content.decode())


def policy(answer: Any) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize("name", [*PRESETS, *QUESTION_TYPES])
def test_every_preset_and_type_has_a_preview(client: Client, project: Project, name: str) -> None:
    form = PRESETS[name].questions if name in PRESETS else [{"name": "a", "type": name}]
    page = shown(preview(client, form))
    assert "nothing is saved" in page
    assert "Try to submit" in page
    for question in form:
        assert question.get("title", QUESTION_TYPES[question["type"]].title) in page
    assert '"errors": []' in page


def test_a_preset_can_be_previewed_by_its_name(client: Client, project: Project) -> None:
    sent = {"preset": "helpsteer2", "form": "not looked at"}
    assert "Coherence" in shown(client.post(PREVIEW, sent))
    own = {"preset": "own", "form": json.dumps(COMPARE)}
    assert "Which is better?" in shown(client.post(PREVIEW, own))


def test_the_preview_stands_on_the_first_prompt_that_fits(client: Client, project: Project) -> None:
    make.imported(project, 1, candidates=1)
    (_, fitting) = make.imported(project, 1, start=1, candidates=3)
    page = shown(preview(client, COMPARE))
    assert "Question 1?" in page
    assert "Answer 1 to 1" in page
    assert "Answer 2 to 1" not in page  # it compares two
    assert "model-0" not in page
    assert "Question 1?" in shown(preview(client, COMPARE, f"?prompt={fitting.pk}"))
    assert "Question 0?" in shown(preview(client, [{"name": "a", "type": "write"}]))


def test_another_prompt_or_the_made_up_one_can_be_chosen(client: Client, project: Project) -> None:
    first, second = make.imported(project, 2, candidates=2)
    assert "Question 1?" in shown(preview(client, COMPARE, f"?prompt={second.pk}"))
    made_up = shown(preview(client, COMPARE, "?prompt=sample"))
    assert "take the mean" in made_up
    assert "Question 0?" not in made_up
    (short,) = make.imported(make.project(slug="elsewhere"), 1, candidates=2)
    for wanted in (str(short.pk), "0", "9" * 30, "x", "²"):
        assert "There is no such prompt" in shown(preview(client, COMPARE, f"?prompt={wanted}"))
    three = [{"name": "a", "type": "rank"}]
    make.imported(project, 1, start=2, candidates=1)
    few = project.prompts.latest("pk")
    assert "fewer than 2 responses" in shown(preview(client, three, f"?prompt={few.pk}"))
    assert first.pk < second.pk


def test_the_preview_takes_answers_and_keeps_none(client: Client, project: Project) -> None:
    make.imported(project, 1, candidates=2)
    queue = make.queue(project, form=COMPARE)
    before = Event.objects.count()
    missing = shown(preview(client, COMPARE, answers={}, status=422))
    assert "This question needs an answer." in missing
    assert "would be stored" not in missing
    taken = shown(preview(client, COMPARE, answers={"q.better": "a:1"}))
    assert '"preferred": "a"' in taken
    assert "They would be stored as" in taken
    # Both are bad: now the comment is asked for, and a comment that is not asked for is not stored.
    both = {"q.better": "a:1", "q.better.both_bad": "on"}
    assert "This question needs an answer." in shown(preview(client, COMPARE, answers=both, status=422))
    whole = shown(preview(client, COMPARE, answers={**both, "q.why": "Both invent a river."}))
    assert '"text": "Both invent a river."' in whole
    unasked = shown(preview(client, COMPARE, answers={"q.better": "a:1", "q.why": "Kept to myself."}))
    assert unasked.count("Kept to myself.") == 1  # in its field
    assert Event.objects.count() == before
    assert not Annotation.objects.exists()
    assert not Draft.objects.exists()
    assert Slot.objects.get(queue=queue).state == "open"


@pytest.mark.parametrize(
    ("form", "said", "path"),
    [
        ("", "This field is required", "form"),
        ("   ", "Give at least one question", "form"),
        ("[{]", "This is not JSON", "form"),
        ("[" * 100_000, "nested too deep", "form"),
        ("[NaN]", "NaN is not JSON", "form"),
        ('[{"name": "a", "name": "b", "type": "rank"}]', "stands twice", "form"),
        ('[{"name": "a", "type": "\\ud800"}]', "half of a character", "form"),
        ("{}", "Give at least one question", "form"),
        ("[]", "Give at least one question", "form"),
        ("7", "Give at least one question", "form"),
        ("[7, null]", "A question is an object", "form[1]"),
        ([{"name": "a", "type": ["rank"]}], "There is no question type", "form[0].type"),
        ([{"name": "A", "type": "rank"}], "Give it a name", "form[0].name"),
        ([{"name": "a", "type": "rank", "title": "\x00"}], "NUL", "form[0].title"),
        ([{"name": "a", "type": "rank", "title": "Order", "tie": 1}], "Question 1, “Order”", "form[0].tie"),
        ([{"name": "a", "type": "choose", "options": ["x", "X"]}], "stands there twice", "form[0].options[1]"),
        ([{"name": "a", "type": "choose", "per": {}}], "must be one of", "form[0].per"),
        ([{"name": "a", "type": "rate", "min": 10**400}], "whole number", "form[0].min"),
        (
            [{"name": "a", "type": "comment", "show_if": {"question": [], "is": 3}}],
            "before this one",
            "show_if.question",
        ),
        ([{"name": f"q{n}", "type": "comment"} for n in range(60)], "At most 50 questions", "form"),
        (
            [{"name": "a", "type": "compare"}, {"name": "b", "type": "edit", "min_chars": "1"}],
            "whole number",
            "form[1]",
        ),
    ],
)
def test_a_mistaken_form_is_told_what_is_wrong_and_where(
    client: Client, project: Project, form: Any, said: str, path: str
) -> None:
    page = shown(preview(client, form))
    assert "The form cannot be shown yet" in page
    assert said in page
    assert path in page


def test_the_preview_says_what_answers_can_come_to(client: Client, project: Project) -> None:
    mistaken = [COMPARE[0], {"name": "", "type": "choose", "options": ["Safe", "Unsafe"]}, {"type": "guess"}, 5]
    page = preview(client, mistaken).content.decode()
    check = json.loads(page.partition('<script id="form-check" type="application/json">')[2].partition("</script>")[0])
    assert [value for value, _ in check["outcomes"][0]] == ["answered", "preferred", "1", "tie", "both_bad"]
    assert check["outcomes"][1] == [["Safe", "Safe"], ["Unsafe", "Unsafe"]]
    assert check["outcomes"][2:] == [None, None]
    assert [fault["path"] for fault in check["errors"]] == ["form[1].name", "form[2].type", "form[3]"]


def test_what_hangs_on_a_mistaken_question_is_not_complained_of(client: Client, project: Project) -> None:
    mistaken = [{**COMPARE[0], "strengths": []}, COMPARE[1]]
    page = shown(preview(client, mistaken))
    assert "form[0].strengths" in page
    assert "show_if" not in page.partition("form-check")[0]
    gone = [{**COMPARE[0], "strengths": []}, {**COMPARE[1], "show_if": {"question": "gone", "is": ["tie"]}}]
    assert "form[1].show_if.question" in shown(preview(client, gone))


def test_only_the_preview_may_be_framed_and_only_a_builder_may_frame(client: Client, project: Project) -> None:
    queue = make.queue(project)
    framed = [preview(client, COMPARE), preview(client, "[]")]
    for answer in framed:
        assert policy(answer)["frame-ancestors"] == "'self'"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "frame-src" not in policy(answer)
    builders = [client.get(f"/projects/haiku/queues/{queue.pk}/form/"), client.get("/projects/haiku/queues/new/")]
    for answer in builders:
        assert policy(answer)["frame-src"] == "'self'"
        assert policy(answer)["frame-ancestors"] == "'none'"
        assert answer.headers["X-Frame-Options"] == "DENY"
    other = client.get(f"/projects/haiku/queues/{queue.pk}/")
    assert "frame-src" not in policy(other)
    assert policy(other)["frame-ancestors"] == "'none'"


def test_a_manager_changes_what_a_queue_asks(client: Client, project: Project) -> None:
    queue = make.queue(project, preset="ranking")
    where = f"/projects/haiku/queues/{queue.pk}/form/"
    assert '"name": "ranking"' in shown(client.get(where))
    saved = client.post(where, {"form": json.dumps(COMPARE)}, follow=True)
    assert "Version 2 is asked in every task that is taken from now on." in shown(saved)
    queue.refresh_from_db()
    assert queue.form is not None
    assert (queue.form.number, queue.form.questions[1]["name"]) == (2, "why")
    assert '"name": "ranking"' in shown(client.get(f"{where}?version=1"))
    for wrong in ("9", "x", "²", ""):
        assert '"name": "better"' in shown(client.get(f"{where}?version={wrong}"))
    again = client.post(where, {"form": json.dumps(queue.form.questions)}, follow=True)
    assert "nothing was changed" in shown(again)
    assert queue.form_versions.count() == 2


def test_a_form_that_is_refused_says_why_and_keeps_what_was_made(client: Client, project: Project) -> None:
    make.imported(project, 2, candidates=3)
    queue = make.queue(project, preset="ranking")
    where = f"/projects/haiku/queues/{queue.pk}/form/"
    unfit = client.post(where, {"form": json.dumps(COMPARE)})
    assert unfit.status_code == 422
    assert "2 tasks that are to be answered show 3 responses" in shown(unfit)
    assert "Make a new queue" in shown(unfit)
    assert "Which is better?" in shown(unfit)
    wrong = client.post(where, {"form": '[{"name": "best", "type": "guess"}]'})
    assert "form[0].type: There is no question type" in shown(wrong)
    assert client.post(where, {}).status_code == 422
    queue.refresh_from_db()
    assert queue.form is not None
    assert queue.form.number == 1


def test_the_page_of_a_queue_reads_as_its_form_does(client: Client, ann: User, project: Project) -> None:
    make.imported(project, 2, candidates=2)
    queue = make.queue(project, preset="ranking")
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    make.answered(slot, ann, {"ranking": {"groups": [["a"], ["b"]]}})
    queue = queues.change(queue, form=COMPARE, by=make.manager(project))
    page = " ".join(shown(client.get(f"/projects/haiku/queues/{queue.pk}/")).split())
    assert "only where “Which is better?” comes to “both are bad”" in page
    assert "<dt>Both may be bad:</dt> <dd>yes</dd>" in page
    assert "<dt>At most so many characters:</dt> <dd>no limit</dd>" in page
    assert "Version 2, in force since" in page
    assert "Nobody has answered it yet." in page
    assert "1 answer</summary>" in page
    assert f"/projects/haiku/queues/{queue.pk}/form/?version=1" in page


def test_reviewers_read_and_managers_edit(project: Project, ann: User, charlie: User) -> None:
    rita = make.person("rita")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=make.manager(project))
    queue = make.queue(project, form=COMPARE)
    page = shown(browser(rita).get(f"/projects/haiku/queues/{queue.pk}/"))
    assert "Which is better?" in page
    assert "Change the questions" not in page
    where = f"/projects/haiku/queues/{queue.pk}/form/"
    for user, status in ((rita, 403), (ann, 403), (charlie, 404)):
        client = browser(user)
        assert client.get(where).status_code == status
        assert client.post(where, {"form": json.dumps(COMPARE)}).status_code == status
        assert client.post(PREVIEW, {"form": json.dumps(COMPARE)}).status_code == status
    assert Client().post(PREVIEW, {"form": "[]"}).status_code == 401
    assert browser(make.manager(project)).get(PREVIEW).status_code == 405


def test_the_form_of_a_queue_is_at_its_own_projects_address_only(client: Client, alice: User, project: Project) -> None:
    other = make.project(alice, slug="other")
    queue = make.queue(other)
    assert client.get(f"/projects/haiku/queues/{queue.pk}/form/").status_code == 404
    assert Queue.objects.count() == 1
