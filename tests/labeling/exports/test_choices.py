"""Reading settings strictly, and writing them so that they read the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import Invalid
from labeling.exports import choices
from labeling.exports.formats import FORMATS
from labeling.exports.policies import Policies, SplitBy
from labeling.exports.selection import Selection, Versions
from labeling.exports.settings import BY_NAME, SETTINGS, Setting
from labeling.exports.values import Moment, Name, Names, Number, OneOf, Range, Ratios, Share
from labeling.models import Project

DOCS = Path(__file__).parents[3] / "docs" / "exports.md"
NOWHERE = Project(slug="haiku")

# What needs the database to be read: people and versions that there are.
LOOKED_UP = {"annotators", "without_annotators", "guidelines", "form"}

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
STRATEGIES: dict[type, Any] = {
    Number: st.integers(1, 999_999_999),
    Share: st.integers(0, 1_000_000).map(lambda millionths: millionths / 1_000_000),
    Names: st.lists(names.map(str.strip).filter(bool), min_size=1, max_size=4, unique=True).map(tuple),
    Range: st.builds(
        lambda first, more: Versions(first, None if more is None else first + more),
        st.integers(1, 99),
        st.none() | st.integers(0, 9),
    ),
    Moment: st.integers(0, 10**16).map(lambda since: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=since)),
    Name: st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,20}\Z"),
    Ratios: st.tuples(st.integers(0, 100), st.integers(0, 100))
    .filter(lambda two: sum(two) <= 100)
    .map(lambda two: (two[0], two[1], 100 - sum(two))),
}


def values(setting: Setting) -> st.SearchStrategy[Any]:
    """Any value that the setting can have."""
    kind = setting.kind
    return st.sampled_from(list(kind.kind)) if isinstance(kind, OneOf) else STRATEGIES[type(kind)]


def parse(**given: str) -> choices.Choice:
    return choices.parse(NOWHERE, {"format": "sft"} | given)


def faults(**given: str) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        parse(**given)
    return {fault.path: fault.message for fault in refused.value.errors}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@given(st.data())
def test_every_value_reads_as_it_was_written(setting: Setting, data: st.DataObject) -> None:
    value = data.draw(values(setting))
    assert setting.kind.read(setting.kind.write(value)) == value


@given(
    st.sampled_from(sorted(FORMATS)),
    st.fixed_dictionaries({}, optional={s.name: values(s) for s in SETTINGS if s.name not in LOOKED_UP}),
)
def test_a_choice_is_the_same_when_it_is_read_again(name: str, chosen: dict[str, Any]) -> None:
    written = {name: BY_NAME[name].kind.write(value) for name, value in chosen.items()}
    try:
        choice = choices.parse(NOWHERE, {"format": name} | written)
    except Invalid:
        return  # two of them contradict each other
    again = choices.parse(NOWHERE, choice.as_dict)
    assert again == choice
    assert list(again.as_dict) == list(choice.as_dict)
    for name, value in chosen.items():
        assert getattr(choice.selection if BY_NAME[name].selects else choice.policies, name) == value
    assert choice.filename.endswith(".jsonl")


def test_without_a_setting_nothing_is_asked_for() -> None:
    choice = parse(**{setting.name: "" for setting in SETTINGS})
    assert (choice.policies, choice.selection) == (Policies(), Selection())
    assert choice.as_dict == {"format": "sft", "responses": "any", "style": "conversational"}
    assert choice.filename == "haiku-sft-any.jsonl"


def test_defaults_can_be_said_and_change_nothing() -> None:
    said = {setting.name: setting.default_text for setting in SETTINGS}
    assert {name for name, text in said.items() if text} > {"pairs", "ratios", "dedupe", "seed"}
    assert parse(**said) == parse()


def test_a_choice_names_what_differs_and_what_its_format_uses_in_a_fixed_order() -> None:
    given = {"split": "test", "max_pairs": "2", "edits": "none", "tags": "b,a", "format": "preference"}
    found = parse(**given).as_dict
    assert list(found) == ["format", "pairs", "edits", "style", "max_pairs", "tags", "split"]
    assert found == given | {"pairs": "best_vs_worst", "style": "conversational"}
    usual = {"format": "sft", "responses": "any", "style": "conversational"}
    assert parse(max_pairs="2").as_dict == usual | {"max_pairs": "2"}


def test_files_of_other_choices_have_other_names() -> None:
    found = {parse(**given).filename for given in ({}, {"tags": "a"}, {"tags": "b"}, {"split": "test"}, {"seed": "2"})}
    assert len(found) == 5
    assert {re.sub(r"[0-9a-f]{8}", "#", name) for name in found} == {
        "haiku-sft-any.jsonl",
        "haiku-sft-any-#.jsonl",
        "haiku-sft-any-test.jsonl",
    }


def test_all_mistakes_are_told_at_once() -> None:
    found = faults(pairs="some", min_raters="0", min_agreement="2", since="yesterday", ratios="80/20", colour="red")
    assert set(found) == {"pairs", "min_raters", "min_agreement", "since", "ratios", "colour"}
    assert "best_vs_random" in found["pairs"]
    assert "80/10/10" in found["ratios"]
    for setting in SETTINGS:
        assert setting.name in found["colour"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max_pairs", "0"),
        ("max_pairs", "1.5"),
        ("max_pairs", "-1"),
        ("max_pairs", "1e3"),
        ("max_pairs", "٣"),
        ("max_tokens", "1" * 10),
        ("min_agreement", "1.1"),
        ("min_agreement", "-0.5"),
        ("min_agreement", "50%"),
        ("min_agreement", "nan"),
        ("min_strength", "0.1234567"),
        ("tags", ","),
        ("tags", '"a" b'),
        ("tags", '"a'),
        ("tags", "a\x00b"),
        ("tags", "\ud800"),
        ("guidelines", "0"),
        ("guidelines", "-3"),
        ("guidelines", "3-2"),
        ("guidelines", "three"),
        ("since", "2026-13-01"),
        ("until", "0001-01-01T00:00+23:00"),
        ("ratios", "80/10/11"),
        ("ratios", "100"),
        ("ratios", "110/-10/0"),
        ("tokenizer", "../secrets"),
        ("tokenizer", ".."),
        ("control_tokens", "ESCAPE"),
        ("split_by", "luck"),
    ],
)
def test_what_is_no_value_is_refused(name: str, text: str) -> None:
    more = {"max_tokens": "9"} if name == "tokenizer" else {}
    assert set(faults(**more, **{name: text})) == {name}


def test_what_contradicts_itself_is_refused() -> None:
    assert set(faults(kto_good="0.5", kto_bad="0.5")) == {"kto_bad"}
    assert set(faults(min_characters="5", max_characters="4")) == {"max_characters"}
    assert set(faults(since="2026-02-01", until="2026-02-01")) == {"until"}
    assert set(faults(tokenizer="small")) == {"tokenizer"}
    assert set(faults(split="test", ratios="90/10/0")) == {"split"}
    assert parse(split="test", ratios="90/10/0", split_by="tag").policies.split_by is SplitBy.TAG


def test_names_may_hold_commas_in_quotes() -> None:
    assert parse(tags='one, "two, three",one').selection.tags == ("one", "two, three")
    assert parse(tags='"two, three"').as_dict["tags"] == '"two, three"'


def test_a_day_begins_at_midnight_and_a_lost_plus_is_found() -> None:
    def at(text: str) -> datetime | None:
        return parse(since=text).selection.since

    assert at("2026-01-31") == at("2026-01-31T00:00") == at("2026-01-31T00:00:00Z") == datetime(2026, 1, 31, tzinfo=UTC)
    # In an address + means a space.
    assert at("2026-01-31T02:00 02:00") == at("2026-01-31T02:00+02:00") == at("2026-01-31")
    assert at("2026-01-31 09:30") == datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    assert parse(since="2026-01-31T02:00:00.5+02:00").as_dict["since"] == "2026-01-31T00:00:00.500000Z"


def test_every_setting_is_explained_in_the_docs() -> None:
    rows = re.findall(r"^\| `([a-z_-]+)` \|(.+)$", DOCS.read_text(), re.M)
    told = dict(rows)
    for setting in SETTINGS:
        assert setting.name in told, f"docs/exports.md has no row for {setting.name}"
        if setting.default_text:
            assert f"`{setting.default_text}`" in told[setting.name], f"the default of {setting.name}"
        for value in setting.titles:
            assert f"`{value}`" in told[setting.name]


def test_what_formats_use_is_in_the_table() -> None:
    for kind in FORMATS.values():
        assert set(kind.uses) <= set(choices.IN_FILENAME) <= set(BY_NAME)
    assert len(BY_NAME) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.help.endswith(".")
        assert bool(setting.titles) == isinstance(setting.kind, OneOf)
        if isinstance(setting.kind, OneOf):
            # A page without a choice shows the first one.
            assert setting.default_text in ("", next(iter(setting.titles)))
            assert set(setting.titles) == {value.value for value in setting.kind.kind}
