"""`write`: the annotator writes a response, or a new user prompt, in their own words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from labeling.questions.base import (
    ANSWERED,
    MAX_TEXT,
    Config,
    QuestionError,
    Setting,
    Shown,
    clean_settings,
    clean_text,
)

LENGTHS = (
    Setting("min_chars", "number", "At least so many characters", default=1, low=0, high=MAX_TEXT),
    Setting("max_chars", "number", "At most so many characters", default=None, low=1, high=MAX_TEXT),
)
MODE = Setting(
    "mode",
    "choice",
    "What is written",
    default="response",
    choices=(("response", "a response to the prompt"), ("prompt", "a new user prompt")),
    titles={"prompt": "Write a new user prompt"},
)


def clean_lengths(config: Config) -> Config:
    """The configuration, if its lengths fit together. `max_chars` None: no limit but the platform's."""
    low, high = config["min_chars"], config["max_chars"]
    if high is not None and low > high:
        raise QuestionError("“min_chars” is larger than “max_chars”.", "min_chars")
    return config


def clean_length(config: Config, value: Any, *, what: str) -> str:
    """A text within the question's lengths. Kept to the letter but for the white space around it."""
    text = clean_text(value, what=what).strip()
    if len(text) < config["min_chars"]:
        if not text:
            raise QuestionError(f"{what} is empty.")
        raise QuestionError(f"{what} has {len(text)} characters; at least {config['min_chars']} are asked for.")
    if config["max_chars"] is not None and len(text) > config["max_chars"]:
        raise QuestionError(f"{what} has {len(text):,} characters; at most {config['max_chars']:,} are allowed.")
    return text


def words_apart(one: str, other: str) -> float:
    """1 minus the share of words in common, in order (difflib's ratio over words)."""
    return 1 - difflib.SequenceMatcher(None, one.split(), other.split(), autojunk=False).ratio()


class Write:
    name = "write"
    title = "Write a response"
    description = "A text in the annotator’s own words: a demonstration, or a new prompt."
    settings: tuple[Setting, ...] = (MODE, *LENGTHS)

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_lengths(clean_settings(self.settings, raw))

    def candidates(self, config: Config) -> tuple[int, int]:
        return 0, 0

    def what(self, config: Config) -> str:
        """How a mistake in an answer names the text."""
        return "The prompt" if config.get("mode") == "prompt" else "The response"

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, str]:
        if not isinstance(value, Mapping) or set(value) != {"text"}:
            raise QuestionError('The answer must be {"text": …}.')
        return {"text": clean_length(config, value["text"], what=self.what(config))}

    def outcomes(self, config: Config) -> dict[str, str]:
        return dict(ANSWERED)

    def outcome(self, config: Config, answer: Any) -> set[str]:
        return set(ANSWERED) if answer["text"] else set()

    def distance(self, config: Config, one: Any, other: Any) -> float:
        return words_apart(one["text"], other["text"])
