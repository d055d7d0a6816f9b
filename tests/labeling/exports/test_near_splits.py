"""Prompts that were found to be nearly the same share a part, and no part ever changes once a release has given it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling.exports import choices, plans
from labeling.exports.groups import Groups
from labeling.exports.models import Release
from labeling.exports.policies import Split, group_of, split_of
from labeling.exports.records import Prompt
from labeling.exports.services import rebuilding, releases
from labeling.exports.stream import Export, measure
from labeling.models import Project, SplitLink, User
from labeling.text import sha256
from tests import make
from tests.labeling.exports.releasing import asked, built, rows
from tests.labeling.services.test_duplicates import prompts, searched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

# By their own openings: a test prompt, and variants of it that would be for training.
SENTENCE = "Please tell me in a few short sentences how a bicycle stays upright while it is moving, number {}"
HALVES = {"train": 50, "test": 50}


def own_part(text: str) -> Split:
    return split_of(group_of(Prompt(1, ({"role": "user", "content": text},))), (50, 0, 50))


RIVER, COLOUR = (
    next(
        f"Name a {what}."
        for what in ("river", "colour", "metal", "bird", "tree")
        if own_part(f"Name a {what}.") is part
    )
    for part in (Split.TRAIN, Split.TEST)
)
TRAIN, *MORE = [text for n in range(40) if own_part(text := SENTENCE.format(n)) is Split.TRAIN]
TEST, *REST = [text for n in range(40) if own_part(text := SENTENCE.format(n)) is Split.TEST]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "SHARD_PROMPTS", 3)


@pytest.fixture
def project(ann: User) -> Project:
    """Two prompts of other kinds, one in each half."""
    made = make.project(annotators=[ann])
    make.queue(made, slug="write")
    prompts(made, RIVER, COLOUR)
    return made


def write(project: Project, ann: User, *texts: Any) -> None:
    """More prompts, and an answer to every prompt."""
    prompts(project, *texts)
    queue = project.queues.get(slug="write")
    while True:
        try:
            make.written(queue, ann)
        except AssertionError:
            return


def said(row: dict[str, Any]) -> str:
    return str(row["messages"][0]["content"])


def parts(release: Release) -> dict[str, str]:
    """The part of every prompt of a release, by what it says."""
    return {said(row): part for part in ("train", "test") for row in rows(release, "sft", part)}


def downloaded(project: Project, **given: str) -> dict[str, str]:
    """The same by downloads."""
    found = {}
    for split in ("train", "test"):
        choice = choices.parse(project, {"format": "sft", "split": split, **given})
        for line in b"".join(Export(choice)).splitlines():
            found[said(json.loads(line))] = split
    return found


def test_near_duplicates_share_a_part(project: Project, ann: User) -> None:
    write(project, ann, TEST, TRAIN, *MORE[:2])
    apart = downloaded(project, ratios="50/0/50")
    assert (apart[TEST], apart[TRAIN]) == ("test", "train")
    searched(project, likeness=70)
    together = downloaded(project, ratios="50/0/50")
    assert {together[text] for text in (TEST, TRAIN, *MORE[:2])} == {"test"}
    assert parts(built(project, splits=HALVES)) == together
    # What opens as one of them does goes with it, without another search.
    write(project, ann, {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TRAIN}]})
    assert downloaded(project, ratios="50/0/50")["Be brief."] == "test"


def test_a_part_never_changes_once_a_release_has_given_it_out(project: Project, ann: User) -> None:
    write(project, ann, TEST, TRAIN)
    first = built(project, splits=HALVES)
    before = parts(first)
    assert (before[TEST], before[TRAIN]) == ("test", "train")
    write(project, ann, MORE[0], REST[0])
    searched(project, likeness=70)
    second = built(project, splits=HALVES)
    after = parts(second)
    assert before.items() <= after.items()
    # What came later goes to the first of its group.
    assert (after[MORE[0]], after[REST[0]]) == ("test", "test")
    assert second.manifest
    (warning,) = second.manifest["formats"][0]["warnings"]
    assert warning.startswith("1 prompt is nearly the same as prompts in another part")
    assert warning in measure(choices.parse(project, {"format": "sft", "split": "train", "ratios": "50/0/50"})).warnings
    # It is made again as it was, though more is known now, and the same holds for the first.
    write(project, ann, MORE[1])
    searched(project, likeness=70)
    for release in (first, second):
        assert [file.path for file in rebuilding.rebuild(release) if file.differs] == []
    assert after.items() <= parts(built(project, splits=HALVES)).items()


@pytest.mark.parametrize("ratios", ["100/0/0", "0/0/100"])
def test_nothing_is_told_where_all_are_in_one_part(project: Project, ann: User, ratios: str) -> None:
    write(project, ann, TEST, TRAIN)
    built(project, splits=HALVES)
    searched(project, likeness=70)
    split = "train" if ratios.startswith("100") else "test"
    assert measure(choices.parse(project, {"format": "sft", "split": split, "ratios": ratios})).warnings == []
    assert measure(choices.parse(project, {"format": "sft"})).warnings == []


def test_by_tag_near_duplicates_are_held_out_together(project: Project, ann: User) -> None:
    write(project, ann, {"prompt": TEST}, {"prompt": TRAIN, "tags": ["test"]}, {"prompt": MORE[0], "tags": ["train"]})
    searched(project, likeness=70)
    found = downloaded(project, split_by="tag")
    assert found == {RIVER: "train", COLOUR: "train", TEST: "test", TRAIN: "test"}
    choice = choices.parse(project, {"format": "sft", "split": "test", "split_by": "tag"})
    assert measure(choice).removed == {"split_conflict": 1}
    project.prompts.filter(messages__0__content=COLOUR).update(tags=["validation"])
    assert parts(built(project, splits="tags")) == {RIVER: "train", TEST: "test", TRAIN: "test"}


def test_by_tag_too_what_was_given_out_stays_with_its_group(project: Project, ann: User) -> None:
    tagged = {"prompt": TRAIN, "tags": ["test"]}
    write(project, ann, TEST, tagged, {"prompt": "Who was Ada Lovelace?", "tags": ["validation"]})
    before = parts(built(project, splits="tags"))
    searched(project, likeness=70)
    second = built(project, splits="tags")
    assert parts(second) == before
    assert second.manifest
    assert "1 prompt is nearly the same" in second.manifest["formats"][0]["warnings"][0]


def test_a_release_that_came_to_nothing_gives_nothing_out(project: Project, ann: User) -> None:
    write(project, ann, TEST, TRAIN)
    by = make.manager(project)
    releases.cancel(asked(project, splits=HALVES), by=by)
    failing = asked(project, splits={"train": 99, "validation": 1})
    releases.work()
    failing.refresh_from_db()
    assert failing.state == "failed"
    built(project)  # undivided
    project.refresh_from_db()
    assert project.released_through == 0
    searched(project, likeness=70)
    assert parts(built(project, splits=HALVES))[TRAIN] == "test"
    project.refresh_from_db()
    assert project.released_through == project.prompts.order_by("-pk")[0].pk


def test_groups_are_looked_up_for_many_prompts_at_a_time(
    project: Project, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, ann, TEST, TRAIN, *MORE, *REST, *(sha256(str(number)) for number in range(100)))
    searched(project, likeness=70)
    assert SplitLink.objects.filter(project=project).count() > 20
    looked_up: list[int] = []
    ask = Groups.ask

    def counted(self: Any, found: Any) -> Any:
        looked_up.append(len(found))
        return ask(self, found)

    monkeypatch.setattr(Groups, "ask", counted)
    downloaded(project, ratios="50/0/50")
    assert max(looked_up) >= 20
    looked_up.clear()
    measure(choices.parse(project, {"format": "sft"}))
    assert looked_up == []
