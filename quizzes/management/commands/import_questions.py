import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from quizzes import importing
from quizzes.exchange import FORMATS, Unreadable
from staff.access import Permission, has_permission
from staff.models import StaffMember
from staff.templatetags.look import plural
from training.models import Module


class Command(BaseCommand):
    help = (
        "Propose the items of a file for a module; each waits for a second named person. "
        "docs/exchange.md says how they name their key points."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--module", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=FORMATS)
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would become of each item, and change nothing"
        )
        parser.add_argument("--json", action="store_true", help="the verdicts as JSON")
        parser.add_argument("--point", default="", metavar="CODE", help="what items test that name no key point")
        parser.add_argument(
            "--skip-unsupported", action="store_true", help="import the rest although some items cannot be"
        )
        parser.add_argument(
            "--by", default="", metavar="EMAIL", help="the author who proposes them, and who then cannot approve them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        module = Module.objects.filter(slug=options["module"]).first()
        if module is None:
            known = ", ".join(Module.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no module {options['module']}. There are: {known}.")
        by = self._author(options["by"])
        try:
            found = importing.read(options["file"].read_bytes(), options["format"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        except Unreadable as why:
            raise CommandError(str(why)) from None
        verdicts = importing.plan(module, found, point=options["point"])
        refused = sum(one.verdict == "unsupported" for one in verdicts)
        proposed = 0
        if not options["dry_run"] and (not refused or options["skip_unsupported"]):
            proposed = importing.propose(module, verdicts, by=by, skip=options["skip_unsupported"])
        self._say(verdicts, proposed, options)
        if refused and not options["skip_unsupported"]:
            raise SystemExit(1)

    def _author(self, email: str) -> StaffMember:
        if not email:
            return StaffMember.objects.pinpoint()
        person = StaffMember.objects.filter(email=email.lower()).first()
        if person is None or not has_permission(person, Permission.WRITE_ITEMS):
            raise CommandError(f"{email} is not an author of this installation.")
        return person

    def _say(self, verdicts: list[importing.Verdict], proposed: int, options: dict[str, Any]) -> None:
        counts = importing.counts(verdicts)
        if options["json"]:
            report = {
                "module": options["module"],
                "format": options["format"],
                "dry_run": options["dry_run"],
                "proposed": proposed,
                "counts": counts,
                "items": [one.plain() for one in verdicts],
            }
            self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
            return
        for one in verdicts:
            said = "; ".join([*one.reasons, *one.notes])
            self.stdout.write(f"{one.verdict:11}  {one.code or '–':10}  {one.name}{f': {said}' if said else ''}")
        self.stdout.write(", ".join(f"{count} {name}" for name, count in counts.items()) + ".")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        elif proposed or not counts["unsupported"] or options["skip_unsupported"]:
            waits = plural(proposed, "item waits,items wait").replace("\u00a0", " ")
            self.stdout.write(f"{waits} for a second person.")
        else:
            self.stdout.write("Nothing was imported. --skip-unsupported imports the rest.")
