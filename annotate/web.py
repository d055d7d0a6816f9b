"""How gunicorn serves the site. Gunicorn reads the names below: ``gunicorn -c python:annotate.web annotate.wsgi``."""

import os
import sys
import tempfile
from typing import Any

from annotate import garbage
from annotate.environment import Environment
from annotate.site import Site

_env = Environment.read()
_site = Site.read(_env)
_env.check()

# One connection a thread at most, and one to spare for a stream that is being closed.
os.environ.setdefault("DATABASE_POOL", str(_site.threads + 1))

bind = _site.listen
workers = _site.workers
threads = _site.threads
worker_class = "gthread"
keepalive = 5
graceful_timeout = 30  # for answers under way, such as an export being streamed, when the server is asked to end
timeout = 60  # a process that gives no sign of life; a long answer does not count
control_socket_disable = True
# Workers show that they live by touching a file; on a disk that is busy, that alone can look like death.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()  # noqa: S108


def post_worker_init(worker: Any) -> None:
    """Have threads take turns quickly, and the garbage collector leave alone what the site has loaded."""
    garbage.settle()
    # A thread that has an answer from the database waits so long, in seconds, for one that computes: five times less
    # than Python's default, at each of its statements.
    sys.setswitchinterval(0.001)
