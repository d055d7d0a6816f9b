"""What is said of a project, and the licence of its data."""

from __future__ import annotations

import pytest

from labeling import licenses
from labeling.errors import Invalid
from labeling.licenses import LICENSES, is_address
from labeling.models import Event
from labeling.services import projects
from tests import make

pytestmark = pytest.mark.django_db


def test_what_is_said_of_it_can_be_changed() -> None:
    project = make.project(slug="haiku", description="Poems")
    manager = make.manager(project)
    changed = projects.change(project, name=" Short  poems ", license="cc-by-4.0", by=manager)
    project.refresh_from_db()
    for one in (changed, project):
        assert (one.name, one.description, one.license, one.slug) == ("Short poems", "Poems", "cc-by-4.0", "haiku")
    event = Event.objects.get(verb="project.changed")
    assert event.actor == manager
    assert event.data == {"changed": {"name": ["Haiku", "Short poems"], "license": ["", "cc-by-4.0"]}}


def test_a_change_that_changes_nothing_leaves_no_event() -> None:
    project = make.project(description="Poems")
    projects.change(project, name=project.name, description="Poems", license="", by=make.manager(project))
    assert not Event.objects.filter(verb="project.changed").exists()


@pytest.mark.parametrize(
    "license",
    ["", *LICENSES, "https://example.org/terms?v=2#all", "http://xn--bcher-kva.example:8443/a_(b)", "https://[::1]/"],
)
def test_a_licence_is_a_known_one_or_an_address(license: str) -> None:
    project = make.project()
    assert projects.change(project, license=f" {license} ", by=make.manager(project)).license == license


@pytest.mark.parametrize(
    "license",
    [
        *("CC-BY-4.0", "mine", "javascript:alert(1)", "ftp://example.org/", "https://", "https:///x", "//example.org"),
        *("https://a b", "https://example.org/\n", "https://exämple.org", "https://e\x00.org", "https://[", 4, None),
        *("https://e.org:abc/", "https://e.org:99999/", "https://e.org:0/", "https://user:pw@e.org/", "https://."),
        *("https://e.org\\@x", "https://e.org/<b>", "https://-e.org/", 'https://e.org/"', "https://[zz]/"),
        "https://example.org/" + "x" * 500,
    ],
)
def test_anything_else_is_refused(license: object) -> None:
    if isinstance(license, str):
        assert not is_address(license)
    with pytest.raises(Invalid) as refused:
        projects.clean_license(license if not isinstance(license, str) else license + "\x00" * license.endswith("\n"))
    assert [fault.path for fault in refused.value.errors] == ["license"]


def test_lines_of_a_description_end_as_everywhere() -> None:
    project = make.project(description="x\r\n" * 5_000)  # as a browser sends 10,000 characters
    assert project.description == ("x\n" * 5_000).strip()


def test_a_licence_is_told_for_good() -> None:
    assert licenses.told("") is None
    assert licenses.told("mit") == {"name": "mit", "title": "MIT", "url": "https://opensource.org/license/mit"}
    assert licenses.told("https://e.org/") == {"name": "other", "title": "", "url": "https://e.org/"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        *[({"name": name}, "name") for name in (" ", "x" * 201, "\x00")],
        *[({"description": text}, "description") for text in ("\x00", "x" * 10_001)],
    ],
)
def test_what_cannot_stand_on_a_page_is_refused_and_nothing_is_changed(given: dict[str, str], path: str) -> None:
    project = make.project(slug="haiku")
    with pytest.raises(Invalid) as refused:
        projects.change(project, **{"license": "mit"} | given, by=make.manager(project))
    assert [fault.path for fault in refused.value.errors] == [path]
    project.refresh_from_db()
    assert (project.name, project.license) == ("Haiku", "")
