"""The audit trail as people read it: one clinic's chain, narrowed, a page at a time, each event as a sentence.

What an event holds is references. Who did it comes from the names of actors, whom it is about from the row it names; both can
be erased, and the event stands without them. Bodies are never shown: they are for the checks.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db.models import CharField, ForeignKey, Model, Q, QuerySet
from django.db.models.functions import Cast

from staff.access import clinics_as
from staff.models import ActorName, AuditEvent, Clinic, Membership, Signature, StaffMember
from staff.models.clinics import Role

PAGE = 50
MOST_PRINTED = 1000
CHUNK = 500
ERASED = "An erased person"
# By what an action's name begins with.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "attempts": (
        "Quizzes and results",
        ("attempt.", "attempts.", "answer.", "candidacy.", "pass.", "question.", "pointtest."),
    ),
    "certificates": ("Certificates", ("certificate.",)),
    "signatures": ("Signatures", ("signature.", "signing.", "review.")),
    "practicals": ("Practicals", ("observ",)),
    "people": (
        "People and roles",
        (
            "person.",
            "membership.",
            "identity.",
            "licence.",
            "invitation.",
            "people.",
            "accommodation.",
            "installation.",
            "clinic.",
            "factor.",
            "password.",
        ),
    ),
    "requirements": (
        "Rules, waivers, leave and reminders",
        ("rule.", "waiver.", "leave.", "incident.", "cycle", "reminders.", "reminderhours.", "calendar."),
    ),
    "outside": (
        "Outside training and sessions on site",
        ("outside.", "site-session.", "site-trainer.", "hepatitis-b."),
    ),
    "protocol": ("Protocol and material", ("protocol.", "state-rule.", "module.", "reading.", "task.", "clock.")),
    "questions": ("Questions and answers", ("enquiry.",)),
    "keeping": ("The record itself", ("pack.", "head-address.", "retention.", "hold.", "erasure.", "records.")),
}
OTHER = "other"
# What follows the name of who did it. {whom} is the person it is about, {what} the thing.
SENTENCES = {
    "accommodation.ended": "ended the extra time of {whom}",
    "accommodation.granted": "gave {whom} extra time in quizzes",
    "answer.kept-late": "sent an answer after the attempt had ended; it is kept beside it",
    "attempt.expired": "closed an attempt of {whom} whose time was over, scored as stored: {what}",
    "attempt.extended": "moved the end of an open attempt of {whom}: {what}",
    "attempt.regraded": "had an attempt of {whom} scored anew: {what}",
    "attempt.started": "began an attempt: {what}",
    "attempt.submitted": "handed in an attempt: {what}",
    "attempt.deleted": "deleted an attempt of {whom} that was ended without a score a year before",
    "attempt.saves-deleted": "deleted the earlier saves of an attempt of {whom}; the answers stay",
    "attempt.voided": "voided an attempt of {whom}: {what}",
    "attempts.granted.early": "opened the next attempt of {whom} before its time",
    "attempts.granted.talk": "recorded the talk with {whom}, which opens further attempts",
    "calendar.ended": "took back the address of a calendar",
    "calendar.made": "made an address at which a calendar reads days",
    "candidacy.reopened": "opened the quiz of {whom} again",
    "certificate.badge": "baked the badge of certificate {what} of {whom}",
    "certificate.ended": "ended certificate {what} of {whom}",
    "certificate.endorsed": "took over the supervision of certificate {what} of {whom}",
    "certificate.issued": "issued certificate {what} to {whom}",
    "certificate.lifted": "lifted the suspension of certificate {what} of {whom}",
    "certificate.pending": "noted that certificate {what} of {whom} waits for a successor's signature",
    "certificate.revoked": "revoked certificate {what} of {whom}",
    "certificate.suspended": "suspended certificate {what} of {whom}",
    "clinic.corrected": "corrected the name or the address of the clinic",
    "clinic.opened": "opened the clinic here",
    "clock.set": "set the clinic's clock for quizzes",
    "cycles.closed": "closed what was required of people",
    "cycles.opened": "opened what is required of people anew",
    "enquiry.answered": "answered a question that {whom} had asked",
    "enquiry.asked": "asked a question",
    "erasure.account": "cleared the account of {whom}, who left",
    "erasure.person": "erased {whom} at her request; sealed records stay",
    "factor.app-added": "set up an authenticator app for signing in",
    "factor.app-removed": "removed the authenticator app for signing in",
    "factor.code-used": "signed in with a recovery code",
    "factor.codes-made": "made new recovery codes for signing in",
    "factor.required": "set of whom the clinic requires a second step at sign-in",
    "factor.reset": "reset the second step of {whom}",
    "factor.passkey-added": "added a passkey for signing in",
    "factor.passkey-removed": "removed a passkey for signing in",
    "factor.passkey-renamed": "gave a passkey for signing in another name",
    "head-address.added": "named an address outside that is sent the head of this trail each day",
    "head-address.erased": "erased an address outside together with whose it was",
    "head-address.ended": "took back an address outside that was sent the head of this trail",
    "hepatitis-b.offered": "recorded that {whom} was offered the hepatitis B vaccination",
    "hold.lifted": "lifted a legal hold as the second person",
    "hold.placed": "placed a legal hold",
    "hold.release": "said that a legal hold may be lifted; a second person does it",
    "identity.checked": "recorded that the identity of {whom} was checked",
    "incident.ended": "took back what was asked of {whom} after an incident",
    "incident.recorded": "asked {whom} for a module again after an incident",
    "invitation.queued": "invited {whom}",
    "leave.ended": "ended the leave of {whom}",
    "leave.recorded": "recorded that {whom} is on leave",
    "licence.recorded": "recorded a licence of {whom}: {what}",
    "membership.began": "took {whom} into the clinic",
    "membership.changed": "changed the work of {whom} here",
    "membership.ended": "ended the membership of {whom}",
    "membership.transferred": "transferred {whom} between two clinics",
    "merge.confirmed": "confirmed that two accounts of {whom} are one",
    "merge.declined": "declined to merge two accounts of {whom}",
    "merge.proposed": "proposed to merge two accounts of {whom}",
    "module.adopted": "adopted a module version: {what}",
    "observation.acknowledged": "answered to an observer's sheet",
    "observation.put_aside": "put a sheet about {whom} aside",
    "observation.signed": "signed a sheet about {whom}",
    "observation.started": "began a sheet about {whom}",
    "observer.approved": "approved {whom} to observe practicals",
    "observer.withdrawn": "withdrew the approval of {whom} to observe practicals",
    "outside.approved": "signed that outside training of {whom} counts",
    "outside.checked": "checked a proof of outside training of {whom}",
    "outside.declined": "signed that outside training of {whom} does not count",
    "outside.sent": "sent a proof of outside training of {whom}",
    "outside.withdrawn": "took back a proof of outside training of {whom}",
    "pack.asked": "asked for an inspector's pack",
    "pack.failed": "could not make an inspector's pack",
    "pack.made": "made an inspector's pack",
    "pass.keep": "let a certificate of {whom} stand after its pass was lost",
    "pass.revoke": "revoked a certificate of {whom} after its pass was lost",
    "pass.suspend": "suspended a certificate of {whom} after its pass was lost",
    "password.changed": "changed the password, with the present one",
    "password.chosen": "chose a first password",
    "password.reset": "reset the password by a mailed link",
    "people.import-ended": "had every line of a file of people carried out",
    "people.imported": "took people from a file",
    "person.added": "put {whom} on record",
    "person.merged": "closed a second account of {whom}",
    "person.renamed": "corrected the name of {whom}",
    "pointtest.handed_in": "answered the questions on a changed key point",
    "pointtest.started": "opened the questions on a changed key point",
    "protocol.defaults": "took cautious defaults as the clinic's protocol",
    "protocol.signed": "decided an item of the clinic's protocol: {what}",
    "question.regraded": "had a question scored anew for the clinic",
    "reading.anew": "asked {whom} to read a module again",
    "records.deleted": "deleted the records of {whom}, whose time was over",
    "reminderhours.set": "set the hours of the clinic's reminders",
    "reminders.queued": "reminded {whom} by mail of what is due",
    "retention.set": "set how long the clinic keeps its records",
    "review.acknowledged": "said that a physician's decision on an attempt is read",
    "rule.ended": "ended a rule on who must hold what",
    "rule.recorded": "made a rule on who must hold what",
    "review.endorsed": "endorsed an attempt of {whom}",
    "review.returned": "returned an attempt of {whom}, with what to study again",
    "signing.accepted": "accepted what an electronic signature is",
    "signature.adopt": "signed the adoption of a module version",
    "signature.adopt-defaults": "signed the adoption of a module version and its cautious defaults",
    "signature.approve-observer": "signed that {whom} may observe practicals",
    "signature.credit": "signed: outside training of {whom} counts",
    "signature.decline-credit": "signed: outside training of {whom} does not count",
    "signature.endorse": "signed: an attempt of {whom} is endorsed",
    "signature.keep": "signed: a certificate of {whom} stands",
    "signature.lift": "signed: the suspension of a certificate of {whom} is lifted",
    "signature.observe": "signed what was observed of {whom}",
    "signature.open-early": "signed: the next attempt of {whom} opens early",
    "signature.programme": "signed the programme of {whom}",
    "signature.protocol": "signed a decision of the protocol",
    "signature.protocol-default": "signed a cautious default of the protocol",
    "signature.protocol-defaults": "signed the cautious defaults of the protocol",
    "signature.re-endorse": "signed: the supervision of {whom} is taken over",
    "signature.record-session": "signed a session on site",
    "signature.regrade": "signed: a question is scored anew",
    "signature.reset-factors": "signed: the second step of {whom} is reset",
    "signature.return": "signed: an attempt of {whom} is returned",
    "signature.revoke": "signed: a certificate of {whom} is revoked",
    "signature.state-rule": "signed which licences may perform here",
    "signature.suspend": "signed: a certificate of {whom} is suspended",
    "signature.talk": "signed: the talk with {whom} was held",
    "signature.withdraw-observer": "signed that {whom} observes no longer",
    "site-session.recorded": "recorded a session on site",
    "site-session.withdrawn": "withdrew the record of a session on site",
    "site-trainer.named": "named the clinic's trainer in blood-borne pathogens",
    "state-rule.signed": "put on record which licences may perform here",
    "task.asked": "asked {whom} to look at what changed in a text",
    "waiver.ended": "ended a waiver of {whom}",
    "waiver.recorded": "waived a requirement of {whom}",
}
# Reasons in which a physician may speak of answers: for the clinic's physicians alone.
PHYSICIANS_REASONS = ("attempts.granted.", "pass.", "question.")
# Extra time is between a person and her managers.
MANAGERS_SUBJECTS = ("quizzes.accommodation",)
# What a row is called in a sentence, beside the person.
THINGS: dict[str, Callable[[Any], str]] = {
    "quizzes.attempt": lambda row: row.module_version.title,
    "certificates.certificate": lambda row: row.number,
    "staff.licence": lambda row: row.type,
    "training.moduleversion": str,
    "training.protocolvalue": lambda row: row.item.title,
}
THING_NEEDS: dict[str, tuple[str, ...]] = {
    "quizzes.attempt": ("module_version__module",),
    "training.moduleversion": ("module",),
    "training.protocolvalue": ("item",),
}
SUBJECT_NAMES = ("person", "learner", "candidate", "holder", "kept")


@dataclass(frozen=True)
class Asked:
    """How the trail is narrowed. Empty means all; `before` is the number that a page ends in front of."""

    who: str = ""
    about: str = ""
    person: StaffMember | None = None
    what: str = ""
    first_on: date | None = None
    last_on: date | None = None
    before: int | None = None

    @property
    def any(self) -> bool:
        return any((self.who, self.about, self.person, self.what, self.first_on, self.last_on))


@dataclass(frozen=True)
class Line:
    """`whom_id` is empty where there is no page to lead to."""

    event: AuditEvent
    who: str
    text: str
    whom: str
    whom_id: str
    reason: str

    @property
    def sentence(self) -> str:
        return f"{self.who} {self.text}"


@cache
def path_to_person(model: type[Model]) -> tuple[str, ...] | None:
    """The fields that lead from a row to the person it is about, the shortest way; None where it is about nobody."""
    if model is StaffMember:
        return ()
    waiting: list[tuple[type[Model], tuple[str, ...]]] = [(model, ())]
    known = {model}
    while waiting:
        here, way = waiting.pop(0)
        links = [field for field in here._meta.concrete_fields if isinstance(field, ForeignKey)]
        for name in SUBJECT_NAMES:
            for field in links:
                if field.name == name and field.related_model is StaffMember:
                    return (*way, name)
        for field in links:
            target = field.related_model
            if isinstance(target, type) and target not in known and target not in (StaffMember, Clinic, Signature):
                known.add(target)
                waiting.append((target, (*way, field.name)))
    return None


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except LookupError:
        return None


def people_of(clinic: Clinic) -> QuerySet[StaffMember]:
    """Who works or worked here."""
    return StaffMember.objects.filter(pk__in=Membership.objects.filter(clinic=clinic).values("person"))


def _named(rows: QuerySet[StaffMember], words: str) -> QuerySet[StaffMember]:
    for word in words.split():
        rows = rows.filter(Q(full_name__icontains=word) | Q(latin_name__icontains=word))
    return rows


def _about(people: QuerySet[StaffMember], labels: list[str]) -> Q:
    """Rows (events or signatures) whose subject is one of these people, or a row about one."""
    wanted = Q(pk=None)
    for label in labels:
        model = _model(label)
        if model is None:
            continue
        if model is Signature:
            over = Signature.objects.values_list("subject_type", flat=True).order_by().distinct()
            rows: QuerySet[Any] = Signature.objects.filter(
                _about(people, [name for name in over if name != "staff.signature"])
            )
        else:
            path = path_to_person(model)
            if path is None:
                continue
            rows = model._base_manager.filter(**{"__".join((*path, "pk", "in")): people.values("pk")})
        ids = rows.annotate(_text=Cast("pk", CharField())).values("_text")
        wanted |= Q(subject_type=label, subject_id__in=ids)
    return wanted


def events(clinic: Clinic, asked: Asked, viewer: StaffMember) -> QuerySet[AuditEvent]:
    """The clinic's events that were asked for, the newest first."""
    chain = AuditEvent.objects.filter(chain__clinic=clinic)
    rows = chain
    if asked.who:
        names = ActorName.objects.all()
        for word in asked.who.split():
            names = names.filter(name__icontains=word)
        rows = rows.filter(actor_commitment__in=names.values("commitment"))
    if asked.about or asked.person:
        people = people_of(clinic)
        people = people.filter(pk=asked.person.pk) if asked.person else _named(people, asked.about)
        hidden = () if _manages(viewer, clinic) else MANAGERS_SUBJECTS
        labels = [
            label for label in chain.order_by().values_list("subject_type", flat=True).distinct() if label not in hidden
        ]
        rows = rows.filter(_about(people, labels))
    if asked.what in GROUPS:
        rows = rows.filter(_begins(GROUPS[asked.what][1]))
    elif asked.what == OTHER:
        rows = rows.exclude(_begins(tuple(begin for _, begins in GROUPS.values() for begin in begins)))
    zone = ZoneInfo(clinic.zone)
    if asked.first_on:
        rows = rows.filter(at__gte=datetime.combine(asked.first_on, time(), zone))
    if asked.last_on:
        rows = rows.filter(at__lt=datetime.combine(asked.last_on + timedelta(days=1), time(), zone))
    if asked.before is not None:
        rows = rows.filter(seq__lt=asked.before)
    return rows.order_by("-seq")


