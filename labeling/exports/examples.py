"""From database rows to examples, as a stream: memory holds a few batches of prompts, however many there are.

An export reads on a connection of its own, in one REPEATABLE READ transaction that cannot write: what people submit
while it runs is not in it, and the request's own connection stays free for sessions and tokens. Prompts come from a
server-side cursor along the index of (project, id); what belongs to them is fetched for many prompts at a time.

An annotation that was taken back (`undone_at`) is no answer: no statement here sees it. What somebody said who has
withdrawn from the project is counted and given to nobody. A release reads as of a moment (`Scope.cutoff`): it sees what
was submitted by then and not taken back by then, and what reviews said by then, whatever has happened since.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

from django.db import connection
from psycopg import Cursor, IsolationLevel, ServerCursor, connect

from labeling.exports.ahead import MOST_PROMPTS, Fetch, Pace, Stage, at_once, declared, one_by_one
from labeling.exports.annotators import pseudonym
from labeling.exports.batches import Asked, Batch, Candidates, Shown, Stored, prompt_of
from labeling.exports.groups import Answer, Connection, Groups
from labeling.exports.records import PLAIN, Annotation, Example, Form, Prompt
from labeling.exports.scope import ALL_VERSIONS, LAST_ID, STANDS, Scope
from labeling.questions import form_candidates
from labeling.text import sql_list

_Rows = Sequence[tuple[Any, ...]]
_LookedUp = tuple[_Rows, Answer]

_UTC = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""

COLUMNS = (
    "p.id, p.external_id, p.messages, p.context, p.batch, p.language, to_json(p.tags)::text, p.metadata::text, p.tools"
)
PROMPTS = f"""
SELECT {COLUMNS}
FROM labeling_prompt p
WHERE p.project_id = %(project)s AND p.id > %(after)s AND p.id <= %(last_prompt)s {{which}}
ORDER BY p.id
"""  # noqa: S608  only constants are put in
# The ids alone in an order that is drawn by a seed: hundreds of thousands are sorted in a moment, on the disk of the
# database where they are many. The hash is the one by which PostgreSQL divides tables, so it stays the same.
_SHUFFLED = """
SELECT p.id FROM labeling_prompt p
WHERE p.project_id = %(project)s AND p.id <= %(last_prompt)s
  AND (%(after)s::bigint = 0
       OR (hashint8extended(p.id, %(seed)s::bigint), p.id)
        > (hashint8extended(%(after)s::bigint, %(seed)s::bigint), %(after)s::bigint)){which}
ORDER BY hashint8extended(p.id, %(seed)s::bigint), p.id
"""
_THESE = f"SELECT {COLUMNS} FROM labeling_prompt p WHERE p.id = ANY(%(prompts)s::bigint[])"  # noqa: S608
_COUNT = """
SELECT count(*) FROM labeling_prompt p WHERE p.project_id = %(project)s AND p.id <= %(last_prompt)s {which}
"""
_ANNOTATIONS = f"""
SELECT t.prompt_id, a.queue_id, a.annotator_id, a.form_id, a.guidelines_id, a.id, a.slot_id, t.id, a.version,
       NOT EXISTS (
           SELECT 1 FROM labeling_annotation n
           WHERE n.slot_id = a.slot_id AND n.version > a.version AND n.created_at <= %(cutoff)s::timestamptz
             AND (n.undone_at IS NULL OR n.undone_at > %(cutoff)s::timestamptz){{later}}
       ),
       a.answers, s.candidate_order, {{verdict}}{{times}}
FROM labeling_task t
JOIN labeling_slot s ON s.task_id = t.id
JOIN labeling_annotation a ON a.slot_id = s.id
WHERE t.prompt_id = ANY(%(prompts)s::bigint[]) AND {STANDS}
  AND (%(queue)s::bigint IS NULL OR t.queue_id = %(queue)s){{answers}}
