from __future__ import annotations

import errno
import gzip
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile

from labeling.models import Project, Prompt, PromptImport, User
from labeling.services import imports
from tests import make
from tests.labeling.api.checked import CheckedClient, Speaker

ADDRESS = "/api/projects/haiku/prompts/"
NDJSON = "application/x-ndjson"
GOOD = b'{"prompt": "One?", "external_id": "1"}\n{"prompt": "Two?", "external_id": "2"}\n'
MIXED = b'{"prompt": "One?", "external_id": "1"}\nnot json\n\n{"prompt": ""}\n{"prompt": "Two?", "external_id": "2"}\n'


def send(client: CheckedClient, data: bytes, address: str = ADDRESS, **extra: Any) -> Any:
    return client.send("POST", address, data, extra.pop("content_type", NDJSON), **extra)


class Arriving(io.RawIOBase):
    """A body as a server hands it over: piece by piece, then the end or an error. Knows the most asked for at once."""

    def __init__(self, pieces: Iterator[bytes], error: OSError | None = None) -> None:
        self._pieces = pieces
        self._rest = b""
        self._error = error
        self.most_asked = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size >= 0, "the whole body was asked for at once"
        self.most_asked = max(self.most_asked, size)
        self._rest = self._rest or next(self._pieces, b"")
        if not self._rest and self._error:
            raise self._error
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def body(arriving: Arriving) -> dict[str, Any]:
    return {"wsgi.input": arriving}


def test_it_works(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    answer = send(client, GOOD)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("imported", "updated", "unchanged", "rejected", "errors")} == {
        "imported": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
        "errors": [],
    }
    assert sorted(prompt.opening for prompt in Prompt.objects.filter(project=project)) == ["One?", "Two?"]
    again = send(client, GOOD).json()
    assert (again["imported"], again["unchanged"]) == (0, 2)


