"""The pages on which answers are reviewed, and where annotators read what was said of theirs."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from labeling.models import Annotation, Project, Queue, Review, Role, Slot, Task, TaskState, User
from labeling.selectors import slots as slot_reads
from labeling.services import annotations, projects, queues, reviews
from tests import make


@pytest.fixture
def rita(project: Project, alice: User) -> User:
    rita = make.person("rita")
    projects.add_member(project, email=rita.email, role=Role.REVIEWER, by=alice)
    return rita


@pytest.fixture
def client(rita: User) -> Client:
    """Rita's browser."""
    return browser(rita)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def queue(project: Project) -> Queue:
    make.imported(project, 3)
    return make.queue(project)


def shown(answer: Any) -> str:
    return " ".join(unescape(answer.content.decode()).split())


def at(queue: Queue, query: str = "") -> str:
    return f"/projects/haiku/queues/{queue.pk}/review/{query}"


def listed(queue: Queue, query: str = "") -> str:
    return f"/projects/haiku/queues/{queue.pk}/reviews/{query}"


def sent(annotation: Annotation, verdict: str, **fields: Any) -> dict[str, Any]:
    return {"annotation": annotation.pk, "seen": 0, "verdict": verdict, **fields}


def test_one_after_the_other(client: Client, queue: Queue, ann: User) -> None:
    first, second = make.written(queue, ann, "The first answer."), make.written(queue, ann, "The second answer.")
    page = shown(client.get(at(queue)))
    assert "The first answer." in page
    assert "2 of 2 answers wait for a review" in page
    assert "ann@example.org" not in page
    assert "Ann" not in page.replace("Annotate", "").replace("annotator", "")
    page = shown(client.post(at(queue), sent(first, "accepted"), follow=True))
    assert "The second answer." in page
    page = shown(
        client.post(at(queue), sent(second, "rejected", **{"q.reason": "Off\r\ntopic.", "again": "1"}), follow=True)
    )
    assert "Every answer of this queue is reviewed" in page
    assert [(one.verdict, one.reason) for one in Review.objects.order_by("pk")] == [
        ("accepted", ""),
        ("rejected", "Off\ntopic."),
    ]
    task = Task.objects.get(pk=second.slot.task_id)
    assert (task.state, task.overlap) == (TaskState.OPEN, 2)


def test_without_the_tick_nobody_is_asked_again(client: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann)
    client.post(at(queue), sent(annotation, "rejected", **{"q.reason": "No."}))
    assert Task.objects.get(pk=annotation.slot.task_id).overlap == 1


def test_a_rejection_without_a_reason_keeps_the_page(client: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann, "The first answer.")
    answer = client.post(at(queue), sent(annotation, "rejected"))
    assert answer.status_code == 422
    assert "Say what is wrong" in shown(answer)
    assert "The first answer." in shown(answer)
    assert not Review.objects.exists()


def test_what_was_typed_stays_where_somebody_judged_meanwhile(
    client: Client, queue: Queue, ann: User, alice: User
) -> None:
    annotation = make.written(queue, ann)
    review, _ = reviews.judge(annotation, verdict="accepted", by=alice)
    typed = sent(annotation, "rejected", **{"q.reason": "It names the wrong river."})
    answer = client.post(at(queue), typed)
    assert answer.status_code == 409
    page = shown(answer)
    assert "Alice has accepted them meanwhile" in page
    assert "It names the wrong river.</textarea>" in page
    assert f'name="seen" value="{review.pk}"' in page
    client.post(at(queue), typed | {"seen": review.pk})
    annotation.refresh_from_db()
    assert annotation.verdict == "rejected"


def test_what_was_corrected_meanwhile(client: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann)
    slot = Slot.objects.get(pk=annotation.slot_id)
    annotations.revise(slot, {"response": {"text": "Better."}}, lease=str(slot.lease), version=1, by=ann)
    answer = client.post(at(queue), sent(annotation, "rejected", **{"q.reason": "Too short."}))
    assert answer.status_code == 409
    page = shown(answer)
    assert "Version 2 is the newest" in page
    assert "Too short.</textarea>" in page
    assert 'value="rejected"' not in page
    newest = Annotation.objects.get(slot=slot, version=2)
    assert f'?annotation={newest.pk}">Read version 2</a>' in page
    assert "Better." in shown(client.get(at(queue, f"?annotation={newest.pk}")))


def test_what_was_taken_back_meanwhile(client: Client, queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann)
    slot = Slot.objects.get(pk=annotation.slot_id)
    annotations.undo(slot, lease=str(slot.lease), by=ann)
    page = shown(client.post(at(queue), sent(annotation, "accepted")))
    assert "These answers were taken back." in page
    assert 'value="accepted"' not in page


def test_another_answer_is_offered_once_and_not_in_a_closed_queue(client: Client, queue: Queue, ann: User) -> None:
    first, second = make.written(queue, ann), make.written(queue, ann)
    assert 'name="again"' in shown(client.get(at(queue)))
    client.post(at(queue), sent(first, "rejected", **{"q.reason": "No.", "again": "1"}))
    page = shown(client.get(at(queue, f"?annotation={first.pk}")))
    assert 'name="again"' not in page
    assert "Another answer was asked for in its place." in page
    queues.change(queue, state="closed", by=make.manager(queue.project))
    page = shown(client.get(at(queue, f"?annotation={second.pk}")))
    assert 'name="again"' not in page
    assert "nobody is asked for another answer" in page


