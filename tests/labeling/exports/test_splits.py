"""Which part a prompt belongs to: always the same one, whatever else the project holds."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports.policies import Policies, Split, SplitBy, group_of, split_of
from labeling.exports.records import Prompt
from labeling.exports.removed import Removed
from labeling.exports.splits import HELD_OUT, Splits, held_out_by, of_bytes, tags_of, to_bytes
from labeling.text import normalised

_openings = st.sampled_from(["Why?", " why?\n", "WHY?", "How?", "What for?", "Ｗhat for?", "日本", ""])
_tags = st.lists(st.sampled_from(["train", "validation", "test", "maths", "Test"]), max_size=2)
_ratios = (
    st.tuples(st.integers(0, 100), st.integers(0, 100))
    .filter(lambda two: sum(two) <= 100)
    .map(lambda two: (two[0], two[1], 100 - sum(two)))
)


def prompt(number: int, opening: str, *tags: str) -> Prompt:
    return Prompt(number, ({"role": "user", "content": opening},), tags=json.dumps(tags))


_prompts = st.lists(st.tuples(_openings, _tags), max_size=12).map(
    lambda found: [prompt(number, text, *tags) for number, (text, tags) in enumerate(found)]
)


def divided(
    prompts: Sequence[Prompt], by: SplitBy = SplitBy.TAG, ratios: tuple[int, int, int] = (80, 10, 10)
) -> dict[Split, set[int]]:
    """The prompts of each split, as three exports of a project would have them."""
    held_out = [one for one in prompts if tags_of(one) & set(HELD_OUT)]
    return {
        split: {one.id for one in prompts if Splits(policies, Removed(), held_out_by(held_out)).wants(one)}
        for split in Split
        for policies in [Policies(split=split, split_by=by, ratios=ratios)]
    }


def test_ratios_say_how_many() -> None:
    prompts = [prompt(number, f"Prompt number {number}") for number in range(3000)]
    found = divided(prompts, SplitBy.HASH, (50, 20, 30))
    shares = [len(found[split]) / 3000 for split in Split]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.03)
    assert len(divided(prompts, SplitBy.HASH, (100, 0, 0))[Split.TRAIN]) == 3000
    assert len(divided(prompts, SplitBy.HASH, (0, 0, 100))[Split.TEST]) == 3000


@given(_openings | st.text(max_size=5), _ratios)
def test_a_part_with_nothing_gets_nothing(opening: str, ratios: tuple[int, int, int]) -> None:
    share = dict(zip(Split, ratios, strict=True))
    assert share[split_of(group_of(prompt(1, opening)), ratios)] > 0


def test_ratios_that_leave_a_gap_are_no_ratios() -> None:
    with pytest.raises(ValueError, match="100"):
        split_of(group_of(prompt(1, "Question 24?")), (80, 10, 5))


def test_a_group_stays_together_however_its_prompts_are_written() -> None:
    for number in range(30):
        one, other = prompt(1, f"Question {number}?"), prompt(2, f" QUESTION\n{number}？")
        assert split_of(group_of(one)) is split_of(group_of(other))


@given(_prompts, st.sampled_from(SplitBy), _ratios)
def test_no_prompt_and_no_group_is_in_two_splits(
    prompts: list[Prompt], by: SplitBy, ratios: tuple[int, int, int]
) -> None:
    found = divided(prompts, by, ratios)
    assert sum(map(len, found.values())) == len(set.union(*found.values()))
    where = {pk: split for split, ids in found.items() for pk in ids}
    for one in prompts:
        for other in prompts:
            same = normalised(one.opening) == normalised(other.opening)
            if same and one.id in where and other.id in where:
                assert where[one.id] is where[other.id]
    if by is SplitBy.HASH:
        assert set(where) == {one.id for one in prompts}


@given(_prompts, _prompts, _ratios)
def test_a_hash_stays_as_the_project_grows(
    prompts: list[Prompt], more: list[Prompt], ratios: tuple[int, int, int]
) -> None:
    before = divided(prompts, SplitBy.HASH, ratios)
    grown = [*prompts, *(prompt(100 + one.id, one.opening) for one in more)]
    after = divided(grown, SplitBy.HASH, ratios)
    for split in Split:
        assert before[split] <= after[split]


def test_tags_decide_and_the_untagged_train() -> None:
    found = divided(
        [prompt(1, "a", "train"), prompt(2, "b", "validation"), prompt(3, "c", "maths", "test"), prompt(4, "d")]
    )
    assert found == {Split.TRAIN: {1, 4}, Split.VALIDATION: {2}, Split.TEST: {3}}


def test_the_untagged_follow_what_their_group_is_held_out_for() -> None:
    found = divided([prompt(1, "Why?"), prompt(2, " WHY? ", "test"), prompt(3, "Ｗhy？")])
    assert found == {Split.TRAIN: set(), Split.VALIDATION: set(), Split.TEST: {1, 2, 3}}


def test_a_tag_that_contradicts_its_group_or_another_tag_is_told() -> None:
    prompts = [
        prompt(1, "Why?", "train"),
        prompt(2, "Why?", "validation"),
        prompt(3, "Why?", "test"),
        prompt(4, "How?", "train", "validation"),
        prompt(5, "Plain", "train"),
    ]
    assert divided(prompts) == {Split.TRAIN: {5}, Split.VALIDATION: set(), Split.TEST: {3}}
    removed = Removed()
    splits = Splits(Policies(split=Split.TEST, split_by=SplitBy.TAG), removed, held_out_by(prompts[1:4]))
    for _ in range(2):  # a prompt that leads is looked at twice
        assert [one.id for one in prompts if splits.wants(one)] == [3]
    assert removed.as_dict() == {"split_conflict": 3}


def test_what_is_held_out_is_kept_whole_or_not_at_all() -> None:
    groups = {bytes([n]) * 16: (Split.TEST, Split.VALIDATION)[n % 2] for n in range(5)}
    kept = to_bytes(groups)
    assert of_bytes(kept) == groups
    assert of_bytes(to_bytes({})) == {}
    for broken in (b"", kept[:-1], kept[:-17], kept[:20], bytes([kept[0] ^ 1]) + kept[1:]):
        assert of_bytes(broken) is None
