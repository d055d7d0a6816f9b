"""How fast the pages are with a million tasks behind them: `python -m tests.bench.bench_pages`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL of its own, which waits for its
disk, and fills it through SQL, three seats to a task, most of them submitted. Then it asks for each page as a manager
or an annotator, through Django and its templates but without a network. The floor beside a page is the same statements
sent bare. It also prints what the kept counts cost those who write. Ends with 1 where a page is over its budget.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta
from statistics import median, quantiles

from tests.bench.bench_export import throwaway

BUDGET = 300  # milliseconds of a page
PEOPLE = 40
SLOW = 20  # milliseconds: a statement that takes longer is shown with its plan

# What comes after the tasks: 60 prompts in no queue, and 60 that wait for candidates. In the main queue the first six
# tenths are done, the next has one answer on each task, and after it everybody has a task in hand. Ten more queues have
# a hundredth of the prompts each.
FILL = {
    "prompts": """
INSERT INTO labeling_prompt (project_id, key, external_id, messages, context, batch, priority, tags, language, metadata,
    gold, content_hash, line_hash, created_at, candidates_count, candidates_awaited)
SELECT %(project)s, 'id:p' || n, 'p' || n,
    jsonb_build_array(jsonb_build_object('role', 'user', 'content',
        'Question ' || n || '? ' || repeat('It has some length, as questions do. ', 1 + n %% 9))),
    '[]', 'batch-' || n * 20 / %(size)s, 0, '{}', 'en', '{"topic": "benchmarks"}', '{}',
    md5('c' || n) || md5('d' || n), md5('l' || n) || md5('m' || n), now(), CASE WHEN n <= %(size)s THEN 1 ELSE 0 END,
    CASE WHEN n > %(size)s + 60 THEN 4 ELSE 0 END
FROM generate_series(1, %(size)s + 120) n""",
    "candidates": """
INSERT INTO labeling_candidate (prompt_id, origin, text, text_hash, model, revision, backend, generator, sampling,
    finish_reason, provenance, created_at)
SELECT id, 'generated', 'Answer to ' || key || '. ' || repeat('It has some length, as answers do. ', 3),
    md5('a' || id) || md5('b' || id), 'model', 'r1', 'causal', 'local', '{}', 'stop', '{}', now()
FROM labeling_prompt WHERE candidates_count > 0""",
    "tasks": """
INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
SELECT q.id, p.id, '{}', 3, CASE WHEN q.slug = 'main' AND n <= %(size)s * 0.6 THEN 'done' ELSE 'open' END, now()
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM labeling_prompt) p
JOIN labeling_queue q ON n <= CASE q.slug WHEN 'main' THEN %(size)s ELSE %(size)s / 100 END
ORDER BY q.id, p.id""",
    "slots": """
INSERT INTO labeling_slot (queue_id, task_id, seat, priority, place, candidate_order, state, annotator_id, form_id,
    guidelines_id, lease, lease_expires_at, leased_at, finished_at, skip_reason, skip_comment)
SELECT queue_id, task_id, LEAST(seat, 3), 0, labeling_place('oldest', 0, task_id, LEAST(seat, 3), false), '{}',
    now_is, person, CASE WHEN now_is <> 'open' THEN form_id END,
    CASE WHEN now_is <> 'open' THEN %(guidelines)s END, CASE WHEN now_is <> 'open' THEN gen_random_uuid() END,
    CASE WHEN now_is <> 'open' THEN now() + interval '1 hour' END, CASE WHEN now_is <> 'open' THEN now() END,
    CASE WHEN now_is IN ('submitted', 'skipped') THEN now() - interval '60 days' * (1 - n / (%(size)s * 0.7)) END,
    CASE now_is WHEN 'skipped' THEN (ARRAY['unclear', 'expertise', 'language'])[1 + n %% 3] ELSE '' END, ''
FROM (
    SELECT t.id AS task_id, t.queue_id, t.state, q.slug = 'main' AS main, q.form_id,
           row_number() OVER (PARTITION BY t.queue_id ORDER BY t.id) AS n
    FROM labeling_task t JOIN labeling_queue q ON q.id = t.queue_id
) task
CROSS JOIN generate_series(1, 4) seat
CROSS JOIN LATERAL (SELECT CASE
    WHEN seat = 4 THEN 'skipped'
    WHEN state = 'done' OR main AND n <= %(size)s * 0.7 AND seat = 1 THEN 'submitted'
    WHEN main AND n <= %(size)s * 0.7 + %(people)s AND seat = 2 AND n > %(size)s * 0.7 THEN 'leased'
    ELSE 'open' END) what_is (now_is)
CROSS JOIN LATERAL (SELECT CASE WHEN now_is <> 'open' THEN %(first)s + (n + seat * 7) %% %(people)s END) who (person)
WHERE seat < 4 OR state = 'done' AND n %% 50 = 0
ORDER BY queue_id, task_id, seat""",
    "annotations": """
