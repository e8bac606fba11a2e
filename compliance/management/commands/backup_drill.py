from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import backups


class Command(BaseCommand):
    help = (
        "Back up, restore into a new place, verify the copy, throw it away, and say how long it took. The site goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            default="",
            metavar="URL",
            help="PostgreSQL: a database that is not there yet; else …_drill beside it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wrong, took = backups.drill(beside=options["to"])
        except backups.Refused as refused:
            raise CommandError(str(refused)) from None
        for sentence in wrong:
            self.stdout.write(sentence)
        if wrong:
            raise SystemExit(1)
        self.stdout.write(
            f"Backed up, restored and verified in {took.total_seconds():.1f} seconds. Everything adds up."
        )
