"""The pages about questions and recipes say what the code does, and what is to be copied from them is taken.

Blocks of JSON are marked by what follows "json": `form` (a form), `answers a b` (answers to the form above it, by
somebody who saw responses a and b) and `responses` (the texts that the answers after it are about).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies
from labeling.exports.removed import Removed
from labeling.questions import (
    PRESETS,
    QUESTION_TYPES,
    Config,
    Shown,
    clean_answer,
    clean_answers,
    clean_form,
    form_candidates,
    is_asked,
    preset_form,
)
from labeling.questions.base import Setting
from tests.labeling.exports import pure

DOCS = Path(__file__).parents[3] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
RECIPES = (DOCS / "recipes.md").read_text()
INDEX = (DOCS / "questions" / "README.md").read_text()
BLOCK = re.compile(r"^```json (form|answers|responses)((?: [a-i])*)\n(.+?)^```$", re.M | re.S)


@dataclass
class Asked:
    """A form on a page, with the answers to it: each with the texts of the responses that were shown."""

    form: list[Any]
    answers: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)


def forms_on(text: str) -> list[Asked]:
    found: list[Asked] = []
    texts: dict[str, str] = {}
    for kind, keys, body in BLOCK.findall(text):
        value = json.loads(body)
        if kind == "form":
            found.append(Asked(value))
            texts = {}
        elif kind == "responses":
            texts = value
        else:
            shown = texts or {key: f"The text of response {key}." for key in keys.split()}
            found[-1].answers.append((value, shown))
    return found


EXAMPLES = [
    pytest.param(asked, id=f"{page.relative_to(DOCS)}-{number}")
    for page in PAGES
    for number, asked in enumerate(forms_on(page.read_text()), start=1)
]


def page_of(kind: str) -> str:
    page = DOCS / "questions" / f"{kind}.md"
    assert page.exists(), f"The question type “{kind}” has no page docs/questions/{kind}.md"
    return page.read_text()


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.+?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"There is no “## {title}”"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the tables in a text by what is named in the first cell: `one`, `one`, `two`, or a link."""
    found: dict[str, list[str]] = {}
    for row in re.findall(r"^\| (.+) \|$", text, re.M):
        first, *cells = [cell.strip() for cell in row.split(" | ")]
        found |= dict.fromkeys(names_in(first), cells)
    return found


def names_in(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def default_in_words(setting: Setting) -> str:
    return "none" if setting.default is None else f"`{json.dumps(setting.default, ensure_ascii=False)}`"


def stored(form: list[Config], answers: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """Each answer cleaned by itself, as long as its question is asked."""
    cleaned: dict[str, Any] = {}
    for question in form:
        if question["name"] in answers and is_asked(question, form, cleaned):
            cleaned[question["name"]] = clean_answer(question, answers[question["name"]], shown)
    return cleaned


# --- Every example ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", EXAMPLES)
def test_every_form_and_answer_can_be_copied(asked: Asked) -> None:
    form = clean_form(asked.form)
    for answers, texts in asked.answers:
        shown = Shown(texts)
        low, high = form_candidates(form)
        assert low <= len(texts) <= high
        assert stored(form, answers, shown) == answers, "the page shows answers as they are stored"
        assert clean_answers(form, answers, shown) == answers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_block_of_json_is_known_and_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    marked = re.findall(r"^```json\b(.+)$", text, re.M)
    assert len(marked) == len(BLOCK.findall(text)), f"a block is marked otherwise than these tests read: {marked}"
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        wanted = page.parent / target if target else page
        assert wanted.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", wanted.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, anchor


# --- Question types --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_every_type_has_a_page_with_its_settings(name: str) -> None:
    page = page_of(name)
    assert page.startswith(f"# `{name}`\n")
    told = rows(section(page, "Settings"))
    settings = {setting.name: setting for setting in QUESTION_TYPES[name].settings}
    assert list(told) == list(settings), "the settings in the order of the code, and no others"
    for setting in settings.values():
        values, default = told[setting.name]
        assert default == default_in_words(setting), setting.name
        assert {value for value, _ in setting.choices} <= names_in(values), setting.name


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_every_type_shows_a_form_with_all_of_its_settings_and_an_answer(name: str) -> None:
    first, *_ = forms_on(page_of(name))
    (question,) = first.form
    assert question["type"] == name
    for setting in QUESTION_TYPES[name].settings:
        assert setting.name in question, f"the example says nothing of “{setting.name}”"
        assert setting.kind != "yes_no" or question[setting.name] is True, "what it brings is to be seen"
    assert first.answers


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_every_type_says_what_show_if_can_ask(name: str) -> None:
    page = page_of(name)
    told = names_in(section(page, "What `show_if` can ask"))
    first, *_ = forms_on(page)
    (question,) = clean_form(first.form)
    outcomes = set(QUESTION_TYPES[name].outcomes(question))
    assert outcomes <= told, outcomes - told
    # Those that are not words of the form itself.
    general = {outcome for outcome in outcomes if outcome.isidentifier()} - set(question.get("options", ()))
    (in_index,) = rows(section(INDEX, "Questions that hang on others"))[name]
    assert general <= names_in(in_index), general - names_in(in_index)


@pytest.mark.parametrize("name", QUESTION_TYPES)
def test_every_page_has_its_parts_and_the_index_leads_there(name: str) -> None:
    page = page_of(name)
    for title in ("Answer", "Keys", "Distance", "In exports"):
        assert section(page, title).strip()
    assert f"[`{name}`]({name}.md)" in INDEX
    low, high = QUESTION_TYPES[name].candidates(clean_form([{"name": "one", "type": name}])[0])
    (_, shown) = rows(INDEX.partition("## A form")[0])[name]
    numbers = "needs none" if high == 0 else str(low) if low == high else f"{low} to {high}"
    assert shown.split(";")[0] == numbers


# --- Recipes ---------------------------------------------------------------------------------------------------------


def test_there_is_a_row_for_every_preset_in_their_order() -> None:
    assert list(rows(RECIPES)) == list(PRESETS)


@pytest.mark.parametrize("slug", PRESETS)
def test_every_recipe_is_the_preset_as_it_stands(slug: str) -> None:
    text = section(RECIPES, f"`{slug}`")
    assert f"*{PRESETS[slug].title}*" in text
    (asked,) = forms_on(text)
    assert clean_form(asked.form) == preset_form(slug)
    assert asked.answers


@pytest.mark.parametrize("slug", PRESETS)
def test_every_recipe_tells_what_it_asks_and_what_comes_of_it(slug: str) -> None:
    _, questions, responses, exports, keys = rows(RECIPES)[slug]
    form = preset_form(slug)
    assert names_in(questions) == {question["type"] for question in form}
    low, high = form_candidates(form)
    assert responses == ("none" if high == 0 else str(low) if low == high else f"{low} to {high}")
    assert keys
    assert names_in(exports) == _formats_with_rows(form, *forms_on(section(RECIPES, f"`{slug}`"))[0].answers[0])


def _formats_with_rows(form: list[Config], answers: dict[str, Any], texts: dict[str, str]) -> set[str]:
    """The formats that carry something of these answers, each kind once; prompts alone are nobody's answer."""
    told = pure.example(pure.answered(pure.form(*form), answers, shown="".join(texts)))
    # Those that say the same in another trainer's words go without saying.
    carrying = (kind for kind in FORMATS.values() if not kind.unanswered and not kind.like)
    return {kind.name for kind in carrying if any(kind.rows(told, Policies(), Removed()))}
