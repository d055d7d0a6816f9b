"""One batch of a file's lines, into the database or into the report with a reason: the inside of an import.

A batch is made ready (keys, hashes, the text of its COPY) while the one before it is stored, by a thread that never
touches the database. Storing takes a few statements however many lines there are: what is new is copied straight into
the table, what is known is told by its hashes, and only what changed is looked at row by row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Max
from django.utils import timezone

from labeling.importing import PromptLine, Rejected
from labeling.importing.tools import as_text
from labeling.models import (
    Candidate,
    Draft,
    Project,
    Prompt,
    PromptImport,
    RejectedLine,
    Slot,
    SlotState,
    Task,
    TaskState,
)
from labeling.services import locks, queues, seats
from labeling.services.duplicates import normal_hash
from labeling.text import sha256, sql_list

BATCH = 5000  # lines
BATCH_CHARACTERS = 4_000_000
MAX_MESSAGE = 1000
REJECTED_KEPT = 100_000
# So many rejected lines keep their text, each as far as so many characters.
TEXTS_KEPT = 10_000
MAX_TEXT = 5000

_WORKED_ON = "Somebody has worked on this prompt, so its text stays. Give a new external_id."


@dataclass(frozen=True, slots=True)
class Row:
    """A line with all that can be worked out before the database is asked.

    `copied` are its columns as COPY reads them, all but the last; `candidates` are text, its hash and model, each once.
    """

    line: PromptLine
    key: str
    content_hash: str
    line_hash: str
    normal_hash: str
    copied: str
    candidates: tuple[tuple[str, str, str], ...]


class Refused(NamedTuple):
    """A line that is left out, in words that can be stored."""

    line: int
    message: str
    text: str = ""
    text_is_whole: bool = False


@dataclass(slots=True)
class Batch:
    """Some lines as they stand in a file, and how many of its bytes were read by then, where that is known."""

    items: list[Row | Refused] = field(default_factory=list)
    bytes_read: int | None = None

    def halves(self) -> Iterator[Batch]:
        """The same in two parts, for finding a line that breaks the whole."""
        middle = (len(self.items) + 1) // 2
        yield Batch(self.items[:middle])
        yield Batch(self.items[middle:], self.bytes_read)


@dataclass(slots=True)
class Tally:
    """What became of a batch: what it adds to the import's counts, and the lines that were left out."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    bad: list[Refused] = field(default_factory=list)


def prepared(
    lines: Iterable[PromptLine | Rejected],
    record: PromptImport,
    *,
    skip: int,
    read: Callable[[], int | None],
    stopped: Callable[[], bool],
) -> Iterator[Batch]:
    """The lines in batches of so many, fewer where they are long: what is in memory at once has an end.

    The first `skip` are left out. `read` says how many bytes of the file were read; once `stopped` says so, there are
    no more lines.
    """
    batch, weight, head = Batch(), 0, _head(record)
    for number, item in enumerate(lines):
        if stopped():
            return
        if number < skip:
            continue
        made: Row | Refused
        if isinstance(item, Rejected):
            made = refused(item.line, item.message, getattr(item, "text", ""))
            weight += len(made.message) + len(made.text)
        else:
            made = _row(item, head)
            weight += len(made.copied) + sum(len(text) for text, _, _ in made.candidates)
        batch.items.append(made)
        if len(batch.items) >= BATCH or weight >= BATCH_CHARACTERS:
            batch.bytes_read = read()
            yield batch
            batch, weight, head = Batch(), 0, _head(record)
    if batch.items:
        batch.bytes_read = read()
        yield batch


def refused(line: int, message: str, text: str = "") -> Refused:
    """A line that is left out. Its message may quote what cannot be stored: such characters are shown as escapes."""
    text = text.rstrip("\r\n")
    shown = _printable(text, MAX_TEXT)
    return Refused(line, _printable(message, MAX_MESSAGE), shown, bool(text) and shown == text)


def _printable(text: str, most: int) -> str:
    shown = text[: most + 1].encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


_COLUMNS = (
    "project_id, last_import_id, created_at, key, external_id, messages, context, batch, priority, tags, language, "
    "metadata, gold, tools, content_hash, line_hash, normal_hash, candidates_count, candidates_awaited"
)


def _head(record: PromptImport) -> str:
    """The columns that are the same for all rows of a batch."""
    return f"{record.project_id}\t{record.pk}\t{timezone.now().isoformat()}"


