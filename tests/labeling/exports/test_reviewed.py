"""Reviews in exports: rejected answers are in no row, accepted ones alone where that is asked, as of the cutoff."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import call_command

from labeling.exports import choices, examples, stream
from labeling.exports.cleaning import Tools
from labeling.exports.formats import FORMATS
from labeling.exports.held import Held
from labeling.exports.models import Release
from labeling.exports.policies import Policies, Reviewed
from labeling.exports.records import Annotation as Answer
from labeling.exports.records import Example
from labeling.exports.removed import Removed
from labeling.exports.reviewed import reviewed
from labeling.exports.scope import Scope
from labeling.exports.services import rebuilding
from labeling.models import Annotation, Project, Queue, Role, Slot, User
from labeling.services import annotations as answers
from labeling.services import projects, queues, reviews
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.pure import compared, edited, example, liked, mark, marked, ranked, rated, written
from tests.labeling.exports.releasing import built, files, rows
from tests.labeling.exports.test_leaders import called
from tests.labeling.exports.test_stream import exported, imported

# --- The rule, without a database ------------------------------------------------------------------------------------

SEEN = [name for name, kind in FORMATS.items() if not kind.every_answer]


def versions(*verdicts: str, latest: bool = True) -> list[Answer]:
    """The versions of one answer with what was said of each. `latest` false: the newest of all is not among them."""
    return [
        replace(
            written(f"Version {number}.", latest=latest and number == len(verdicts)),
            slot_id=1,
            version=number,
            verdict=verdict,
        )
        for number, verdict in enumerate(verdicts, 1)
    ]


def seen(*said: Answer, asked: Reviewed = Reviewed.NOT_REJECTED) -> tuple[list[int], dict[str, int]]:
    """The versions that count as the latest, and what was counted."""
    removed = Removed()
    found = reviewed(example(*said), Policies(reviewed=asked), removed)
    return [one.version for one in found.current], removed.as_dict()


@pytest.mark.parametrize(
    ("verdicts", "asked", "version", "counted"),
    [
        (["accepted"], "accepted", [1], {}),
        (["accepted"], "not_rejected", [1], {}),
        ([""], "not_rejected", [1], {}),
        ([""], "accepted", [], {"not_accepted": 1}),
        (["rejected"], "not_rejected", [], {"rejected": 1}),
        (["rejected"], "accepted", [], {"rejected": 1}),
        (["rejected"], "any", [1], {}),
        # A correction that fits stands in the place of what it corrects.
        (["rejected", ""], "not_rejected", [2], {}),
        (["rejected", "accepted"], "accepted", [2], {}),
        # An earlier version stands where it was accepted and the newest does not fit, which is counted.
        (["accepted", ""], "accepted", [1], {"not_accepted": 1}),
        (["accepted", ""], "not_rejected", [2], {}),
        (["accepted", "rejected"], "not_rejected", [1], {"rejected": 1}),
        (["accepted", "accepted", "rejected"], "accepted", [2], {"rejected": 1}),
        (["", "accepted", "rejected", ""], "accepted", [2], {"not_accepted": 1}),
        # One that nobody vouches for does not come back.
        (["", "rejected"], "not_rejected", [], {"rejected": 1}),
        # An answer is counted once, whatever was said of its earlier versions.
        (["rejected", "rejected"], "not_rejected", [], {"rejected": 1}),
        (["rejected", ""], "accepted", [], {"not_accepted": 1}),
        (["accepted", "rejected"], "any", [2], {}),
    ],
)
def test_which_version_stands(verdicts: list[str], asked: str, version: list[int], counted: dict[str, int]) -> None:
    assert seen(*versions(*verdicts), asked=Reviewed(asked)) == (version, counted)


def test_none_takes_the_place_of_a_version_that_was_not_chosen() -> None:
    """The newest was given under another form, say, that was not asked for."""
    assert seen(*versions("accepted", "rejected", latest=False)) == ([], {})
    assert seen(*versions("accepted", "", latest=False), asked=Reviewed.ACCEPTED) == ([], {})


def test_each_seat_is_looked_at_by_itself() -> None:
    first, second = versions("accepted", "rejected")
    other = replace(written("Another."), slot_id=2, verdict="rejected")
    third = replace(written("A third."), slot_id=3)
    assert seen(first, second, other, third) == ([1, 1], {"rejected": 2})


def test_what_needs_no_change_is_not_copied() -> None:
    made = example(written("One."), *versions("", "accepted"))
    for asked in (Reviewed.NOT_REJECTED, Reviewed.ANY):
        assert reviewed(made, Policies(reviewed=asked), Removed()) is made
    found = reviewed(made, Policies(reviewed=Reviewed.ACCEPTED), Removed())
    assert (found.candidates, found.forms) == (made.candidates, made.forms)


def everything(*others: Answer) -> Example:
    """Answers of every kind to one prompt, that nobody has reviewed, and perhaps others."""
    return example(
        written("By hand."),
        edited("Better."),
        ranked("a b c"),
        compared("b", 2),
        rated(a=1, b=0),
        liked(a=5, b=1),
        marked(a=[mark(0, 3)], b=[]),
        *others,
    )


def said(of: Example, verdict: str) -> Example:
    """The same, with this verdict on each answer."""
    return replace(of, annotations=tuple(replace(one, verdict=verdict) for one in of.annotations))


def made(name: str, of: Example, **policies: Any) -> list[dict[str, Any]]:
    """The rows of a prompt, as every door makes them."""
    choice = choices.Choice(Project(), FORMATS[name], None, Policies(**policies))
    removed = Removed()
    return list(stream.rows_of(choice, of, removed, stream.cleaning_of(choice, Tools(), removed)))


@pytest.mark.parametrize("name", SEEN)
def test_no_format_sees_what_was_rejected(name: str) -> None:
    every = everything()
    rows, nothing = made(name, every), made(name, replace(every, annotations=()))
    assert rows != nothing
    accepted, rejected = said(every, "accepted"), said(every, "rejected")
    assert made(name, accepted) == made(name, accepted, reviewed=Reviewed.ACCEPTED) == rows
    assert made(name, rejected, reviewed=Reviewed.ANY) == rows
    for of, asked in ((rejected, "not_rejected"), (rejected, "accepted"), (every, "accepted")):
        assert made(name, of, reviewed=Reviewed(asked)) == nothing, "as if nobody had answered"
    # Among answers that stand, it counts for nothing.
    others = said(everything(), "rejected").annotations
    assert made(name, replace(every, annotations=(*others, *every.annotations))) == rows


def test_raw_sees_everything_and_says_what_was_said_of_it() -> None:
    for asked in Reviewed:
        found = made("raw", example(*versions("accepted", "rejected", "")), reviewed=asked)
        assert [(row["verdict"], row["latest"]) for row in found] == [
            ("accepted", False),
            ("rejected", False),
            ("", True),
        ]


def test_a_release_holds_nothing_of_what_was_rejected() -> None:
    """A tree tells of no answer, so all count that were read for it; what was rejected was not."""
    kept, gone = ranked("a b"), replace(ranked("b a"), verdict="rejected")
    of = example(kept, gone)
    choice = choices.Choice(Project(), FORMATS["oasst"], None, Policies())
    held = Held(of)
    held.add(made("oasst", of), choice.policies, stream.seen_by(choice, of, Removed()))
    assert list(held.annotations) == [kept.id]
    held = Held(of)
    held.add(made("preference", of), choice.policies, stream.seen_by(choice, of, Removed()))
    assert list(held.annotations) == [kept.id]
    choice = replace(choice, format=FORMATS["raw"])
    held.add(made("raw", of), choice.policies, stream.seen_by(choice, of, Removed()))
    assert list(held.annotations) == [kept.id, gone.id]


# --- Exports ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    """Four prompts with two responses each; Rita reviews."""
    made = make.project(annotators=[ann, ben], slug="haiku")
    make.imported(made, 4, candidates=2)
    return made


@pytest.fixture
def rita(project: Project) -> User:
    person = make.person("rita")
    projects.add_member(project, email=person.email, role=Role.REVIEWER, by=make.manager(project))
    return person


@pytest.fixture
def write(project: Project) -> Queue:
    return make.queue(project, slug="write")


def judge(annotation: Annotation, verdict: str, by: User) -> None:
    reviews.judge(annotation, verdict=verdict, reason="Wrong." if verdict == "rejected" else "", by=by)


def corrected(annotation: Annotation, text: str, by: User) -> Annotation:
    slot = Slot.objects.get(pk=annotation.slot_id)
    given = {"response": {"text": text}}
    return answers.revise(slot, given, lease=str(slot.lease), version=annotation.version, by=by)[0]


def texts(project: Project, **given: str) -> list[str]:
    """What people wrote, as `sft` has it."""
    try:
        found = exported(project, **{"format": "sft", "responses": "human", **given})
    except stream.EmptyExport:
        return []
    return [row["messages"][-1]["content"] for row in found]


def counted(project: Project, **given: str) -> dict[str, int]:
    return stream.measure(choices.parse(project, given)).removed


@pytest.mark.django_db(transaction=True)
def test_it_works(project: Project, write: Queue, ann: User, rita: User) -> None:
    good, bad, _ = (make.written(write, ann, text) for text in ("Good.", "Bad.", "Unread."))
    assert texts(project) == ["Good.", "Bad.", "Unread."]
    judge(good, "accepted", rita)
    judge(bad, "rejected", rita)
    assert texts(project) == ["Good.", "Unread."]
    assert texts(project, reviewed="accepted") == ["Good."]
    assert texts(project, reviewed="any") == ["Good.", "Bad.", "Unread."]
    assert counted(project, format="sft") == {"rejected": 1}
    assert counted(project, format="sft", reviewed="accepted") == {"rejected": 1, "not_accepted": 1}
    assert [row["verdict"] for row in exported(project, format="raw")] == ["accepted", "rejected", ""]
    assert len(exported(project, format="raw", reviewed="accepted")) == 3
    # The newest verdict is in force.
    judge(good, "rejected", rita)
    judge(bad, "accepted", rita)
    assert texts(project, reviewed="accepted") == ["Bad."]


@pytest.mark.django_db(transaction=True)
def test_an_earlier_version_that_was_accepted_stands(project: Project, write: Queue, ann: User, rita: User) -> None:
    first = make.written(write, ann, "First.")
    judge(first, "accepted", rita)
    second = corrected(first, "Second.", ann)
    assert texts(project) == ["Second."]
    assert texts(project, reviewed="accepted") == ["First."]
    judge(second, "rejected", rita)
    assert texts(project) == texts(project, reviewed="accepted") == ["First."]
    assert counted(project, format="sft") == {"rejected": 1}
    assert [(row["version"], row["verdict"], row["latest"]) for row in exported(project, format="raw")] == [
        (1, "accepted", False),
        (2, "rejected", True),
    ]
    third = corrected(second, "Third.", ann)
    assert texts(project) == ["Third."]
    judge(third, "accepted", rita)
    assert texts(project, reviewed="accepted") == ["Third."]
    assert counted(project, format="sft", reviewed="accepted") == {}
    slot = Slot.objects.get(pk=third.slot_id)
    # Answers to another form than the newest version was given to: none stands in its place.
    queues.change(write, form=[{"name": "response", "type": "write", "help": "Briefly."}], by=make.manager(project))
    write.refresh_from_db()
    Annotation.objects.filter(pk=third.pk).update(form=write.form_versions.latest("number"))
    assert texts(project, form="1", queue=slot.queue.slug) == []


@pytest.mark.django_db(transaction=True)
def test_rankings_and_ratings_that_were_rejected_are_nobodys(
    project: Project, ann: User, ben: User, rita: User
) -> None:
    rank = make.queue(project, preset="ranking", slug="rank", overlap=2)
    thumbs = make.queue(project, preset="kto", slug="thumbs")
    one, other = "Answer 0 to 0", "Answer 1 to 0"
    make.ranked(rank, ann, [[one], [other]])
    wrong = make.ranked(rank, ben, [[other], [one]])
    assert counted(project, format="preference") == {"no_preference": 1}
    judge(wrong, "rejected", rita)
    (row,) = exported(project, format="preference")
    assert (row["chosen"][0]["content"], row["metadata"]["n_raters"]) == (one, 1)
    assert counted(project, format="preference") == {"rejected": 1}

    thumb = answered(thumbs, ann, thumbs={one: 1, other: 0})
    assert len(exported(project, format="kto")) == 2
    assert counted(project, format="kto", reviewed="accepted", queue="thumbs") == {"not_accepted": 1}
    judge(thumb, "rejected", rita)
    with pytest.raises(stream.EmptyExport, match="2 answers whose newest version a reviewer rejected"):
        exported(project, format="kto")
    judge(thumb, "accepted", rita)
    assert len(exported(project, format="kto", reviewed="accepted")) == 2


@pytest.mark.django_db(transaction=True)
def test_a_prompt_without_an_answer_left_has_no_reference(
    project: Project, write: Queue, ann: User, rita: User
) -> None:
    bad = make.written(write, ann, "Bad.")
    make.written(write, ann, "Good.")
    assert [row["reference"] for row in exported(project, format="prompts")] == ["Bad.", "Good.", "", ""]
    judge(bad, "rejected", rita)
    assert [row["reference"] for row in exported(project, format="prompts")] == ["", "Good.", "", ""]


@pytest.mark.django_db(transaction=True)
def test_what_leads_gives_a_row(ann: User) -> None:
    """The first prompt with tool calls has a rejected answer alone: the next one leads."""
    made = make.project(annotators=[ann], slug="tools")
    imported(made, {"messages": called("First?")}, {"prompt": "One?"}, {"messages": called("Second?")})
    rita, queue = make.manager(made), make.queue(made)
    bad, *_ = [make.written(queue, ann) for _ in range(3)]
    assert [row["messages"][0]["content"] for row in exported(made, format="sft")] == ["First?", "One?", "Second?"]
    judge(bad, "rejected", rita)
    assert [row["messages"][0]["content"] for row in exported(made, format="sft")] == ["Second?", "One?"]


@pytest.mark.django_db(transaction=True)
def test_a_project_without_reviews_asks_for_none(project: Project, write: Queue, ann: User, rita: User) -> None:
    annotation = make.written(write, ann)
    other = make.project(annotators=[ann])

    def asks(of: Project) -> bool:
        with examples.snapshot() as own:
            return "labeling_review" in examples.Book(own, Scope(of.pk)).annotations

    assert not asks(project)
    judge(annotation, "accepted", rita)
    assert asks(project)
    assert not asks(other)


@pytest.mark.django_db(transaction=True)
def test_the_command_has_the_option(
    project: Project, write: Queue, ann: User, rita: User, capsys: pytest.CaptureFixture[str]
) -> None:
    good = make.written(write, ann, "Good.")
    make.written(write, ann, "Unread.")
    judge(good, "accepted", rita)
    call_command("export", "haiku", "--format", "sft", "--reviewed", "accepted")
    printed = capsys.readouterr()
    assert [json.loads(line)["messages"][-1]["content"] for line in printed.out.splitlines()] == ["Good."]
    assert "Left out: 1 answers whose newest version no reviewer has accepted." in printed.err


# --- Releases --------------------------------------------------------------------------------------------------------

FORMATS_RELEASED = ("sft", "preference", "kto", "prompts", "oasst", "raw")


def differing(release: Release) -> dict[str, str]:
    """The files that are not the same any more, with how."""
    return {file.path: file.differs for file in rebuilding.rebuild(release) if file.differs}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("release_home", "small_shards")
def test_a_release_reads_verdicts_as_of_its_cutoff(
    project: Project, write: Queue, ann: User, ben: User, rita: User
) -> None:
    said = [make.written(write, ann, f"Response {n}.") for n in range(4)]
    rank = make.queue(project, preset="ranking", slug="rank")
    thumbs = make.queue(project, preset="kto", slug="thumbs")
    for n in range(2):
        make.ranked(rank, ben, [[f"Answer 1 to {n}"], [f"Answer 0 to {n}"]])
        answered(thumbs, ben, thumbs={f"Answer 0 to {n}": 0, f"Answer 1 to {n}": 1})
    unread = built(project, *FORMATS_RELEASED)
    judge(said[0], "accepted", rita)
    judge(said[1], "rejected", rita)
    release = built(project, *FORMATS_RELEASED)
    before, after = files(unread), files(release)
    # Everything is judged the other way round, and the rest as well.
    judge(said[0], "rejected", rita)
    judge(said[1], "accepted", rita)
    for annotation in Annotation.objects.exclude(pk__in=[said[0].pk, said[1].pk]):
        judge(annotation, "rejected", rita)
    for one, stored in ((unread, before), (release, after)):
        one.refresh_from_db()
        assert differing(one) == {}
        assert files(one) == stored

    human = {"responses": "human"}
    assert [row["messages"][-1]["content"] for row in rows(unread, "sft")] == [f"Response {n}." for n in range(4)]
    assert [row["messages"][-1]["content"] for row in rows(release, "sft")][:1] == ["Response 0."]
    assert "Response 1." not in str(rows(release, "sft"))
    assert "Response 1." not in str(rows(release, "oasst"))
    assert "Response 1." not in str(rows(release, "prompts"))
    assert [row["verdict"] for row in rows(release, "raw") if row["queue"] == "write"] == [
        "accepted",
        "rejected",
        "",
        "",
    ]
    latest = built(project, "sft", "prompts", filters=human)
    assert [row["messages"][-1]["content"] for row in rows(latest, "sft")] == ["Response 1."]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("release_home", "small_shards")
def test_the_manifest_and_the_card_name_the_policy(project: Project, write: Queue, ann: User, rita: User) -> None:
    good, bad, _ = (make.written(write, ann, text) for text in ("Good.", "Bad.", "Unread."))
    judge(good, "accepted", rita)
    judge(bad, "rejected", rita)
    usual = built(project, "sft", "raw")
    chosen = built(project, "sft", "oasst", filters={"reviewed": "accepted"})

    def policy(release: Release, place: int) -> list[str]:
        assert release.manifest
        policies = release.manifest["formats"][place]["policies"]
        return [one["meaning"] for one in policies if one["policy"] == "reviewed"]

    assert (policy(usual, 0), policy(usual, 1)) == (["All but rejected ones"], [])
    assert policy(chosen, 0) == policy(chosen, 1) == ["Accepted ones only"]
    assert usual.manifest
    assert chosen.manifest
    removed = {one["rule"]: one["count"] for one in chosen.manifest["formats"][0]["removed"]}
    assert removed == {"rejected": 1, "not_accepted": 1}
    assert [one["removed"] for one in usual.manifest["formats"]][1] == []
    # In `raw` is everything; elsewhere nothing that was left out is held.
    assert (usual.counts["annotations"], chosen.counts["annotations"]) == (3, 1)
    card = files(chosen)["README.md"].decode()
    assert "reviewed accepted" in card
    assert "answers whose newest version no reviewer has accepted" in card
