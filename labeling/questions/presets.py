"""Ready-made forms: published recipes under their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A form that follows a published recipe. `source` says where it comes from, for the page that offers it."""

    slug: str
    title: str
    source: str
    questions: tuple[dict[str, Any], ...]


_FLAGS = (
    "Fails to follow the instruction",
    "Inappropriate for a customer assistant",
    "Contains a hallucination",
    "Contains sexual content",
    "Contains violent content",
    "Encourages violence, abuse or self-harm",
    "Denigrates a protected class",
    "Gives harmful advice",
    "Expresses an opinion",
    "Expresses a moral judgment",
)

_HELPSTEER2 = (
    ("helpfulness", "Helpfulness", "How useful and helpful the response is overall."),
    ("correctness", "Correctness", "All pertinent facts are there, without errors."),
    ("coherence", "Coherence", "Consistent and clear in what it says."),
    ("complexity", "Complexity", "0: anyone could have written it, 4: it takes an expert."),
    ("verbosity", "Verbosity", "0: succinct, 4: verbose, relative to what was asked."),
)

_RECIPES = (
    Preset(
        "demonstrations",
        "Demonstrations (InstructGPT)",
        "Labelers write the desired response to a prompt (InstructGPT, Ouyang et al. 2022, section 3.2).",
        ({"name": "response", "type": "write", "title": "Write the best response you can"},),
    ),
    Preset(
        "ranking",
        "Ranking",
        "Labelers rank K responses to a prompt, ties allowed (InstructGPT, Ouyang et al. 2022, section 3.2).",
        ({"name": "ranking", "type": "rank", "title": "Rank the responses, best first", "ties": True},),
    ),
    Preset(
        "instructgpt-ranking",
        "Ranking with ratings and flags (InstructGPT)",
        "Each of K responses is rated from 1 to 7 and flagged, then all are ranked "
        "(InstructGPT, Ouyang et al. 2022, figure 12 and table 3).",
        (
            {
                "name": "quality",
                "type": "rate",
                "title": "Overall quality",
                "min": 1,
                "max": 7,
                "labels": ["Worst", "Best"],
            },
            {
                "name": "flags",
                "type": "choose",
                "title": "What is true of the response",
                "options": list(_FLAGS),
                "multiple": True,
                "required": False,
            },
            {
                "name": "ranking",
                "type": "rank",
                "title": "Rank the responses, best first",
                "ties": True,
            },
            {"name": "notes", "type": "comment", "title": "Notes", "required": False},
        ),
    ),
    Preset(
        "llama2-pairwise",
        "Pairwise with safety (Llama 2)",
        "The better of two responses in four degrees, then a safety label for the pair "
        "(Llama 2, Touvron et al. 2023, section 3.2.1).",
        (
            {
                "name": "preference",
                "type": "compare",
                "title": "Which response is better?",
                "strengths": ["Negligibly better or unsure", "Slightly better", "Better", "Significantly better"],
                "ties": False,
            },
            {
                "name": "safety",
                "type": "choose",
                "title": "Are they safe?",
                "per": "task",
                "options": [
                    "The preferred response is safe, the other is not",
                    "Both responses are safe",
                    "Both responses are unsafe",
                ],
            },
        ),
    ),
    Preset(
        "llama3-pairwise-edit",
        "Pairwise, then edit the better one (Llama 3)",
        "The better of two responses in four degrees, then an edit of it that improves it further: "
        "edited > chosen > rejected (Llama 3, Dubey et al. 2024, section 4.2.1).",
        (
            {
                "name": "preference",
                "type": "compare",
                "title": "Which response is better?",
                "strengths": ["Marginally better", "Slightly better", "Better", "Significantly better"],
                "ties": False,
            },
            {"name": "edited", "type": "edit", "title": "Improve the better response"},
        ),
    ),
    Preset(
        "helpsteer2",
        "Five attributes, 0 to 4 (HelpSteer2)",
        "Each response is rated on five attributes from 0 to 4 (HelpSteer2, Wang et al. 2024, section 2).",
        tuple(
            {"name": name, "type": "rate", "title": title, "help": text, "min": 0, "max": 4}
            for name, title, text in _HELPSTEER2
        ),
    ),
    Preset(
        "helpsteer3",
        "Pairwise −3 to 3 with a reason (HelpSteer3)",
        "Two responses on a scale from −3 to 3, and why in a few sentences (HelpSteer3, Wang et al. 2025).",
        (
            {
                "name": "preference",
                "type": "compare",
                "title": "Which response is better?",
                "strengths": ["Slightly better", "Better", "Much better"],
                "ties": True,
            },
            {
                "name": "reason",
                "type": "comment",
                "title": "Why?",
                "help": "Two or three sentences about what made the difference.",
                "min_chars": 10,
            },
        ),
    ),
    Preset(
        "kto",
        "Thumbs up or down (KTO)",
        "Each response is good or not, by itself (KTO, Ethayarajh et al. 2024).",
        (
            {
                "name": "thumbs",
                "type": "rate",
                "title": "Is it a good response?",
                "min": 0,
                "max": 1,
                "labels": ["Thumbs down", "Thumbs up"],
            },
        ),
    ),
    Preset(
        "mqm",
        "Error spans with severities (MQM)",
        "Errors are marked where they stand, each with a severity and, as its comment, a category "
        "(Multidimensional Quality Metrics, Lommel et al. 2014; in use as in Freitag et al. 2021).",
        (
            {
                "name": "errors",
                "type": "spans",
                "title": "Mark every error with its severity",
                "help": "Say the kind of error in the mark’s comment: accuracy, fluency, style, terminology …",
                "labels": ["Minor", "Major", "Critical"],
                "required": False,
            },
        ),
    ),
    Preset(
        "grounded",
        "Grounded in its sources",
        "What the sources do not support or contradict is marked in the response, then the whole is judged "
        "(hallucination spans as in RAGTruth, Niu et al. 2024).",
        (
            {
                "name": "claims",
                "type": "spans",
                "title": "Mark what the sources do not carry",
                "help": "Read the documents beside the prompt first.",
                "labels": ["Unsupported", "Contradicts a source", "Supported"],
                "required": False,
            },
            {
                "name": "grounded",
                "type": "choose",
                "title": "Is the response grounded in the sources?",
                "options": ["Fully", "In part", "Not at all"],
            },
            {
                "name": "why",
                "type": "comment",
                "title": "What is missing or wrong?",
                "show_if": {"question": "grounded", "is": ["In part", "Not at all"]},
                "required": False,
            },
        ),
    ),
)

PRESETS: dict[str, Preset] = {preset.slug: preset for preset in _RECIPES}
