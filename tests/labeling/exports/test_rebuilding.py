"""A release that is made again is the same to the byte, whatever has happened since; and what is not is told."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from labeling.exports import plans, stored
from labeling.exports.files import KINDS
from labeling.exports.models import Release
from labeling.exports.services import rebuilding, releases, withdrawals
from labeling.importing.base import parse
from labeling.models import Annotation, Project, Prompt, User
from labeling.services import annotations as answers
from labeling.services import imports, projects, queues
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.releasing import asked, built, files

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

ALL = ("sft", "prompt-completion", "preference", "reward", "kto", "prompts", "raw")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 2)


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    """Eight prompts, one of them with tool calls; most are written, ranked by two, and rated."""
    made = make.project(annotators=[ann, ben], slug="haiku")
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    tools = [
        {"role": "user", "content": "How warm?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "21", "name": "f"},
    ]
    make.imported(made, 7, candidates=2, metadata={"n": 1}, tags=["t"])
    imports.import_lines(made, [parse({"messages": tools}, 1)], source="jsonl", by=make.manager(made))
    write = make.queue(made, slug="write")
    rank = make.queue(made, preset="ranking", slug="rank", overlap=2)
    thumbs = make.queue(made, preset="kto", slug="thumbs")
    for n in range(8):
        make.written(write, ann, f"Response {n}.")
    for n in range(5):
        for person in (ann, ben):
            make.ranked(rank, person, [[f"Answer 1 to {n}"], [f"Answer 0 to {n}"]])
    for n in range(4):
        answered(thumbs, ben, thumbs={f"Answer 0 to {n}": 0, f"Answer 1 to {n}": 1})
    return made


def differing(release: Release) -> dict[str, str]:
    """The files that are not the same any more, with how."""
    return {file.path: file.differs for file in rebuilding.rebuild(release) if file.differs}


def life_goes_on(project: Project, ann: User, ben: User) -> None:
    """Everything that can happen to a project after a release."""
    write, rank = project.queues.get(slug="write"), project.queues.get(slug="rank")
    # Corrections, submits that are taken back, new answers, new prompts and candidates.
    first, second = Annotation.objects.filter(queue=write).order_by("pk")[:2]
    first.slot.refresh_from_db()
    answers.revise(first.slot, {"response": {"text": "Corrected."}}, lease=str(first.slot.lease), version=1, by=ann)
    Annotation.objects.filter(pk=second.pk).update(undone_at=timezone.now())
    make.ranked(rank, ann, [["Answer 0 to 5"], ["Answer 1 to 5"]])
    newest = Annotation.objects.filter(queue=rank).latest("pk")
    newest.slot.refresh_from_db()
    answers.undo(newest.slot, lease=str(newest.slot.lease), by=ann)
    make.imported(project, 4, start=50, candidates=2)
    make.written(write, ben, "Late.")
    # Somebody withdraws, somebody leaves, the guidelines, the form and the project's words change.
    withdrawals.withdraw(project, ben, by=make.manager(project))
    projects.set_guidelines(project, "New ones.", by=make.manager(project))
    queues.change(write, form=[{"name": "text", "type": "write"}], name="Another name", by=make.manager(project))
    projects.change(project, name="Another", description="Of haiku.", license="mit", by=make.manager(project))
    # Another release, and one that is called off.
    built(project, "sft")
    releases.cancel(asked(project, "sft"), by=make.manager(project))


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_is_the_same_to_the_byte_whatever_happens(project: Project, ann: User, ben: User, kind: str) -> None:
    release = built(project, *ALL, files=kind, title="Of now")
    before = files(release)
    assert differing(release) == {}
    life_goes_on(project, ann, ben)
    release.refresh_from_db()
    assert differing(release) == {}
    assert files(release) == before


def test_a_release_names_the_licence_of_its_time(project: Project) -> None:
    without = built(project, "raw")
    project = projects.change(project, license="odc-by", by=make.manager(project))
    found = files(built(project, "raw"))
    assert without.manifest
    assert "license" not in without.manifest["project"]
    assert b"license: odc-by\n" in found["README.md"]
    assert json.loads(found["manifest.json"])["project"]["license"]["name"] == "odc-by"
    assert json.loads(found["croissant.json"])["license"] == "https://opendatacommons.org/licenses/by/1-0/"


def test_whoever_has_withdrawn_is_in_no_later_release(project: Project, ann: User, ben: User) -> None:
    before = built(project, *ALL)
    withdrawals.withdraw(project, ben, by=make.manager(project))
    after = built(project, "sft", "preference", "raw")
    assert before.manifest
    assert after.manifest
    assert (before.counts["annotators"], after.counts["annotators"]) == (2, 1)
    assert list(after.contributors.values_list("user", flat=True)) == [ann.pk]
    removed = {one["format"]: one["removed"] for one in after.manifest["formats"]}
    assert {name: removed["raw"][0][name] for name in ("rule", "count")} == {"rule": "withdrawn", "count": 9}
    assert Annotation.objects.filter(annotator=ben).count() == 9
    # Of two people who ranked, one is left: each ranking is of one.
    with pytest.raises(AssertionError, match="“kto” has no row"):
        built(project, "kto")


def test_what_was_changed_is_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    release = built(project, "sft", "prompts")
    call_command("rebuild_release", "haiku", 1)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "sft/all-00000.jsonl: the same"
    assert "manifest.json: the same" in printed
    assert printed[-1] == "Every file is the same."

    prompt = Prompt.objects.order_by("pk")[1]
    Prompt.objects.filter(pk=prompt.pk).update(external_id="another")
    stored.put_text(release, "prompts/all-00002.jsonl", "damaged")
    stored.delete(release, "sft/all-00002.jsonl")
    with pytest.raises(SystemExit) as ended:
        call_command("rebuild_release", "haiku", 1)
    assert ended.value.code == 1
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines() if ": " in line)
    assert said["sft/all-00000.jsonl"].startswith("had 4 rows")
    assert said["sft/all-00001.jsonl"] == "the same"
    assert said["sft/all-00002.jsonl"] == "is gone from the storage; it is made as it was"
    assert said["prompts/all-00002.jsonl"] == "was changed in the storage; it is made as it was"
    Annotation.objects.filter(queue__slug="write").order_by("-pk").update(created_at=timezone.now())
    assert differing(release)["sft/all-00002.jsonl"] == "is in the release, and is not made any more"


def test_only_what_is_done_is_compared(project: Project) -> None:
    asked(project, "sft")
    with pytest.raises(CommandError, match="only one that is done"):
        call_command("rebuild_release", "haiku", 1)
    with pytest.raises(CommandError, match="no release 7"):
        call_command("rebuild_release", "haiku", 7)


# --- The command that asks -------------------------------------------------------------------------------------------


def test_a_release_on_the_command_line(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("release", "haiku", formats="sft", title="Later")
    assert capsys.readouterr().out == "1\n"
    assert Release.objects.get().state == "waiting"
    call_command(
        "release", "haiku", formats="sft, preference", pairs="all", splits="train=50,test=50", files="gzip", wait=True
    )
    printed = capsys.readouterr()
    assert printed.out == "2\n"
    release = Release.objects.get(number=2)
    assert release.manifest
    assert (release.state, release.by) == ("done", make.manager(project))
    assert release.manifest["splits"]["ratios"] == {"train": 50, "test": 50}
    for file in release.manifest["files"]:
        assert f"{file['sha256']}  {file['path']}" in printed.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"formats": "xml"}, "formats.0: Choose one of"),
        ({"formats": "sft", "pairs": "some"}, "filters.pairs"),
        ({"formats": "sft", "splits": "half"}, "--splits is yes, tags"),
        ({"formats": "sft", "splits": "train=50"}, "together they must be 100"),
        ({"formats": "sft", "email": "nobody@example.org"}, "no active account"),
    ],
)
def test_what_cannot_be_released_is_told(project: Project, given: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("release", "haiku", **given)
    assert not Release.objects.exists()


def test_a_release_that_fails_is_an_error(project: Project) -> None:
    with pytest.raises(CommandError, match="Release 1 failed: “sft” has no row in “validation”"):
        call_command("release", "haiku", formats="sft", splits="train=99,validation=1", wait=True)


def test_warnings_about_several_columns_stand_in_one_order(ann: User) -> None:
    """What was counted is kept by the database in an order of its own; a release that is made again counts anew."""
    days = make.project(annotators=[ann])
    lines = [parse({"prompt": f"2026-01-{n:02}", "external_id": f"day {n}"}, n) for n in (1, 2)]
    imports.import_lines(days, lines, source="jsonl", by=make.manager(days))
    write = make.queue(days)
    for n in (3, 4):
        make.written(write, ann, f"2026-01-{n:02}")
    release = built(days, "prompts")
    assert release.manifest
    told = [warning.split("”")[0] for warning in release.manifest["formats"][0]["warnings"]]
    assert told == ["Every text in “prompt[].content", "Every text in “reference"]
    assert differing(release) == {}
