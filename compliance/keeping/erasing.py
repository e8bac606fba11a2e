"""Erasing what is no longer needed of somebody who left, and saying what is kept, why and until when.

A person's row stays, as a tombstone: what was signed and sealed names her by its id, and keeps the name it was sealed with. What
goes: the address, the password, second factors, the preferences, sessions, mails, lines of imported lists, practice answers and,
at her request, the name itself and the names of the audit trail. The chain holds salted commitments only, so it stands as it was.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Case, Exists, F, Max, OuterRef, Q, QuerySet, Value, When

from certificates.models import Certificate
from compliance.models import (
    HepatitisOffer,
    Incident,
    Leave,
    OutsideTraining,
    PeopleImportRow,
    Rule,
    SiteAttendance,
    Waiver,
)
from compliance.packs import work as packs
from compliance.trail import heads
from quizzes.models import Accommodation, PracticeAnswer, Seal
from staff import audit, canonical, clock, factors, keeping, mail, security
from staff.access import clinics_as
from staff.models import (
    ActorName,
    Clinic,
    Erasure,
    InstallationRole,
    LegalHold,
    Licence,
    Membership,
    OutgoingMail,
    Signature,
    StaffMember,
)
from staff.models.clinics import Role
from training.models import Observation, ReadingConfirmation

MAIL_DAYS = 90
LETTER = "erased:"
LEAST_NAME = 4
SHARE = 100  # one in so many goes in a run without a second person


class StillHere(Exception):
    """Says in a sentence that the person has not left."""


class TooMany(Exception):
    """Says in a sentence that a second person is needed."""


@dataclass(frozen=True)
class Kept:
    """`until_on` is None where a hold decides."""

    what: str
    count: int
    why: str
    until_on: date | None

    def plain(self) -> dict[str, Any]:
        return {"what": self.what, "count": self.count, "why": self.why, "until": self.until_on}


def clinics_of(person: StaffMember) -> list[Clinic]:
    return list(Clinic.objects.filter(pk__in=Membership.objects.filter(person=person).values("clinic")).order_by("pk"))


def accounts_of(person: StaffMember) -> list[StaffMember]:
    """The one she uses, and those that were merged into it."""
    return [person, *person.aliases.order_by("pk")]


def kept_of_all(person: StaffMember) -> list[Kept]:
    return [one for account in accounts_of(person) for one in kept_of(account)]


def has_left(person: StaffMember) -> bool:
    """Nobody has left whose account was merged into one that is in use."""
    kept = person.merged_into_id or person.pk
    return not (
        Membership.objects.filter(person__in=(person.pk, kept), ended_at=None).exists()
        or InstallationRole.objects.filter(person__in=(person.pk, kept), ended_at=None).exists()
    )


def erasable_by(viewer: StaffMember, person: StaffMember) -> bool:
    """She left, and every clinic where she worked is one that the viewer manages: nobody else has a say in it."""
    worked = {clinic.pk for account in accounts_of(person) for clinic in clinics_of(account)}
    managed = {clinic.pk for clinic in clinics_as(viewer, Role.MANAGER)}
    return bool(worked) and worked <= managed and person.erased_at is None and has_left(person)


def kept_of(person: StaffMember) -> list[Kept]:
    """What stays on record of her, by kind; each as long as its clinic's rule says, counted from when it was last in effect."""
    rules = keeping.rules_of(clinics_of(person))
    years = keeping.years_of(rules.values())
    why = "; ".join(sorted({_why(rule) for rule in rules.values()})) or f"{years} years, the default"
    held = bool(keeping.holds_on(person))

    def kept(what: str, rows: QuerySet[Any], *last: str) -> list[Kept]:
        """`last`: when a row of these was made, and until when it was in effect; the latest counts."""
        count = rows.count()
        newest = [found for name in last if (found := rows.aggregate(last=Max(name))["last"]) is not None]
        if not count or not newest:
            return []
        day = max(found.date() if isinstance(found, datetime) else found for found in newest)
        return [Kept(what, count, why, None if held else keeping.years_after(day, years))]

    return [
        *kept("training read and confirmed", ReadingConfirmation.objects.filter(person=person), "confirmed_at"),
        *kept(
            "attempts with their answers and scores",
            Seal.objects.filter(attempt__candidacy__person=person),
            "sealed_at",
        ),
        *kept("certificates", Certificate.objects.filter(person=person), "valid_until_on"),
        *kept("practicals observed", Observation.objects.filter(learner=person, state="signed"), "ended_at"),
        *kept(
            "outside training with its proofs",
            OutsideTraining.objects.filter(person=person),
            *("sent_at", "decision__decided_at", "decision__valid_until_on", "withdrawal__withdrawn_at"),
        ),
        *kept("sessions on site attended", SiteAttendance.objects.filter(person=person), "session__held_on"),
        *kept("offers of the hepatitis B vaccination", HepatitisOffer.objects.filter(person=person), "recorded_at"),
        *kept("requirements by hand", Rule.objects.filter(person=person), "recorded_at", "ended_at"),
        *kept("waivers", Waiver.objects.filter(person=person), "recorded_at", "until_on"),
        *kept("leaves", Leave.objects.filter(person=person), "recorded_at", "until_on"),
        *kept("modules asked again after an incident", Incident.objects.filter(person=person), "recorded_at", "due_on"),
        *kept(
            "extra time in quizzes",
            Accommodation.objects.filter(person=person),
            "granted_at",
            "valid_until_on",
            "ended_at",
        ),
        *kept("licences", Licence.objects.filter(person=person), "recorded_at", "expires_on"),
        *kept("signatures given", Signature.objects.filter(signer=person), "signed_at"),
        *kept("memberships", Membership.objects.filter(person=person), "ended_at"),
    ]