def _begins(prefixes: tuple[str, ...]) -> Q:
    wanted = Q(pk=None)
    for prefix in prefixes:
        wanted |= Q(action__startswith=prefix)
    return wanted


def _manages(viewer: StaffMember, clinic: Clinic) -> bool:
    return clinic in clinics_as(viewer, Role.MANAGER)


def in_chunks(rows: QuerySet[AuditEvent], most: int | None = None) -> Iterator[list[AuditEvent]]:
    """From number to number, so that however long the trail is, little of it is held at a time."""
    before: int | None = None
    left = most
    while left is None or left > 0:
        part = rows if before is None else rows.filter(seq__lt=before)
        chunk = list(part[: CHUNK if left is None else min(CHUNK, left)])
        if not chunk:
            return
        yield chunk
        before = chunk[-1].seq
        left = None if left is None else left - len(chunk)


def lines(rows: list[AuditEvent], clinic: Clinic, viewer: StaffMember) -> list[Line]:
    """In a fixed number of statements for each kind of row that they speak of."""
    names = dict(
        ActorName.objects.filter(commitment__in={row.actor_commitment for row in rows}).values_list(
            "commitment", "name"
        )
    )
    subjects = {row.pk: _subject(row) for row in rows}
    found = _found(set(subjects.values()))
    pages = dict(people_of(clinic).filter(pk__in={p.pk for p, _ in found.values() if p}).values_list("pk", "public_id"))
    manager, physician = _manages(viewer, clinic), clinic in clinics_as(viewer, Role.PHYSICIAN)
    made = []
    for row in rows:
        person, what = found.get(subjects[row.pk], (None, ""))
        if row.subject_type in MANAGERS_SUBJECTS and not manager:
            person = None
        hidden = row.reason and row.action.startswith(PHYSICIANS_REASONS) and not physician
        made.append(
            Line(
                event=row,
                who=names.get(row.actor_commitment, ERASED),
                text=sentence(row.action, str(person) if person else "", what),
                whom=str(person) if person else "",
                whom_id=pages.get(person.pk, "") if person else "",
                reason="for the clinic's physicians" if hidden else row.reason,
            )
        )
    return made


