import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from compliance import records


class Command(BaseCommand):
    help = "Walk everything on record and name the first thing that does not add up. Exit code 1 if anything does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as JSON")
        parser.add_argument("--all", action="store_true", help="go on after the first finding and name them all")

    def handle(self, *args: Any, **options: Any) -> None:
        report = records.verify(everything=options["all"])
        if options["json"]:
            plain = {
                "clean": report.clean,
                "checked": dict(report.checked),
                "findings": [finding.plain() for finding in report.findings],
            }
            self.stdout.write(json.dumps(plain, indent=2))
        else:
            self.stdout.write(
                "Checked: " + ", ".join(f"{count} {name}" for name, count in report.checked.items()) + "."
            )
            for finding in report.findings:
                self.stdout.write(f"Does not add up: {finding}")
            if report.clean:
                self.stdout.write("Everything adds up.")
        if not report.clean:
            raise SystemExit(1)
