"""Benchmarks that are sent in with the page or the call for a release, and taken over from an earlier one."""

from __future__ import annotations

import gzip
import io
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from labeling.errors import DomainError
from labeling.exports import benchmarks, contamination, stored
from labeling.exports.contamination import Benchmark, benchmark_in
from labeling.exports.models import Release
from labeling.exports.services import rebuilding, releases
from labeling.models import Project, User
from labeling.services import people
from tests import make
from tests.labeling.exports.releasing import asked, rows
from tests.labeling.exports.test_release_pages import chosen

PAGE = "/projects/haiku/releases/new/"
CALL = "/api/projects/haiku/releases/"
KNOWN = b'{"question": "Why is the sky blue?"}\n'


def sent(data: bytes, name: str = "known.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


# --- The file itself -------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_the_command_reads_it(tmp_path: Path) -> None:
    data = '\ufeffWhy is the sky blue?\r\n\n["One two three four"]\rfive six seven \u2028 eight nine'.encode()
    (tmp_path / "known").write_bytes(data)
    by_command = benchmark_in(str(tmp_path / "known"))
    assert by_command
    assert by_command.texts == 3
    assert benchmarks.read(File(io.BytesIO(data))) == by_command


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"One two three.\nfour \xff five", "Line 2: Byte 6 is not UTF-8"),
        (b"", "no text of 3 words or more"),
        (b"Yes\nNo\n", "no text of 3 words or more"),
        (gzip.compress(KNOWN, mtime=0), "is gzip. Unpack it"),
        ("One two three".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_that_is_no_benchmark_is_refused_with_line_and_reason(data: bytes, says: str) -> None:
    with pytest.raises(DomainError) as refused:
        benchmarks.read(File(io.BytesIO(data)))
    (fault,) = refused.value.errors
    assert (fault.path, refused.value.code) == ("benchmark", "invalid")
    assert says in fault.message
    assert fault.message.startswith("Line") == says.startswith("Line")


def test_a_file_is_bounded_in_bytes_and_in_runs_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contamination, "MOST", 2)
    with pytest.raises(DomainError, match=r"^The benchmark is not usable. Line 3: .* more than 2 runs"):
        benchmarks.read(File(io.BytesIO(b"One two three\nfour five six\nseven eight nine\n")))
    monkeypatch.setattr(benchmarks, "MOST_BYTES", 10)
    with pytest.raises(DomainError) as refused:
        benchmarks.read(File(io.BytesIO(KNOWN)))
    assert (refused.value.code, refused.value.errors[0].path) == ("too_large", "benchmark")


# --- With a release --------------------------------------------------------------------------------------------------

with_releases = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]


@pytest.fixture
def alice() -> User:
    return make.person("alice")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    """Two prompts with a response each, of which one says what the benchmark says."""
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 2)
    queue = make.queue(made, slug="write")
    make.written(queue, ann, "Why is the sky blue?")
    make.written(queue, ann, "Because it is.")
    return made


@pytest.fixture
def browser(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def caller(alice: User) -> APIClient:
    _, key = people.create_token(alice, by=alice)
    return APIClient(headers={"Authorization": f"Token {key}"})


def made(number: int) -> list[str]:
    """The responses in a release, which is built and can be built again."""
    releases.work()
    release = Release.objects.get(number=number)
    assert release.state == "done", release.reason
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}
    return [row["messages"][-1]["content"] for row in rows(release, "sft")]


def page_of(answer: Any) -> str:
    return unescape(answer.content.decode())


