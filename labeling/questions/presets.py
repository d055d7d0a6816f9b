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


PRESETS: dict[str, Preset] = {
    preset.slug: preset
    for preset in (
        Preset(
            "demonstrations",
            "Demonstrations",
            "Labelers write the desired response to a prompt (InstructGPT, Ouyang et al. 2022, section 3.2).",
            ({"name": "response", "type": "write", "title": "Write the best response you can"},),
        ),
        Preset(
            "ranking",
            "Ranking",
            "Labelers rank K responses to a prompt, ties allowed (InstructGPT, Ouyang et al. 2022, section 3.2).",
            ({"name": "ranking", "type": "rank", "title": "Rank the responses, best first", "ties": True},),
        ),
    )
}
