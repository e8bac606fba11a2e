from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import backups


class Command(BaseCommand):
    help = "Copy the whole database to a file while the site runs, and write beside it what it holds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="where to; it must not be there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        file = Path(options["file"])
        try:
            made = backups.backup(file)
        except backups.Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"{sum(made.rows.values())} rows of {len(made.rows)} tables in {file}, SHA-256 {made.sha256}. It holds names, "
            "answers and password hashes: encrypt it, and keep the keys of the settings elsewhere."
        )
