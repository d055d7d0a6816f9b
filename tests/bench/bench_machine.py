"""The long form of the state machine of queues: `python -m tests.bench.bench_machine --examples 60 --seed 7`.

It measures no speed: it looks for an order of steps that breaks a promise, other ones with each seed. Where it finds
one, it prints the shortest that it can make of it, and ends with 1.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEST = "tests/labeling/services/test_machine.py"


def main() -> None:
    """Runs the test as long as it is told to."""
    parser = argparse.ArgumentParser(description="Look for steps that break a promise of a queue.")
    parser.add_argument("--examples", type=int, default=60, help="queues; each lives through a hundred steps at most")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    options = parser.parse_args()
    print(f"{options.examples:,} queues, seed {options.seed}", flush=True)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", TEST, "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={options.seed}"],
        cwd=ROOT,
        env={**os.environ, "MACHINE": str(options.examples)},
        check=False,
    )
    ended = "every promise was kept" if done.returncode == 0 else "FAILED"
    print(f"seed {options.seed}: {ended}, after {time.perf_counter() - begun:,.0f} s")
    sys.exit(done.returncode != 0)


if __name__ == "__main__":
    main()