def test_later(client: Client, queue: Queue, ann: User) -> None:
    first, _ = make.written(queue, ann, "The first answer."), make.written(queue, ann, "The second answer.")
    client.get(at(queue))
    page = shown(client.post(at(queue), sent(first, "later"), follow=True))
    assert "The second answer." in page


def test_responses_stand_as_they_stood_and_without_their_models(
    client: Client, project: Project, ann: User, alice: User
) -> None:
    make.imported(project, 1, candidates=3)
    queue = make.queue(project, preset="ranking")
    annotation = make.ranked(queue, ann, [["Answer 1 to 0"], ["Answer 0 to 0", "Answer 2 to 0"]])
    page = shown(client.get(at(queue)))
    texts = [one.text for one in slot_reads.candidates(annotation.slot)]
    assert sorted(texts, key=page.index) == texts
    first = f"Response {'ABC'[texts.index('Answer 1 to 0')]}"
    assert f"<li>{first}</li>" in page
    assert "model-1" not in page


def test_what_has_a_verdict_says_whose_it_is(client: Client, queue: Queue, ann: User, alice: User) -> None:
    annotation = make.written(queue, ann)
    reviews.judge(annotation, verdict="rejected", reason="It rambles.", by=alice)
    page = shown(client.get(at(queue, f"?annotation={annotation.pk}")))
    assert "By Ann." in page
    assert "It rambles." in page
    review = Review.objects.get()
    answer = client.post(at(queue), sent(annotation, "accepted", seen=review.pk), follow=True)
    assert "Your verdict is in force now" in shown(answer)


def test_ones_own_answers(queue: Queue, alice: User) -> None:
    annotation = make.written(queue, alice)
    assert "What is left is your own" in shown(browser(alice).get(at(queue)))
    page = shown(browser(alice).get(at(queue, f"?annotation={annotation.pk}")))
    assert "Somebody else has to review them" in page
    assert 'value="accepted"' not in page
    assert browser(alice).post(at(queue), sent(annotation, "accepted")).status_code == 409


def test_how_everybody_fared(client: Client, queue: Queue, ann: User, alice: User) -> None:
    assert "Nothing is reviewed yet" in shown(client.get(listed(queue)))
    good, bad = make.written(queue, ann), make.written(queue, alice)
    reviews.judge(good, verdict="accepted", by=alice)
    reviews.judge(bad, verdict="rejected", reason="It rambles.", by=ann)
    page = shown(client.get(listed(queue)))
    assert "0 accepted, 1 rejected" in page
    assert "It rambles." in page
    assert f"?annotation={bad.pk}" in page
    assert f"?annotation={good.pk}" not in page
    page = shown(client.get(listed(queue, "?verdict=accepted")))
    assert f"?annotation={good.pk}" in page
    page = shown(client.get(listed(queue, f"?verdict=accepted&annotator={alice.pk}")))
    assert f"?annotation={good.pk}" not in page
    assert "None is accepted." in page
    assert client.get(listed(queue, "?verdict=x&annotator=y&after=z")).status_code == 200


def test_annotators_read_what_was_said_of_their_answers(queue: Queue, ann: User, alice: User) -> None:
    annotation = make.written(queue, ann)
    reviews.judge(annotation, verdict="rejected", reason="It <b>rambles</b>.", by=alice)
    page = browser(ann).get(f"/label/{queue.pk}/done/").content.decode()
    assert "Rejected" in page
    assert "It &lt;b&gt;rambles&lt;/b&gt;." in page
    assert "alice" not in page.lower()
    for state in ("open", "closed"):
        queues.change(queue, state=state, by=alice)
        page = browser(ann).get(f"/label/{queue.pk}/done/{annotation.slot_id}/").content.decode()
        assert "It &lt;b&gt;rambles&lt;/b&gt;." in page
        assert "alice" not in page.lower()


def test_managers_see_the_verdict_with_the_prompt(queue: Queue, ann: User, alice: User) -> None:
    annotation = make.written(queue, ann)
    reviews.judge(annotation, verdict="accepted", by=alice)
    page = shown(browser(alice).get(f"/projects/haiku/prompts/{annotation.slot.task.prompt_id}/"))
    assert f"?annotation={annotation.pk}" in page


def test_who_may(queue: Queue, ann: User, alice: User, charlie: User) -> None:
    annotation = make.written(queue, ann)
    for address in (at(queue), listed(queue), at(queue, f"?annotation={annotation.pk}")):
        assert browser(ann).get(address).status_code == 403
        assert browser(charlie).get(address).status_code == 404
        assert browser(alice).get(address).status_code == 200
    assert browser(ann).post(at(queue), sent(annotation, "accepted")).status_code == 403


@pytest.mark.parametrize("number", ["x", "", "0", str(2**70)])
def test_wrong_numbers(client: Client, queue: Queue, number: str) -> None:
    assert client.get(at(queue, f"?annotation={number}")).status_code == 404
    assert client.post(at(queue), {"annotation": number, "verdict": "accepted"}).status_code == 404


def test_answers_of_another_queue(client: Client, queue: Queue, ann: User) -> None:
    other = make.written(make.queue(queue.project), ann)
    assert client.get(at(queue, f"?annotation={other.pk}")).status_code == 404


def test_logged_out_meanwhile_the_reason_is_given_back(queue: Queue, ann: User) -> None:
    annotation = make.written(queue, ann)
    answer = Client().post(at(queue), sent(annotation, "rejected", **{"q.reason": "It rambles."}))
    assert answer.status_code == 401
    assert "It rambles." in shown(answer)
