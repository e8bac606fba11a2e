from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes import exporting
from training.models import Module


class Command(BaseCommand):
    help = "Write a module as it stands on the site into its files: DIR/<module>/. What nobody changed keeps its bytes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("module", metavar="MODULE", help="the module's slug")
        parser.add_argument("into", type=Path, metavar="DIR", help="the material's folder, such as training/material")

    def handle(self, *args: Any, **options: Any) -> None:
        module = Module.objects.filter(slug=options["module"]).first()
        if module is None:
            known = ", ".join(Module.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no module {options['module']}. There are: {known}.")
        into = options["into"].resolve()
        try:
            done = exporting.export(module, exporting.base_of(module, into))
        except exporting.NotExported as error:
            raise CommandError(str(error)) from None
        changed = exporting.write(done, into)
        for name in changed:
            self.stdout.write(name)
        self.stdout.write(f"{len(changed)} of {len(done.files)} files written." if changed else "Nothing differs.")
