"""What an export and a benchmark have in common."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import Invalid
from labeling.exports import contamination
from labeling.exports.contamination import WORDS, Benchmark, words

LONG = "The quick brown fox jumps over the lazy dog and then it sleeps until the sun goes down again"
SHORT = "What is the capital of France?"


def matches(text: str, *lines: str) -> bool:
    return Benchmark.read(lines or [LONG, SHORT]).matches([text])


def test_thirteen_words_in_a_row_are_a_match() -> None:
    found = LONG.split()
    for start in range(len(found) - WORDS + 1):
        assert matches(f"He said: {' '.join(found[start : start + WORDS])}, and left.")
    assert not matches(f"He said: {' '.join(found[: WORDS - 1])}.")
    assert not matches(" ".join(reversed(found)))


def test_case_punctuation_and_white_space_make_no_difference() -> None:
    assert matches("  “" + LONG.upper().replace(" ", ",\n") + "”!")
    assert words("Don’t panic — it's 3.5 €!") == ["dont", "panic", "its", "35"]
    assert words("Ｆｕｌｌ　width") == ["full", "width"]


def test_a_short_text_matches_as_a_whole_alone() -> None:
    assert matches("what is the CAPITAL of france")
    assert not matches(f"I ask you: {SHORT}")
    assert not matches("What is the capital of Spain?")


def test_texts_of_a_word_or_two_say_nothing() -> None:
    benchmark = Benchmark.read([LONG, "Yes", "42", "Paris, France"])
    assert (benchmark.texts, benchmark.ignored) == (4, 3)
    assert not benchmark.matches(["Yes", "42", "Paris, France", ""])


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    sentence = "これは日本語の文章で空白がありません"
    assert len(words(sentence)) == len(sentence)
    assert matches(f"前置き。{sentence}。", sentence)
    assert not matches("これは日本語の別の文です、それだけ", sentence)
    assert words("한국어 문장 ไทย") == ["한국어", "문장", "ไ", "ท", "ย"]


def test_a_line_of_json_is_every_text_in_it() -> None:
    line = json.dumps({"id": "q1", "turns": [LONG, {"more": SHORT}], "n": 3, "ok": None})
    assert Benchmark.read([line]).texts == 3
    assert matches(LONG, line)
    assert matches(SHORT, line)
    assert matches("turns id n ok more", "{turns} id n ok more"), "what only begins like JSON is a text"
    assert matches(LONG, "[" * 100_000, LONG), "however deep it pretends to be"
    assert matches(SHORT, "\ufeff" + json.dumps(SHORT))


def test_a_benchmark_without_texts_is_refused() -> None:
    for lines in ([], ["", " \n"], ["Yes", "No"], ['{"a": 1}']):
        with pytest.raises(Invalid, match="3 words"):
            Benchmark.read(lines)


def test_a_benchmark_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contamination, "MOST", 5)
    assert len(Benchmark.read([SHORT] * 5).known) == 1
    with pytest.raises(Invalid, match="a part of it"):
        Benchmark.read([LONG])


def test_eight_bytes_for_each_run_of_words() -> None:
    known = Benchmark.read([LONG, LONG, SHORT]).known
    assert known.itemsize == 8
    assert len(known) == len(LONG.split()) - WORDS + 2
    assert list(known) == sorted(known)


_texts = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40).map(" ".join)


@given(st.lists(_texts, min_size=1, max_size=4), _texts)
def test_a_match_is_what_comparing_by_hand_says(lines: list[str], text: str) -> None:
    def runs(one: str) -> set[tuple[str, ...]]:
        found = one.split()
        if len(found) < WORDS:
            return {tuple(found)} if len(found) >= 3 else set()
        return {tuple(found[start : start + WORDS]) for start in range(len(found) - WORDS + 1)}

    known = {run for line in lines for run in runs(line)}
    if known:
        assert Benchmark.read(lines).matches([text]) == bool(known & runs(text))
