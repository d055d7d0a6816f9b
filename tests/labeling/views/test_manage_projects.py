from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.forms.projects import ProjectSettingsForm
from labeling.models import Event, GuidelinesVersion, Project, Role, Slot, User
from labeling.services import projects, slots
from tests import make


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    return make.project(alice, annotators=[ann], slug="haiku", description="Poems of three lines")


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


MANAGER_PAGES = ["prompts/", "imports/", "members/", "events/", "settings/", "queues/new/"]
REVIEWER_PAGES = ["", "queues/"]


def test_the_overview_works(alice: User, ann: User, project: Project) -> None:
    make.imported(project, 3)
    queue = make.queue(project, slug="write", overlap=2)
    make.written(queue, ann)
    slots.take_next(queue, by=ann)
    shown = browser(alice).get("/projects/haiku/").content.decode()
    assert "Poems of three lines" in shown
    assert "1 of 6 submitted, 1 in hand, 4 open" in shown
    assert f"/projects/haiku/queues/{queue.pk}/slots/" in shown


def test_each_page_is_for_whom_it_should_be(alice: User, ann: User, project: Project) -> None:
    reviewer, charlie, root = (
        make.person("rose"),
        make.person("charlie"),
        User.objects.create_superuser("r@example.org"),
    )
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=alice)
    queue = make.queue(project)
    make.imported(project, 1)
    prompt = project.prompts.get()
    manager_pages = [*MANAGER_PAGES, f"prompts/{prompt.pk}/", f"imports/{project.imports.get().pk}/"]
    reviewer_pages = [*REVIEWER_PAGES, f"queues/{queue.pk}/"]
    for pages, allowed in (
        (manager_pages, {alice, root}),
        (reviewer_pages, {alice, root, reviewer}),
        (["guidelines/"], {alice, root, reviewer, ann}),
    ):
        for user in (alice, root, reviewer, ann, charlie):
            for page in pages:
                expected = 200 if user in allowed else 404 if user == charlie else 403
                assert browser(user).get(f"/projects/haiku/{page}").status_code == expected, (page, user)
            assert Client().get(f"/projects/haiku/{pages[0]}").status_code == 302


def test_a_reviewer_sees_no_button_that_is_not_theirs(alice: User, ann: User, project: Project) -> None:
    reviewer = make.person("rose")
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=alice)
    make.imported(project, 1)
    queue = make.queue(project)
    slots.take_next(queue, by=ann)
    for page in ("", f"queues/{queue.pk}/"):
        shown = browser(reviewer).get(f"/projects/haiku/{page}").content.decode()
        assert "Ann" in shown
        assert "release" not in shown
        assert "/prompts/" not in shown
        assert 'name="overlap"' not in shown


def test_an_empty_project_says_what_comes_next(alice: User, project: Project) -> None:
    client = browser(alice)
    assert "Import prompts" in client.get("/projects/haiku/").content.decode()
    make.imported(project, 1)
    assert "Make a queue" in client.get("/projects/haiku/").content.decode()


def test_a_project_is_made_and_mistakes_keep_what_was_typed(alice: User, project: Project) -> None:
    client = browser(alice)
    wrong = client.post("/projects/new/", {"name": "Tanka", "slug": "haiku", "guidelines": "Five lines."})
    assert wrong.status_code == 422
    assert "Choose another one." in wrong.content.decode()
    assert "Five lines." in wrong.content.decode()
    made = client.post("/projects/new/", {"name": "Tanka", "guidelines": "Five lines."})
    assert made.headers["Location"] == "/projects/tanka/"
    assert projects.guidelines_of(Project.objects.get(slug="tanka")).text == "Five lines."


def test_an_annotator_makes_no_project(ann: User, project: Project) -> None:
    assert browser(ann).get("/projects/new/").status_code == 403
    assert browser(ann).post("/projects/new/", {"name": "Mine"}).status_code == 403


def test_forms_are_refused_without_their_csrf_token(alice: User, project: Project) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    for page in ("members/", "imports/", "guidelines/", "queues/new/"):
        assert client.post(f"/projects/haiku/{page}", {}).status_code == 403