ORDER BY t.prompt_id, a.id
"""  # noqa: S608  only constants are put in
# When people worked on it, and for how long: for formats that tell how everything came to be.
_TIMES = f""",
       COALESCE(to_char(s.leased_at AT TIME ZONE 'UTC', {_UTC}), ''),
       to_char(a.created_at AT TIME ZONE 'UTC', {_UTC}), a.active_seconds"""
# What a review says of an annotation: as of the cutoff, so not what the annotation itself keeps of it.
_VERDICT = """COALESCE((
           SELECT r.verdict FROM labeling_review r
           WHERE r.annotation_id = a.id AND r.created_at <= %(cutoff)s::timestamptz ORDER BY r.id DESC LIMIT 1
       ), '')"""
_NO_VERDICT = "''"
_ANY_REVIEW = """
SELECT EXISTS (
    SELECT 1 FROM labeling_review r
    WHERE r.queue_id = ANY(%(queues)s::bigint[]) AND r.created_at <= %(cutoff)s::timestamptz
)
"""
_CANDIDATES = """
SELECT c.id, c.text, c.origin, c.model{provenance}
FROM labeling_candidate c WHERE c.id = ANY(%(candidates)s::bigint[])
"""
_PROVENANCE = """, c.revision, c.backend, c.generator,
       (jsonb_build_object(
           'sampling', c.sampling, 'seed', c.seed, 'prompt_tokens', c.prompt_tokens,
           'completion_tokens', c.completion_tokens, 'finish_reason', c.finish_reason, 'seconds', c.seconds
       ) || c.provenance)::text
"""
_NO_PROVENANCE = ""
# Prompts with tool calls, and those with a name or a call's id in a message. Migration 0005 has an index of each, whose
# condition must be written in the same words.
ODD_PATHS = ("$[*].tool_calls", "$[*] ? (exists(@.name) || exists(@.tool_call_id))")
# Prompts that their tags hold out of training (labeling.exports.splits).
_HELD_OUT = f"""
SELECT {COLUMNS}
FROM labeling_prompt p
WHERE p.project_id = %(project)s AND p.tags && %(held_out)s::varchar[] AND p.id <= %(last_prompt)s
"""  # noqa: S608  only a constant is put in
_MESSAGE_KEYS = " UNION ".join(
    f"""
SELECT keys.name
FROM labeling_prompt p, jsonb_array_elements(p.messages) AS message, jsonb_object_keys(message) AS keys(name)
WHERE p.project_id = %(project)s AND p.messages @? '{path}' AND p.id <= %(last_prompt)s
"""  # noqa: S608  only a constant is put in
    for path in ODD_PATHS
)
# Since when a project has tools is never forgotten: rows that a release gave had the column or not.
_PROJECT = """
SELECT slug, COALESCE(tools_since <= %(cutoff)s::timestamptz, false) FROM labeling_project WHERE id = %(project)s
"""
_WITHDRAWN = """
SELECT user_id FROM exports_withdrawal WHERE project_id = %(project)s AND "at" <= %(cutoff)s::timestamptz
"""


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A connection that sees the database as it is now and cannot change it. Closed at the end, in any case."""
    parameters = connection.get_connection_params()
    # Its few statements read thousands of rows at a time, each planned for what it reads.
    parameters |= {"cursor_factory": Cursor, "application_name": "annotate export", "prepare_threshold": None}
    with connect(**parameters) as own:
        own.isolation_level = IsolationLevel.REPEATABLE_READ
        own.read_only = True
        # The first rows should come at once: compiling the query takes longer than they do.
        own.execute("SET LOCAL jit = off")
        own.execute("SET LOCAL cursor_tuple_fraction = 0.001")
        # What is asked for ahead waits for whoever downloads it, however slowly.
        own.execute("SET LOCAL statement_timeout = 0")
        # Most statements look up what belongs to some dozens of prompts. Joined by hash, they would read a whole table
        # each time, as the planner does as long as it is not a very large one. The others follow an index anyway.
        own.execute("SET LOCAL enable_hashjoin = off")
        own.execute("SET LOCAL enable_mergejoin = off")
        yield own


def held_out(own: Connection, project_id: int, tags: Sequence[str], last_prompt: int = LAST_ID) -> Iterator[Prompt]:
    """The prompts of a project that have one of these tags, in no order."""
    with own.cursor(name="export_held_out") as cursor:
        given = {"project": project_id, "held_out": list(tags), "last_prompt": last_prompt}
        cursor.execute(_HELD_OUT, given)
        yield from Groups(own, project_id).each(_batches(cursor, MOST_PROMPTS))


def following(book: Book, *, led: Collection[int], after: int = 0) -> Generator[Example, None, None]:
    """The examples behind the prompt `after` in the order of the scope, without those that have led.

    Those that lead come before these: see `leaders`. What follows is read while whoever asked is busy with an example.
    """
    scope = book.scope
    shuffled = scope.shuffled is not None
    statement = scope.statement(_SHUFFLED if shuffled else PROMPTS)

    def wanted(prompt: Prompt) -> bool:
        return prompt.id not in led and scope.wanted(prompt)

    with declared(book.own, "export_prompts", statement, book.parameters | {"after": after}) as fetch:
        yield from examples_of(book, fetch, wanted, ids_alone=shuffled, reads_ahead=True)


