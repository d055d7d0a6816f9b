"""What is left out of a file, or changed in it, so that it does no harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import Invalid
from labeling.exports import control_tokens, tokens
from labeling.exports.cleaning import Cleaning, Tools, content_hash, tokens_in
from labeling.exports.contamination import Benchmark
from labeling.exports.formats import FORMATS
from labeling.exports.policies import ControlTokens, Dedupe, Pairs, Policies, Style
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from tests.labeling.exports.pure import compared, example, mark, marked, ranked, rated, scored, written
from tests.labeling.exports.test_bytes import AWKWARD
from tests.labeling.exports.tiny import tokenizer

TOKENS = ["<|im_end|>", "<|eot_id|>", "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>"]
TOKENS += ["<end_of_turn>", "<bos>", "<eos>", "<pad>", "<｜User｜>", "<｜end▁of▁sentence｜>"]


def cleaned(
    kind: str, *examples: Example, tools: Tools | None = None, removed: Removed | None = None, **policies: Any
) -> list[Row]:
    chosen = Policies(**policies)
    removed = removed or Removed()
    cleaning = Cleaning(chosen, tools or Tools(), removed)
    return [row for one in examples for row in cleaning.clean(FORMATS[kind].rows(one, chosen, removed), one.prompt)]


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


# --- The same twice --------------------------------------------------------------------------------------------------


def test_the_same_prompt_and_response_stand_in_a_file_once() -> None:
    twins = [example(written("Because."), id=number, messages=asked("Why?")) for number in (1, 2)]
    other = example(written("Because."), id=3, messages=asked("How?"))
    assert len(cleaned("sft", *twins, other)) == 3
    removed = Removed()
    found = cleaned("sft", *twins, other, dedupe=Dedupe.ROWS, removed=removed)
    assert [row["metadata"]["prompt_id"] for row in found] == ["1", "3"]
    assert removed.as_dict() == {"repeated": 1}


def test_prompts_with_the_same_texts_never_contradict_each_other() -> None:
    one, other = example(compared("a"), id=1), example(compared("b"), id=2)
    for kind in ("preference", "reward"):
        (row,) = cleaned(kind, one, other, dedupe=Dedupe.ROWS)
        assert row["metadata"]["prompt_id"] == "1"
    labels = cleaned("kto", example(rated(a=1), id=1), example(rated(a=0), id=2), dedupe=Dedupe.ROWS)
    assert [row["label"] for row in labels] == [True]


def test_a_hash_is_sixteen_bytes_and_knows_columns_apart() -> None:
    one: Row = {"prompt": asked("a"), "completion": asked("b"), "metadata": {"prompt_id": "1"}}
    assert len(content_hash(one)) == 16
    assert content_hash(one) == content_hash(one | {"metadata": {}})
    assert content_hash(one) != content_hash({"prompt": asked("b"), "completion": asked("a")})
    assert content_hash(one) != content_hash(one | {"prompt": asked("a ")})


def test_ratings_ranks_and_ids_are_not_in_what_a_row_says() -> None:
    ways = (compared("a"), scored(a=[1, 1], b=[1, 1]), marked(a=[], b=[]))
    others = (compared("b"), scored(a=[2, 1], b=[1, 2]), marked(a=[mark(0, 3)], b=[mark(0, 3)]))
    for kind in ("helpsteer", "helpsteer-preference", "nemo-ranking", "stepwise"):
        one, other = example(*ways, id=1), example(*others, id=2)
        whole = cleaned(kind, one, other)
        assert len(cleaned(kind, one, other, dedupe=Dedupe.ROWS)) == len(whole) / 2
    trees = example(written("Because."), id=1), example(written("Because."), id=2)
    assert len(cleaned("oasst", *trees, dedupe=Dedupe.ROWS)) == 1


# --- Control tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", TOKENS)
def test_a_control_token_is_found_broken_up_or_left_out(token: str) -> None:
    made = example(written(f"It ends {token} here"), messages=asked(f"Say {token}"))
    assert cleaned("sft", made)[0]["messages"][-1]["content"] == f"It ends {token} here"
    (row,) = cleaned("sft", made, control_tokens=ControlTokens.ESCAPE)
    broken = f"{token[0]} {token[1:]}"
    assert [message["content"] for message in row["messages"]] == [f"Say {broken}", f"It ends {broken} here"]
    removed = Removed()
    assert cleaned("sft", made, control_tokens=ControlTokens.DROP, removed=removed) == []
    assert removed.as_dict() == {"control_token": 1}


def test_a_tokenizer_no_longer_sees_what_was_broken_up() -> None:
    made = tokenizer()
    (special,) = made.encode("<|im_end|>", add_special_tokens=False)
    text = "It ends <|im_end|> here"
    assert special in made.encode(text, add_special_tokens=False)
    assert special not in made.encode(control_tokens.escape(text), add_special_tokens=False)


@given(st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "[", "/", "｜", "s", " ", "a", *AWKWARD])).map("".join))
def test_nothing_is_left_after_breaking_up_and_only_spaces_are_new(text: str) -> None:
    escaped = control_tokens.escape(text)
    assert control_tokens.find(escaped) == ""
    assert control_tokens.escape(escaped) == escaped
    assert escaped.replace(" ", "") == text.replace(" ", "")
    if not control_tokens.find(text):
        assert escaped == text


def test_metadata_stay_as_they_are() -> None:
    made = example(written("Fine."), external_id="<|im_end|>")
    assert cleaned("sft", made, control_tokens=ControlTokens.ESCAPE) == cleaned("sft", made)
    assert len(cleaned("sft", made, control_tokens=ControlTokens.DROP)) == 1


# --- Tokens ----------------------------------------------------------------------------------------------------------


def test_tokens_are_counted_by_bytes_and_five_a_message() -> None:
    assert [tokens.estimate(text) for text in ("", "abc", "abcd", "日本", "😀")] == [0, 1, 2, 2, 2]
    row = cleaned("sft", example(written("abcdef"), messages=asked("abc")))[0]
    assert tokens_in(row, tokens.estimate) == 1 + 2 + 2 * tokens.EACH_MESSAGE
    assert tokens_in({"prompt": "abc", "completion": "abcd", "label": True}, tokens.estimate) == 3


def test_of_a_pair_the_longer_side_counts() -> None:
    made = example(ranked("a b"), texts=["abc" * 3, "abc" * 10], messages=asked("abc"))
    (row,) = cleaned("preference", made)
    assert tokens_in(row, tokens.estimate) == 1 + 10 + 2 * tokens.EACH_MESSAGE
    removed = Removed()
    assert cleaned("preference", made, max_tokens=20, removed=removed) == []
    assert removed.as_dict() == {"too_many_tokens": 1}
    assert len(cleaned("preference", made, max_tokens=21)) == 1


def test_of_ranks_the_longer_one_counts_and_of_a_tree_the_longest_thread() -> None:
    made = example(ranked("a b"), texts=["abc" * 3, "abc" * 10], messages=asked("abc"))
    for kind in ("nemo-ranking", "openai-preference", "llama-factory-preference", "oasst"):
        (row,) = cleaned(kind, made)
        assert tokens_in(row, tokens.estimate) == 1 + 10 + 2 * tokens.EACH_MESSAGE
    (talk,) = cleaned("sharegpt", example(written("abcd"), messages=asked("abc")))
    assert tokens_in(talk, tokens.estimate) == 1 + 2 + 2 * tokens.EACH_MESSAGE


def test_a_tokenizer_counts_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    tokenizer().backend_tokenizer.save(str(tmp_path / "small" / "tokenizer.json"))
    count = tokens.counter(tmp_path, "small")
    # Its alphabet is bytes; it has learnt to join a few of these.
    assert count("zzz") == 3
    assert count("<|im_end|>") == 1
    made = example(written("z" * 50), messages=asked("z"))
    assert len(cleaned("sft", made, max_tokens=60)) == 1
    assert cleaned("sft", made, max_tokens=60, tools=Tools(count)) == []


@pytest.mark.parametrize("name", ["missing", "../small", ".", "a/b", ""])
def test_a_tokenizer_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "tokenizer.json").write_text("{}")
    with pytest.raises(Invalid, match="There are: small"):
        tokens.counter(tmp_path / "..//" / tmp_path.name, name)
    with pytest.raises(Invalid, match="cannot be read as a tokenizer"):
        tokens.counter(tmp_path, "small")


# --- Benchmarks, and what is left ------------------------------------------------------------------------------------


def test_rows_that_a_benchmark_knows_are_left_out() -> None:
    tools = Tools(benchmark=Benchmark.read(["Why is the sky blue?"]))
    removed = Removed()
    known = example(written("Because."), messages=asked("why is the sky BLUE"))
    answer = example(written("Why is the sky blue"), messages=asked("What do children ask?"))
    clean = example(written("Because."), messages=asked("Why is the sea blue?"))
    (row,) = cleaned("sft", known, clean, answer, tools=tools, removed=removed)
    assert row["messages"][0]["content"] == "Why is the sea blue?"
    assert removed.as_dict() == {"benchmark": 2}


SHORT = "What is the capital of France?"


@pytest.mark.parametrize("kind", ["sft", "prompt-completion", "preference", "kto", "reward", "prompts"])
@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("documents", [(), ({"title": "Cities", "text": "Paris is a city."},)])
def test_a_short_question_is_found_whatever_a_row_holds_it_with(
    kind: str, style: Style, documents: tuple[dict[str, str], ...]
) -> None:
    judged = (written("It is Paris."), ranked("a b"), rated(a=1))
    made = example(*judged, messages=asked(SHORT), context=documents)
    assert cleaned(kind, made, style=style)
    removed = Removed()
    assert cleaned(kind, made, style=style, tools=Tools(benchmark=Benchmark.read([SHORT])), removed=removed) == []
    assert set(removed.as_dict()) - {"other_reference"} == {"benchmark"}
    # What only begins or ends so is another question.
    other = example(*judged, messages=asked(f"{SHORT} And why?"), context=documents)
    assert cleaned(kind, other, style=style, tools=Tools(benchmark=Benchmark.read([SHORT])))


@pytest.mark.parametrize("style", Style)
def test_a_short_response_and_a_short_document_are_found(style: Style) -> None:
    made = example(written("It is Paris."), context=({"text": "Paris is a city."},))
    for known in ("it is paris", "paris is a city"):
        assert cleaned("sft", made, style=style, tools=Tools(benchmark=Benchmark.read([known]))) == []
    assert cleaned("sft", made, style=style, tools=Tools(benchmark=Benchmark.read(["city why it is paris"])))


def test_every_pair_still_says_how_many_its_prompt_has() -> None:
    made = example(ranked("a b c"), texts=["One", "Two", "Three </s>"])
    found = cleaned("preference", made, pairs=Pairs.ALL, control_tokens=ControlTokens.DROP)
    assert [row["metadata"]["n_pairs"] for row in found] == [1]
    assert {row["metadata"]["n_pairs"] for row in cleaned("preference", made, pairs=Pairs.ALL)} == {3}


def test_a_row_counts_once() -> None:
    removed = Removed()
    made = example(written("It ends </s>"))
    cleaned("sft", made, made, control_tokens=ControlTokens.DROP, max_tokens=1, dedupe=Dedupe.ROWS, removed=removed)
    assert removed.as_dict() == {"control_token": 2}


def test_without_a_rule_nothing_is_looked_at() -> None:
    made = [example(written(text), compared("b")) for text in AWKWARD]
    plain = [row for one in made for row in FORMATS["sft"].rows(one, Policies(), Removed())]
    assert cleaned("sft", *made) == plain
