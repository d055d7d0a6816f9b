"""Every setting of an export but `format` and `queue`, in one table: the page, the API and the command are made of it.

What a setting means in full stands in docs/exports.md; its default stands where its value is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from labeling.exports.policies import (
    USUAL,
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
    Split,
    SplitBy,
    Style,
)
from labeling.exports.selection import Selection
from labeling.exports.values import Kind, Moment, Name, Names, Number, OneOf, Range, Ratios, Share


class Group(StrEnum):
    """The parts of the page. The first is always open."""

    WHAT = "What"
    ROWS = "How answers become rows"
    ANSWERS = "Which answers"
    PROMPTS = "Which prompts and responses"
    CLEANING = "Cleaning"
    SPLITS = "Splits"


@dataclass(frozen=True)
class Setting:
    """One setting: how it is called, what it is for in a sentence or two, and what its values look like.

    `titles` names the values of one that has few. `on_page` false: a page cannot do what it asks for.
    """

    name: str
    group: Group
    title: str
    help: str
    kind: Kind
    titles: Mapping[str, str] = field(default_factory=dict)
    on_page: bool = True

    @property
    def option(self) -> str:
        """Its name on a command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def selects(self) -> bool:
        """Whether it says what is read, and not how that becomes rows."""
        return hasattr(_EVERYTHING, self.name)

    @property
    def default(self) -> Any:
        return getattr(_EVERYTHING if self.selects else _DEFAULTS, self.name)

    @property
    def default_text(self) -> str:
        """The default as it would be written; empty where it is that nothing is asked for."""
        return "" if self.default in (None, (), "") else self.kind.write(self.default)


_DEFAULTS = Policies()
_EVERYTHING = Selection()

