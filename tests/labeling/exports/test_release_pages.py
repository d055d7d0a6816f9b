"""The pages of releases: the list, a new one, and one of them. For two of them see test_release_compare_page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from labeling.exports import previews, summaries
from labeling.exports.files import KINDS
from labeling.exports.models import Release
from labeling.exports.plans import NOT_FILTERS
from labeling.exports.services import releases, withdrawals
from labeling.exports.settings import SETTINGS
from labeling.models import Event, Project, Role, User, WorkState
from labeling.services import projects
from tests import make
from tests.labeling.exports.releasing import asked, built, haiku

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("release_home")]

AT = "/projects/haiku/releases/"
LEAST = {"formats": ["sft"], "splits": "none", "files": "jsonl"}


@pytest.fixture
def project(ann: User, ben: User) -> Project:
    return haiku(ann, ben)


@pytest.fixture
def client(project: Project) -> Client:
    """The manager's browser."""
    client = Client()
    client.force_login(make.manager(project))
    return client


def chosen(project: Project, **given: Any) -> dict[str, Any]:
    """The form as a browser sends it, with something chosen."""
    defaults = {one.name: one.default_text for one in SETTINGS if one.name not in NOT_FILTERS}
    return {**defaults, "queue": "", "title": "", "train": "80", "validation": "10", "test": "10"} | LEAST | given


