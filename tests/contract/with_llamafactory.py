"""LLaMA-Factory 0.9.5 loads every format that has an entry in our `dataset_info.json`, by that very file; and `sft`
with the role tags that `llama-factory` brings. With tools, and without.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path

from tests.contract.reading import Row, folder, rows, said, same

# It imports torchaudio for sounds, which none of these rows have; the package itself is taken out (see `run`).
_audio = types.ModuleType("torchaudio")
_audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = _audio

# A row as the loader aligns it: the system text, the turns before as who and what, the responses, the tools.
Aligned = tuple[str, list[tuple[str, str]], list[str], str]
# What it calls those who speak, by our names where they differ.
ROLES = {"human": "user", "gpt": "assistant", "function_call": "function"}


def loaded(home: Path, name: str, stage: str, cache: Path) -> list[Aligned]:
    """A data set of `dataset_info.json` in this folder as the loader aligns it."""
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    found = _get_merged_dataset(
        [name],
        ModelArguments(model_name_or_path="none", cache_dir=str(cache / "cache")),
        DataArguments(dataset=name, dataset_dir=str(home), template="empty"),
        Seq2SeqTrainingArguments(output_dir=str(cache / "out"), report_to="none", use_cpu=True),
        stage=stage,
    )
    aligned: list[Row] = [dict(row) for row in found]
    return [
        (
            row["_system"],
            [(m["role"], m["content"]) for m in row["_prompt"]],
            [m["content"] for m in row["_response"]],
            row["_tools"],
        )
        for row in aligned
    ]


def _role(name: str) -> str:
    return ROLES.get(name, name)


def turns(messages: list[Row]) -> tuple[str, list[tuple[str, str]]]:
    """The system text, and the other messages as who and what."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    return system, [(_role(m["role"]), m["content"]) for m in messages if m["role"] != "system"]


def demonstration(row: Row) -> Aligned:
    system, talk = turns(row["messages"])
    return system, talk[:-1], [talk[-1][1]], row.get("tools", "")


def pair(row: Row) -> Aligned:
    system, talk = turns(row["messages"])
    return system, talk, [row["chosen"]["content"], row["rejected"]["content"]], row.get("tools", "")


def judgement(row: Row) -> Aligned:
    """The side that is empty says which label it was."""
    system, before, (text,), tools = demonstration(row)
    return system, before, [text, ""] if row["label"] else ["", text], tools


def alpaca(row: Row) -> Aligned:
    before = [turn for said, answered in row["history"] for turn in (("user", said), ("assistant", answered))]
    return row["system"], [*before, ("user", row["instruction"])], [row["output"]], ""


def sharegpt(row: Row) -> Aligned:
    talk = [(_role(turn["from"]), turn["value"]) for turn in row["conversations"]]
    return row["system"], talk[:-1], [talk[-1][1]], row.get("tools", "")


# For each format the kind of training that it is loaded for, and a row as it must be aligned.
WANTED: dict[str, tuple[str, Callable[[Row], Aligned]]] = {
    "alpaca": ("sft", alpaca),
    "sharegpt": ("sft", sharegpt),
    "llama-factory": ("sft", demonstration),
    "llama-factory-preference": ("rm", pair),
    "llama-factory-kto": ("kto", judgement),
}


def check(place: str, cache: Path) -> None:
    """Loads every entry of `dataset_info.json` in a folder of samples."""
    home = folder() / place
    info = json.loads((home / "dataset_info.json").read_text("utf-8"))
    same("the entries of dataset_info.json", sorted(info), sorted(WANTED))
    for name, (stage, wanted) in WANTED.items():
        sent = rows(f"{place}{name}")
        if not sent:
            raise SystemExit(f"{place}{name} has no row, so nothing is shown")
        # A row whose turns it does not like becomes an empty one, with a warning alone.
        same(f"{place}{name}", loaded(home, name, stage, cache), [wanted(row) for row in sent])
        said(f"{place}{name}", len(sent))


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place)
        check("", cache)
        check("tools/", cache)
        home = cache / "sft"
        home.mkdir()
        entry = json.loads((folder() / "dataset_info.json").read_text("utf-8"))["llama-factory"]
        (home / "sft.jsonl").write_bytes((folder() / "sft.jsonl").read_bytes())
        (home / "dataset_info.json").write_text(json.dumps({"sft": {**entry, "file_name": "sft.jsonl"}}))
        same("sft", loaded(home, "sft", "sft", cache), [demonstration(row) for row in rows("sft")])
        said("sft", len(rows("sft")))


if __name__ == "__main__":
    main()
