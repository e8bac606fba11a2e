import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.keeping import erasing


class Command(BaseCommand):
    help = "Print the ledger of erasures, to be kept beside the backups; --replay FILE erases again after a restore."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-o", "--output", metavar="FILE", help="write it to this file")
        parser.add_argument("--replay", metavar="FILE", help="carry out what this ledger says and this database lacks")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replay"]:
            self._replay(options["replay"])
            return
        text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in erasing.ledger())
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            Path(options["output"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['output']} was not written: {error.strerror}.") from None

    def _replay(self, name: str) -> None:
        try:
            lines = [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines() if line.strip()]
            known = [{"person": line["person"], "kind": line["kind"]} for line in lines]
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError):
            raise CommandError(
                f"{name} is not a ledger of erasures: each line is one as `erasures` prints it."
            ) from None
        done, left = erasing.replay(known)
        self.stdout.write(f"Erased {done} again, of {len(known)} in the ledger.")
        for sentence in left:
            self.stdout.write(f"Not erased: {sentence}")
        if left:
            raise SystemExit(1)
