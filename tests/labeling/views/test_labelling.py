"""The labelling page as a plain form, without any script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from labeling.models import Annotation, Draft, Project, Prompt, Queue, Slot, SlotState, User
from labeling.services import drafts, queues, slots
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ann: User) -> Project:
    made = make.project(make.person("alice"), annotators=[ann], guidelines="Be **kind**.")
    make.imported(made, 2, candidates=3)
    return made


@pytest.fixture
def ranking(project: Project) -> Queue:
    return make.queue(project, preset="ranking", overlap=2)


@pytest.fixture
def writing(project: Project) -> Queue:
    return make.queue(project, preset="demonstrations")


@pytest.fixture
def client(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def text(response: Any) -> str:
    return str(response.content.decode())


def hidden(response: Any) -> dict[str, str]:
    """The task's own hidden fields, as a browser would send them back."""
    form = re.search(r'<form[^>]*id="task".*?</form>', text(response), re.DOTALL)
    assert form
    return dict(re.findall(r'<input type="hidden" name="(slot|lease)" value="([^"]*)"', form[0]))


def submit(client: Client, queue: Queue, page: Any, **answers: str) -> Any:
    return client.post(f"/label/{queue.pk}/submit/", hidden(page) | {f"q.{k}": v for k, v in answers.items()})


def test_it_works(client: Client, writing: Queue, ann: User) -> None:
    page = client.get(f"/label/{writing.pk}/")
    assert "Question 0?" in text(page)
    done = submit(client, writing, page, response="Because.\r\nSo.")
    assert (done.status_code, done.headers["Location"]) == (302, f"/label/{writing.pk}/")
    assert Annotation.objects.get(annotator=ann).answers == {"response": {"text": "Because.\nSo."}}
    assert "Question 1?" in text(client.get(f"/label/{writing.pk}/"))


def test_a_ranking_is_read_from_its_places(client: Client, ranking: Queue, ann: User) -> None:
    page = client.get(f"/label/{ranking.pk}/")
    done = submit(client, ranking, page, **{"ranking.a": "3", "ranking.b": "1", "ranking.c": "3"})
    assert done.status_code == 302
    assert Annotation.objects.get(annotator=ann).answers == {"ranking": {"groups": [["b"], ["a", "c"]]}}


def test_a_place_of_thousands_of_digits_is_no_place(client: Client, ranking: Queue) -> None:
    page = client.get(f"/label/{ranking.pk}/")
    refused = submit(
        client, ranking, page, **{"ranking.a": "1" * 5000, "ranking.b": "1", "ranking.acceptable": "9" * 5000}
    )
    assert refused.status_code == 422


def test_a_mistake_stands_at_its_question_and_keeps_what_was_chosen(client: Client, ranking: Queue) -> None:
    page = client.get(f"/label/{ranking.pk}/")
    again = submit(client, ranking, page, **{"ranking.a": "2"})
    assert again.status_code == 422
    assert re.search(r'id="error-ranking"[^>]*>2 responses have no place yet', text(again))
    assert re.search(r'name="q.ranking.a" value="2" checked', text(again))
    assert not Annotation.objects.exists()


def test_a_mistake_keeps_what_was_typed(client: Client, project: Project) -> None:
    form = [
        {"name": "response", "type": "write", "min_chars": 20},
        {"name": "why", "type": "comment", "required": False},
    ]
    queue = make.queue(project, form=form)
    page = client.get(f"/label/{queue.pk}/")
    again = submit(client, queue, page, response="<b>too short", why="hm & so")
    assert again.status_code == 422
    assert "&lt;b&gt;too short</textarea>" in text(again)
    assert "hm &amp; so</textarea>" in text(again)
    assert "has 12 characters; at least 20 are asked for" in text(again)


@pytest.mark.parametrize("place", ["0", "4", "x", "²", "-1", "99999999999999999999", ""])
def test_a_place_that_does_not_exist_is_no_place(client: Client, ranking: Queue, place: str) -> None:
    page = client.get(f"/label/{ranking.pk}/")
    again = submit(client, ranking, page, **{"ranking.a": place, "ranking.b": "1", "ranking.c": "2"})
    assert again.status_code == 422
    assert "1 response has no place yet" in text(again)


