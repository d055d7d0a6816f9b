"""The front matter of a dataset card: whatever goes in comes back from a reader of YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports.frontmatter import front_matter

AWKWARD = [
    "no", "No", "YES", "on", "y", "~", "null", "", " ", "1", "0x1F", "1_000", "1e3", ".inf", "12:30:00", "2024-01-01",
    "a: b", "a #b", "#x", "- a", "? a", "---", "...", "=", "<<", "!x", "&a", "*a", "%a", "@a", "`a", "[a", "{a", "a]",
    "n<1K", "1K<n<10K", "\"", "\\", "\\n", "\n---\n", "a\u2028b\u2029c\x85d", "\ufeff", "\ufffe\uffff", "\x00\x7f\x9f",
    "😀", "日本語", "שלום", "\U0010ffff", " lead", "trail ", "it's", "cc-by-4.0",
]  # fmt: skip

texts = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
values = st.recursive(
    st.one_of(texts, st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=10,
)


def read(text: str) -> Any:
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    return yaml.safe_load(text[4:-4])


def test_it_works() -> None:
    assert front_matter({"language": ["en", "no"], "license": "cc-by-4.0", "configs": [{"default": True}]}) == (
        '---\nlanguage:\n  - en\n  - "no"\nlicense: cc-by-4.0\nconfigs:\n  - default: true\n---\n'
    )


@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_everything_comes_back_as_it_was(found: dict[str, Any]) -> None:
    text = front_matter(found)
    assert read(text) == found
    # One line for each line feed: nothing inside a text ends the block early, for readers that look for `---` alone.
    assert text.splitlines().count("---") == 2


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_stay_texts(text: str) -> None:
    assert read(front_matter({"pretty_name": text, "list": [text], text: {"x": text}})) == {
        "pretty_name": text,
        "list": [text],
        text: {"x": text},
    }


@pytest.mark.parametrize("value", [1.5, None, object()])
def test_what_readers_differ_about_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no way to write"):
        front_matter({"x": [value]})
