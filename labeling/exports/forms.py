"""What a manager chooses on the export page. Read by `choices.parse`; this draws it."""

from __future__ import annotations

from typing import Any

from django import forms

from labeling.exports.formats import FORMATS
from labeling.exports.policies import SHARES, Edits, Pairs, Responses, Style
from labeling.models import Project

PAIRS = {
    Pairs.BEST_VS_WORST: "Best against worst, one a ranking",
    Pairs.BEST_VS_REST: "Best against each of the others",
    Pairs.ADJACENT: "Neighbours in the ranking",
    Pairs.ALL: "All pairs with a majority",
}
RESPONSES = {
    Responses.ANY: "Written or edited, or else the best",
    Responses.HUMAN: "Written or edited by people only",
    Responses.BEST: "The best of those judged only",
}
EDITS = {
    Edits.OVER_ORIGINAL: "Over the response that was edited",
    Edits.OVER_WORSE: "Over that one and those below it",
    Edits.ONLY: "Pairs of edits only",
    Edits.NONE: "No pairs of edits",
}
STYLES = {
    Style.CONVERSATIONAL: "Messages, for chat models",
    Style.STANDARD: "Plain text, for single turns",
}

_USED = ("pairs", "edits", "responses", "style")


class ExportForm(forms.Form):
    """One select for each setting. Sent by GET, so that an address holds a choice."""

    use_required_attribute = False  # “all queues” is an empty value

    format = forms.ChoiceField(choices=[(name, f"{name}: {kind.title}") for name, kind in FORMATS.items()])
    queue = forms.ChoiceField()
    responses = forms.ChoiceField(choices=[(kind.value, title) for kind, title in RESPONSES.items()])
    pairs = forms.ChoiceField(choices=[(kind.value, title) for kind, title in PAIRS.items()])
    edits = forms.ChoiceField(choices=[(kind.value, title) for kind, title in EDITS.items()])
    style = forms.ChoiceField(choices=[(kind.value, title) for kind, title in STYLES.items()])
    split = forms.ChoiceField(
        choices=[
            ("", "Everything in one file"),
            *((split.value, f"{split.value.title()}: {share:.0%} of the prompts") for split, share in SHARES.items()),
        ],
    )

    def __init__(self, project: Project, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        queues = [(queue.slug, queue.name) for queue in project.queues.order_by("pk")]
        self.fields["queue"].choices = [("", "All queues"), *queues]  # type: ignore[attr-defined]
        for name in _USED:
            *most, last = [kind.name for kind in FORMATS.values() if name in kind.uses and not kind.like]
            others = any(name in kind.uses for kind in FORMATS.values() if kind.like)
            named = f"{', '.join(most)} and {last}" + (", and others of their kind" if others else "")
            self.fields[name].help_text = f"For {named}."