INSERT INTO labeling_annotation (slot_id, annotator_id, queue_id, version, answers, form_id, guidelines_id,
    active_seconds, created_at)
SELECT id, annotator_id, queue_id, 1, '{"response": {"text": "Somebody wrote this."}}', form_id, guidelines_id, 40,
    finished_at
FROM labeling_slot WHERE state = 'submitted' ORDER BY finished_at""",
    # Of the answers that came first, so that what waits lies behind them.
    "reviews": """
INSERT INTO labeling_review (annotation_id, queue_id, reviewer_id, verdict, reason, again, created_at)
SELECT id, queue_id, %(manager)s, CASE WHEN id %% 10 = 0 THEN 'rejected' ELSE 'accepted' END,
    CASE WHEN id %% 10 = 0 THEN 'It names no source.' ELSE '' END, false, now()
FROM labeling_annotation WHERE id <= (SELECT max(id) * 0.4 FROM labeling_annotation) ORDER BY id""",
    "verdicts": """
UPDATE labeling_annotation a SET verdict = r.verdict FROM labeling_review r WHERE r.annotation_id = a.id""",
    "events": """
INSERT INTO labeling_event (project_id, actor_id, verb, target_type, target_id, data, created_at)
SELECT %(project)s, annotator_id, verb, split_part(verb, '.', 1), id, '{}', finished_at
FROM labeling_slot, unnest(ARRAY['slot.taken', 'annotation.submitted']) verb WHERE state = 'submitted'
ORDER BY finished_at, id, verb DESC""",
    "generations": """
INSERT INTO workers_generation (prompt_id, generator_id, sample, state, tries, error, candidate_id, worker, created_at,
    finished_at)
