"""What changed between two releases: checked against the plainest way to know, with whole releases in memory."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.exports.comparing import BadIndex, Comparison, Entry, alike, compare, entries, entry_of, line_of

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["a", "b", "\t", "\\t", "\n", "|"]
)
rows = st.builds(Entry, st.integers(0, 12), keys, st.sampled_from(["h1", "h2", "h3"]))
releases = st.lists(rows, max_size=25)
# Releases without two rows of one key, which is what there is as a rule.
plain_releases = st.lists(rows, max_size=25, unique_by=lambda entry: entry.place)


def in_order(found: Iterable[Entry]) -> list[Entry]:
    return sorted(found, key=lambda entry: entry.place)


def counts(found: Comparison) -> tuple[int, int, int, int]:
    return found.added.count, found.removed.count, found.changed.count, found.same


def test_it_works() -> None:
    old = [Entry(1, "a", "x"), Entry(2, "a", "x"), Entry(2, "b", "x"), Entry(10, "a", "x")]
    new = [Entry(2, "a", "x"), Entry(2, "b", "y"), Entry(10, "a", "x"), Entry(11, "a", "x"), Entry(11, "b", "x")]
    found = compare(old, new)
    assert found.as_dict == {
        "added": {"count": 2, "first": [{"prompt_id": "11", "key": "a"}, {"prompt_id": "11", "key": "b"}]},
        "removed": {"count": 1, "first": [{"prompt_id": "1", "key": "a"}]},
        "changed": {"count": 1, "first": [{"prompt_id": "2", "key": "b"}]},
        "same": 2,
    }
    assert not found.is_empty
    assert compare(old, old).is_empty
    assert counts(compare([], [])) == (0, 0, 0, 0)


@given(plain_releases, plain_releases)
def test_it_agrees_with_dictionaries(one: list[Entry], other: list[Entry]) -> None:
    old, new = ({entry.place: entry.hash for entry in found} for found in (one, other))
    found = compare(in_order(one), in_order(other))
    shared = old.keys() & new.keys()
    assert counts(found) == (
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
        sum(old[place] != new[place] for place in shared),
        sum(old[place] == new[place] for place in shared),
    )
    assert [entry.place for entry in found.added.first] == sorted(new.keys() - old.keys())[:20]
    assert [entry.place for entry in found.removed.first] == sorted(old.keys() - new.keys())[:20]
    assert [entry.place for entry in found.changed.first] == sorted(p for p in shared if old[p] != new[p])[:20]


@given(releases, releases)
def test_rows_that_share_a_key_are_compared_as_bags(one: list[Entry], other: list[Entry]) -> None:
    old: defaultdict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    new: defaultdict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for found, entries_of in ((old, one), (new, other)):
        for entry in entries_of:
            found[entry.place][entry.hash] += 1
    same = changed = added = removed = 0
    for place in old.keys() | new.keys():
        stayed = (old[place] & new[place]).total()
        left, come = old[place].total() - stayed, new[place].total() - stayed
        same, changed = same + stayed, changed + min(left, come)
        added, removed = added + max(0, come - left), removed + max(0, left - come)
    assert counts(compare(in_order(one), in_order(other))) == (added, removed, changed, same)


@given(releases, releases)
def test_the_other_way_round_what_came_went(one: list[Entry], other: list[Entry]) -> None:
    there, back = compare(in_order(one), in_order(other)), compare(in_order(other), in_order(one))
    added, removed, changed, same = counts(there)
    assert counts(back) == (removed, added, changed, same)
    assert added + changed + same == len(other)
    assert removed + changed + same == len(one)


@given(releases, st.integers(0, 3))
def test_only_the_first_are_named(found: list[Entry], shown: int) -> None:
    named = compare([], in_order(found), shown=shown).added
    assert named.count == len(found)
    assert [entry.place for entry in named.first] == [entry.place for entry in in_order(found)][:shown]


# --- Files ----------------------------------------------------------------------------------------------------------


@given(rows)
def test_a_line_holds_any_key(entry: Entry) -> None:
    line = line_of(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert entry_of(line) == entry


@given(st.lists(releases, max_size=4))
def test_files_are_merged_whatever_range_each_has(shards: list[list[Entry]]) -> None:
    files = [io.BytesIO(b"".join(map(line_of, in_order(shard)))) for shard in shards]
    found = list(entries(files))
    together = list(chain.from_iterable(shards))
    assert [entry.place for entry in found] == [entry.place for entry in in_order(together)]
    assert Counter(found) == Counter(together)


def test_a_leader_out_of_turn_is_no_change() -> None:
    """The first shard begins with prompts that lead: here with prompt 900."""
    old = [[Entry(1, "a", "x"), Entry(900, "a", "x")], [Entry(500, "a", "x"), Entry(901, "a", "x")]]
    new = [[Entry(1, "a", "x")], [Entry(500, "a", "x")], [Entry(900, "a", "x"), Entry(901, "a", "x")]]
    before, after = (entries([map(line_of, shard) for shard in found]) for found in (old, new))
    assert counts(compare(before, after)) == (0, 0, 0, 4)


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"1\ta\n", b"x\ta\th\n", b"1\ta\tb\tc\n", b"1\t\\x\th\n", b"1\t\\\th\n", b"1\t\xff\th\n"]
)
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(BadIndex, match="no line of an index"):
        entry_of(line)


def test_a_file_that_is_not_in_order_is_refused() -> None:
    with pytest.raises(BadIndex, match="prompt 2 stands after prompt 10"):
        list(entries([[b"10\ta\th\n", b"2\ta\th\n"]]))


def test_prompts_are_ordered_as_numbers() -> None:
    assert [entry.prompt_id for entry in entries([[b"2\ta\th\n", b"10\ta\th\n"]])] == [2, 10]


def test_memory_does_not_grow_with_the_releases() -> None:
    """A hundred thousand rows, of which no more than a few are ever held."""
    held: set[int] = set()
    most = 0

    def stream(hashes: str) -> Iterator[Entry]:
        nonlocal most
        for number in range(100_000):
            held.add(number)
            most = max(most, len(held))
            yield Entry(number, "a", hashes)
            held.discard(number)

    found = compare(stream("x"), stream("y"))
    assert counts(found) == (0, 0, 100_000, 0)
    assert most <= 3
    assert len(found.changed.first) == 20


# --- Keys that are places -------------------------------------------------------------------------------------------


def test_rows_known_by_their_place_are_known_by_what_they_say() -> None:
    """Of three rows the first went: the others moved up, and say what they said."""
    old = [Entry(1, "0", "aa"), Entry(1, "1", "bb"), Entry(1, "2", "cc")]
    new = [Entry(1, "0", "bb"), Entry(1, "1", "cc")]
    found = compare(*alike(iter(old), iter(new)))
    assert (found.removed.count, found.added.count, found.changed.count, found.same) == (1, 0, 0, 2)
    assert found.removed.first == [Entry(1, "", "aa")]


@pytest.mark.parametrize("turned", [False, True])
def test_an_index_of_an_earlier_version_is_compared_with_one_of_today(turned: bool) -> None:
    one = [Entry(1, "0", "aa"), Entry(1, "1", "bb"), Entry(2, "0", "cc")]
    other = [Entry(1, "annotation 7", "bb"), Entry(2, "annotation 9", "cc"), Entry(2, "annotation 10", "dd")]
    pair = (other, one) if turned else (one, other)
    found = compare(*alike(*map(iter, pair)))
    assert (found.same, found.changed.count) == (2, 0)
    assert (found.added.count, found.removed.count) == (1, 1)


def test_other_keys_stay_as_they_are() -> None:
    old = [Entry(1, "annotation 7", "aa"), Entry(1, "annotation 8", "bb")]
    found = compare(*alike(iter(old), iter([Entry(1, "annotation 8", "cc")])))
    assert (found.removed.first, found.changed.first) == ([old[0]], [Entry(1, "annotation 8", "cc")])
    assert compare(*alike(iter([]), iter(old))).added.count == 2
