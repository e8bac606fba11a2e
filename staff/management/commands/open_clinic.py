from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from staff import actions, clock
from staff.models import StaffMember
from staff.models.clinics import Role
from staff.returning import AnotherName


class Command(BaseCommand):
    help = "Open a clinic with its first manager, who chooses a password by the sign-in page's “Forgotten password”."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--address", required=True)
        parser.add_argument("--zone", required=True, help="IANA name, such as America/Denver")
        parser.add_argument("--manager-email", required=True)
        parser.add_argument("--manager-name", required=True)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ZoneInfo(options["zone"])
        except (ZoneInfoNotFoundError, ValueError):
            raise CommandError(f"{options['zone']} is not an IANA time zone, such as America/Denver.") from None
        by = StaffMember.objects.pinpoint()
        clinic = actions.open_clinic(name=options["name"], address=options["address"], zone=options["zone"], by=by)
        try:
            actions.add_member(
                clinic=clinic,
                email=options["manager_email"],
                full_name=options["manager_name"],
                job_title="Manager",
                hired_on=clock.today(clinic.zone),
                roles=[Role.MANAGER],
                by=by,
            )
        except AnotherName as other:
            raise CommandError(
                f"{other} If this is the same person, give the name on record and correct it afterwards; if it is another, "
                "give another address. Nothing was done."
            ) from None
        self.stdout.write(f"{clinic} is open; its manager signs in as {options['manager_email'].lower()}.")
