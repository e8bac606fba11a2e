from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from compliance import merging
from compliance.models import Merge
from staff.models import StaffMember


class Command(BaseCommand):
    help = (
        "Two accounts of one person, for the administrator: says what would become of them; --propose proposes it, "
        "--confirm or --decline decides what another person proposed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kept", metavar="KEPT", help="e-mail of the account that is kept")
        parser.add_argument("alias", metavar="ALIAS", help="e-mail of the account that is merged away")
        parser.add_argument(
            "--by", required=True, metavar="EMAIL", help="the administrator, or a manager of all their clinics"
        )
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--propose", metavar="REASON", help="such as: added twice")
        act.add_argument("--confirm", action="store_true")
        act.add_argument("--decline", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        kept, alias, by = (self._account(options[name]) for name in ("kept", "alias", "by"))
        if not merging.reach(by, kept, alias):
            raise CommandError(f"{by.email} neither manages every clinic of both accounts nor is an administrator.")
        plan = merging.plan(kept, alias)
        for title, lines in (("Moves", plan.moves), ("Ends", plan.ends), ("Stays as recorded", plan.stays)):
            self.stdout.write(f"{title}:")
            for line in lines or ("nothing",):
                self.stdout.write(f"  {line}")
        try:
            self._act(kept, alias, by, plan, options)
        except merging.Refused as why:
            raise CommandError(str(why)) from None

    def _act(
        self, kept: StaffMember, alias: StaffMember, by: StaffMember, plan: merging.Plan, options: dict[str, Any]
    ) -> None:
        if options["propose"]:
            merging.propose(kept=kept, alias=alias, reason=options["propose"], by=by)
            self.stdout.write("Proposed. Nothing is changed until a second person confirms it.")
            return
        if not (options["confirm"] or options["decline"]):
            merging.refuse_two(kept, alias)
            self.stdout.write("Nothing was changed.")
            return
        merge = Merge.objects.filter(kept=kept, alias=alias, decision=None).first()
        if merge is None:
            raise CommandError("Nobody has proposed this merge, or it is decided already.")
        merging.decide(merge=merge, confirmed=options["confirm"], shown=plan.sha256, by=by)
        self.stdout.write("Merged." if options["confirm"] else "Declined: the accounts stay apart.")

    def _account(self, email: str) -> StaffMember:
        found = StaffMember.objects.filter(email=email.strip().lower()).first()
        if found is None:
            raise CommandError(f"There is no account {email}.")
        return found
