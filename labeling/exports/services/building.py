"""Building a release: shard by shard, each stored whole before the next, so that another worker can go on.

Every try reads one moment's view of the database, as of the release's cutoff; so the second try of a worker that died
sees what the first one saw.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from labeling.exports import (
    benchmarks,
    division,
    examples,
    groups,
    manifests,
    plans,
    shards,
    splits,
    stored,
    tokens,
    totals,
)
from labeling.exports.cleaning import Tools
from labeling.exports.code import code
from labeling.exports.contamination import Benchmark
from labeling.exports.models import Release, ReleaseContributor, Shard
from labeling.exports.plans import Plan
from labeling.exports.policies import Split
from labeling.models import WorkState
from labeling.services import background, events, webhooks

# How often a worker says how far it is, and hears that it is to stop or that the release was called off.
WATCH_SECONDS = 1.0
# By how much the clocks of the machines that take answers may differ from the database's: nothing is read before the
# cutoff is so long past, or a slow clock would put an answer before it that was not there when it was read.
CLOCKS_APART = 2.0
_POLL_SECONDS = 0.1
# What it says while it waits for others for longer than a moment.
_PATIENT_SECONDS = 5.0
_WAITING = "It waits for work in the database that began before it was asked for, and may still bring answers."
_NAMESPACE = 7405  # of advisory locks; see labeling.services.locks


class Stopped(Exception):
    """The worker is to stop. What is stored so far stays, and the next one goes on from there."""


class _Watch:
    """Says now and then how far a release is. Raises background.Lost or Stopped where it must not go on."""

    def __init__(self, release: Release, should_stop: Callable[[], bool]) -> None:
        self._release = release
        self._should_stop = should_stop
        self._before = release.prompts_done
        self._next = 0.0

    def __call__(self, done: int = 0) -> None:
        """`done` prompts since the beginning of this try."""
        if time.monotonic() < self._next:
            return
        background.still_held(self._release, prompts_done=self._before + done)
        if self._should_stop():
            raise Stopped
        self._next = time.monotonic() + WATCH_SECONDS


def build(release: Release, *, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Makes all that is missing of a release that is ours, and ends it.

    Raises background.Lost where it was called off or is another worker's by now, Stopped, EmptyRelease, Invalid where
    the platform cannot make it any more, NoRoom, and OSError or a database error, after which it can be taken up again.
    """
    plan = plans.of(release)
    newest = Shard.objects.filter(release=release).order_by("-number").first()
    standing = _standing(newest, plan) if newest else None
    release.prompts_done = sum(Shard.objects.filter(release=release).values_list("prompts", flat=True))
    watch = _Watch(release, should_stop)
    with background.kept_alive(release), tempfile.TemporaryDirectory(prefix="annotate-release-") as folder:
        _settle(release, watch)
        with examples.snapshot() as own:
            making = making_of(own, plan, release, Path(folder))
            _keep_held_out(release, making.plan)
            if release.prompts_of is None:
                release.prompts_of = examples.count(own, making.book.scope)
            background.still_held(release, prompts_of=release.prompts_of, has_files=True)
            with closing(shards.made(making, standing=standing, tick=watch)) as found:
                for made in found:
                    _store(release, made)
        _finish(release, making.plan)


def making_of(own: groups.Connection, plan: Plan, release: Release, folder: Path) -> shards.Making:
    """What the shards of a release are made with. Raises Invalid where a tokenizer is missing."""
    plan = replace(plan, held_out=_held_out(own, plan, release))
    divided = plan.divided
    book = examples.Book(own, plan.scope(release, divided))
    tokenizer = plan.choices[0].policies.tokenizer
    count = tokens.chosen(settings.ANNOTATE_HOME / "models", tokenizer)
    return shards.Making(book, plan, divided, folder, Tools(count, _benchmark(release, plan)))


def _held_out(own: groups.Connection, plan: Plan, release: Release) -> Mapping[bytes, Split]:
    """What tags hold out: as the first try of the release found it, or as it is now.

    Tags are those of now in every other try. One that came meanwhile must not bring into another part what a shard has
    given out already.
    """
    if plan.shares != division.BY_TAG:
        return {}
    kept = splits.of_bytes(_kept(release, stored.HELD_OUT))
    if kept is not None:
        return kept
    return splits.held_out_by(examples.held_out(own, plan.project.pk, splits.HELD_OUT, release.last_prompt))


def _keep_held_out(release: Release, plan: Plan) -> None:
    """Has all later tries hold out the same. Raises EmptyRelease where tags hold out nothing."""
    if plan.shares != division.BY_TAG:
        return
    if not plan.held_out:
        raise manifests.EmptyRelease(
            "No prompt is tagged “validation” or “test”, so tags divide nothing. Tag those that are to be held out, or "
            "ask again for a release that is divided by shares or not at all."
        )
    kept = splits.to_bytes(plan.held_out)
    if _kept(release, stored.HELD_OUT) != kept:
        background.still_held(release, has_files=True)
        with _alone(release):
            stored.put_bytes(release, stored.HELD_OUT, kept)


def _benchmark(release: Release, plan: Plan) -> Benchmark | None:
    """What the rows are compared with, where it was asked for. Raises OSError where it is not there as it was."""
    return benchmarks.kept_with(release, plan.benchmark) if plan.benchmark else None


def _standing(shard: Shard, plan: Plan) -> shards.Standing:
    names = [choice.format.name for choice in plan.choices]
    # The hashes of the rows of each shard, where they are kept.
    seen = {
        name: b"".join(_kept(shard.release, shards.seen_path(name, number)) for number in range(shard.number + 1))
        for name in names
    }
    return shards.Standing(shard.number, shard.last, tuple(shard.leaders), totals.read(shard.totals), seen)


