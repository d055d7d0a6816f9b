"""Building forms as a program: what there is, and other questions for a queue."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.models import Project, User
from labeling.questions import PRESETS, QUESTION_TYPES
from tests import make
from tests.labeling.api.checked import Speaker


def test_every_preset_is_listed_and_can_be_sent_as_a_form(as_: Speaker, alice: User, project: Project) -> None:
    manager = as_(alice)
    listed = manager.get("/api/form-presets/").json()["results"]
    assert [preset["slug"] for preset in listed] == list(PRESETS)
    for preset in listed:
        made = manager.post("/api/projects/haiku/queues/", {"name": preset["slug"], "form": preset["form"]}).json()
        assert made["preset"] == preset["slug"]
        for limit in ("candidates_min", "candidates_max"):
            assert made[limit] == preset[limit]


def test_every_question_type_is_listed_with_settings_that_are_taken(
    as_: Speaker, alice: User, project: Project
) -> None:
    manager = as_(alice)
    listed = manager.get("/api/question-types/").json()["results"]
    assert [kind["name"] for kind in listed] == list(QUESTION_TYPES)
    for kind in listed:
        settings = {setting["name"]: setting["default"] for setting in kind["settings"]}
        made = manager.post(
            "/api/projects/haiku/queues/",
            {"name": kind["name"], "form": [{"name": "a", "type": kind["name"], **settings}]},
        )
        assert made.status_code == 201
        asked = {"question": "a", "is": list(kind["outcomes"])}
        form = [*made.json()["form"], {"name": "b", "type": "comment", "show_if": asked}]
        changed = manager.patch(f"/api/queues/{made.json()['id']}/", {"form": form})
        assert changed.json()["form"][1]["show_if"] == asked
    compare = next(kind for kind in listed if kind["name"] == "compare")
    assert compare["settings"][0]["kind"] == "texts"
    assert (compare["settings"][0]["least"], compare["settings"][0]["most"]) == (1, 4)
    per = next(kind for kind in listed if kind["name"] == "rate")["settings"][0]
    assert [choice["value"] for choice in per["choices"]] == ["candidate", "task"]


def test_another_form_is_a_new_version(as_: Speaker, alice: User, project: Project) -> None:
    queue = make.queue(project, preset="ranking")
    where, manager = f"/api/queues/{queue.pk}/", as_(alice)
    changed = manager.patch(where, {"preset": "llama3-pairwise-edit", "overlap": 2})
    assert changed.status_code == 200
    told = changed.json()
    assert (told["form_version"], told["preset"], told["overlap"]) == (2, "llama3-pairwise-edit", 2)
    assert (told["candidates_min"], told["candidates_max"]) == (2, 2)
    own = manager.patch(where, {"form": [*told["form"], {"name": "why", "type": "comment"}]}).json()
    assert (own["form_version"], own["preset"], len(own["form"])) == (3, "", 3)
    assert manager.patch(where, {"form": own["form"]}).json()["form_version"] == 3


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"form": []}, "form"),
        ({"form": None}, "form"),
        ({"form": {"name": "a"}}, "form"),
        ({"form": [{"name": "a", "type": "guess"}]}, "form[0].type"),
        ({"form": [{"name": "a", "type": "choose", "options": ["Yes"]}]}, "form[0].options"),
        ({"preset": "nonsense"}, "preset"),
        ({"preset": ""}, "preset"),
        ({"preset": "ranking", "form": [{"name": "a", "type": "rank"}]}, "form"),
        ({"preset": "ranking"}, "preset"),
    ],
)
def test_a_form_that_cannot_be_asked_changes_nothing(
    as_: Speaker, alice: User, project: Project, sent: dict[str, Any], path: str
) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    refused = as_(alice).patch(f"/api/queues/{queue.pk}/", {"name": "Another", **sent})
    assert refused.status_code == 400
    assert [fault["path"] for fault in refused.json()["errors"]] == [path]
    queue.refresh_from_db()
    assert queue.name == queue.slug.title()


def test_only_managers_change_what_is_asked(as_: Speaker, ann: User, charlie: User, project: Project) -> None:
    queue = make.queue(project)
    assert as_(ann).patch(f"/api/queues/{queue.pk}/", {"preset": "kto"}).status_code == 403
    assert as_(charlie).patch(f"/api/queues/{queue.pk}/", {"preset": "kto"}).status_code == 404
    assert as_(charlie).get("/api/form-presets/").status_code == 200
