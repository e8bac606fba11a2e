import os
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from compliance.packs import building
from compliance.packs.building import Making
from compliance.packs.keys import signing_key
from compliance.packs.scope import clinic_scope
from staff import audit, clock
from staff.models import StaffMember
from staff.naming import clinic_named

MADE_BY = "the site's administrator, at the command line"


class Command(BaseCommand):
    help = "Write the training records of a clinic for an inspector: a ZIP with a signed manifest and its own checker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clinic", required=True, metavar="SLUG", help="its name, such as lakeside-skin-clinic")
        parser.add_argument(
            "--from", dest="from_on", metavar="DATE", help="the first day, as 2026-01-31; all unless told"
        )
        parser.add_argument("--to", dest="to_on", metavar="DATE", required=True, help="the last day, as 2026-12-31")
        parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the ZIP to write")

    def handle(self, *args: Any, **options: Any) -> None:
        clinic = clinic_named(options["clinic"])
        to_on = _day(options["to_on"], "--to")
        from_on = _day(options["from_on"], "--from") if options["from_on"] else None
        if to_on > clock.today(clinic.zone):
            raise CommandError(f"--to is {to_on}, which is still to come at {clinic}.")
        if from_on and from_on > to_on:
            raise CommandError(f"--from is {from_on}, which is after --to, {to_on}.")
        target = Path(options["output"])
        if target.is_dir():
            raise CommandError(f"{target} is a folder: name a file.")
        unfinished = target.with_name(f"{target.name}.unfinished-{os.getpid()}")
        scope = clinic_scope(clinic, from_on=from_on, to_on=to_on)
        site = StaffMember.objects.pinpoint()
        days = {"from": from_on, "to": to_on, "facts_at": scope.facts_at}
        with transaction.atomic():
            audit.record(
                clinic=clinic, by=site, action="pack.asked", subject=clinic, body={"at": "the command line", **days}
            )
        try:
            with unfinished.open("wb") as out:
                made = building.build(scope, out, making=Making(at=clock.now(), by=MADE_BY))
            unfinished.replace(target)
        except OSError as error:
            raise CommandError(f"{target} was not written: {error.strerror}.") from None
        finally:
            unfinished.unlink(missing_ok=True)
        with transaction.atomic():
            audit.record(
                clinic=clinic,
                by=site,
                action="pack.made",
                subject=clinic,
                body={"manifest_sha256": made.manifest_sha256, "files": made.files, "size": made.size, **days},
            )
        self.stderr.write(f"{made.files} files, {made.size} bytes in {target}. The key: {signing_key().fingerprint}")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option} is {text}: write a day as 2026-12-31.") from None
