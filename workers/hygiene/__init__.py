"""Hygiene: what looks at a generated response before people see it. One file a check, and one line each below.

``base.py`` says what a check is, ``reading.py`` how they read a text, ``languages.py`` which languages there are.
docs/hygiene.md has a paragraph for each check: what it finds, how, and where it is wrong.

Importing this loads no model: the one that tells languages comes in with the first text that needs it.
"""

from collections.abc import Mapping

from workers.hygiene.base import ACTIONS, Action, Check, Finding, HygieneError, Response
from workers.hygiene.empty import Empty
from workers.hygiene.looping import Looping
from workers.hygiene.near_duplicate import NearDuplicate
from workers.hygiene.prompt_leak import PromptLeak
from workers.hygiene.self_naming import SelfNaming
from workers.hygiene.truncated import Truncated
from workers.hygiene.wrong_language import WrongLanguage

_ALL: tuple[Check, ...] = (
    Empty(),
    Truncated(),
    Looping(),
    NearDuplicate(),
    PromptLeak(),
    SelfNaming(),
    WrongLanguage(),
)

# The order in which they look: cheap ones first.
CHECKS: dict[str, Check] = {check.name: check for check in _ALL}


def default_settings() -> dict[str, Action]:
    """What is done about each finding where nobody chose."""
    return {name: check.action for name, check in CHECKS.items()}


def clean_settings(given: object) -> dict[str, Action]:
    """An action for every check: those that were given, and the usual ones for the rest.

    Raises HygieneError with a sentence for each field that is wrong or not known.
    """
    if not isinstance(given, Mapping):
        raise HygieneError.of({"hygiene": "Must be an object with an action for each check."})
    known, actions = ", ".join(CHECKS), ", ".join(ACTIONS)
    errors = {str(name): f"There is no such check. Known are: {known}." for name in given if name not in CHECKS}
    for name in CHECKS:
        if name in given and (not isinstance(given[name], str) or given[name] not in ACTIONS):
            errors[name] = f"Must be one of: {actions}."
    if errors:
        raise HygieneError.of(errors)
    return {name: given.get(name, check.action) for name, check in CHECKS.items()}


def examine(response: Response, settings: Mapping[str, Action]) -> tuple[Finding, ...]:
    """What the checks that are on find, in the order of the table.

    All of them look, also where the first finding already says "replace": findings are counted, and where a response
    cannot be made better they stand beside it. A check that ``settings`` do not name does what it usually does.
    """
    findings = []
    for name, check in CHECKS.items():
        action = settings.get(name, check.action)
        if action != "off" and (reason := check.find(response)):
            findings.append(Finding(name, action, reason))
    return tuple(findings)
