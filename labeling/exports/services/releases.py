"""Releases: asked for, built by a worker, called off. None is ever changed or deleted.

The row is the work (labeling.services.background): a worker that dies leaves its whole shards behind, and the next one
goes on from them. One that fails or is called off keeps its number, and nothing of it stays in the storage.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from labeling.errors import Conflict, DomainError, Fault, Invalid
from labeling.exports import plans, stored
from labeling.exports.contamination import Benchmark
from labeling.exports.models import Release, Shard
from labeling.exports.selectors import dividing
from labeling.exports.services import building
from labeling.models import Project, Prompt, User, WorkState
from labeling.models.background import UNFINISHED
from labeling.services import background, events

# How many releases of a project may wait.
MOST_WAITING = 20
# After so long nobody stores a file any more of a release that was called off: they have found out, or are dead.
LEFT_ALONE = timedelta(minutes=10)
_AGAIN = "Ask for it again."
_DISK_FULL = "53100"

logger = logging.getLogger(__name__)


def ask(
    project: Project,
    *,
    formats: Any,
    filters: Any = None,
    splits: Any = None,
    files: Any = None,
    title: Any = "",
    benchmark: Benchmark | None = None,
    by: User,
) -> Release:
    """Asks for a release of what stands at this moment. A worker builds it.

    `formats` are names; `filters` the settings of an export; `splits` true for the usual parts, or their shares;
    `files` a name of `labeling.exports.files.KINDS`; rows that have words in common with `benchmark` are left out.
    Raises Invalid with a path for each mistake, or Conflict when many wait already.
    """
    plan = plans.parse(project, formats=formats, filters=filters, divided=splits, files=files)
    named = _title(title)
    runs = benchmark.as_bytes if benchmark else b""
    plan = replace(plan, benchmark=hashlib.sha256(runs).hexdigest() if runs else "")
    with transaction.atomic():
        # Imports add prompts under this lock, a batch at a time: none of an older number comes later.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        plan = replace(plan, warnings=tuple(dividing.warnings(project, plan.shares)))
        releases = Release.objects.filter(project=project)
        waiting = releases.filter(state__in=UNFINISHED).count()
        if waiting >= MOST_WAITING:
            raise Conflict(f"{waiting} releases wait to be built already. Ask for this one when some are done.")
        release = Release.objects.create(
            project=project,
            number=1 + (releases.aggregate(number=Max("number"))["number"] or 0),
            title=named,
            by=by,
            asked=plan.as_dict,
            cutoff=_now(),
            last_prompt=Prompt.objects.filter(project=project).aggregate(last=Max("pk"))["last"] or 0,
            in_background=True,
            has_files=bool(runs),
        )
        _give_out(project)
        if runs:
            # Whoever builds it, now or later, compares with the same.
            stored.put_bytes(release, stored.BENCHMARK, runs)
        asked = {name: release.asked[name] for name in ("formats", "splits", "files")}
        events.record("release.asked", release, by=by, project=project, number=release.number, **asked)
    return release


def _give_out(project: Project) -> None:
    """Has parts stay as they are up to the newest prompt of any divided release that is or may still be there.

    Call it with the project locked: a search that joins groups goes by it under the same lock.
    """
    standing = Release.objects.filter(project=project).exclude(state__in=(WorkState.CANCELLED, WorkState.FAILED))
    last = standing.exclude(asked__splits=None).aggregate(last=Max("last_prompt"))["last"]
    Project.objects.filter(pk=project.pk).update(released_through=last or 0)


def _title(given: Any) -> str:
    if not isinstance(given, str):
        raise Invalid("The title is not usable.", errors=[Fault("title", "Send a text.")])
    if len(given.strip()) > plans.MOST_TITLE or "\x00" in given:
        raise Invalid("The title is not usable.", errors=[Fault("title", f"At most {plans.MOST_TITLE} characters.")])
    return " ".join(given.split())


def _now() -> Any:
    """The moment by the database's clock, which all cutoffs and withdrawals of a project share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row
    return row[0]


