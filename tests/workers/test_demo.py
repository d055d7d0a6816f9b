"""The demo projects: everything in them, made once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labeling.models import Candidate, Project, Queue, Task, User
from labeling.questions import PRESETS
from workers import demo
from workers.backends.local_model import NAME as LOCAL_MODEL
from workers.models import Generator

pytestmark = pytest.mark.django_db


def test_every_recipe_has_a_queue_and_waits_for_real_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo_forms")
    project = Project.objects.get(slug=demo.RECIPES)
    assert set(Queue.objects.filter(project=project).values_list("slug", flat=True)) == set(PRESETS)
    assert Generator.objects.get(project=project).model == LOCAL_MODEL
    prompts = project.prompts.all()
    assert prompts.count() == demo.RECIPE_PROMPTS + 4
    assert {prompt.candidates_awaited for prompt in prompts} == {demo.CANDIDATES}
    assert sum(bool(prompt.context) for prompt in prompts) == 4
    said = capsys.readouterr().out
    password = said.split("the password ")[1].split()[0]
    assert User.objects.get(email="ann@example.org").check_password(password)


def test_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo_forms")
    capsys.readouterr()
    call_command("demo_forms")
    assert "was there already" in capsys.readouterr().out
    assert Project.objects.filter(slug=demo.RECIPES).count() == 1
    assert Project.objects.get(slug=demo.RECIPES).prompts.count() == demo.RECIPE_PROMPTS + 4


def test_a_file_brings_its_own_candidates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {"prompt": "Why?", "candidates": [{"text": f"Because {n}.", "model": f"m{n}"} for n in range(4)]}
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps(line) + "\n{\n")
    call_command("demo_forms", str(file))
    project = Project.objects.get(slug=demo.RECIPES)
    assert not Generator.objects.filter(project=project).exists()
    assert Candidate.objects.filter(prompt__project=project).count() == 4
    assert Task.objects.filter(queue__project=project).count() == len(PRESETS)
    said = capsys.readouterr().out
    assert "own.jsonl: imported 1, updated 0, unchanged 0, rejected 1" in said
    assert f"/projects/{demo.RECIPES}/imports/{project.imports.get().pk}/" in said
    with pytest.raises(CommandError, match="no file"):
        call_command("demo_forms", str(tmp_path / "none.jsonl"))
