"""`llama-factory`, and with `-preference` and `-kto`: messages that LLaMA-Factory reads, with its `dataset_info.json`.

Its own rules for the order of turns hold in all three; a row that breaks them it would skip with a line in a log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from labeling.exports.conversations import asked, reply, tools_column
from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.judgements import judgements
from labeling.exports.llama_factory import ROLES, dataset_info, with_tools
from labeling.exports.policies import Policies
from labeling.exports.preferences import pairs
from labeling.exports.records import Example, Message, Row
from labeling.exports.removed import Removed
from labeling.exports.turns import talk


def _messages(example: Example) -> list[Message] | None:
    """The prompt in LLaMA-Factory's roles; None where it breaks its order of turns."""
    told = talk(asked(example.prompt))
    if told is None:
        return None
    system = [{"role": "system", "content": told.system}] if told.system else []
    return [*system, *({"role": who, "content": text} for who, text in told.turns)]


class LlamaFactory(Format):
    name = "llama-factory"
    title = "Demonstrations for LLaMA-Factory"
    uses = ("responses",)
    like = "sft"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        messages = _messages(example)
        for demonstration in demonstrations(example, policies, removed):
            if messages is None:
                removed.add("unfit_turns")
            else:
                whole = [*messages, reply(demonstration.text)]
                yield {"messages": whole, **tools_column(example), "metadata": demonstration.metadata}

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        read = with_tools({"messages": "messages"}, columns)
        return dataset_info(self.name, files, formatting="sharegpt", columns=read, tags=ROLES)


class LlamaFactoryPreference(Format):
    name = "llama-factory-preference"
    title = "Pairs for LLaMA-Factory"
    uses = ("pairs", "edits")
    like = "preference"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        messages = _messages(example)
        for pair in pairs(example, policies, removed):
            if messages is None:
                removed.add("unfit_turns")
            else:
                # One message a side, and no list of one: of lists it finds no valid sample.
                sides = {"chosen": reply(pair.chosen), "rejected": reply(pair.rejected)}
                yield {"messages": messages, **sides, **tools_column(example), "metadata": pair.metadata}

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        read = with_tools({"messages": "messages", "chosen": "chosen", "rejected": "rejected"}, columns)
        return dataset_info(self.name, files, formatting="sharegpt", ranking=True, columns=read, tags=ROLES)


class LlamaFactoryKto(Format):
    name = "llama-factory-kto"
    title = "Good and bad responses for LLaMA-Factory"
    like = "kto"
    apart = True

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        messages = _messages(example)
        for judgement in judgements(example, policies, removed):
            if messages is None:
                removed.add("unfit_turns")
            else:
                whole = [*messages, reply(judgement.text)]
                known = {**tools_column(example), "metadata": judgement.metadata}
                yield {"messages": whole, "label": judgement.label, **known}

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        read = with_tools({"messages": "messages", "kto_tag": "label"}, columns)
        return dataset_info(self.name, files, formatting="sharegpt", columns=read, tags=ROLES)
