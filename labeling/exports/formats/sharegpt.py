"""`sharegpt`: demonstrations as conversations of `from` and `value`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from labeling.exports.conversations import asked, reply, tools_column
from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.llama_factory import dataset_info, with_tools
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.turns import talk

_FROM = {"user": "human", "assistant": "gpt"}


class ShareGpt(Format):
    name = "sharegpt"
    title = "Demonstrations as turns of human and gpt (ShareGPT)"
    uses = ("responses",)
    like = "sft"

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        for demonstration in demonstrations(example, policies, removed):
            told = talk([*asked(example.prompt), reply(demonstration.text)])
            if told is None:
                removed.add("unfit_turns")
            else:
                yield {
                    "conversations": [{"from": _FROM.get(who, who), "value": text} for who, text in told.turns],
                    "system": told.system,
                    **tools_column(example),
                    "metadata": demonstration.metadata,
                }

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        read = with_tools({"messages": "conversations", "system": "system"}, columns)
        return dataset_info(self.name, files, formatting="sharegpt", columns=read)
