"""Whatever is sent, the answer is JSON in one shape and never a fault of ours."""

from __future__ import annotations

from json import dumps
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, TooManyFieldsSent
from django.http import Http404
from django.test import Client
from rest_framework.exceptions import Throttled

from labeling import errors
from labeling.api.errors import STATUS, handle, status_of
from labeling.models import Project, Queue, User
from labeling.services import slots
from tests import make
from tests.labeling.api.checked import CheckedClient, Speaker

DEEP = b"[" * 2000 + b"]" * 2000
BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"5",
    b"\xff\xfe\x00",
    b'{"a": NaN}',
    b'{"answers": 1e999}',
    b'{"overlap": -Infinity}',
    b'{"a": ' + b"9" * 5000 + b"}",
    DEEP,
    b"[" * 100_000,
    b'{"answers": ' + DEEP + b"}",
]
ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**40,
    "",
    "\x00",
    "\ud83d",
    "x" * 100_000,
    [],
    [[]],
    {},
    {"a": {"b": [None]}},
]


@pytest.fixture
def calls(project: Project, ann: User) -> list[tuple[str, str, dict[str, Any]]]:
    """Every call that takes JSON, with a body that is good."""
    make.imported(project, 1, candidates=2)
    queue = make.queue(project, preset="ranking")
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    lease, at = str(slot.lease), f"/api/slots/{slot.pk}/"
    return [
        ("post", "/api/tokens/", {"email": "a@example.org", "password": "secret"}),
        ("post", "/api/projects/", {"name": "New", "slug": "new", "description": "d", "guidelines": "g"}),
        ("post", "/api/projects/haiku/members/", {"email": "b@example.org", "role": "annotator"}),
        (
            "post",
            "/api/projects/haiku/queues/",
            {
                "slug": "q",
                "name": "Q",
                "form": [{"name": "a", "type": "rank", "title": "t", "help": "h", "required": True, "ties": True}],
                "overlap": 1,
                "lease_minutes": 5,
                "priority": 0,
                "state": "paused",
                "candidates_min": 2,
                "candidates_max": 4,
            },
        ),
        ("patch", f"/api/queues/{queue.pk}/", {"name": "R", "overlap": 2, "priority": 1, "state": "open"}),
        ("put", f"{at}draft/", {"lease": lease, "revision": 0, "answers": {"ranking": {"groups": [["a"]]}}}),
        ("post", f"{at}submit/", {"lease": lease, "answers": {"ranking": {"groups": [["a"]]}}, "active_seconds": 1}),
        ("post", f"{at}skip/", {"lease": lease, "reason": "other", "comment": "c"}),
        ("post", f"{at}release/", {"lease": lease}),
    ]


def test_bodies_that_are_no_json_object_are_400(
    as_: Speaker, alice: User, calls: list[tuple[str, str, dict[str, Any]]]
) -> None:
    client = as_(alice)
    for method, address, _ in calls:
        # A PATCH without a body changes nothing, and says so.
        for body in BODIES if method != "patch" else BODIES[1:]:
            answer = client.send(method.upper(), address, body, "application/json")
            assert answer.status_code == 400, (address, body[:50])
        odd = client.send(method.upper(), address, b"<a/>", "text/xml")
        assert (odd.status_code, odd.json()["code"]) == (415, "unsupported_media_type")


def test_odd_values_in_odd_places_are_never_a_fault_of_ours(
    as_: Speaker, ann: User, alice: User, calls: list[tuple[str, str, dict[str, Any]]]
) -> None:
    speakers = {"slots": as_(ann)}
    for method, address, good in calls:
        client = speakers.get(address.split("/")[2], as_(alice))
        for where in places(good):
            for value in ODD:
                answer = client.send(method.upper(), address, json(replaced(good, where, value)), "application/json")
                assert answer.status_code < 500, (address, where, value)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return ([here] if here else []) + [place for key, item in inner for place in places(item, (*here, key))]


def replaced(value: Any, where: tuple[Any, ...], by: Any) -> Any:
    """A JSON value with one place in it replaced."""
    if not where:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[where[0]] = replaced(value[where[0]], where[1:], by)
    return copy


def json(value: Any) -> bytes:
    return dumps(value).encode()


@pytest.mark.parametrize("number", [0, 10**9, 2**63 - 1, 2**63, 10**30, "9" * 5000])
def test_numbers_that_are_none_of_ours_are_404(as_: Speaker, alice: User, project: Project, number: Any) -> None:
    client = as_(alice)
    answers = [
        client.get(f"/api/queues/{number}/"),
        client.patch(f"/api/queues/{number}/", {}),
        client.post(f"/api/queues/{number}/next/"),
        client.post(f"/api/slots/{number}/submit/", {"lease": "x", "answers": {}}),
        client.get(f"/api/projects/haiku/imports/{number}/"),
        client.delete(f"/api/projects/haiku/members/{number}/"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 6


@pytest.mark.parametrize("address", ["nothing/", "projects/a%00b/", "projects", "queues/x/", "queues/-1/", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_addresses_that_are_none_are_json_too(nobody: CheckedClient, method: str, address: str) -> None:
    answer = nobody.send(method, f"/api/{address}", b"{}", "application/json")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_method_that_there_is_not_is_405_with_those_there_are(as_: Speaker, alice: User, project: Project) -> None:
    answer = as_(alice).delete("/api/projects/haiku/")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, PATCH"


def test_the_answer_is_json_whatever_the_client_would_rather_have(as_: Speaker, alice: User, project: Project) -> None:
    for accept in ("text/html", "application/x-ndjson", "nonsense"):
        answer = as_(alice).get("/api/projects/haiku/?format=xml", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


def test_every_domain_error_has_a_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DomainError)]
    assert {kind.code for kind in kinds} == set(STATUS)

    class NothingThere(errors.Conflict):
        code = "nothing_there"

    assert status_of(NothingThere("There is nothing.")) == 409
    assert handle(NothingThere("There is nothing."), {}).data["code"] == "nothing_there"  # type: ignore[union-attr]


def test_what_the_frameworks_raise_has_the_same_shape() -> None:
    raised: list[tuple[Exception, int, str]] = [
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "not_allowed"),
        (PermissionDenied("Not today."), 403, "not_allowed"),
        (TooManyFieldsSent(), 400, "malformed"),
        (Throttled(wait=30), 429, "throttled"),
    ]
    for error, status, code in raised:
        answer = handle(error, {})
        assert answer is not None
        assert (answer.status_code, answer.data["code"]) == (status, code)
        assert isinstance(answer.data["detail"], str)
        assert answer.data["detail"]
    throttled = handle(Throttled(wait=30), {})
    assert throttled is not None
    assert throttled.headers["Retry-After"] == "30"
    assert handle(ZeroDivisionError(), {}) is None


def test_no_odd_call_left_anything_behind(
    as_: Speaker, alice: User, calls: list[tuple[str, str, dict[str, Any]]]
) -> None:
    before = Queue.objects.count(), Project.objects.count()
    for method, address, good in calls[1:4]:
        for name in good:
            as_(alice).send(method.upper(), address, json({**good, name: {"odd": []}}), "application/json")
    assert (Queue.objects.count(), Project.objects.count()) == before


@pytest.mark.parametrize("kind", ["application/jsonx", "application/json-seq", "text/plain"])
def test_what_only_begins_like_json_is_not_read(client: Client, db: None, kind: str) -> None:
    answer = client.post("/api/tokens/", '{"email": "a@example.org", "password": "x"}', content_type=kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
