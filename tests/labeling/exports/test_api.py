"""The export call: who may, what comes, and how failures show."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.exports.api import exports
from labeling.exports.formats import FORMATS
from labeling.exports.models import Transfer, TransferState
from labeling.importing.base import parse
from labeling.models import Event, Project, Role, User
from labeling.services import people, projects, prompts
from tests import make, process
from tests.labeling.exports.answering import answered
from tests.labeling.exports.connections import end_exports

pytestmark = pytest.mark.django_db(transaction=True)

AT = "/api/projects/haiku/export/"
COMPARE = [{"name": "preference", "type": "compare"}]


def client(user: User) -> APIClient:
    _, key = people.create_token(user, by=user)
    return APIClient(headers={"Authorization": f"Token {key}"})


@pytest.fixture
def alice() -> User:
    return make.person("alice")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    """Three prompts: one is ranked and written, one is ranked, one is untouched."""
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 3, candidates=2)
    rank = make.queue(made, preset="ranking", slug="rank")
    make.ranked(rank, ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    make.ranked(rank, ann, [["Answer 1 to 1"], ["Answer 0 to 1"]])
    make.written(make.queue(made, slug="write"), ann, "Mine.")
    return made


def body(response: Any) -> bytes:
    assert response.status_code == 200, response.content
    assert response.streaming
    return b"".join(response.streaming_content)


def rows(response: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body(response).splitlines()]


def test_it_works(project: Project, alice: User) -> None:
    response = client(alice).get(AT, {"format": "preference"})
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["Content-Disposition"] == 'attachment; filename="haiku-preference-best_vs_worst.jsonl"'
    assert response.headers["Cache-Control"] == "no-store"
    found = rows(response)
    assert [row["chosen"][0]["content"] for row in found] == ["Answer 1 to 0", "Answer 1 to 1"]


def test_it_gives_way_before_each_prompt(project: Project, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """To those who ask for something that is made at once (labeling.courtesy). Also before each that is tried to lead:
    here the one with judged candidates.
    """
    steps: list[str] = []
    monkeypatch.setattr(exports, "GiveWay", lambda: lambda: steps.append("gave way"))
    assert len(rows(client(alice).get(AT, {"format": "raw"}))) == 3
    assert len(steps) == 2 + 1


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_served(project: Project, alice: User, ann: User, name: str) -> None:
    one, other = "Answer 0 to 0", "Answer 1 to 0"
    answered(make.queue(project, preset="kto"), ann, thumbs={one: 0, other: 1})
    answered(
        make.queue(project, preset="mqm"), ann, errors={one: [{"start": 0, "end": 6, "label": "Minor"}], other: []}
    )
    answered(make.queue(project, form=COMPARE), ann, preference={"preferred": other, "strength": 1})
    assert rows(client(alice).get(AT, {"format": name}))


@pytest.mark.parametrize("name", ["sft", "prompt-completion", "preference", "reward", "kto", "prompts"])
def test_plain_text_is_served_where_trainers_take_it(project: Project, alice: User, ann: User, name: str) -> None:
    answered(make.queue(project, preset="kto"), ann, thumbs={"Answer 0 to 0": 0, "Answer 1 to 0": 1})
    response = client(alice).get(AT, {"format": name, "style": "standard"})
    assert "-standard." in response.headers["Content-Disposition"]
    for row in rows(response):
        assert all(isinstance(value, (str, bool, float)) for column, value in row.items() if column != "metadata")


def test_a_client_may_say_what_it_accepts(project: Project, alice: User) -> None:
    for accepted in ("application/x-ndjson", "*/*", "text/html"):
        assert rows(client(alice).get(AT, {"format": "sft"}, headers={"Accept": accepted}))


def test_only_managers_may(project: Project, alice: User, ann: User) -> None:
    reviewer, outsider = make.person(), make.person()
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=alice)
    for address in (AT, f"{AT}report/"):
        for user, status in ((ann, 403), (reviewer, 403), (outsider, 404)):
            response = client(user).get(address, {"format": "sft"})
            assert response.status_code == status
            assert response.json()["code"] in {"not_allowed", "not_found"}
        assert APIClient().get(address, {"format": "sft"}).status_code == 401
    assert client(alice).get("/api/projects/other/export/", {"format": "sft"}).status_code == 404


def test_an_unknown_format_is_refused_with_those_there_are(project: Project, alice: User) -> None:
    for given in ({"format": "json"}, {"format": "parquet"}, {"format": ""}, {}):
        response = client(alice).get(AT, given)
        assert response.status_code == 400
        said = response.json()
        assert said["errors"][0]["path"] == "format"
        for name in FORMATS:
            assert name in said["detail"]


@pytest.mark.parametrize(
    ("given", "path", "word"),
    [
        ({"pairs": "some"}, "pairs", "best_vs_worst"),
        ({"edits": "some"}, "edits", "over_original, over_worse, only, none"),
        ({"responses": "robot"}, "responses", "human"),
        ({"style": "chat"}, "style", "conversational, standard"),
        ({"split": "dev"}, "split", "validation"),
        ({"queue": "nowhere"}, "queue", "rank, write"),
        ({"pair": "all"}, "pair", "pairs"),
    ],
)
def test_a_mistake_is_named_with_what_there_is(
    project: Project, alice: User, given: dict[str, str], path: str, word: str
) -> None:
    response = client(alice).get(AT, {"format": "sft", **given})
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["path"] == path
    assert word in error["message"]


def test_policies_are_taken_from_the_address(project: Project, alice: User) -> None:
    speaker = client(alice)
    (written,) = rows(speaker.get(AT, {"format": "sft", "responses": "human"}))
    assert written["messages"][-1]["content"] == "Mine."
    assert rows(speaker.get(AT, {"format": "raw", "queue": "rank"}))[0]["queue"] == "rank"


def test_edits_are_chosen_in_the_address(project: Project, alice: User, ann: User) -> None:
    answered(
        make.queue(project, preset="edit", slug="edit"), ann, edit={"candidate": "Answer 0 to 0", "text": "Edited."}
    )
    speaker = client(alice)

    def chosen(**given: str) -> list[str]:
        return [row["chosen"][0]["content"] for row in rows(speaker.get(AT, {"format": "preference", **given}))]

    assert chosen() == ["Answer 1 to 0", "Edited.", "Answer 1 to 1"]
    assert chosen(edits="only") == ["Edited."]
    assert chosen(edits="none") == ["Answer 1 to 0", "Answer 1 to 1"]
    named = speaker.get(AT, {"format": "preference", "edits": "only"}).headers["Content-Disposition"]
    assert named == 'attachment; filename="haiku-preference-best_vs_worst-only.jsonl"'


def test_nothing_to_export_is_said_before_the_first_byte(project: Project, alice: User) -> None:
    response = client(alice).get(AT, {"format": "preference", "queue": "write"})
    assert response.status_code == 409
    assert response.json()["code"] == "empty_export"
    assert "nothing to export" in response.json()["detail"]


def linked(response: Any, relation: str) -> str:
    """The address that the answer names as this."""
    found: list[tuple[str, str]] = re.findall(r'<([^>]*)>; rel="(\w+)"', response.headers["Link"])
    return next(address for address, name in found if name == relation)


def test_what_was_sent_stays_at_its_own_address(project: Project, alice: User, ann: User) -> None:
    speaker = client(alice)
    response = speaker.get(AT, {"format": "raw"})
    address = linked(response, "status")
    before = speaker.get(address).json()
    assert (before["state"], before["sha256"], before["ended_at"]) == ("sending", "", None)
    data = body(response)
    response.close()
    make.written(project.queues.get(slug="write"), ann, "One more.")
    sent = speaker.get(address).json()
    assert sent["choice"] == {"format": "raw"}
    assert (sent["state"], sent["rows"], sent["bytes"]) == ("whole", len(data.splitlines()), len(data))
    assert sent["sha256"] == hashlib.sha256(data).hexdigest()
    assert client(ann).get(address).status_code == 403
    assert speaker.get(f"{AT[:-1]}s/{2**63}/").status_code == 404


def test_a_download_that_is_left_has_broken_off(project: Project, alice: User) -> None:
    speaker = client(alice)
    response = speaker.get(AT, {"format": "raw"})
    response.close()
    sent = speaker.get(linked(response, "status")).json()
    assert (sent["state"], sent["sha256"]) == ("broken", "")
    assert sent["ended_at"]


def test_the_report_is_that_of_the_file(project: Project, alice: User) -> None:
    speaker = client(alice)
    response = speaker.get(AT, {"format": "raw", "queue": "rank"})
    data = body(response)
    report = speaker.get(linked(response, "describedby")).json()
    assert report["choice"] == {"format": "raw", "queue": "rank"}
    assert (report["rows"], report["prompts"], report["bytes"]) == (2, 2, len(data))
    assert report["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_report_says_what_was_left_out(project: Project, alice: User) -> None:
    report = client(alice).get(f"{AT}report/", {"format": "sft", "responses": "human"}).json()
    assert report["rows"] == 1
    (left_out,) = report["removed"]
    assert (left_out["rule"], left_out["count"]) == ("no_response", 1)
    assert left_out["meaning"].startswith("prompts with no response")


def test_the_report_counts_the_labels(project: Project, alice: User, ann: User) -> None:
    thumbs = make.queue(project, preset="kto")
    answered(thumbs, ann, thumbs={"Answer 0 to 0": 0, "Answer 1 to 0": 1})
    answered(thumbs, ann, thumbs={"Answer 0 to 1": 0, "Answer 1 to 1": 0})
    speaker = client(alice)
    report = speaker.get(f"{AT}report/", {"format": "kto"}).json()
    assert (report["rows"], report["prompts"], report["labels"]) == (4, 2, {"true": 1, "false": 3})
    assert "desirable_weight between 3 and 4" in report["warnings"][0]
    assert speaker.get(f"{AT}report/", {"format": "sft"}).json()["labels"] == {}


def test_a_download_leaves_an_event(project: Project, alice: User) -> None:
    body(client(alice).get(AT, {"format": "sft", "queue": "write"}))
    event = Event.objects.get(verb="project.exported")
    assert (event.actor, event.project) == (alice, project)
    assert event.data.pop("transfer") == Transfer.objects.get().pk
    assert event.data == {"format": "sft", "queue": "write", "responses": "any", "style": "conversational"}


def test_the_request_may_write_while_the_export_reads(project: Project, alice: User) -> None:
    """Sessions and tokens are saved on the request's connection: the export must not make it read-only."""
    response = client(alice).get(AT, {"format": "sft"})
    make.person("late")
    assert rows(response)


