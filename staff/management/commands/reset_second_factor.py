from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from staff import resetting
from staff.models import InstallationRole, StaffMember


class Command(BaseCommand):
    help = (
        "Take passkeys, authenticator app and recovery codes off an account, as the administrator. For a clinic's only "
        "manager, and for authors; everybody else is reset by her manager."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="whose")
        parser.add_argument("--how", required=True, help="how you know that she asks herself, such as: seen, passport")
        parser.add_argument("--by", required=True, help="the administrator's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        by = StaffMember.objects.filter(email=options["by"].strip().lower(), is_active=True).first()
        if by is None or InstallationRole.Role.ADMINISTRATOR not in by.installation_roles:
            raise CommandError(f"{options['by']} is not an administrator here. Appoint one with manage.py appoint.")
        person = StaffMember.objects.filter(email=options["email"].strip().lower(), is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {options['email']}. Check the spelling.")
        how = options["how"].strip()
        if not how:
            raise CommandError("--how is empty. Say how you know that she asks herself, such as: seen, passport.")
        try:
            row = resetting.reset_by_administrator(person=person, reason=how[:300], by=by)
        except ValueError as refused:
            raise CommandError(str(refused)) from None
        if row is None:
            self.stdout.write(f"{person.full_name} has no second factor; nothing was changed.")
        else:
            self.stdout.write(f"{person.full_name} signs in with the password alone, and was signed out everywhere.")
