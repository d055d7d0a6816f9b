"""Releases over the API: who may, what comes, and downloads that go on where they broke off."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.exports.api import serving
from labeling.exports.models import Release, Withdrawal
from labeling.exports.services import releases
from labeling.models import Event, Project, Role, User
from labeling.services import people, projects
from tests import make
from tests.labeling.exports.releasing import asked, built, data

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

AT = "/api/projects/haiku/releases/"


def client(user: User) -> APIClient:
    _, key = people.create_token(user, by=user)
    return APIClient(headers={"Authorization": f"Token {key}"})


@pytest.fixture
def alice() -> User:
    return make.person("alice")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 2, candidates=2)
    queue = make.queue(made, slug="write")
    make.written(queue, ann, "Mine — with “letters”.")
    make.ranked(make.queue(made, preset="ranking", slug="rank"), ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    return made


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_it_works(project: Project, alice: User) -> None:
    speaker = client(alice)
    response = speaker.post(
        AT, {"formats": ["sft", "preference"], "filters": {"pairs": "all"}, "title": "First", "files": "jsonl"}
    )
    assert response.status_code == 202
    said = response.json()
    assert response.headers["Location"] == said["url"] == f"http://testserver{AT}1/"
    assert (said["number"], said["title"], said["state"], said["by"]) == (1, "First", "waiting", alice.email)
    assert (said["manifest"], said["files"], said["counts"]) == (None, [], {})
    assert said["progress"] == {"prompts": 0, "of": None, "percent": None}
    choice = {"format": "preference", "pairs": "all", "edits": "over_original", "style": "conversational"}
    assert said["asked"]["choices"][1] == choice
    assert datetime.fromisoformat(said["cutoff"]) == Release.objects.get().cutoff
    releases.work()
    said = speaker.get(said["url"]).json()
    assert (said["state"], said["progress"]) == ("done", {"prompts": 1, "of": 1, "percent": 100})
    assert [(file["path"], file["rows"]) for file in said["files"] if file["rows"]] == [
        ("sft/all-00000.jsonl", 1),
        ("preference/all-00000.jsonl", 1),
    ]
    for file in said["files"]:
        answer = speaker.get(file["url"])
        found = body(answer)
        assert (len(found), hashlib.sha256(found).hexdigest()) == (file["bytes"], file["sha256"])
        assert answer.headers["Content-Type"] == file["media_type"]
    manifest = body(speaker.get(said["manifest_url"]))
    assert json.loads(manifest) == said["manifest"]
    (listed,) = speaker.get(AT).json()["results"]
    assert (listed["number"], listed["counts"]["prompts"]) == (1, 1)
    assert "manifest" not in listed


def test_one_format_may_be_named_alone(project: Project, alice: User) -> None:
    response = client(alice).post(AT, {"format": "raw", "splits": None, "filters": {}})
    assert response.status_code == 202
    assert response.json()["asked"]["formats"] == ["raw"]


@pytest.mark.parametrize("splits", ["tags", {"train": 90, "test": 10}, None])
def test_it_says_how_it_is_divided(project: Project, alice: User, splits: Any) -> None:
    speaker = client(alice)
    response = speaker.post(AT, {"format": "prompts", "splits": splits})
    assert response.status_code == 202
    (listed,) = speaker.get(AT).json()["results"]
    for said in (response.json(), speaker.get(f"{AT}1/").json(), listed):
        assert said["asked"]["splits"] == splits


@pytest.mark.parametrize(
    ("sent", "paths"),
    [
        ({}, ["formats"]),
        ({"format": "sft", "formats": ["sft"]}, ["formats"]),
        ({"format": 3}, ["format"]),
        ({"format": "xml"}, ["format"]),
        ({"formats": ["sft", "xml"]}, ["formats.1"]),
        ({"format": "sft", "filters": {"pairs": "x"}}, ["filters.pairs"]),
        ({"format": "sft", "splits": {"train": 50}}, ["splits"]),
        ({"format": "sft", "files": "tar"}, ["files"]),
        ({"format": "sft", "split": "train"}, ["split"]),
    ],
)
def test_mistakes_are_named_with_their_paths(
    project: Project, alice: User, sent: dict[str, Any], paths: list[str]
) -> None:
    response = client(alice).post(AT, sent)
    assert response.status_code == 400
    assert [error["path"] for error in response.json()["errors"]] == paths
    assert not Release.objects.exists()


def test_only_managers_may(project: Project, alice: User, ann: User) -> None:
    release = built(project, "sft")
    reviewer, outsider = make.person(), make.person()
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=alice)
    own = make.project(outsider)
    calls: list[tuple[str, str, Any]] = [
        ("post", AT, {"format": "sft"}),
        ("get", AT, None),
        ("get", f"{AT}1/", None),
        ("post", f"{AT}1/cancel/", None),
        ("get", f"{AT}1/manifest.json", None),
        ("get", f"{AT}1/files/sft/all-00000.jsonl", None),
        ("head", f"{AT}1/files/sft/all-00000.jsonl", None),
        ("post", "/api/projects/haiku/withdrawals/", {"email": ann.email}),
        ("get", "/api/projects/haiku/withdrawals/", None),
    ]
    for method, address, sent in calls:
        for user, status in ((ann, 403), (reviewer, 403), (outsider, 404)):
            assert getattr(client(user), method)(address, sent).status_code == status, (method, address)
        assert getattr(APIClient(), method)(address, sent).status_code == 401
    # Another project's manager gets nothing under their own project's address.
    assert client(outsider).get(f"/api/projects/{own.slug}/releases/1/").status_code == 404
    assert client(alice).get(f"{AT}2/").status_code == 404
    assert client(alice).get(f"{AT}99999999999999999999/").status_code == 404
    assert Release.objects.get() == release
    assert not Withdrawal.objects.exists()


def test_a_release_is_called_off(project: Project, alice: User) -> None:
    speaker = client(alice)
    said = speaker.post(AT, {"format": "sft"}).json()
    cancelled = speaker.post(said["cancel_url"])
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert speaker.post(said["cancel_url"]).status_code == 409
    assert speaker.post(AT, {"format": "sft"}).json()["number"] == 2
    for address in (said["manifest_url"], f"{AT}1/files/sft/all-00000.jsonl"):
        answer = speaker.get(address)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_one_that_failed_says_why(project: Project, alice: User) -> None:
    speaker = client(alice)
    speaker.post(AT, {"format": "kto"})
    releases.work()
    said = speaker.get(f"{AT}1/").json()
    assert (said["state"], said["files"]) == ("failed", [])
    assert "“kto” has no row." in said["reason"]


def test_lists_come_in_pages(project: Project, alice: User) -> None:
    for _ in range(3):
        asked(project)
    speaker = client(alice)
    first = speaker.get(AT, {"limit": 2}).json()
    assert [release["number"] for release in first["results"]] == [3, 2]
    assert [release["number"] for release in speaker.get(first["next"]).json()["results"]] == [1]


# --- Files -----------------------------------------------------------------------------------------------------------

FILE = f"{AT}1/files/sft/all-00000.jsonl"


@pytest.fixture
def whole(project: Project) -> bytes:
    """The bytes of a file of release 1."""
    return data(built(project, "sft"), "sft/all-00000.jsonl")


def test_a_file_that_is_none_is_not_there(whole: bytes, alice: User, tmp_path: Path) -> None:
    speaker = client(alice)
    (tmp_path / "secret.txt").write_text("secret")
    index = f"{AT}1/files/index/sft-00000.tsv"
    for address in (f"{AT}1/files/sft/all-00001.jsonl", f"{AT}1/files/../../../secret.txt", f"{AT}1/files/", index):
        assert speaker.get(address).status_code == 404, address
    assert speaker.get(f"{AT}1/files/manifest.json").status_code == 404


def test_a_file_says_what_it_is(whole: bytes, alice: User) -> None:
    answer = client(alice).get(FILE)
    assert answer.status_code == 200
    assert body(answer) == whole
    assert answer.headers["ETag"] == f'"{hashlib.sha256(whole).hexdigest()}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == str(len(whole))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="haiku-1-sft-all-00000.jsonl"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert "Content-Encoding" not in answer.headers
    event = Event.objects.get(verb="release.downloaded")
    assert (event.actor, event.data) == (alice, {"number": 1, "path": "sft/all-00000.jsonl"})


def test_head_has_no_body_and_knows_no_ranges(whole: bytes, alice: User) -> None:
    ranges: list[dict[str, str]] = [{}, {"Range": "bytes=0-3"}]
    for given in ranges:
        answer = client(alice).head(FILE, headers=given)
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(whole)))
        assert answer.content == b""
        assert "Content-Range" not in answer.headers
    assert not Event.objects.filter(verb="release.downloaded").exists()


@pytest.mark.parametrize(
    ("asked_for", "begin", "end"),
    [
        ("bytes=0-", 0, None),
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=5-", 5, None),
        ("Bytes = 5 - 9", 5, 10),
        ("bytes=-5", -5, None),
        ("bytes=-99999999", 0, None),
        ("bytes=7-99999999", 7, None),
    ],
)
def test_a_part_of_a_file(whole: bytes, alice: User, asked_for: str, begin: int, end: int | None) -> None:
    answer = client(alice).get(FILE, headers={"Range": asked_for})
    assert answer.status_code == 206
    found = body(answer)
    assert found == whole[begin:end]
    first = begin if begin >= 0 else len(whole) + begin
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(found) - 1}/{len(whole)}"
    assert answer.headers["Content-Length"] == str(len(found))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(whole).hexdigest()}"'


@pytest.mark.parametrize(
    "asked_for", ["bytes=5-2", "bytes=-0", "bytes=-", "bytes=x-y", "bytes=", "bytes=1-2-3", "{end}"]
)
def test_a_range_that_holds_nothing_is_refused(whole: bytes, alice: User, asked_for: str) -> None:
    given = asked_for.replace("{end}", f"bytes={len(whole)}-")
    answer = client(alice).get(FILE, headers={"Range": given})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"
    assert body(answer) == b""


@pytest.mark.parametrize("asked_for", ["bytes=0-1,4-5", "lines=1-2", "0-5"])
def test_what_it_does_not_know_is_answered_with_the_whole(whole: bytes, alice: User, asked_for: str) -> None:
    answer = client(alice).get(FILE, headers={"Range": asked_for})
    assert (answer.status_code, body(answer)) == (200, whole)
    assert "Content-Range" not in answer.headers


def test_a_download_goes_on_where_it_stood_only_in_the_same_file(whole: bytes, alice: User) -> None:
    speaker = client(alice)
    etag = speaker.head(FILE).headers["ETag"]
    rest = speaker.get(FILE, headers={"Range": "bytes=10-", "If-Range": etag})
    assert (rest.status_code, body(rest)) == (206, whole[10:])
    for other in ('"another"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = speaker.get(FILE, headers={"Range": "bytes=10-", "If-Range": other})
        assert (answer.status_code, body(answer)) == (200, whole)


@pytest.mark.parametrize("asked_for", ["bytes=1-", "bytes=5-9", "bytes=-5", "bytes=0-", "bytes=0-1,4-5", "lines=1-2"])
def test_whoever_takes_a_part_is_told_of(whole: bytes, alice: User, asked_for: str) -> None:
    client(alice).get(FILE, headers={"Range": asked_for})
    event = Event.objects.get(verb="release.downloaded")
    assert (event.actor, event.data) == (alice, {"number": 1, "path": "sft/all-00000.jsonl"})


def test_a_download_that_goes_on_is_told_of_once(whole: bytes, alice: User) -> None:
    speaker = client(alice)
    etag = speaker.get(FILE).headers["ETag"]
    downloads = Event.objects.filter(verb="release.downloaded")
    assert downloads.count() == 1
    speaker.get(FILE, headers={"Range": "bytes=10-", "If-Range": etag})
    assert downloads.count() == 1
    # What begins at the beginning goes on with nothing, and an ETag of another file shows nothing.
    others: list[dict[str, str]] = [
        {"If-Range": etag},
        {"Range": "bytes=0-", "If-Range": etag},
        {"Range": "bytes=10-", "If-Range": '"another"'},
        {"Range": "bytes=10-"},
    ]
    for number, given in enumerate(others, 2):
        speaker.get(FILE, headers=given)
        assert downloads.count() == number, given


def test_what_somebody_has_is_not_sent_again(whole: bytes, alice: User) -> None:
    speaker = client(alice)
    etag = speaker.head(FILE).headers["ETag"]
    known = speaker.get(FILE, headers={"If-None-Match": etag})
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", etag)
    assert speaker.get(FILE, headers={"If-Match": '"another"'}).status_code == 412
    assert speaker.get(FILE, headers={"If-Match": etag, "Range": "bytes=0-1"}).status_code == 206


def test_memory_holds_one_piece_at_a_time(whole: bytes, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CHUNK", 16)
    answer: Any = client(alice).get(FILE, headers={"Range": "bytes=3-"})
    pieces = list(answer.streaming_content)
    assert max(map(len, pieces)) == 16
    assert b"".join(pieces) == whole[3:]


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_is_not_in_the_storage_as_it_was_is_told_before_any_byte(
    whole: bytes, alice: User, tmp_path: Path, method: str
) -> None:
    ask = getattr(client(alice), method)
    for name, at in (("all-00000.jsonl", FILE), ("manifest.json", f"{AT}1/manifest.json")):
        (path,) = tmp_path.rglob(name)
        path.unlink()
        answer = ask(at)
        assert (answer.status_code, answer.streaming) == (404, False)
        if method == "get":
            assert answer.json()["code"] == "not_found"
            assert name in answer.json()["detail"]
            assert "gone from the storage" in answer.json()["detail"]
    assert not Event.objects.filter(verb="release.downloaded").exists()


def test_a_file_that_was_cut_short_is_no_whole_download(whole: bytes, alice: User, tmp_path: Path) -> None:
    (path,) = tmp_path.rglob("all-00000.jsonl")
    path.write_bytes(whole[:-1])
    answer = client(alice).get(FILE)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert f"{len(whole) - 1:,} bytes in place of {len(whole):,}" in answer.json()["detail"]
    assert not Event.objects.filter(verb="release.downloaded").exists()


def test_a_file_that_is_cut_short_while_it_is_sent_breaks_off(
    whole: bytes, alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CHUNK", 16)
    answer: Any = client(alice).get(FILE)
    (path,) = tmp_path.rglob("all-00000.jsonl")
    path.write_bytes(whole[:-1])
    with pytest.raises(OSError, match="shorter"):
        list(answer.streaming_content)


# --- Withdrawals -----------------------------------------------------------------------------------------------------


def test_somebody_withdraws(project: Project, alice: User, ann: User) -> None:
    built(project, "sft")
    built(project, "prompts")
    asked(project, "raw")
    speaker = client(alice)
    at = "/api/projects/haiku/withdrawals/"
    made = speaker.post(at, {"email": "ANN@example.org", "reason": "Asked for it by mail."})
    assert made.status_code == 201
    said = made.json()
    assert (said["email"], said["reason"], said["by"]) == (ann.email, "Asked for it by mail.", alice.email)
    told = [(release["number"], release["state"]) for release in said["releases"]]
    # What she wrote is the reference of a prompt.
    assert told == [(3, "waiting"), (2, "done"), (1, "done")]
    again = speaker.post(at, {"email": ann.email})
    assert again.status_code == 200
    assert again.json()["at"] == said["at"]
    assert [one["email"] for one in speaker.get(at).json()["results"]] == [ann.email]
    assert Event.objects.filter(verb="person.withdrew").count() == 1
    for sent, path in (
        ({"email": "nobody@example.org"}, "email"),
        ({"email": make.person().email}, "email"),
        ({}, "email"),
    ):
        answer = speaker.post(at, sent)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