# --- Over a real server --------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Callable[[str, User], http.client.HTTPResponse]]:
    """The web server on the test's database; gives the answer to a GET."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = process.start(
        "gunicorn",
        "annotate.wsgi:application",
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        2,
        "--worker-class",
        "gthread",
    )
    opened: list[http.client.HTTPConnection] = []

    def ask(path: str, user: User) -> http.client.HTTPResponse:
        _, key = people.create_token(user, by=user)
        end = time.monotonic() + 60
        while True:
            asking = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            opened.append(asking)
            try:
                asking.request("GET", path, headers={"Authorization": f"Token {key}"})
                return asking.getresponse()
            except ConnectionRefusedError:
                assert running.poll() is None, running.communicate()[0]
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.1)

    yield ask
    for asking in opened:
        asking.close()
    running.terminate()
    running.communicate(timeout=30)


def test_a_whole_transfer_ends_well(project: Project, alice: User, server: Any) -> None:
    answer = server(f"{AT}?format=raw", alice)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert len(answer.read().splitlines()) == 3


def test_a_failure_on_the_way_breaks_the_transfer_off(project: Project, alice: User, server: Any) -> None:
    big = [parse({"prompt": f"{number} " + "long " * 100_000}, number) for number in range(1, 101)]
    prompts.import_lines(project, big, source="jsonl", by=alice)
    answer = server(f"{AT}?format=prompts", alice)
    assert answer.status == 200
    answer.read(1000)
    # The reader stops reading, the server waits for it, and its database connection dies meanwhile.
    assert end_exports() == 1
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        answer.read()
    end = time.monotonic() + 20
    while Transfer.objects.get().state == TransferState.SENDING and time.monotonic() < end:
        time.sleep(0.05)
    assert Transfer.objects.get().state == TransferState.BROKEN


def test_head_sends_nothing_and_leaves_no_record(project: Project, alice: User) -> None:
    speaker = client(alice)
    answer = speaker.head(f"{AT}?format=sft")
    assert (answer.status_code, answer.content, answer.streaming) == (200, b"", False)
    sent: Any = speaker.get(f"{AT}?format=sft")
    for name in ("Content-Type", "Content-Disposition", "Cache-Control"):
        assert answer.headers[name] == sent.headers[name]
    assert 'rel="describedby"' in answer.headers["Link"]
    assert 'rel="status"' not in answer.headers["Link"]
    body(sent)
    assert Transfer.objects.count() == Event.objects.filter(verb="project.exported").count() == 1
    assert speaker.head(f"{AT}?format=xml").status_code == 400
    assert speaker.head(f"{AT}?format=stepwise").status_code == 409
