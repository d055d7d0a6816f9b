"""axolotl 0.19.0 reads `sft` (`chat_template`), `preference` (`chat_template.default`), `reward` (`argilla_chat`)."""

from __future__ import annotations

from typing import Any

from tests.contract.reading import rows, said, same
from tests.labeling.exports import tiny


def demonstrations(tokenizer: Any) -> None:
    """The loss lies on what the assistant says, and on nothing else."""
    from axolotl.prompt_strategies import load
    from axolotl.utils.dict import DictDefault

    cfg = DictDefault({"sequence_len": 2048, "train_on_inputs": False, "chat_template": "tokenizer_default"})
    ds_cfg = DictDefault(
        {
            "type": "chat_template",
            "field_messages": "messages",
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        }
    )
    strategy = load("chat_template", tokenizer, cfg, ds_cfg)
    if strategy is None:
        raise SystemExit("sft: axolotl has no strategy “chat_template”; its own loader hides why")
    found = rows("sft")
    for row in found:
        made = strategy.tokenize_prompt({"messages": row["messages"]})
        learnt = tokenizer.decode([label for label in made["labels"] if label != -100])
        # Every turn of the assistant with its end; the template's line feed after it may count or not.
        wanted = "".join(f"{m['content']}<|im_end|>" for m in row["messages"] if m["role"] == "assistant")
        same("sft", learnt.replace("<|im_end|>\n", "<|im_end|>"), wanted)
        whole = tokenizer.apply_chat_template(row["messages"], tokenize=False)
        same("sft, the whole", tokenizer.decode(made["input_ids"]).rstrip("\n"), whole.rstrip("\n"))
    said("sft", len(found))


def pairs(tokenizer: Any, name: str, strategy: str, **settings: str) -> None:
    """Prompt and both sides come out as the template writes them. axolotl cuts white space at the end of a side."""
    from axolotl.prompt_strategies.dpo import load
    from axolotl.utils.dict import DictDefault

    cfg = DictDefault({"chat_template": "tokenizer_default", "datasets": [{"type": strategy, **settings}]})
    transform, _ = load(strategy, cfg, dataset_idx=0)
    found = rows(name)
    for row in found:
        made = transform(row, tokenizer=tokenizer)
        asked = row["prompt"] if "prompt" in row else row["chosen"][:-1]
        prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        same(f"{name}, prompt", made["prompt"], prompt)
        for side in ("chosen", "rejected"):
            same(f"{name}, {side}", made[side], f"{row[side][-1]['content']}<|im_end|>")
    said(name, len(found))


def main() -> None:
    tokenizer = tiny.tokenizer()
    # Marks of TRL's, which axolotl's own reader of templates need not know.
    for mark in ("{%- generation -%}", "{%- endgeneration -%}"):
        tokenizer.chat_template = tokenizer.chat_template.replace(mark, "")
    demonstrations(tokenizer)
    pairs(tokenizer, "preference", "chat_template.default", field_messages="prompt")
    pairs(tokenizer, "reward", "chat_template.argilla_chat")


if __name__ == "__main__":
    main()
