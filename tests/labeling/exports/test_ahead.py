"""What comes next is read while rows are made: nothing is lost, given twice or out of order, and nothing stays open."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from django.db import connection
from psycopg.pq import TransactionStatus

from labeling.exports import ahead, choices, stream
from labeling.exports.ahead import FIRST_PROMPTS, MOST_PROMPTS, TEXT_AT_ONCE, Pace, Stage, at_once, one_by_one
from labeling.exports.batches import Shown, Stored
from labeling.exports.examples import Book, following, snapshot
from labeling.exports.records import Form
from labeling.exports.scope import Scope
from labeling.models import Prompt, User
from tests import make
from tests.labeling.exports.connections import wait_for_exports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("number", [1, FIRST_PROMPTS, FIRST_PROMPTS + 1, 37, 2 * MOST_PROMPTS + 50])
def test_every_prompt_comes_once_and_in_order(number: int) -> None:
    project = make.project()
    made = [prompt.pk for prompt in make.imported(project, number)]
    with snapshot() as own:
        book = Book(own, Scope(project.pk, unanswered=True))
        assert [example.prompt.id for example in following(book, led=())] == made
        assert [example.prompt.id for example in following(book, led={made[0]}, after=made[0])] == made[1:]
        book = Book(own, Scope(project.pk, unanswered=True, shuffled=5))
        shuffled = [example.prompt.id for example in following(book, led=())]
        drawn = own.execute("SELECT id FROM unnest(%s::bigint[]) id ORDER BY hashint8extended(id, 5), id", [made])
        assert shuffled == [pk for (pk,) in drawn]
        assert sorted(shuffled) == made


def test_no_prompt_is_no_example() -> None:
    with snapshot() as own:
        assert list(following(Book(own, Scope(make.project().pk, unanswered=True)), led=())) == []


def test_what_belongs_to_a_prompt_stays_with_it(ann: User) -> None:
    project = make.project(annotators=[ann])
    number = 3 * MOST_PROMPTS
    make.imported(project, number, candidates=2)
    queue = make.queue(project, preset="ranking")
    for place in range(number):
        make.ranked(queue, ann, [[f"Answer 1 to {place}"], [f"Answer 0 to {place}"]])
    with snapshot() as own:
        place = -1
        for place, example in enumerate(following(Book(own, Scope(project.pk)), led=())):
            (annotation,) = example.annotations
            texts = [example.candidates[annotation.shown[key]].text for key in sorted(annotation.shown)]
            assert sorted(texts) == [f"Answer 0 to {place}", f"Answer 1 to {place}"]
        assert place == number - 1


def test_whoever_stops_early_leaves_a_connection_that_works(caplog: pytest.LogCaptureFixture) -> None:
    project = make.project()
    make.imported(project, 200)
    with snapshot() as own:
        book = Book(own, Scope(project.pk, unanswered=True))
        with closing(following(book, led=())) as found:
            first = next(found)
        # The same once more on the same connection: its cursor and its pipeline are gone.
        with closing(following(book, led=())) as found:
            assert next(found).prompt.id == first.prompt.id
        assert own.execute("SELECT 1").fetchone() == (1,)
    export = stream.Export(choices.parse(project, {"format": "prompts"}))
    next(export)
    export.close()
    wait_for_exports(0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_stages_give_the_same_whether_at_once_or_one_by_one() -> None:
    stages: list[Stage] = [lambda n: n if n % 3 else None, lambda n: 10 * n, lambda n: n + 1]

    def first() -> int | None:
        return next(numbers, None)

    numbers = iter(range(1, 20))
    expected = [10 * n + 1 for n in range(1, 20) if n % 3]
    assert list(one_by_one(first, stages)) == expected
    numbers = iter(range(1, 20))
    with snapshot() as own:
        assert list(at_once(own, first, stages)) == expected


def test_what_is_asked_for_is_there_when_the_next_stage_wants_it() -> None:
    with snapshot() as own:
        numbers = iter(range(50))

        def ask(number: int) -> object:
            return own.execute("SELECT %s::int + 1", [number])

        stages: list[Stage] = [ask, lambda answer: ask(answer.fetchone()[0]), lambda answer: ask(answer.fetchone()[0])]
        found = [answer.fetchone()[0] for answer in at_once(own, lambda: next(numbers, None), stages)]
    assert found == [number + 3 for number in range(50)]


def test_the_next_are_on_their_way_while_one_is_used() -> None:
    project = make.project()
    make.imported(project, 60)
    with snapshot() as own, closing(following(Book(own, Scope(project.pk, unanswered=True)), led=())) as found:
        next(found)
        assert own.info.transaction_status is TransactionStatus.ACTIVE
        assert len(list(found)) == 59


def test_candidates_are_on_their_way_where_the_last_batch_needed_some(
    ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make.project(annotators=[ann])
    make.imported(project, 60, candidates=2)
    queue = make.queue(project, preset="ranking")
    for place in range(60):
        make.ranked(queue, ann, [[f"Answer 1 to {place}"], [f"Answer 0 to {place}"]])
    begun: list[Shown] = []
    begin = Shown.begin

    def counted(shown: Shown) -> None:
        begun.append(shown)
        begin(shown)

    monkeypatch.setattr(Shown, "begin", counted)
    with snapshot() as own:
        assert len(list(following(Book(own, Scope(project.pk)), led=()))) == 60
        assert begun == [], "nobody needed any"
        for example in following(Book(own, Scope(project.pk)), led=()):
            assert len(list(example.candidates.values())) == 2
    assert len(begun) > 2


@pytest.mark.parametrize("shuffled", [None, 5])
def test_long_prompts_behind_short_ones_come_a_few_at_a_time(
    shuffled: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several batches are on their way when the first long ones are seen: only one of these may be as large."""
    monkeypatch.setattr(ahead, "TEXT_AT_ONCE", 20_000)
    project = make.project()
    make.imported(project, 420)
    with connection.cursor() as cursor:
        # The later ones in the order in which they come.
        cursor.execute("SELECT id FROM labeling_prompt ORDER BY hashint8extended(id, %s), id", [shuffled or 0])
        drawn = [pk for (pk,) in cursor.fetchall()]
    later = sorted(drawn)[220:] if shuffled is None else drawn[220:]
    Prompt.objects.filter(pk__in=later).update(context=[{"text": "x" * 20_000}])
    sizes: list[tuple[int, bool]] = []
    ask = Book.ask_for_groups

    def counted(book: Book, rows: Sequence[tuple[Any, ...]]) -> Any:
        sizes.append((len(rows), any(len(row[3]) > 10_000 for row in rows)))
        return ask(book, rows)

    monkeypatch.setattr(Book, "ask_for_groups", counted)
    with snapshot() as own:
        book = Book(own, Scope(project.pk, unanswered=True, shuffled=shuffled))
        assert len(list(following(book, led=()))) == 420
    assert max(size for size, _ in sizes) == MOST_PROMPTS
    long = [size for size, is_long in sizes if is_long]
    blind = 1 if shuffled is None else 2
    # The first of them may begin with short ones.
    assert max(long[blind:]) <= FIRST_PROMPTS, long