def cancel(release: Release, *, by: User) -> None:
    """Calls a release off. It keeps its number and has no files. Raises Conflict when it has ended."""
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=release.project_id)
        state = Release.objects.select_for_update(no_key=True).get(pk=release.pk).state
        if not background.call_off(release, f"{by} called it off."):
            raise Conflict("This release has ended already.")
        _give_out(release.project)
        events.record("release.cancelled", release, by=by, project=release.project, number=release.number)
        transaction.on_commit(lambda: _clear(release, for_good=state == WorkState.WAITING))


def _clear(release: Release, *, for_good: bool = True) -> None:
    """Takes away what is stored of a release that ended without success.

    `for_good`: nobody is about to store anything more. Whoever still was does the same when they find out, or `_sweep`.
    """
    try:
        stored.clear(release)
    except Exception:
        # Storages of other machines have errors of their own. None may keep the workers from whatever comes next.
        logger.exception("what is stored of %s cannot be taken away now", release)
        return
    Shard.objects.filter(release=release).delete()
    if for_good:
        Release.objects.filter(pk=release.pk).update(has_files=False)


def is_waiting() -> bool:
    """Whether a worker is needed."""
    return background.is_waiting(Release)


def reclaim() -> None:
    """Puts back the releases of workers that died, and ends those that were lost too often."""
    for release in background.reclaim(Release, reason=f"Whoever built it is gone. {_AGAIN}"):
        events.record("release.failed", release, by=None, project=release.project, number=release.number)
        _clear(release, for_good=False)
    _sweep()


def work(*, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Builds the releases that wait, one after the other. Returns how many it took up."""
    taken = 0
    while not should_stop():
        release = background.take(Release)
        if release is None:
            break
        taken += 1
        _work_on(release, should_stop)
    return taken


def build_here(release: Release, *, told: Callable[[Release], None] = lambda release: None) -> Release:
    """Builds a release in this process, unless a worker was quicker; comes back when it has ended.

    A process that dies meanwhile leaves it to the workers. `told` is called now and then while a worker has it.
    """
    while release.state in UNFINISHED:
        claim = background.claimed()
        if Release.objects.filter(pk=release.pk, state=WorkState.WAITING).update(**claim):
            release.refresh_from_db()
            _work_on(release, lambda: False)
        else:
            told(release)
            time.sleep(building.WATCH_SECONDS)
        release.refresh_from_db()
    return release


def _work_on(release: Release, should_stop: Callable[[], bool]) -> None:
    try:
        building.build(release, should_stop=should_stop)
        return
    except background.Lost:
        # Called off, or another worker's by now. What this one stored after it was called off is for nobody.
        if Release.objects.filter(pk=release.pk, state__in=(WorkState.CANCELLED, WorkState.FAILED)).exists():
            _clear(release)
    except building.Stopped:
        background.put_back(release)
    except DomainError as error:
        _fail(release, error.detail)
    except (OperationalError, InterfaceError) as error:
        background.recover()
        full = _sqlstate(error) == _DISK_FULL
        what = "The disk of the database server is full." if full else "The database did not answer."
        if full or not background.lose(release, f"{what} {_AGAIN}"):
            _fail(release, f"{what} {_AGAIN}")
    except OSError as error:
        what = f"Its files could not be written ({error.strerror or error}). {_AGAIN}"
        if not background.lose(release, what):
            _fail(release, what)
    except Exception as error:
        logger.exception("%s broke off", release)
        _fail(release, f"It broke off ({type(error).__name__}). {_AGAIN}")


def _sqlstate(error: Error) -> str:
    return getattr(error.__cause__, "sqlstate", None) or getattr(error, "sqlstate", None) or ""


def _fail(release: Release, reason: str) -> None:
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=release.project_id)
        background.end(release, WorkState.FAILED, reason)
        _give_out(release.project)
        ended = Release.objects.filter(pk=release.pk, state=WorkState.FAILED).exists()
        if ended:
            events.record(
                "release.failed", release, by=None, project=release.project, number=release.number, reason=reason
            )
    if ended:
        _clear(release)


def _sweep() -> None:
    """Takes away what is left of releases that ended while somebody still stored a file of theirs, and died over it."""
    ended = Release.objects.filter(
        state__in=(WorkState.CANCELLED, WorkState.FAILED),
        has_files=True,
        finished_at__lt=timezone.now() - LEFT_ALONE,
    )
    for release in ended:
        _clear(release)