def test_the_line_of_acceptability_is_asked_and_read(client: Client, project: Project, ann: User) -> None:
    queue = make.queue(project, form=[{"name": "ranking", "type": "rank", "acceptable": True}])
    page = client.get(f"/label/{queue.pk}/")
    places = {"ranking.a": "1", "ranking.b": "2", "ranking.c": "3"}
    assert submit(client, queue, page, **places).status_code == 422
    assert submit(client, queue, page, **places, **{"ranking.acceptable": "1"}).status_code == 302
    assert Annotation.objects.get(annotator=ann).answers["ranking"]["acceptable"] == 1


def test_the_same_form_sent_twice_makes_one_annotation(client: Client, writing: Queue) -> None:
    page = client.get(f"/label/{writing.pk}/")
    for _ in range(2):
        assert submit(client, writing, page, response="Once.").status_code == 302
    assert Annotation.objects.count() == 1


def test_a_draft_is_shown(client: Client, writing: Queue, ann: User) -> None:
    slot = slots.take_next(writing, by=ann)
    assert slot
    drafts.save(slot, {"response": {"text": "half a"}}, lease=str(slot.lease), revision=0, by=ann)
    page = text(client.get(f"/label/{writing.pk}/"))
    assert "half a</textarea>" in page
    assert 'data-autosave-revision-value="1"' in page


@pytest.mark.parametrize(
    "answers",
    [
        {"ranking": {"groups": [["a"], ["c"]]}},
        {"ranking": {"groups": [["a"], ["c"]], "places": {"a": 1, "c": 2}}},
        {"ranking": {"places": {"a": 1, "c": 2, "z": 3, "b": 77}, "groups": "?"}},
    ],
)
def test_a_draft_of_a_ranking_is_shown(client: Client, ranking: Queue, ann: User, answers: dict[str, object]) -> None:
    slot = slots.take_next(ranking, by=ann)
    assert slot
    drafts.save(slot, answers, lease=str(slot.lease), revision=0, by=ann)
    page = text(client.get(f"/label/{ranking.pk}/"))
    assert re.findall(r'name="(q\.ranking\.\w)" value="(\d)" checked', page) == [
        ("q.ranking.a", "1"),
        ("q.ranking.c", "2"),
    ]


@pytest.mark.parametrize(
    "stored", [{"ranking": 5}, {"ranking": {"groups": [5]}}, {"ranking": {"groups": [["a", 7]]}}, {}]
)
def test_a_draft_that_makes_no_sense_does_not_break_the_page(
    client: Client, ranking: Queue, ann: User, stored: dict[str, object]
) -> None:
    slot = slots.take_next(ranking, by=ann)
    assert slot
    drafts.save(slot, stored, lease=str(slot.lease), revision=0, by=ann)
    assert client.get(f"/label/{ranking.pk}/").status_code == 200


def test_skipping(client: Client, writing: Queue, ann: User) -> None:
    page = client.get(f"/label/{writing.pk}/")
    done = client.post(f"/label/{writing.pk}/skip/", hidden(page) | {"reason": "other", "comment": "odd"}, follow=True)
    assert "Question 1?" in text(done)
    slot = Slot.objects.get(annotator=ann, state=SlotState.SKIPPED)
    assert (slot.skip_reason, slot.skip_comment) == ("other", "odd")


def test_skipping_without_a_reason_is_refused_in_words(client: Client, writing: Queue) -> None:
    page = client.get(f"/label/{writing.pk}/")
    again = client.post(f"/label/{writing.pk}/skip/", hidden(page), follow=True)
    assert "Say why you skip it." in text(again)
    assert "Question 0?" in text(again)


