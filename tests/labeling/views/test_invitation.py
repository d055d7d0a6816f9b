"""A member without a password gets in by a link that works once."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.models import Membership, Project
from labeling.services import projects
from tests import make

pytestmark = pytest.mark.django_db

PASSWORD = {"new_password1": "seven brown teapots", "new_password2": "seven brown teapots"}


def invite(manager: Client, membership: Membership) -> str:
    """The path of a new link, from the page that shows it."""
    page = manager.post(f"/projects/haiku/members/{membership.pk}/invite/")
    found = re.search(r"http://testserver(/welcome/[^<]+)", page.content.decode())
    assert found
    return found[1]


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make.manager(make.project(make.person("alice"), slug="haiku")))
    return client


@pytest.fixture
def dora(manager: Client) -> Membership:
    project = Project.objects.get(slug="haiku")
    return projects.add_member(project, email="dora@example.org", role="annotator", by=make.manager(project))[0]


def test_it_works(manager: Client, dora: Membership) -> None:
    link = invite(manager, dora)
    newcomer = Client()
    form = newcomer.get(link, follow=True)
    assert "Choose a password" in form.content.decode()
    home = newcomer.post(form.request["PATH_INFO"], PASSWORD, follow=True)
    assert home.status_code == 200
    assert "Hello" in home.content.decode()
    assert Client().login(username="dora@example.org", password=PASSWORD["new_password1"])
    # It works once.
    assert "This link has ended" in Client().get(link, follow=True).content.decode()


def test_a_weak_password_is_refused(manager: Client, dora: Membership) -> None:
    newcomer = Client()
    form = newcomer.get(invite(manager, dora), follow=True)
    weak = {"new_password1": "password", "new_password2": "password"}
    assert "too common" in newcomer.post(form.request["PATH_INFO"], weak).content.decode()


def test_nobody_gets_a_link_to_an_account_that_has_a_password(manager: Client, dora: Membership) -> None:
    dora.user.set_password("seven brown teapots")
    dora.user.save()
    page = manager.post(f"/projects/haiku/members/{dora.pk}/invite/", follow=True)
    assert "has a password already" in page.content.decode()
    assert "/welcome/" not in page.content.decode()


def test_only_managers_invite(dora: Membership) -> None:
    ann = Client()
    ann.force_login(dora.user)
    assert ann.post(f"/projects/haiku/members/{dora.pk}/invite/").status_code == 403