class TestOnThePage:
    pytestmark = with_releases

    def test_a_release_leaves_out_what_the_file_knows(self, browser: Client, project: Project, tmp_path: Path) -> None:
        assert 'type="file"' in page_of(browser.get(PAGE))
        assert 'enctype="multipart/form-data"' in page_of(browser.get(PAGE))
        assert browser.post(PAGE, chosen(project, benchmark=sent(KNOWN))).status_code == 302
        assert made(1) == ["Because it is."]
        (tmp_path / "known").write_bytes(KNOWN)
        call_command("release", "haiku", formats="sft", benchmark=str(tmp_path / "known"))
        first, second = Release.objects.order_by("number")
        assert first.asked == second.asked, "the command asks for the same"

    def test_what_it_would_hold_goes_by_the_file_too(self, browser: Client, project: Project) -> None:
        page = page_of(browser.post(PAGE, chosen(project, benchmark=sent(KNOWN), look="1")))
        assert "rows that share words with the benchmark" in page
        assert "Why is the sky blue?" not in page
        assert "Choose the benchmark file “known.jsonl” again" in page
        assert "Why is the sky blue?" in page_of(browser.post(PAGE, chosen(project, look="1")))
        assert not Release.objects.exists()

    def test_a_bad_file_stands_at_its_field_and_the_rest_stays(self, browser: Client, project: Project) -> None:
        answer = browser.post(PAGE, chosen(project, title="Kept", benchmark=sent(b"One two three\n\xff\n")))
        assert answer.status_code == 422
        form = answer.context["form"]
        assert list(form.errors) == ["benchmark"]
        assert "Line 2: Byte 1 is not UTF-8" in form.errors["benchmark"][0]
        assert form["title"].value() == "Kept"
        assert not Release.objects.exists()

    def test_another_mistake_loses_the_file_and_says_so(self, browser: Client, project: Project) -> None:
        answer = browser.post(PAGE, chosen(project, formats=[], title="Kept", benchmark=sent(KNOWN)))
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["formats"])
        assert "Choose the benchmark file “known.jsonl” again" in page_of(answer)
        assert answer.context["form"]["title"].value() == "Kept"
        assert "Choose the benchmark file" not in page_of(browser.post(PAGE, chosen(project, formats=[])))

    def test_a_file_that_is_too_large_is_refused(
        self, browser: Client, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(benchmarks, "MOST_BYTES", 10)
        answer = browser.post(PAGE, chosen(project, title="Kept", benchmark=sent(KNOWN)))
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["benchmark"])
        assert answer.context["form"]["title"].value() == "Kept"
        monkeypatch.setattr(benchmarks, "MOST_SENT", 10)
        answer = browser.post(PAGE, chosen(project, benchmark=sent(KNOWN)))
        assert answer.status_code == 413
        assert "Nothing else that was typed has come in" in page_of(answer)
        assert not Release.objects.exists()

    def test_the_form_needs_its_token(self, alice: User, project: Project) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice)
        assert client.post(PAGE, chosen(project, benchmark=sent(KNOWN))).status_code == 403
        token = str(client.get(PAGE).context["csrf_token"])
        given = chosen(project, benchmark=sent(KNOWN), csrfmiddlewaretoken=token)
        assert client.post(PAGE, given).status_code == 302

    def test_it_is_taken_over_with_the_choice_of_a_release(self, browser: Client, project: Project) -> None:
        asked(project, benchmark=Benchmark.read([KNOWN.decode()]))
        page = page_of(browser.get(f"{PAGE}?like=1"))
        assert "Compare with the benchmark of release 1" in page
        assert re.search(r'name="keep_benchmark"[^>]*checked', page)
        assert browser.post(f"{PAGE}?like=1", chosen(project, keep_benchmark="on")).status_code == 302
        assert browser.post(f"{PAGE}?like=1", chosen(project)).status_code == 302
        other = chosen(project, keep_benchmark="on", benchmark=sent(b"because it is"))
        assert browser.post(f"{PAGE}?like=1", other).status_code == 302
        assert made(2) == ["Because it is."]
        assert len(made(3)) == 2
        assert made(4) == ["Why is the sky blue?"], "a file takes its place"
        assert "keep_benchmark" not in page_of(browser.get(PAGE))
        assert "keep_benchmark" not in page_of(browser.get(f"{PAGE}?like=3"))

    def test_one_that_is_kept_no_more_is_not_promised(self, browser: Client, project: Project, alice: User) -> None:
        release = asked(project, benchmark=Benchmark.read([KNOWN.decode()]))
        releases.cancel(release, by=alice)
        page = page_of(browser.get(f"{PAGE}?like=1"))
        assert "Its benchmark is kept no more: choose the file again" in page
        assert "keep_benchmark" not in page
        built = asked(project, benchmark=Benchmark.read([KNOWN.decode()]))
        stored.put_bytes(built, stored.BENCHMARK, b"8 bytes.")
        answer = browser.post(f"{PAGE}?like=2", chosen(project, keep_benchmark="on"))
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["keep_benchmark"])
        assert "was changed in the storage" in page_of(answer)