def _why(rule: Any) -> str:
    named = f" ({rule.basis_text})" if rule.basis_text else ""
    return f"{rule.years} years; {rule.get_basis_display()}{named}"


@transaction.atomic
def erase(*, person: StaffMember, by: StaffMember, kind: str = Erasure.Kind.PERSON, replay: bool = False) -> Erasure:
    """Once for each kind; asked again it returns the row that is there. Raises StillHere or OnHold with nothing erased.

    `replay`: after a restore the ledger is carried out again, without a second letter.
    """
    person = StaffMember.objects.select_for_update().get(pk=person.pk)
    done = Erasure.objects.filter(person=person, kind=kind).first()
    if done:
        return done
    if not has_left(person):
        raise StillHere(
            f"{person.full_name} still works here or is appointed, so nothing was erased. End the membership first."
        )
    keeping.refuse_held(person)
    kept = kept_of(person)
    known = _names_of(person) if kind == Erasure.Kind.PERSON else []
    if not replay and not person.email.endswith(".invalid"):
        _write_to(person, kind, kept_of_all(person))
    _forget_account(person, by, known)
    if kind == Erasure.Kind.PERSON:
        person.full_name, person.latin_name = f"Former staff member {person.pk}", ""
        person.erased_at = clock.now()
        person.save(update_fields=["full_name", "latin_name", "erased_at"])
        ActorName.objects.filter(person=person).delete()
        packs.let_go_at_once(clinics_of(person))
    row = Erasure.objects.create(
        person=person, kind=kind, kept=canonical.text([one.plain() for one in kept]), erased_by=by
    )
    chains: list[Clinic | None] = [*clinics_of(person)]
    for clinic in chains or [None]:
        audit.record(clinic=clinic, by=by, action=f"erasure.{kind}", subject=row, body=told_of(row))
    for alias in accounts_of(person)[1:]:
        erase(person=alias, by=by, kind=kind, replay=True)  # her other accounts, told of in the same letter
    return row


def told_of(row: Erasure) -> dict[str, Any]:
    return {"person": row.person_id, "kind": row.kind, "kept_sha256": canonical.sha256(row.kept)}


def _forget_account(person: StaffMember, by: StaffMember, known: list[str]) -> None:
    sessions = UserSession.objects.filter(user=person)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()
    EmailAddress.objects.filter(user=person).delete()
    factors.forget(person)
    PracticeAnswer.objects.filter(person=person).delete()
    told = Q(membership__person=person)
    for word in (person.email, *known):
        told |= Q(cells__icontains=word) | Q(faults__icontains=word) | Q(said__icontains=word)
    PeopleImportRow.objects.filter(told).delete()
    _blank(OutgoingMail.objects.filter(person=person, address=""))
    _blank(OutgoingMail.objects.filter(address__iexact=person.email).exclude(dedupe_key__startswith=LETTER))
    _unname_mails(person, known)
    heads.forget(email=person.email, by=by)
    person.email = f"erased-{person.pk}@erased.invalid"
    person.theme, person.last_login, person.is_active = "", None, False
    person.set_unusable_password()
    person.save(update_fields=["email", "theme", "last_login", "is_active", "password"])
    security.forget(person)


