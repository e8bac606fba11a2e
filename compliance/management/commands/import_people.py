import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.models import PeopleImport
from compliance.roster import applying, planning
from compliance.roster.base import Unreadable
from staff.models import Clinic, StaffMember
from staff.naming import clinic_named


class Command(BaseCommand):
    help = "Add and change the people of a clinic by a CSV or XLSX file. Says what would happen; --apply does it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--clinic", required=True, metavar="SLUG", help="its name, as lakeside-skin-clinic")
        parser.add_argument(
            "--by",
            required=True,
            metavar="EMAIL",
            help="a manager of the clinic, or an administrator: who answers for it",
        )
        parser.add_argument("--apply", action="store_true", help="do it; without, nothing is changed")
        parser.add_argument("--key", choices=PeopleImport.Key.values, default="email", help="what tells people apart")
        parser.add_argument("--mode", choices=PeopleImport.Mode.values, default="both")
        parser.add_argument(
            "--full-roster", action="store_true", help="name those who work here and are not in the file"
        )
        parser.add_argument(
            "--drop", action="append", default=[], metavar="EMAIL", help="with --full-roster: end this one's membership"
        )
        parser.add_argument("--invite", action="store_true", help="invite those who are added")

    def handle(self, *args: Any, **options: Any) -> None:
        clinic = clinic_named(options["clinic"])
        by = self._manager(options["by"], clinic)
        try:
            sent = applying.send(
                clinic=clinic,
                data=options["file"].read_bytes(),
                file_name=options["file"].name,
                key=options["key"],
                mode=options["mode"],
                full_roster=options["full_roster"],
                by=by,
            )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        except Unreadable as why:
            raise CommandError(str(why)) from None
        plan = applying.plan_of(sent, by=by)
        self._say(plan, sent)
        if not options["apply"]:
            sent.delete()
            self.stdout.write("Dry run: nothing was changed. --apply does it.")
        else:
            self._apply(sent, plan, options, by)
        if plan.counts[planning.ERROR]:
            raise SystemExit(1)

    def _manager(self, email: str, clinic: Clinic) -> StaffMember:
        person = StaffMember.objects.filter(email=email.strip().lower()).first()
        if person is None or not applying.may_import(person, clinic):
            raise CommandError(f"{email} neither manages {clinic} nor is an administrator of this installation.")
        return person

    def _say(self, plan: planning.Plan, sent: PeopleImport) -> None:
        _, unread = json.loads(sent.columns)
        if unread:
            self.stdout.write(f"Columns not read: {', '.join(unread)}.")
        for one in plan.verdicts:
            faults = " ".join(fault.sentence for fault in one.faults)
            said = faults or "; ".join(row.sentence for row in one.changes) or one.told
            self.stdout.write(
                f"{one.row.line:5}  {one.verdict:16}  {one.title}, {one.under}{f': {said}' if said else ''}"
            )
        for row in plan.absent:
            self.stdout.write(f"    –  {'absent':16}  {planning.named(row)}")
        self.stdout.write(", ".join(f"{count} {verdict}" for verdict, count in plan.counts.items()) + ".")

    def _apply(self, sent: PeopleImport, plan: planning.Plan, options: dict[str, Any], by: StaffMember) -> None:
        absent = {row.person.email: row.person.public_id for row in plan.absent}
        unknown = [email for email in options["drop"] if email.strip().lower() not in absent]
        if unknown:
            sent.delete()
            raise CommandError(
                f"{', '.join(unknown)}: not among those whom the full roster leaves out. Nothing was done."
            )
        drop = [absent[email.strip().lower()] for email in options["drop"]]
        try:
            applying.begin(sent=sent, shown=plan.sha256, drop=drop, invites=options["invite"], by=by)
        except applying.Changed:
            sent.delete()
            raise CommandError(
                "The clinic changed meanwhile, or a line does not say whom it means while somebody is to be dropped. "
                "Nothing was done."
            ) from None
        while applying.work(sent, applying.A_TICK):
            pass
        sent.refresh_from_db()
        self.stdout.write(", ".join(f"{n} {word}" for word, n in json.loads(sent.counts).items() if n) + ": done.")
