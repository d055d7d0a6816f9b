"""What a form is tried out on: a prompt of the project with its responses, or a sample that is always there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.models import Candidate, Project, Prompt
from labeling.selectors.slots import ShownCandidate, key_at
from labeling.text import typed_number

OFFERED = 20
LOOKED_AT = 1000  # prompts: the first of them are as good for a try as any of a million
ENOUGH = 3  # made-up responses, where the form takes so many
BUILT_IN = "sample"

_QUESTION = """\
How do I take the mean of a list of numbers in Python, and when is the median the better choice?

Please keep it short."""

_SOURCE = """\
The **mean** is the sum of the values divided by their number. One value far away from the others moves it.

The **median** is the value in the middle when the values stand in order. It says more about a typical value where \
the data are skewed, as incomes are."""

_RESPONSES = (
    """\
Use the standard library:

```python
from statistics import mean, median

wages = [20, 22, 24, 26, 200]
print(mean(wages), median(wages))  # 58.4 24
```

Take the median where a few values are far away from the rest: here $58.4$ describes nobody.""",
    """\
`sum(numbers) / len(numbers)` gives the mean. The median is the value in the middle.

1. Use the mean for values that lie evenly around their centre.
2. Use the median for skewed values, such as incomes.""",
    """\
The mean is the most frequent value and the median is the average of all of them, so they are nearly always the same. \
Use whichever you like.""",
)


@dataclass(frozen=True)
class Sample:
    """A prompt and the responses to be judged. `note` says in words why it is not what was asked for."""

    prompt: Prompt
    candidates: Sequence[ShownCandidate]
    note: str = ""


@dataclass(frozen=True)
class Offered:
    """One prompt to try a form on."""

    pk: int
    opening: str
    candidates: int


def offered(project: Project) -> list[Offered]:
    """The first prompts of a project."""
    found = Prompt.objects.filter(project=project).order_by("pk")[:OFFERED]
    return [Offered(prompt.pk, " ".join(prompt.opening.split())[:70], prompt.candidates_count) for prompt in found]


def sample(project: Project, wanted: str, *, low: int, high: int) -> Sample:
    """What a form that shows `low` to `high` responses is tried out on.

    `wanted` is a prompt's number, `sample` for the one that is built in, or empty for the first prompt that has enough.
    """
    if wanted == BUILT_IN:
        return _built_in(low, high)
    prompts = Prompt.objects.filter(project=project)
    if not wanted:
        first = prompts.order_by("pk").values_list("pk", "candidates_count")[:LOOKED_AT]
        fitting = next((pk for pk, number in first if number >= low), None)
        return _of_prompt(prompts.get(pk=fitting), high) if fitting else _built_in(low, high)
    known = typed_number(wanted)
    prompt = None if known is None else prompts.filter(pk=known).first()
    if prompt is None:
        return _built_in(low, high, "There is no such prompt; this one is made up.")
    if prompt.candidates_count < low:
        return _built_in(low, high, f"That prompt has fewer than {low} responses; this one is made up.")
    return _of_prompt(prompt, high)


def _of_prompt(prompt: Prompt, most: int) -> Sample:
    texts = Candidate.objects.filter(prompt=prompt).order_by("pk").values_list("text", flat=True)[:most]
    return Sample(prompt, _shown(list(texts)))


def _built_in(low: int, high: int, note: str = "") -> Sample:
    prompt = Prompt(
        messages=[{"role": "user", "content": _QUESTION}],
        context=[{"title": "Mean and median", "text": _SOURCE}],
        language="en",
    )
    number = min(high, max(low, ENOUGH))
    return Sample(prompt, _shown([_RESPONSES[place % len(_RESPONSES)] for place in range(number)]), note)


def _shown(texts: Sequence[str]) -> list[ShownCandidate]:
    return [ShownCandidate(key_at(place), key_at(place).upper(), text) for place, text in enumerate(texts)]
