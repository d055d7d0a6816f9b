"""`manage.py create_token EMAIL`: a token for programs that act in a person's name."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labeling.models import User
from labeling.services import people


class Command(BaseCommand):
    """Prints the token and nothing else on its last line."""

    help = "Makes an API token for the account of an e-mail address and prints it. It is shown this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address that the person logs in with")
        parser.add_argument("--name", default="made on the command line", help="what the profile page calls the token")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account of {email}.")
        _, key = people.create_token(user, name=name, by=user)
        self.stdout.write(key)
