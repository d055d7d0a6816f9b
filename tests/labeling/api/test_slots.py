from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from labeling.models import Annotation, Draft, Project, Queue, Slot, User
from labeling.questions.base import MAX_TEXT
from labeling.services.drafts import MAX_BYTES
from tests import make
from tests.labeling.api.checked import Speaker


@pytest.fixture
def queue(project: Project) -> Queue:
    """Two prompts with three candidates each, to be ranked once."""
    make.imported(project, 2, candidates=3, metadata={"secret": "model-2 is best"})
    return make.queue(project, preset="ranking")


@pytest.fixture
def slot(as_: Speaker, ann: User, queue: Queue) -> dict[str, Any]:
    """What Ann is given."""
    given: dict[str, Any] = as_(ann).post(f"/api/queues/{queue.pk}/next/").json()
    return given


def ranking(slot: dict[str, Any]) -> dict[str, Any]:
    return {"ranking": {"groups": [[candidate["key"]] for candidate in slot["candidates"]]}}


def test_it_works(as_: Speaker, ann: User, queue: Queue) -> None:
    client = as_(ann)
    slot = client.post(f"/api/queues/{queue.pk}/next/").json()
    draft = {"lease": slot["lease"], "revision": 0, "answers": {"ranking": {"groups": [["a"]]}}}
    saved = client.put(f"/api/slots/{slot['slot']}/draft/", draft)
    assert (saved.status_code, saved.json()["revision"]) == (200, 1)
    assert saved.json()["expires_at"] > slot["expires_at"]
    sent = {"lease": slot["lease"], "answers": ranking(slot), "active_seconds": 12.5}
    submitted = client.post(f"/api/slots/{slot['slot']}/submit/", sent)
    assert submitted.status_code == 201
    stored = Annotation.objects.get(pk=submitted.json()["annotation"])
    assert (stored.annotator, stored.active_seconds) == (ann, 12.5)
    assert client.post(f"/api/queues/{queue.pk}/next/").json()["task"] != slot["task"]


def test_asking_again_gives_the_slot_that_is_held_with_its_draft(
    as_: Speaker, ann: User, queue: Queue, slot: dict[str, Any]
) -> None:
    answers = {"ranking": {"groups": [["b"], ["a"]]}}
    draft = {"lease": slot["lease"], "revision": 0, "answers": answers}
    as_(ann).put(f"/api/slots/{slot['slot']}/draft/", draft)
    again = as_(ann).post(f"/api/queues/{queue.pk}/next/").json()
    assert (again["slot"], again["lease"]) == (slot["slot"], slot["lease"])
    assert again["draft"] == {"revision": 1, "answers": answers}


def test_a_slot_tells_nothing_of_models_or_metadata(slot: dict[str, Any]) -> None:
    assert "model-" not in str(slot)
    assert set(slot["candidates"][0]) == {"key", "text"}
    assert set(slot["prompt"]) == {"messages", "context", "tools", "language"}


def test_a_slot_tells_what_a_model_may_call(as_: Speaker, ann: User) -> None:
    project = make.project(annotators=[ann])
    tools = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
    make.imported(project, 1, tools=tools)
    slot = as_(ann).post(f"/api/queues/{make.queue(project).pk}/next/").json()
    assert slot["prompt"]["tools"] == tools


def test_there_is_nothing_when_everything_is_done(as_: Speaker, ann: User, project: Project, queue: Queue) -> None:
    client = as_(ann)
    for _ in range(2):
        slot = client.post(f"/api/queues/{queue.pk}/next/").json()
        client.post(f"/api/slots/{slot['slot']}/submit/", {"lease": slot["lease"], "answers": ranking(slot)})
    answer = client.post(f"/api/queues/{queue.pk}/next/")
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_same_submit_again_is_the_same_annotation(as_: Speaker, ann: User, slot: dict[str, Any]) -> None:
    sent = {"lease": slot["lease"], "answers": ranking(slot)}
    first = as_(ann).post(f"/api/slots/{slot['slot']}/submit/", sent)
    again = as_(ann).post(f"/api/slots/{slot['slot']}/submit/", sent)
    assert [first.status_code, again.status_code] == [201, 200]
    assert first.json() == again.json()
    assert Annotation.objects.count() == 1


