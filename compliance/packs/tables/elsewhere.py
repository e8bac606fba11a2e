"""What was not done on the site: sessions in the clinic, the vaccination that was offered, and what somebody learnt elsewhere."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Prefetch, Q

from compliance.models import HepatitisOffer, OutsideTraining, SiteAttendance, SiteSession
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from staff.models import StaffMember

SOME = 100


def sessions_held(scope: Scope) -> Any:
    """Those held on one of the days and recorded by the last; of a person, those she came to."""
    rows = SiteSession.objects.filter(
        clinic__in=scope.clinic_ids, held_on__lte=scope.to_on, recorded_at__lte=scope.until
    )
    if scope.from_on:
        rows = rows.filter(held_on__gte=scope.from_on)
    if scope.person:
        came = SiteAttendance.objects.filter(person__in=scope.her_accounts)
        rows = rows.filter(pk__in=came.values("session"))
    return rows.select_related("clinic", "signature", "withdrawal").order_by("held_on", "pk")


def _withdrawn(row: SiteSession | OutsideTraining, scope: Scope) -> str:
    found = getattr(row, "withdrawal", None)
    return found.reason if found and found.withdrawn_at <= scope.until else ""


def _sessions(scope: Scope) -> Iterator[Row]:
    everybody = SiteAttendance.objects.filter(session__clinic__in=scope.clinic_ids).order_by()
    came = dict(everybody.values_list("session").annotate(Count("pk")))
    for row in sessions_held(scope):
        yield (
            row.public_id, row.held_on, row.place, row.minutes, row.trainer_name or NOT_RECORDED,
            row.trainer_qualification or NOT_RECORDED, row.trainer_contact, row.summary, row.questions_answered, row.plan,
            came.get(row.pk, 0), row.clinic.name, row.signature.signer_name, row.signature.signed_at, _withdrawn(row, scope),
            row.signature.public_id,
        )  # fmt: skip


SESSIONS = Table(
    "site-sessions",
    "Sessions on site",
    "The clinic's yearly training in blood-borne pathogens, as whoever recorded it signed. The training is the employer's.",
    (
        ("session", "Session"), ("held_on", "Day"), ("place", "Place"), ("minutes", "Minutes"), ("trainer", "Trainer"),
        ("qualification", "Qualification"), ("contact", "Contact"), ("summary", "Contents"),
        ("questions_answered", "Questions could be asked"), ("plan", "Exposure control plan"), ("came", "Came"),
        ("clinic", "Clinic"), ("recorded_by", "Recorded by"), ("recorded_at", "Recorded"), ("withdrawn", "Withdrawn because"),
        ("signature", "Signature"),
    ),
    _sessions,
    none="Not recorded.",
)  # fmt: skip


def _attendances(scope: Scope) -> Iterator[Row]:
    whose = scope.of_person("person")
    people = SiteAttendance.objects.filter(**whose).select_related("person").order_by("person__full_name", "pk")
    for some in in_pieces(list(sessions_held(scope).values_list("pk", flat=True)), SOME):
        rows = sessions_held(scope).filter(pk__in=some).prefetch_related(Prefetch("attendances", people))
        for row in rows:
            for one in row.attendances.all():
                yield (
                    row.public_id, row.held_on, *scope.who(one.person_id, one.person), one.job_title or NOT_RECORDED,
                    row.trainer_name or NOT_RECORDED, bool(_withdrawn(row, scope)),
                )  # fmt: skip


ATTENDANCES = Table(
    "site-attendances",
    "Who came to the sessions",
    "Each with the job title of that day.",
    (
        ("session", "Session"), ("held_on", "Day"), ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"),
        ("trainer", "Trainer"), ("withdrawn", "Withdrawn"),
    ),
    _attendances,
    none="Not recorded.",
)  # fmt: skip


def _outside(scope: Scope) -> Iterator[Row]:
    rows = OutsideTraining.objects.filter(
        clinic__in=scope.clinic_ids, sent_at__lte=scope.until, **scope.of_person("person")
    )
    if scope.from_on:
        rows = rows.filter(Q(sent_at__gte=scope.since) | Q(decision__valid_until_on__gte=scope.from_on))
    for some in in_pieces(list(rows.order_by("sent_at", "pk").values_list("pk", flat=True)), SOME):
        found = {
            row.pk: row
            for row in OutsideTraining.objects.filter(pk__in=some).select_related(
                "person", "clinic", "file", "check_made__checked_by", "decision__module", "decision__signature", "withdrawal"
            ).defer("file__bytes")
        }  # fmt: skip
        for pk in some:
            yield _sent(found[pk], scope)


def _sent(row: OutsideTraining, scope: Scope) -> Row:
    check, decision = getattr(row, "check_made", None), getattr(row, "decision", None)
    checked: StaffMember | None = check.checked_by if check and check.checked_at <= scope.until else None
    signed = decision if decision and decision.decided_at <= scope.until else None
    return (
        *scope.who(row.person_id, row.person), row.title, row.provider, row.held_on, f"{row.hours:f}",
        row.trainer or NOT_RECORDED, row.qualification or NOT_RECORDED, row.clinic.name,
        checked.full_name if checked else "", check.checked_at if check and checked else None,
        ("approved" if signed.approved else "declined") if signed else "not decided",
        signed.module.slug if signed and signed.module else "", signed.valid_until_on if signed else None,
        signed.signature.signer_name if signed else "", signed.decided_at if signed else None, _withdrawn(row, scope),
        signed.signature.public_id if signed else "", row.file.sha256,
    )  # fmt: skip


OUTSIDE = Table(
    "outside-training",
    "Outside training",
    "What somebody learnt elsewhere, as she or her manager sent it with its proof: checked by a manager, and signed by a "
    "physician where it counts for a module of her clinic. It is no certificate of this site.",
    (
        ("person", "Key"), ("name", "Name"), ("title", "Title"), ("provider", "Provider"), ("held_on", "Day"),
        ("hours", "Hours"), ("trainer", "Trainer"), ("qualification", "Qualification"), ("clinic", "Clinic"),
        ("checked_by", "Checked by"), ("checked_at", "Checked"), ("decision", "Decision"), ("module", "Counts for"),
        ("until", "Until"), ("physician", "Physician"), ("decided_at", "Decided"), ("withdrawn", "Withdrawn because"),
        ("signature", "Signature"), ("file_sha256", "SHA-256 of the proof"),
    ),
    _outside,
    none="None was sent.",
)  # fmt: skip


def _offers(scope: Scope) -> Iterator[Row]:
    """Of each person the offer that was recorded last in each clinic; who has none says so."""
    for people in scope.people():
        last: dict[int, dict[int, HepatitisOffer]] = {pk: {} for pk in people}
        rows = HepatitisOffer.objects.filter(
            person__in=scope.accounts(people), clinic__in=scope.clinic_ids, recorded_at__lte=scope.until
        ).select_related("clinic", "recorded_by")
        for row in rows.order_by("recorded_at", "pk"):
            last[scope.kept(row.person_id)][row.clinic_id] = row
        for pk in people:
            for row in last[pk].values():
                yield (
                    *scope.who(row.person_id),
                    row.offered_on,
                    row.clinic.name,
                    row.recorded_by.full_name,
                    row.recorded_at,
                )
            if not last[pk]:
                yield (*scope.names[pk], NOT_RECORDED, "", "", None)


OFFERS = Table(
    "hepatitis-b-offers",
    "Hepatitis B vaccination offered",
    "The day on which the employer offered it, as managers recorded it. Whether it was taken, declined or not needed is a "
    "matter between the employer and the person: this site keeps no such statement.",
    (
        ("person", "Key"), ("name", "Name"), ("offered_on", "Offered"), ("clinic", "Clinic"),
        ("recorded_by", "Recorded by"), ("recorded_at", "Recorded"),
    ),
    _offers,
    none="Not recorded.",
)  # fmt: skip