def test_a_download_may_pause_whatever_time_statements_have() -> None:
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET statement_timeout = '60s'")
    try:
        with snapshot() as own:
            assert own.execute("SHOW statement_timeout").fetchone() == ("0",)
            own.rollback()
            assert own.execute("SHOW statement_timeout").fetchone() == ("1min",), "or this shows nothing"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET statement_timeout")


def test_batches_grow_as_far_as_their_text_is_short() -> None:
    pace = Pace()
    for _ in range(20):
        pace.see(pace.number, 50 * pace.number)
        pace.learn(pace.number, 100 * pace.number)
    assert pace.number == MOST_PROMPTS
    pace.see(MOST_PROMPTS, 10 * TEXT_AT_ONCE)
    assert pace.number == MOST_PROMPTS // 10
    pace.learn(1, 50 * TEXT_AT_ONCE)
    assert pace.number == 1


def test_what_is_not_done_makes_no_batch_longer() -> None:
    """What was said of a prompt, and its candidates, may be far longer than the prompt."""
    pace = Pace()
    for _ in range(20):
        pace.see(pace.number, 10 * pace.number)
    assert pace.number == FIRST_PROMPTS


def test_a_book_is_not_forgotten_for_the_short_ones_that_were_asked_for_before() -> None:
    pace = Pace()
    pace.see(5, 5 * TEXT_AT_ONCE)
    for _ in range(5):
        pace.learn(5, 100)
        assert pace.number == 1
    for _ in range(20):
        pace.learn(1, 100)
    assert pace.number == MOST_PROMPTS


def test_answers_are_read_from_their_text_once() -> None:
    row = (1, 5, 6, 7, 8, 2, 3, 4, 1, True, '{"a": {"text": "b"}}', [21, 22], "accepted")
    annotation = Stored(row, "queue", "person", Form(1, ()), 1)
    assert annotation.answers == {"a": {"text": "b"}}
    assert annotation.answers is annotation.answers
    assert annotation.shown == {"a": 21, "b": 22}
    with pytest.raises(AttributeError, match="nothing"):
        annotation.nothing  # noqa: B018
    older = annotation.as_latest()
    assert (older.id, older.slot_id, older.answers, older.shown) == (2, 3, annotation.answers, annotation.shown)
