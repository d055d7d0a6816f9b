"""The drawer of prompt sources: what kinds of file can be read as prompts.

To add a source: one file beside these with a `read` function, one line in the table, and a paragraph in
docs/importing.md.
"""

from __future__ import annotations

from labeling.importing import alpaca, csv, jsonl, oasst, parquet, sharegpt
from labeling.importing.base import PromptLine, Reader, Rejected, Source

_JSON = ("application/json", "application/x-ndjson", "application/jsonl", "application/x-jsonlines")

SOURCES: dict[str, Source] = {
    "jsonl": Source("JSON Lines", jsonl.read, _JSON[1:]),
    "csv": Source("CSV", csv.read, ("text/csv", "text/tab-separated-values")),
    "parquet": Source("Parquet", parquet.read, ("application/vnd.apache.parquet", "application/x-parquet")),
    "alpaca": Source("Alpaca", alpaca.read, _JSON),
    "sharegpt": Source("ShareGPT", sharegpt.read, _JSON),
    "oasst": Source("OpenAssistant", oasst.read, _JSON),
}

__all__ = ["SOURCES", "PromptLine", "Reader", "Rejected", "Source"]