def test_answers_that_do_not_fit_are_422_with_a_message_for_each_question(
    as_: Speaker, ann: User, slot: dict[str, Any]
) -> None:
    sent = {"lease": slot["lease"], "answers": {"ranking": {"groups": [["a"]]}, "mood": 5}}
    answer = as_(ann).post(f"/api/slots/{slot['slot']}/submit/", sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_answers")
    assert sorted(fault["path"] for fault in answer.json()["errors"]) == ["mood", "ranking"]
    assert Slot.objects.get(pk=slot["slot"]).state == "leased"


def test_another_tab_gets_the_newer_draft_with_the_409(as_: Speaker, ann: User, slot: dict[str, Any]) -> None:
    client, address = as_(ann), f"/api/slots/{slot['slot']}/draft/"
    newer = {"ranking": {"groups": [["c"]]}}
    client.put(address, {"lease": slot["lease"], "revision": 0, "answers": {}})
    client.put(address, {"lease": slot["lease"], "revision": 1, "answers": newer})
    stale = client.put(address, {"lease": slot["lease"], "revision": 0, "answers": {"ranking": {"groups": []}}})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_draft")
    assert (stale.json()["draft"]["revision"], stale.json()["draft"]["answers"]) == (2, newer)


def test_a_submit_that_says_its_revision_gets_the_newer_draft_with_the_409(
    as_: Speaker, ann: User, slot: dict[str, Any]
) -> None:
    client, address = as_(ann), f"/api/slots/{slot['slot']}"
    newer = {"ranking": {"groups": [["c"]]}}
    client.put(f"{address}/draft/", {"lease": slot["lease"], "revision": 0, "answers": newer})
    sent = {"lease": slot["lease"], "answers": ranking(slot), "revision": 0}
    stale = client.post(f"{address}/submit/", sent)
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_draft")
    assert (stale.json()["draft"]["revision"], stale.json()["draft"]["answers"]) == (1, newer)
    for wrong in (-1, 2**40 * -1):
        assert client.post(f"{address}/submit/", {**sent, "revision": wrong}).status_code == 400
    assert client.post(f"{address}/submit/", {**sent, "revision": 1}).status_code == 201


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("submit", {"answers": {}}),
        ("skip", {"reason": "unclear"}),
        ("release", {}),
        ("draft", {"revision": 0, "answers": {}}),
    ],
)
def test_another_lease_is_409_and_changes_nothing(
    as_: Speaker, ann: User, alice: User, slot: dict[str, Any], call: str, more: dict[str, Any]
) -> None:
    address = f"/api/slots/{slot['slot']}/{call}/"
    for user, lease in ((ann, str(uuid.uuid4())), (alice, slot["lease"])):
        client = as_(user)
        send = client.put if call == "draft" else client.post
        answer = send(address, {"lease": lease, **more})
        assert (answer.status_code, answer.json()["code"]) == (409, "lease_lost")
    assert Slot.objects.get(pk=slot["slot"]).annotator == ann
    assert not Draft.objects.exists()


@pytest.mark.parametrize("call", ["submit", "skip", "release", "draft"])
def test_charlie_cannot_tell_a_slot_from_a_wrong_number(
    as_: Speaker, charlie: User, slot: dict[str, Any], call: str
) -> None:
    client = as_(charlie)
    sent = {"lease": slot["lease"], "answers": {}, "revision": 0, "reason": "unclear"}
    send = client.put if call == "draft" else client.post
    there, wrong = (send(f"/api/slots/{number}/{call}/", sent) for number in (slot["slot"], 10**9))
    assert (there.status_code, there.json()) == (404, wrong.json())


def test_a_skip_has_a_reason_and_the_task_goes_to_somebody_else(
    as_: Speaker, ann: User, alice: User, queue: Queue, slot: dict[str, Any]
) -> None:
    client, address = as_(ann), f"/api/slots/{slot['slot']}/skip/"
    wrong = client.post(address, {"lease": slot["lease"], "reason": "boring"})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "reason")
    sent = {"lease": slot["lease"], "reason": "expertise", "comment": "Too hard."}
    assert [client.post(address, sent).json() for _ in range(2)] == [{"slot": slot["slot"], "state": "skipped"}] * 2
    assert client.post(f"/api/queues/{queue.pk}/next/").json()["task"] != slot["task"]
    assert as_(alice).post(f"/api/queues/{queue.pk}/next/").json()["task"] == slot["task"]


