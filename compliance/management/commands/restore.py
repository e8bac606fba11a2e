from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import backups


class Command(BaseCommand):
    help = "Restore a backup into a new place, and look whether it is whole and adds up. The site's own database is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="as backup wrote it, with its .json beside it")
        parser.add_argument(
            "--to", required=True, metavar="URL", help="such as sqlite:////var/lib/pinpoint/restored.sqlite3"
        )
        parser.add_argument("--over", action="store_true", help="replace what is there; nothing may run on it")
        parser.add_argument("--erasures", metavar="FILE", help="the ledger of erasures, to be carried out on the copy")

    def handle(self, *args: Any, **options: Any) -> None:
        ledger = Path(options["erasures"]) if options["erasures"] else None
        try:
            wrong = backups.restore(Path(options["file"]), to=options["to"], over=options["over"], erasures=ledger)
        except backups.Refused as refused:
            raise CommandError(str(refused)) from None
        for sentence in wrong:
            self.stdout.write(sentence)
        if wrong:
            raise SystemExit(1)
        self.stdout.write(
            "Restored; rows and heads are those of the backup, and everything adds up. To run the site on it: stop the site "
            f"and its tick, set DATABASE_URL={options['to']}, start both."
        )
