"""The page of batches: their names, how many prompts each has, and what it adds to their priority."""

from __future__ import annotations

import pytest
from django.test import Client

from labeling.models import BatchPriority, Event, Project, User
from labeling.selectors import batches as reads
from labeling.services import batch_priorities, slots
from tests import make

AT = "/projects/haiku/batches/"


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


def priorities(project: Project) -> dict[str, int]:
    return dict(BatchPriority.objects.filter(project=project).values_list("batch", "priority"))


def test_it_works(client: Client, project: Project, ann: User) -> None:
    make.imported(project, 2)
    make.imported(project, 2, start=2, batch="<b>urgent")
    queue = make.queue(project)
    shown = client.get(AT).content.decode()
    assert "&lt;b&gt;urgent" in shown
    assert "<b>urgent" not in shown
    assert "?batch=%3Cb%3Eurgent" in shown
    shown = client.post(AT, {"batch": "<b>urgent", "priority": "5"}, follow=True).content.decode()
    assert "adds +5 to the priority of its prompts." in shown
    assert 'name="priority" value="5"' in shown
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    assert slot.task.prompt.external_id == "p2"
    assert Event.objects.get(verb="batch.prioritised").data == {"batch": "<b>urgent", "priority": 5}
    shown = client.post(f"{AT}?set=1", {"batch": "<b>urgent", "priority": "0"}, follow=True).content.decode()
    assert "adds nothing any more" in shown
    assert "No batch has a priority" in shown
    assert priorities(project) == {}


def test_a_batch_can_have_a_priority_before_it_has_a_prompt(client: Client, project: Project) -> None:
    assert "No batches yet" in client.get(AT).content.decode()
    client.post(AT, {"batch": " week 8", "priority": "-3"})
    assert priorities(project) == {" week 8": -3}
    shown = client.get(AT).content.decode()
    assert " week 8" in shown
    assert "no prompts yet" in shown


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"batch": "", "priority": "1"}, "This field is required."),
        ({"batch": "a", "priority": "soon"}, "Enter a whole number."),
        ({"batch": "a", "priority": "1000001"}, "from -1,000,000 to 1,000,000"),
        ({"batch": "b" * 101, "priority": "1"}, "at most 100 characters"),
    ],
)
def test_a_mistake_stands_at_its_field(client: Client, project: Project, sent: dict[str, str], said: str) -> None:
    answer = client.post(AT, sent)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert f'value="{sent["priority"]}"' in answer.content.decode()
    assert priorities(project) == {}


def test_many_are_shown_in_pages_by_name(
    client: Client, project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SIZE", 2)
    for n, name in enumerate(["c&c", "a", "é", "b"]):
        make.imported(project, 2, start=2 * n, batch=name)
    batch_priorities.set_priority(project, "d", 1, by=alice)
    make.imported(make.project(alice), 1, batch="of another project")
    seen, query = [], ""
    while True:
        page = client.get(f"{AT}{query}")
        seen += [(row.name, row.prompts, row.priority) for row in page.context["rows"]]
        query = page.context["following"]
        if not query:
            break
    assert seen == [("a", 2, 0), ("b", 2, 0), ("c&c", 2, 0), ("d", 0, 1), ("é", 2, 0)]
    assert 'rel="prev" href="?"' in page.content.decode()
    assert [row.name for row in client.get(f"{AT}?set=1").context["rows"]] == ["d"]
    assert [row.name for row in client.get(f"{AT}?after=é%00").context["rows"]] == []


def test_a_large_batch_is_not_counted_to_its_end(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "COUNTED", 2)
    make.imported(project, 2, batch="a")
    make.imported(project, 3, start=2, batch="b")
    small, large = reads.page_of(project).rows
    assert (small.prompts_in_words, large.prompts_in_words) == ("2", "more than 2")


def test_it_is_for_managers(project: Project, ann: User, charlie: User) -> None:
    for person, status in ((ann, 403), (charlie, 404)):
        client = Client()
        client.force_login(person)
        assert client.get(AT).status_code == status
        assert client.post(AT, {"batch": "a", "priority": "1"}).status_code == status
    assert priorities(project) == {}
