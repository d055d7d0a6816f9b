"""From a row to what its backend is asked: the conversation, the way to draw, and the seed."""

from __future__ import annotations

from labeling.models import Prompt
from labeling.text import with_documents
from workers.backends.base import Request, Sampling, derive_seed
from workers.models import Generation, Generator


def request_for(row: Generation, generator: Generator) -> Request:
    """What the backend is asked for a row, whose prompt is at hand."""
    sampling = sampling_of(generator, row.sample)
    return Request(
        id=str(row.pk),
        messages=messages_for(row.prompt, system=generator.system),  # type: ignore[arg-type]
        sampling=sampling,
        seed=seed_of(row, sampling),
        tools=row.prompt.tool_list,
    )


def seed_of(row: Generation, sampling: Sampling) -> int:
    """A row's seed. Rows that share prompt, generator and sample have others by what tells them apart."""
    parts: list[str | int] = [row.prompt.content_hash, row.sample]
    if row.drawn:
        parts.append("drawn")
    if row.attempt:
        parts.append(f"attempt {row.attempt}")
    return derive_seed(sampling.seed, *parts)


def sampling_of(generator: Generator, sample: int) -> Sampling:
    """How a generator's sample is drawn: its own way, with what the sample's variant says instead."""
    variant = generator.variants[sample % len(generator.variants)] if generator.variants else {}
    return Sampling.parse({**generator.sampling, **variant})


def messages_for(prompt: Prompt, *, system: str) -> list[dict[str, str]]:
    """The prompt as the model gets it: with the generator's system text where the prompt has none of its own."""
    # Chat templates know `system`; `developer` is OpenAI's newer name for the same.
    messages = [m | {"role": "system"} if m["role"] == "developer" else dict(m) for m in prompt.messages]
    messages[-1] = messages[-1] | {"content": with_documents(messages[-1]["content"], prompt.context)}
    if system and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    return messages
