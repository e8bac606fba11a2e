from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.trail import heads


class Command(BaseCommand):
    help = "Print the head of each chain of the audit trail as a line to be kept elsewhere; -o adds them to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-o", "--output", metavar="FILE", help="add the lines to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = "".join(f"{head}\n" for head in heads.heads())
        if not options["output"]:
            self.stdout.write(lines, ending="")
            return
        try:
            with Path(options["output"]).open("a", encoding="utf-8") as out:
                out.write(lines)
        except OSError as error:
            raise CommandError(f"{options['output']} was not written: {error.strerror}.") from None
