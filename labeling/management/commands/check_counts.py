"""`manage.py check_counts`: are the numbers on the pages what is there?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from labeling.selectors import counts as reads
from labeling.services import counts


class Command(BaseCommand):
    """Counts everything that is kept as a number, and says where the two differ."""

    help = "Compares the kept numbers with what is counted; ends with 1 where they differ. Nobody has to wait for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="set right what differs")

    def handle(self, *args: Any, mend: bool, **options: Any) -> None:
        found = reads.differences()
        for difference in found:
            self.stdout.write(str(difference))
        if found and mend:
            counts.mend()
            self.stdout.write("Mended.")
        elif found:
            self.stdout.write("Set them right with --mend.")
            sys.exit(1)
        else:
            self.stdout.write("Every number is right.")