def examples_of(
    book: Book, fetch: Fetch, wanted: Callable[[Prompt], bool], *, ids_alone: bool = False, reads_ahead: bool = False
) -> Iterator[Example]:
    """The examples of the prompts that `fetch` gives, as far as they are wanted: more at a time as it goes on.

    `ids_alone`: it gives the ids of prompts, and the rest is looked up. `reads_ahead`: the next are read meanwhile.
    """
    pace = Pace()

    def first() -> Answer | None:
        return None if pace.ended else fetch(pace.number)

    def rows(answer: Answer) -> _Rows | None:
        found = answer.fetchall()
        pace.ended = pace.ended or not found
        return found or None

    def looked_up(answer: Answer) -> _LookedUp | None:
        ids = rows(answer)
        return book.looked_up(ids) if ids else None

    def in_groups(given: Any) -> Asked | None:
        found = book.in_order(given) if ids_alone else rows(given)
        if not found:
            return None
        asked = book.ask_for_groups(found)
        pace.see(asked.read, asked.text)
        return asked

    def annotated(asked: Asked) -> Asked:
        return book.ask_for_annotations(asked, wanted)

    def in_no_groups(given: Any) -> Asked | None:
        asked = in_groups(given)
        return annotated(asked) if asked else None

    stages: list[Stage] = [
        *([looked_up] if ids_alone else []),
        *([in_groups, annotated] if book.scope.grouped else [in_no_groups]),
        lambda asked: book.ask_for_candidates(asked, ahead=reads_ahead),
    ]
    with closing(at_once(book.own, first, stages) if reads_ahead else one_by_one(first, stages)) as batches:
        for batch in batches:
            yield from book.made(batch)
            pace.learn(batch.read, batch.characters)


def count(own: Connection, scope: Scope) -> int:
    """How many prompts `read` looks at, whether they are wanted or not."""
    found = own.execute(scope.statement(_COUNT), scope.parameters).fetchone()
    return int(found[0]) if found else 0


def message_keys(book: Book) -> tuple[str, ...]:
    """What the messages of the project's prompts have besides `role` and `content`."""
    found = {row[0] for row in book.own.execute(_MESSAGE_KEYS, book.parameters)}
    return tuple(sorted(found - PLAIN))


def _batches(cursor: ServerCursor[tuple[Any, ...]], number: int) -> Iterator[list[Prompt]]:
    while rows := cursor.fetchmany(number):
        yield [prompt_of(row) for row in rows]


