"""Comparing, rating and choosing as a plain form: what is read out of it, and what drafts may hold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from labeling.models import Annotation, Draft, Queue, Slot, User
from labeling.questions import Config, clean_form
from labeling.services import drafts, slots
from labeling.views.questions import part_of, read_answers, shown_questions
from tests import make

COMPARE: Config = {"name": "better", "type": "compare", "strengths": ["Slightly", "Much"], "both_bad": True}
RATE: Config = {"name": "quality", "type": "rate", "min": -2, "max": 2}
CHOOSE: Config = {"name": "flags", "type": "choose", "options": ["Rude", "Wrong"], "multiple": True}
HARD: Config = {"name": "hard", "type": "rate", "per": "task", "labels": ["Easy", "Hard"]}
TOPIC: Config = {"name": "topic", "type": "choose", "per": "task", "options": ["Life", "Death"]}
FORM = clean_form([COMPARE, RATE, CHOOSE, HARD, TOPIC])
KEYS = ("a", "b")

# What a program may have put into a draft.
JUNK: list[Any] = [
    *(None, True, 7, 2.5, "a", "", [], ["a"], [{"a": 1}], {}, {"": None}, {"a": None, "b": []}, {"a": "x", "c": 1}),
    *({"a": [1, None, ["Rude"]], "b": {"Rude": 1}}, {"a": True, "b": 1.5}, {"": [["Life"]]}, {"": {"Life": 1}}),
    *({"preferred": None, "strength": 1}, {"preferred": ["a"], "strength": 1}, {"preferred": "a", "strength": [1]}),
    *({"preferred": "a"}, {"preferred": "a", "strength": {}}, {"preferred": {"a": 1}, "strength": 2, "both_bad": "no"}),
    *({"preferred": "z", "strength": 9}, {"strength": 1}, {"both_bad": 1}, {"both_bad": True}),
]


def read(form: list[Config], sent: str) -> dict[str, Any]:
    return read_answers(form, QueryDict(sent), KEYS)


def prepared(question: Config, answer: Any, keys: tuple[str, ...] = KEYS) -> dict[str, Any]:
    return part_of(question).prepare(question, answer, keys)


def test_answers_are_read_as_drafts_keep_them() -> None:
    sent = "q.better=b:2&q.better.both_bad=1&q.quality.a=-2&q.quality.b=0&q.flags.b=Wrong&q.flags.b=Rude&q.hard=5"
    assert read(FORM, f"{sent}&q.topic=Life") == {
        "better": {"preferred": "b", "strength": 2, "both_bad": True},
        "quality": {"a": -2, "b": 0},
        "flags": {"b": ["Rude", "Wrong"]},
        "hard": {"": 5},
        "topic": {"": ["Life"]},
    }


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ("q.better=a:1", {"preferred": "a", "strength": 1}),
        ("q.better=tie", {"preferred": None}),
        ("q.better.both_bad=1", {"preferred": None, "both_bad": True}),
        ("q.better=tie&q.better.both_bad=on", {"preferred": None, "both_bad": True}),
    ],
)
def test_a_comparison_is_read(sent: str, answer: Any) -> None:
    assert read(FORM, sent) == {"better": answer}


@pytest.mark.parametrize(
    "sent",
    [
        *("", "q.better=", "q.better=c:1", "q.better=a:3", "q.better=a:0", "q.better=a", "q.better=:1"),
        *("q.quality=1", "q.quality.a=3", "q.quality.a=-3", "q.quality.a=1.0", "q.quality.a=%D9%A1", "q.quality.c=1"),
        *("q.flags=Rude", "q.flags.a=rude", "q.flags.a=", "q.hard=0", "q.hard.a=1", "q.topic=Taxes", "q.topic.a=Life"),
        f"q.hard={'9' * 5000}",
    ],
)
def test_what_is_no_answer_is_left_out(sent: str) -> None:
    assert read(FORM, sent) == {}


def test_of_one_choice_the_first_counts_and_ties_need_the_form() -> None:
    assert read(FORM, "q.topic=Death&q.topic=Life") == {"topic": {"": ["Life"]}}
    strict = clean_form([{**COMPARE, "ties": False, "both_bad": False}])
    assert read(strict, "q.better=tie") == read(strict, "q.better.both_bad=1") == {}


def test_what_was_read_is_shown_again() -> None:
    read_back = read(FORM, "q.better=a:2&q.quality.a=-2&q.flags.b=Wrong&q.hard=5&q.topic=Death")
    better, quality, flags, hard, topic = (shown.answer for shown in shown_questions(FORM, read_back, KEYS))
    assert (better["chosen"], better["both_bad"], better["verdicts"]) == ("a:2", False, {"a": "Much", "b": ""})
    assert [step.value for step in better["scale"]] == ["a:2", "a:1", "tie", "b:1", "b:2"]
    assert quality["given"] == {"a": -2}
    assert flags["chosen"] == {"b": ["Wrong"]}
    assert hard["given"] == {"": 5}
    assert topic["chosen"] == {"": ["Death"]}


def test_both_bad_says_so_on_both_cards() -> None:
    shown = prepared(FORM[0], {"preferred": None, "both_bad": True})
    assert (shown["chosen"], shown["both_bad"]) == ("tie", True)
    assert shown["verdicts"] == dict.fromkeys(KEYS, "Neither is better · Neither is good")


@pytest.mark.parametrize("question", FORM, ids=lambda question: question["name"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_a_draft_may_hold_anything(question: Config, junk: Any) -> None:
    for keys in (KEYS, ("a",), ()):
        shown = prepared(question, junk, keys)
        if question["type"] == "compare":
            assert shown["chosen"] in ("", *(step.value for step in shown["scale"]))
        else:
            answers = shown["given"] if question["type"] == "rate" else shown["chosen"]
            assert set(answers) <= ({*keys} if question["per"] == "candidate" else {""})


@pytest.fixture
def ann(db: None) -> User:
    return make.person("ann")


@pytest.fixture
def client(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


@pytest.fixture
def queue(ann: User) -> Queue:
    project = make.project(annotators=[ann])
    make.imported(project, 1, candidates=2)
    return make.queue(project, form=[COMPARE, RATE, CHOOSE, HARD, TOPIC])


def page(client: Client, queue: Queue) -> str:
    response = client.get(f"/label/{queue.pk}/")
    assert response.status_code == 200
    return response.content.decode()


def hidden(html: str) -> dict[str, str]:
    form = re.search(r'<form[^>]*id="task".*?</form>', html, re.DOTALL)
    assert form
    return dict(re.findall(r'<input type="hidden" name="(slot|lease)" value="([^"]*)"', form[0]))


def checked(html: str) -> list[tuple[str, str]]:
    return re.findall(r'name="q\.([^"]+)" value="([^"]*)"[^>]*? checked>', html)


def test_the_page_bears_any_draft(client: Client, queue: Queue, ann: User) -> None:
    page(client, queue)
    slot = Slot.objects.get(queue=queue, annotator=ann)
    drafts.save(slot, {}, lease=str(slot.lease), revision=0, by=ann)
    for junk in JUNK:
        Draft.objects.filter(slot=slot).update(answers={question["name"]: junk for question in FORM})
        page(client, queue)


def test_a_whole_task_is_submitted_as_a_plain_form(client: Client, queue: Queue) -> None:
    html = page(client, queue)
    assert checked(html) == []
    fields: dict[str, Any] = {"q.better": "b:1", "q.quality.a": "-2", "q.flags.a": ["Rude"], "q.hard": "3"}
    refused = client.post(f"/label/{queue.pk}/submit/", hidden(html) | fields)
    assert refused.status_code == 422
    again = refused.content.decode()
    assert "Response B: give a rating." in again
    assert "Response B: give an option." in again
    assert "This question needs an answer." in again
    kept = {("better", "b:1"), ("quality.a", "-2"), ("flags.a", "Rude"), ("hard", "3")}
    assert set(checked(again)) == kept
    fields |= {"q.quality.b": "2", "q.flags.b": ["Rude", "Wrong"], "q.topic": "Death"}
    assert client.post(f"/label/{queue.pk}/submit/", hidden(html) | fields).status_code == 302
    assert Annotation.objects.get(queue=queue).answers == {
        "better": {"preferred": "b", "strength": 1},
        "quality": {"a": -2, "b": 2},
        "flags": {"a": ["Rude"], "b": ["Rude", "Wrong"]},
        "hard": {"": 3},
        "topic": {"": ["Death"]},
    }


def test_the_answer_to_a_question_that_is_not_asked_stays_behind(client: Client, queue: Queue, ann: User) -> None:
    why = {"name": "why", "type": "comment", "show_if": {"question": "better", "is": ["both_bad"]}}
    conditional = make.queue(queue.project, form=[COMPARE, why], candidates_max=2)
    html = page(client, conditional)
    assert "data-question-condition" in html
    answers = {"q.better": "a:1", "q.why": "typed before"}
    assert client.post(f"/label/{conditional.pk}/submit/", hidden(html) | answers).status_code == 302
    assert Annotation.objects.get(queue=conditional).answers == {"better": {"preferred": "a", "strength": 1}}


def test_options_are_text_and_not_html(client: Client, ann: User) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 1, candidates=2)
    evil = '<script>alert("x")</script>'
    form = [
        {"name": "one", "type": "choose", "options": [evil, "No"]},
        {"name": "two", "type": "compare", "strengths": [evil]},
        {"name": "three", "type": "rate", "min": 0, "max": 1, "labels": [evil, "No"]},
    ]
    queue = make.queue(project, form=form)
    html = page(client, queue)
    assert "<script>alert" not in html
    fields = {"q.one.a": evil, "q.one.b": "No", "q.two": "a:1", "q.three.a": "0", "q.three.b": "1"}
    assert client.post(f"/label/{queue.pk}/submit/", hidden(html) | fields).status_code == 302
    assert Annotation.objects.get(queue=queue).answers["one"] == {"a": [evil], "b": ["No"]}


def test_answers_can_be_read_by_the_manager(client: Client, queue: Queue, ann: User) -> None:
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    answers = {
        "better": {"preferred": "b", "strength": 2, "both_bad": True},
        "quality": {"a": -2, "b": 0},
        "flags": {"a": ["Rude", "Wrong"], "b": ["Wrong"]},
        "hard": {"": 4},
        "topic": {"": ["Life"]},
    }
    make.answered(slot, ann, answers)
    manager = Client()
    manager.force_login(make.manager(queue.project))
    prompt = slot.task.prompt
    html = manager.get(f"/projects/{queue.project.slug}/prompts/{prompt.pk}/").content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    first, second = (f"Candidate {1 + sorted(slot.candidate_order).index(pk)}" for pk in slot.candidate_order)
    assert f"{second} is better (Much) . Neither is good." in text
    assert f"{first}: -2 {second}: 0" in text
    assert f"{first}: Rude · Wrong {second}: Wrong" in text
