"""Which policies decide the rows of each format, with the value that each has: what a manifest tells of them.

A choice is kept as what differs from the defaults, from which a release is made again. This says all of it, defaults
too, so that nobody has to know the platform to know how its rows came about.
"""

from __future__ import annotations

from collections.abc import Collection

from labeling.exports.choices import Choice
from labeling.exports.cleaning import VERBATIM
from labeling.exports.policies import Margin, Order, Pairs, Policies
from labeling.exports.settings import BY_NAME

_OF_RESPONSES = ("models", "without_models", "min_characters", "max_characters")
_OF_RATERS = ("min_raters", "min_agreement")
_OF_ORDER = ("order", "seed")
_CLEANING = ("dedupe", "control_tokens", "max_tokens", "tokenizer")
_BEST = ("responses", "consensus", *_OF_RATERS)
_PAIRS = ("pairs", "edits", "consensus", "max_pairs", "min_strength", *_OF_RATERS)
_KTO = ("kto_good", "kto_bad", "ratings", "attributes", *_OF_RATERS)

# By format, but for those of reviews, of the order, of responses and of cleaning, which decide them all: a format that
# is `like` another one has those of that one.
POLICIES: dict[str, tuple[str, ...]] = {
    "sft": (*_BEST, "style"),
    "prompt-completion": (*_BEST, "style"),
    "prompts": (*_BEST, "style"),
    "preference": (*_PAIRS, "style"),
    "reward": (*_PAIRS, "style", "margin", "ratings", "attributes"),
    "kto": (*_KTO, "style"),
    "helpsteer": ("ratings", *_OF_RATERS),
    "helpsteer-preference": ("min_strength", *_OF_RATERS),
    "stepwise": _OF_RATERS,
    "spans": (),
    "oasst": ("consensus", "ratings", "min_strength", *_OF_RATERS),
}
# What no setting changes.
_TIES = {
    "policy": "ties",
    "value": "no_pair",
    "title": "Ties",
    "meaning": "Two responses that as many people put above each other, or that stand on one place, give no pair",
}


def policies_of(name: str, like: str = "") -> tuple[str, ...]:
    """The names of the policies that may decide the rows of a format."""
    if name == "raw":
        return _OF_ORDER
    own = POLICIES.get(name) or tuple(policy for policy in POLICIES.get(like, ()) if policy != "style")
    return (*own, "reviewed", *_OF_ORDER, *_OF_RESPONSES, *(() if name in VERBATIM else _CLEANING))


def in_force(choice: Choice) -> list[dict[str, str]]:
    """Every policy that decides the rows of a choice, in the order of the settings: its name, value and title, and what
    the value means where it does not say so itself. A rule that is off is none.
    """
    names = policies_of(choice.format.name, choice.format.like)
    found = [_told(name, choice.policies) for name in BY_NAME if name in names and _decides(name, names, choice)]
    return found + ([dict(_TIES)] if "pairs" in names else [])


def _decides(name: str, names: Collection[str], choice: Choice) -> bool:
    """Whether it does here: some only say how another one is carried out."""
    policies = choice.policies
    if name == "seed":
        draws_pairs = "pairs" in names and policies.pairs is Pairs.BEST_VS_RANDOM
        return draws_pairs or policies.order is Order.SHUFFLED
    if name in ("ratings", "attributes") and "margin" in names and policies.margin is Margin.STRENGTH:
        return False
    if name in ("ratings", "attributes") and "kto_good" in names and policies.kto_good is policies.kto_bad is None:
        return False
    return getattr(policies, name) not in (None, (), "")


def _told(name: str, policies: Policies) -> dict[str, str]:
    setting = BY_NAME[name]
    value = setting.kind.write(getattr(policies, name))
    return {"policy": name, "value": value, "title": setting.title, "meaning": setting.titles.get(value, "")}