def _names_of(person: StaffMember) -> list[str]:
    """Every name she had here, the longest first. One so short that it is a word of the language is not looked for in texts."""
    held = {
        person.full_name,
        person.latin_name,
        *ActorName.objects.filter(person=person).values_list("name", flat=True),
    }
    return sorted((name for name in held if len(name) >= LEAST_NAME or not name.isascii()), key=lambda name: -len(name))


def _unname_mails(person: StaffMember, known: list[str]) -> None:
    """What others are told in mails stays true and is sent as before; it names her no more. Her own letter still does."""
    stand_in = f"Former staff member {person.pk}"
    instead = {person.email: "an erased address"} | dict.fromkeys(known, stand_in)
    wanted = Q()
    for word in instead:
        wanted |= Q(subject__icontains=word) | Q(body__icontains=word)
    for row in OutgoingMail.objects.filter(wanted).exclude(dedupe_key__startswith=LETTER):
        for word, other in instead.items():
            whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
            row.subject, row.body = (whole.sub(other, text) for text in (row.subject, row.body))
        row.subject = row.subject[:200]
        row.save(update_fields=["subject", "body"])


def _blank(rows: QuerySet[OutgoingMail]) -> int:
    """The rows stay, so that nothing is sent twice; what they said and to whom does not. What waits is not sent."""
    return rows.update(
        subject="",
        body="",
        address="",
        file=None,
        file_name="",
        given_up_at=Case(When(sent_at=None, then=Value(clock.now())), default=F("given_up_at")),
    )


def _write_to(person: StaffMember, kind: str, kept: list[Kept]) -> None:
    """To the address as it was; the row is blanked once it is sent."""
    mail.queue(
        to=StaffMember.objects.pinpoint(),
        address=person.email,
        key=f"{LETTER}{person.pk}:{kind}",
        subject="What was erased of you, and what is kept",
        body=letter(person.full_name, kind, kept, clinics_of(person)),
    )


def letter(name: str, kind: str, kept: list[Kept], clinics: list[Clinic]) -> str:
    gone = (
        "your e-mail address, password, passkeys and other second factors, preferences, sessions, what happened at your "
        "sign-ins, the mails sent to you and your practice answers"
    )
    if kind == Erasure.Kind.PERSON:
        gone = f"your name in the list of people and in the audit trail, {gone}"
    lines = [
        f"- {one.count} × {one.what}: "
        + (f"until {one.until_on.isoformat()}" if one.until_on else "until a legal hold is lifted")
        + f" ({one.why})"
        for one in kept
    ]
    held = "\n".join(lines) or "- nothing"
    where = ", ".join(clinic.name for clinic in clinics) or "this site"
    return (
        f"{name},\n\nthis was erased at {where}: {gone}.\n\nThis is kept, because the law or a possible claim asks for "
        f"it, and deleted afterwards:\n\n{held}\n\nOf a session on site one line stays, with the job title you had then and "
        "without your name, because its signature covers everybody who came. What the site sent and asked, and the audit trail, "
        "stay without your name. Sealed records keep the name they were sealed with until then. A "
        "certificate of yours can still be verified; the public page no longer shows your whole name where you were "
        "erased at your request. This mail is erased too, once it is sent. If you think that something here is wrong, "
        "write to the clinic; you may also turn to the data protection authority of your country."
    )


def settle_letters() -> int:
    """Letters of erasures that were sent, or given up, are blanked: they carried the address. Then the pages they lay on."""
    rows = OutgoingMail.objects.filter(dedupe_key__startswith=LETTER).exclude(address="")
    over = rows.exclude(sent_at=None) | rows.exclude(given_up_at=None)
    count = _blank(OutgoingMail.objects.filter(pk__in=list(over.values_list("pk", flat=True))))
    if count:
        scrub()
    return count


