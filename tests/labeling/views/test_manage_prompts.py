from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labeling.importing.base import parse
from labeling.models import Candidate, Project, Prompt, PromptImport, User
from labeling.services import prompts, skips, slots
from tests import make

GOOD = b'{"prompt": "One?", "external_id": "1"}\n{"prompt": "Two?", "external_id": "2", "batch": "b & c"}\n'


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_upload_works(client: Client, project: Project, pack: Callable[[bytes], bytes]) -> None:
    file = SimpleUploadedFile("questions.jsonl", pack(GOOD + b"{}\n"))
    sent = client.post("/projects/haiku/imports/", {"file": file, "source": "jsonl"}, follow=True)
    shown = sent.content.decode()
    assert sent.redirect_chain[-1][0] == f"/projects/haiku/imports/{PromptImport.objects.get().pk}/"
    assert "questions.jsonl" in shown
    assert "Give either “prompt” or “messages”." in shown
    assert Prompt.objects.filter(project=project).count() == 2
    assert "questions.jsonl" in client.get("/projects/haiku/imports/").content.decode()


def test_rejected_lines_are_a_file_to_download(client: Client, alice: User, project: Project) -> None:
    file = SimpleUploadedFile("bad.jsonl", b"no\n" * 150)
    page = client.post("/projects/haiku/imports/", {"file": file, "source": "jsonl"}, follow=True)
    assert "The first 100 of 150." in page.content.decode()
    downloaded = client.get(f"/projects/haiku/imports/{PromptImport.objects.get().pk}/rejected/")
    assert downloaded.headers["Content-Disposition"].startswith("attachment")
    lines = [json.loads(line) for line in b"".join(downloaded).splitlines()]
    assert [line["line"] for line in lines] == list(range(1, 151))


@pytest.mark.parametrize("sent", [{}, {"source": "jsonl"}, {"file": "text", "source": "jsonl"}])
def test_a_form_without_a_file_says_so(client: Client, project: Project, sent: dict[str, str]) -> None:
    answer = client.post("/projects/haiku/imports/", sent)
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    assert not PromptImport.objects.exists()


def test_an_unknown_kind_of_file_is_refused(client: Client, project: Project) -> None:
    file = SimpleUploadedFile("questions.xml", GOOD)
    assert client.post("/projects/haiku/imports/", {"file": file, "source": "xml"}).status_code == 422
    assert not PromptImport.objects.exists()


def test_a_file_name_that_is_markup_stays_text(client: Client, project: Project) -> None:
    file = SimpleUploadedFile("<b>.jsonl", GOOD)
    client.post("/projects/haiku/imports/", {"file": file, "source": "jsonl"})
    assert "<b>" not in client.get("/projects/haiku/imports/").content.decode()


def test_prompts_are_narrowed_down(client: Client, ann: User, project: Project) -> None:
    make.imported(project, 2, batch="first")
    make.imported(project, 1, start=2, batch="b & c")
    queue = make.queue(project)
    make.written(queue, ann)
    make.imported(project, 1, start=3)
    waiting = Prompt.objects.get(external_id="p3")
    Prompt.objects.filter(pk=waiting.pk).update(candidates_awaited=4)

    def shown(query: str) -> list[str]:
        page = client.get(f"/projects/haiku/prompts/?{query}").context["page"]
        return [prompt.external_id for prompt in page.rows]

    assert shown("") == ["p0", "p1", "p2", "p3"]
    assert shown("batch=first") == ["p0", "p1"]
    assert shown("batch=b+%26+c") == ["p2"]
    assert shown("external_id=p1") == ["p1"]
    assert shown("state=done") == ["p0"]
    assert shown("state=working") == ["p1", "p2"]
    assert shown("state=waiting") == ["p3"]
    assert shown("state=unused") == []
    assert shown("state=done&batch=b+%26+c") == []
    assert "No prompt fits" in client.get("/projects/haiku/prompts/?batch=none").content.decode()


