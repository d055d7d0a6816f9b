"""Many people at work over HTTP, while programs are killed under them: is everything kept that was confirmed?

`python -m tests.hammer.run`; `make bench BENCH=hammer` is the long form. It ends with 1 where a promise was broken, and
says which.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from annotate.environment import ROOT
from tests.hammer.annotators import Journal, Orders
from tests.hammer.chaos import Chaos, faults
from tests.hammer.platform import PATIENCE, PROGRAMS, Platform, running


@dataclass
class Options:
    """How much of it."""

    people: int = 200
    processes: int = 8
    threads: int = 3
    workers: int = 3
    tasks: int = 3000
    lines: int = 200  # of a file that a worker reads
    step: int = 50  # how many lines or tasks are done at a time; 0: as many as usual
    seconds: float = 120
    pause: float = 0.5  # between two things that befall the platform
    seed: int = 0
    deadlocks: int = 0  # 1: PostgreSQL may break them, as long as nothing is lost


def annotate(platform: Platform, options: Options, people: list[dict[str, Any]], **orders: Any) -> list[Any]:
    """Starts the processes of annotators; each gets its share of the people."""
    started = []
    for n in range(options.processes):
        share = people[n :: options.processes]
        told = Orders(port=platform.port, people=share, threads=min(options.threads, len(share) or 1), **orders)
        told.seed = options.seed * 1000 + n
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hammer.annotators"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(told)) + "\n")
        process.stdin.flush()
        started.append(process)
    return started


def journals(processes: list[Any]) -> Journal:
    """Tells all to come to an end. What they have seen."""
    whole = Journal()
    for process in processes:
        process.stdin.close()
    for process in processes:
        told = process.stdout.read()
        process.wait()
        if process.returncode:
            raise SystemExit(f"a process of annotators ended with {process.returncode}")
        for name, value in json.loads(told).items():
            mine = getattr(whole, name)
            if isinstance(mine, list):
                mine += value
            else:
                mine.update(value)
    return whole


def fill(options: Options) -> tuple[str, str, list[int], list[dict[str, Any]]]:
    """A project with two queues and everybody in it. Returns its address, a manager's token, queues and people."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from labeling.models import User
    from labeling.services import people as accounts
    from labeling.services import queues
    from tests import make

    annotators = [User.objects.create_user(f"a{n}@example.org") for n in range(options.people)]
    project = make.project(annotators=annotators, slug="hammer")
    by = make.manager(project)
    make.imported(project, options.tasks)
    first, second = make.queue(project, overlap=3), make.queue(project, overlap=2, ordering="finish")
    rules = {"broken": {"then": "retire", "after": 2}, "language": {"then": "queue", "queue": second.pk, "after": 1}}
    queues.change(first, skip_rules=rules, by=by)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    people = []
    for user in annotators:
        session = store()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session.save()
        _, token = accounts.create_token(user, by=user)
        people.append({"id": user.pk, "token": token, "session": session.session_key})
    _, manager = accounts.create_token(by, by=by)
    return project.slug, manager, [first.pk, second.pk], people