def shown(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return unescape(answer.content.decode())


# --- The list --------------------------------------------------------------------------------------------------------


def test_without_a_release_it_says_what_one_is(client: Client) -> None:
    page = shown(client, AT)
    assert "A release keeps what stood at one moment" in page
    assert f'href="{AT}new/"' in page


def test_the_list_says_how_far_each_is(client: Client, project: Project) -> None:
    built(project, "sft", "preference", title="For the <paper>")
    asked(project, "raw")
    answer = client.get(AT)
    page = unescape(answer.content.decode())
    assert "For the &lt;paper&gt;" in answer.content.decode()
    assert "sft, preference" in page
    assert page.index("Release 2") < page.index("Release 1")
    assert 'data-controller="refresh"' in page
    running = asked(project, "sft")
    Release.objects.filter(pk=running.pk).update(
        state="running",
        claim="00000000-0000-0000-0000-000000000001",
        claimed_until=running.cutoff,
        prompts_done=3,
        prompts_of=12,
    )
    assert "25 %" in shown(client, AT)


def test_a_list_without_work_under_way_stands_still(client: Client, project: Project) -> None:
    built(project, "sft")
    assert 'data-controller="refresh"' not in shown(client, AT)


def test_a_new_one_says_that_no_licence_is_named(client: Client, project: Project) -> None:
    assert "names no licence" in shown(client, f"{AT}new/")
    assert "none is named" in shown(client, f"{AT}{built(project, 'raw').number}/")
    project = projects.change(project, license="mit", by=make.manager(project))
    assert "names no licence" not in shown(client, f"{AT}new/")
    page = shown(client, f"{AT}{built(project, 'raw').number}/")
    assert '<a href="https://opensource.org/license/mit" rel="noopener noreferrer">MIT</a>' in page


# --- A new one -------------------------------------------------------------------------------------------------------


def test_a_release_is_asked_for(client: Client, project: Project) -> None:
    given = chosen(
        project,
        formats=["sft", "preference"],
        title="First",
        splits="shares",
        train="60",
        validation="20",
        test="20",
        files="gzip",
        pairs="all",
        queue="rank",
        max_pairs="3",
        tokenizer="tiny",
        max_tokens="900",
    )
    answer = client.post(f"{AT}new/", given)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{AT}1/")
    release = Release.objects.get()
    assert (release.title, release.by, release.asked["files"]) == ("First", make.manager(project), "gzip")
    assert release.asked["splits"] == {"train": 60, "validation": 20, "test": 20}
    preference = release.asked["choices"][1]
    expected = {"format": "preference", "queue": "rank", "pairs": "all", "max_pairs": "3", "tokenizer": "tiny"}
    assert expected.items() <= preference.items()
    assert Event.objects.filter(verb="release.asked").count() == 1


@pytest.mark.parametrize(("splits", "stored_as"), [("none", None), ("tags", "tags")])
def test_it_need_not_be_divided_by_shares(client: Client, project: Project, splits: str, stored_as: Any) -> None:
    assert client.post(f"{AT}new/", chosen(project, splits=splits, train="x")).status_code == 422
    assert client.post(f"{AT}new/", chosen(project, splits=splits, train="")).status_code == 302
    assert Release.objects.get().asked["splits"] == stored_as


def test_every_setting_of_a_release_has_a_field(client: Client) -> None:
    page = shown(client, f"{AT}new/")
    for setting in SETTINGS:
        assert (f'name="{setting.name}"' in page) == (setting.name not in NOT_FILTERS), setting.name
    for name in ("sft", "kto", "stepwise"):
        assert re.search(rf'<input[^>]*type="checkbox"[^>]*value="{name}"|<input[^>]*value="{name}"', page)
    for kind in KINDS:
        assert f'<option value="{kind}"' in page


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"formats": []}, "formats", "Choose one format or more."),
        ({"formats": ["xml"]}, "formats", "xml is not one of the available choices"),
        ({"title": "x" * 201}, "title", "at most 200 characters"),
        ({"title": "a\x00b"}, "title", "Null characters are not allowed"),
        ({"max_pairs": "many"}, "max_pairs", "Give a whole number from 1"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "until", "It is not after since"),
        ({"annotators": "nobody@example.org"}, "annotators", "nobody@example.org"),
        ({"guidelines": "7"}, "guidelines", "There is no version"),
        ({"splits": "shares", "train": "50", "test": "20"}, "splits", "The parts come to 80"),
        ({"splits": "shares", "train": "1", "validation": "", "test": ""}, "splits", "The parts come to 1;"),
        ({"splits": "shares", "train": "9" * 5000}, "train", ""),
        ({"splits": "shares", "train": "-10"}, "train", "greater than or equal to 0"),
        ({"splits": "halves"}, "splits", "halves is not one of"),
        ({"files": "tar"}, "files", "tar is not one of"),
        ({"queue": "none-such"}, "queue", "none-such is not one of"),
        ({"pairs": ""}, "pairs", "This field is required"),
        ({"tokenizer": "../etc"}, "tokenizer", "Give the name of a folder"),
    ],
)
def test_a_mistake_stands_at_its_field_and_what_was_typed_stays(
    client: Client, project: Project, given: dict[str, Any], field: str, says: str
) -> None:
    answer = client.post(f"{AT}new/", chosen(project, **({"title": "Kept <here>", "tags": "a, b"} | given)))
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert says in str(form.errors[field].as_data())
    page = unescape(answer.content.decode())
    assert 'value="a, b"' in page
    assert form["title"].value() == given.get("title", "Kept <here>")
    assert "Kept <here>" not in answer.content.decode()
    assert not Release.objects.exists()


def test_nonsense_is_no_error_of_ours(client: Client, project: Project) -> None:
    assert client.post(f"{AT}new/", {}).status_code == 422
    assert client.post(f"{AT}new/", b"\xff\xfe", content_type="text/plain").status_code == 422
    for query in ("like=x", "format=xml&pairs=%00", "splits=x&files=x&train=x", "formats=1&like=" + "9" * 400):
        assert client.get(f"{AT}new/?{query}").status_code == 200
    assert client.get(f"{AT}new/?like=99").status_code == 404
    for number in (0, 99, 2**31, 10**40):
        for end in ("", "compare/"):
            assert client.get(f"{AT}{number}/{end}").status_code == 404
        assert client.post(f"{AT}{number}/cancel/").status_code == 404


def test_too_many_that_wait_are_told_above_the_form(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "MOST_WAITING", 1)
    asked(project, "sft")
    answer = client.post(f"{AT}new/", chosen(project))
    assert answer.status_code == 422
    assert "1 releases wait to be built already" in answer.content.decode()


