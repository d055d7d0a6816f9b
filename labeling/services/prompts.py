"""Prompts and candidates: importing files, and taking in what generators made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from psycopg.types.json import Jsonb

from labeling.importing import PromptLine, Rejected
from labeling.models import (
    Candidate,
    CandidateOrigin,
    Draft,
    Project,
    Prompt,
    PromptImport,
    RejectedLine,
    Slot,
    SlotState,
    Task,
    User,
)
from labeling.services import events, locks, queues
from labeling.text import sha256

BATCH = 2000  # lines
BATCH_CHARACTERS = 8_000_000
MAX_MESSAGE = 1000
ERRORS_IN_ANSWER = 100
REJECTED_KEPT = 100_000


@dataclass
class ImportReport:
    """What became of a file. `errors` holds the first hundred; the record of the import holds the rest."""

    record: PromptImport
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[Rejected] = field(default_factory=list)


def import_lines(
    project: Project,
    lines: Iterable[PromptLine | Rejected],
    *,
    source: str,
    filename: str = "",
    by: User,
) -> ImportReport:
    """Stores the good lines and reports the bad ones, a batch and a transaction at a time.

    A line whose key is known already updates its prompt or changes nothing, so a file can be sent again, also
    after it broke off. What a prompt says is not changed any more once somebody has taken it.
    """
    filename = _printable(filename)[:255]
    record = PromptImport.objects.create(project=project, by=by, source=source, filename=filename)
    report = ImportReport(record)
    for batch in _batches(lines):
        with transaction.atomic():
            _import_batch(project, batch, report)
    with transaction.atomic():
        record.finished_at = timezone.now()
        _save_counts(report)
        events.record(
            "prompts.imported",
            record,
            by=by,
            project=project,
            source=source,
            imported=report.imported,
            updated=report.updated,
            unchanged=report.unchanged,
            rejected=report.rejected,
        )
    return report


def _save_counts(report: ImportReport) -> None:
    record = report.record
    record.imported, record.updated = report.imported, report.updated
    record.unchanged, record.rejected = report.unchanged, report.rejected
    record.save(update_fields=["imported", "updated", "unchanged", "rejected", "finished_at"])


def _reject(report: ImportReport, bad: Sequence[Rejected]) -> None:
    bad = [Rejected(item.line, _printable(item.message)) for item in sorted(bad, key=lambda item: item.line)]
    room = max(0, REJECTED_KEPT - report.rejected)
    RejectedLine.objects.bulk_create(
        RejectedLine(prompt_import=report.record, line=item.line, message=item.message) for item in bad[:room]
    )
    report.rejected += len(bad)
    report.errors += bad[: max(0, ERRORS_IN_ANSWER - len(report.errors))]


def _printable(message: str) -> str:
    """A message that can be stored, though it may quote what cannot: such characters are shown as escapes."""
    shown = message.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    return shown if len(shown) <= MAX_MESSAGE else shown[: MAX_MESSAGE - 1] + "…"


def _batches(lines: Iterable[PromptLine | Rejected]) -> Iterator[list[PromptLine | Rejected]]:
    """Batches of so many lines, fewer where they are long: what is in memory at once has an end."""
    batch: list[PromptLine | Rejected] = []
    weight = 0
    for line in lines:
        batch.append(line)
        weight += _weight(line)
        if len(batch) >= BATCH or weight >= BATCH_CHARACTERS:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(line: PromptLine | Rejected) -> int:
    if isinstance(line, Rejected):
        return len(line.message)
    texts = [message["content"] for message in line.messages]
    texts += [item["text"] for item in (*line.context, *line.candidates)]
    return sum(map(len, texts))


def _import_batch(project: Project, batch: Sequence[PromptLine | Rejected], report: ImportReport) -> None:
    bad = [item for item in batch if isinstance(item, Rejected)]
    lines: dict[str, PromptLine] = {}
    for item in batch:
        if isinstance(item, Rejected):
            continue
        twin = lines.setdefault(item.key, item)
        if twin is not item:
            _judge_twin(item, same=twin.line_hash == item.line_hash, bad=bad, report=report)
    locks.share_queues(project.pk)
    # Imports into one project take turns, batch by batch: what one finds missing no other adds meanwhile.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    project.refresh_from_db(fields=["candidates_expected"])
    known = {
        prompt.key: prompt
        for prompt in Prompt.objects.select_for_update(no_key=True)
        .filter(project=project, key__in=list(lines))
        .order_by("pk")
    }
    fresh = [line for key, line in lines.items() if key not in known]
    ids = _insert(project, fresh, report.record)
    report.imported += len(fresh)
    touched = list(ids.values())
    unchanged: list[int] = []
    for key, prompt in known.items():
        line = lines[key]
        if prompt.last_import_id == report.record.pk:
            _judge_twin(line, same=prompt.line_hash == line.line_hash, bad=bad, report=report)
            continue
        if prompt.line_hash == line.line_hash:
            report.unchanged += 1
            unchanged.append(prompt.pk)
            continue
        if prompt.content_hash != line.content_hash and not _rewrite(project, prompt):
            bad.append(
                Rejected(line.line, "Somebody has worked on this prompt, so its text stays. Give a new external_id.")
            )
            continue
        _update(prompt, line, report.record)
        touched.append(prompt.pk)
        report.updated += 1
    # So that a twin in a later batch of this file is known for one.
    Prompt.objects.filter(pk__in=unchanged).update(last_import=report.record)
    changed = set(touched)
    ids |= {key: prompt.pk for key, prompt in known.items() if prompt.pk in changed}
    _insert_candidates((ids[key], line) for key, line in lines.items() if key in ids)
    queues.open_tasks(project, prompt_ids=touched)
    _reject(report, bad)
    _save_counts(report)


def _judge_twin(line: PromptLine, *, same: bool, bad: list[Rejected], report: ImportReport) -> None:
    """A key that stands twice in one file: harmless when the lines are alike, a mistake when they are not."""
    if same:
        report.unchanged += 1
    else:
        bad.append(
            Rejected(line.line, f"“{line.external_id or line.key}” stands twice in this file, with other content.")
        )


_PROMPT_COLUMNS = (
    "project_id, key, external_id, messages, context, batch, priority, tags, language, metadata, gold, "
    "content_hash, line_hash, created_at, last_import_id, candidates_count, candidates_awaited"
)


def _insert(project: Project, lines: Sequence[PromptLine], record: PromptImport) -> dict[str, int]:
    """New prompts through COPY. Returns their ids by key."""
    if not lines:
        return {}
    now = timezone.now()
    with connection.cursor() as cursor, cursor.copy(f"COPY labeling_prompt ({_PROMPT_COLUMNS}) FROM STDIN") as copy:
        for line in lines:
            copy.write_row(
                (
                    project.pk,
                    line.key,
                    line.external_id,
                    Jsonb(line.messages),
                    Jsonb(line.context),
                    line.batch,
                    line.priority,
                    line.tags,
                    line.language,
                    Jsonb(line.metadata),
                    Jsonb(line.gold),
                    line.content_hash,
                    line.line_hash,
                    now,
                    record.pk,
                    0,
                    project.candidates_expected,
                )
            )
    Project.objects.filter(pk=project.pk).update(prompts_added=F("prompts_added") + len(lines))
    keys = [line.key for line in lines]
    return dict(Prompt.objects.filter(project=project, key__in=keys).values_list("key", "pk"))


def _rewrite(project: Project, prompt: Prompt) -> bool:
    """Makes way for other content: what was made for the old one goes. False when somebody has taken the prompt."""
    # Locked before they are judged: somebody may be taking one at this moment.
    slots = Slot.objects.select_for_update(of=("self",)).filter(task__prompt=prompt).order_by("pk")
    if any(slot.state != SlotState.OPEN for slot in slots) or Draft.objects.filter(slot__task__prompt=prompt).exists():
        return False
    Task.objects.filter(prompt=prompt).delete()
    prompt.candidates.all().delete()
    prompt.candidates_count = 0
    prompt.candidates_awaited = project.candidates_expected
    prompt.rewritten_at = timezone.now()
    # Planners look at this number to see that there is something to do.
    Project.objects.filter(pk=project.pk).update(prompts_added=F("prompts_added") + 1)
    return True


def _update(prompt: Prompt, line: PromptLine, record: PromptImport) -> None:
    for name in (
        "messages", "context", "batch", "priority", "tags", "language", "metadata", "gold", "content_hash", "line_hash"
    ):  # fmt: skip
        setattr(prompt, name, getattr(line, name))
    prompt.last_import = record
    prompt.save()
    Slot.objects.filter(task__prompt=prompt, state=SlotState.OPEN).exclude(priority=line.priority).update(
        priority=line.priority
    )


def _insert_candidates(found: Iterable[tuple[int, PromptLine]]) -> None:
    """Candidates that came with their prompts; one that is there already is left alone."""
    candidates = [
        Candidate(
            prompt_id=prompt_id,
            origin=CandidateOrigin.IMPORTED,
            text=candidate["text"],
            text_hash=sha256(candidate["text"]),
            model=candidate["model"],
        )
        for prompt_id, line in found
        for candidate in line.candidates
    ]
    if not candidates:
        return
    Candidate.objects.bulk_create(candidates, ignore_conflicts=True, batch_size=BATCH)
    _recount({candidate.prompt_id for candidate in candidates})


def _recount(prompt_ids: Iterable[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_prompt p SET candidates_count =
                (SELECT count(*) FROM labeling_candidate c WHERE c.prompt_id = p.id)
            WHERE p.id = ANY(%s)
            """,
            [sorted(prompt_ids)],
        )