def test_a_slot_that_is_given_back_is_open_and_keeps_its_draft(
    as_: Speaker, ann: User, queue: Queue, slot: dict[str, Any]
) -> None:
    client = as_(ann)
    draft = {"lease": slot["lease"], "revision": 0, "answers": {"ranking": {"groups": [["a"]]}}}
    client.put(f"/api/slots/{slot['slot']}/draft/", draft)
    released = client.post(f"/api/slots/{slot['slot']}/release/", {"lease": slot["lease"]})
    assert released.json() == {"slot": slot["slot"], "state": "open"}
    again = client.post(f"/api/queues/{queue.pk}/next/").json()
    assert (again["slot"], again["draft"]["revision"]) == (slot["slot"], 1)
    assert again["lease"] != slot["lease"]


def test_a_lease_that_ran_out_and_went_to_somebody_else_is_lost(
    as_: Speaker, ann: User, alice: User, queue: Queue, slot: dict[str, Any]
) -> None:
    Slot.objects.filter(pk=slot["slot"]).update(lease_expires_at="2020-01-01T00:00Z")
    assert as_(alice).post(f"/api/queues/{queue.pk}/next/").json()["slot"] == slot["slot"]
    late = as_(ann).post(f"/api/slots/{slot['slot']}/submit/", {"lease": slot["lease"], "answers": ranking(slot)})
    assert (late.status_code, late.json()["code"]) == (409, "lease_lost")
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("seconds", [-1, "long", [], 10**400])
def test_a_time_that_is_none_is_400(as_: Speaker, ann: User, slot: dict[str, Any], seconds: Any) -> None:
    sent = {"lease": slot["lease"], "answers": ranking(slot), "active_seconds": seconds}
    answer = as_(ann).post(f"/api/slots/{slot['slot']}/submit/", sent)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "active_seconds")


def as_draft(slot: dict[str, Any], answers: dict[str, Any], revision: int = 0) -> dict[str, Any]:
    return {"lease": slot["lease"], "revision": revision, "answers": answers}


def test_a_draft_may_have_4_mb_and_one_that_is_larger_leaves_the_one_before(
    as_: Speaker, ann: User, slot: dict[str, Any]
) -> None:
    client, address = as_(ann), f"/api/slots/{slot['slot']}/draft/"
    room = MAX_BYTES - len('{"ranking": ""}')
    assert client.put(address, as_draft(slot, {"ranking": "x" * room})).status_code == 200
    for answers in ({"ranking": "x" * (room + 1)}, {"ranking": "é" * (room // 2 + 1)}):
        refused = client.put(address, as_draft(slot, answers, 1))
        assert refused.status_code == 400
        assert refused.json()["errors"] == [{"path": "answers", "message": "At most 4 MB can be kept."}]
    assert Draft.objects.get().answers == {"ranking": "x" * room}


def test_a_draft_keeps_no_character_that_could_not_come_back(as_: Speaker, ann: User, slot: dict[str, Any]) -> None:
    address = f"/api/slots/{slot['slot']}/draft/"
    unfit: list[dict[str, Any]] = [
        {"ranking": "a\x00b"},
        {"ranking": ["\ud83d"]},
        {"\ud83d": 1},
        {"ranking": {"\x00": {}}},
    ]
    for answers in unfit:
        refused = as_(ann).send("PUT", address, json.dumps(as_draft(slot, answers)).encode())
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["message"].startswith("A text holds ")
    assert not Draft.objects.exists()


def test_a_text_that_is_too_long_is_422_and_says_how_long_it_may_be(as_: Speaker, ann: User, project: Project) -> None:
    make.imported(project, 1, start=10)
    writing = make.queue(project)
    client = as_(ann)
    slot = client.post(f"/api/queues/{writing.pk}/next/").json()
    address = f"/api/slots/{slot['slot']}/submit/"
    refused = client.post(address, {"lease": slot["lease"], "answers": {"response": {"text": "x" * (MAX_TEXT + 1)}}})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"path": "response", "message": "The response has 200,001 characters; at most 200,000 fit here."}
    ]
    taken = client.post(address, {"lease": slot["lease"], "answers": {"response": {"text": "x" * MAX_TEXT}}})
    assert taken.status_code == 201
