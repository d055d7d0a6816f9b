"""`manage.py ensure_demo`: makes the demo project once, and notes how to log in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from labeling.models import Project
from workers import demo

WELCOME = """\
The demo project has three accounts, all with the password  {password}
  {annotator:<22} an annotator (and ben@example.org, a second one): writes and ranks
  {manager:<22} the manager: sees everything, exports
The first responses are being made by a small model on this machine; the first ranking task is ready in a minute or
two, and writing tasks are ready now. Watch it at /projects/{slug}/generators/.
"""


class Command(BaseCommand):
    help = "Makes the demo project, its people, queues and generator, unless it is there."

    def handle(self, *args: Any, **options: Any) -> None:
        if Project.objects.filter(slug=demo.SLUG).exists():
            self.stdout.write("The demo project is there already.")
            return
        password = demo.new_password()
        demo.make(password)
        home: Path = settings.ANNOTATE_HOME
        home.mkdir(parents=True, exist_ok=True)
        text = WELCOME.format(
            password=password, annotator=next(iter(demo.ANNOTATORS)), manager=demo.MANAGER, slug=demo.SLUG
        )
        # A password that works, so for its owner's eyes only.
        with open(os.open(home / "welcome.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(text)
        self.stdout.write("Made the demo project. How to log in is in welcome.txt.")
