from typing import ClassVar

from django.db import migrations

# Marks a task done when no seat of it is open or held any more, and puts that into the outbox of the webhooks that listen
# (as labeling.services.webhooks.TASKS_COMPLETED does for many). A function, and VOLATILE, so that it can be called in the
# statement that locks the task and still sees what was committed before it had the lock.
SETTLE = """
CREATE FUNCTION labeling_settle(settled bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    WITH done AS (
        UPDATE labeling_task SET state = 'done'
        WHERE id = settled AND state = 'open' AND NOT EXISTS (
            SELECT 1 FROM labeling_slot slot WHERE slot.task_id = settled AND slot.state IN ('open', 'leased'))
        RETURNING id, queue_id, prompt_id, gen_random_uuid() AS message
    )
    INSERT INTO labeling_delivery (webhook_id, message, type, data, occurred_at, due_at)
    SELECT webhook.id, done.message, 'task.completed', jsonb_build_object(
               'project', project.slug, 'queue', done.queue_id, 'task', done.id, 'prompt', done.prompt_id,
               'external_id', (SELECT external_id FROM labeling_prompt WHERE id = done.prompt_id),
               'answers', (SELECT count(*) FROM labeling_slot WHERE task_id = done.id AND state = 'submitted')
           ), now(), now()
    FROM done
    JOIN labeling_queue queue ON queue.id = done.queue_id
    JOIN labeling_webhook webhook ON webhook.project_id = queue.project_id
        AND webhook.state = 'active' AND webhook.types @> ARRAY['task.completed'::varchar]
    JOIN labeling_project project ON project.id = queue.project_id
    FOR KEY SHARE OF webhook SKIP LOCKED;
END
$$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("labeling", "0010_prompt_tools"),
    ]

    operations: ClassVar = [migrations.RunSQL(SETTLE, "DROP FUNCTION labeling_settle(bigint)")]