def _row(line: PromptLine, head: str) -> Row:
    messages, context, metadata, gold, _ = line.canonical
    normal = normal_hash(line.messages, line.context, line.tools)
    candidates = tuple(dict.fromkeys((c["text"], sha256(c["text"]), c["model"]) for c in line.candidates))
    copied = (
        f"{head}\t{_escaped(line.key)}\t{_escaped(line.external_id)}\t{_json(messages)}\t{_json(context)}"
        f"\t{_escaped(line.batch)}\t{line.priority}\t{_array(line.tags)}\t{line.language}\t{_json(metadata)}"
        f"\t{_json(gold)}\t{_json(as_text(line.tools))}\t{line.content_hash}\t{line.line_hash}\t{normal}\t{len(candidates)}"
    )
    return Row(line, line.key, line.content_hash, line.line_hash, normal, copied, candidates)


def _json(text: str) -> str:
    """JSON as COPY reads it. It holds no line feed and no tab as they are: JSON writes those as escapes."""
    return text.replace("\\", "\\\\")


def _escaped(text: str) -> str:
    """Text as COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(texts: Sequence[str]) -> str:
    """A list of texts as COPY reads it."""
    return _escaped(sql_list(map(_quoted, texts))) if texts else "{}"


def _quoted(text: str) -> str:
    """A text as it stands in a list."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def store(record: PromptImport, batch: Batch, meanwhile: Callable[[], None]) -> Tally:
    """Stores a batch. Call it in a transaction; what it returns holds when that is committed.

    `meanwhile` is called where from there on it is mostly waited for the database: the time for a thread of ours.
    """
    tally = Tally(bad=[item for item in batch.items if isinstance(item, Refused)])
    rows = _without_twins([item for item in batch.items if isinstance(item, Row)], tally)
    locks.share_queues(record.project_id)
    # Imports into one project take turns, batch by batch: what one finds missing no other adds meanwhile.
    project = Project.objects.select_for_update(no_key=True).get(pk=record.project_id)
    known = _known(project, rows)
    fresh = [row for key, row in rows.items() if key not in known]
    unchanged, changed = _compared(record, rows, known, tally)
    changed = _changeable(changed, tally)
    tally.duplicates = _count_duplicates(project, fresh, changed)
    ids = _insert(project, fresh)
    meanwhile()
    _see(record, unchanged)
    _update(project, changed)
    old_ids = [stood.id for stood, _ in changed]
    _add_candidates(ids, fresh, old_ids, [row for _, row in changed])
    if project.tools_since is None and any(row.line.tools for row in rows.values()):
        # By the clock that cutoffs of releases go by, under the lock that they are taken under.
        _rows("UPDATE labeling_project SET tools_since = clock_timestamp() WHERE id = %s", project.pk)
    if ids or changed:
        rewritten = sum(stood.content_hash != row.content_hash for stood, row in changed)
        # Planners look at this number to see that there is something to do.
        Project.objects.filter(pk=project.pk).update(prompts_added=F("prompts_added") + len(ids) + rewritten)
        queues.open_tasks(project, prompt_ids=ids + old_ids)
    tally.imported, tally.updated, tally.unchanged = len(ids), len(changed), tally.unchanged + len(unchanged)
    tally.bad.sort(key=lambda bad: bad.line)
    _keep(record, tally.bad)
    return tally


def _without_twins(rows: Sequence[Row], tally: Tally) -> dict[str, Row]:
    """The rows by their keys, the first of each."""
    found: dict[str, Row] = {}
    for row in rows:
        twin = found.setdefault(row.key, row)
        if twin is not row:
            _judge_twin(row, same=twin.line_hash == row.line_hash, tally=tally)
    return found


def _judge_twin(row: Row, *, same: bool, tally: Tally) -> None:
    """A key that stands twice in one file: harmless when the lines are alike, a mistake when they are not."""
    if same:
        tally.unchanged += 1
    else:
        name = row.line.external_id or row.key
        _refuse(row, f"“{name}” stands twice in this file, with other content.", tally)


def _refuse(row: Row, message: str, tally: Tally) -> None:
    tally.bad.append(refused(row.line.line, message, written(row.line)))


def written(line: PromptLine) -> str:
    """A line as it could be sent again."""
    names = (
        "messages", "external_id", "context", "tools", "batch", "priority", "tags", "language", "metadata",
        "candidates", "gold",
    )  # fmt: skip
    given: dict[str, Any] = {name: getattr(line, name) for name in names}
    return json.dumps({name: value for name, value in given.items() if value}, ensure_ascii=False)


class _Known(NamedTuple):
    id: int
    key: str
    last_import_id: int | None
    content_hash: str
    line_hash: str


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