def _kept(release: Release, path: str) -> bytes:
    """What is kept with a release to go on from; nothing where it is not there."""
    if stored.size(release, path) is None:
        return b""
    with stored.opened(release, path) as file:
        return file.read()


def _settle(release: Release, watch: _Watch) -> None:
    """Waits until nothing can appear any more that carries a time before the cutoff.

    An answer gets its time when its transaction has a number already, and is committed later. So the transactions that
    have a number when the cutoff is past must have ended. A view of the database that is taken after that misses
    nothing.
    """
    if connection.in_atomic_block:
        raise AssertionError("a release waits for all transactions, so it cannot be built within one")
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s - EXTRACT(EPOCH FROM clock_timestamp() - %s)", [CLOCKS_APART, release.cutoff])
        row = cursor.fetchone()
    assert row
    end = time.monotonic() + float(row[0])
    while time.monotonic() < end:
        watch()
        time.sleep(_POLL_SECONDS)
    running = _running()
    began, told = time.monotonic(), False
    while running:
        watch()
        if not told and time.monotonic() - began > _PATIENT_SECONDS:
            background.still_held(release, reason=_WAITING)
            told = True
        time.sleep(_POLL_SECONDS)
        running &= _running()
    if told:
        background.still_held(release, reason="")


# Not the oldest number of pg_current_snapshot(): that would wait for every database of the server.
_RUNNING = """
SELECT held.transactionid::text FROM pg_locks held JOIN pg_stat_activity session USING (pid)
WHERE held.locktype = 'transactionid' AND held.mode = 'ExclusiveLock' AND held.granted
  AND session.datname = current_database()
UNION ALL SELECT transaction::text FROM pg_prepared_xacts WHERE database = current_database()
"""


def _running() -> set[str]:
    """The numbers of the transactions that are at work in this database."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING)
        return {row[0] for row in cursor.fetchall()}


@contextmanager
def _alone(release: Release) -> Iterator[None]:
    """A transaction under a lock of the release, for whoever stores files of it. Raises Lost.

    A worker that was silent for so long that another one goes on in its place must not write over the other's files.
    It finds out here that the release is not its own any more.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_NAMESPACE, release.pk])
        if not Release.objects.filter(pk=release.pk, state=WorkState.RUNNING, claim=release.claim).exists():
            raise background.Lost
        yield


def _store(release: Release, made: shards.Made) -> None:
    """Stores a shard's files and then says so, all or nothing."""
    with _alone(release):
        for file in made.files:
            stored.put(release, file.path, file.local)
        for path, local in made.index.items():
            stored.put(release, path, local)
        release.prompts_done += made.prompts
        Shard.objects.create(
            release=release,
            number=made.number,
            last=made.last,
            leaders=list(made.leaders),
            prompts=made.prompts,
            files=[file.as_dict for file in made.files],
            totals=made.totals.as_dict,
        )
        background.still_held(release, prompts_done=release.prompts_done, tries=0)
    release.tries = 0


def head_of(release: Release, by: Mapping[str, str]) -> manifests.Head:
    """What the manifest of a release begins with that some code builds."""
    return manifests.Head(release.number, release.title, release.created_at, release.cutoff, by)


def _finish(release: Release, plan: Plan) -> None:
    """Writes what goes beside the rows, the manifest last, and ends the release."""
    whole = list(Shard.objects.filter(release=release).order_by("number"))
    counted = totals.read(whole[-1].totals) if whole else totals.Totals()
    manifests.check_not_empty(plan, counted)
    files = [file for shard in whole for file in shard.files]
    manifest = manifests.make(plan, head_of(release, code()), counted, files)
    texts = manifests.companions(plan, manifest)
    manifest = manifests.with_texts(manifest, texts)
    for path, text in (texts | {manifests.PATH: manifests.encode(manifest)}).items():
        background.still_held(release)
        stored.put_text(release, path, text)
    _check_stored(release, manifest)
    with transaction.atomic():
        counts = manifest["counts"] | {
            "rows": sum(file["rows"] for file in manifest["files"]),
            "bytes": sum(file["bytes"] for file in manifest["files"]),
        }
        # What was counted may be more: prompts that a setting leaves out are looked at, too.
        done = {"prompts_done": release.prompts_done, "prompts_of": release.prompts_done}
        background.still_held(release, manifest=manifest, counts=counts, **done)
        ReleaseContributor.objects.bulk_create(
            [ReleaseContributor(release=release, user_id=pk, annotations=n) for pk, n in counted.people.items()],
            batch_size=1000,
        )
        if not background.end(release, WorkState.DONE):
            raise background.Lost
        events.record("release.built", release, by=release.by, project=release.project, number=release.number, **counts)
        announce(release, manifest)


def _check_stored(release: Release, manifest: dict[str, Any]) -> None:
    """Raises OSError where a file is not there as a whole.

    Takes away what no shard knows of, such as half a file, and the hashes of rows, which are for going on alone.
    """
    known = {file["path"] for file in manifest["files"]} | {manifests.PATH}
    for file in manifest["files"]:
        if stored.size(release, file["path"]) != file["bytes"]:
            raise OSError(f"{file['path']} was stored and is not there as it was")
    for path in stored.paths(release):
        if path not in known and path not in (stored.BENCHMARK, stored.HELD_OUT) and not path.endswith(".tsv"):
            stored.delete(release, path)


def announce(release: Release, manifest: dict[str, Any]) -> None:
    """Tells the webhooks of the project that a release is there to be fetched, within the transaction that ends it."""
    told = {"project": release.project.slug}
    told |= {name: manifest[name] for name in ("number", "title", "created_at", "counts")}
    webhooks.announce(
        release.project, "release.built", told | {"formats": [one["format"] for one in manifest["formats"]]}
    )
