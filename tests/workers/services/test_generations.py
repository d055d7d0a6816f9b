"""Claiming, making and storing: every row is made exactly once."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from labeling.models import Candidate, Prompt
from labeling.services import prompts
from tests import make
from tests.workers.services.given import echo, make_once, result, run, scripted, states, worker
from workers.backends.base import Failure, Result
from workers.models import Generation
from workers.selectors import progress
from workers.services import generations, generators, planning, requests, results

pytestmark = pytest.mark.django_db


def test_it_works() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project, sampling={"max_new_tokens": 50, "temperature": 1.0, "seed": 3}, system="Be kind.")
    first, _ = make.imported(project, 2)
    assert run() == 4
    assert states() == {"done": 4}
    candidates = list(first.candidates.order_by("generation__sample"))
    assert len({candidate.text for candidate in candidates}) == 2
    one = candidates[0]
    assert (one.origin, one.backend, one.model, one.generator) == ("generated", "echo", "echo", "echo")
    assert one.sampling == generator.sampling
    assert one.seed is not None
    assert one.seed != candidates[1].seed
    assert one.finish_reason in ("stop", "length")
    assert one.prompt_tokens
    assert one.completion_tokens
    assert one.seconds is not None
    assert "versions" in one.provenance
    assert queue.tasks.count() == 2
    generator.refresh_from_db()
    assert generator.tokens_made == sum(candidate.completion_tokens or 0 for candidate in Candidate.objects.all())
    (seen,) = progress.of_project(project)
    assert (seen.done, seen.pending, seen.total) == (4, 0, 4)


def test_tasks_open_when_the_last_candidate_of_a_prompt_is_there() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project, candidates_per_prompt=3)
    make.imported(project, 1)
    planning.plan_all()
    seen = []

    def script(requests: Any, heartbeat: Any) -> Any:
        seen.append((Candidate.objects.count(), queue.tasks.count()))
        return [result(request) for request in requests]

    assert make_once(generator, scripted(generator, script, width=1)) == 3
    assert seen == [(0, 0), (1, 0), (2, 0)]
    assert len(queue.tasks.get().candidate_ids) == 3


def test_the_first_batch_is_one_prompts_worth_so_that_people_can_start() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project, candidates_per_prompt=3)
    make.imported(project, 4)
    planning.plan_all()
    sizes = []

    def script(requests: Any, heartbeat: Any) -> Any:
        sizes.append((len(requests), queue.tasks.count()))
        return [result(request) for request in requests]

    found = scripted(generator, script, width=6)
    generator.tokens_made = 0
    make_once(generator, found)
    assert sizes == [(3, 0), (6, 1), (3, 3)]


def test_the_same_row_gets_the_same_text_again() -> None:
    texts = []
    for _ in range(2):
        project = make.project()
        echo(project, sampling={"seed": 9})
        make.imported(project, 2)
        run()
        texts.append(sorted(Candidate.objects.filter(prompt__project=project).values_list("text", flat=True)))
    assert texts[0] == texts[1]


def test_a_row_that_cannot_be_made_fails_alone_with_its_reason() -> None:
    project = make.project()
    queue = make.queue(project, preset="ranking")
    generator = echo(project, candidates_per_prompt=3)
    make.imported(project, 2)
    planning.plan_all()

    def script(requests: Any, heartbeat: Any) -> Any:
        return [Failure(requests[0].id, "The prompt is too long."), *map(result, requests[1:])]

    make_once(generator, scripted(generator, script))
    assert states() == {"done": 5, "failed": 1}
    failed = Generation.objects.get(state="failed")
    assert failed.error == "The prompt is too long."
    assert [row.pk for row in progress.recent_failures(generator)] == [failed.pk]
    # The prompt with two candidates waits for no third.
    assert queue.tasks.count() == 2
    assert generators.retry_failed(generator, by=make.manager(project)) == 1
    assert states() == {"done": 5, "pending": 1}


def test_an_empty_response_is_a_failure() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1)
    make.imported(project, 2)
    planning.plan_all()
    empty, broken = Generation.objects.order_by("pk")

    def script(requests: Any, heartbeat: Any) -> Any:
        return [result(request, " \n" if request.id == str(empty.pk) else "a\x00b") for request in requests]

    make_once(generator, scripted(generator, script))
    assert states() == {"failed": 2}
    assert not Candidate.objects.exists()
    empty.refresh_from_db()
    assert empty.error.startswith("Dropped 3 times, at last for this: The response")
    broken.refresh_from_db()
    assert "holds a NUL character" in broken.error


def test_a_batch_that_raises_is_tried_in_smaller_ones_and_then_fails() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1)
    poisoned = make.imported(project, 8)[5]
    planning.plan_all()
    sizes = []

    def script(requests: Any, heartbeat: Any) -> Any:
        sizes.append(len(requests))
        if any("Question 5?" in str(r.messages) for r in requests):
            raise RuntimeError("boom")
        return [result(r) for r in requests]

    model = scripted(generator, script, width=8)
    while make_once(generator, model):
        pass
    assert states() == {"done": 7, "failed": 1}
    assert Generation.objects.get(state="failed").prompt == poisoned
    assert "boom" in Generation.objects.get(state="failed").error
    assert sizes[0] == 8
    assert 1 in sizes


def test_a_worker_that_is_told_to_stop_puts_its_rows_back() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 2)
    planning.plan_all()

    told = []

    def script(requests: Any, heartbeat: Any) -> Any:
        told.append("stop")
        heartbeat()

    with pytest.raises(generations.Stopped):
        make_once(generator, scripted(generator, script, should_stop=lambda: bool(told)))
    assert states() == {"pending": 4}
    assert set(Generation.objects.values_list("tries", flat=True)) == {0}


def test_rows_of_a_dead_worker_go_back_and_its_late_results_are_dropped() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 1)
    planning.plan_all()
    token = uuid.uuid4()
    rows = generations.claim(generator, token=token, worker="elsewhere:1:0.00", number=4)
    assert len(rows) == 2
    assert generations.reclaim() == 0
    Generation.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert generations.reclaim() == 2
    assert states() == {"pending": 2}
    assert generations.renew(token) == 0
    hashes = {row.pk: row.prompt.content_hash for row in rows}
    late: list[Result | Failure] = [Result(str(row.pk), "late", "stop", 1, 1, 0.1, 1, {}) for row in rows]
    assert results.store(generator, token, hashes, late, seconds=1) == 0
    assert run() == 2
    assert Candidate.objects.count() == 2
    assert not Candidate.objects.filter(text="late").exists()


def test_rows_of_a_process_that_is_gone_from_this_machine_go_back_at_once() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 1)
    planning.plan_all()
    own = generations.worker_name()
    host, pid, _ = own.rsplit(":", 2)
    elsewhere = f"another-{host}:{pid}:1.00"
    generations.claim(generator, token=uuid.uuid4(), worker=own, number=1)
    assert generations.reclaim() == 0
    generations.claim(generator, token=uuid.uuid4(), worker=elsewhere, number=1)
    assert generations.reclaim() == 0
    Generation.objects.filter(worker=elsewhere).update(worker=f"{host}:{pid}:1.00")  # an earlier one of this number
    assert generations.reclaim() == 1


def test_a_row_whose_workers_keep_dying_fails_in_the_end() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1)
    make.imported(project, 1)
    planning.plan_all()
    for _ in range(results.MAX_TRIES):
        generations.claim(generator, token=uuid.uuid4(), worker="elsewhere:1:0.00", number=1)
        Generation.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        generations.reclaim()
    assert states() == {"failed": 1}
    assert Prompt.objects.get().candidates_awaited == 0


def test_a_prompt_rewritten_while_it_was_answered_is_answered_anew() -> None:
    project = make.project()
    generator = echo(project, candidates_per_prompt=1)
    make.imported(project, 1)
    planning.plan_all()

    asked = []

    def script(requests: Any, heartbeat: Any) -> Any:
        asked.append(requests[0].messages)
        assert not Candidate.objects.exists()
        prompts.import_lines(
            project, make.lines(1, system="New instructions."), source="jsonl", by=make.manager(project)
        )
        return [result(request, f"An answer to version {len(asked)} of it.") for request in requests]

    make_once(generator, scripted(generator, script))
    assert len(asked) == 2
    assert asked[1][0] == {"role": "system", "content": "New instructions."}
    assert Candidate.objects.get().text == "An answer to version 2 of it."


def test_the_database_itself_refuses_a_second_row_for_a_sample() -> None:
    project = make.project()
    generator = echo(project)
    (prompt,) = make.imported(project, 1)
    planning.plan_all()
    with pytest.raises(IntegrityError), transaction.atomic():
        Generation.objects.create(prompt=prompt, generator=generator, sample=0)
    with pytest.raises(IntegrityError), transaction.atomic():
        Generation.objects.update(state="done")


def test_a_model_gets_the_documents_and_the_system_text_of_its_generator() -> None:
    project = make.project()
    generator = echo(project, system="Be kind.")
    (prompt,) = make.imported(project, 1, context=[{"title": "Rules", "text": "Seven days."}])
    assert requests.messages_for(prompt, system=generator.system) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Rules\nSeven days.\n\nQuestion 0?"},
    ]
    own = make.imported(project, 1, start=1, system="Be brief.")[-1]
    assert requests.messages_for(own, system=generator.system)[0] == {"role": "system", "content": "Be brief."}


def test_a_model_is_told_what_it_may_call() -> None:
    project = make.project()
    generator = echo(project)
    tools = [{"type": "function", "function": {"name": "now"}}]
    make.imported(project, 1, tools=tools)
    make.imported(project, 1, start=1)
    planning.plan_all()
    rows = Generation.objects.select_related("prompt").order_by("prompt", "sample")
    asked = [requests.request_for(row, generator) for row in rows]
    assert [list(request.tools) for request in asked[::2]] == [tools, []]


def test_a_worker_that_lost_the_database_takes_its_rows_up_again() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 2)
    planning.plan_all()
    left_behind = worker()
    assert len(generations.claim(generator, token=uuid.uuid4(), worker=left_behind.name, number=3)) == 3
    assert generations.reclaim() == 0  # it lives, and its claim holds
    assert generations.work(left_behind, seconds=60) == 4
    assert states() == {"done": 4}


def test_a_database_error_is_no_fault_of_the_rows() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 1)
    planning.plan_all()

    def script(requests: Any, heartbeat: Any) -> Any:
        raise OperationalError("the connection is closed")

    with pytest.raises(OperationalError):
        make_once(generator, scripted(generator, script))
    assert states() == {"running": 2}
    assert set(Generation.objects.values_list("error", flat=True)) == {""}


def test_rows_that_a_backend_forgets_are_tried_again() -> None:
    project = make.project()
    generator = echo(project)
    make.imported(project, 2)
    planning.plan_all()
    asked = []

    def script(requests: Any, heartbeat: Any) -> Any:
        asked.append(len(requests))
        return [result(request) for request in requests[1:]] if len(asked) == 1 else [result(r) for r in requests]

    found = scripted(generator, script)
    assert make_once(generator, found) == 4
    assert states() == {"done": 3, "pending": 1}
    assert make_once(generator, found) == 1
    assert states() == {"done": 4}
