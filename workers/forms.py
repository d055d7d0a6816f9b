"""The form that sets a generator up."""

from __future__ import annotations

from typing import Any

from django import forms

from workers.backends import BACKENDS


class GeneratorForm(forms.Form):
    """What a manager types. The service judges it; its complaints are put beside the fields."""

    name = forms.CharField(max_length=100, help_text="How you will know it, for example “SmolLM2, warm”.")
    backend = forms.ChoiceField(choices=lambda: [(name, backend.title) for name, backend in BACKENDS.items()])
    model = forms.CharField(
        max_length=300,
        initial="smollm2-135m-instruct",
        help_text="The bundled smollm2-135m-instruct, a folder on the workers' machine, or a Hugging Face hub name.",
    )
    revision = forms.CharField(
        max_length=100, required=False, help_text="The commit of a hub model, so that it stays the same model."
    )
    candidates_per_prompt = forms.IntegerField(min_value=1, max_value=64, initial=4, label="Candidates for each prompt")
    max_new_tokens = forms.IntegerField(min_value=1, max_value=32768, initial=256, label="Longest response, in tokens")
    temperature = forms.FloatField(
        min_value=0,
        max_value=2,
        initial=0.8,
        help_text="0 takes the likeliest token every time; higher is more varied.",
    )
    top_p = forms.FloatField(min_value=0, max_value=1, initial=0.95, label="Top p")
    seed = forms.IntegerField(min_value=0, initial=0, help_text="The same seed makes the same responses again.")
    system = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="System message",
        help_text="Goes before prompts that have none of their own.",
    )

    def fields_for_service(self) -> dict[str, Any]:
        """The cleaned fields as `generators.create` takes them."""
        given = dict(self.cleaned_data)
        sampling = {name: given.pop(name) for name in ("max_new_tokens", "temperature", "top_p", "seed")}
        return given | {"sampling": sampling}
