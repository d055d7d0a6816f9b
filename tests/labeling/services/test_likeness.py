"""Near duplicates: what is alike is found, what is not is never called alike."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterable

import pytest

from labeling.services.likeness import BANDS, Text, alike, likeness, pieces

WORDS = [f"word{n}" for n in range(4000)]


def groups(texts: Iterable[str | Text], least: int = 80) -> list[tuple[list[int], int]]:
    """The groups of texts numbered from 1."""
    found = [text if isinstance(text, Text) else Text(n, text) for n, text in enumerate(texts, start=1)]
    by_id = {text.id: text.text for text in found}
    return list(alike(found, least, fetch=lambda ids: {one: by_id[one] for one in ids}))


def sentence(length: int, seed: int) -> list[str]:
    return random.Random(seed).choices(WORDS, k=length)


def test_it_works() -> None:
    assert groups(
        [
            "how do i set up direct deposit for my account",
            "what is the weather like in lisbon today",
            "how do i set up direct deposit for my accounts",
            "is the weather nice there",
        ]
    ) == [([1, 3], 97)]


def test_texts_that_are_the_same_are_alike_entirely() -> None:
    assert groups(["x", "x", "y"], 90) == [([1, 2], 100)]
    assert groups(["a b c d"] * 50, 90) == [(list(range(1, 51)), 100)]


@pytest.mark.parametrize("texts", [[], ["alone"], ["", ""], ["a", "b"], ["word " * 49, "other " * 80]])
def test_there_may_be_nothing_alike(texts: list[str]) -> None:
    found = groups(texts)
    assert found == ([([1, 2], 100)] if texts == ["", ""] else [])


@pytest.mark.parametrize("length", [30, 49, 50, 60, 69, 70, 71, 300])
def test_a_text_with_a_word_changed_is_alike_at_every_length(length: int) -> None:
    one = sentence(length, length)
    other = [*one[: length // 2], "changed", *one[length // 2 + 1 :]]
    ((ids, percent),) = groups([" ".join(one), " ".join(other), " ".join(sentence(length, 1))])
    assert ids == [1, 2]
    assert 80 <= percent < 100


def test_texts_without_spaces_are_taken_by_their_characters() -> None:
    text = "".join(chr(0x4E00 + n * 7 % 900) for n in range(400))
    assert groups([text, text[:200] + "一" + text[201:], text[::-1]]) == [([1, 2], 97)]


def test_likeness_is_the_part_of_pieces_that_both_have() -> None:
    one, other = pieces("abcdefghij"), pieces("abcdefghiX")
    assert likeness(one, other) == pytest.approx(5 / 7)  # six runs of five each, five in common
    assert likeness(one, one) == 1
    assert likeness(one, pieces("word " * 100)) == 0, "one short, one long"


def test_only_texts_of_one_setting_are_alike() -> None:
    texts = [Text(1, "What is it about?", 5), Text(2, "What is it about?", 6), Text(3, "What is it about?", 5)]
    assert groups(texts) == [([1, 3], 100)]


@pytest.mark.parametrize("least", BANDS)
def test_hardly_any_pair_is_missed_and_none_is_made_up(least: int) -> None:
    drawn = random.Random(least)
    texts: list[str] = []
    for seed in range(150):
        base = sentence(20, seed)
        texts.append(" ".join(base))
        for place in drawn.sample(range(20), k=2):
            base[place] = f"other{seed}"
        texts.append(" ".join(base))
    made = [pieces(text) for text in texts]
    alike_pairs = {
        (one + 1, two + 1)
        for one in range(0, 300, 2)
        for two in [one + 1]
        if int(100 * likeness(made[one], made[two]) + 1e-9) >= least
    }
    assert alike_pairs or least == 90
    found = {(ids[0], ids[1]) for ids, _ in groups(texts, least)}
    assert found <= alike_pairs
    assert len(alike_pairs - found) <= 0.02 * len(alike_pairs)


def test_a_group_of_very_many_is_found_without_comparing_each_with_each() -> None:
    asked: list[int] = []
    texts = [Text(n, f"write a poem about the number {n % 7}, please, and make it a long one") for n in range(3000)]

    def fetch(ids: Iterable[int]) -> dict[int, str]:
        asked.extend(ids)
        return {one: texts[one].text for one in ids}

    ((ids, _),) = alike(texts, 70, fetch=fetch)
    assert len(ids) == 3000
    assert len(asked) < 10 * 3000


def test_what_is_gone_meanwhile_is_left_out() -> None:
    texts = [Text(1, "a text that is here"), Text(2, "a text that is here!"), Text(3, "a text that is here?")]
    found = list(alike(texts, 70, fetch=lambda ids: {one: texts[one - 1].text for one in ids if one != 2}))
    assert found == [([1, 3], 93)]


def test_memory_does_not_hold_the_texts() -> None:
    def many() -> Iterable[Text]:
        for number in range(20_000):
            yield Text(number, f"{number} " + "x" * 500 + f" {number}")

    list(alike([], 80, fetch=lambda ids: {}))
    tracemalloc.start()
    for _ in alike(many(), 80, fetch=lambda ids: {}):
        raise AssertionError("nothing is alike where nothing can be looked at")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 60_000_000, "20,000 texts of 500 characters, with 10 MB of bands in files"
