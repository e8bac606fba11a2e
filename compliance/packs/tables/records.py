"""What is on record: certificates and what happened to them, signatures, the clinic's decisions, exceptions, the trail."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db.models import Q

from certificates import papers
from certificates.models import Certificate, CertificateEvent, CertificateFile
from certificates.queries import state_of, with_events
from compliance import standing
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from compliance.queries import Board, board_of
from quizzes.models import Attempt, Candidacy
from staff import clock, signing
from staff.models import ActorName, AuditEvent, Clinic, Licence, Membership, Signature, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import STATES
from training.models import (
    Adoption,
    ModuleVersion,
    Observation,
    ObserverDecision,
    ProtocolValue,
    StateRule,
)

log = logging.getLogger(__name__)
SOME = 50
MANY = 500


def certificate_ids(scope: Scope) -> list[int]:
    """What these clinics issued and what was in force on one of the days, by holder and number."""
    issued = Certificate.objects.filter(clinic__in=scope.clinic_ids, issued_at__lte=scope.until)
    rows = issued.filter(Q(issued_at__gte=scope.since) | Q(valid_until_on__gte=scope.since.date()))
    found = rows.filter(**scope.of_person("person")).values_list("pk", "holder_name", "number")
    return [pk for pk, _, _ in sorted(found, key=lambda row: (row[1].casefold(), row[2]))]


def paper_name(number: str) -> str:
    return f"certificates/{number}.pdf"


def stored_papers(pks: list[int]) -> dict[int, tuple[int, str]]:
    """The stored PDF and its SHA-256 by certificate; one that is not drawn yet is drawn."""
    files = CertificateFile.objects.filter(certificate__in=pks, format="pdf")
    found = {pk: (file, sha256) for pk, file, sha256 in files.values_list("certificate", "file", "file__sha256")}
    for certificate in Certificate.objects.filter(pk__in=set(pks) - set(found)).order_by("pk"):
        try:
            file = papers.file_of(certificate, "pdf")
        except Exception:
            log.exception("the paper of certificate %s was not drawn", certificate.number)
        else:
            found[certificate.pk] = (file.pk, file.sha256)
    return found


def _certificates(scope: Scope) -> Iterator[Row]:
    for some in in_pieces(certificate_ids(scope), SOME):
        papers_of = stored_papers(some)
        rows = with_events(Certificate.objects.filter(pk__in=some)).select_related(
            "person", "clinic", "supersedes", "attempt"
        )
        found = {row.pk: row for row in rows.defer("facts")}
        for pk in some:
            row = found[pk]
            drawn = papers_of.get(pk)
            newer = [one.number for one in row.superseded_by.all() if one.issued_at <= scope.until]
            yield (
                row.number, scope.who(row.person_id, row.person)[0], scope.named(row.person_id, row.holder_name),
                row.clinic_name, row.kind_line, row.title,
                row.module_version_number, row.issued_at, row.valid_from_on, row.valid_until_on,
                STATES[state_of(row, scope.until)][0], row.attempt.public_id if row.attempt else "",
                row.supersedes.number if row.supersedes else "", ", ".join(newer), row.rule_line, row.disclaimer,
                f"{settings.SITE_URL}/verify/{row.code}/", row.facts_sha256,
                paper_name(row.number) if drawn else "", drawn[1] if drawn else "not drawn",
            )  # fmt: skip


CERTIFICATES = Table(
    "certificates",
    "Certificates",
    "Those issued in these days and those that were in force on one of them; the state is that of the last day. A certificate "
    "of knowledge says that an unproctored quiz was passed. It is not a permit to treat.",
    (
        ("number", "Number"), ("person", "Key"), ("holder", "Holder"), ("clinic", "Clinic"), ("kind", "Kind"),
        ("title", "Title"), ("module_version", "Version"), ("issued_at", "Issued"), ("valid_from_on", "Valid from"),
        ("valid_until_on", "Valid to"), ("state", "State"), ("attempt", "Attempt"), ("supersedes", "Replaces"),
        ("superseded_by", "Replaced by"), ("rule", "Rule"), ("disclaimer", "It says"), ("verify", "Check it at"),
        ("facts_sha256", "SHA-256 of its facts"), ("file", "Paper"), ("file_sha256", "SHA-256 of the paper"),
    ),
    _certificates,
)  # fmt: skip


def _events(scope: Scope) -> Iterator[Row]:
    rows = CertificateEvent.objects.filter(
        certificate__clinic__in=scope.clinic_ids, **scope.of_person("certificate__person"), **scope.within("at")
    ).select_related("certificate", "by", "signature")
    for some in in_pieces(list(rows.order_by("at", "pk").values_list("pk", flat=True)), MANY):
        found = {row.pk: row for row in rows.filter(pk__in=some)}
        for pk in some:
            row = found[pk]
            yield (
                row.certificate.number, scope.named(row.certificate.person_id, row.certificate.holder_name),
                row.get_kind_display(), row.at, row.effective_at,
                row.get_reason_class_display(), row.public_text,
                row.signature.signer_name if row.signature else row.by.full_name,
                row.signature.public_id if row.signature else "",
            )  # fmt: skip


EVENTS = Table(
    "certificate-events",
    "What happened to certificates",
    "Suspended, lifted, revoked, ended, endorsed again; with what the public page says about it.",
    (
        ("number", "Number"), ("holder", "Holder"), ("what", "What"), ("recorded_at", "Recorded"),
        ("effective_at", "In effect from"), ("reason", "Reason"), ("public_text", "The public page says"), ("by", "By"),
        ("signature", "Signature"),
    ),
    _events,
)  # fmt: skip


@dataclass(frozen=True)
class About:
    """What a signature is about: in words, whom, and where else in the pack it stands."""

    what: str
    who: str = ""
    reference: str = ""


def _abouts(rows: list[Signature], scope: Scope) -> dict[tuple[str, str], About]:
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.subject_id.isdecimal():
            wanted[row.subject_type].add(int(row.subject_id))
    found: dict[tuple[str, str], About] = {}

    def put(kind: str, pk: int, about: About) -> None:
        found[kind, str(pk)] = about

    def whose(person: StaffMember) -> str:
        return scope.named(person.pk, person.full_name)

    attempts = Attempt.objects.filter(pk__in=wanted["quizzes.attempt"]).select_related("candidacy__person")
    for attempt in attempts:
        put("quizzes.attempt", attempt.pk, About("attempt", whose(attempt.candidacy.person), attempt.public_id))
    for candidacy in Candidacy.objects.filter(pk__in=wanted["quizzes.candidacy"]).select_related("person"):
        put("quizzes.candidacy", candidacy.pk, About("further attempts", whose(candidacy.person)))
    for sheet in Observation.objects.filter(pk__in=wanted["training.observation"]).select_related("learner"):
        put("training.observation", sheet.pk, About("practical", whose(sheet.learner), sheet.public_id))
    for paper in Certificate.objects.filter(pk__in=wanted["certificates.certificate"]).only(
        "number", "holder_name", "person"
    ):
        holder = scope.named(paper.person_id, paper.holder_name)
        put("certificates.certificate", paper.pk, About("certificate", holder, paper.number))
    for member in Membership.objects.filter(pk__in=wanted["staff.membership"]).select_related("person"):
        put("staff.membership", member.pk, About("member of staff", whose(member.person)))
    for version in ModuleVersion.objects.filter(pk__in=wanted["training.moduleversion"]):
        put("training.moduleversion", version.pk, About("module version", reference=str(version)))
    for clinic in Clinic.objects.filter(pk__in=wanted["staff.clinic"]):
        put("staff.clinic", clinic.pk, About("the clinic's protocol"))
    return found


def about_person(scope: Scope) -> Q:
    """Signatures about the person of a dossier."""
    if scope.person is None:
        return Q()
    hers = scope.her_accounts

    def subjects(kind: str, pks: "list[int]") -> Q:
        return Q(subject_type=kind, subject_id__in=[str(pk) for pk in pks])

    return (
        subjects(
            "quizzes.attempt", list(Attempt.objects.filter(candidacy__person__in=hers).values_list("pk", flat=True))
        )
        | subjects("quizzes.candidacy", list(Candidacy.objects.filter(person__in=hers).values_list("pk", flat=True)))
        | subjects(
            "training.observation", list(Observation.objects.filter(learner__in=hers).values_list("pk", flat=True))
        )
        | subjects(
            "certificates.certificate", list(Certificate.objects.filter(person__in=hers).values_list("pk", flat=True))
        )
        | subjects("staff.membership", list(Membership.objects.filter(person__in=hers).values_list("pk", flat=True)))
    )


def _signatures(scope: Scope) -> Iterator[Row]:
    rows = Signature.objects.filter(clinic__in=scope.clinic_ids, **scope.within("signed_at")).filter(
        about_person(scope)
    )
    for some in in_pieces(list(rows.order_by("signed_at", "pk").values_list("pk", flat=True)), SOME):
        found = {row.pk: row for row in Signature.objects.filter(pk__in=some).select_related("clinic")}
        abouts = _abouts(list(found.values()), scope)
        for pk in some:
            row = found[pk]
            about = abouts.get((row.subject_type, row.subject_id), About(row.subject_type.split(".")[-1]))
            yield (
                row.public_id, row.signer_name, row.credentials or NOT_RECORDED, str(Role(row.role).label)
                if row.role in Role.values else row.role, row.clinic.name, row.signed_at, row.meaning_text, about.what,
                about.who, about.reference, row.record_sha256, row.auth_method, signing.is_genuine(row), row.key_id,
            )  # fmt: skip


SIGNATURES = Table(
    "signatures",
    "Signatures",
    "The printed name of the signer, when she signed and what it means, with the hash of exactly what was signed. “Genuine” is "
    "what the site found when the pack was made: its key is not in the pack.",
    (
        ("signature", "Signature"), ("signer", "Signed by"), ("licences", "Licences that day"), ("role", "As"),
        ("clinic", "Clinic"), ("signed_at", "Signed"), ("meaning", "It means"), ("about", "About"), ("whom", "Whom"),
        ("reference", "See"), ("record_sha256", "SHA-256 of what was signed"), ("method", "Shown by"),
        ("genuine", "Genuine"), ("key", "Key"),
    ),
    _signatures,
)  # fmt: skip


def _adoptions(scope: Scope) -> Iterator[Row]:
    rows = Adoption.objects.filter(clinic__in=scope.clinic_ids, adopted_at__lte=scope.until)
    for row in rows.select_related("module_version", "signature", "clinic").order_by("adopted_at", "pk"):
        version = row.module_version
        yield (
            version.title, version.number, version.published_at, row.clinic.name, row.adopted_at,
            row.signature.signer_name, row.signature.meaning_text, row.signature.public_id, version.sha256,
        )  # fmt: skip


ADOPTIONS = Table(
    "adoptions",
    "Adopted versions",
    "Which version of the training a physician of the clinic has signed for her clinic; all of them up to the last day. Before "
    "that, a pass leads to no certificate.",
    (
        ("module", "Module"), ("module_version", "Version"), ("published_at", "Published"), ("clinic", "Clinic"),
        ("adopted_at", "Adopted"), ("physician", "Physician"), ("meaning", "She signed"), ("signature", "Signature"),
        ("version_sha256", "SHA-256 of the version"),
    ),
    _adoptions,
    none="No version is adopted.",
)  # fmt: skip


def _decisions(scope: Scope) -> Iterator[Row]:
    """Up to the last day, the older ones too: what was in force when somebody was trained."""
    decided = {"clinic__in": scope.clinic_ids, "decided_at__lte": scope.until}
    rules = StateRule.objects.filter(**decided).select_related("signature", "clinic").order_by("decided_at", "pk")
    for rule in rules:
        text = f"{', '.join(json.loads(rule.licence_types))}: {rule.rule}"
        yield (
            "Who may perform", text, rule.number, False, rule.clinic.name, rule.decided_at, rule.signature.signer_name,
            rule.signature.public_id,
        )  # fmt: skip
    values = ProtocolValue.objects.filter(**decided).select_related("item", "signature", "clinic")
    for value in values.order_by("item__position", "number", "pk"):
        yield (
            value.item.title, value.text, value.number, value.is_default, value.clinic.name, value.decided_at,
            value.signature.signer_name, value.signature.public_id,
        )  # fmt: skip
    observers = ObserverDecision.objects.filter(**decided).select_related("person", "signature", "clinic")
    for row in observers.order_by("decided_at", "pk"):
        word = "approved" if row.approved else "no longer"
        yield (
            "Observer of practicals", f"{scope.who(row.person_id, row.person)[1]}: {word}", row.number, False, row.clinic.name,
            row.decided_at, row.signature.signer_name, row.signature.public_id,
        )  # fmt: skip


DECISIONS = Table(
    "decisions",
    "The clinic's decisions",
    "What a physician of the clinic has signed: which licences may perform under which rule, protocol items (or the cautious "
    "default, taken over by signature), and who observes practicals. The highest number of a thing is in force.",
    (
        ("what", "What"), ("text", "Decided"), ("number", "Number"), ("is_default", "The cautious default"),
        ("clinic", "Clinic"), ("decided_at", "Decided at"), ("physician", "Physician"), ("signature", "Signature"),
    ),
    _decisions,
    none="Nothing is decided.",
)  # fmt: skip


def board_then(scope: Scope) -> Board:
    """The matrix of the last day, by what was on record then."""
    past = scope.to_on < clock.today(str(scope.zone))
    return board_of(list(scope.clinics), scope.person, on=scope.to_on if past else None)


def _exceptions(scope: Scope) -> Iterator[Row]:
    board = board_then(scope)
    newest = _newest_licences(scope)
    for row in sorted(board.rows, key=lambda row: (row.person.full_name.casefold(), row.membership.pk)):
        head = (*scope.who(row.person_id, row.person), row.membership.job_title, row.clinic.name)
        for cell in row.cells:
            if not cell.standing.in_order:
                yield (*head, cell.column.title, cell.standing.detail, cell.standing.due_on)
        if {Role.AESTHETICIAN, Role.PHYSICIAN} & set(row.roles):
            last = newest.get(row.person.pk)
            if last is None:
                yield (*head, "Licence", "none recorded", None)
            elif last < scope.to_on:
                yield (*head, "Licence", f"expired {standing.short_day(last)}", last)


def _newest_licences(scope: Scope) -> dict[int, date]:
    found: dict[int, date] = {}
    for people in scope.people():
        rows = Licence.objects.filter(person__in=people, recorded_at__lte=scope.until).order_by("expires_on")
        found |= dict(rows.values_list("person", "expires_on"))
    return found


EXCEPTIONS = Table(
    "exceptions",
    "Exceptions",
    "Who of those working here on the last day lacked something that is asked of her, and what.",
    (
        ("person", "Key"), ("name", "Name"), ("job_title", "Job title"), ("clinic", "Clinic"), ("what", "What"),
        ("state", "State"), ("due_on", "Due"),
    ),
    _exceptions,
    none="None: everybody holds what is asked of her.",
)  # fmt: skip


def _audit(scope: Scope) -> Iterator[Row]:
    rows = AuditEvent.objects.filter(chain__clinic__in=scope.clinic_ids, **scope.within("at"))
    if scope.person:
        rows = rows.filter(actor__in=scope.her_accounts)
    known: dict[str, str] = {}
    for some in in_pieces(list(rows.order_by("chain", "seq").values_list("pk", flat=True)), MANY):
        found = {row.pk: row for row in AuditEvent.objects.filter(pk__in=some).select_related("chain__clinic")}
        new = {row.actor_commitment for row in found.values()} - set(known)
        known |= dict(ActorName.objects.filter(commitment__in=new).values_list("commitment", "name"))
        for pk in some:
            row = found[pk]
            yield (
                row.chain.clinic.public_id if row.chain.clinic else "", row.seq, row.at,
                known.get(row.actor_commitment, "erased"), row.role, row.action, row.subject_type, row.subject_id,
                row.prev_hash, row.hash,
            )  # fmt: skip


AUDIT = Table(
    "audit",
    "Audit trail",
    "Every event of the clinic's trail in these days: when, who, what. Each names the hash of the one before, so that none can "
    "be taken out between two. Reasons and details stay on the site, for they may speak of health or of answers.",
    (
        ("clinic", "Clinic"), ("seq", "Number"), ("at", "At"), ("actor", "By"), ("role", "As"), ("action", "Event"),
        ("subject_type", "About"), ("subject_id", "Row"), ("prev_hash", "Hash of the one before"), ("hash", "Hash"),
    ),
    _audit,
    long=True,
)  # fmt: skip
