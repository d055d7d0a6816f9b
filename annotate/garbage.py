"""How long-running processes collect garbage."""

from __future__ import annotations

import gc

# New containers until the young ones are looked through for circles; Python's own number is 700. An export makes
# dozens for each row, and none in a circle: looking that often takes it a tenth of its time.
YOUNG = 10_000


def settle() -> None:
    """Has the collector leave alone what is loaded, and look less often. To be called once everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
