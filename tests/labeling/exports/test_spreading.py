"""The order of rows in which those of one prompt are no neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports import spreading
from labeling.exports.records import Row
from labeling.exports.spreading import apart


def rows(prompt: int, number: int, *, text: str = "x") -> list[Row]:
    asked = [{"role": "user", "content": text}]
    return [{"prompt": asked, "completion": [{"content": f"{place}"}], "of": prompt} for place in range(number)]


def spread(*numbers: int) -> list[int]:
    """The prompts of the rows in their order, where prompt n has `numbers[n]` rows."""
    return [row["of"] for _, row in apart(rows(prompt, number) for prompt, number in enumerate(numbers))]


def meetings(order: Sequence[int]) -> int:
    """How many neighbours share a prompt."""
    return sum(one == other for one, other in itertools.pairwise(order))


def test_it_works() -> None:
    assert spread(2, 2, 2) == [0, 1, 2, 0, 1, 2]
    assert spread() == []
    assert spread(3) == [0, 0, 0]


@pytest.mark.parametrize("numbers", [(3, 1, 1), (1, 1, 3), (5, 2, 1, 1), (9, 4, 4), (1, 5, 2, 2), (2, 1)])
def test_a_prompt_with_many_rows_is_spread_among_the_others(numbers: tuple[int, ...]) -> None:
    assert meetings(spread(*numbers)) == 0


@given(st.lists(st.integers(0, 9), max_size=12))
def test_neighbours_share_a_prompt_only_where_that_cannot_be_helped(numbers: list[int]) -> None:
    order = spread(*numbers)
    assert sorted(order) == sorted(prompt for prompt, number in enumerate(numbers) for _ in range(number))
    most, rest = max(numbers, default=0), sum(numbers) - max(numbers, default=0)
    assert meetings(order) == max(0, most - rest - 1)


def test_rows_of_one_prompt_keep_their_order_and_the_first_is_known() -> None:
    found = list(apart(rows(prompt, 3) for prompt in range(5)))
    for prompt in range(5):
        mine = [(first, row["completion"][0]["content"]) for first, row in found if row["of"] == prompt]
        assert mine == [(True, "0"), (False, "1"), (False, "2")]


def test_a_long_file_has_no_prompt_twice_in_a_batch() -> None:
    order = spread(*(4 for _ in range(500)))
    last: dict[int, int] = {}
    for place, prompt in enumerate(order):
        assert place - last.get(prompt, -1000) >= spreading.WINDOW - 1
        last[prompt] = place


def waiting(texts: Iterable[str]) -> list[int]:
    """How many rows wait each time one comes out."""
    taken = 0

    def prompts() -> Iterator[list[Row]]:
        nonlocal taken
        for number, text in enumerate(texts):
            taken += 4
            yield rows(number, 4, text=text)

    return [taken - given for given, _ in enumerate(apart(prompts()))]


def test_what_waits_is_bounded_by_a_number_of_prompts() -> None:
    assert max(waiting(["x"] * 2000)) <= 4 * spreading.WINDOW


def test_what_waits_is_bounded_by_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "TEXT_AT_ONCE", 1000)
    assert max(waiting(["x" * 300] * 200)) <= 4 * 4
    # Two are the least that can be kept apart.
    assert max(waiting(["x" * 5000] * 200)) <= 4 * 2
    order = [row["of"] for _, row in apart(rows(prompt, 4, text="x" * 5000) for prompt in range(50))]
    assert meetings(order[:-4]) == 0
