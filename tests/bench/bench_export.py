"""How fast exports are, beside PostgreSQL's own COPY of the same columns: `python -m tests.bench.bench_export`.

A script and not a test: what it prints depends on the machine. It starts a PostgreSQL of its own and fills it through
SQL with prompts of 4 candidates, 1 written answer and 2 rankings each.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from annotate import garbage
from annotate.servers import Server, create_database, postgres
from annotate.supervisor import start_process

FILL = """
DELETE FROM labeling_slot;
DELETE FROM labeling_task;
CREATE TEMP TABLE made AS SELECT p.id AS prompt, row_number() OVER (ORDER BY p.id) AS n FROM labeling_prompt p;

INSERT INTO labeling_candidate (prompt_id, origin, text, text_hash, model, revision, backend, generator, sampling, seed,
    prompt_tokens, completion_tokens, finish_reason, seconds, provenance, created_at)
SELECT prompt, 'generated', 'Answer ' || c || ' to ' || n || '. ' || repeat('It has some length, as answers do. ', 12),
    md5(prompt || ' ' || c), 'model-' || c, 'r1', 'causal', 'local', '{"temperature": 0.7, "top_p": 0.95}', c, 40, 120,
    'stop', 1.5, '{"torch": "2.13.0", "transformers": "5.23.0"}', now()
FROM made, generate_series(1, 4) c;

INSERT INTO labeling_task (queue_id, prompt_id, candidate_ids, overlap, state, created_at)
SELECT q.id, prompt, CASE WHEN q.slug = 'rank'
    THEN ARRAY(SELECT id FROM labeling_candidate c WHERE c.prompt_id = prompt) ELSE '{}' END, q.overlap, 'done', now()
FROM made, labeling_queue q;

INSERT INTO labeling_slot (queue_id, task_id, seat, priority, candidate_order, state, annotator_id, form_id,
    guidelines_id, lease, lease_expires_at, leased_at, finished_at, skip_reason, skip_comment)
SELECT t.queue_id, t.id, seat, 0, (SELECT COALESCE(array_agg(c ORDER BY random()), '{}') FROM unnest(t.candidate_ids) c
    WHERE seat > 0), 'submitted', (SELECT id FROM labeling_user ORDER BY id OFFSET seat LIMIT 1), q.form_id,
    (SELECT id FROM labeling_guidelinesversion LIMIT 1), gen_random_uuid(), now(), now(), now(), '', ''
FROM labeling_task t JOIN labeling_queue q ON q.id = t.queue_id, generate_series(1, t.overlap) seat;

INSERT INTO labeling_annotation (slot_id, annotator_id, queue_id, version, answers, form_id, guidelines_id,
    active_seconds, created_at)
SELECT s.id, s.annotator_id, s.queue_id, 1, CASE WHEN s.candidate_order = '{}'
    THEN jsonb_build_object('response', jsonb_build_object('text', repeat('Somebody wrote this sentence. ', 15)))
    ELSE '{"ranking": {"groups": [["a"], ["b", "c"], ["d"]], "acceptable": 2}}' END,
    s.form_id, s.guidelines_id, 42.5, now()
