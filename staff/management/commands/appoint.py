from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from staff import actions, returning
from staff.models import InstallationRole, StaffMember


class Command(BaseCommand):
    help = "Appoint an author or an administrator of the installation, or end that (--end). Twice changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", required=True, choices=InstallationRole.Role.values)
        parser.add_argument("--name", default="", help="for somebody who is not known yet")
        parser.add_argument("--end", action="store_true", help="end the appointment; what she did stays on record")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        person = StaffMember.objects.select_related("merged_into").filter(email=email).first()
        if person and person.merged_into:
            raise CommandError(
                f"The account {email} was merged into {person.merged_into.email}: name that one. Nothing was done."
            )
        if options["end"]:
            self.stdout.write(self._end(person, email, options["role"]))
            return
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

    def _end(self, person: StaffMember | None, email: str, role: str) -> str:
        if person is None:
            raise CommandError(f"Nobody is known under {email}. Nothing was done.")
        if not actions.dismiss(person=person, role=role, by=StaffMember.objects.pinpoint()):
            return f"{person.full_name} is no {role}; nothing was done."
        if person.is_active:
            return f"{person.full_name} is no {role} any more."
        return f"{person.full_name} is no {role} any more and, with no other role, can no longer sign in."