def test_leaving_gives_the_task_back_and_keeps_the_draft(client: Client, writing: Queue, ann: User) -> None:
    page = client.get(f"/label/{writing.pk}/")
    slot = Slot.objects.get(annotator=ann)
    drafts.save(slot, {"response": {"text": "half"}}, lease=str(slot.lease), revision=0, by=ann)
    assert client.post(f"/label/{writing.pk}/leave/", hidden(page)).headers["Location"] == "/"
    slot.refresh_from_db()
    assert slot.state == SlotState.OPEN
    assert Draft.objects.filter(slot=slot, annotator=ann).exists()


def test_leaving_what_is_not_held_any_more_just_leaves(client: Client, writing: Queue, ann: User) -> None:
    page = client.get(f"/label/{writing.pk}/")
    slots.release(Slot.objects.get(annotator=ann), by=ann)
    assert client.post(f"/label/{writing.pk}/leave/", hidden(page)).headers["Location"] == "/"


def test_an_answer_to_a_task_that_went_away_is_given_back_to_be_copied(
    client: Client, writing: Queue, ann: User
) -> None:
    page = client.get(f"/label/{writing.pk}/")
    Slot.objects.filter(annotator=ann).update(annotator=make.person("ben"), lease_expires_at=timezone.now())
    lost = submit(client, writing, page, response="my <long> text")
    assert lost.status_code == 409
    assert "my &lt;long&gt; text</textarea>" in text(lost)
    assert "no longer in your hands" in text(lost)


def test_an_answer_sent_while_logged_out_is_given_back_too(client: Client, writing: Queue) -> None:
    page = client.get(f"/label/{writing.pk}/")
    client.logout()
    out = submit(client, writing, page, response="do not lose me")
    assert out.status_code == 401
    assert "do not lose me</textarea>" in text(out)


def test_somebody_else_cannot_answer_in_my_place(client: Client, writing: Queue, project: Project) -> None:
    page = client.get(f"/label/{writing.pk}/")
    ben = make.person("ben")
    from labeling.services import projects

    projects.add_member(project, email=ben.email, role="annotator", by=make.manager(project))
    other = Client()
    other.force_login(ben)
    assert submit(other, writing, page, response="mine now").status_code == 409
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("slot", ["", "0", "-1", "abc", "9" * 30, "²"])
def test_a_slot_that_does_not_exist_is_not_found(client: Client, writing: Queue, slot: str) -> None:
    for deed in ("submit", "skip", "leave"):
        assert client.post(f"/label/{writing.pk}/{deed}/", {"slot": slot, "lease": "x"}).status_code == 404


def test_a_slot_of_another_queue_is_not_found(client: Client, writing: Queue, ranking: Queue) -> None:
    page = client.get(f"/label/{writing.pk}/")
    assert submit(client, ranking, page, response="wrong door").status_code == 404


def test_outsiders_find_nothing(writing: Queue) -> None:
    charlie = Client()
    charlie.force_login(make.person("charlie"))
    response = charlie.get(f"/label/{writing.pk}/")
    assert response.status_code == 404
    assert "There is no such queue." in text(response)


def test_strangers_are_asked_to_log_in(writing: Queue) -> None:
    response = Client().get(f"/label/{writing.pk}/")
    assert response.headers["Location"] == f"/login/?next=/label/{writing.pk}/"


def test_the_address_of_a_mistake_opened_again_shows_the_task(client: Client, writing: Queue) -> None:
    assert client.get(f"/label/{writing.pk}/submit/").headers["Location"] == f"/label/{writing.pk}/"


def test_a_form_without_its_token_changes_nothing(ann: User, writing: Queue) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    page = strict.get(f"/label/{writing.pk}/")
    response = submit(strict, writing, page, response="x")
    assert response.status_code == 403
    assert "The page was open for too long" in text(response)
    assert not Annotation.objects.exists()


@pytest.mark.parametrize(("state", "words"), [("paused", "This queue is paused"), ("closed", "This queue is closed")])
def test_a_queue_that_does_not_run_says_so(client: Client, writing: Queue, state: str, words: str) -> None:
    queues.change(writing, state=state, by=make.manager(writing.project))
    assert words in text(client.get(f"/label/{writing.pk}/"))