def sentence(action: str, whom: str, what: str) -> str:
    """An action that has no sentence of its own is called by its name."""
    said = SENTENCES.get(action)
    if said is None:
        return f"recorded “{action.replace('.', ' ').replace('_', ' ').replace('-', ' ')}”" + (
            f" about {whom}" if whom else ""
        )
    return said.format(whom=whom or "somebody", what=what or "not on record")


def _subject(row: AuditEvent) -> tuple[str, str]:
    """What the event is about; of a signature, what was signed."""
    if row.subject_type == "staff.signature":
        over = json.loads(row.body).get("subject")
        if over:
            return str(over[0]), str(over[1])
    return row.subject_type, row.subject_id


def _found(subjects: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[StaffMember | None, str]]:
    """The person behind each subject and what the thing is called."""
    by_label: dict[str, set[int]] = defaultdict(set)
    for label, pk in subjects:
        if pk.isdecimal():
            by_label[label].add(int(pk))
    found: dict[tuple[str, str], tuple[StaffMember | None, str]] = {}
    for label, pks in sorted(by_label.items()):
        model = _model(label)
        if model is None:
            continue
        path = path_to_person(model)
        needs = [*THING_NEEDS.get(label, ()), *(["__".join(path)] if path else [])]
        rows = model._base_manager.filter(pk__in=pks)
        for row in rows.select_related(*needs) if needs else rows:
            person: Any = row if path is not None else None
            for name in path or ():
                person = getattr(person, name)
            call = THINGS.get(label)
            found[label, str(row.pk)] = (person, call(row) if call else "")
    return found