def lost_answers(journal: Journal) -> list[str]:
    """What was confirmed and is not there as it was, and what is there that nobody has sent."""
    from labeling.models import Annotation, Event, Slot

    wrong = []
    rows = {row.pk: row for row in Annotation.objects.all()}
    texts = Counter(row.answers["response"]["text"] for row in rows.values())
    # Seats that had to go take with them what was taken back before; the Event keeps it.
    kept = json.dumps(list(Event.objects.filter(data__has_key="drafts").values_list("data", flat=True)))
    undone, maybe = set(journal.undone), set(journal.maybe_undone)
    for one in journal.confirmed:
        row = rows.get(one["annotation"])
        if row is None:
            if not (one["annotation"] in undone | maybe and one["text"] in kept):
                wrong.append(f"confirmed and not there: {one}")
            continue
        found = (row.version, row.slot_id, row.annotator_id, row.answers["response"]["text"])
        if found != (one["version"], one["slot"], one["person"], one["text"]):
            wrong.append(f"confirmed as {one} and there as {found}")
        if texts[one["text"]] != 1:
            wrong.append(f"there {texts[one['text']]} times: {one}")
        if one["annotation"] not in maybe and (row.undone_at is not None) != (one["annotation"] in undone):
            wrong.append(f"taken back: {one['annotation'] in undone}, and there as {row.undone_at}: {one}")
    wrong += [f"there and never sent: {text!r}" for text in texts if text not in journal.sent]
    slots = Slot.objects.in_bulk([belief["slot"] for belief in journal.beliefs])
    newest = {row.slot_id: row for row in sorted(rows.values(), key=lambda row: row.version) if row.undone_at is None}
    for belief in journal.beliefs:
        slot, row = slots.get(belief["slot"]), newest.get(belief["slot"])
        told = f"person {belief['person']}, task {belief['task']}, slot {belief['slot']}"
        if belief["state"] == "submitted" and (
            slot is None or slot.state != "submitted" or slot.annotator_id != belief["person"]
            or row is None or row.answers["response"]["text"] != belief["text"] or row.version != belief["version"]
        ):  # fmt: skip
            wrong.append(f"{told}: submitted {belief['text']!r}, version {belief['version']}; there is {row}, {slot}")
        if belief["state"] == "skipped" and (slot is None or slot.state != "skipped"):
            wrong.append(f"{told}: skipped, and is {slot}")
        if belief["state"] == "held" and (
            slot is None or str(slot.lease) != belief["lease"] or slot.annotator_id != belief["person"]
        ):
            wrong.append(f"{told}: held under {belief['lease']}, and is {slot} under {slot and slot.lease}")
    return wrong


def lost_drafts(journal: Journal) -> list[str]:
    """Drafts that were confirmed, of tasks that their writers have not finished, and that are nowhere."""
    from labeling.models import Draft, Event

    kept = json.dumps(list(Event.objects.filter(data__has_key="drafts").values_list("data", flat=True)))
    stored: dict[tuple[int, int], set[str]] = {}
    for draft in Draft.objects.select_related("slot"):
        key = (draft.annotator_id, draft.slot.task_id)
        stored.setdefault(key, set()).add(draft.answers["response"]["text"])
    return [
        f"the draft {one['draft']!r} of person {one['person']} on task {one['task']}, slot {one['slot']}, is nowhere"
        for one in journal.beliefs
        if one["draft"] and one["state"] in ("held", "released")
        and one["draft"] not in stored.get((one["person"], one["task"]), set())
        and one["draft"] not in kept
    ]  # fmt: skip


def wait_for_workers(*, seconds: float = PATIENCE) -> list[str]:
    """Waits until every file is read and every setting followed. What still is not, where that takes too long."""
    from django.db import connection

    from labeling.models import PromptImport, Queue
    from labeling.models.background import UNFINISHED

    connection.close()  # it may have been killed with others
    end = time.monotonic() + seconds
    while True:
        left = [
            *(f"{record} is {record.state}" for record in PromptImport.objects.filter(state__in=UNFINISHED)),
            *(
                f"queue {queue.pk} is opened from {queue.opening_from} and followed from {queue.following_from}"
                for queue in Queue.objects.exclude(opening_from=None, following_from=None)
            ),
        ]
        if not left or time.monotonic() > end:
            return [f"nothing befell the platform for {seconds:.0f} s, and {one}" for one in left]
        time.sleep(0.2)


def left_over(queues: list[int]) -> list[str]:
    """What is still held or could be done, when everybody has been told that there is nothing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT format('slot %%s of task %%s is still held by person %%s', id, task_id, annotator_id)
            FROM labeling_slot WHERE state = 'leased'
            UNION ALL
            SELECT format('slot %%s of task %%s in queue %%s is open (place %%s, reopened %%s, reserved for %%s), and '
                          '%%s people have not met the task, such as person %%s',
                          s.id, s.task_id, s.queue_id, s.place, s.reopened_xid, s.reserved_for_id, count(*),
                          min(m.user_id))
            FROM labeling_slot s JOIN labeling_queue q ON q.id = s.queue_id
            JOIN labeling_membership m ON m.project_id = q.project_id AND m.role = 'annotator'
            WHERE s.queue_id = ANY(%s) AND s.state = 'open'
              AND (s.reserved_for_id IS NULL OR s.reserved_for_id = m.user_id)
              AND NOT EXISTS (SELECT 1 FROM labeling_slot met
                              WHERE met.task_id = s.task_id AND met.annotator_id = m.user_id)
            GROUP BY s.id
            UNION ALL
            SELECT format('prompt %%s has no task in queue %%s', p.id, q.id)
            FROM labeling_queue q JOIN labeling_prompt p ON p.project_id = q.project_id
            WHERE q.id = ANY(%s)
              AND NOT EXISTS (SELECT 1 FROM labeling_task t WHERE t.queue_id = q.id AND t.prompt_id = p.id)
            """,
            [queues, queues],
        )
        return [row[0] for row in cursor.fetchall()]


