from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training import search
from training.queries import live_versions


class Command(BaseCommand):
    help = "Make the search index anew where it does not hold the live text. Safe to run twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="say what is stale; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            stale = search.stale()
            if stale:
                raise CommandError(f"Search does not hold the live text of {', '.join(stale)}: run index_search.")
            self.stdout.write("Search holds the live text of every module.")
            return
        made = [str(version) for version in live_versions() if search.keep_index(version)]
        self.stdout.write(f"Indexed anew: {', '.join(made)}." if made else "Nothing was stale.")