FROM labeling_slot s;
"""

# The columns that raw has, straight to the wire: what PostgreSQL itself takes for them.
COPY = """
COPY (
    SELECT a.id, a.answers, a.created_at, s.candidate_order, p.messages, p.metadata,
           (SELECT jsonb_agg(to_jsonb(c)) FROM labeling_candidate c WHERE c.id = ANY(s.candidate_order))
    FROM labeling_annotation a JOIN labeling_slot s ON s.id = a.slot_id JOIN labeling_task t ON t.id = s.task_id
    JOIN labeling_prompt p ON p.id = t.prompt_id ORDER BY p.id
) TO STDOUT
"""


EXPORTS: list[tuple[str, dict[str, str]]] = [
    ("raw", {}),
    ("sft", {}),
    ("sft", {"responses": "best"}),
    ("preference", {}),
    ("preference", {"pairs": "all"}),
    ("kto", {}),
]


@contextmanager
def throwaway() -> Iterator[None]:
    """A PostgreSQL for this run, which waits for its disk as one in earnest does, named to Django."""
    home = Path(tempfile.mkdtemp(prefix="annotate-bench-"))
    home.chmod(0o711)
    server: Server = postgres(home)
    with server.log.open("ab") as log:
        running = start_process(
            server.command, env={"LC_ALL": "C"}, folder=server.folder, death=server.stop, account=server.account,
            output=log,
        )  # fmt: skip
    try:
        while not server.answers():
            time.sleep(0.05)
        create_database(server.url)
        os.environ |= {
            "ANNOTATE_HOME": str(home),
            "DATABASE_URL": server.url,
            "BROKER_URL": "redis://localhost:1/0",
            "SECRET_KEY": "only for a benchmark: nothing outside this run is signed with it",
            "DEBUG": "0",
            "PLAIN_HTTP": "1",
            "ALLOWED_HOSTS": "localhost",
            "DJANGO_SETTINGS_MODULE": "annotate.settings",
        }
        yield
    finally:
        running.send_signal(server.stop)
        running.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


def fill(number: int) -> None:
    """So many prompts, and three annotations for each."""
    from django.core.management import call_command
    from django.db import connection

    from tests import make

    call_command("migrate", verbosity=0)
    project = make.project(annotators=[make.person() for _ in range(3)], slug="bench")
    for start in range(0, number, 10_000):
        make.imported(project, min(10_000, number - start), start=start, metadata={"topic": "benchmarks"})
    with connection.cursor() as cursor:
        make.queue(project, slug="write")
        make.queue(project, slug="rank", form=[{"name": "ranking", "type": "rank", "acceptable": True}], overlap=2)
        cursor.execute(FILL)
        cursor.execute("VACUUM ANALYZE")


def measure_export(name: str, **given: str) -> None:
    """One export to nowhere."""
    from labeling.exports import choices, stream
    from labeling.models import Project

    choice = choices.parse(Project.objects.get(slug="bench"), {"format": name, **given})
    process = psutil.Process()
    before = peak = process.memory_info().rss
    began = time.perf_counter()
    with closing(stream.Export(choice, watch=False)) as export:
        next(export)
        first = time.perf_counter() - began
        for number, _ in enumerate(export):
            if number % 20 == 0:
                peak = max(peak, process.memory_info().rss)
    took = time.perf_counter() - began
    report, title = export.report, " ".join([name, *given.values()])
    print(
        f"{title:24} {report.rows / took:10,.0f} rows/s  {report.bytes / took / 1e6:7.1f} MB/s"
        f"  first chunk {first * 1000:6.0f} ms  +{(peak - before) / 1e6:3.0f} MB  ({report.rows:,} rows)",
        flush=True,
    )


def measure_copy() -> None:
    """COPY of what `raw` holds, to nowhere."""
    from django.db import connection

    began, size, rows = time.perf_counter(), 0, 0
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for data in copy:
            size += len(data)
            rows += 1
    took = time.perf_counter() - began
    print(f"{'COPY of the same':24} {rows / took:10,.0f} rows/s  {size / took / 1e6:7.1f} MB/s  ({rows:,} rows)")


def main() -> None:
    """Fills, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--annotations", type=int, default=150_000)
    parser.add_argument("--only", nargs="+", default=[], help="formats, such as raw and sft")
    options = parser.parse_args()
    number = options.annotations // 3
    with throwaway():
        import django

        django.setup()
        fill(number)
        garbage.settle()  # as the site does
        measure_copy()
        for name, given in EXPORTS:
            if not options.only or name in options.only:
                measure_export(name, **given)
        measure_copy()


if __name__ == "__main__":
    main()