def hammer(options: Options) -> list[str]:
    """Everything, on a platform of its own. Returns what is wrong."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    with running(workers=options.workers, threads=4, step=options.step) as platform:
        project, manager, queues, people = fill(options)
        platform.start("jobs")
        platform.start("beat")
        platform.web(static=True)
        say(f"{options.people} people in {options.processes} processes, seed {options.seed}")
        say(f"{options.tasks:,} tasks in each of 2 queues")
        chaos = Chaos(platform, manager=manager, project=project, queues=queues, lines=options.lines, seed=options.seed)
        processes = annotate(platform, options, people, queues=queues, seed=0)
        end = time.monotonic() + options.seconds
        while time.monotonic() < end or not chaos.enough():
            chaos.next()
            time.sleep(options.pause)  # a pace, and no wait for anything
        journal = journals(processes)
        say(f"confirmed: {told(journal.counts)}")
        say(f"what befell the platform: {told(chaos.deeds)}")
        say(f"of it while workers had something to do: {told(chaos.at_work)}")
        wrong = [*journal.wrong, *chaos.wrong, *wait_for_workers(), *after(journal), *chaos.files.lost()]
        say(f"files that workers read: {told(files_by_state(chaos))}")

        processes = annotate(platform, options, people, queues=queues, seed=0, finish=True)
        rest = journals(processes)
        say(f"the rest: {told(rest.counts)}")
        wrong += [*rest.wrong, *at_the_end(queues)]
        found = faults(platform)
        deadlocks = sum(number for fault, number in found.items() if "deadlock" in fault)
        wrong += [
            f"{number} times in the log: {fault}"
            for fault, number in found.items()
            if "deadlock" not in fault or not options.deadlocks
        ]
        if deadlocks:
            say(f"{deadlocks} deadlocks, each an answer with 500 that was sent again")
        say(f"{sum(journal.counts.values()) + sum(rest.counts.values()):,} calls, {len(wrong)} things wrong")
        if wrong:
            say(f"what the programs wrote lies in {_kept(platform)}")
    return wrong


def _kept(platform: Platform) -> Path:
    """Copies the logs to where they outlive the platform: what is wrong is explained by what stands before it."""
    folder = ROOT / "build" / "hammer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy(platform.log(name), folder)
    return folder


def files_by_state(chaos: Chaos) -> Counter[str]:
    """How many of the files that were sent for workers came to which end."""
    from labeling.models import PromptImport

    return Counter(PromptImport.objects.filter(pk__in=chaos.files.records).values_list("state", flat=True))


def after(journal: Journal) -> list[str]:
    """What is wrong when the hammer rests: something that was confirmed is lost, or a promise is broken."""
    from django.db import connection

    from labeling.management.commands.check_queues import broken

    connection.close()  # it may have been killed with others
    return [*lost_answers(journal), *lost_drafts(journal), *(f"meanwhile: {wrong}" for wrong in broken())]


def at_the_end(queues: list[int]) -> list[str]:
    """What is wrong when everybody has finished what they could."""
    from labeling.management.commands.check_queues import broken

    return [*left_over(queues), *(str(wrong) for wrong in broken())]


def told(counts: Counter[str]) -> str:
    """Counts in one line."""
    return ", ".join(f"{number:,} {what}" for what, number in sorted(counts.items()))


def options_from(argv: list[str] | None = None) -> Options:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    for one in fields(Options):
        parser.add_argument(f"--{one.name}", type=type(one.default), default=one.default)
    return Options(**vars(parser.parse_args(argv)))


def main() -> None:
    """Hammers as the command line asks for, and says what is wrong."""
    wrong = hammer(options_from())
    for one in wrong[:100]:
        print(one)
    if wrong:
        sys.exit(1)
    print("Everything that was confirmed is there, and every promise is kept.")


if __name__ == "__main__":
    main()
