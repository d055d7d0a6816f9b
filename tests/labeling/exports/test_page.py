"""The export page: choose, look, download."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from labeling.exports import previews
from labeling.exports.formats import FORMATS
from labeling.exports.settings import SETTINGS, Group
from labeling.models import Project, User
from tests import make
from tests.labeling.exports.answering import answered

pytestmark = pytest.mark.django_db(transaction=True)

AT = "/projects/haiku/export/"


@pytest.fixture
def alice() -> User:
    return make.person("alice")


@pytest.fixture
def project(alice: User, ann: User) -> Project:
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 2, candidates=2)
    rank = make.queue(made, preset="ranking", slug="rank")
    make.ranked(rank, ann, [["Answer 1 to 0"], ["Answer 0 to 0"]])
    make.ranked(rank, ann, [["Answer 1 to 1", "Answer 0 to 1"]])
    one, other = "Answer 0 to 0", "Answer 1 to 0"
    answered(make.queue(made, preset="kto"), ann, thumbs={one: 0, other: 1})
    answered(make.queue(made, preset="mqm"), ann, errors={one: [{"start": 0, "end": 6, "label": "Minor"}], other: []})
    compare = make.queue(made, form=[{"name": "preference", "type": "compare"}], slug="compare")
    answered(compare, ann, preference={"preferred": other, "strength": 1})
    return made


def seen(user: User, **given: str) -> str:
    browser = Client()
    browser.force_login(user)
    response = browser.get(AT, given)
    assert response.status_code == 200
    return response.content.decode()


def test_it_works(project: Project, alice: User) -> None:
    html = seen(alice, format="preference")
    assert "Question 0?" in html
    assert "Answer 1 to 0" in html
    assert "/api/projects/haiku/export/?format=preference&amp;pairs=best_vs_worst" in html
    assert "rankings and comparisons that put nothing above anything else" in html


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_can_be_looked_at_and_downloaded(project: Project, alice: User, name: str) -> None:
    browser = Client()
    browser.force_login(alice)
    found = links(browser.get(AT, {"format": name}).content.decode())
    assert AT in found, "it is one of the project's pages"
    (download,) = [where for where in found if where.startswith("/api/projects/haiku/export/?")]
    response: Any = browser.get(download)
    assert response.status_code == 200
    assert b"".join(response.streaming_content).endswith(b"}\n")


def test_labels_are_shown_and_counted(project: Project, alice: User) -> None:
    html = seen(alice, format="kto")
    assert "Labelled true" in html
    assert "Labelled false" in html
    assert "label true" in html


def test_edits_can_be_chosen(project: Project, alice: User) -> None:
    html = seen(alice, format="preference", edits="none")
    assert '<option value="none" selected>' in html
    assert "edits=none" in html


def test_every_setting_has_a_field_with_a_label(project: Project, alice: User) -> None:
    html = seen(alice, format="preference")
    for setting in SETTINGS:
        assert (f'name="{setting.name}"' in html) == setting.on_page
        if setting.on_page:
            assert f'<label for="id_{setting.name}">{setting.title}' in html
            assert f'id="id_{setting.name}_helptext"' in html
    assert html.count("<details") >= len(Group) - 1


def test_groups_of_settings_unfold_where_something_in_them_is_set(project: Project, alice: User) -> None:
    def unfolded(**given: str) -> list[str]:
        html = seen(alice, format="preference", **given)
        return re.findall(r'<details class="more group" open>\s*<summary><span class="group__title">([^<]+)<', html)

    assert unfolded() == []
    assert unfolded(consensus="majority", ratios="80/10/10") == [], "defaults that a form sends along"
    assert unfolded(min_raters="1", dedupe="rows") == [Group.ANSWERS, Group.CLEANING]


def test_what_is_filled_in_stays_and_goes_into_the_download(project: Project, alice: User) -> None:
    html = seen(alice, format="preference", max_pairs="3", tags="", batches=" ")
    assert re.search(r'<input[^>]*name="max_pairs"[^>]*value="3"|<input[^>]*value="3"[^>]*name="max_pairs"', html)
    (download,) = [where for where in links(html) if where.startswith("/api/projects/haiku/export/?")]
    assert download.endswith("max_pairs=3")
    browser = Client()
    browser.force_login(alice)
    response = browser.get(AT, {"format": "preference", "min_agreement": "two thirds"})
    assert response.status_code == 400
    html = response.content.decode()
    assert "from 0 to 1" in html
    assert 'value="two thirds"' in html
    assert browser.get(AT, {"tokenizer": "small", "max_tokens": "9"}).status_code == 400


def test_plain_text_can_be_chosen_and_is_to_be_read(project: Project, alice: User) -> None:
    html = seen(alice, format="preference", style="standard")
    assert '<option value="standard" selected>' in html
    assert "style=standard" in html
    for column, text in (("prompt", "Question 0?"), ("chosen", " Answer 1 to 0"), ("rejected", " Answer 0 to 0")):
        assert f'<h3 class="label">{column}</h3>' in html
        assert f'dir="auto">{text}</div>' in html


def links(html: str) -> list[str]:
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

    Links().feed(html)
    return found


def test_the_page_without_a_choice_shows_demonstrations(project: Project, alice: User) -> None:
    assert "Download sft" in seen(alice)


def test_only_managers_see_it(project: Project, ann: User) -> None:
    for user, status in ((ann, 403), (make.person(), 404)):
        browser = Client()
        browser.force_login(user)
        assert browser.get(AT).status_code == status
    assert Client().get(AT).status_code == 302


def test_nothing_to_export_says_what_is_missing_and_offers_no_file(project: Project, alice: User) -> None:
    html = seen(alice, format="sft", responses="human")
    assert "Nothing to export as sft yet" in html
    assert "/api/" not in html
    assert "prompts with no response of the kind that was asked for" in html


def test_a_mistake_in_the_address_is_named(project: Project, alice: User) -> None:
    browser = Client()
    browser.force_login(alice)
    for given, word in (({"format": "xml"}, "preference, reward"), ({"pairs": "some"}, "best_vs_worst")):
        response = browser.get(AT, given)
        assert response.status_code == 400
        assert word in response.content.decode()


def test_text_from_models_is_text_on_the_page(alice: User, ann: User) -> None:
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 1)
    make.written(make.queue(made), ann, "<script>alert(1)</script>")
    html = seen(alice, format="sft")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_warnings_stand_on_the_page(alice: User, ann: User) -> None:
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 1)
    make.written(make.queue(made), ann, "It ends here <|im_end|>")
    assert "control token of a chat template" in seen(alice, format="sft")


def test_many_answers_are_counted_only_when_asked(
    project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'class="stats"' in seen(alice, format="sft")
    monkeypatch.setattr(previews, "COUNTED", 1)
    html = seen(alice, format="sft")
    assert 'class="stats"' not in html
    (count,) = [where for where in links(html) if "count=1" in where]
    assert count == "?format=sft&responses=any&style=conversational&count=1"
    assert 'class="stats"' in seen(alice, format="sft", count="1")


def test_a_long_text_is_cut_and_says_so(alice: User, ann: User) -> None:
    made = make.project(alice, annotators=[ann], slug="haiku")
    make.imported(made, 1)
    make.written(make.queue(made), ann, "x" * (previews.TEXT + 5))
    html = seen(alice, format="sft")
    assert "… 5 more characters" in html
    assert "x" * (previews.TEXT + 1) not in html
