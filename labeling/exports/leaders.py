"""The prompts that stand first in a file, out of turn, so that a reader learns all columns from its first rows.

A loader takes a file's columns from its first rows: one whose early prompts are all plain would break at the first that
is not. So of each part the first prompt whose messages have tool calls, names or call ids leads, the first one with
judged candidates, and the first with each thing that the scope `leads` with; but only one that gives a row: what is
asked for may leave out all that was said about the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice

from labeling.exports.ahead import declared
from labeling.exports.examples import COLUMNS, ODD_PATHS, PROMPTS, Book, examples_of, following
from labeling.exports.groups import Connection
from labeling.exports.records import Example, Prompt
from labeling.exports.scope import PRESENT, STANDS, Scope

# How many prompts of each statement are tried for one that gives a row: the first rows come soon in any project.
TRIES = 1000

# Whether a prompt gives a row of some format.
Gives = Callable[[Example], bool]
# A statement that gives prompts, and the values of its own.
_Found = tuple[str, dict[str, int]]

_ODD_PROMPTS = [
    f"""
SELECT {COLUMNS}
FROM labeling_prompt p
WHERE p.project_id = %(project)s AND p.messages @? '{path}' AND p.id <= %(last_prompt)s {{which}}
ORDER BY p.id
"""  # noqa: S608  only constants are put in
    for path in ODD_PATHS
]
# Other prompts that may lead, by what formats call them: those with several turns of a user, those with documents,
# those with tools, and those with a response that somebody has marked. Only tools have an index: they are looked for
# where a format needs one.
LEADING = {
    "turns": "jsonb_path_exists(p.messages, '$[*] ? (@.role == \"assistant\")')",
    "documents": "p.context <> '[]'::jsonb",
    "tools": "p.tools <> ''",
    "marks": f"""EXISTS (
    SELECT 1 FROM labeling_task t
    JOIN labeling_slot s ON s.task_id = t.id
    JOIN labeling_annotation a ON a.slot_id = s.id
    WHERE t.prompt_id = p.id AND {STANDS} {PRESENT}
      AND (%(queue)s::bigint IS NULL OR t.queue_id = %(queue)s){{answers}} AND a.answers @? '$.*.*[*].start'
    OFFSET 0
  )""",  # noqa: S608  only constants are put in
}
# Prompts whose candidates somebody has judged in one queue, the first judged first.
_JUDGED_PROMPTS = f"""
SELECT {COLUMNS}
FROM labeling_annotation a
JOIN labeling_slot s ON s.id = a.slot_id
JOIN labeling_task t ON t.id = s.task_id
JOIN labeling_prompt p ON p.id = t.prompt_id
WHERE a.queue_id = %(judged)s AND {STANDS} {PRESENT} AND cardinality(s.candidate_order) > 0
  AND p.id <= %(last_prompt)s{{answers}}{{prompts}}
ORDER BY a.id
"""  # noqa: S608  only constants are put in


def read(own: Connection, scope: Scope, gives: Gives) -> Generator[Example, None, None]:
    """The examples of a scope in the order of their prompts' ids, or shuffled, but for the few that lead."""
    book = Book(own, scope)
    leading = leaders(book, [gives])
    yield from book.examples(leading)
    yield from following(book, led={prompt.id for prompt in leading})


def leaders(book: Book, gives: Sequence[Gives]) -> list[Prompt]:
    """The prompts that lead: of each part and kind the first that gives a row, of each of the formats that `gives`."""
    found: dict[int, Prompt] = {}
    for part in book.scope.parts:
        for kind in _kinds(book):
            with closing(_tried(book, kind, part)) as tried:
                found |= {prompt.id: prompt for prompt in _giving(tried, gives)}
    return list(found.values())


def _kinds(book: Book) -> Iterator[list[_Found]]:
    """What finds the prompts of each kind: of several statements the later are for where the earlier give none."""
    yield [(statement, {}) for statement in _ODD_PROMPTS]
    if not book.scope.unanswered or book.scope.release is not None:
        # Queues whose forms never showed candidates are not looked through for some that were judged.
        yield [(_JUDGED_PROMPTS, {"judged": queue}) for queue in sorted(book.queues_with_candidates)]
    for name in book.scope.leads:
        if name != "tools" or book.with_tools:
            yield [(PROMPTS.replace("{which}", f"AND {LEADING[name]} {{which}}"), {"after": 0})]


def _tried(book: Book, kind: Sequence[_Found], part: Callable[[Prompt], bool]) -> Generator[Example, None, None]:
    tried: set[int] = set()  # a prompt comes once for each of its answers

    def is_new(prompt: Prompt) -> bool:
        if prompt.id in tried or not (book.scope.wanted(prompt) and part(prompt)):
            return False
        tried.add(prompt.id)
        return True

    for statement, values in kind:
        asked = book.scope.statement(statement, present=True)
        with declared(book.own, "export_leaders", asked, book.parameters | values) as fetch:
            yield from islice(examples_of(book, fetch, is_new), TRIES)


def _giving(tried: Iterator[Example], gives: Sequence[Gives]) -> Iterator[Prompt]:
    """The first that each of them takes."""
    left = list(gives)
    while left and (example := next(tried, None)) is not None:
        still = [one for one in left if not one(example)]
        if len(still) < len(left):
            yield example.prompt
        left = still
