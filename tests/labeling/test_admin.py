"""The admin site: superusers make accounts and set lost passwords; others do not get in."""

from __future__ import annotations

import pytest
from django.test import Client

from labeling.models import User
from tests import make

pytestmark = pytest.mark.django_db


def test_a_superuser_makes_an_account_and_sets_a_password(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@example.org", "a password for root"))
    fields = {"email": "Dora@Example.org", "name": "Dora", "usable_password": "true"}
    password = {"password1": "seven brown teapots", "password2": "seven brown teapots"}
    made = client.post("/admin/labeling/user/add/", fields | password)
    assert made.status_code == 302
    dora = User.objects.get(email__iexact="dora@example.org")
    assert Client().login(username="dora@example.org", password="seven brown teapots")
    for where in ("", f"{dora.pk}/change/", f"{dora.pk}/password/"):
        assert client.get(f"/admin/labeling/user/{where}").status_code == 200
    assert client.get("/admin/labeling/user/?q=dora").content.decode().count("Dora") >= 1


def test_others_do_not_get_in(client: Client) -> None:
    client.force_login(make.person("ann"))
    assert client.get("/admin/labeling/user/").status_code == 302
