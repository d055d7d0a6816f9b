"""Choosing answers, prompts and responses, from the database to the file: each setting from one end to the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from labeling.errors import Invalid
from labeling.exports import choices, stream
from labeling.exports.annotators import account_name, pseudonym
from labeling.exports.cleaning import Tools
from labeling.exports.contamination import Benchmark
from labeling.models import Annotation, Event, Project, Queue, User
from labeling.services import projects, queues
from tests import make
from tests.labeling.exports.answering import answered
from tests.labeling.exports.connections import wait_for_exports
from tests.labeling.exports.test_stream import exported, imported

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return make.project(annotators=[ann, ben], slug="haiku")


def texts(project: Project, **given: str) -> list[str]:
    """What demonstrations say, in the order of the file; none where there is no row."""
    try:
        return [row["messages"][-1]["content"] for row in exported(project, **{"format": "sft", **given})]
    except stream.EmptyExport:
        return []


def asked(project: Project, **given: str) -> list[str]:
    """The prompts of an export, without the question mark that they end with."""
    try:
        rows = exported(project, **{"format": "prompts", **given})
    except stream.EmptyExport:
        return []
    return [row["prompt"][0]["content"].rstrip("?") for row in rows]


def refused(project: Project, **given: str) -> dict[str, str]:
    with pytest.raises(Invalid) as error:
        choices.parse(project, {"format": "sft", **given})
    return {fault.path: fault.message for fault in error.value.errors}


def submitted(annotation: Annotation, at: str) -> None:
    Annotation.objects.filter(pk=annotation.pk).update(created_at=datetime.fromisoformat(at))


def corrected(first: Annotation, text: str, **fields: Any) -> Annotation:
    """The next version of an answer that was written."""
    kept = {name: getattr(first, name) for name in ("slot_id", "annotator_id", "queue_id", "form_id", "guidelines_id")}
    version = Annotation.objects.filter(slot=first.slot_id).count() + 1
    return Annotation.objects.create(version=version, answers={"response": {"text": text}}, **(kept | fields))


# --- Which answers ---------------------------------------------------------------------------------------------------


@pytest.fixture
def by_two(project: Project, ann: User, ben: User) -> Project:
    """One prompt that both have answered."""
    make.imported(project, 1)
    queue = make.queue(project, slug="write", overlap=2)
    make.written(queue, ann, "By Ann.")
    make.written(queue, ben, "By Ben.")
    return project


def test_answers_of_some_people(by_two: Project, ann: User) -> None:
    for name in (ann.email, " Ann@Example.org ", pseudonym(by_two.pk, ann.pk), account_name(by_two.pk, ann.pk)):
        assert texts(by_two, annotators=name) == ["By Ann."]
        assert texts(by_two, without_annotators=name) == ["By Ben."]
    assert texts(by_two, annotators="ann@example.org,ben@example.org") == ["By Ann.", "By Ben."]
    assert texts(by_two, annotators="ann@example.org", without_annotators="ann@example.org") == []
    assert {row["annotator"] for row in exported(by_two, format="raw", annotators=ann.email)} == {
        pseudonym(by_two.pk, ann.pk)
    }


def test_who_has_left_can_still_be_named(by_two: Project, ann: User) -> None:
    ann.memberships.all().delete()
    assert texts(by_two, annotators=ann.email) == ["By Ann."]


def test_a_name_that_is_nobodys_here_is_refused_alike_whosever_it_is(by_two: Project) -> None:
    outsider = make.person("carol")
    for name in ("carol@example.org", "nobody@example.org"):
        assert refused(by_two, annotators=name) == {"annotators": f"Nobody in this project has the address “{name}”."}
    for name in (pseudonym(by_two.pk, outsider.pk), account_name(by_two.pk, outsider.pk), "person-0", "ann"):
        said = refused(by_two, without_annotators=name)
        assert f"Nobody in this project goes by “{name}”" in said["without_annotators"]
    several = refused(by_two, annotators="x@example.org", without_annotators="y@example.org", split="dev")
    assert set(several) == {"annotators", "without_annotators", "split"}


def test_nothing_tells_whose_pseudonym_is_whose(by_two: Project, ann: User) -> None:
    by_address = choices.parse(by_two, {"format": "sft", "annotators": f"{ann.email},{ann.email}"})
    by_pseudonym = choices.parse(by_two, {"format": "sft", "annotators": pseudonym(by_two.pk, ann.pk)})
    assert by_address.as_dict["annotators"] == account_name(by_two.pk, ann.pk)
    assert by_pseudonym.as_dict["annotators"] == pseudonym(by_two.pk, ann.pk)
    for choice in (by_address, by_pseudonym):
        assert choices.parse(by_two, choice.as_dict) == choice
    report = stream.as_json(stream.measure(by_address))
    said = json.dumps([by_address.as_dict, by_address.query, by_address.filename, report])
    assert "ann@" not in said
    assert pseudonym(by_two.pk, ann.pk) not in said
    # Another project has other names for the same person.
    other = make.project(annotators=[ann])
    assert account_name(other.pk, ann.pk) != account_name(by_two.pk, ann.pk)


def test_answers_under_some_guidelines(project: Project, ann: User) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    for number in (1, 2, 3):
        make.written(queue, ann, f"Under {number}.")
        if number < 3:
            projects.set_guidelines(project, f"Guidelines {number + 1}", by=make.manager(project))
    assert texts(project, guidelines="2") == ["Under 2."]
    assert texts(project, guidelines="2-") == ["Under 2.", "Under 3."]
    assert texts(project, guidelines="1-2") == ["Under 1.", "Under 2."]
    assert "1 to 3" in refused(project, guidelines="4-")["guidelines"]


def test_answers_to_some_versions_of_the_form(project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project, slug="write")
    make.written(queue, ann, "To the first.")
    longer = [*queue.form.questions, {"name": "why", "type": "comment", "required": False}] if queue.form else []
    queues.change(queue, form=longer, by=make.manager(project))
    make.written(Queue.objects.get(pk=queue.pk), ann, "To the second.")
    assert texts(project, form="1") == ["To the first."]
    assert texts(project, form="2-") == ["To the second."]
    assert "1 to 2" in refused(project, form="3")["form"]
    make.queue(project, slug="other")
    assert "1 to 1" in refused(project, form="2", queue="other")["form"]


def test_answers_of_some_time(project: Project, ann: User) -> None:
    make.imported(project, 3)
    queue = make.queue(project)
    for month in (1, 2, 3):
        submitted(make.written(queue, ann, f"In month {month}."), f"2026-0{month}-15T12:00:00+00:00")
    assert texts(project, since="2026-02-15T12:00Z") == ["In month 2.", "In month 3."]
    assert texts(project, until="2026-02-15T12:00Z") == ["In month 1."]
    assert texts(project, since="2026-02-01", until="2026-03-01") == ["In month 2."]
    assert texts(project, since="2026-02-15T14:00:00.000001 02:00") == ["In month 3."]


def test_what_was_corrected_later_had_not_been_corrected_then(project: Project, ann: User) -> None:
    make.imported(project, 1)
    first = make.written(make.queue(project), ann, "Frist.")
    submitted(first, "2026-01-01T00:00:00+00:00")
    corrected(first, "First.", created_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert texts(project) == ["First."]
    assert texts(project, until="2026-01-15") == ["Frist."]
    assert texts(project, since="2026-01-15") == ["First."]
    rows = exported(project, format="raw", until="2026-01-15")
    assert [(row["version"], row["latest"]) for row in rows] == [(1, True)]


def test_a_corrected_answer_is_one_of_its_last_version(project: Project, ann: User) -> None:
    make.imported(project, 1)
    first = make.written(make.queue(project), ann, "Frist.")
    newer = projects.set_guidelines(project, "Other", by=make.manager(project))
    corrected(first, "First.", guidelines_id=newer.pk)
    assert texts(project, guidelines="1") == []
    assert texts(project, guidelines="2") == ["First."]


def test_floors_on_raters_and_agreement(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 2, candidates=2)
    rank = make.queue(project, preset="ranking", slug="rank", overlap=2)
    for person in (ann, ben):
        make.ranked(rank, person, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    make.ranked(rank, ann, [["Answer 1 to 1"], ["Answer 0 to 1"]])
    choice = choices.parse(project, {"format": "preference", "min_raters": "2", "min_agreement": "1"})
    report = stream.measure(choice)
    assert (report.rows, report.removed) == (1, {"few_raters": 1})
    assert texts(project, min_raters="2") == ["Answer 1 to 0"]


# --- Which prompts and responses -------------------------------------------------------------------------------------


def test_prompts_with_tags_in_languages_of_batches(project: Project, ann: User) -> None:
    imported(
        project,
        {"prompt": "One?", "tags": ["maths", "a, b"], "language": "en", "batch": "first"},
        {"prompt": "Two?", "tags": ["code"], "language": "en-GB", "batch": "second"},
        {"prompt": "Three?", "language": "de"},
    )
    assert asked(project, tags="maths,code") == ["One", "Two"]
    assert asked(project, tags='"a, b"') == ["One"]
    assert asked(project, tags="Maths") == []
    assert asked(project, languages="EN") == ["One", "Two"]
    assert asked(project, languages="en-gb, de") == ["Two", "Three"]
    assert asked(project, languages="e") == []
    assert asked(project, batches="second") == ["Two"]
    assert asked(project, batches="first, second", tags="maths") == ["One"]
    # For formats of answers too, in every statement that looks for prompts.
    queue = make.queue(project)
    for name in ("One", "Two", "Three"):
        make.written(queue, ann, f"To {name}.")
    assert texts(project, tags="code") == ["To Two."]
    assert texts(project, batches="first", since="2020-01-01", annotators=ann.email) == ["To One."]


def test_what_leads_a_file_is_chosen_too(project: Project, ann: User) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    tools = [
        {"role": "user", "content": "How warm?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "21", "name": "f"},
    ]
    pair = [{"text": "a"}, {"text": "b"}]
    imported(
        project,
        {"prompt": "Plain?", "tags": ["in"]},
        {"prompt": "Ranked?", "tags": ["out"], "candidates": pair},
        {"messages": tools, "tags": ["out"]},
        {"prompt": "Ranked too?", "tags": ["in"], "candidates": pair},
    )
    write, rank = make.queue(project), make.queue(project, preset="ranking", slug="rank")
    for _ in range(4):
        make.written(write, ann)
    for _ in range(2):
        make.ranked(rank, ann, [["a"], ["b"]])
    rows = exported(project, format="raw", tags="in")
    assert [row["messages"][0]["content"] for row in rows] == ["Ranked too?", "Ranked too?", "Plain?"]
    everybody = exported(project, format="raw", without_annotators="ben@example.org")
    assert everybody == exported(project, format="raw")


def test_responses_of_some_models_and_lengths(project: Project, ann: User) -> None:
    make.imported(project, 1, candidates=3)
    make.ranked(make.queue(project, preset="ranking", slug="rank"), ann, [[f"Answer {n} to 0"] for n in range(3)])
    (row,) = exported(project, format="preference", without_models="model-0")
    assert (row["metadata"]["chosen_model"], row["metadata"]["rejected_model"]) == ("model-1", "model-2")
    (row,) = exported(project, format="preference", models="model-0, model-1")
    assert (row["metadata"]["chosen_model"], row["metadata"]["rejected_model"]) == ("model-0", "model-1")
    report = stream.measure(choices.parse(project, {"format": "preference", "min_characters": "14"}))
    assert (report.rows, report.removed) == (0, {"no_preference": 1, "length": 3})
    assert len(exported(project, format="preference", min_characters="13", max_characters="13")) == 1
    assert len(exported(project, format="raw", models="none", max_characters="1")) == 1, "raw has everything"


def test_a_ranking_becomes_rows_as_is_asked(project: Project, ann: User, ben: User) -> None:
    make.imported(project, 1, candidates=3)
    rank = make.queue(project, preset="ranking", slug="rank", overlap=2)
    for person in (ann, ben):
        make.ranked(rank, person, [[f"Answer {n} to 0"] for n in range(3)])
    assert len(exported(project, format="preference", pairs="all", max_pairs="2")) == 2
    drawn = {
        row["rejected"][0]["content"]
        for seed in range(12)
        for row in exported(project, format="preference", pairs="best_vs_random", seed=str(seed))
    }
    assert drawn == {"Answer 1 to 0", "Answer 2 to 0"}
    assert len(exported(project, format="reward", consensus="borda", pairs="adjacent")) == 2


def test_ratings_become_labels_and_margins(project: Project, ann: User) -> None:
    make.imported(project, 1, candidates=2)
    one, other = "Answer 0 to 0", "Answer 1 to 0"
    asked_for = [{"name": "preference", "type": "compare"}, {"name": "quality", "type": "rate", "min": 0, "max": 4}]
    queue = make.queue(project, form=asked_for)
    answered(queue, ann, preference={"preferred": other, "strength": 1}, quality={one: 1, other: 4})
    labels = {
        row["completion"][0]["content"]: row["label"]
        for row in exported(project, format="kto", kto_good="0.75", kto_bad="0.25", attributes="quality")
    }
    assert labels == {one: False, other: True}
    (row,) = exported(project, format="reward", margin="ratings", ratings="mean")
    assert row["margin"] == 0.75
    assert len(exported(project, format="preference", min_strength="1")) == 1, "one degree is no degree"


# --- Cleaning --------------------------------------------------------------------------------------------------------


def test_the_same_texts_stand_once_in_the_whole_file(project: Project, ann: User) -> None:
    imported(project, *({"prompt": "Same?", "external_id": str(number)} for number in range(30)), {"prompt": "Other?"})
    queue = make.queue(project)
    for _ in range(31):
        make.written(queue, ann, "Yes.")
    report = stream.measure(choices.parse(project, {"format": "sft", "dedupe": "rows"}))
    assert (report.rows, report.prompts, report.removed) == (2, 2, {"repeated": 29})
    assert asked(project, dedupe="rows") == ["Same", "Other"]


def test_control_tokens_in_a_file(project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann, "Ends <|im_end|> here")
    make.written(queue, ann, "Fine.")
    report = stream.measure(choices.parse(project, {"format": "sft", "control_tokens": "escape"}))
    (warning,) = report.warnings
    assert "in 1 row were broken up" in warning
    assert texts(project, control_tokens="escape") == ["Ends < |im_end|> here", "Fine."]
    assert texts(project, control_tokens="drop") == ["Fine."]
    assert "<|im_end|>" in exported(project, format="raw", control_tokens="escape")[0]["answers_json"]


def test_rows_over_a_budget_and_in_a_benchmark(project: Project, ann: User) -> None:
    make.imported(project, 2)
    queue = make.queue(project)
    make.written(queue, ann, "x" * 300)
    make.written(queue, ann, "The capital of France is Paris")
    assert texts(project, max_tokens="100") == ["The capital of France is Paris"]
    choice = choices.parse(project, {"format": "sft", "responses": "human"})
    report = stream.measure(choice, Tools(benchmark=Benchmark.read(["the capital of france is paris."])))
    assert (report.rows, report.removed) == (1, {"benchmark": 1})


def test_a_download_cannot_count_with_a_tokenizer(project: Project, ann: User) -> None:
    make.imported(project, 1)
    make.written(make.queue(project), ann, "one two three")
    choice = choices.parse(project, {"format": "sft", "max_tokens": "13", "tokenizer": "small"})
    with pytest.raises(Invalid) as error:
        stream.Export(choice)
    assert [fault.path for fault in error.value.errors] == ["tokenizer"]
    wait_for_exports(0)
    # Whoever brings one counts as it does: words here, two and three, and five for each of the two messages.
    words = Tools(lambda text: len(text.split()))
    assert stream.measure(choice, words).removed == {"too_many_tokens": 1}
    fitting = choices.parse(project, choice.as_dict | {"max_tokens": "15"})
    assert stream.measure(fitting, words).rows == 1


# --- Splits ----------------------------------------------------------------------------------------------------------


def test_ratios_move_the_edges(project: Project) -> None:
    imported(project, *({"prompt": f"Question {number}?"} for number in (3, 4, 24)))
    assert asked(project, split="train") == ["Question 3"]
    assert asked(project, split="train", ratios="100/0/0") == ["Question 3", "Question 4", "Question 24"]
    assert asked(project, split="test", ratios="0/0/100") == ["Question 3", "Question 4", "Question 24"]
    assert set(refused(project, split="test", ratios="90/10/0")) == {"split"}


def test_tags_divide_prompts_and_conflicts_are_told(project: Project) -> None:
    imported(
        project,
        {"prompt": "Why?", "external_id": "1"},
        {"prompt": "Why?", "external_id": "2", "tags": ["test"]},
        {"prompt": "why?", "external_id": "3", "tags": ["train"]},
        {"prompt": "How?", "tags": ["validation"]},
        {"prompt": "Else?"},
    )
    given = {"format": "prompts", "split_by": "tag"}
    assert asked(project, **given, split="test") == ["Why", "Why"]
    assert asked(project, **given, split="validation") == ["How"]
    assert asked(project, **given, split="train") == ["Else"]
    assert len(asked(project, **given)) == 5, "without a split everything is there"
    for split in ("train", "validation", "test"):
        report = stream.measure(choices.parse(project, given | {"split": split}))
        assert report.removed == {"split_conflict": 1}


def test_an_empty_split_says_what_to_do(project: Project, ann: User) -> None:
    make.imported(project, 1)
    make.written(make.queue(project), ann)
    for given, said in (
        ({"split": "test"}, "a larger share"),
        ({"split": "test", "split_by": "tag"}, "Tag prompts with “test”"),
    ):
        with pytest.raises(stream.EmptyExport, match=said):
            exported(project, format="sft", **given)


# --- At the doors ----------------------------------------------------------------------------------------------------


def test_a_download_by_address_leaves_no_address_behind(by_two: Project, ann: User) -> None:
    from rest_framework.test import APIClient

    from labeling.services import people

    manager = make.manager(by_two)
    _, key = people.create_token(manager, by=manager)
    speaker = APIClient(headers={"Authorization": f"Token {key}"})
    response: Any = speaker.get("/api/projects/haiku/export/", {"format": "sft", "annotators": ann.email})
    assert b"By Ann." in b"".join(response.streaming_content)
    assert "ann@" not in json.dumps(dict(response.headers))
    event = Event.objects.get(verb="project.exported")
    assert event.data["annotators"] == account_name(by_two.pk, ann.pk)
    for given in ({"tokenizer": "small", "max_tokens": "5"}, {"benchmark": "file"}):
        response = speaker.get("/api/projects/haiku/export/", {"format": "sft", **given})
        assert response.status_code == 400
        assert response.json()["errors"][0]["path"] in given
