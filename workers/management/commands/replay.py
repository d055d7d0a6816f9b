"""`manage.py replay CANDIDATE`: makes a candidate again, and says whether it is the same, or what differs."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.models import Candidate
from workers.backends.base import GeneratorError
from workers.services import replaying


class Command(BaseCommand):
    help = "Makes a generated candidate again from its provenance, and says same, or what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("candidate", type=int, help="The candidate's number.")
        parser.add_argument("--json", action="store_true", help="Say it as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with 0 where the text is the same, else with 1."""
        candidate = Candidate.objects.select_related("prompt").filter(pk=options["candidate"]).first()
        if candidate is None:
            raise CommandError(f"There is no candidate {options['candidate']}.")
        try:
            replay = replaying.replay(candidate)
        except (GeneratorError, replaying.CannotReplay) as error:
            raise CommandError(f"Candidate {candidate.pk} cannot be made again: {error}") from error
        if options["json"]:
            found = {
                "candidate": candidate.pk,
                "same": replay.same,
                "differences": [vars(one) for one in replay.differences],
                "text": replay.text,
            }
            self.stdout.write(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            for one in replay.differences:
                self.stdout.write(f"{one.what}: it was {one.then}, it is {one.now}")
            self.stdout.write("same" if replay.same else "the text differs")
        if not replay.same:
            raise SystemExit(1)