class Book:
    """Looks up what belongs to prompts. Forms, queues and guidelines are few: they are read once.

    `people` says whose the pseudonyms are that it has given so far.
    """

    def __init__(self, own: Connection, scope: Scope) -> None:
        self.own = own
        self.scope = scope
        project = own.execute(_PROJECT, scope.parameters).fetchone()
        self.project: str = project[0] if project else ""
        self.with_tools = bool(project and project[1])
        self.queues = self._table("SELECT id, slug FROM labeling_queue WHERE project_id = %s")
        self.guidelines = self._table("SELECT id, number FROM labeling_guidelinesversion WHERE project_id = %s")
        forms = own.execute(
            "SELECT f.id, f.number, f.questions, f.queue_id, f.created_at <= %(cutoff)s::timestamptz "
            "FROM labeling_formversion f JOIN labeling_queue q ON q.id = f.queue_id "
            "WHERE q.project_id = %(project)s ORDER BY f.queue_id, f.number",
            scope.parameters,
        )
        self.forms: dict[int, Form] = {}
        self.queues_with_candidates: set[int] = set()
        self.newest: dict[str, Form] = {}
        for pk, number, asked, queue, was_there in forms:
            self.forms[pk] = Form(number, tuple(json.loads(asked)), asked)
            if scope.queue_id in (None, queue) and was_there and number in (scope.selection.form or ALL_VERSIONS):
                self.newest[self.queues[queue]] = self.forms[pk]
            if scope.queue_id in (None, queue) and form_candidates(self.forms[pk].questions)[1] > 0:
                self.queues_with_candidates.add(queue)
        verdict = _VERDICT if self._has_reviews() else _NO_VERDICT
        times = _TIMES if scope.provenance else ""
        self.annotations = scope.statement(_ANNOTATIONS.replace("{verdict}", verdict).replace("{times}", times))
        self.name: Callable[[int], str] = cache(lambda user_id: pseudonym(scope.project_id, user_id, scope.release))
        self.people: dict[str, int] = {}
        self.withdrawn = {row[0] for row in own.execute(_WITHDRAWN, scope.parameters)}
        self.parameters: dict[str, Any] = scope.parameters | {"withdrawn": sorted(self.withdrawn)}
        self._statement = _CANDIDATES.format(provenance=_PROVENANCE if scope.provenance else _NO_PROVENANCE)
        self._groups = Groups(own, scope.project_id, scope.cutoff) if scope.grouped else None
        self._needs_candidates = False

    def _table(self, statement: str) -> dict[int, Any]:
        return dict(self.own.execute(statement, [self.scope.project_id]).fetchall())

    def _has_reviews(self) -> bool:
        """Whether anything in the project was reviewed by the cutoff: whoever reviews nothing waits for nothing."""
        found = self.own.execute(_ANY_REVIEW, self.scope.parameters | {"queues": sql_list(self.queues)}).fetchone()
        return bool(found and found[0])

    def examples(self, prompts: Sequence[Prompt]) -> Iterator[Example]:
        """One example for each prompt, in their order."""
        return self.made(self.ask_for_candidates(self._annotations_of(prompts, len(prompts), 0)))

    def looked_up(self, ids: _Rows) -> _LookedUp:
        """Asks for the rows of prompts by their ids."""
        return ids, self.own.execute(_THESE, {"prompts": sql_list(pk for (pk,) in ids)})

    def in_order(self, asked: _LookedUp) -> _Rows:
        """These rows, in the order of the ids."""
        ids, answer = asked
        rows = {row[0]: row for row in answer.fetchall()}
        return [rows[pk] for (pk,) in ids]

    def ask_for_groups(self, rows: _Rows) -> Asked:
        """Prompts as they are read. Their groups are asked for where the scope wants to know them."""
        prompts = [prompt_of(row) for row in rows]
        text = sum(len(row[2]) + len(row[3]) + len(row[7]) + len(row[8]) for row in rows)
        return Asked(prompts, len(rows), text, self._groups.ask(prompts) if self._groups else None)

    def ask_for_annotations(self, asked: Asked, wanted: Callable[[Prompt], bool]) -> Asked:
        """Prompts with their groups, as far as they are wanted. What was said about them is asked for."""
        prompts = self._groups.linked(asked.prompts, asked.answer) if self._groups else asked.prompts
        return self._annotations_of([prompt for prompt in prompts if wanted(prompt)], asked.read, asked.text)

    def _annotations_of(self, prompts: Sequence[Prompt], read: int, text: int) -> Asked:
        parameters = self.parameters | {"prompts": sql_list(prompt.id for prompt in prompts)}
        return Asked(prompts, read, text, self.own.execute(self.annotations, parameters) if prompts else None)

    def ask_for_candidates(self, asked: Asked, *, ahead: bool = False) -> Batch:
        """Prompts with what was said about them. Few demonstrations need any candidates, so these are read when one is
        asked for; `ahead`, they are asked for at once where the last batch needed some.
        """
        annotations: dict[int, list[Annotation]] = defaultdict(list)
        withdrawn: Counter[int] = Counter()
        shown: set[int] = set()
        text = asked.text
        for row in asked.answer.fetchall() if asked.answer else ():
            prompt, queue, person, form, guidelines, *_ = row
            if person in self.withdrawn:
                withdrawn[prompt] += 1
                continue
            name = self.name(person)
            self.people[name] = person
            stored = Stored(row, self.queues[queue], name, self.forms[form], self.guidelines[guidelines])
            annotations[prompt].append(stored)
            shown.update(stored.order)
            text += len(row[10])
        candidates = Shown(sorted(shown), self._candidates_of)
        if ahead and self._needs_candidates:
            candidates.begin()
        return Batch(asked.prompts, annotations, withdrawn, candidates, asked.read, text)

    def made(self, batch: Batch) -> Iterator[Example]:
        """The examples of a batch, one for each prompt, in their order."""
        for prompt in batch.prompts:
            mine = tuple(batch.annotations.get(prompt.id, ()))
            yield Example(
                project=self.project,
                prompt=prompt,
                annotations=mine,
                candidates=Candidates(batch.shown, mine),
                forms=self.newest,
                withdrawn=batch.withdrawn.get(prompt.id, 0),
                with_tools=self.with_tools,
            )
        if batch.shown.has_some:
            self._needs_candidates = batch.shown.used

    def _candidates_of(self, ids: Sequence[int]) -> Answer:
        return self.own.execute(self._statement, {"candidates": sql_list(ids)})