# `LIMIT 1` keeps each look a probe of the index: as a join it would grow with the table, for which there are no
# statistics yet while it is being filled. `+ 0` keeps it off the indexes that begin with the project (see Prompt).
_KNOWN = """
SELECT p.id, p.key, p.last_import_id, p.content_hash, p.line_hash FROM unnest(%s::text[]) AS given(key)
CROSS JOIN LATERAL (SELECT * FROM labeling_prompt WHERE project_id + 0 = %s AND key = given.key LIMIT 1) p
"""


def _known(project: Project, rows: dict[str, Row]) -> dict[str, _Known]:
    """What stands under these keys already. Only imports write these columns, and they take turns."""
    return {stood.key: stood for stood in map(_Known._make, _rows(_KNOWN, sql_list(map(_quoted, rows)), project.pk))}


_Changed = list[tuple[_Known, Row]]


def _compared(
    record: PromptImport, rows: dict[str, Row], known: dict[str, _Known], tally: Tally
) -> tuple[list[int], _Changed]:
    """Which known prompts are just as their lines say, and which are not."""
    unchanged: list[int] = []
    changed: _Changed = []
    for key, stood in known.items():
        row = rows[key]
        same = stood.line_hash == row.line_hash
        if stood.last_import_id == record.pk:
            _judge_twin(row, same=same, tally=tally)
        elif same:
            unchanged.append(stood.id)
        else:
            changed.append((stood, row))
    return unchanged, changed


def _see(record: PromptImport, prompt_ids: list[int]) -> None:
    """Marks prompts that stay as they are, so that a twin in a later batch of this file is known for one."""
    if prompt_ids:
        statement = "UPDATE labeling_prompt SET last_import_id = %s WHERE id = ANY(%s::bigint[])"
        _rows(statement, record.pk, sql_list(prompt_ids))


# What is rewritten in the same batch says something else when it is through.
_DUPLICATES = """
SELECT given.n FROM unnest(%s::uuid[]) WITH ORDINALITY AS given(hash, n)
CROSS JOIN LATERAL (
    SELECT 1 FROM labeling_prompt
    WHERE project_id + 0 = %s AND normal_hash = given.hash AND id <> ALL(%s::bigint[]) LIMIT 1
) other
"""


def _count_duplicates(project: Project, fresh: Sequence[Row], changed: _Changed) -> int:
    """How many of these say what another prompt of the project says, or an earlier one of these."""
    rewritten = {stood.id: row for stood, row in changed if row.content_hash != stood.content_hash}
    hashes = [row.normal_hash for row in (*fresh, *rewritten.values())]
    if not hashes:
        return 0
    stand = {number for (number,) in _rows(_DUPLICATES, sql_list(hashes), project.pk, sql_list(rewritten))}
    seen: set[str] = set()
    found = 0
    for number, text in enumerate(hashes, start=1):
        found += number in stand or text in seen
        seen.add(text)
    return found


def _insert(project: Project, rows: Sequence[Row]) -> list[int]:
    """New prompts through COPY. Returns their ids, in the order of the rows."""
    if not rows:
        return []
    last = Prompt.objects.filter(project=project).aggregate(last=Max("pk"))["last"] or 0
    _copy(f"COPY labeling_prompt ({_COLUMNS}) FROM STDIN", [row.copied for row in rows], project)
    # Nobody else adds prompts to this project meanwhile, and numbers are given in the order of the rows.
    added = _rows("SELECT id FROM labeling_prompt WHERE project_id = %s AND id > %s ORDER BY id", project.pk, last)
    return [prompt_id for (prompt_id,) in added]


def _copy(statement: str, rows: Sequence[str], project: Project) -> None:
    """COPY of rows that are written but for their last column."""
    end = f"\t{project.candidates_expected}\n"
    # Django makes its own errors of those of `execute`, and leaves `copy` alone.
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(end.join(rows) + end)


def _changeable(changed: _Changed, tally: Tally) -> _Changed:
    """Locks what changed and makes way for other content: what was made for the old one goes.

    A prompt that somebody has worked on stays as it is, and its line is left out.
    """
    if not changed:
        return []
    _rows(
        "SELECT id FROM labeling_prompt WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE",
        sql_list(stood.id for stood, _ in changed),
    )
    # All at once, and before they are judged: somebody may be taking one at this moment.
    tasks = Task.objects.filter(prompt__in=[stood.id for stood, _ in changed])
    seats.hold(list(tasks.values_list("pk", flat=True)))
    rewritten = [stood.id for stood, row in changed if stood.content_hash != row.content_hash]
    worked_on = _worked_on(rewritten)
    kept = [pair for pair in changed if pair[0].id not in worked_on]
    for stood, row in changed:
        if stood.id in worked_on:
            _refuse(row, _WORKED_ON, tally)
    free = set(rewritten) - worked_on
    if free:
        Task.objects.filter(prompt__in=free).delete()
        Candidate.objects.filter(prompt__in=free).delete()
    return kept


