import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import records
from compliance.records import outgoing
from compliance.trail import heads


def _hold(name: str, report: records.Report) -> None:
    try:
        kept = heads.read(Path(name).read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
    if not kept:
        raise CommandError(f"{name} holds no head: a line begins with {heads.MARK}.")
    report.checked["kept heads"] += len(kept)
    report.findings += outgoing.held_against(kept)


class Command(BaseCommand):
    help = "Walk everything on record and name the first thing that does not add up. Exit code 1 if anything does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="the report as JSON")
        parser.add_argument(
            "--heads",
            action="append",
            default=[],
            metavar="FILE",
            help="hold the heads in this file (lines of audit_heads, or a mail with them) against the chains too",
        )
        parser.add_argument("--all", action="store_true", help="go on after the first finding and name them all")

    def handle(self, *args: Any, **options: Any) -> None:
        report = records.verify(everything=options["all"])
        for name in options["heads"]:
            _hold(name, report)
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