def test_one_can_see_what_it_would_hold(client: Client, project: Project) -> None:
    given = chosen(project, formats=["sft", "preference", "spans"], look="1", tokenizer="tiny", max_tokens="900")
    answer = client.post(f"{AT}new/", given)
    assert answer.status_code == 200
    assert [(one.choice.format.name, one.report.rows) for one in answer.context["looks"]] == [
        ("sft", 14),
        ("preference", 10),
        ("spans", 0),
    ]
    page = unescape(answer.content.decode())
    assert "The first rows of sft" in page
    assert "Nothing fits. A release with a format without rows fails" in page
    assert not Release.objects.exists()


def test_what_takes_long_is_not_counted(client: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "COUNTED", 3)
    page = unescape(client.post(f"{AT}new/", chosen(project, look="1")).content.decode())
    assert "many answers, not counted here" in page
    assert "The first rows of sft" in page


def test_a_choice_is_taken_over_from_a_release(client: Client, project: Project) -> None:
    splits = {"train": 70, "test": 30}
    built(project, "preference", "kto", filters={"pairs": "all", "min_raters": 1}, splits=splits, files="parquet")
    page = shown(client, f"{AT}new/?like=1")
    assert re.findall(r'value="(\w+)"[^>]*checked', page) == ["preference", "kto"]
    assert '<option value="all" selected>' in page
    assert '<option value="parquet" selected>' in page
    assert '<option value="shares" selected>' in page
    for name, value in (("train", 70), ("validation", 0), ("test", 30), ("min_raters", 1)):
        assert re.search(rf'<input[^>]*name="{name}"[^>]*value="{value}"|value="{value}"[^>]*name="{name}"', page), name
    assert re.search(r'group" open>\s*<summary><span class="group__title">Which answers', page)


def test_a_choice_is_taken_over_from_the_export_page(client: Client, project: Project) -> None:
    export = shown(client, "/projects/haiku/export/?format=preference&pairs=all")
    (address,) = re.findall(rf'href="({AT}new/\?[^"]+)"', export)
    page = shown(client, address)
    assert re.findall(r'value="(\w+)"[^>]*checked', page) == ["preference"]
    assert '<option value="all" selected>' in page


# --- One of them -----------------------------------------------------------------------------------------------------


def test_a_release_that_waits_is_followed_and_called_off(client: Client, project: Project) -> None:
    asked(project, "sft", title="Soon")
    page = shown(client, f"{AT}1/")
    assert "It waits for its turn." in page
    assert re.search(r'id="release-now"[^>]*data-controller="refresh"', page)
    page = unescape(client.post(f"{AT}1/cancel/", follow=True).content.decode())
    assert "The release is called off." in page
    assert "called it off. It has no files." in page
    assert "Call it off" not in page
    page = unescape(client.post(f"{AT}1/cancel/", follow=True).content.decode())
    assert "This release has ended already." in page
    assert client.get(f"{AT}1/cancel/").status_code == 405


def test_a_release_that_failed_says_why(client: Client, project: Project) -> None:
    release = asked(project, "spans")
    releases.work()
    release.refresh_from_db()
    assert release.state == WorkState.FAILED
    page = shown(client, f"{AT}1/")
    assert "“spans” has no row." in page
    assert f'href="{AT}new/?like=1"' in page


def test_a_release_that_is_done_says_what_is_in_it(client: Client, project: Project, ben: User) -> None:
    make.ranked(project.queues.get(slug="rank"), ben, [["Answer 1 to 30", "Answer 0 to 30"]])
    release = built(project, "sft", "preference", splits={"train": 50, "test": 50}, filters={"pairs": "all"})
    assert release.manifest
    page = shown(client, f"{AT}1/")
    for file in release.manifest["files"]:
        assert f'href="/api/projects/haiku/releases/1/files/{file["path"]}"' in page
        assert file["sha256"] in page
    assert 'href="/api/projects/haiku/releases/1/manifest.json"' in page
    assert "In the queue Write, 1 person answers each prompt" in page
    assert "All pairs with a majority" in page
    assert "train 50 %, test 50 %" in page
    assert release.manifest["code"]["version"] in page
    assert "What was left out, and why" in page
    assert "withdrawn" not in page
    for path in re.findall(r'href="(/api/[^"]+)"', page):
        response: Any = client.get(path, headers={"Range": "bytes=0-3"})
        assert (response.status_code, len(b"".join(response.streaming_content))) == (206, 4)