def _worked_on(prompt_ids: list[int]) -> set[int]:
    """Which of these prompts somebody has taken or has a draft on."""
    if not prompt_ids:
        return set()
    taken = Slot.objects.filter(task__prompt__in=prompt_ids).exclude(state=SlotState.OPEN)
    found = set(taken.values_list("task__prompt", flat=True))
    drafts = Draft.objects.filter(slot__task__prompt__in=prompt_ids)
    return found | set(drafts.values_list("slot__task__prompt", flat=True))


# Those whose seats stand elsewhere in the order of offer by it, or are for other people.
_MOVED = """
SELECT p.id FROM labeling_prompt p JOIN changed_prompt c ON c.id = p.id
WHERE (p.priority, p.batch, p.language) IS DISTINCT FROM (c.priority, c.batch, c.language)
"""

_CHANGE = """
UPDATE labeling_prompt p SET
    messages = c.messages, context = c.context, batch = c.batch, priority = c.priority, tags = c.tags,
    language = c.language, metadata = c.metadata, gold = c.gold, tools = c.tools, content_hash = c.content_hash,
    line_hash = c.line_hash, normal_hash = c.normal_hash, last_import_id = c.last_import_id,
    candidates_count = CASE WHEN p.content_hash = c.content_hash THEN p.candidates_count ELSE 0 END,
    candidates_awaited =
        CASE WHEN p.content_hash = c.content_hash THEN p.candidates_awaited ELSE c.candidates_awaited END,
    rewritten_at = CASE WHEN p.content_hash = c.content_hash THEN p.rewritten_at ELSE clock_timestamp() END
FROM changed_prompt c WHERE p.id = c.id
"""


def _update(project: Project, changed: _Changed) -> None:
    if not changed:
        return
    _rows(
        f"CREATE TEMP TABLE IF NOT EXISTS changed_prompt ON COMMIT DROP AS SELECT id, {_COLUMNS} "  # noqa: S608
        "FROM labeling_prompt WITH NO DATA"
    )
    _rows("TRUNCATE changed_prompt")
    rows = [f"{stood.id}\t{row.copied}" for stood, row in changed]
    _copy(f"COPY changed_prompt (id, {_COLUMNS}) FROM STDIN", rows, project)
    # Without statistics a join may be taken for one with a handful of rows, or with millions.
    _rows("ANALYZE changed_prompt")
    moved = [prompt_id for (prompt_id,) in _rows(_MOVED)]
    _rows(_CHANGE)
    if moved:
        tasks = Task.objects.filter(prompt__in=moved).exclude(state=TaskState.RETIRED)
        seats.place_again(sorted(tasks.values_list("pk", flat=True)))


_ADD_CANDIDATES = """
WITH stored AS (
    INSERT INTO labeling_candidate (prompt_id, origin, text, text_hash, model, revision, backend, generator, sampling,
        finish_reason, provenance, created_at)
    SELECT prompt_id, 'imported', text, text_hash, model, '', '', '', '{}', '', '{}', now()
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
        AS given(prompt_id, text, text_hash, model, n)
    ORDER BY n
    ON CONFLICT DO NOTHING
    RETURNING prompt_id
), added AS (
    SELECT prompt_id, count(*) AS n FROM stored WHERE prompt_id = ANY(%s) GROUP BY prompt_id
)
UPDATE labeling_prompt p SET candidates_count = p.candidates_count + added.n FROM added WHERE p.id = added.prompt_id
"""


def _add_candidates(new_ids: list[int], new: Sequence[Row], old_ids: list[int], old: Sequence[Row]) -> None:
    """Candidates that came with their prompts, but for those that are there already. New prompts know their number."""
    pairs = [*zip(new_ids, new, strict=True), *zip(old_ids, old, strict=True)]
    found = [(prompt_id, *candidate) for prompt_id, row in pairs for candidate in row.candidates]
    if found:
        _rows(_ADD_CANDIDATES, *map(list, zip(*found, strict=True)), old_ids)


def _keep(record: PromptImport, bad: Sequence[Refused]) -> None:
    """Keeps the lines that were left out, as far as there is room."""
    room, texts = max(0, REJECTED_KEPT - record.rejected), max(0, TEXTS_KEPT - record.rejected)
    kept = [item if number < texts else Refused(item.line, item.message) for number, item in enumerate(bad[:room])]
    RejectedLine.objects.bulk_create(
        (RejectedLine(prompt_import=record, **item._asdict()) for item in kept), batch_size=1000
    )
