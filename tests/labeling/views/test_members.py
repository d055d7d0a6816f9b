"""What a member may do and can do."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from labeling.models import Membership, Project, User
from tests import make


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    client = Client()
    client.force_login(alice)
    return client


def address(user: User) -> str:
    return f"/projects/haiku/members/{Membership.objects.get(user=user).pk}/"


def test_skills_and_languages_are_set_and_listed(client: Client, project: Project, ann: User) -> None:
    sent = {"role": "reviewer", "skills": "medicine: 2\n\nLatin", "languages": "en, pt-BR de"}
    assert client.post(address(ann), sent).headers["Location"] == "/projects/haiku/members/"
    member = Membership.objects.get(user=ann)
    assert (member.role, member.skills, member.languages) == (
        "reviewer",
        {"Latin": 1, "medicine": 2},
        ["de", "en", "pt-BR"],
    )
    page = client.get("/projects/haiku/members/").content.decode()
    assert "medicine 2" in page
    assert "de, en, pt-BR" in page
    again = client.get(address(ann)).content.decode()
    assert "Latin: 1\nmedicine: 2</textarea>" in again
    assert 'value="de, en, pt-BR"' in again
    client.post(address(ann), {"role": "annotator", "skills": "", "languages": ""})
    member.refresh_from_db()
    assert (member.skills, member.languages) == ({}, [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"skills": "medicine: high"}, "Line 1: write it as “medicine: 2”."),
        ({"skills": "medicine: 11"}, "Give a level from 1 to 10."),
        ({"skills": "x" * 60}, "A skill's name has 1 to 50 characters."),
        ({"languages": "English, !"}, "“!” is no language tag."),
        ({"role": "king"}, "Select a valid choice"),
    ],
)
def test_a_mistake_stands_at_its_field(
    client: Client, project: Project, ann: User, changes: dict[str, str], said: str
) -> None:
    answer = client.post(address(ann), {"role": "annotator", "skills": "law: 1", "languages": "fr", **changes})
    assert answer.status_code == 422
    page = unescape(answer.content.decode())
    assert said in page
    for typed in ({"skills": "law: 1", "languages": "fr"} | changes).values():
        assert typed in page or typed == "king"
    assert Membership.objects.get(user=ann).skills == {}


def test_the_last_manager_stays_one(client: Client, project: Project, alice: User) -> None:
    answer = client.post(address(alice), {"role": "annotator", "skills": "", "languages": ""})
    assert answer.status_code == 422
    assert "last manager" in answer.content.decode()


def test_others_do_not_see_it(project: Project, ann: User) -> None:
    for user, status in ((ann, 403), (make.person("charlie"), 404)):
        client = Client()
        client.force_login(user)
        assert client.get(address(ann)).status_code == status
        assert client.post(address(ann), {"role": "manager"}).status_code == status
