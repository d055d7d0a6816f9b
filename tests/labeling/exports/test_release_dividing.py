"""What whoever asks for a divided release is told first: of other shares, and of a search that is due."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from labeling.exports import division
from labeling.exports.models import Release
from labeling.exports.selectors.dividing import warnings
from labeling.exports.services import rebuilding, releases
from labeling.models import DuplicateSearch, Project, User
from labeling.services import people
from tests import make
from tests.labeling.exports.releasing import asked, built, data, haiku
from tests.labeling.exports.test_release_pages import chosen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

HALVES: division.Ratios = {"train": 50, "test": 50}
MOST: division.Ratios = {"train": 80, "validation": 10, "test": 10}


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


def searched(project: Project, likeness: int | None = 80, state: str = "done") -> None:
    now = timezone.now()
    DuplicateSearch.objects.create(project=project, likeness=likeness, state=state, finished_at=now)


def test_the_percent_that_goes_is_told() -> None:
    assert division.moved(HALVES, HALVES) == []
    assert division.moved(HALVES, {"train": 60, "test": 40}) == [("test", "train", 10)]
    assert division.moved(MOST, HALVES) == [("train", "test", 30), ("validation", "test", 10)]
    assert division.moved(None, HALVES) == division.moved("tags", HALVES) == []


def test_other_shares_than_before_are_told_everywhere(project: Project, client: Client) -> None:
    searched(project)
    first = built(project, "sft", splits=HALVES)
    assert first.manifest
    assert (first.asked["warnings"], first.manifest["warnings"]) == ([], [])
    assert built(project, "sft", splits=HALVES).asked["warnings"] == []
    manager = make.manager(project)
    _, key = people.create_token(manager, by=manager)
    speaker = APIClient(headers={"Authorization": f"Token {key}"})
    sent: dict[str, Any] = {"format": "sft", "splits": MOST}
    (told,) = speaker.post("/api/projects/haiku/releases/", sent, format="json").json()["warnings"]
    assert told.startswith(
        "Release 2 is divided 50 % train, 50 % test, this one 80 % train, 10 % validation, 10 % test: prompts stand in "
        "other parts here than there (30 % from test to train, 10 % from test to validation)."
    )
    releases.work()
    release = Release.objects.get(number=3)
    assert release.manifest
    assert release.manifest["warnings"] == [told]
    assert "30 % from test to train" in data(release, "README.md").decode()
    assert {file.differs for file in rebuilding.rebuild(release)} == {""}
    client.force_login(manager)
    assert told in client.get("/projects/haiku/releases/3/").content.decode()
    form = chosen(project, splits="shares", train="50", validation="", test="50", look="1")
    looked = client.post("/projects/haiku/releases/new/", form).content.decode()
    assert "Release 3 is divided 80 % train" in looked


def test_what_gives_nothing_out_is_nothing_to_keep_to(project: Project) -> None:
    searched(project)
    releases.cancel(asked(project, "sft", splits=HALVES), by=make.manager(project))
    asked(project, "sft", splits="tags")
    asked(project, "sft")
    assert warnings(project, MOST) == []
    asked(project, "sft", splits=HALVES)
    assert len(warnings(project, MOST)) == 1
    assert warnings(project, "tags") == warnings(project, None) == warnings(project, HALVES) == []


def test_a_search_that_is_due_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert warnings(project, None) == []
    for shares in (HALVES, "tags"):
        (told,) = warnings(project, shares)
        assert "No search for near duplicates was asked for since the newest prompt came in" in told
    # For the very same, and one that failed: neither has looked for near ones.
    searched(project, likeness=None)
    searched(project, state="failed")
    assert len(warnings(project, HALVES)) == 1
    call_command("release", "haiku", formats="sft", splits="train=50,test=50")
    assert "Warning: No search for near duplicates" in capsys.readouterr().err
    searched(project)
    assert warnings(project, HALVES) == []
    make.imported(project, 1, start=90)
    assert len(warnings(project, HALVES)) == 1


def test_a_release_of_an_earlier_version_has_none(project: Project) -> None:
    release = asked(project, "sft")
    del release.asked["warnings"]
    release.save()
    manager = make.manager(project)
    _, key = people.create_token(manager, by=manager)
    speaker = APIClient(headers={"Authorization": f"Token {key}"})
    assert speaker.get("/api/projects/haiku/releases/1/").json()["warnings"] == []
    releases.work()
    assert Release.objects.get().state == "done"
