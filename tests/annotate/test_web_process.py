"""The web process serves pages; it never loads a model or the libraries that run one."""

from tests.annotate.running import GOOD, environment, python

LOAD_ALL = """
import sys
from annotate.wsgi import application
from django.urls import get_resolver

def load(resolver):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            load(pattern)

load(get_resolver())
print(sorted(name for name in ("torch", "transformers", "numpy", "datasets", "trl") if name in sys.modules))
"""


def test_it_loads_neither_torch_nor_transformers() -> None:
    done = python("-c", LOAD_ALL, env=environment(**GOOD))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_worker_for_everyday_jobs_loads_neither_at_its_start() -> None:
    code = (
        "import sys; from annotate.celery import app; app.loader.import_default_modules();"
        "assert any(name.startswith('workers.jobs') for name in app.tasks), sorted(app.tasks);"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = python("-c", code, env=environment(**GOOD))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_generation_has_a_queue_of_its_own() -> None:
    from annotate.celery import app

    queue_of = app.amqp.router.route
    assert queue_of({}, "workers.jobs.generate")["queue"].name == "generation"
    assert queue_of({}, "workers.jobs.generate_batch")["queue"].name == "generation"
    assert queue_of({}, "workers.jobs.plan")["queue"].name == "default"
