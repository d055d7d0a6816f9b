"""Numbers that are kept, so that a page with a million tasks behind it counts none of them.

PostgreSQL itself keeps them: triggers on the tables that are counted (migration 0004) add what each statement changed,
in its transaction and whatever wrote it. Nothing else writes here, and `manage.py check_counts` compares them with what
is there. Read them through `labeling.selectors.counts`.

One number stands in several rows, its shards, and is their sum. A transaction adds to the first shard that no other one
is adding to at the moment, so nobody waits for somebody else's count, and no deadlock can come from counting. There are
as many shards as transactions once wrote at the same time.

The rows refer to queues and projects without a constraint: while those are deleted with all that is in them, the counts
go on changing to the end. A trigger at the commit takes them away.
"""

from __future__ import annotations

from django.db import models


class QueueCount(models.Model):
    """A part of one number of a queue: `slot.open`, `task.done`, `skip.unclear`, `annotation.3` (a form's) …"""

    pk = models.CompositePrimaryKey("queue_id", "what", "shard")
    queue = models.ForeignKey(
        "labeling.Queue", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    what = models.CharField(max_length=30)
    shard = models.SmallIntegerField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "labeling_count"

    def __str__(self) -> str:
        return f"{self.n} {self.what} of queue {self.queue_id}"


class ProjectCount(models.Model):
    """A part of one number of a project: `prompt`, `prompt.waiting` or `candidate`."""

    pk = models.CompositePrimaryKey("project_id", "what", "shard")
    project = models.ForeignKey(
        "labeling.Project", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    what = models.CharField(max_length=30)
    shard = models.SmallIntegerField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "labeling_project_count"

    def __str__(self) -> str:
        return f"{self.n} {self.what} of project {self.project_id}"


class PersonCount(models.Model):
    """A part of how many tasks of a queue somebody finished on one day of UTC. What was taken back counts no more."""

    pk = models.CompositePrimaryKey("queue_id", "annotator_id", "day", "shard")
    queue = models.ForeignKey(
        "labeling.Queue", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    annotator = models.ForeignKey(
        "labeling.User", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    day = models.DateField()
    shard = models.SmallIntegerField()
    submitted = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)

    class Meta:
        db_table = "labeling_person_count"

    def __str__(self) -> str:
        return f"{self.submitted} submitted by {self.annotator_id} in queue {self.queue_id} on {self.day}"