SELECT prompt_id, %(generator)s, 0, 'done', 1, '', id, 'bench', now(), now() FROM labeling_candidate""",
}


def fill(size: int) -> None:
    """A project with a queue of so many tasks, ten smaller ones, and everything that 40 people have done there."""
    from django.db import connection

    from labeling.models import Project
    from labeling.services import projects
    from tests import make
    from workers.models import Generator, GeneratorState

    manager = make.person("manager")
    project = make.project(manager, slug="bench")
    people = [make.person(f"ann{number}") for number in range(PEOPLE)]
    for person in [*people, make.person("new")]:
        projects.add_member(project, email=person.email, role="annotator", by=manager)
    main = make.queue(project, slug="main", overlap=3, priority=10)
    for number in range(10):
        make.queue(project, slug=f"small-{number}", overlap=3, state="paused" if number == 9 else "open")
    generator = Generator.objects.create(
        project=project, name="local", backend="echo", model="echo", state=GeneratorState.PAUSED
    )
    given = {
        "size": size,
        "people": PEOPLE,
        "project": project.pk,
        "first": people[0].pk,
        "guidelines": project.guidelines_versions.get().pk,
        "generator": generator.pk,
        "main": main.pk,
        "manager": manager.pk,
    }
    for name, statement in FILL.items():
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
            print(f"{cursor.rowcount:12,} {name:14} {time.perf_counter() - began:6.1f} s", flush=True)
    Project.objects.filter(pk=project.pk).update(prompts_added=size + 120)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def addresses() -> list[tuple[str, str, str]]:
    """Every page and list that grows: whose account asks, what it is called here, and its address."""
    from django.db.models import Max
    from django.utils import timezone

    from labeling.models import Annotation, Event, Project, Prompt, Slot
    from workers.models import Generator

    project = Project.objects.get(slug="bench")
    main = project.queues.get(slug="main")
    at, api = f"/projects/{project.slug}/", f"/api/projects/{project.slug}/"
    last = Prompt.objects.aggregate(last=Max("pk"))["last"] or 0
    newest = Event.objects.aggregate(last=Max("pk"))["last"] or 0
    answer = Annotation.objects.aggregate(last=Max("pk"))["last"] or 0
    done = Slot.objects.filter(state="submitted").order_by("-pk")[:1].get()
    recent = (timezone.now() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    manager = [
        ("home", "/"),
        ("project", at),
        ("queues", f"{at}queues/"),
        ("queue", f"{at}queues/{main.pk}/"),
        ("queue, live", f"{at}queues/{main.pk}/live/"),
        ("queue, live, a task", f"{at}queues/{main.pk}/live/?task={done.task_id}"),
        ("queue, settings", f"{at}queues/{main.pk}/settings/"),
        ("queue, skips", f"{at}queues/{main.pk}/skips/"),
        ("queue, skips for a reason", f"{at}queues/{main.pk}/skips/?reason=unclear"),
        ("queue, skips for another reason", f"{at}queues/{main.pk}/skips/?reason=broken"),
        ("queue, review", f"{at}queues/{main.pk}/review/"),
        ("queue, what is rejected", f"{at}queues/{main.pk}/reviews/"),
        ("queue, what is accepted", f"{at}queues/{main.pk}/reviews/?verdict=accepted"),
        ("queue, one person accepted", f"{at}queues/{main.pk}/reviews/?verdict=accepted&annotator={done.annotator_id}"),
        ("batches", f"{at}batches/"),
        ("duplicates", f"{at}duplicates/"),
        ("prompts", f"{at}prompts/"),
        ("prompts, in the middle", f"{at}prompts/?after={last // 2}"),
        ("prompts, the last page", f"{at}prompts/?before={last + 1}"),
        ("prompts, a batch", f"{at}prompts/?batch=batch-17"),
        ("prompts, a small batch", f"{at}prompts/?batch=batch-20"),
        ("prompts, no such batch", f"{at}prompts/?batch=nothing"),
        ("prompts, an external id", f"{at}prompts/?external_id=p{last // 2}"),
        *((f"prompts, {stand}", f"{at}prompts/?state={stand}") for stand in ("waiting", "unused", "working", "done")),
        ("prompts, done, after all of them", f"{at}prompts/?state=done&after={last * 7 // 10}"),
        ("prompt", f"{at}prompts/{done.task.prompt_id}/"),
        ("imports", f"{at}imports/"),
        ("members", f"{at}members/"),
        ("log", f"{at}events/"),
        ("log, everything", f"{at}events/?about=all"),
        ("log, everything, far back", f"{at}events/?about=all&after={newest // 2}"),
        ("log, queues", f"{at}events/?about=queue"),
        ("log, annotations", f"{at}events/?about=annotation"),
        ("log, of a manager", f"{at}events/?about=all&who=manager@example.org"),
        ("log, of an annotator", f"{at}events/?about=all&who=ann7@example.org"),
        ("generators", f"{at}generators/"),
        ("generator", f"{at}generators/{Generator.objects.get().pk}/"),
        ("export", f"{at}export/"),
        ("api: projects", "/api/projects/"),
        ("api: project", api),
        ("api: queues", f"{api}queues/"),
        ("api: a queue, live", f"/api/queues/{main.pk}/live/"),
        ("api: skips for a reason", f"/api/queues/{main.pk}/skips/?reason=broken"),
        ("api: a queue, reviewed", f"/api/queues/{main.pk}/reviews/"),
        ("api: reviews", f"{api}reviews/"),
        ("api: reviews of the last hour", f"{api}reviews/?since={recent}"),
        ("api: annotations", f"{api}annotations/"),
        ("api: annotations, far on", f"{api}annotations/?cursor={answer * 2 // 3}"),
        ("api: annotations, of the last hour", f"{api}annotations/?since={recent}"),
        ("api: annotations, a queue's", f"{api}annotations/?queue=small-1"),
    ]
    busy = [
        ("home", "/"),
        ("label", f"/label/{main.pk}/"),
        ("history", f"/label/{main.pk}/done/"),
        ("history, far back", f"/label/{main.pk}/done/?after={answer // 2}"),
        ("history, of a queue without any", f"/label/{project.queues.get(slug='small-3').pk}/done/"),
        ("end of a queue", f"/label/{project.queues.get(slug='small-9').pk}/"),
    ]
    return [
        *(("manager", *one) for one in manager),
        *(("ann7", *one) for one in busy),
        *(("new", *one) for one in busy[:2]),
    ]


def measure(who: str, title: str, address: str, times: int) -> tuple[bool, list[tuple[float, str]]]:
    """Asks for a page and prints how long it took. Returns whether it is over its budget, and its slow statements."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from labeling.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(email=f"{who}@example.org"))

    def ask() -> float:
        began = time.perf_counter()
        answer = client.get(address)
        took = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code}")
        return took

    first = ask()
    with CaptureQueriesContext(connection) as captured:
        ask()
    asked = [query["sql"] for query in captured]
    # A page that takes ten seconds is asked for a few times less.
    took = [ask() for _ in range(max(3, min(times, int(10_000 / first))))]
    read = [statement for statement in asked if statement.lstrip("( \n").startswith("SELECT")]
    bare: list[float] = []
    slow = []
    with connection.cursor() as cursor:
        for statement in read:
            times_taken = []
            for _ in range(3):
                began = time.perf_counter()
                cursor.execute(statement)
                cursor.fetchall()
                times_taken.append((time.perf_counter() - began) * 1000)
            bare.append(median(times_taken))
            if bare[-1] > SLOW:
                slow.append((bare[-1], statement))
    cuts = quantiles(took, n=20)
    over = cuts[18] > BUDGET
    print(
        f"{who:8} {title:36} p50 {median(took):7.1f} ms  p95 {cuts[18]:7.1f} ms   floor {sum(bare):7.1f} ms"
        f"  {len(asked):3} statements{'   OVER' if over else ''}",
        flush=True,
    )
    return over, slow


