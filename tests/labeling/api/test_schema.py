"""The OpenAPI document is true. `CheckedClient` holds every answer of all these tests against it, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from jsonschema import ValidationError

from annotate.environment import ROOT
from labeling.importing.base import parse
from labeling.models import DuplicateGroup, Project, Slot, Task, User
from labeling.services import duplicates, imports
from tests.labeling.api.checked import CheckedClient, Speaker, check, operations


def test_it_is_valid_and_served_to_anyone(nobody: CheckedClient, tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml"))
    served = nobody.get("/api/schema/")
    assert served.status_code == 200
    assert served.json()["openapi"].startswith("3.1")
    assert {where for _, where in operations()} <= set(served.json()["paths"])


def test_every_call_answers_as_it_says(as_: Speaker, alice: User, ann: User, project: Project) -> None:
    at, manager, annotator = "/api/projects/haiku/", as_(alice), as_(ann)
    manager.post("/api/tokens/", {"email": ann.email, "password": "correct horse battery"})
    manager.post("/api/projects/", {"name": "Another"})
    manager.get("/api/projects/")
    lines = b'{"prompt": "Why?", "candidates": [{"text": "So."}, {"text": "Thus."}]}\n{}\n{"prompt": "How?"}\n'
    imported = manager.send("POST", f"{at}prompts/", lines, "application/x-ndjson").json()
    waiting = manager.send("POST", f"{at}prompts/?background=1", lines, "application/x-ndjson").json()
    manager.post(waiting["cancel_url"])
    manager.get(f"{at}imports/")
    manager.get(manager.get(imported["report_url"]).json()["rejected_url"])
    queue = manager.post(f"{at}queues/", {"slug": "rank", "name": "Rank", "preset": "ranking", "overlap": 2}).json()
    writing = manager.post(f"{at}queues/", {"slug": "write", "name": "Write", "preset": "demonstrations"}).json()
    manager.patch(f"/api/queues/{queue['id']}/", {"priority": 2})
    manager.get(f"/api/queues/{queue['id']}/")
    manager.get("/api/form-presets/")
    manager.get("/api/question-types/")
    manager.get(f"{at}queues/")
    slot = annotator.post(f"/api/queues/{queue['id']}/next/").json()
    mine, lease = f"/api/slots/{slot['slot']}/", slot["lease"]
    annotator.put(f"{mine}draft/", {"lease": lease, "revision": 0, "answers": {"ranking": None}})
    annotator.post(f"/api/queues/{queue['id']}/next/")
    annotator.post(f"{mine}submit/", {"lease": lease, "answers": {"ranking": {"groups": [["a"], ["b"]]}}})
    lease = annotator.post(f"{mine}undo/", {"lease": lease}).json()["lease"]
    annotator.post(f"{mine}submit/", {"lease": lease, "answers": {"ranking": {"groups": [["a"], ["b"]]}}})
    corrected = {"lease": lease, "version": 2, "answers": {"ranking": {"groups": [["b"], ["a"]]}}}
    annotator.put(f"{mine}draft/", {**corrected, "revision": 0})
    annotator.post(f"{mine}revise/", corrected)
    written = annotator.post(f"/api/queues/{writing['id']}/next/").json()
    annotator.post(f"/api/slots/{written['slot']}/release/", {"lease": written["lease"]})
    written = annotator.post(f"/api/queues/{writing['id']}/next/").json()
    manager.post(f"/api/slots/{written['slot']}/take-back/")
    written = annotator.post(f"/api/queues/{writing['id']}/next/").json()
    annotator.post(f"/api/slots/{written['slot']}/skip/", {"lease": written["lease"], "reason": "unclear"})
    review = manager.post(f"/api/queues/{queue['id']}/reviews/next/").json()
    manager.post(f"/api/annotations/{review['annotation']}/reviews/", {"verdict": "accepted"})
    manager.get(f"/api/queues/{queue['id']}/reviews/")
    manager.get(f"{at}reviews/")
    manager.get(f"{at}annotations/")
    manager.get(at)
    manager.patch(at, {"license": "cc-by-4.0"})
    added = manager.post(f"{at}members/", {"email": "new@example.org", "role": "reviewer"}).json()
    manager.get(f"{at}members/")
    manager.patch(f"{at}members/{added['id']}/", {"skills": {"medicine": 2}, "languages": ["en"]})
    manager.put(f"{at}batches/", {"batch": "first", "priority": 1})
    manager.get(f"{at}batches/")
    manager.get(f"/api/queues/{queue['id']}/live/")
    manager.get(f"/api/queues/{writing['id']}/skips/")
    manager.post(f"{at}duplicates/search/", {"likeness": 80})
    manager.post(f"{at}duplicates/search/cancel/")
    manager.get(f"{at}duplicates/search/")
    manager.get(f"{at}duplicates/")
    manager.post(f"{at}duplicates/{same_prompts(project, alice).pk}/judge/", {"stays": "all"})
    webhook = manager.post(f"{at}webhooks/", {"url": "https://example.org/", "types": ["release.built"]}).json()
    hooked = f"{at}webhooks/{webhook['id']}/"
    manager.get(f"{at}webhooks/")
    manager.get(hooked)
    manager.patch(hooked, {"description": "Ours"})
    manager.post(f"{hooked}rotate/")
    tested = manager.post(f"{hooked}test/").json()
    manager.get(f"{hooked}deliveries/")
    manager.post(f"{hooked}deliveries/{tested['id']}/again/")
    manager.delete(hooked)
    task = f"/api/tasks/{Task.objects.filter(queue=writing['id']).latest('pk').pk}/"
    manager.post(f"{task}hand/", {"to": alice.email})
    manager.post(f"/api/slots/{Slot.objects.get(reserved_for=alice).pk}/free/")
    manager.post(f"{task}retire/", {})
    manager.post(f"{task}reopen/")
    experts = manager.post(f"{at}queues/", {"name": "Experts", "preset": "demonstrations", "only_moved": True})
    manager.post(f"{task}move/", {"queue": experts.json()["id"]})
    manager.delete(f"{at}members/{added['id']}/")
    assert manager.good | annotator.good == operations()


def same_prompts(project: Project, by: User) -> DuplicateGroup:
    """A group of two prompts that say the same."""
    lines = [parse({"prompt": "Why so?", "external_id": name}, n) for n, name in enumerate("ab", start=1)]
    imports.import_lines(project, lines, source="jsonl", by=by)
    duplicates.search(project, by=by)
    duplicates.work()
    return DuplicateGroup.objects.get()


CALL = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE)(?:, (?:GET|POST|PUT|PATCH|DELETE))*) (…?/[^`? ]*)[^`]*`")


def documented() -> set[tuple[str, str]]:
    """Every (method, path) in the first column of the table of calls in docs/api.md."""
    table = (ROOT / "docs" / "api.md").read_text().partition("## Calls")[2].partition("\n## ")[0]
    first = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    return {
        (method.lower(), where.replace("…", "/api/projects/{slug}"))
        for methods, where in CALL.findall(first)
        for method in methods.split(", ")
        if where != "/healthz"
    }


def test_the_documentation_names_every_call_and_no_other(nobody: CheckedClient) -> None:
    paths = nobody.get("/api/schema/").json()["paths"]
    served = {
        (method, re.sub(r"\{\w+_id\}", "{id}", where))
        for where, methods in paths.items()
        for method in methods
        if where != "/api/schema/"
    }
    assert documented() == served


def test_the_check_sees_an_answer_that_is_not_as_said(db: None) -> None:
    check({"$ref": "#/components/schemas/Error"}, {"code": "invalid", "detail": "So."})
    with pytest.raises(ValidationError):
        check({"$ref": "#/components/schemas/Error"}, {"code": "invalid", "detail": None})
    with pytest.raises(ValidationError):
        check({"$ref": "#/components/schemas/Submitted"}, {"annotation": "1", "version": 1})
