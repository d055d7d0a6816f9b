"""axolotl 0.19.0 loads what docs/exports.md says, by the very `type` that stands there.

`sft` and `openai-sft` (`chat_template`, with `field_tools: tools` too), `alpaca` (`alpaca`), `preference`
(`chat_template.default`), `reward` (`chat_template.argilla_chat`), `kto` as plain text (`chatml.ultra`),
`axolotl-bradley-terry` (`bradley_terry.chat_template`) and `stepwise` (`stepwise_supervised`).
"""

from __future__ import annotations

import json
import tempfile
from typing import Any

from tests.contract.reading import Row, folder, rows, said, same
from tests.labeling.exports import tiny

# Writes the names of tools before the first turn, which the template of the tests does not.
TOOLS = "{%- if tools -%}{%- for tool in tools -%}{{- tool['function']['name'] + '\n' -}}{%- endfor -%}{%- endif -%}"


def wrapped(tokenizer: Any, name: str, kind: str, **settings: Any) -> list[Row]:
    """The rows of a sample as axolotl's own loader of data sets makes them for a `type` of its configuration."""
    from axolotl.utils.data.wrappers import get_dataset_wrapper
    from axolotl.utils.dict import DictDefault
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    cfg = DictDefault(
        {
            "sequence_len": 2048,
            "train_on_inputs": False,
            "chat_template": "tokenizer_default",
            "dataset_num_proc": 1,
            "dataset_keep_in_memory": True,
            "reward_model": kind.startswith("bradley_terry"),
        }
    )
    with tempfile.TemporaryDirectory() as cache:
        file = str(folder() / f"{name}.jsonl")
        sent = load_dataset("json", data_files=file, split="train", cache_dir=cache, keep_in_memory=True)
        given = DictDefault({"path": file, "type": kind, **settings})
        made, _ = get_dataset_wrapper(given, tokenizer, cfg, kind, sent)
        return [dict(row) for row in made]


def learnt(tokenizer: Any, row: Row) -> str:
    return str(tokenizer.decode([label for label in row["labels"] if label != -100]))


def demonstrations(tokenizer: Any, name: str) -> None:
    """The loss lies on what the assistant says, and on nothing else."""
    found = wrapped(
        tokenizer, name, "chat_template", field_messages="messages", roles_to_train=["assistant"], train_on_eos="turn"
    )
    sent = rows(name)
    same(f"{name}, rows", len(found), len(sent))
    for row, made in zip(sent, found, strict=True):
        # Every turn of the assistant with its end; the template's line feed after it may count or not.
        wanted = "".join(f"{m['content']}<|im_end|>" for m in row["messages"] if m["role"] == "assistant")
        same(name, learnt(tokenizer, made).replace("<|im_end|>\n", "<|im_end|>"), wanted)
        whole = tokenizer.apply_chat_template(row["messages"], tokenize=False)
        same(f"{name}, the whole", tokenizer.decode(made["input_ids"]).rstrip("\n"), whole.rstrip("\n"))
    said(name, len(found))


def tools(tokenizer: Any) -> None:
    """The template gets the tools of the column, and none where there are none."""
    plain, tokenizer.chat_template = tokenizer.chat_template, TOOLS + tokenizer.chat_template
    found = wrapped(tokenizer, "tools/sft", "chat_template", field_messages="messages", field_tools="tools")
    sent = rows("tools/sft")
    for row, made in zip(sent, found, strict=True):
        names = [tool["function"]["name"] for tool in json.loads(row["tools"])]
        before = tokenizer.decode(made["input_ids"]).partition("<|im_start|>")[0]
        same("tools/sft", before, "".join(f"{one}\n" for one in names))
    if not any(json.loads(row["tools"]) for row in sent):
        raise SystemExit("tools/sft has no tools, so nothing is shown")
    tokenizer.chat_template = plain
    said("tools/sft", len(found))


def alpaca(tokenizer: Any) -> None:
    """Single turns without a system text: what else a row holds is not read."""
    found = wrapped(tokenizer, "alpaca", "alpaca")
    sent = rows("alpaca")
    number = 0
    for row, made in zip(sent, found, strict=True):
        same("alpaca", learnt(tokenizer, made), f"{row['output']}<|im_end|>")
        if not row["system"] and not row["history"]:
            number += 1
            whole = tokenizer.decode(made["input_ids"])
            if f"Instruction:\n{row['instruction']}\n" not in whole:
                raise SystemExit(f"alpaca: the instruction is not in\n{whole}")
    said("alpaca", number)


def reward_models(tokenizer: Any, **settings: bool) -> None:
    """Both sides are the whole conversation as the template writes it.

    A row without a system text gets an empty one. `drop_system_message` leaves out all, whether they are empty or not.
    """
    name = "axolotl-bradley-terry"
    found = wrapped(tokenizer, name, "bradley_terry.chat_template", **settings)
    sent = rows(name)
    same(f"{name}, with a system text and without", {bool(row["system"]) for row in sent}, {True, False})
    for row, made in zip(sent, found, strict=True):
        asked = [{"role": "user", "content": row["input"]}]
        asked = asked if settings else [{"role": "system", "content": row["system"]}, *asked]
        for side in ("chosen", "rejected"):
            talk = [*asked, {"role": "assistant", "content": row[side]}]
            whole = tokenizer.apply_chat_template(talk, tokenize=False)
            same(f"{name}, {side}", tokenizer.decode(made[f"{side}_ids"]).rstrip("\n"), whole.rstrip("\n"))
    said(name, len(found))


def steps(tokenizer: Any) -> None:
    """Each step ends in its label, and nothing else is learnt."""
    found = wrapped(tokenizer, "stepwise", "stepwise_supervised", step_separator="\n")
    sent = rows("stepwise")
    same("stepwise, labels of both kinds", {label for row in sent for label in row["labels"]}, {True, False})
    for row, made in zip(sent, found, strict=True):
        whole = row["prompt"] + "".join(f"{step}\n" for step in row["completions"])
        same("stepwise, the whole", tokenizer.decode(made["input_ids"]), whole)
        same("stepwise", [label for label in made["labels"] if label != -100], [int(label) for label in row["labels"]])
    said("stepwise", len(found))


def judgements() -> None:
    """Prompt and response as ChatML, and the label as it was."""
    from axolotl.prompt_strategies.kto import load
    from axolotl.utils.dict import DictDefault

    transform = load("chatml.ultra", DictDefault({}), dataset_idx=0)
    sent = rows("kto-standard")
    for row in sent:
        made = transform(dict(row))
        same("kto, prompt", made["prompt"], f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n")
        same("kto", (made["completion"], made["label"]), (f"{row['completion']}<|im_end|>", row["label"]))
    said("kto as plain text", len(sent))


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
    demonstrations(tokenizer, "sft")
    demonstrations(tokenizer, "openai-sft")
    tools(tokenizer)
    alpaca(tokenizer)
    pairs(tokenizer, "preference", "chat_template.default", field_messages="prompt")
    pairs(tokenizer, "reward", "chat_template.argilla_chat")
    judgements()
    reward_models(tokenizer)
    reward_models(tokenizer, drop_system_message=True)
    steps(tokenizer)


if __name__ == "__main__":
    main()
