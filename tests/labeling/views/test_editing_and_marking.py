"""Edits and marks as a plain form: what is read out of it, what drafts may hold, and how answers read afterwards."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from labeling.importing.base import parse
from labeling.models import Annotation, Draft, Project, Queue, User
from labeling.questions import Shown, clean_form, preset_form
from labeling.selectors import prompts as prompt_reads
from labeling.selectors import slots as slot_reads
from labeling.services import prompts, slots
from labeling.views.questions import final_answers, part_of, read_answers, shown_questions
from tests import make

KEYS = ("a", "b")
EDIT = preset_form("edit")[0]
SPANS = clean_form([{"name": "spans", "type": "spans", "labels": ["Minor", "b"]}])[0]
CAT, DOG = "The cat 👩‍👩‍👧 sat.\r\nHere.", "<b>The</b> dog & “it”."
MARK = {"start": 4, "end": 7, "label": "Minor", "comment": "a <b>note</b> “so” \r\n"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)
like_edits = st.fixed_dictionaries(
    {}, optional={part: anything | st.sampled_from(["a", "z", "text"]) for part in ("candidate", "text", "kept")}
)
like_marks = st.fixed_dictionaries(
    {},
    optional={
        "start": anything | st.integers(-2, 9),
        "end": anything | st.integers(-2, 9),
        "label": anything | st.sampled_from(["Minor", "No"]),
        "comment": anything,
    },
)


def posted(**fields: str) -> QueryDict:
    found = QueryDict(mutable=True)
    found.update({f"q.{name.replace('__', '.')}": value for name, value in fields.items()})
    return found


@given(anything | like_edits)
def test_an_edit_s_draft_may_hold_anything(draft: Any) -> None:
    prepared = part_of(EDIT).prepare(EDIT, draft, KEYS)
    assert prepared["candidate"] in ("", *KEYS)
    assert isinstance(prepared["text"], str)
    assert all(isinstance(text, str) for text in prepared["kept"].values())


@given(anything | st.fixed_dictionaries({}, optional={key: st.lists(like_marks | anything) for key in "abz"}))
def test_a_draft_of_marks_may_hold_anything_and_what_is_good_in_it_stays(draft: Any) -> None:
    good = {"start": 1, "end": 3, "label": "b"}
    if isinstance(draft, dict) and isinstance(draft.get("a"), list):
        draft = {**draft, "a": [*draft["a"], good]}
    fields = part_of(SPANS).prepare(SPANS, draft, KEYS)["fields"]
    assert list(fields) == list(KEYS)
    for sent in fields.values():
        sent.encode()
        assert all(0 <= mark["start"] < mark["end"] and mark["label"] in ("Minor", "b") for mark in json.loads(sent))
    if isinstance(draft, dict) and isinstance(draft.get("a"), list):
        assert good in json.loads(fields["a"])


def test_an_edit_is_read_from_its_choice_and_its_field() -> None:
    def read(**fields: str) -> Any:
        return read_answers([EDIT], posted(**fields), KEYS).get("edit")

    assert read(edit__candidate="b", edit="one\r\ntwo") == {"candidate": "b", "text": "one\ntwo"}
    assert read(edit__candidate="z", edit="one") == {"candidate": "", "text": "one"}
    assert read(edit__candidate="a") == {"candidate": "a", "text": ""}
    assert read(edit="") is None
    assert read() is None


def test_texts_that_only_a_draft_keeps_are_not_submitted() -> None:
    kept = {"candidate": "a", "text": "one", "kept": {"b": "two"}}
    assert part_of(EDIT).final(kept) == {"candidate": "a", "text": "one"}
    assert part_of(EDIT).prepare(EDIT, {**kept, "kept": {"b": "two", "z": "no", "": "three", "a": 4}}, KEYS)[
        "kept"
    ] == {
        "b": "two",
        "": "three",
    }


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("[]", []),
        ("", []),
        (" \n", []),
        (json.dumps([MARK]), [MARK]),
        ("nonsense", "nonsense"),
        ("[" * 100_000, "[" * 100_000),
        ("[" + "9" * 5000 + "]", "[" + "9" * 5000 + "]"),
        ('"text"', "text"),
        ("null", None),
    ],
)
def test_marks_are_read_from_their_fields_and_what_is_none_is_never_lost_without_a_word(sent: str, read: Any) -> None:
    assert read_answers([SPANS], posted(spans__a=sent), KEYS) == {"spans": {"a": read}}


def test_a_form_without_fields_for_marks_answers_nothing() -> None:
    assert read_answers([SPANS], posted(other="x"), KEYS) == {}


@pytest.fixture
def ann(db: None) -> User:
    return make.person("ann")


@pytest.fixture
def project(ann: User) -> Project:
    made = make.project(make.person("alice"), annotators=[ann])
    candidates = [{"text": CAT, "model": "one"}, {"text": DOG, "model": "two"}]
    line = parse({"prompt": "Who?", "candidates": candidates}, 1)
    prompts.import_lines(made, [line], source="jsonl", by=make.manager(made))
    return made


def queue_of(project: Project, *questions: object) -> Queue:
    return make.queue(project, form=list(questions), candidates_max=2)


@pytest.fixture
def client(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def submit(client: Client, queue: Queue, **answers: str) -> Any:
    page = client.get(f"/label/{queue.pk}/").content.decode()
    form = re.search(r'<form[^>]*id="task".*?</form>', page, re.DOTALL)
    assert form
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
    fields = {name: html.unescape(value) for name, value in hidden if name != "csrfmiddlewaretoken"}
    return client.post(
        f"/label/{queue.pk}/submit/", fields | {f"q.{name.replace('__', '.')}": text for name, text in answers.items()}
    )


def test_an_edit_is_submitted_without_scripts(client: Client, project: Project) -> None:
    queue = queue_of(project, {"name": "edit", "type": "edit"})
    refused = submit(client, queue, edit="Better.")
    assert refused.status_code == 422
    assert "Choose the response that you edit." in refused.content.decode()
    assert "Better.</textarea>" in refused.content.decode()
    assert submit(client, queue, edit="Better.\r\nYes.", edit__candidate="b").status_code == 302
    assert Annotation.objects.get().answers == {"edit": {"candidate": "b", "text": "Better.\nYes."}}


def test_an_edit_that_may_be_left_out_can_be(client: Client, project: Project) -> None:
    queue = queue_of(project, {"name": "edit", "type": "edit", "required": False})
    assert submit(client, queue, edit="", edit__candidate="a").status_code == 302
    assert Annotation.objects.get().answers == {}


def test_marks_of_a_draft_are_in_the_form_and_are_submitted(client: Client, project: Project, ann: User) -> None:
    queue = queue_of(project, {**SPANS})
    slot = slots.take_next(queue, by=ann)
    assert slot
    texts = {one.key: one.text for one in slot_reads.candidates(slot)}
    marks = {key: [MARK] if text == CAT else [] for key, text in texts.items()}
    Draft.objects.create(slot=slot, annotator=ann, revision=1, answers={"spans": marks})
    assert submit(client, queue).status_code == 302
    stored = Annotation.objects.get().answers["spans"]
    assert stored == {key: [{**MARK, "comment": "a <b>note</b> “so”"}] if found else [] for key, found in marks.items()}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("nonsense", "Response A: give a list"),
        ("{}", "Response A: give a list"),
        ('[{"start": 0, "end": 99999, "label": "Minor"}]', "is not a part of the text"),
        ('[{"start": 0, "end": 3, "label": "\\ud83d"}]', "the label must be one of “Minor”, “b”"),
        ('[{"start": 0, "end": 3, "label": "Minor", "comment": "\\ud83d"}]', "half of a character"),
        ('[{"start": NaN, "end": 3, "label": "Minor"}]', "must be whole numbers"),
        (json.dumps([MARK, MARK]), "twice"),
        ("[]", "Mark at least one part."),
    ],
)
def test_what_is_no_mark_is_complained_about_at_its_question(
    client: Client, project: Project, sent: str, words: str
) -> None:
    queue = queue_of(project, {**SPANS})
    refused = submit(client, queue, spans__a=sent)
    assert refused.status_code == 422
    shown = html.unescape(refused.content.decode())
    assert words in shown[shown.index('id="error-spans"') :][:600]
    assert not Annotation.objects.exists()


def test_good_marks_beside_a_bad_one_stay_in_the_form(client: Client, project: Project) -> None:
    queue = queue_of(project, {**SPANS})
    good = {"start": 0, "end": 3, "label": "b"}
    refused = submit(client, queue, spans__a=json.dumps([good, {"start": 5}]), spans__b=json.dumps([good]))
    fields = dict(re.findall(r'name="q\.spans\.(\w)" value="([^"]*)"', refused.content.decode()))
    assert {key: json.loads(html.unescape(sent)) for key, sent in fields.items()} == {"a": [good], "b": [good]}


@pytest.mark.parametrize("preset", ["mqm", "grounded", "llama3-pairwise-edit"])
@pytest.mark.parametrize("junk", [5, "x", [], {"a": 5}, {"a": [5]}, {"candidate": {}, "text": [], "kept": 3}])
def test_no_draft_breaks_the_page(client: Client, project: Project, ann: User, preset: str, junk: Any) -> None:
    queue = make.queue(project, preset=preset)
    slot = slots.take_next(queue, by=ann)
    assert slot
    answers = {question["name"]: junk for question in preset_form(preset)}
    Draft.objects.create(slot=slot, annotator=ann, revision=1, answers=answers)
    assert client.get(f"/label/{queue.pk}/").status_code == 200
    assert submit(client, queue).status_code in (302, 422)


def test_nothing_marked_is_an_answer_on_which_others_may_hang(client: Client, project: Project) -> None:
    form = [
        {**SPANS, "required": False},
        {"name": "fine", "type": "comment", "show_if": {"question": "spans", "is": ["none"]}},
    ]
    queue = queue_of(project, *form)
    refused = submit(client, queue)
    assert refused.status_code == 422
    assert submit(client, queue, fine="All well.").status_code == 302
    assert Annotation.objects.get().answers == {"spans": {"a": [], "b": []}, "fine": {"text": "All well."}}


def test_plain_text_is_shown_first_where_parts_of_it_are_marked(client: Client, project: Project) -> None:
    marking = client.get(f"/label/{queue_of(project, {**SPANS}).pk}/")
    assert marking.context["raw_first"] is True
    editing = client.get(f"/label/{queue_of(project, {'name': 'edit', 'type': 'edit'}).pk}/")
    assert editing.context["raw_first"] is False
    for page in (marking, editing):
        raw = dict(re.findall(r'data-raw="(\w)"[^>]*>(.*?)</div>', page.content.decode(), re.DOTALL))
        assert {html.unescape(text) for text in raw.values()} == {CAT, DOG}


def test_a_new_prompt_is_asked_for_in_words_that_fit(client: Client, project: Project) -> None:
    page = client.get(f"/label/{queue_of(project, {'name': 'new', 'type': 'write', 'mode': 'prompt'}).pk}/")
    shown = page.content.decode()
    assert "Write a new user prompt" in shown
    assert "An example" in shown
    assert "do not answer it" in shown
    # Where there are responses, the prompt is what they answer.
    both = queue_of(project, {"name": "ranking", "type": "rank"}, {"name": "new", "type": "write", "mode": "prompt"})
    assert "do not answer it" not in client.get(f"/label/{both.pk}/").content.decode()


def test_a_default_title_fits_what_is_written_and_a_given_one_stays() -> None:
    def title(**settings: Any) -> str:
        return str(clean_form([{"name": "text", "type": "write", **settings}])[0]["title"])

    assert title() == title(mode="response") == "Write a response"
    assert title(mode="prompt") == "Write a new user prompt"
    assert title(mode="prompt", title="Ask!") == "Ask!"
    assert title(mode="prompt", title="") == ""


def test_a_manager_reads_an_edit_as_its_changes(client: Client, project: Project, ann: User) -> None:
    queue = queue_of(project, {"name": "edit", "type": "edit"})
    slot = slots.take_next(queue, by=ann)
    assert slot
    keys = {one.text: one.key for one in slot_reads.candidates(slot)}
    text = "The cat 👩‍👩‍👧 stood.\nHere."
    make.answered(slot, ann, {"edit": {"candidate": keys[CAT], "text": text}})
    client.force_login(make.manager(project))
    shown = client.get(f"/projects/{project.slug}/prompts/{project.prompts.get().pk}/").content.decode()
    assert "Candidate 1, edited" in shown
    (edited,) = re.findall(r'<div class="edited"[^>]*>(.*?)</div>', shown, re.DOTALL)
    assert re.sub(r"<span.*?</span>|<ins>.*?</ins>|</?del>", "", edited) == CAT.replace("\r\n", "\n")
    assert re.sub(r"<span.*?</span>|<del>.*?</del>|</?ins>", "", edited) == text
    assert len(re.findall("<del>", edited)) == 1


def test_a_manager_reads_marks_as_quotations_under_the_candidates_names(
    client: Client, project: Project, ann: User
) -> None:
    queue = queue_of(project, {**SPANS})
    slot = slots.take_next(queue, by=ann)
    assert slot
    keys = {one.text: one.key for one in slot_reads.candidates(slot)}
    marks = {keys[CAT]: [{"start": 8, "end": 13, "label": "b", "comment": "a"}], keys[DOG]: []}
    make.answered(slot, ann, {"spans": marks})
    (task,) = prompt_reads.tasks_of(
        project.prompts.get(), {pk: n for n, pk in enumerate(sorted(slot.candidate_order), 1)}
    )
    assert task.slots[0].answers[0].value == {
        "Candidate 1": [{"start": 8, "end": 13, "label": "b", "comment": "a", "quote": "👩‍👩‍👧"}],
        "Candidate 2": [],
    }
    client.force_login(make.manager(project))
    shown = client.get(f"/projects/{project.slug}/prompts/{project.prompts.get().pk}/").content.decode()
    assert "<strong>b</strong>" in shown
    assert "👩‍👩‍👧</q>" in shown
    assert 'Candidate 2: <span class="soft">no marks</span>' in shown


def test_labels_and_options_that_look_like_keys_stay_what_they_are(project: Project, ann: User) -> None:
    form = [
        {"name": "which", "type": "choose", "options": ["a", "b"]},
        {"name": "ranking", "type": "rank"},
        {"name": "better", "type": "compare"},
    ]
    slot = slots.take_next(queue_of(project, *form), by=ann)
    assert slot
    answers = {
        "which": {"a": ["b"], "b": ["a"]},
        "ranking": {"groups": [["b"], ["a"]]},
        "better": {"preferred": "b", "strength": 1},
    }
    make.answered(slot, ann, answers)
    numbers = {pk: n for n, pk in enumerate(slot.candidate_order, 1)}
    (task,) = prompt_reads.tasks_of(project.prompts.get(), numbers)
    assert [answer.value for answer in task.slots[0].answers] == [
        {"Candidate 1": ["b"], "Candidate 2": ["a"]},
        {"groups": [["Candidate 2"], ["Candidate 1"]]},
        {"preferred": "Candidate 2", "strength": 1},
    ]


def test_what_the_page_shows_of_an_answer_is_what_would_be_submitted() -> None:
    form = [EDIT, SPANS]
    answers = {"edit": {"candidate": "a", "text": "t", "kept": {"b": "x"}}, "spans": {"a": [], "b": []}}
    questions = shown_questions(form, answers, KEYS)
    assert [question.answer["candidate"] for question in questions[:1]] == ["a"]
    final = final_answers(form, answers, Shown(candidates={"a": "one", "b": "two"}))
    assert final == {"edit": {"candidate": "a", "text": "t"}, "spans": {"a": [], "b": []}}