def lock(prompt_ids: Iterable[int]) -> dict[int, Prompt]:
    """Prompts under row locks, always taken in the order of their ids so that two takers cannot block each other."""
    found = Prompt.objects.select_for_update(no_key=True).filter(pk__in=list(prompt_ids)).order_by("pk")
    return {prompt.pk: prompt for prompt in found}


def add_generated(project: Project, candidates: Sequence[Candidate], awaited: dict[int, int]) -> list[Candidate]:
    """Stores candidates that a generator made and opens the tasks that are ready with them.

    `awaited` says, for each prompt, how many candidates are still to come. Call it in the transaction that marks
    the work done, with the prompts under `lock` from before `awaited` was counted: else two workers that finish
    the last two candidates of a prompt each see the other's as still to come, and the prompt is never ready.
    """
    prompt_ids = sorted(awaited)
    for candidate in candidates:
        candidate.origin = CandidateOrigin.GENERATED
        candidate.text_hash = sha256(candidate.text)
    stored = Candidate.objects.bulk_create(candidates)
    set_awaited(awaited)
    _recount(prompt_ids)
    queues.open_tasks(project, prompt_ids=prompt_ids)
    return stored


def set_awaited(awaited: dict[int, int]) -> None:
    """How many candidates are still to come, for each prompt."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE labeling_prompt p SET candidates_awaited = given.n
            FROM unnest(%s::bigint[], %s::int[]) AS given(id, n)
            WHERE p.id = given.id AND p.candidates_awaited <> given.n
            """,
            [list(awaited), list(awaited.values())],
        )


def expect_candidates(project: Project, number: int) -> None:
    """How many candidates each prompt that is added from now on is going to get."""
    Project.objects.filter(pk=project.pk).update(candidates_expected=number)
