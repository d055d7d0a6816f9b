"""The platform with steps so small that a few hundred tasks take many: for gunicorn and Celery instead of annotate's.

What a manager changes, and what a file holds, is done in steps of thousands. A hammer of a minute would see one step
of each, and nothing that is killed between two. `HAMMER_STEP` says how many a step has here, and the request that
begins a change does one step of it; a worker has the rest to do.
"""

from __future__ import annotations

import functools
import os

from annotate.celery import app as app
from annotate.wsgi import application as application
from labeling.services import batches, seats

batches.BATCH = seats.STEP = int(os.environ["HAMMER_STEP"])
setattr(seats, "follow", functools.partial(seats.follow, seconds=0.0))  # noqa: B010 - a type checker forbids it
