"""`alpaca`: demonstrations as an instruction and an output, with earlier turns as a history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from labeling.exports.conversations import asked
from labeling.exports.demonstrations import demonstrations
from labeling.exports.formats.base import Format
from labeling.exports.llama_factory import dataset_info
from labeling.exports.policies import Policies
from labeling.exports.records import Example, Row
from labeling.exports.removed import Removed
from labeling.exports.turns import talk

_COLUMNS = {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}


class Alpaca(Format):
    name = "alpaca"
    title = "Demonstrations as instruction and output (Alpaca)"
    uses = ("responses",)
    like = "sft"
    leads = ("turns",)

    def rows(self, example: Example, policies: Policies, removed: Removed) -> Iterator[Row]:
        told = talk(asked(example.prompt))
        fits = told is not None and all(who in ("user", "assistant") for who, _ in told.turns)
        fits = fits and not example.prompt.tools
        for demonstration in demonstrations(example, policies, removed):
            if told is None or not fits:
                removed.add("unfit_turns")
                continue
            *earlier, (_, instruction) = told.turns
            texts = [text for _, text in earlier]
            yield {
                "instruction": instruction,
                # Documents stand in the instruction, where everybody's generators and annotators had them.
                "input": "",
                "output": demonstration.text,
                "system": told.system,
                "history": [[said, answered] for said, answered in zip(texts[::2], texts[1::2], strict=True)],
                "metadata": demonstration.metadata,
            }

    def beside(self, files: Mapping[str, Sequence[str]], columns: Collection[str] = ()) -> dict[str, str]:
        return dataset_info(self.name, files, columns=_COLUMNS)
