"""The long form of tests/hammer: `python -m tests.bench.bench_hammer --seconds 600 --seed 7`.

It measures no speed: it looks for what breaks, for as long as it is told to.
"""

from __future__ import annotations

from tests.hammer.run import main

if __name__ == "__main__":
    main()
