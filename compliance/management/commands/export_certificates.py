import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certificates.models import Certificate
from compliance import exports
from staff.naming import clinic_named

EVERY = 500  # certificates between two lines of progress


class Command(BaseCommand):
    help = "Write the certificates of one clinic, or of all, into a ZIP with its manifest of hashes; what is over too."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clinic", metavar="SLUG", help="its name, such as lakeside-skin-clinic, or its public id")
        parser.add_argument(
            "-o", "--output", required=True, metavar="FILE", help="the ZIP to write; - is the standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Certificate.objects.order_by("holder_name", "number")
        if options["clinic"]:
            rows = rows.filter(clinic=clinic_named(options["clinic"]))
        pks = list(rows.values_list("pk", flat=True))
        if options["output"] == "-":
            self._write(pks, sys.stdout.buffer)
            return
        target = Path(options["output"])
        unfinished = target.with_name(f"{target.name}.unfinished")
        try:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                self._write(pks, out)
            unfinished.replace(target)
        except OSError as error:
            raise CommandError(f"{target} was not written: {error.strerror}.") from None
        finally:
            unfinished.unlink(missing_ok=True)
        self.stderr.write(f"{len(pks)} certificates in {target}.")

    def _write(self, pks: list[int], out: BinaryIO) -> None:
        done = 0

        def told() -> None:
            nonlocal done
            done += 1
            if done % EVERY == 0:
                self.stderr.write(f"{done} of {len(pks)}")

        for chunk in exports.zip_chunks(pks, each=told):
            out.write(chunk)
