"""What holds for all checks, for their settings and for their page in the docs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.text import unfit_text
from workers.hygiene import CHECKS, clean_settings, default_settings, examine
from workers.hygiene.base import ACTIONS, Check, Finding, HygieneError, Response
from workers.hygiene.reading import quoted, quoted_end

DOCS = Path(__file__).parents[3] / "docs" / "hygiene.md"
PROMPT = ({"role": "user", "content": "Which things should I look at when I buy a used bicycle from a neighbour?"},)
ALL_ON: Mapping[str, Any] = dict.fromkeys(CHECKS, "mark")
GOOD = "Look at the brakes, the chain and the frame. Then ride it around the block and listen. Ask what was repaired."

# Any text there is, half characters too, and texts made of what the checks look for.
anything = st.text(st.characters(exclude_categories=()), max_size=300)
PIECES = (
    *(
        "```",
        "~~~",
        "\n",
        "User: ",
        "Assistant:",
        "<|im_end|>",
        "[INST]",
        "I am ",
        "ChatGPT",
        "as an AI",
        "$",
        "`",
        "<s>",
    ),
    *("the ", "and ", "1. ", "| ", "{", '"', "。", "语言模型", "ist ", "\ud800", "\x00", "\r", "\u2028", "ﷺ", "ß", "İ"),
)
telling = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
texts = st.one_of(anything, telling)


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_says_what_it_is(name: str) -> None:
    check = CHECKS[name]
    assert isinstance(check, Check)
    assert check.name == name
    assert check.title
    assert check.help.endswith(".")
    assert check.action in ACTIONS


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_leaves_a_good_answer_alone(name: str) -> None:
    assert CHECKS[name].find(Response(GOOD, PROMPT, siblings=("Ask a friend to come along.",), language="en")) is None


# The first example waits for the model that tells languages.
@settings(deadline=None)
@given(text=texts, prompt=texts, system=texts, sibling=texts, finish=st.sampled_from(["", "stop", "length"]), tag=texts)
def test_no_text_makes_a_check_raise_and_every_reason_can_be_stored(
    text: str, prompt: str, system: str, sibling: str, finish: str, tag: str
) -> None:
    messages = [{"role": "user", "content": prompt}]
    response = Response(text, messages, finish, system, tag, (sibling, text), model=prompt)
    for finding in examine(response, ALL_ON):
        assert finding.reason.endswith(".")
        assert "\n" not in finding.reason
        assert len(finding.reason) < 300
        assert unfit_text(finding.reason) is None
    # What is found does not hang on what was looked at before.
    assert examine(response, ALL_ON) == examine(response, ALL_ON)


@given(texts)
def test_an_excerpt_is_one_short_line(text: str) -> None:
    for excerpt in (quoted(text), quoted_end(text)):
        assert len(excerpt) <= 63
        assert excerpt.isprintable() or unfit_text(excerpt) is None
        assert not re.search(r"[\n\r\x00]", excerpt)


SIZE = 200_000
HOSTILE = [
    "a" * SIZE,
    " " * SIZE,
    "\n" * SIZE,
    "`" * SIZE,
    "`a" * (SIZE // 2),
    "```\n" * (SIZE // 4),
    "$" * SIZE,
    "$a" * (SIZE // 2),
    "\\[" * (SIZE // 2),
    "<" * SIZE,
    "<a " * (SIZE // 3),
    "<|" * (SIZE // 2),
    "<|a" * (SIZE // 3),
    "http://" * (SIZE // 7),
    "a@" * (SIZE // 2),
    "a.b-c@d" * (SIZE // 7),
    "1. " * (SIZE // 3),
    "- a\n" * (SIZE // 4),
    "." * SIZE,
    ". A" * (SIZE // 3),
    "i am " * (SIZE // 5),
    "i am an ai " * (SIZE // 11),
    "as an ai just an ai " * (SIZE // 20),
    "i am claude " * (SIZE // 12),
    "i was made by " * (SIZE // 14),
    "User: " * (SIZE // 6),
    "User: a b c\n" * (SIZE // 12),
    "A. User: " * (SIZE // 9),
    "the " * (SIZE // 4),
    "ab" * (SIZE // 4) + "c" + "ab" * (SIZE // 4),
    "".join(f"{number} " for number in range(SIZE // 7)),
    "语言模型" * (SIZE // 4),
    "我是" * (SIZE // 2),
    "\ud800" * SIZE,
    "\u0301" * SIZE,
    "ﷺ" * SIZE,
    "İ" * SIZE,
    "(" * SIZE,
    "a\t" * (SIZE // 2),
    "word " * 30_000 + "Word",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_made_to_take_for_ever_ends(text: str) -> None:
    nearly = text[:-1] + "z"
    messages = [{"role": "system", "content": text}, {"role": "user", "content": nearly}]
    examine(Response(text, messages, system=text, language="de", siblings=(nearly, text[: SIZE // 2])), ALL_ON)


def test_examining_says_which_check_found_what_and_what_is_to_be_done() -> None:
    response = Response("Look at the brakes.<|im_end|>", PROMPT, finish_reason="length")
    chosen = clean_settings({"truncated": "mark", "prompt_leak": "replace"})
    assert examine(response, chosen) == (
        Finding(
            "truncated", "mark", "The response was cut off at its token limit, after “Look at the brakes.<|im_end|>”."
        ),
        Finding("prompt_leak", "replace", "The response holds a mark of a chat template: “<|im_end|>”."),
    )


def test_a_check_that_is_off_does_not_look() -> None:
    response = Response("", PROMPT)
    assert [finding.check for finding in examine(response, {})] == ["empty"]
    assert examine(response, clean_settings({"empty": "off"})) == ()


def test_a_check_that_the_settings_do_not_name_does_what_it_usually_does() -> None:
    (finding,) = examine(Response("", PROMPT), {"looping": "off"})
    assert finding.action == CHECKS["empty"].action == "replace"


def test_findings_come_in_the_order_of_the_table() -> None:
    loop = "I am ChatGPT and I go on and on. " * 10
    found = [finding.check for finding in examine(Response(loop, PROMPT, "length", siblings=(loop,)), {})]
    assert found == ["truncated", "looping", "near_duplicate", "self_naming"]


def test_settings_that_are_left_out_take_their_default() -> None:
    assert clean_settings({}) == default_settings() == {name: check.action for name, check in CHECKS.items()}
    assert clean_settings({"looping": "mark"}) == default_settings() | {"looping": "mark"}


def test_settings_name_every_wrong_field_at_once() -> None:
    with pytest.raises(HygieneError) as caught:
        clean_settings(
            {"empty": "delete", "looping": None, "truncated": ["mark"], "loops": "mark", "self_naming": "off"}
        )
    assert set(caught.value.errors) == {"empty", "looping", "truncated", "loops"}
    assert caught.value.errors["empty"] == "Must be one of: off, mark, replace."
    assert caught.value.errors["loops"].startswith("There is no such check. Known are: empty, ")
    assert "loops: There is no such check." in str(caught.value)


@pytest.mark.parametrize("wrong", [None, [], "mark", 1])
def test_settings_must_be_an_object(wrong: object) -> None:
    with pytest.raises(HygieneError, match="Must be an object"):
        clean_settings(wrong)


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_has_a_paragraph_in_the_docs(name: str) -> None:
    paragraph = re.search(rf"^### `{name}`\n(.+?)(?=^### |^## |\Z)", DOCS.read_text(), re.M | re.S)
    assert paragraph, f"docs/hygiene.md has no “### `{name}`”"
    for part in ("**Finds**", "**How**", "**Limits**", "**False alarms**", "**Default**"):
        assert part in paragraph[1], f"it says nothing of {part}"
    assert f"`{CHECKS[name].action}`" in paragraph[1].split("**Default**")[1], "its default is the real one"


def test_every_check_in_the_docs_is_in_the_table() -> None:
    assert set(re.findall(r"^### `(\w+)`", DOCS.read_text(), re.M)) == set(CHECKS)
