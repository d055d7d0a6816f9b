"""LLaMA-Factory 0.9.5 loads `sft` with role tags, and `kto` with its two columns put together as the docs say."""

from __future__ import annotations

import importlib.machinery
import json
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from tests.contract.reading import Row, folder, rows, said, same

# It imports torchaudio for sounds, which none of these rows have; the package itself is taken out (see `run`).
_audio = types.ModuleType("torchaudio")
_audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = _audio

TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def loaded(home: Path, name: str, stage: str) -> list[Row]:
    """A data set of `dataset_info.json` as the loader aligns it: `_prompt`, `_response` and `_system`."""
    from llamafactory.data.loader import _get_merged_dataset
    from llamafactory.hparams import DataArguments, ModelArguments
    from transformers import Seq2SeqTrainingArguments

    found = _get_merged_dataset(
        [name],
        ModelArguments(model_name_or_path="none", cache_dir=str(home / "cache")),
        DataArguments(dataset=name, dataset_dir=str(home), template="empty"),
        Seq2SeqTrainingArguments(output_dir=str(home / "out"), report_to="none", use_cpu=True),
        stage=stage,
    )
    return [dict(row) for row in found]


def turns(messages: list[Row]) -> tuple[str, list[tuple[str, str]]]:
    """The system text, and the other messages as who and what."""
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    return system, [(m["role"], m["content"]) for m in messages if m["role"] != "system"]


def aligned(row: Row) -> tuple[str, list[tuple[str, str]], list[str]]:
    return row["_system"], [(m["role"], m["content"]) for m in row["_prompt"]], [m["content"] for m in row["_response"]]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        (home / "sft.jsonl").write_bytes((folder() / "sft.jsonl").read_bytes())
        kto = [{"messages": [*row["prompt"], *row["completion"]], "label": row["label"]} for row in rows("kto")]
        (home / "kto.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kto), "utf-8")
        info: dict[str, Any] = {"formatting": "sharegpt", "tags": TAGS}
        (home / "dataset_info.json").write_text(
            json.dumps(
                {
                    "sft": {"file_name": "sft.jsonl", "columns": {"messages": "messages"}, **info},
                    "kto": {
                        "file_name": "kto.jsonl",
                        "columns": {"messages": "messages", "kto_tag": "label"},
                        **info,
                    },
                }
            )
        )
        wanted = []
        for row in rows("sft"):
            system, talk = turns(row["messages"])
            wanted.append((system, talk[:-1], [talk[-1][1]]))
        found = [aligned(row) for row in loaded(home, "sft", "sft")]
        # A row whose turns it does not like becomes an empty one, with a warning alone.
        same("sft", found, wanted)
        said("sft", len(found))
        wanted = []
        for row in kto:
            system, talk = turns(row["messages"])
            # The side that is empty says which label it was.
            text = talk[-1][1]
            wanted.append((system, talk[:-1], [text, ""] if row["label"] else ["", text]))
        found = [aligned(row) for row in loaded(home, "kto", "kto")]
        same("kto", found, wanted)
        said("kto", len(found))


if __name__ == "__main__":
    main()