def scrub() -> None:
    """On SQLite: freed pages are overwritten as they are freed; this empties what the write-ahead log still held."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# The ledger, as lines that are kept outside the database and carried out again after a restore.


def ledger() -> list[dict[str, str]]:
    rows = Erasure.objects.select_related("person").order_by("pk")
    return [
        {"person": row.person.public_id, "kind": row.kind, "erased_at": canonical.instant(row.erased_at)}
        for row in rows
    ]


def replay(lines: list[dict[str, str]]) -> tuple[int, list[str]]:
    """How many were erased again, and what could not be, in sentences."""
    done, left = 0, []
    site = StaffMember.objects.pinpoint()
    for line in lines:
        person = StaffMember.objects.filter(public_id=line["person"]).first()
        if person is None:
            left.append(f"{line['person']}: not in this database")
            continue
        if Erasure.objects.filter(person=person, kind=line["kind"]).exists():
            continue
        try:
            erase(person=person, by=site, kind=line["kind"], replay=True)
        except (StillHere, keeping.OnHold) as refused:
            left.append(f"{line['person']}: {refused}")
        else:
            done += 1
    if done:
        scrub()
    return done, left


# What is due, and the run that does it.


@dataclass(frozen=True)
class Due:
    """`accounts` of people who left 30 days ago; `mails` that were sent 90 days ago; `held`: how many a hold keeps."""

    accounts: list[StaffMember]
    held: int
    mails: int
    most: int


def due() -> Due:
    long_ago = clock.now() - timedelta(days=keeping.ACCOUNT_DAYS)
    both = Q(left_at__lte=long_ago, dismissed_at__lte=long_ago)
    open_now = Membership.objects.filter(person=OuterRef("pk"), ended_at=None)
    appointed = InstallationRole.objects.filter(person=OuterRef("pk"), ended_at=None)
    gone = (
        StaffMember.objects.exclude(email__endswith=".invalid")
        .filter(merged_into=None)
        .filter(~Exists(open_now), ~Exists(appointed), ~Exists(Erasure.objects.filter(person=OuterRef("pk"))))
        .annotate(left_at=Max("membership__ended_at"), dismissed_at=Max("installationrole__ended_at"))
        .filter(Q(left_at__lte=long_ago, dismissed_at=None) | Q(left_at=None, dismissed_at__lte=long_ago) | both)
        .order_by("pk")
    )
    held_people = set(LegalHold.objects.filter(lifted_at=None, person__isnull=False).values_list("person", flat=True))
    held_clinics = LegalHold.objects.filter(lifted_at=None, person=None).values("clinic")
    held_people |= set(Membership.objects.filter(clinic__in=held_clinics).values_list("person", flat=True))
    # Two accounts of one person are erased together, so a hold on either keeps both.
    held_people |= set(StaffMember.objects.filter(aliases__in=held_people).values_list("pk", flat=True))
    everybody: list[StaffMember] = [*gone]
    accounts = [person for person in everybody if person.pk not in held_people]
    return Due(
        accounts=accounts,
        held=len(everybody) - len(accounts),
        mails=_old_mails().count(),
        most=max(1, StaffMember.objects.count() // SHARE),
    )


def _old_mails() -> QuerySet[OutgoingMail]:
    return OutgoingMail.objects.filter(sent_at__lte=clock.now() - timedelta(days=MAIL_DAYS)).exclude(body="")


def refuse_many(count: int, most: int, *, by: StaffMember, second: StaffMember | None) -> None:
    if count > most and (second is None or second == by):
        raise TooMany(
            f"{count} people are due, and one person alone may do {most} in a run. Name a second administrator with --second."
        )


def run(*, by: StaffMember, second: StaffMember | None = None) -> tuple[int, int]:
    """Clear what is due; how many accounts and mails. Above one in a hundred people a second person must stand behind it."""
    found = due()
    refuse_many(len(found.accounts), found.most, by=by, second=second)
    for person in found.accounts:
        erase(person=person, by=by, kind=Erasure.Kind.ACCOUNT)
    with transaction.atomic():
        mails = _blank(_old_mails())
        if found.accounts or mails:
            body = {"accounts": len(found.accounts), "mails": mails, "second": second.pk if second else None}
            audit.record(clinic=None, by=by, action="retention.ran", subject=by, body=body)
    scrub()
    return len(found.accounts), mails
