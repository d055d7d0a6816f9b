"""What managers type of the questions of a queue."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from labeling.forms.base import area
from labeling.importing.strict import decode
from labeling.importing.texts import LineError

OWN_FORM = "own"


class JSONQuestions(forms.CharField):
    """A list of questions, typed as JSON."""

    widget = area(12, spellcheck="false", autocapitalize="off", autocomplete="off")

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            value = decode(text.encode())
            # What is wrong with it is said in its own words, which must be fit to be sent back.
            json.dumps(value, ensure_ascii=False).encode()
        except LineError as error:
            raise forms.ValidationError(str(error)) from error
        except UnicodeEncodeError as error:
            raise forms.ValidationError("It holds half of a character (a lone surrogate).") from error
        except RecursionError as error:
            raise forms.ValidationError("The JSON is nested too deep.") from error
        return value


class QuestionsForm(forms.Form):
    """The questions of a queue, as the form builder or a person writes them."""

    form = JSONQuestions(strip=False, label="Questions, as JSON")