class TestByCall:
    pytestmark = with_releases

    def send(self, caller: APIClient, data: bytes = KNOWN, **asked: Any) -> Any:
        form = {"release": json.dumps({"format": "sft"} | asked), "benchmark": sent(data)}
        return caller.post(CALL, form, format="multipart")

    def test_it_works(self, caller: APIClient, project: Project) -> None:
        answer = self.send(caller, title="First", splits=None)
        assert answer.status_code == 202
        assert answer.json()["title"] == "First"
        assert made(1) == ["Because it is."]
        said = caller.get(answer.json()["url"]).json()
        assert said["asked"]["benchmark"] == said["manifest"]["benchmark"] != ""
        assert caller.post(CALL, {"format": "sft"}).json()["asked"]["benchmark"] == ""

    def test_it_is_taken_over_from_a_release(self, caller: APIClient, project: Project, alice: User) -> None:
        self.send(caller)
        assert caller.post(CALL, {"format": "sft", "benchmark_of": 1}).status_code == 202
        assert made(2) == ["Because it is."]
        caller.post(CALL, {"format": "sft"})
        other = make.project(alice, slug="other")
        for wrong in (3, 99, -1):
            answer = caller.post(CALL, {"format": "sft", "benchmark_of": wrong})
            assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "benchmark_of"), wrong
        answer = caller.post(f"/api/projects/{other.slug}/releases/", {"format": "sft", "benchmark_of": 1})
        assert answer.status_code == 400, "a release of another project"
        assert self.send(caller, benchmark_of=1).json()["errors"][0]["path"] == "benchmark_of"
        assert Release.objects.count() == 3

    @pytest.mark.parametrize(
        ("form", "paths"),
        [
            ({}, ["release", "benchmark"]),
            ({"release": '{"format": "sft"}'}, ["benchmark"]),
            ({"release": '{"format": "sft"}', "benchmark": "text"}, ["benchmark"]),
            ({"release": sent(b"{}"), "benchmark": sent(KNOWN)}, ["release"]),
            ({"release": "{", "benchmark": sent(KNOWN)}, ["release"]),
            ({"release": "[]", "benchmark": sent(KNOWN)}, []),
            ({"release": '{"format": "sft", "format_": 1}', "benchmark": sent(KNOWN)}, ["format_"]),
            ({"release": '{"format": "xml"}', "benchmark": sent(KNOWN)}, ["format"]),
            ({"release": "{}", "format": "sft", "benchmark": sent(KNOWN)}, ["format"]),
            ({"release": '{"format": "sft"}', "benchmark": sent(b"One two three\n\xff")}, ["benchmark"]),
        ],
    )
    def test_mistakes_are_named_and_nothing_is_asked_for(
        self, caller: APIClient, project: Project, form: dict[str, Any], paths: list[str]
    ) -> None:
        for file in form.values():
            if isinstance(file, SimpleUploadedFile):
                file.seek(0)
        answer = caller.post(CALL, form, format="multipart")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [error["path"] for error in answer.json().get("errors", [])] == paths
        assert not Release.objects.exists()

    def test_it_is_bounded(self, caller: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("MOST_BYTES", "MOST_SENT"):
            monkeypatch.setattr(benchmarks, name, 10)
            answer = self.send(caller)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert answer.json()["errors"][0]["path"] == "benchmark"
        assert not Release.objects.exists()

    def test_managers_alone_may_and_a_session_needs_its_token(self, project: Project, alice: User, ann: User) -> None:
        for user, status in ((ann, 403), (make.person("oz"), 404)):
            client = APIClient()
            client.force_authenticate(user)
            assert self.send(client).status_code == status
        browser = APIClient(enforce_csrf_checks=True)
        browser.force_login(alice)
        assert self.send(browser).status_code == 403
        assert not Release.objects.exists()
        token = str(browser.get(PAGE).context["csrf_token"])
        form = {"release": '{"format": "sft"}', "benchmark": sent(KNOWN)}
        answer = browser.post(CALL, form, format="multipart", headers={"X-CSRFToken": token})
        assert answer.status_code == 202

    def test_the_document_tells_of_both_bodies(self, caller: APIClient, project: Project) -> None:
        said = caller.get("/api/schema/").json()["paths"]["/api/projects/{slug}/releases/"]
        assert set(said["post"]["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
        assert {"202", "400", "409", "413", "415"} <= set(said["post"]["responses"])
