"""torchtune 0.6.1 loads `sft` and `openai-sft` (`chat_dataset`) and `reward` (`preference_dataset`)."""

from __future__ import annotations

from typing import Any

from tests.contract.reading import folder, rows, said, same


class Letters:
    """A tokenizer whose tokens are code points, so that what carries loss can be read off.

    As torchtune's own, it gives for messages their tokens and a mask that is true where there is no loss.
    """

    def tokenize_messages(self, messages: list[Any], **others: Any) -> tuple[list[int], list[bool]]:
        tokens: list[int] = []
        mask: list[bool] = []
        for message in messages:
            letters = [ord(letter) for letter in message.text_content]
            tokens += letters
            mask += [bool(message.masked)] * len(letters)
        return tokens, mask

    def __call__(self, sample: dict[str, Any], inference: bool = False) -> dict[str, Any]:
        tokens, mask = self.tokenize_messages(sample.pop("messages"))
        return {**sample, "tokens": tokens, "mask": mask}


def text(tokens: Any) -> str:
    return "".join(chr(token) for token in tokens if token != -100)


def main() -> None:
    from torchtune.datasets import chat_dataset, preference_dataset

    for name in ("sft", "openai-sft"):
        wanted = rows(name)
        found = chat_dataset(
            Letters(),
            source="json",
            conversation_column="messages",
            conversation_style="openai",
            data_files=str(folder() / f"{name}.jsonl"),
            split="train",
        )
        same(f"{name}, rows", len(found), len(wanted))
        for row, made in zip(wanted, (found[place] for place in range(len(found))), strict=True):
            same(f"{name}, the whole", text(made["tokens"]), "".join(m["content"] for m in row["messages"]))
            learnt = "".join(m["content"] for m in row["messages"] if m["role"] == "assistant")
            same(f"{name}, what carries loss", text(made["labels"]), learnt)
        said(name, len(wanted))

    wanted = rows("reward")
    pairs = preference_dataset(
        Letters(), source="json", data_files=str(folder() / "reward.jsonl"), split="train", train_on_input=False
    )
    same("reward, rows", len(pairs), len(wanted))
    for row, made in zip(wanted, (pairs[place] for place in range(len(pairs))), strict=True):
        for side in ("chosen", "rejected"):
            same(f"reward, {side}", text(made[f"{side}_input_ids"]), "".join(m["content"] for m in row[side]))
            learnt = "".join(m["content"] for m in row[side] if m["role"] == "assistant")
            same(f"reward, {side}, what carries loss", text(made[f"{side}_labels"]), learnt)
    said("reward", len(wanted))


if __name__ == "__main__":
    main()