def test_names_that_people_typed_are_shown_as_they_are(client: Client, project: Project) -> None:
    queue = project.queues.get(slug="write")
    queue.name = "*Write* <b>[x](javascript:y)"
    queue.save()
    built(project, "sft", title="<script>alert(1)</script>")
    html = client.get(f"{AT}1/").content.decode()
    assert "<script>alert" not in html
    assert "<b>" not in html
    assert "<em>" not in html
    assert 'href="javascript' not in html


def test_long_lists_of_files_end(client: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "MOST_FILES", 1)
    built(project, "sft")
    assert "2 more stand in the manifest" in shown(client, f"{AT}1/")


def test_whoever_withdrew_is_named_where_they_are_held(client: Client, project: Project, ann: User, ben: User) -> None:
    by = make.manager(project)
    built(project, "sft")
    built(project, "prompts")
    asked(project, "sft")
    assert "withdrawn" not in shown(client, f"{AT}1/")
    withdrawals.withdraw(project, ann, by=by)
    # What she wrote is in the rows of the one and the references of the other.
    for number in (1, 2):
        page = shown(client, f"{AT}{number}/")
        assert "Somebody has withdrawn whose answers this release holds." in page
        assert f"{ann.email}, withdrawn" in page
        assert "annotations in it" in page
    withdrawals.withdraw(project, ben, by=by)
    # He has only ranked what she has written a better response to.
    assert ben.email not in shown(client, f"{AT}1/")
    assert "2 people have withdrawn whose answers this release will hold" in shown(client, f"{AT}3/")
    assert shown(client, AT).count("holds somebody who withdrew") == 2


# --- Who may ---------------------------------------------------------------------------------------------------------


def test_only_managers_may(client: Client, project: Project, ann: User) -> None:
    built(project, "sft")
    reviewer = make.person("rita")
    projects.add_member(project, email=reviewer.email, role=Role.REVIEWER, by=make.manager(project))
    pages = [AT, f"{AT}new/", f"{AT}1/", f"{AT}1/compare/"]
    for user, status in ((reviewer, 403), (ann, 403), (make.person("zoe"), 404)):
        other = Client()
        other.force_login(user)
        assert [other.get(page).status_code for page in pages] == [status] * len(pages)
        assert other.post(f"{AT}new/", chosen(project)).status_code == status
        assert other.post(f"{AT}1/cancel/").status_code == status
    assert [Client().get(page).status_code for page in pages] == [302] * len(pages)
    assert Client().post(f"{AT}new/", LEAST).status_code == 401
    assert Release.objects.count() == 1


def test_forms_are_refused_without_their_csrf_token(project: Project) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make.manager(project))
    asked(project, "sft")
    assert strict.post(f"{AT}new/", chosen(project)).status_code == 403
    assert strict.post(f"{AT}1/cancel/").status_code == 403
    token = str(strict.get(f"{AT}new/").context["csrf_token"])
    assert strict.post(f"{AT}new/", chosen(project, csrfmiddlewaretoken=token)).status_code == 302


def test_a_release_of_another_project_is_not_shown(client: Client, project: Project) -> None:
    built(project, "sft")
    make.project(make.manager(project), slug="other")
    assert client.get("/projects/other/releases/1/").status_code == 404
    assert client.get("/projects/other/releases/1/compare/?with=1").status_code == 404


@pytest.mark.parametrize("end", ["", "new/", "1/", "1/compare/"])
def test_each_is_one_of_the_projects_pages(client: Client, project: Project, end: str) -> None:
    built(project, "sft")
    page = shown(client, f"{AT}{end}")
    assert re.search(rf'<a href="{AT}" aria-current="page">Releases</a>', page)
