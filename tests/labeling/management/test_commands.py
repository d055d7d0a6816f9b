from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from labeling.models import Event, Project, Prompt, User
from labeling.services import people
from tests import make

GOOD = b'{"prompt": "One?", "external_id": "1"}\n{"prompt": "Two?", "external_id": "2"}\n'


def told(*args: Any, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def project(db: None) -> Project:
    return make.project(make.person("alice"), annotators=[make.person("ann")], slug="haiku")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(GOOD)
    return path


def test_create_token_prints_a_token_that_works_on_its_last_line(project: Project) -> None:
    out, _ = told("create_token", "Ann@example.org")
    assert people.user_of_key(out.rstrip("\n").split("\n")[-1]) == User.objects.get(email="ann@example.org")


@pytest.mark.parametrize("email", ["nobody@example.org", ""])
def test_create_token_for_nobody_is_an_error_in_words(project: Project, email: str) -> None:
    with pytest.raises(CommandError, match="no active account"):
        told("create_token", email)


def test_import_prompts_works(project: Project, file: Path) -> None:
    out, err = told("import_prompts", "haiku", str(file))
    assert (out, err) == ("imported 2, updated 0, unchanged 0, rejected 0\n", "")
    assert Event.objects.get(verb="prompts.imported").actor == User.objects.get(email="alice@example.org")
    out, _ = told("import_prompts", "haiku", str(file))
    assert out == "imported 0, updated 0, unchanged 2, rejected 0\n"


def test_import_prompts_tells_the_first_bad_lines(project: Project, file: Path) -> None:
    file.write_bytes(b"no\n" * 25 + GOOD)
    out, _ = told("import_prompts", "haiku", str(file))
    assert out.startswith("imported 2, updated 0, unchanged 0, rejected 25\nline 1: ")
    assert out.endswith("… and 5 more; the import's page in the project has them.\n")


def test_import_prompts_reads_a_pipe_and_gzip(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(GOOD))))
    told("import_prompts", "haiku", "-")
    assert Prompt.objects.filter(project=project).count() == 2


def test_import_prompts_says_how_far_it_is_on_stderr(project: Project, file: Path) -> None:
    file.write_bytes(GOOD * 5000)
    out, err = told("import_prompts", "haiku", str(file))
    assert err == "10,000 lines read\n"
    assert out.startswith("imported 2, ")


def test_import_prompts_acts_for_who_is_named(project: Project, file: Path) -> None:
    root = User.objects.create_superuser("root@example.org")
    told("import_prompts", "haiku", str(file), "--as", "Root@example.org")
    assert Event.objects.get(verb="prompts.imported").actor == root


def test_import_prompts_acts_for_a_superuser_where_a_project_has_no_manager(project: Project, file: Path) -> None:
    root = User.objects.create_superuser("root@example.org")
    User.objects.filter(email="alice@example.org").update(is_active=False)
    told("import_prompts", "haiku", str(file))
    assert Event.objects.get(verb="prompts.imported").actor == root


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["haiku", "there-is-no-such-file"], "cannot be read"),
        (["other", "FILE"], "no project “other”"),
        (["haiku", "FILE", "--as", "nobody@example.org"], "no active account"),
        (["haiku", "FILE", "--as", "ann@example.org"], "Only a manager"),
        (["haiku", "FILE", "--source", "xml"], "jsonl"),
    ],
)
def test_import_prompts_says_what_is_wrong(project: Project, file: Path, args: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        told("import_prompts", *[str(file) if arg == "FILE" else arg for arg in args])
    assert not Prompt.objects.exists()