def test_a_list_says_the_same_of_a_prompt_as_its_filter(client: Client, ann: User, project: Project) -> None:
    make.imported(project, 3)
    unused = make.project(project.memberships.get(role="manager").user, slug="unused")
    make.imported(unused, 1)
    queue = make.queue(project, overlap=2)
    make.written(queue, ann)
    make.written(queue, make.manager(project))
    Prompt.objects.filter(project=project, external_id="p2").update(candidates_awaited=1)
    for slug in ("haiku", "unused"):
        for row in client.get(f"/projects/{slug}/prompts/").context["rows"]:
            found = client.get(f"/projects/{slug}/prompts/?state={row.stand}").context["rows"]
            assert row.prompt in [one.prompt for one in found]


def test_a_prompt_shows_candidates_with_provenance_and_every_answer(
    client: Client, ann: User, alice: User, project: Project
) -> None:
    make.imported(project, 1, candidates=2, metadata={"origin": "a book"}, tags=["short"])
    ranking = make.queue(project, preset="ranking", slug="rank", overlap=2)
    writing = make.queue(project, slug="write")
    make.ranked(ranking, ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    make.written(writing, ann, "Rain.\n\n**On** the roof.")
    slot = slots.take_next(ranking, by=alice)
    assert slot is not None
    skips.skip(slot, lease=str(slot.lease), reason="unclear", comment="What roof?", by=alice)
    shown = client.get(f"/projects/haiku/prompts/{project.prompts.get().pk}/").content.decode()
    best = list(Candidate.objects.order_by("pk").values_list("text", flat=True)).index("Answer 1 to 0") + 1
    assert f"<li>Candidate {best}</li><li>Candidate {3 - best}</li>" in shown
    assert "<strong>On</strong> the roof." in shown
    assert "model-0" in shown
    assert "a book" in shown
    assert "What roof?" in shown


def test_a_conversation_is_shown_with_its_documents(client: Client, project: Project) -> None:
    line = {
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [{"name": "look_up"}]},
            {"role": "tool", "name": "look_up", "content": "Rain"},
        ],
        "context": [{"text": "No name."}, {"title": "A map", "text": "Of it.", "url": "https://example.org/map"}],
    }
    prompts.import_lines(project, [parse(line, 1)], source="jsonl", by=make.manager(project))
    shown = client.get(f"/projects/haiku/prompts/{project.prompts.get().pk}/").content.decode()
    for said in ("You are brief.", "look_up", "Rain", "Document: 1", "Document: A map", "https://example.org/map"):
        assert said in shown


def test_a_prompt_and_its_candidates_are_shown_as_text(client: Client, project: Project) -> None:
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    make.imported(project, 1, prompt=evil, candidates=1, metadata={evil: evil}, batch=evil[:90], tags=[evil[:50]])
    Candidate.objects.update(text=evil, model=evil)
    prompt = project.prompts.get()
    for page in ("prompts/", f"prompts/{prompt.pk}/", "events/"):
        shown = client.get(f"/projects/haiku/{page}").content.decode()
        assert "<script>alert" not in shown
        assert "<img" not in shown


def test_a_prompt_of_another_project_is_not_found_here(client: Client, alice: User, project: Project) -> None:
    other = make.project(alice, slug="other")
    make.imported(other, 1)
    prompt, record = other.prompts.get(), other.imports.get()
    assert client.get(f"/projects/haiku/prompts/{prompt.pk}/").status_code == 404
    assert client.get(f"/projects/haiku/imports/{record.pk}/").status_code == 404
    assert client.get(f"/projects/haiku/prompts/{2**63}/").status_code == 404
    assert client.get(f"/projects/other/prompts/{prompt.pk}/").status_code == 200


def test_a_long_list_costs_a_handful_of_statements(
    client: Client, project: Project, django_assert_max_num_queries: Callable[[int], pytest.MonkeyPatch]
) -> None:
    make.imported(project, 60)
    make.queue(project)
    with django_assert_max_num_queries(7):  # type: ignore[attr-defined]
        assert len(client.get("/projects/haiku/prompts/").context["rows"]) == 50