def test_good_lines_land_and_bad_ones_are_reported(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    answer = send(client, MIXED).json()
    assert (answer["imported"], answer["rejected"]) == (2, 2)
    assert [fault["line"] for fault in answer["errors"]] == [2, 4]
    report = client.get(answer["report_url"]).json()
    assert (report["imported"], report["errors"], report["by"]) == (2, answer["errors"], alice.email)
    assert report["finished_at"] is not None
    downloaded = client.get(report["rejected_url"])
    rejected = [json.loads(line) for line in downloaded.getvalue().splitlines()]
    assert [line.pop("text") for line in rejected] == ["not json", '{"prompt": ""}']
    assert rejected == answer["errors"]
    assert [found["id"] for found in client.get("/api/projects/haiku/imports/").json()["results"]] == [report["id"]]


def test_the_answer_holds_a_hundred_faults_and_the_download_all(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    answer = send(client, b"no\n" * 150).json()
    assert (answer["rejected"], len(answer["errors"])) == (150, 100)
    rejected = client.get(client.get(answer["report_url"]).json()["rejected_url"])
    assert len(rejected.getvalue().splitlines()) == 150


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_form_with_a_file_works_too(
    as_: Speaker, alice: User, project: Project, pack: Callable[[bytes], bytes]
) -> None:
    file = SimpleUploadedFile("questions.jsonl", pack(GOOD))
    answer = as_(alice).post(f"{ADDRESS}?source=jsonl", {"file": file}, format="multipart")
    assert (answer.status_code, answer.json()["imported"]) == (200, 2)
    assert PromptImport.objects.get().filename == "questions.jsonl"


def test_gzip_is_seen_whatever_the_headers_say(as_: Speaker, alice: User, project: Project) -> None:
    client = as_(alice)
    assert send(client, gzip.compress(GOOD)).json()["imported"] == 2
    assert send(client, gzip.compress(GOOD), headers={"Content-Encoding": "gzip"}).json()["unchanged"] == 2
    assert send(client, gzip.compress(GOOD), content_type="application/gzip").json()["unchanged"] == 2


@pytest.mark.parametrize("source", ["xml", "", "JSONL", "%00"])
def test_an_unknown_source_is_answered_with_those_there_are(
    as_: Speaker, alice: User, project: Project, source: str
) -> None:
    answer = send(as_(alice), GOOD, f"{ADDRESS}?source={source}")
    assert answer.status_code == 400
    assert "jsonl" in answer.json()["errors"][0]["message"]
    assert not PromptImport.objects.exists()


@pytest.mark.parametrize("kind", ["application/json", "text/csv", "application/x-www-form-urlencoded", "", "\x00"])
def test_another_kind_of_body_is_415_in_words(as_: Speaker, alice: User, project: Project, kind: str) -> None:
    answer = send(as_(alice), GOOD, content_type=kind)
    assert answer.status_code == 415
    assert NDJSON in answer.json()["detail"]
    assert send(as_(alice), GOOD, headers={"Content-Encoding": "br"}).status_code == 415


def test_a_form_without_a_file_is_400(as_: Speaker, alice: User, project: Project) -> None:
    answer = as_(alice).post(ADDRESS, {"document": "x"}, format="multipart")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "file")
    torn = send(as_(alice), b"--x\r\nno", content_type="multipart/form-data")
    assert (torn.status_code, torn.json()["code"]) == (400, "malformed")


def test_the_body_is_read_as_it_comes_in(as_: Speaker, alice: User, project: Project) -> None:
    line = b'{"prompt": "%s", "external_id": "%d"}\n'
    pieces = (line % (b"x" * 2000, number) for number in range(3000))
    arriving = Arriving(pieces)
    whole = sum(len(line % (b"x" * 2000, number)) for number in range(3000))
    answer = send(as_(alice), b"", CONTENT_LENGTH=str(whole), **body(arriving))
    assert answer.json()["imported"] == 3000
    assert arriving.most_asked <= 1024 * 1024 < whole


@pytest.mark.parametrize("error", [OSError("connection reset"), None])
def test_an_upload_that_breaks_off_keeps_its_good_lines(
    as_: Speaker, alice: User, project: Project, error: OSError | None
) -> None:
    arriving = Arriving(iter([GOOD, b'{"prompt": "Thr']), error)
    answer = send(as_(alice), b"", CONTENT_LENGTH="10000", **body(arriving)).json()
    assert (answer["imported"], answer["rejected"]) == (2, 2)
    assert "broke off" in answer["errors"][-1]["message"]
    assert answer["errors"][-1]["line"] == 4


def test_a_damaged_gzip_keeps_what_came_before(as_: Speaker, alice: User, project: Project) -> None:
    lines = b"".join(b'{"prompt": "Question %d?", "external_id": "%d"}\n' % (n, n) for n in range(5000))
    packed = gzip.compress(lines)
    answer = send(as_(alice), packed[: len(packed) // 2]).json()
    assert 0 < answer["imported"] < 5000
    assert "gzip" in answer["errors"][-1]["message"]


def test_a_body_in_chunks_is_read_where_the_server_ends_it(as_: Speaker, alice: User, project: Project) -> None:
    chunked: dict[str, Any] = {"headers": {"Transfer-Encoding": "chunked"}, "CONTENT_LENGTH": ""}
    ended: dict[str, Any] = {"wsgi.input": Arriving(iter([GOOD])), "wsgi.input_terminated": True}
    assert send(as_(alice), b"", **chunked, **ended).json()["imported"] == 2
    refused = send(as_(alice), b"", **chunked | {"wsgi.input": Arriving(iter([GOOD]))})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")


def test_nothing_at_all_imports_nothing(as_: Speaker, alice: User, project: Project) -> None:
    answer = send(as_(alice), b"")
    assert (answer.status_code, answer.json()["imported"]) == (200, 0)


@pytest.mark.parametrize(
    "line",
    [
        b'{"prompt": "\\u0000"}',
        b'{"prompt": "\\ud83d"}',
        b'{"prompt": "x", "metadata": {"n": NaN}}',
        b'{"prompt": "x", "metadata": {"n": 1e999}}',
        b'{"prompt": "x", "priority": 99999999999999999999}',
        b'{"prompt": "x", "metadata": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"prompt": "x", "metadata": {"n": ' + b"9" * 5000 + b"}}",
        b'{"prompt": "\xff\xfe"}',
        b'{"prompt": "x", "metadata": {"\\u0000": 1}}',
        b'{"prompt": {"a": []}}',
        b'{"messages": [{"role": ["user"], "content": "x"}]}',
        b'{"messages": {"role": "user"}}',
        b'{"prompt": "x", "candidates": [{"text": 5}]}',
        b'{"prompt": "x", "tags": {"a": 1}}',
        b'{"prompt": "x", "external_id": [1]}',
        b"[]",
        b"5",
        b'"x"',
        b"null",
    ],
)
def test_a_line_that_cannot_be_stored_is_rejected_and_the_next_lands(
    as_: Speaker, alice: User, project: Project, line: bytes
) -> None:
    answer = send(as_(alice), line + b"\n" + GOOD)
    assert answer.status_code == 200
    assert (answer.json()["imported"], [fault["line"] for fault in answer.json()["errors"]]) == (2, [1])


def test_imports_are_for_managers(as_: Speaker, alice: User, ann: User, charlie: User, project: Project) -> None:
    report = send(as_(alice), MIXED).json()["report_url"]
    for user, status in ((ann, 403), (charlie, 404)):
        client = as_(user)
        answers = [send(client, GOOD), client.get(report), client.get(f"{report}rejected/")]
        assert [answer.status_code for answer in answers] == [status] * 3
        assert client.get("/api/projects/haiku/imports/").status_code == status
    assert PromptImport.objects.count() == 1


def test_an_import_of_another_project_is_not_found_here(as_: Speaker, alice: User, project: Project) -> None:
    other = make.project(alice, slug="other")
    make.imported(other, 1)
    record = PromptImport.objects.get(project=other)
    assert as_(alice).get(f"/api/projects/haiku/imports/{record.pk}/").status_code == 404
    assert as_(alice).get(f"/api/projects/other/imports/{record.pk}/").status_code == 200


def counts_of(answer: Any) -> list[int]:
    return [answer[name] for name in ("imported", "updated", "unchanged", "rejected")]


@pytest.mark.parametrize("kind", ["body", "form"])
def test_a_file_can_be_read_in_the_background(as_: Speaker, alice: User, project: Project, kind: str) -> None:
    client = as_(alice)
    if kind == "body":
        answer = send(client, MIXED, f"{ADDRESS}?background=1")
    else:
        file = SimpleUploadedFile("questions.jsonl", MIXED)
        answer = client.post(f"{ADDRESS}?background=true", {"file": file}, format="multipart")
    assert answer.status_code == 202
    waiting = answer.json()
    assert answer.headers["Location"] == waiting["report_url"]
    assert (waiting["state"], waiting["size"], waiting["bytes_read"]) == ("waiting", len(MIXED), 0)
    assert counts_of(waiting) == [0, 0, 0, 0]
    assert imports.work() == 1
    done = client.get(waiting["report_url"]).json()
    assert (done["state"], done["bytes_read"], done["reason"]) == ("done", len(MIXED), "")
    assert counts_of(done) == [2, 0, 0, 2]
    assert [fault["line"] for fault in done["errors"]] == [2, 4]
    assert client.post(done["cancel_url"]).status_code == 409


def test_an_import_can_be_called_off(as_: Speaker, alice: User, ann: User, charlie: User, project: Project) -> None:
    client = as_(alice)
    waiting = send(client, GOOD, f"{ADDRESS}?background=1").json()
    for user, status in ((ann, 403), (charlie, 404)):
        assert as_(user).post(waiting["cancel_url"]).status_code == status
    answer = client.post(waiting["cancel_url"])
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert "Alice called it off" in answer.json()["reason"]
    assert imports.work() == 0
    assert not Prompt.objects.exists()


@pytest.mark.parametrize("error", [OSError("connection reset"), None])
def test_an_upload_that_breaks_off_is_not_stored(
    as_: Speaker, alice: User, project: Project, error: OSError | None
) -> None:
    arriving = Arriving(iter([GOOD]), error)
    answer = send(as_(alice), b"", f"{ADDRESS}?background=1", CONTENT_LENGTH="10000", **body(arriving))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "broke off" in answer.json()["detail"]
    assert not PromptImport.objects.exists()


def test_what_is_stored_is_bounded_and_what_is_read_as_it_comes_is_not(
    as_: Speaker, alice: User, project: Project, settings: Any
) -> None:
    settings.IMPORT_MAX_MB = 1
    client, large = as_(alice), b'{"prompt": "%s"}\n' % (b"x" * 900_000) * 2
    arriving = Arriving(iter([large]))
    answers = [
        send(client, large, f"{ADDRESS}?background=1"),
        client.post(ADDRESS, {"file": SimpleUploadedFile("large.jsonl", large)}, format="multipart"),
        # Nobody knows how long it is before it has come.
        send(
            client,
            b"",
            f"{ADDRESS}?background=1",
            **{"headers": {"Transfer-Encoding": "chunked"}, "CONTENT_LENGTH": "", "wsgi.input_terminated": True},
            **body(arriving),
        ),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, "too_large")] * 3
    assert not PromptImport.objects.exists()
    assert counts_of(send(client, large).json()) == [1, 0, 1, 0]


def test_a_full_disk_is_507_in_words(
    as_: Speaker, alice: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    answer = send(as_(alice), GOOD, f"{ADDRESS}?background=1")
    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")


def test_lines_that_say_what_others_say_are_counted(as_: Speaker, alice: User, project: Project) -> None:
    answer = send(as_(alice), GOOD + b'{"prompt": "one?", "external_id": "3"}\n').json()
    assert (answer["imported"], answer["duplicates"]) == (3, 1)
    assert as_(alice).get(answer["report_url"]).json()["duplicates"] == 1
