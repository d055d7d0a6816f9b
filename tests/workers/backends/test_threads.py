import os
import subprocess
import sys

import pytest

from annotate.environment import ROOT

SEEN = "import os, sys, workers.backends; assert 'torch' not in sys.modules; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize(("given", "seen"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_somebody_has_said_otherwise(given: dict[str, str], seen: str) -> None:
    """It counts only where it is said before torch is loaded."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    done = subprocess.run([sys.executable, "-c", SEEN], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == seen
