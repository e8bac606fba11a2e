from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance.keeping import deleting, erasing, trimming
from staff.keeping import ACCOUNT_DAYS, OnHold
from staff.models import InstallationRole, StaffMember


def administrator(email: str) -> StaffMember:
    person = StaffMember.objects.filter(email=email.strip().lower(), is_active=True).first()
    if person is None or InstallationRole.Role.ADMINISTRATOR not in person.installation_roles:
        raise CommandError(f"{email} is not an administrator here. Appoint one with manage.py appoint.")
    return person


class Command(BaseCommand):
    help = "Say what is no longer needed; with --apply delete it: accounts of who left, old mails, saves, records."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="do it; without this nothing changes")
        parser.add_argument("--by", metavar="EMAIL", help="the administrator who does it")
        parser.add_argument(
            "--second", metavar="EMAIL", help="a second administrator, where more than one in a hundred people are due"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = erasing.due()
        self.stdout.write(
            f"{len(found.accounts)} accounts of people who left {ACCOUNT_DAYS} days ago or more (one person alone may clear "
            f"{found.most} in a run); {found.held} more are held. The text of {found.mails} mails sent "
            f"{erasing.MAIL_DAYS} days ago or more."
        )
        for person in found.accounts:
            self.stdout.write(f"  account of {person.public_id}")
        over = deleting.due()
        self.stdout.write(f"The records of {len(over)} people, of which nothing must be kept any more.")
        for person in over:
            self.stdout.write(f"  records of {person.public_id}, over since {deleting.over_on(person)}")
        sooner = trimming.due()
        self.stdout.write(
            f"{sooner.rows} earlier saves of answers, sealed {trimming.SAVES_DAYS} days ago or more, and "
            f"{sum(map(len, sooner.ended.values()))} attempts ended without a score {trimming.ENDED_DAYS} days ago or more, "
            f"of {len(sooner.people)} people."
        )
        if not options["apply"]:
            self.stdout.write("Nothing was changed. With --apply --by ADMINISTRATOR it is done.")
            return
        if not options["by"]:
            raise CommandError("--by is missing: name the administrator who does it.")
        by = administrator(options["by"])
        second = administrator(options["second"]) if options["second"] else None
        try:
            erasing.refuse_many(max(len(over), len(found.accounts)), found.most, by=by, second=second)
            accounts, mails = erasing.run(by=by, second=second)
        except erasing.TooMany as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"Cleared {accounts} accounts and the text of {mails} mails.")
        self._delete(over, by)
        self._trim(sooner.people, found.most, by, second)

    def _trim(self, people: list[int], most: int, by: StaffMember, second: StaffMember | None) -> None:
        """One person alone does as many people as she may; the next run goes on."""
        now = people if second and second != by else people[:most]
        saves, ended = trimming.run(by=by, people=now)
        self.stdout.write(f"Deleted {saves} earlier saves and {ended} attempts without a score, of {len(now)} people.")
        if len(now) < len(people):
            self.stdout.write(f"{len(people) - len(now)} people wait for the next run, or for a second administrator.")
        if now:
            erasing.scrub()

    def _delete(self, over: list[StaffMember], by: StaffMember) -> None:
        for person in over:
            try:
                rows = deleting.delete(person=person, by=by)
            except (deleting.NotYet, OnHold) as refused:
                self.stdout.write(f"Not deleted, {person.public_id}: {refused}")
            else:
                self.stdout.write(f"Deleted {rows} rows of {person.public_id}; each has its tombstone.")
        if over:
            erasing.scrub()