# In the order in which addresses and reports name them.
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "pairs",
        Group.WHAT,
        "Pairs",
        "Which pairs of a ranking become rows, for formats of pairs.",
        OneOf(Pairs),
        {
            Pairs.BEST_VS_WORST: "Best against worst, one a ranking",
            Pairs.BEST_VS_REST: "Best against each of the others",
            Pairs.BEST_VS_RANDOM: "Best against one of the others, drawn",
            Pairs.ADJACENT: "Neighbours in the ranking",
            Pairs.ALL: "All pairs with a majority",
        },
    ),
    Setting(
        "edits",
        Group.WHAT,
        "Edits",
        "Which pairs edited responses give, for formats of pairs: over the response that was edited, over those too "
        "that its editor put below that one, these pairs only, or none.",
        OneOf(Edits),
        {
            Edits.OVER_ORIGINAL: "Over the response that was edited",
            Edits.OVER_WORSE: "Over that one and those below it",
            Edits.ONLY: "Pairs of edits only",
            Edits.NONE: "No pairs of edits",
        },
    ),
    Setting(
        "responses",
        Group.WHAT,
        "Responses",
        "What people wrote or edited, what they put first, or the second where the first is missing.",
        OneOf(Responses),
        {
            Responses.ANY: "Written or edited, or else the best",
            Responses.HUMAN: "Written or edited by people only",
            Responses.BEST: "The best of those judged only",
        },
    ),
    Setting(
        "style",
        Group.WHAT,
        "Style",
        "Messages, or plain text for prompts of one turn, for formats that trainers take in both forms.",
        OneOf(Style),
        {Style.CONVERSATIONAL: "Messages, for chat models", Style.STANDARD: "Plain text, for single turns"},
    ),
    Setting(
        "consensus",
        Group.ROWS,
        "Several raters",
        "How several people’s rankings become one order: by the majority for each pair, or by Borda’s count.",
        OneOf(Consensus),
        {Consensus.MAJORITY: "The majority for each pair", Consensus.BORDA: "Borda’s count"},
    ),
    Setting(
        "max_pairs",
        Group.ROWS,
        "Most pairs of a prompt",
        "Pairs of one prompt beyond this number are left out, the first in the order of the file stay.",
        Number(1),
    ),
    Setting(
        "min_strength",
        Group.ROWS,
        "Least strength",
        "Pairs of comparisons that asked how much better, and got less than this: 0 is the weakest degree, 1 the "
        "strongest.",
        Share(),
    ),
    Setting(
        "order",
        Group.ROWS,
        "Order of prompts",
        "As they were imported, or shuffled: some trainers read rows as they stand.",
        OneOf(Order),
        {Order.IMPORTED: "As they were imported", Order.SHUFFLED: "Shuffled by the seed"},
    ),
    Setting(
        "seed",
        Group.ROWS,
        "Seed",
        "Another number draws other pairs, where pairs are drawn, and another order, where prompts are shuffled.",
        Number(0, "17"),
    ),
    Setting(
        "margin",
        Group.ROWS,
        "Margin",
        "What the margin of reward is taken from: the degree of comparisons, or the ratings of both responses.",
        OneOf(Margin),
        {Margin.STRENGTH: "The degree of comparisons", Margin.RATINGS: "The difference of ratings"},
    ),
    Setting(
        "ratings",
        Group.ROWS,
        "Several ratings",
        "How several people’s ratings become one: the mean of the three closest to each other, or of all.",
        OneOf(Ratings),
        {Ratings.CLOSEST: "The mean of the closest three", Ratings.MEAN: "The mean of all"},
    ),
    Setting(
        "attributes",
        Group.ROWS,
        "Questions that rate",
        "The names of the rating questions that count for margins and labels, with commas between. All without it.",
        Names("helpfulness, correctness"),
    ),
    Setting(
        "kto_good",
        Group.ROWS,
        "Good from",
        "Ratings on more than two steps become labels: good from here on, 0 being the lowest step and 1 the highest.",
        Share("0.75"),
    ),
    Setting(
        "kto_bad",
        Group.ROWS,
        "Bad up to",
        "The same: bad up to here. What lies between the two is left out.",
        Share("0.25"),
    ),
    Setting(
        "min_raters",
        Group.ANSWERS,
        "Least raters",
        "Pairs, labels, ratings and best responses that fewer people judged are left out.",
        Number(1, "3"),
    ),
    Setting(
        "min_agreement",
        Group.ANSWERS,
        "Least agreement",
        "The share of raters who must say the same of a pair, a label or a best response; how near ratings must lie.",
        Share(),
    ),
    Setting(
        "reviewed",
        Group.ANSWERS,
        "By review",
        "Which answers by what a reviewer said of them. Where the newest version of an answer does not fit, the last "
        "accepted one counts.",
        OneOf(Reviewed),
        {
            Reviewed.NOT_REJECTED: "All but rejected ones",
            Reviewed.ACCEPTED: "Accepted ones only",
            Reviewed.ANY: "All, whatever a reviewer said",
        },
    ),
    Setting(
        "annotators",
        Group.ANSWERS,
        "Only of these people",
        "E-mail addresses or pseudonyms, with commas between.",
        Names("ann@example.org"),
    ),
    Setting(
        "without_annotators",
        Group.ANSWERS,
        "Not of these people",
        "E-mail addresses or pseudonyms, with commas between.",
        Names("ben@example.org"),
    ),
    Setting(
        "guidelines",
        Group.ANSWERS,
        "Versions of the guidelines",
        "Answers given under these versions: one, from one on, or from one to another.",
        Range(),
    ),
    Setting(
        "form",
        Group.ANSWERS,
        "Versions of the form",
        "Answers to these versions of each queue’s form: one, from one on, or from one to another.",
        Range(),
    ),
    Setting("since", Group.ANSWERS, "From", "Answers submitted at this time or later, in UTC.", Moment()),
    Setting(
        "until",
        Group.ANSWERS,
        "Before",
        "Answers submitted before this time, in UTC. Later corrections of theirs do not count.",
        Moment(),
    ),
    Setting("tags", Group.PROMPTS, "Tags", "Prompts with one of these tags, with commas between.", Names()),
    Setting(
        "languages",
        Group.PROMPTS,
        "Languages",
        "Prompts in one of these languages, with commas between. “en” takes en-GB too.",
        Names("en, pt-BR"),
    ),
    Setting("batches", Group.PROMPTS, "Batches", "Prompts of one of these batches, with commas between.", Names()),
    Setting(
        "models",
        Group.PROMPTS,
        "Only of these models",
        "Responses of these models, with commas between. What people wrote themselves is of none.",
        Names("smollm2-135m-instruct"),
    ),
    Setting(
        "without_models",
        Group.PROMPTS,
        "Not of these models",
        "No responses of these models, with commas between.",
        Names("smollm2-135m-instruct"),
    ),
    Setting(
        "min_characters", Group.PROMPTS, "Least characters", "Responses with fewer characters are left out.", Number(1)
    ),
    Setting(
        "max_characters",
        Group.PROMPTS,
        "Most characters",
        "Responses with more characters are left out.",
        Number(1, "4000"),
    ),
    Setting(
        "dedupe",
        Group.CLEANING,
        "The same texts twice",
        "Whether a row whose prompt and responses the file has already is left out.",
        OneOf(Dedupe),
        {Dedupe.NONE: "They stay", Dedupe.ROWS: "The first stays"},
    ),
    Setting(
        "control_tokens",
        Group.CLEANING,
        "Control tokens in texts",
        "What becomes of texts that hold a control token of a chat template, such as <|im_end|>.",
        OneOf(ControlTokens),
        {
            ControlTokens.WARN: "They stay, with a warning",
            ControlTokens.ESCAPE: "A space breaks them up",
            ControlTokens.DROP: "The row is left out",
        },
    ),
    Setting(
        "max_tokens",
        Group.CLEANING,
        "Most tokens",
        "Rows with more are left out. Counted as a third of the bytes, and five for each message.",
        Number(1, "2048"),
    ),
    Setting(
        "tokenizer",
        Group.CLEANING,
        "Tokenizer",
        "Count tokens with that of this model, a folder in the platform’s folder of models. Releases and the command "
        "do, a download cannot.",
        Name(),
        on_page=False,
    ),
    Setting(
        "split_by",
        Group.SPLITS,
        "Prompts are divided by",
        "What decides the split of a prompt: a hash of how it opens, or its tags train, validation and test.",
        OneOf(SplitBy),
        {SplitBy.HASH: "A hash of how they open", SplitBy.TAG: "Their tags"},
    ),
    Setting(
        "ratios",
        Group.SPLITS,
        "Percent of each split",
        "Of train, validation and test, by hash; they come to 100.",
        Ratios(),
    ),
    Setting(
        "split",
        Group.WHAT,
        "Split",
        "One part of the dataset; all without it.",
        OneOf(Split),
        {
            split: f"{split.value.title()}: {percent}% of the prompts, or as set"
            for split, percent in zip(Split, USUAL, strict=True)
        },
    ),
)

BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}
