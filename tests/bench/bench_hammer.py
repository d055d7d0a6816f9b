"""The long form of tests/hammer: `python -m tests.bench.bench_hammer --seconds 600 --tasks 2000 --lines 100 --seed 7`.

It measures no speed: it looks for what breaks, for as long as it is told to. When that time is over everything that is
left is worked off, which takes about as long again; `--tasks` and `--lines` (of each file that is sent meanwhile) say
how much that is. `--step 0` has changes and files done in steps as large as usual.
"""

from __future__ import annotations

from tests.hammer.run import main

if __name__ == "__main__":
    main()