def explain(took: float, statement: str) -> None:
    """A slow statement with what PostgreSQL does for it."""
    from django.db import connection

    print(f"\n-- {took:.0f} ms\n{statement}")
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {statement}")
        for (line,) in cursor.fetchall():
            print(f"   {line}")


LEASE = """UPDATE labeling_slot SET state = 'leased', annotator_id = %(who)s, lease = gen_random_uuid(),
    lease_expires_at = now() WHERE id = %(slot)s"""
RENEW = "UPDATE labeling_slot SET lease_expires_at = now() WHERE id = %(slot)s"
SUBMIT = "UPDATE labeling_slot SET state = 'submitted', finished_at = now() WHERE id = %(slot)s"
RELEASE = """UPDATE labeling_slot SET state = 'open', annotator_id = NULL, lease = NULL, lease_expires_at = NULL,
    finished_at = NULL WHERE id = %(slot)s"""
SEATS = """
INSERT INTO labeling_slot (queue_id, task_id, seat, priority, candidate_order, state, skip_reason, skip_comment)
SELECT queue_id, id, 100, 0, '{1,2,3,4}', 'open', '', '' FROM labeling_task WHERE queue_id = %(queue)s
ORDER BY id LIMIT 100000"""


def measure_writes(number: int) -> None:
    """What the triggers add to an update of one slot, and to an insert of 100,000 (fewer where there are fewer tasks).
    It is time on the processor, which other programs on the machine do not change much.
    """
    import psutil
    from django.db import connection, transaction

    from labeling.models import Queue, Slot
    from tests import make

    queue = Queue.objects.get(slug="main")
    who = make.person("writer").pk
    slots = list(Slot.objects.filter(queue=queue, state="open", seat=3).order_by("pk").values_list("pk", flat=True))
    took: dict[tuple[str, str], list[float]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0])

        def measured(name: str, kept: str, times: int, statements: list[tuple[str, int]]) -> None:
            before = server.cpu_times()
            for statement, slot in statements:
                cursor.execute(statement, {"slot": slot, "who": who, "queue": queue.pk})
            after = server.cpu_times()
            spent = after.user + after.system - before.user - before.system
            took.setdefault((name, kept), []).append(spent / times * 1_000_000)

        for _ in range(5):
            for kept, word in (("without", "DISABLE"), ("with", "ENABLE")):
                cursor.execute(f"ALTER TABLE labeling_slot {word} TRIGGER USER")
                rounds = [(step, slot) for slot in slots[:number] for step in (LEASE, SUBMIT, RELEASE)]
                measured("one slot changes its state", kept, len(rounds), rounds)
                cursor.execute(LEASE, {"slot": slots[0], "who": who})
                measured("one lease is renewed", kept, number, [(RENEW, slots[0])] * number)
                cursor.execute(RELEASE, {"slot": slots[0], "who": who})
                with transaction.atomic():
                    measured("slots in bulk", kept, 1, [(SEATS, 0), ("SET CONSTRAINTS ALL IMMEDIATE", 0)])
                    transaction.set_rollback(True)
                cursor.execute("VACUUM labeling_slot")
    for name in ("one slot changes its state", "one lease is renewed", "slots in bulk"):
        without, counted = (median(took[name, kept]) for kept in ("without", "with"))
        print(
            f"{name:27} without counts {without:11,.0f} µs   with counts {counted:11,.0f} µs"
            f"   {counted - without:+9,.0f} µs  {100 * (counted / without - 1):+5.1f} %"
        )


def run(size: int, times: int, only: str) -> int:
    """Everything that needs Django. Returns how many pages are over their budget."""
    from django.conf import settings
    from django.test import override_settings

    slow: list[tuple[float, str]] = []
    number = over = 0
    plain = {**settings.STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STORAGES=plain):
        for who, title, address in addresses():
            if only in title:
                is_over, statements = measure(who, title, address, times)
                slow += statements
                number, over = number + 1, over + is_over
    for took, statement in sorted(set(slow), reverse=True):
        explain(took, statement)
    if not only:
        measure_writes(min(2000, size // 20))
    print(f"\n{over} of {number} pages take more than {BUDGET} ms")
    return over


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="tasks of the largest queue")
    parser.add_argument("--times", type=int, default=30, help="how often each page is asked for")
    parser.add_argument("--only", default="", help="only the pages with this in their name")
    given = parser.parse_args()
    with throwaway():
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        fill(given.size)
        over = run(given.size, given.times, given.only)
    sys.exit(bool(over))


if __name__ == "__main__":
    main()
