"""What can be set of a generator: read strictly, with a path for everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings

from labeling.errors import Fault, Invalid
from labeling.services.projects import clean_name
from labeling.text import unfit_text
from workers.backends import BACKENDS
from workers.backends.base import Config, GeneratorError, Sampling, clean_options
from workers.hygiene import clean_settings as clean_hygiene
from workers.hygiene.base import HygieneError

MAX_CANDIDATES = 64
MAX_REPLACEMENTS = 10
MAX_SYSTEM = 100_000
LARGEST_NUMBER = 2**53 - 1
_GROUP = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

# What says which model answers and how. It stays as it is: another one is another generator, so that its candidates can
# be compared with those of before.
FIXED = ("backend", "model", "revision", "options", "sampling", "variants", "system")
CHANGEABLE = (
    "name",
    "candidates_per_prompt",
    "weight",
    "group",
    "hygiene",
    "replacements",
    "max_tokens",
    "max_cost",
)


def clean(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given, as the row holds them. Raises Invalid with every field that is wrong.

    ``backend``, ``model``, ``revision`` and ``options`` are judged together: give all four, or none.
    """
    faults: list[Fault] = []
    cleaned: dict[str, Any] = {}
    if "backend" in given:
        _take(cleaned, faults, _model, given)
    for name, read in _READERS.items():
        if name in given:
            _take(cleaned, faults, read, given[name])
    if "sampling" in cleaned and "variants" in given:
        _take(cleaned, faults, lambda asked: _variants(asked, cleaned["sampling"]), given["variants"])
    if faults:
        detail = faults[0].message if len(faults) == 1 else "The generator's settings do not fit."
        raise Invalid(detail, errors=faults)
    return cleaned


def config_of(backend: str, model: str, revision: str, options: Mapping[str, Any]) -> Config:
    """The model as its backend is told of it. Raises GeneratorError."""
    return Config(
        model=model,
        revision=revision,
        options=options,
        may_run_code=model in settings.GENERATION_CODE_FROM,
        width=settings.GENERATION_BATCH,
    )


def _take(cleaned: dict[str, Any], faults: list[Fault], read: Any, value: Any) -> None:
    try:
        cleaned |= read(value)
    except Invalid as error:
        faults += error.errors


def _model(given: Mapping[str, Any]) -> dict[str, Any]:
    name, model, revision = given["backend"], given.get("model"), given.get("revision") or ""
    backend = BACKENDS.get(name) if isinstance(name, str) else None
    if backend is None:
        raise _wrong("backend", f"There is no such backend. Choose one of: {', '.join(BACKENDS)}.")
    for path, value, limit in (("model", model, 300), ("revision", revision, 100)):
        if not isinstance(value, str) or len(value) > limit or unfit_text(value):
            raise _wrong(path, f"Give text of at most {limit} characters.")
    try:
        options = clean_options(backend.options, given.get("options") or {})
    except GeneratorError as error:
        raise _invalid(error, within="options") from error
    try:
        backend.check(config_of(name, model, revision, options))  # type: ignore[arg-type]
    except GeneratorError as error:
        raise _invalid(error, options=options) from error
    return {"backend": name, "model": model.strip(), "revision": revision.strip(), "options": options}  # type: ignore[union-attr]


def _sampling(given: Any) -> dict[str, Any]:
    try:
        return {"sampling": Sampling.parse({} if given is None else given).as_json()}
    except GeneratorError as error:
        raise _invalid(error, within="sampling") from error


def _variants(given: Any, sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Other ways to draw, for sample after sample: each is what differs from the generator's own sampling."""
    if given is None:
        given = []
    if not isinstance(given, list) or len(given) > MAX_CANDIDATES or not all(isinstance(one, dict) for one in given):
        raise _wrong("variants", f'Give a list of at most {MAX_CANDIDATES} objects, such as [{{"temperature": 1}}].')
    faults: list[Fault] = []
    for number, one in enumerate(given):
        try:
            Sampling.parse({**sampling, **one})
        except GeneratorError as error:
            faults += _invalid(error, within=f"variants[{number}]").errors
    if faults:
        raise Invalid("The generator's settings do not fit.", errors=faults)
    return {"variants": given}


def _system(given: Any) -> dict[str, Any]:
    if not isinstance(given, str) or len(given) > MAX_SYSTEM or unfit_text(given):
        raise _wrong("system", f"Give text of at most {MAX_SYSTEM:,} characters.")
    return {"system": given.strip()}


def _name(given: Any) -> dict[str, Any]:
    return {"name": clean_name(given, what="generator")[:100]}


def _candidates(given: Any) -> dict[str, Any]:
    return {"candidates_per_prompt": _whole("candidates_per_prompt", given, 1, MAX_CANDIDATES)}


def _replacements(given: Any) -> dict[str, Any]:
    return {"replacements": _whole("replacements", given, 0, MAX_REPLACEMENTS)}


def _max_tokens(given: Any) -> dict[str, Any]:
    return {"max_tokens": None if given is None else _whole("max_tokens", given, 1, LARGEST_NUMBER)}


def _max_cost(given: Any) -> dict[str, Any]:
    return {"max_cost": None if given is None else amount("max_cost", given)}


def _weight(given: Any) -> dict[str, Any]:
    if given is None:
        return {"weight": None}
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1_000_000:
        raise _wrong("weight", "Give a number above 0, or nothing.")
    return {"weight": float(given)}


def _group(given: Any) -> dict[str, Any]:
    if not isinstance(given, str) or (given and not _GROUP.fullmatch(given)):
        raise _wrong("group", "Use small letters, digits and hyphens, 40 at most, or leave it blank.")
    return {"group": given}


def _hygiene(given: Any) -> dict[str, Any]:
    try:
        return {"hygiene": clean_hygiene({} if given is None else given)}
    except HygieneError as error:
        faults = [Fault(f"hygiene.{name}", message) for name, message in error.errors.items()]
        raise Invalid(str(error), errors=faults or [Fault("hygiene", str(error))]) from error


def _whole(path: str, given: Any, least: int, most: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise _wrong(path, f"Give a whole number from {least} to {most:,}.")
    return given


def amount(path: str, given: Any) -> Decimal:
    """An amount of money, to a millionth. Raises Invalid at ``path``."""
    try:
        if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
            raise InvalidOperation
        found = Decimal(str(given)).quantize(Decimal("0.000001"))
    except InvalidOperation:
        raise _wrong(path, "Give an amount, such as 12.50.") from None
    if not found.is_finite() or not 0 < found < 10_000_000:
        raise _wrong(path, "Give an amount above 0 and below 10,000,000.")
    return found


def _wrong(path: str, message: str) -> Invalid:
    return Invalid("The generator's settings do not fit.", errors=[Fault(path, message)])


def _invalid(error: GeneratorError, *, within: str = "", options: Mapping[str, Any] | None = None) -> Invalid:
    """A backend's complaint as ours, with the path of each field: those of `within` stand below it."""
    known = set(FIXED) | {"group"}
    faults = []
    for name, message in error.errors.items():
        path = f"{within}.{name}" if within and name != within else name
        if options is not None and name not in known:
            path = f"options.{name}"
        faults.append(Fault(path, message))
    return Invalid(str(error), errors=faults or [Fault(within or "model", str(error))])


_READERS = {
    "name": _name,
    "sampling": _sampling,
    "system": _system,
    "candidates_per_prompt": _candidates,
    "replacements": _replacements,
    "max_tokens": _max_tokens,
    "max_cost": _max_cost,
    "weight": _weight,
    "group": _group,
    "hygiene": _hygiene,
}
