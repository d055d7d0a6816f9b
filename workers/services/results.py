"""Storing what came out: outcomes become candidates, after the hygiene checks had their look."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from labeling.models import Candidate, Prompt
from labeling.services import locks, prompts
from labeling.text import unfit_text
from workers import hygiene
from workers.backends.base import Failure, Outcome, Result
from workers.hygiene.base import Response
from workers.models import Finding, Generation, GenerationState, Generator
from workers.services import planning
from workers.services.requests import messages_for, sampling_of

MAX_TRIES = 3


@dataclass
class _Batch:
    """What becomes of the rows of one call of `store`."""

    made: list[tuple[Generation, Candidate]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@transaction.atomic
def store(
    generator: Generator, token: uuid.UUID, hashes: Mapping[int, str], outcomes: Sequence[Outcome], *, seconds: float
) -> int:
    """Turns outcomes into candidates, for the rows that still carry the claim. Returns how many were stored.

    `hashes` says for each row which content it answered: a prompt that was rewritten meanwhile is answered anew. What
    was used counts whatever became of it.
    """
    locks.share_queues(generator.project_id)
    by_id = {int(outcome.id): _judged(outcome) for outcome in outcomes}
    found = Generation.objects.filter(pk__in=by_id)
    prompt_ids = sorted(set(found.values_list("prompt_id", flat=True)))
    locked = prompts.lock(prompt_ids)
    rows = found.select_for_update(no_key=True).filter(claim=token, state=GenerationState.RUNNING).order_by("pk")
    siblings = _siblings(prompt_ids)
    batch = _Batch()
    for row in rows:
        outcome, prompt = by_id[row.pk], locked[row.prompt_id]
        row.claim = row.claimed_until = None
        if prompt.content_hash != hashes[row.pk]:
            row.state, row.tries = GenerationState.PENDING, 0
        elif isinstance(outcome, Failure):
            _fail(row, outcome.error, spent=not outcome.retry or row.tries >= MAX_TRIES)
        elif _pass(generator, row, prompt, outcome, siblings[row.prompt_id], batch):
            continue
        row.save()
    remaining = planning.awaited(prompt_ids)
    for row, _ in batch.made:
        remaining[row.prompt_id] -= 1
    candidates = prompts.add_generated(generator.project, [candidate for _, candidate in batch.made], remaining)
    for (row, _), candidate in zip(batch.made, candidates, strict=True):
        row.state, row.error, row.candidate = GenerationState.DONE, "", candidate
        row.finished_at = timezone.now()
        row.save()
    Finding.objects.bulk_create(batch.findings)
    _count(generator, outcomes, seconds)
    return len(batch.made)


def _judged(outcome: Outcome) -> Outcome:
    """A completion that cannot be stored is a failure: the same seed would only make it again."""
    problem = unfit_text(outcome.text) if isinstance(outcome, Result) else None
    if isinstance(outcome, Result) and problem:
        return Failure(
            outcome.id,
            f"The response {problem}",
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            cost=outcome.cost,
        )
    return outcome


def _fail(row: Generation, error: str, *, spent: bool) -> None:
    row.state = GenerationState.FAILED if spent else GenerationState.PENDING
    row.error, row.finished_at = error[:5000], timezone.now() if spent else None


def _siblings(prompt_ids: list[int]) -> dict[int, list[str]]:
    """The texts of the candidates that prompts have, those that were put aside left out."""
    found: dict[int, list[str]] = {pk: [] for pk in prompt_ids}
    there = Candidate.objects.filter(prompt__in=prompt_ids, retired_at__isnull=True).order_by("pk")
    for prompt_id, text in there.values_list("prompt_id", "text"):
        found[prompt_id].append(text)
    return found


def _pass(
    generator: Generator, row: Generation, prompt: Prompt, result: Result, siblings: list[str], batch: _Batch
) -> bool:
    """Whether a response goes to people; what was found in it, and whether it is made anew, is noted on the way."""
    response = Response(
        text=result.text.strip(),
        finish_reason=result.finish_reason,
        messages=messages_for(prompt, system=generator.system),
        language=prompt.language,
        siblings=tuple(siblings),
        model=generator.model,
    )
    found = hygiene.examine(response, generator.hygiene)
    if not result.text.strip() and not any(one.action == "replace" for one in found):
        _fail(row, "The response is empty.", spent=True)  # nobody could judge it, whatever the settings say
        return False
    dropped = [one for one in found if one.action == "replace"]
    for one in dropped or found:
        batch.findings.append(
            Finding(
                generator=generator,
                generation=row,
                found_by=one.check,
                reason=one.reason[:1000],
                dropped=bool(dropped),
                attempt=row.attempt,
                seed=result.seed,
                text=result.text[:100_000] if dropped else "",
            )
        )
    if dropped:
        _drop(generator, row, result, dropped[0].reason)
        return False
    marks = [{"check": one.check, "reason": one.reason} for one in found]
    batch.made.append((row, candidate_of(generator, row, result, marks)))
    siblings.append(result.text.strip())
    return True


def _drop(generator: Generator, row: Generation, result: Result, reason: str) -> None:
    """Has a row made again under another seed, or lets it fail where it had its replacements.

    A round is as many attempts as are allowed; whoever tries a failed row again starts another round, with new seeds.
    """
    row.attempt += 1
    is_random = sampling_of(generator, row.sample).temperature > 0
    spent = not is_random or row.attempt % (generator.replacements + 1) == 0
    often = "once" if row.attempt == 1 else f"{row.attempt} times"
    row.tries = 0
    _fail(row, f"Dropped {often}, at last for this: {reason}" if spent else "", spent=spent)


def candidate_of(generator: Generator, row: Generation, result: Result, marks: list[dict[str, str]]) -> Candidate:
    """The candidate that a result becomes, with all that says how it came to be."""
    described = dict(result.provenance)
    for name in ("backend", "model", "revision", "sampling", "seed"):
        described.pop(name, None)
    extra: dict[str, Any] = {
        "options": generator.options,
        "system": generator.system,
        "hygiene": marks,
        "dropped_before": row.attempt,
        "cost": result.cost,
    }
    return Candidate(
        prompt_id=row.prompt_id,
        text=result.text.strip(),
        model=generator.model,
        revision=str(result.provenance.get("revision") or generator.revision)[:100],
        backend=generator.backend,
        generator=generator.name,
        sampling=sampling_of(generator, row.sample).as_json(),
        seed=result.seed,
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        finish_reason=result.finish_reason,
        seconds=result.seconds,
        provenance=described | {name: value for name, value in extra.items() if value},
    )


def _count(generator: Generator, outcomes: Sequence[Outcome], seconds: float) -> None:
    Generator.objects.filter(pk=generator.pk).update(
        tokens_made=F("tokens_made") + sum(one.completion_tokens for one in outcomes),
        tokens_read=F("tokens_read") + sum(one.prompt_tokens for one in outcomes),
        cost=F("cost") + sum((Decimal(str(one.cost)) for one in outcomes), Decimal(0)),
        busy_seconds=F("busy_seconds") + seconds,
    )
