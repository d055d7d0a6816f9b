"""From database rows to examples, as a stream: memory holds a few megabytes, however many rows there are.

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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection
from psycopg import Cursor, IsolationLevel, ServerCursor, connect

from labeling.exports.annotators import pseudonym
from labeling.exports.groups import Connection, Groups
from labeling.exports.records import Annotation, Candidate, Example, Form, Prompt
from labeling.exports.scope import ALL_VERSIONS, LAST_ID, STANDS, Scope
from labeling.questions import form_candidates
from labeling.selectors.slots import KEYS
from labeling.text import sql_list

# How many prompts are fetched together: few at first, so that the first rows come at once; then as many as bring
# about so many characters of text, whether prompts are a line or a book.
FIRST_PROMPTS, MOST_PROMPTS = 20, 100
TEXT_AT_ONCE = 2_000_000

_DECODER = json.JSONDecoder()

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
SELECT t.prompt_id, a.id, a.slot_id, t.id, a.queue_id, a.annotator_id, a.version,
       NOT EXISTS (
           SELECT 1 FROM labeling_annotation n
           WHERE n.slot_id = a.slot_id AND n.version > a.version AND n.created_at <= %(cutoff)s::timestamptz
             AND (n.undone_at IS NULL OR n.undone_at > %(cutoff)s::timestamptz){{later}}
       ),
       a.answers, a.form_id, a.guidelines_id, s.candidate_order,
       COALESCE(to_char(s.leased_at AT TIME ZONE 'UTC', {_UTC}), ''),
       to_char(a.created_at AT TIME ZONE 'UTC', {_UTC}), a.active_seconds, {{verdict}}
FROM labeling_task t
JOIN labeling_slot s ON s.task_id = t.id
JOIN labeling_annotation a ON a.slot_id = s.id
WHERE t.prompt_id = ANY(%(prompts)s::bigint[]) AND {STANDS}
  AND (%(queue)s::bigint IS NULL OR t.queue_id = %(queue)s){{answers}}
ORDER BY t.prompt_id, a.id
"""  # noqa: S608  only constants are put in
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
SELECT c.id, c.text, c.origin, c.model, c.revision, c.backend, c.generator, {provenance}
FROM labeling_candidate c WHERE c.id = ANY(%(candidates)s::bigint[])
"""
_PROVENANCE = """
       (jsonb_build_object(
           'sampling', c.sampling, 'seed', c.seed, 'prompt_tokens', c.prompt_tokens,
           'completion_tokens', c.completion_tokens, 'finish_reason', c.finish_reason, 'seconds', c.seconds
       ) || c.provenance)::text
"""
_NO_PROVENANCE = "'{}'"
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
        # Most statements look up what belongs to a hundred prompts. Joined by hash, they would read a whole table
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


def following(book: Book, *, led: Collection[int], after: int = 0) -> Iterator[Example]:
    """The examples behind the prompt `after` in the order of the scope, without those that have led.

    Those that lead come before these: see `leaders`.
    """
    scope = book.scope
    shuffled = scope.shuffled is not None
    with book.own.cursor(name="export_prompts") as cursor:
        cursor.execute(scope.statement(_SHUFFLED if shuffled else PROMPTS), book.parameters | {"after": after})
        yield from examples_of(
            book, cursor, lambda prompt: prompt.id not in led and scope.wanted(prompt), ids_alone=shuffled
        )


def examples_of(
    book: Book,
    cursor: ServerCursor[tuple[Any, ...]],
    wanted: Callable[[Prompt], bool],
    *,
    ids_alone: bool = False,
) -> Iterator[Example]:
    """The examples of the prompts that a cursor gives, as far as they are wanted: more at a time as it goes on.

    `ids_alone`: it gives the ids of prompts, and the rest is looked up.
    """

    def fetch(number: int) -> _Batch | None:
        rows = cursor.fetchmany(number)
        rows = _in_order(book, rows) if ids_alone else rows
        if not rows:
            return None
        found = book.grouped([_prompt(row) for row in rows])
        text = sum(len(row[2]) + len(row[3]) + len(row[8]) for row in rows)
        return book.batch([prompt for prompt in found if wanted(prompt)], len(rows), text)

    number = FIRST_PROMPTS
    while batch := fetch(number):
        yield from book.made(batch)
        number = min(MOST_PROMPTS, 2 * number, max(1, TEXT_AT_ONCE // max(1, batch.characters // batch.read)))
        del batch  # or two would be in memory while the next is read


def _in_order(book: Book, ids: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of prompts, in the order of their ids here."""
    found = book.own.execute(_THESE, {"prompts": sql_list(pk for (pk,) in ids)}) if ids else ()
    rows = {row[0]: row for row in found}
    return [rows[pk] for (pk,) in ids]


def count(own: Connection, scope: Scope) -> int:
    """How many prompts `read` looks at, whether they are wanted or not."""
    found = own.execute(scope.statement(_COUNT), scope.parameters).fetchone()
    return int(found[0]) if found else 0


def message_keys(book: Book) -> tuple[str, ...]:
    """What the messages of the project's prompts have besides `role` and `content`."""
    found = {row[0] for row in book.own.execute(_MESSAGE_KEYS, book.parameters)}
    return tuple(sorted(found - {"role", "content"}))


def _batches(cursor: ServerCursor[tuple[Any, ...]], number: int) -> Iterator[list[Prompt]]:
    while rows := cursor.fetchmany(number):
        yield [_prompt(row) for row in rows]