def test_the_end_names_other_queues_with_work(client: Client, ranking: Queue, writing: Queue) -> None:
    for _ in range(2):
        submit(client, writing, client.get(f"/label/{writing.pk}/"), response="Yes.")
    end = text(client.get(f"/label/{writing.pk}/"))
    assert "That is all for now" in end
    assert ranking.name in end
    assert f'href="/label/{ranking.pk}/"' in end


def test_guidelines_stand_in_the_page(client: Client, writing: Queue) -> None:
    assert "Be <strong>kind</strong>." in text(client.get(f"/label/{writing.pk}/"))


def test_nothing_tells_where_a_candidate_comes_from(client: Client, ranking: Queue) -> None:
    assert "model-" not in text(client.get(f"/label/{ranking.pk}/"))


def test_pages_hold_no_inline_script_and_no_inline_style(client: Client, ranking: Queue) -> None:
    page = text(client.get(f"/label/{ranking.pk}/"))
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)
    assert not re.search(r"\s(style|on\w+)=", page)
    assert "<style" not in page


def test_the_preview_is_the_page_s_own_renderer(client: Client) -> None:
    response = client.post("/label/preview/", {"text": "**bold** <script>x</script>\r\nnext"})
    assert text(response) == '<p dir="auto"><strong>bold</strong> &lt;script&gt;x&lt;/script&gt;<br>\nnext</p>\n'


def test_the_preview_has_an_end(client: Client) -> None:
    assert client.post("/label/preview/", {"text": "x" * 200_001}).status_code == 413


def test_the_prompt_s_language_is_said(client: Client, project: Project) -> None:
    make.imported(project, 1, start=9, candidates=2, language="ar")
    queue = make.queue(project, form=[{"name": "ranking", "type": "rank"}], candidates_max=2)
    pages = []
    for _ in range(3):
        page = client.get(f"/label/{queue.pk}/")
        pages.append(text(page))
        submit(client, queue, page, **{"ranking.a": "1", "ranking.b": "2"})
    assert sum('dir="auto" lang="ar"' in page for page in pages) == 1


def test_a_context_document_stands_beside_the_prompt_and_links_only_to_the_web(
    client: Client, project: Project
) -> None:
    context = [
        {"title": "Rules", "text": "Rule **one**", "url": "https://example.org/r"},
        {"title": "Trap", "text": "x", "url": "javascript:alert(1)"},
    ]
    Prompt.objects.update(context=context)  # an import would refuse the second address
    page = text(client.get(f"/label/{make.queue(project).pk}/"))
    assert "Rule <strong>one</strong>" in page
    assert 'href="https://example.org/r"' in page
    assert "javascript:" not in page


@pytest.mark.parametrize("scripts", [True, False])
def test_a_submit_from_an_old_page_gives_both_versions_back(
    client: Client, writing: Queue, ann: User, scripts: bool
) -> None:
    fields = hidden(client.get(f"/label/{writing.pk}/"))
    slot = Slot.objects.get(pk=fields["slot"])
    newer = {"response": {"text": "newer"}}
    drafts.save(slot, newer, lease=fields["lease"], revision=0, by=ann)
    sent = {**fields, "q.response": "older", "revision": "0", **({"ahead": ""} if scripts else {})}
    answer = client.post(f"/label/{writing.pk}/submit/", sent)
    assert answer.status_code == 409
    if scripts:
        assert (answer.json()["code"], answer.json()["draft"]["answers"]) == ("stale_draft", newer)
    else:
        assert "older" in text(answer)
    assert Draft.objects.get().answers == newer
    assert not Annotation.objects.exists()
    client.post(f"/label/{writing.pk}/submit/", {**sent, "revision": "1"})
    assert Annotation.objects.get().answers == {"response": {"text": "older"}}


@pytest.mark.parametrize("revision", ["", "x", "-1", "٣", "9" * 30])
def test_a_revision_that_is_none_stops_no_work(client: Client, writing: Queue, revision: str) -> None:
    fields = hidden(client.get(f"/label/{writing.pk}/"))
    client.post(f"/label/{writing.pk}/submit/", {**fields, "q.response": "done", "revision": revision})
    assert Annotation.objects.get().answers == {"response": {"text": "done"}}
