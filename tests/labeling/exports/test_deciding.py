"""What a manifest says of the policies that decided: all of them, with their values, defaults too."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from labeling.exports.choices import Choice
from labeling.exports.cleaning import Tools
from labeling.exports.deciding import in_force, policies_of
from labeling.exports.formats import FORMATS
from labeling.exports.policies import (
    Consensus,
    ControlTokens,
    Dedupe,
    Edits,
    Margin,
    Order,
    Pairs,
    Policies,
    Ratings,
    Responses,
    Reviewed,
    Style,
)
from labeling.exports.records import Annotation, Example
from labeling.exports.removed import Removed
from labeling.exports.stream import cleaning_of, rows_of
from labeling.models import Project
from tests.labeling.exports.pure import TALK, compared, edited, example, liked, mark, marked, ranked, rated, written

# Another value of each policy, and what has to hold for it to matter.
OTHERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "pairs": (Pairs.ALL, {}),
    "responses": (Responses.BEST, {}),
    "edits": (Edits.NONE, {}),
    "style": (Style.STANDARD, {}),
    "consensus": (Consensus.BORDA, {"pairs": Pairs.ALL, "responses": Responses.BEST}),
    "seed": (6, {"pairs": Pairs.BEST_VS_RANDOM}),  # and the order, which is the database's
    "max_pairs": (1, {"pairs": Pairs.ALL}),
    "min_strength": (0.9, {}),
    "margin": (Margin.RATINGS, {}),
    "ratings": (Ratings.MEAN, {"margin": Margin.RATINGS, "kto_good": 0.6, "kto_bad": 0.5}),
    "attributes": (("other",), {"margin": Margin.RATINGS, "kto_good": 0.6, "kto_bad": 0.5}),
    "kto_good": (0.6, {}),
    "kto_bad": (0.5, {}),
    "min_raters": (9, {"responses": Responses.BEST}),
    "min_agreement": (1.0, {"pairs": Pairs.ALL, "responses": Responses.BEST}),
    "reviewed": (Reviewed.ACCEPTED, {}),
    "models": (("another",), {}),
    "without_models": (("m1",), {}),
    "min_characters": (10_000, {}),
    "max_characters": (1, {}),
    "dedupe": (Dedupe.ROWS, {}),
    "control_tokens": (ControlTokens.DROP, {}),
    "max_tokens": (1, {}),
}
# Of a count by a tokenizer, which none is here, of the parts, and of the order, in which the database gives prompts.
NOT_HERE = {"tokenizer", "split_by", "ratios", "split", "order"}


def prompts() -> list[Example]:
    """Answers of every kind by several people who differ; one prompt twice, one of several turns, a control token."""
    likert = [liked(a=first, b=second) for first, second in ((1, 5), (4, 3), (5, 1), (5, 1), (5, 2))]
    orders = [ranked(order) for order in ("a b c", "a b c", "a b c", "b c a", "b c a")]
    degrees = [compared("b", 1), compared("b", 2), compared("b", 2), compared("a", 1)]
    thumbs = [rated(a=1, b=0), rated(a=1, b=0), rated(a=0, b=0)]
    marks = [marked(a=[mark(0, 3)], b=[]), marked(a=[], b=[mark(0, 2)]), marked(a=[mark(0, 3)], b=[])]
    said: list[list[Annotation]] = [
        [*orders, *likert],
        [*orders, *likert],
        [*degrees, edited("Better.")],
        [written("By <|im_end|> hand."), *thumbs],
        likert,
        marks,
    ]
    made = [example(*answers, id=number, messages=TALK if number == 1 else ()) for number, answers in enumerate(said)]
    made.append(example(*orders, id=9))
    forms = {queue: form for one in made for queue, form in one.forms.items()}
    return [replace(one, forms=forms) for one in made]


def rows(name: str, policies: Policies) -> list[dict[str, Any]]:
    choice = Choice(Project(), FORMATS[name], None, policies)
    removed = Removed()
    cleaning = cleaning_of(choice, Tools(), removed)
    return [row for made in prompts_once for row in rows_of(choice, made, removed, cleaning)]


prompts_once = prompts()


def test_there_is_another_value_of_every_policy() -> None:
    assert OTHERS.keys() | NOT_HERE == {field.name for field in fields(Policies)}


@pytest.mark.parametrize("policy", OTHERS)
def test_what_changes_the_rows_of_a_format_is_told_of_it(policy: str) -> None:
    other, given = OTHERS[policy]
    before = Policies(**given)
    after = replace(before, **{policy: other})
    changed = {name for name in FORMATS if rows(name, before) != rows(name, after)}
    told = {name for name, kind in FORMATS.items() if policy in policies_of(name, kind.like)}
    assert changed, "the answers here show nothing of it"
    assert changed <= told


def told(name: str, **policies: Any) -> dict[str, str]:
    choice = Choice(Project(), FORMATS[name], None, Policies(**policies))
    return {one["policy"]: one["value"] for one in in_force(choice)}


def test_defaults_are_told_and_rules_that_are_off_are_not() -> None:
    assert told("preference") == {
        "pairs": "best_vs_worst",
        "edits": "over_original",
        "style": "conversational",
        "consensus": "majority",
        "reviewed": "not_rejected",
        "order": "imported",
        "dedupe": "none",
        "control_tokens": "warn",
        "ties": "no_pair",
    }
    assert told("raw") == {"order": "imported"}
    assert told("raw", order=Order.SHUFFLED, seed=3) == {"order": "shuffled", "seed": "3"}
    assert told("oasst", min_agreement=0.5, min_strength=0.3)["min_strength"] == "0.3"
    assert told("sft", min_raters=2)["min_raters"] == "2"
    assert {told(name, reviewed=Reviewed.ACCEPTED)["reviewed"] for name in FORMATS if name != "raw"} == {"accepted"}
    assert "style" not in told("openai-preference")


def test_what_says_how_another_one_is_carried_out_is_told_with_it() -> None:
    assert "seed" not in told("preference")
    assert told("preference", pairs=Pairs.BEST_VS_RANDOM)["seed"] == "0"
    assert told("reward")["margin"] == "strength"
    assert "ratings" not in told("reward")
    assert told("reward", margin=Margin.RATINGS)["ratings"] == "closest"
    assert "ratings" not in told("kto")
    assert told("kto", kto_bad=0.5)["ratings"] == "closest"
    assert told("helpsteer")["ratings"] == "closest"


def test_each_is_in_words() -> None:
    (one, *_) = in_force(Choice(Project(), FORMATS["preference"], None, Policies()))
    assert one == {
        "policy": "pairs",
        "value": "best_vs_worst",
        "title": "Pairs",
        "meaning": "Best against worst, one a ranking",
    }
