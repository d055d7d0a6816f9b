from django.db import migrations

# Parts that stand in a release stay as they are from now on, those of releases before this too.
_GIVEN_OUT = """
UPDATE labeling_project p SET released_through = given.through
FROM (
    SELECT project_id, max(last_prompt) AS through FROM exports_release
    WHERE asked -> 'splits' <> 'null' AND state NOT IN ('failed', 'cancelled') GROUP BY project_id
) given
WHERE given.project_id = p.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0001_initial"),
        ("labeling", "0009_split_links"),
    ]

    operations = [migrations.RunSQL(_GIVEN_OUT, migrations.RunSQL.noop)]
