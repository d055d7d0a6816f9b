"""JSON as the standard has it and no more: what two programs would read differently is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from labeling.importing.texts import LineError

# A value of so many parts takes many times the memory of its text. Each part but the first of a list or an object
# stands after a comma, and each list or object after a bracket.
MAX_PARTS = 1_000_000
_WHITE = " \t\r\n"


def decode(raw: bytes) -> Any:
    """The JSON value in these bytes. Raises LineError, in words, for anything that is not one strict JSON value."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(f"Byte {error.start + 1} is not UTF-8. Save the file as UTF-8.") from error
    return decode_text(text)


def decode_text(text: str) -> Any:
    """The JSON value in a text. Raises LineError as `decode` does."""
    if len(text) > MAX_PARTS and sum(map(text.count, ",[{")) > MAX_PARTS:
        raise LineError(f"The JSON has more than {MAX_PARTS:,} commas and brackets.")
    try:
        # Without a look for white space before the value, which `decode` has for those that begin with it.
        value, end = _DECODER.raw_decode(text)
        if end == len(text) or not text[end:].strip(_WHITE):
            return value
    except (ValueError, RecursionError):
        pass  # for the same mistake, or none, to be found again
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise LineError(f"This is not JSON: {error.msg} at character {error.pos + 1}.") from error
    except RecursionError as error:
        raise LineError("The JSON is nested too deep.") from error
    except LineError:
        raise
    except ValueError as error:  # an integer of more digits than Python reads
        raise LineError(f"This is not usable JSON: {error}.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not JSON.")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (twin, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise LineError(f"“{twin[:100]}” stands twice in one object.")
    return found


# Made once: json.loads makes one for every call with a hook, which takes longer than reading a short line.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_no_twins)
