from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from staff import actions, returning
from staff.models import InstallationRole, StaffMember


class Command(BaseCommand):
    help = "Appoint an author or an administrator of the installation. Twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", required=True, choices=InstallationRole.Role.values)
        parser.add_argument("--name", default="", help="for somebody who is not known yet")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        person = StaffMember.objects.filter(email=email).first()
        if person is None:
            by = StaffMember.objects.pinpoint()
            person = actions.add_account(email=email, full_name=options["name"] or email, by=by)
        elif options["name"] and returning.gone_person(email) and not returning.is_named(person, options["name"]):
            raise CommandError(
                f"{person.full_name} is on record under {email} and works nowhere now. If this is the same person, leave out "
                "--name; if it is another, give another address. Nothing was done."
            )
        if options["role"] not in person.installation_roles:
            actions.appoint(person=person, role=options["role"], by=StaffMember.objects.pinpoint())
        self.stdout.write(f"{person.full_name} is {options['role']}; the first password comes by “Forgotten password”.")
