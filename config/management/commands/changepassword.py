from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """In place of Django's, which sets anybody's password and leaves no trace of it."""

    help = "Refused: nobody sets somebody else's password. Says what to do instead."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="*")
        parser.add_argument("--database", default="default")

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(
            "Nobody sets somebody else's password here, since it signs in her name. She asks for a new one with “I have "
            "forgotten my password” on the sign-in page; the link goes to her address, and the change is on record. If no "
            "mail goes out, put that right first: MANAGE tick says what failed."
        )