class _Shown:
    """The candidates that people were shown with some prompts, read when the first of them is asked for."""

    def __init__(self, ids: Sequence[int], read: Callable[[Sequence[int]], dict[int, Candidate]]) -> None:
        self._ids = ids
        self._read = read
        self._found: dict[int, Candidate] | None = None

    def get(self, pk: int) -> Candidate:
        """One of them."""
        if self._found is None:
            self._found = self._read(self._ids)
        return self._found[pk]

    @property
    def text(self) -> int:
        """How many characters have been read."""
        return sum(len(candidate.text) for candidate in self._found.values()) if self._found else 0


class _Candidates(Mapping[int, Candidate]):
    """Those of one prompt, for whoever goes through them. Asked for by its id, any of the batch is given."""

    __slots__ = ("_annotations", "_shown")

    def __init__(self, shown: _Shown, annotations: Sequence[Annotation]) -> None:
        self._shown = shown
        self._annotations = annotations

    def __getitem__(self, pk: int) -> Candidate:
        return self._shown.get(pk)

    def __iter__(self) -> Iterator[int]:
        return iter(dict.fromkeys(pk for annotation in self._annotations for pk in annotation.shown.values()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class _Batch:
    """Prompts with what belongs to them. `read` is how many were looked at, `text` how many characters that took."""

    prompts: Sequence[Prompt]
    annotations: Mapping[int, list[Annotation]]
    withdrawn: Mapping[int, int]
    shown: _Shown
    read: int
    text: int

    @property
    def characters(self) -> int:
        """How many characters have been read so far, near enough."""
        return self.text + self.shown.text


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
        self.annotations = scope.statement(_ANNOTATIONS.replace("{verdict}", verdict))
        self.name: Callable[[int], str] = cache(lambda user_id: pseudonym(scope.project_id, user_id, scope.release))
        self.people: dict[str, int] = {}
        self.withdrawn = {row[0] for row in own.execute(_WITHDRAWN, scope.parameters)}
        self.parameters: dict[str, Any] = scope.parameters | {"withdrawn": sorted(self.withdrawn)}
        self._statement = _CANDIDATES.format(provenance=_PROVENANCE if scope.provenance else _NO_PROVENANCE)
        self._groups = Groups(own, scope.project_id, scope.cutoff) if scope.grouped else None

    def _table(self, statement: str) -> dict[int, Any]:
        return dict(self.own.execute(statement, [self.scope.project_id]).fetchall())

    def _has_reviews(self) -> bool:
        """Whether anything in the project was reviewed by the cutoff: whoever reviews nothing waits for nothing."""
        found = self.own.execute(_ANY_REVIEW, self.scope.parameters | {"queues": sql_list(self.queues)}).fetchone()
        return bool(found and found[0])

    def grouped(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """The same prompts, with their groups where the scope asks for them."""
        return self._groups.of(prompts) if self._groups else prompts

    def examples(self, prompts: Sequence[Prompt]) -> Iterator[Example]:
        """One example for each prompt, in their order."""
        return self.made(self.batch(prompts, len(prompts), 0))

    def batch(self, prompts: Sequence[Prompt], read: int, text: int) -> _Batch:
        """Prompts with their annotations. Candidates are read when one is asked for: few demonstrations need any."""
        annotations: dict[int, list[Annotation]] = defaultdict(list)
        withdrawn: Counter[int] = Counter()
        parameters = self.parameters | {"prompts": sql_list(prompt.id for prompt in prompts)}
        rows = self.own.execute(self.annotations, parameters).fetchall() if prompts else []
        for row in rows:
            if row[5] in self.withdrawn:
                withdrawn[row[0]] += 1
            else:
                annotations[row[0]].append(self._annotation(row))
        shown = _Shown(sorted({pk for row in rows if row[5] not in self.withdrawn for pk in row[11]}), self._candidates)
        return _Batch(prompts, annotations, withdrawn, shown, read, text + sum(len(row[8]) for row in rows))

    def made(self, batch: _Batch) -> Iterator[Example]:
        """The examples of a batch, one for each prompt, in their order."""
        for prompt in batch.prompts:
            mine = tuple(batch.annotations.get(prompt.id, ()))
            yield Example(
                project=self.project,
                prompt=prompt,
                annotations=mine,
                candidates=_Candidates(batch.shown, mine),
                forms=self.newest,
                withdrawn=batch.withdrawn.get(prompt.id, 0),
                with_tools=self.with_tools,
            )

    def _annotation(self, row: tuple[Any, ...]) -> Annotation:
        _, pk, slot, task, queue, person, version, latest, answers, form, guide, order, leased, at, seconds, said = row
        name = self.name(person)
        self.people[name] = person
        return Annotation(
            pk, slot, task, self.queues[queue], name, version, latest, _read(answers), self.forms[form],
            self.guidelines[guide], dict(zip(KEYS[: len(order)], order, strict=True)), leased, at, seconds, said,
        )  # fmt: skip

    def _candidates(self, ids: Sequence[int]) -> dict[int, Candidate]:
        if not ids:
            return {}
        rows = self.own.execute(self._statement, {"candidates": sql_list(ids)}).fetchall()
        return {row[0]: Candidate(*row) for row in rows}


def _prompt(row: tuple[Any, ...]) -> Prompt:
    pk, external_id, messages, context, batch, language, tags, metadata, tools = row
    return Prompt(
        id=pk,
        messages=tuple(_read(messages)),
        external_id=external_id,
        context=tuple(_read(context)) if context != "[]" else (),
        batch=batch,
        language=language,
        tags=tags,
        metadata=metadata,
        tools=tools,
    )


def _read(text: str) -> Any:
    """JSON as PostgreSQL writes it, with nothing around it: `json.loads` takes twice as long to look for that."""
    return _DECODER.raw_decode(text)[0]
