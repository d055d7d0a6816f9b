"""Files of prompts that a manager sends meanwhile, and what must have become of them when the hammer rests."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from tests.hammer.annotators import Line


@dataclass(frozen=True)
class File:
    """So many lines, whose external ids nobody else has."""

    first: int
    lines: int

    @property
    def external_ids(self) -> list[str]:
        """One a line."""
        return [f"late{n}" for n in range(self.first, self.first + self.lines)]

    @property
    def text(self) -> bytes:
        """The file, the same each time."""
        lines = [
            {"prompt": f"And {n}?", "external_id": external_id, "priority": n % 3}
            for n, external_id in enumerate(self.external_ids, start=self.first)
        ]
        return "".join(json.dumps(line) + "\n" for line in lines).encode()


class Files:
    """What was sent, and how. `lines` is how many a file for a worker has."""

    def __init__(self, port: int, headers: dict[str, str], counts: Any, *, project: str, lines: int) -> None:
        self.call = Line(port, headers, counts)
        self.call.kind = "application/x-ndjson"
        self.path = f"/api/projects/{project}/prompts/"
        self.lines, self.next = lines, 0
        self.for_workers: list[File] = []
        self.records: dict[int, File] = {}  # by the number of the import
        self.wrong: list[str] = []

    def _new(self, lines: int) -> File:
        first, self.next = self.next, self.next + lines
        return File(first, lines)

    def send(self, file: File | None = None) -> dict[str, Any]:
        """Sends a file, or one of three new lines, that is read as it comes in. What became of its lines."""
        file = file or self._new(3)
        status, data, lost = self.call("POST", self.path, file.text)
        if status != 200:
            self.wrong.append(f"an import: {status} {data}, after a try that was lost: {lost}")
            return {}
        if data["rejected"] or data["imported"] + data["updated"] + data["unchanged"] != file.lines:
            self.wrong.append(f"an import of {file.lines} good lines: {data}")
        return dict(data)

    def send_for_a_worker(self, dice: random.Random) -> None:
        """Sends a new file for a worker to read, or one again that was sent before."""
        if self.for_workers and dice.random() < 0.3:
            file = dice.choice(self.for_workers)
        else:
            file = self._new(self.lines)
            self.for_workers.append(file)
        status, data, lost = self.call("POST", f"{self.path}?background=1", file.text)
        if status == 202:
            self.records[data["id"]] = file
        elif status != 409 or data["code"] != "conflict":  # so many wait already
            self.wrong.append(f"an import for a worker: {status} {data}, after a try that was lost: {lost}")

    def lost(self) -> list[str]:
        """What is wrong with the files when no worker has anything to do: the good lines of each are there, once."""
        from labeling.models import Prompt, PromptImport, WorkState

        wrong, complete = [], set()
        for record in PromptImport.objects.filter(pk__in=self.records):
            file = self.records[record.pk]
            counted = record.imported + record.updated + record.unchanged
            if record.state == WorkState.DONE:
                complete.add(file)
                there = Prompt.objects.filter(external_id__in=file.external_ids).count()
                if (counted, record.rejected, there) != (file.lines, 0, file.lines):
                    wrong.append(
                        f"{record}, done, of {file}: {counted} counted, {record.rejected} rejected, {there} there"
                    )
            elif record.state != WorkState.FAILED or "Send the file again" not in record.reason:
                wrong.append(f"{record} of {file} is {record.state}: {record.reason}")
        if left := self.records.keys() - set(PromptImport.objects.values_list("pk", flat=True)):
            wrong.append(f"imports that were confirmed are not there: {sorted(left)}")
        for file in self.for_workers:
            again = self.send(file)
            if file in complete and again and again["unchanged"] != file.lines:
                wrong.append(f"{file}, sent again when it was read, changes something: {again}")
            there = Prompt.objects.filter(external_id__in=file.external_ids).count()
            if there != file.lines:
                wrong.append(f"{file}, sent again, has {there} prompts")
        return wrong + self.wrong