def test_no_page_has_inline_script_or_style(alice: User, ann: User, project: Project) -> None:
    make.imported(project, 2, candidates=2)
    queue = make.queue(project, preset="ranking")
    make.ranked(queue, ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    prompt = project.prompts.order_by("pk")[0]
    for page in ("", *MANAGER_PAGES, "queues/", "guidelines/", f"queues/{queue.pk}/", f"prompts/{prompt.pk}/"):
        shown = browser(alice).get(f"/projects/haiku/{page}").content.decode()
        assert " style=" not in shown
        assert "<style" not in shown
        assert " onclick=" not in shown
        data = len(re.findall(r'<script id="[\w-]+" type="application/json">', shown))  # which does not run
        assert shown.count("<script") == data + shown.count('<script type="module" src=')


def test_members_are_added_changed_and_removed(alice: User, ann: User, project: Project) -> None:
    client = browser(alice)
    client.post("/projects/haiku/members/", {"email": "new@example.org", "role": "annotator"})
    client.post("/projects/haiku/members/", {"email": "new@example.org", "role": "reviewer"})
    member = project.memberships.get(user__email="new@example.org")
    assert member.role == Role.REVIEWER
    assert "No password yet" in client.get("/projects/haiku/members/").content.decode()
    client.post(f"/projects/haiku/members/{member.pk}/remove/")
    assert not project.memberships.filter(pk=member.pk).exists()


def test_the_last_manager_cannot_leave_and_is_told_why(alice: User, project: Project) -> None:
    client = browser(alice)
    own = project.memberships.get(user=alice)
    left = client.post(f"/projects/haiku/members/{own.pk}/remove/", follow=True)
    assert "last manager" in left.content.decode()
    demoted = client.post("/projects/haiku/members/", {"email": alice.email, "role": "annotator"})
    assert (demoted.status_code, "last manager" in demoted.content.decode()) == (422, True)


def test_a_manager_who_removes_herself_goes_home(alice: User, project: Project) -> None:
    projects.add_member(project, email="other@example.org", role=Role.MANAGER, by=alice)
    own = project.memberships.get(user=alice)
    assert browser(alice).post(f"/projects/haiku/members/{own.pk}/remove/").headers["Location"] == "/"


def test_an_address_that_is_none_stays_in_its_field(alice: User, project: Project) -> None:
    answer = browser(alice).post("/projects/haiku/members/", {"email": "not an address", "role": "annotator"})
    assert answer.status_code == 422
    assert "not an address" in answer.content.decode()


def test_guidelines_are_looked_at_before_they_are_put_in_force(alice: User, project: Project) -> None:
    client = browser(alice)
    text = "# Poems\n\nThree lines <script>alert(1)</script>"
    looked = client.post("/projects/haiku/guidelines/", {"guidelines": text, "preview": "1"}).content.decode()
    assert "As it will read" in looked
    assert "<script>alert" not in looked
    assert GuidelinesVersion.objects.filter(project=project).count() == 1
    client.post("/projects/haiku/guidelines/", {"guidelines": text})
    assert projects.guidelines_of(project).text == text
    assert "Version 2" in client.get("/projects/haiku/guidelines/").content.decode()


def test_an_older_version_can_be_read_and_brought_back(alice: User, project: Project) -> None:
    projects.set_guidelines(project, "The first text.", by=alice)
    projects.set_guidelines(project, "The second text.", by=alice)
    client = browser(alice)
    old = client.get("/projects/haiku/guidelines/?version=2").content.decode()
    assert "The first text." in old
    assert "no longer in force" in old
    assert "The first text." in client.get("/projects/haiku/guidelines/?version=2&edit=1").content.decode()
    for nonsense in ("99", "x", "9" * 30, "%00"):
        assert "The second text." in client.get(f"/projects/haiku/guidelines/?version={nonsense}").content.decode()


def test_annotators_read_guidelines_and_do_not_change_them(ann: User, project: Project) -> None:
    client = browser(ann)
    assert "textarea" not in client.get("/projects/haiku/guidelines/?edit=1").content.decode()
    assert client.post("/projects/haiku/guidelines/", {"guidelines": "Mine."}).status_code == 403
    assert projects.guidelines_of(project).text == ""


def test_the_log_says_who_did_what_and_narrows_down(alice: User, ann: User, project: Project) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    make.written(queue, ann)
    client = browser(alice)
    first = client.get("/projects/haiku/events/").content.decode()
    assert "project.created" in first
    assert "annotation.submitted" not in first
    whole = client.get("/projects/haiku/events/?about=all").content.decode()
    assert "annotation.submitted" in whole
    assert "project.created" in whole
    hers = client.get(f"/projects/haiku/events/?who={ann.email}&about=annotation").content.decode()
    assert "annotation.submitted" in hers
    assert "project.created" not in hers
    assert "slot.taken" not in hers


def test_long_lists_come_in_pages_by_key(alice: User, project: Project) -> None:
    make.imported(project, 120)
    client = browser(alice)
    seen, address = [], "/projects/haiku/prompts/"
    pages = []
    while address:
        page = client.get(address).context["page"]
        pages.append(address)
        seen.append([prompt.external_id for prompt in page.rows])
        address = f"/projects/haiku/prompts/{page.after}" if page.after else ""
    assert [len(rows) for rows in seen] == [50, 50, 20]
    assert [key for rows in seen for key in rows] == [f"p{number}" for number in range(120)]
    last = client.get(pages[-1]).context["page"]
    back = client.get(f"/projects/haiku/prompts/{last.before}").context["page"]
    assert [prompt.external_id for prompt in back.rows] == seen[1]
    first = client.get(f"/projects/haiku/prompts/{back.before}").context["page"]
    assert ([prompt.external_id for prompt in first.rows], first.before) == (seen[0], "")


@pytest.mark.parametrize("query", ["after=x", "before=-1", f"after={10**30}", "after=%00", "state=x", "about=%00"])
def test_nonsense_in_the_address_breaks_nothing(alice: User, project: Project, query: str) -> None:
    make.imported(project, 1)
    for page in ("prompts/", "events/", "imports/"):
        assert browser(alice).get(f"/projects/haiku/{page}?{query}").status_code == 200


def test_what_somebody_holds_is_taken_back(alice: User, ann: User, project: Project) -> None:
    make.imported(project, 1)
    queue = make.queue(project)
    slot = slots.take_next(queue, by=ann)
    assert slot is not None
    address = f"/projects/haiku/queues/{queue.pk}/slots/{slot.pk}/release/"
    assert browser(ann).post(address).status_code == 403
    assert browser(make.person("charlie")).post(address).status_code == 404
    assert browser(alice).get(address).status_code == 405
    taken = browser(alice).post(address, {"overview": "1"})
    assert taken.headers["Location"] == "/projects/haiku/"
    assert Slot.objects.get(pk=slot.pk).state == "open"
    assert Event.objects.get(verb="slot.released").actor == alice
    again = browser(alice).post(address, follow=True)
    assert "Nobody holds this slot." in again.content.decode()


def test_settings_are_filled_in_and_saved(alice: User, project: Project) -> None:
    page = browser(alice).get("/projects/haiku/settings/").content.decode()
    assert "Poems of three lines</textarea>" in page
    # What it was filled with goes along, so that a save changes only what was changed here.
    assert set(re.findall(r'type="hidden" name="initial-(\w+)"', page)) == set(ProjectSettingsForm.filled(project))
    sent = {"name": "Poems", "description": "Short", "license": "other", "license_url": "https://example.org/terms"}
    answer = browser(alice).post("/projects/haiku/settings/", shown_before(project) | sent)
    assert (answer.status_code, answer["Location"]) == (302, "/projects/haiku/settings/")
    project.refresh_from_db()
    assert (project.name, project.description, project.license) == ("Poems", "Short", "https://example.org/terms")
    page = browser(alice).get("/projects/haiku/settings/").content.decode()
    assert re.search(r'<option value="other"\s+selected', page)
    assert 'value="https://example.org/terms"' in page


def shown_before(project: Project) -> dict[str, str]:
    """What a browser sends of the form as it was filled in, with what it stood at."""
    filled = ProjectSettingsForm.filled(project)
    return {**filled, **{f"initial-{name}": text for name, text in filled.items()}}


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"license": "other"}, "license_url", "Give the address where it can be read."),
        ({"license": "other", "license_url": "javascript:alert(1)"}, "license_url", "This is no address"),
        ({"license": "other", "license_url": "https://e.org/" + "x" * 500}, "license_url", "This is no address"),
        ({"license": "mit", "license_url": "https://example.org/"}, "license_url", "or leave this empty"),
        ({"license": "mine"}, "license", "Select a valid choice"),
        ({"name": ""}, "name", "This field is required."),
        ({"description": "Kept" + "x" * 10_000}, "description", "at most 10,000 characters"),
    ],
)
def test_settings_that_cannot_be_are_refused_where_they_stand(
    alice: User, project: Project, sent: dict[str, str], field: str, said: str
) -> None:
    given = shown_before(project) | {"name": "Other", "description": "Kept"} | sent
    answer = browser(alice).post("/projects/haiku/settings/", given)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert len(errors[field]) == 1
    assert said in errors[field][0]
    page = answer.content.decode()
    assert re.search(r"Kept(x{10000})?</textarea>", page)
    project.refresh_from_db()
    assert (project.description, project.license) == ("Poems of three lines", "")


def test_settings_keep_what_somebody_else_has_saved_meanwhile(alice: User, project: Project) -> None:
    page = shown_before(project)
    projects.change(project, license="mit", by=alice)
    browser(alice).post("/projects/haiku/settings/", page | {"description": "Short"})
    project.refresh_from_db()
    assert (project.description, project.license) == ("Short", "mit")


def test_from_an_address_to_a_known_licence_in_one_step(alice: User, project: Project) -> None:
    project = projects.change(project, license="https://example.org/terms", by=alice)
    answer = browser(alice).post("/projects/haiku/settings/", shown_before(project) | {"license": "mit"})
    assert answer.status_code == 302
    project.refresh_from_db()
    assert project.license == "mit"
