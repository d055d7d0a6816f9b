"""`edit`: the annotator chooses a response and makes it better. The original is kept: it is the candidate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labeling.questions.base import MOST_CANDIDATES, Config, QuestionError, Setting, Shown, clean_settings
from labeling.questions.write import LENGTHS, clean_length, clean_lengths, words_apart


class Edit:
    name = "edit"
    title = "Edit a response"
    description = "Choose a response and improve it. What was changed is shown word by word."
    settings: tuple[Setting, ...] = LENGTHS

    def clean_config(self, raw: Mapping[str, Any]) -> Config:
        return clean_lengths(clean_settings(self.settings, raw))

    def candidates(self, config: Config) -> tuple[int, int]:
        return 1, MOST_CANDIDATES

    def clean_answer(self, config: Config, value: Any, shown: Shown) -> dict[str, Any]:
        if not isinstance(value, Mapping) or set(value) != {"candidate", "text"}:
            raise QuestionError('The answer must be {"candidate": key, "text": …}.')
        chosen = value["candidate"]
        if chosen not in shown.keys:
            raise QuestionError("Choose the response that you edit.", "candidate")
        return {"candidate": chosen, "text": clean_length(config, value["text"], what="The response")}

    def outcomes(self, config: Config) -> dict[str, str]:
        return {"answered": "was answered"}

    def outcome(self, config: Config, answer: Any) -> set[str]:
        return {"answered"}

    def distance(self, config: Config, one: Any, other: Any) -> float:
        """How far the texts are apart, whichever response they were made from."""
        return words_apart(one["text"], other["text"])
