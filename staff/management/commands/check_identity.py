from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from staff import actions
from staff.models import InstallationRole, Membership, StaffMember
from staff.models.clinics import Role


class Command(BaseCommand):
    help = "Record, as the administrator, how a physician's identity was checked. For a clinic with a single manager."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the physician's")
        parser.add_argument("--clinic", required=True, help="its name")
        parser.add_argument("--how", required=True, help="such as: passport seen, licence looked up")
        parser.add_argument("--by", required=True, help="the administrator's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        by = StaffMember.objects.filter(email=options["by"].strip().lower(), is_active=True).first()
        if by is None or InstallationRole.Role.ADMINISTRATOR not in by.installation_roles:
            raise CommandError(f"{options['by']} is not an administrator here. Appoint one with manage.py appoint.")
        membership = Membership.objects.filter(
            person__email=options["email"].strip().lower(),
            clinic__name=options["clinic"],
            ended_at=None,
            roles__role=Role.PHYSICIAN,
            roles__ended_at=None,
        ).first()
        if membership is None:
            raise CommandError(f"{options['email']} is not a physician of {options['clinic']}. Check both spellings.")
        if not options["how"].strip():
            raise CommandError("--how is empty. Say how the identity was checked, such as: passport seen.")
        try:
            actions.check_identity(membership=membership, how=options["how"].strip(), by=by)
        except ValueError as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{membership.person.full_name} can sign for {membership.clinic}.")
