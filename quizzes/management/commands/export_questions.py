from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes import importing
from quizzes.exchange import FORMATS
from training.models import Module


class Command(BaseCommand):
    help = "Write a module's live items, with their keys, in the format of another system."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="else to the standard output")
        parser.add_argument("--module", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=FORMATS)

    def handle(self, *args: Any, **options: Any) -> None:
        module = Module.objects.filter(slug=options["module"]).first()
        if module is None:
            known = ", ".join(Module.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no module {options['module']}. There are: {known}.")
        text, left_out = importing.export(module, options["format"])
        if options["file"]:
            options["file"].write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")
        for code, why in left_out:
            self.stderr.write(f"left out: {code}, {why}")
