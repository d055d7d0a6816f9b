"""Files of every source through the API: as a body, as a form, and refused in words that arrive."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.importing import SOURCES
from labeling.models import Project, Prompt, User
from labeling.services import people
from tests.labeling.importing.reading import GOOD, zipped

ADDRESS = "/api/projects/haiku/prompts/"


@pytest.fixture
def client(alice: User, project: Project) -> Client:
    _, key = people.create_token(alice, by=alice)
    return Client(headers={"Authorization": f"Token {key}"})


def sent(client: Client, source: str, raw: bytes, kind: str, **extra: Any) -> dict[str, Any]:
    answer = client.post(f"{ADDRESS}?source={source}", raw, content_type=kind, **extra)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_may_be_a_body_of_its_own_kind_or_a_form(client: Client, source: str) -> None:
    good = GOOD[source](range(3))
    first, *others = [*SOURCES[source].media_types, "application/octet-stream"]
    assert sent(client, source, good, first)["imported"] == 3
    assert sorted(prompt.opening for prompt in Prompt.objects.all()) == [f"Question {n}?" for n in range(3)]
    assert set(Prompt.objects.values_list("candidates_count", flat=True)) == {1}
    for kind in others:
        assert sent(client, source, good, kind)["unchanged"] == 3
    assert sent(client, source, zipped(good), "application/gzip")["unchanged"] == 3
    form = {"file": SimpleUploadedFile("prompts", good)}
    assert client.post(f"{ADDRESS}?source={source}", form).json()["unchanged"] == 3


@pytest.mark.parametrize("source", SOURCES)
def test_a_body_of_another_kind_is_told_which_it_should_be(client: Client, source: str) -> None:
    kind = "text/csv" if source == "parquet" else "application/vnd.apache.parquet"
    answer = client.post(f"{ADDRESS}?source={source}", b"", content_type=kind)
    assert answer.status_code == 415
    assert SOURCES[source].media_types[0] in answer.json()["detail"]


@pytest.mark.parametrize("source", ["csv", "alpaca"])
def test_a_file_that_is_refused_at_its_start_is_read_to_its_end(client: Client, source: str) -> None:
    body = io.BytesIO("question\n".encode("utf-16") + b"x" * 5_000_000)
    size = str(len(body.getbuffer()))
    answer = sent(client, source, b"-", "application/octet-stream", **{"CONTENT_LENGTH": size, "wsgi.input": body})
    assert (answer["imported"], answer["rejected"]) == (0, 1)
    assert body.read() == b"", "the client is done sending, so it hears the answer"
