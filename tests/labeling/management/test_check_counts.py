from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.db import connection

from tests import make


def told(*options: str) -> str:
    out = io.StringIO()
    call_command("check_counts", *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_check_counts_says_what_is_wrong_and_sets_it_right() -> None:
    project = make.project()
    make.imported(project, 3)
    queue = make.queue(project)
    assert told() == "Every number is right.\n"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE labeling_count SET n = 1234 WHERE what = 'task.open'")
    wrong = f"queue {queue.pk}, task.open: 1,234 kept, 3 counted\n"
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_counts", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue() == f"{wrong}Set them right with --mend.\n"
    assert told("--mend") == f"{wrong}Mended.\n"
    assert told() == "Every number is right.\n"
    assert told("--mend") == "Every number is right.\n"
