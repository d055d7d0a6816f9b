"""The pages for what is not there, not allowed, or broken."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from labeling.models import Role
from labeling.services import projects
from tests import make

pytestmark = pytest.mark.django_db


def test_an_address_that_leads_nowhere_says_so() -> None:
    response = Client().get("/no/such/page/")
    assert response.status_code == 404
    assert "There is no such page, or it is not yours to see." in response.content.decode()


def test_what_is_not_mine_to_do_is_said_in_words() -> None:
    alice, rose = make.person("alice"), make.person("rose")
    project = make.project(alice)
    projects.add_member(project, email=rose.email, role=Role.REVIEWER, by=alice)
    client = Client()
    client.force_login(rose)
    response = client.get(reverse("members", args=[project.slug]))
    assert response.status_code == 403
    assert "Only a manager of" in response.content.decode()


def test_the_page_for_our_own_mistakes_needs_nothing_that_may_be_broken() -> None:
    assert "Something broke on our side" in render_to_string("500.html")


def test_a_method_that_a_page_does_not_know_is_refused() -> None:
    client = Client()
    client.force_login(make.person())
    assert client.put("/profile/").status_code == 405


def test_every_page_names_the_theme_and_the_way_past_the_bar() -> None:
    client = Client()
    client.force_login(make.person())
    page = client.get("/").content.decode()
    assert 'data-theme="system"' in page
    assert '<a class="skip-link" href="#main">' in page
