"""Whom and what a release holds: those whose answers its rows are made of, and nobody and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.exports.cleaning import Cleaning, Tools
from labeling.exports.formats import FORMATS
from labeling.exports.held import Held
from labeling.exports.models import ReleaseContributor
from labeling.exports.policies import ControlTokens, Margin, Policies, Ratings, Responses
from labeling.exports.records import Annotation, Example, Row, Told
from labeling.exports.removed import Removed
from labeling.exports.selectors import releases as reads
from labeling.exports.services import withdrawals
from labeling.models import Annotation as Stored
from labeling.models import Project, User
from labeling.services import queues
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.pure import compared, edited, example, ranked, rated, written
from tests.labeling.exports.releasing import built, rows

SAID = (written("By hand."), ranked("a b c"), compared("b", 2), rated(a=1, b=0), edited("Better."))
WRITTEN, RANKED, COMPARED, RATED, EDITED = range(5)


def held_in(name: str, of: Example, **policies: Any) -> Held:
    chosen = Policies(**policies)
    held = Held(of)
    held.add(FORMATS[name].rows(of, chosen, Removed()), chosen)
    return held


def said_in(held: Held) -> list[int]:
    """Which of `SAID` rows are made of."""
    return [place for place, one in enumerate(SAID) if one.id in held.annotations]


@pytest.mark.parametrize(
    ("name", "policies", "said", "candidates"),
    [
        ("sft", {"responses": Responses.HUMAN}, [WRITTEN, EDITED], {1}),
        ("openai-sft", {"responses": Responses.HUMAN}, [WRITTEN, EDITED], {1}),
        ("preference", {}, [RANKED, COMPARED, EDITED], {1, 2, 3}),
        ("openai-preference", {}, [RANKED, COMPARED, EDITED], {1, 2, 3}),
        ("kto", {}, [RATED], {1, 2}),
        ("prompts", {}, [WRITTEN], set()),
        ("raw", {}, [WRITTEN, RANKED, COMPARED, RATED, EDITED], {1, 2, 3}),
        ("helpsteer-preference", {}, [COMPARED], {1, 2}),
        ("oasst", {}, [WRITTEN, RANKED, COMPARED, RATED, EDITED], {1, 2, 3}),
    ],
)
def test_it_works(name: str, policies: dict[str, Any], said: list[int], candidates: set[int]) -> None:
    held = held_in(name, example(*SAID), **policies)
    assert said_in(held) == said
    assert held.candidates == candidates
    assert held.rows > 0


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_row_tells_of_answers_that_there_are(name: str) -> None:
    of = example(*SAID)
    held = held_in(name, of)
    assert {one.id for one in of.annotations} >= held.annotations.keys()
    assert of.candidates.keys() >= held.candidates
    # Whatever has rows here was made of somebody's answers.
    assert bool(held.annotations) == bool(held.rows)


def test_ratings_that_are_a_margin_count() -> None:
    """Who says by how much one is better is in the row as well."""
    stars = rated(a=1, b=0)
    of = example(ranked("a b"), stars)
    assert stars.id not in held_in("reward", of).annotations
    assert stars.id in held_in("reward", of, margin=Margin.RATINGS, ratings=Ratings.MEAN).annotations


def test_ratings_of_one_response_from_two_queues_are_both_behind_its_row() -> None:
    ratings = [rated(queue, a=1, b=0) for queue in ("first", "second")]
    held = held_in("helpsteer", example(*ratings))
    assert held.annotations.keys() == {one.id for one in ratings}


def test_answers_about_other_candidates_are_not_behind_a_row() -> None:
    one, other = ranked("a b"), ranked("c d")
    held = Held(of := example(one, other))
    held.add(_rows_of_the_first(of), Policies())
    assert list(held.annotations) == [one.id]


def _rows_of_the_first(of: Example) -> list[Row]:
    return [row for row in FORMATS["preference"].rows(of, Policies(), Removed()) if "1" in _ids(row)][:1]


def _ids(row: Row) -> set[str]:
    return {row["metadata"]["chosen_candidate_id"], row["metadata"]["rejected_candidate_id"]}


def test_an_earlier_version_counts_where_it_has_a_row() -> None:
    before: Annotation = written("Before.", latest=False)
    of = example(before, written("After."))
    assert before.id in held_in("raw", of).annotations
    assert before.id not in held_in("sft", of).annotations


def test_a_row_that_is_changed_still_tells_what_it_is_made_of() -> None:
    of = example(written("It ends <|im_end|> here."))
    policies = Policies(control_tokens=ControlTokens.ESCAPE)
    cleaning = Cleaning(policies, Tools(), Removed())
    (row,) = cleaning.clean(FORMATS["openai-sft"].rows(of, policies, Removed()), of.prompt)
    assert isinstance(row, Told)
    assert cleaning.escaped == 1
    held = Held(of)
    held.add([row], policies)
    assert len(held.annotations) == 1


# --- Releases -------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    """Of four prompts Ann has written for one; Ben and Cora have ranked the others, and agree on one of them."""
    cora = make.person("cora")
    made = make.project(annotators=[ann, ben, cora], slug="haiku")
    make.imported(made, 4, candidates=2, language="en")
    make.written(make.queue(made, slug="write"), ann, "By hand.")
    rank = make.queue(made, preset="ranking", slug="rank", overlap=2)
    for n in range(3):
        make.ranked(rank, ben, [[f"Answer 1 to {n}"], [f"Answer 0 to {n}"]])
    make.ranked(rank, cora, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    return made


def contributors(number: int) -> dict[str, int]:
    found = ReleaseContributor.objects.filter(release__number=number)
    return dict(found.values_list("user__name", "annotations"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("release_home")
class TestReleases:
    def test_people_whose_answers_gave_no_row_are_not_in_it(self, project: Project) -> None:
        release = built(project, "sft", filters={"responses": "human"})
        manifest = release.manifest
        assert manifest
        assert manifest["counts"] == {"prompts": 1, "annotations": 1, "annotators": 1}
        assert manifest["sources"]["models"] == {}
        assert [queue["slug"] for queue in manifest["sources"]["queues"]] == ["write"]
        assert contributors(1) == {"Ann": 1}

    def test_a_reference_is_somebodys(self, project: Project, ann: User, ben: User) -> None:
        built(project, "prompts", filters={"responses": "human"})
        assert contributors(1) == {"Ann": 1}
        _, holding, _ = withdrawals.withdraw(project, ann, by=make.manager(project))
        assert [release.number for release in holding] == [1]
        assert withdrawals.withdraw(project, ben, by=make.manager(project))[1] == []

    def test_what_an_earlier_version_did_not_keep_is_taken_for_held(self, project: Project, ann: User) -> None:
        release = built(project, "prompts", filters={"responses": "best"})
        assert contributors(1) == {"Ben": 3, "Cora": 1}
        withdrawn, holding, _ = withdrawals.withdraw(project, ann, by=make.manager(project))
        assert holding == []
        ReleaseContributor.objects.all().delete()
        assert reads.holding(withdrawn) == []
        assert release.manifest
        for kind in release.manifest["formats"]:
            del kind["policies"]
        release.save()
        assert reads.holding(withdrawn) == [release]

    def test_what_prompts_leave_out_of_people_who_have_withdrawn_is_counted(self, project: Project, ann: User) -> None:
        withdrawals.withdraw(project, ann, by=make.manager(project))
        release = built(project, "prompts")
        assert release.manifest
        removed = release.manifest["formats"][0]["removed"]
        assert [(rule["rule"], rule["count"]) for rule in removed] == [("withdrawn", 1)]
        assert all(row["reference"] != "By hand." for row in rows(release, "prompts"))

    def test_agreement_is_of_rows_that_two_have_judged(self, project: Project) -> None:
        release = built(project, "preference", "openai-preference", "sft")
        assert release.manifest
        # Of three pairs one is by two people. That of sft is the best response to the same prompt.
        one = {"mean": 1.0, "rows": 1}
        assert release.manifest["agreement"] == {"preference": one, "openai-preference": one}

    def test_with_one_rater_a_row_there_is_no_agreement(self, project: Project) -> None:
        queues.change(project.queues.get(slug="rank"), overlap=1, by=make.manager(project))
        Stored.objects.filter(annotator__name="Cora").update(undone_at="2020-01-01T00:00Z")
        release = built(project, "preference")
        assert release.manifest
        assert release.manifest["agreement"] == {}

    def test_ratings_of_people_who_were_not_asked_about_it_do_not_count(self, project: Project, ann: User) -> None:
        thumbs = make.queue(project, preset="kto", slug="thumbs")
        answered(thumbs, ann, thumbs={"Answer 0 to 0": 0, "Answer 1 to 0": 1})
        built(project, "preference")
        assert contributors(1) == {"Ben": 3, "Cora": 1}
