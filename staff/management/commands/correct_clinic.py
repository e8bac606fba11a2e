from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from staff import actions
from staff.models import InstallationRole, StaffMember
from staff.naming import clinic_named


class Command(BaseCommand):
    help = "Give a clinic another name or address, on record. Papers already issued keep those they were issued with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("clinic", metavar="SLUG", help="its name, as lakeside-skin-clinic")
        parser.add_argument("--name", default="", help="as it is called from now on")
        parser.add_argument("--address", default="", help="where it is from now on")
        parser.add_argument("--reason", required=True, help="such as: moved on 1 May")
        parser.add_argument("--by", required=True, help="the administrator's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        clinic = clinic_named(options["clinic"])
        by = StaffMember.objects.filter(email=options["by"].strip().lower(), is_active=True).first()
        if by is None or InstallationRole.Role.ADMINISTRATOR not in by.installation_roles:
            raise CommandError(f"{options['by']} is not an administrator here. Appoint one with manage.py appoint.")
        if not options["reason"].strip():
            raise CommandError("--reason is empty. Say why, such as: moved on 1 May.")
        name, address = options["name"].strip() or clinic.name, options["address"].strip() or clinic.address
        if (name, address) == (clinic.name, clinic.address):
            raise CommandError("Nothing would change. Give --name, --address, or both.")
        actions.correct_clinic(clinic=clinic, name=name, address=address, reason=options["reason"].strip(), by=by)
        self.stdout.write(f"From now on: {clinic.name}, {clinic.address}.")
