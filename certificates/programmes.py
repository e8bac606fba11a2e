"""The programme certificate: what must be in order, the physician's signature, and who takes over when she leaves.

A certificate of knowledge issues itself. This one does not: every condition is looked at again in the transaction that signs,
and what was on the physician's screen is what her signature covers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from certificates import codes, drawing, events, fonts, names, totals, validity
from certificates.actions import (
    FORMAT,
    ReissueRefused,
    name_choice,
    next_number,
    printable,
    printed_anew,
    reads_so,
    refuse_reissue,
    tell_reissue,
)
from certificates.models import Certificate, CertificateBasis, CertificateEvent, ProgrammeSigning
from certificates.queries import state_of, with_events
from quizzes.models import Outcome
from staff import audit, canonical, clock, mail, signing
from staff.access import is_same
from staff.models import Clinic, Licence, Membership, StaffMember
from training import practicals
from training.models import Module, Observation, Programme, StateRule
from training.observations import PracticalShown, live_practicals, seen_by_person, signed_sheets, whose

KIND_LINE = "Programme certificate"
STATEMENT = "has passed every module and every safety-critical practical of"
DISCLAIMER = "Does not authorise practice beyond licence or state law."
DOSSIER = "pinpoint-programme-1"
RECENT_DAYS = 183  # after six months without a procedure, one observed procedure
HELD = (*validity.IN_FORCE, "supervision-pending", "not-yet-valid")


@dataclass(frozen=True)
class Condition:
    """`sentence` says what is in order, or what is missing and what to do."""

    code: str
    met: bool
    sentence: str


@dataclass(frozen=True)
class Dossier:
    """A person, a clinic and a programme: what the signature would rest on. `withheld`: by module, why its certificate is not
    enough now, as the floor above knows it and says after the module's title."""

    membership: Membership
    programme: Programme
    titles: dict[str, str]
    certificates: dict[str, Certificate]
    scores: dict[int, tuple[int, int]]
    practicals: tuple[PracticalShown, ...]
    sheets: tuple[Observation, ...]
    rule: StateRule | None
    licences: tuple[Licence, ...]
    held: Certificate | None
    held_state: str
    today: date
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def person(self) -> StaffMember:
        return self.membership.person

    @property
    def clinic(self) -> Clinic:
        return self.membership.clinic

    @property
    def starred(self) -> list[PracticalShown]:
        return [row for row in self.practicals if row.version.starred]

    @cached_property
    def basis_sheets(self) -> list[Observation]:
        """The sheets on which the practicals were passed, each once."""
        wanted = {row.standing.seen.sheet for row in self.practicals if row.standing.seen}
        return [sheet for sheet in self.sheets if sheet.public_id in wanted]

    @property
    def devices(self) -> list[str]:
        return sorted({sheet.device for sheet in self.basis_sheets if sheet.device})

    @cached_property
    def total(self) -> totals.Total:
        return totals.total(self.scores[certificate.pk] for certificate in self.certificates.values())

    @property
    def proposed(self) -> list[tuple[str, int, int]]:
        """Occasions by setting: the word, how many there were, how many are proposed."""
        seen = {setting: sum(sheet.setting == setting for sheet in self.sheets) for setting in Observation.WORDS}
        return [(word, seen[s], self.programme.proposed.get(s, 0)) for s, word in Observation.WORDS.items()]

    @property
    def licence(self) -> Licence | None:
        """The holder's, unexpired and of a type that may perform here; the one that lasts longest."""
        if self.rule is None:
            return None
        allowed = {one.casefold() for one in self.rule.types}
        fitting = [row for row in self.licences if row.type.casefold() in allowed and row.expires_on >= self.today]
        return max(fitting, key=lambda row: row.expires_on, default=None)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        asked = (self._modules(), self._practicals(), self._recent(), self._rule(), self._licence(), self._once())
        return (*asked, *self._withheld(), *self._accounts())

    def _withheld(self) -> list[Condition]:
        found = [(slug, self.withheld[slug]) for slug in self.programme.slugs if slug in self.withheld]
        said = [f"{self.titles.get(slug, slug)} {why}" for slug, why in found]
        return [Condition("withheld", False, " ".join([*said, WAY_OUT]))] if said else []

    def _accounts(self) -> list[Condition]:
        """Nothing counts silently that stands under another account: the physician reads of it, and signs over it."""
        numbers = sorted(row.number for row in self.certificates.values() if row.person_id != self.person.pk)
        sheets = sum(sheet.learner_id != self.person.pk for sheet in self.basis_sheets)
        said = [*numbers, *([f"{sheets} {'sheet' if sheets == 1 else 'sheets'} of practicals"] if sheets else [])]
        if not said:
            return []
        return [
            Condition("accounts", True, f"Under an account of hers that was merged into this one: {', '.join(said)}.")
        ]

    def _modules(self) -> Condition:
        missing = [self.titles.get(slug, slug) for slug in self.programme.slugs if slug not in self.certificates]
        if missing:
            return Condition("modules", False, f"No certificate in force of: {', '.join(missing)}.")
        return Condition("modules", True, f"All {len(self.programme.slugs)} module certificates are in force.")

    def _practicals(self) -> Condition:
        missing = [row for row in self.starred if row.standing.state != "passed"]
        if missing or not self.starred:
            said = "; ".join(f"{row.version.code} {row.word.lower()}" for row in missing) or "none is published"
            return Condition("practicals", False, f"Safety-critical practicals not signed off: {said}.")
        return Condition("practicals", True, f"All {len(self.starred)} safety-critical practicals are signed off.")

    def _recent(self) -> Condition:
        days = [sheet.observed_on for sheet in self.sheets if sheet.setting in practicals.ON_A_PATIENT]
        last = max(days, default=None)
        if last is None:
            return Condition("recent", False, "No procedure on a patient is on record.")
        if last < self.today - timedelta(days=RECENT_DAYS):
            return Condition(
                "recent",
                False,
                f"The last procedure on record is of {_day(last)}. After six months, observe one first.",
            )
        return Condition("recent", True, f"The last procedure on record is of {_day(last)}.")

    def _rule(self) -> Condition:
        if self.rule is None:
            return Condition(
                "rule",
                False,
                f"No physician has signed which licence types may perform at {self.clinic}, and under which rule. "
                "Sign it under Protocol.",
            )
        return Condition("rule", True, f"{', '.join(self.rule.types)} may perform here: {self.rule.rule}")

    def _licence(self) -> Condition:
        if self.licence is None:
            return Condition(
                "licence",
                False,
                "No unexpired licence of such a type is on record. A manager records it under People.",
            )
        return Condition(
            "licence", True, f"The licence, {self.licence.type}, holds to {_day(self.licence.expires_on)}."
        )

    def _once(self) -> Condition:
        if self.held and self.held_state in ("valid", "supervision-pending", "not-yet-valid"):
            return Condition(
                "once", False, f"{self.held.number} is in force to {_day(self.held.valid_until_on)} already."
            )
        if self.held and self.held_state == "suspended":
            return Condition("once", False, f"{self.held.number} is suspended. Lift or revoke it first.")
        return Condition("once", True, "No other certificate of this programme stands in the way.")

    @property
    def missing(self) -> list[Condition]:
        return [condition for condition in self.conditions if not condition.met]

    @property
    def ready(self) -> bool:
        return not self.missing

    @cached_property
    def text(self) -> str:
        """What is on the physician's screen, canonical; the signature is over its hash."""
        return canonical.text(
            {
                "format": DOSSIER,
                "person": self.person.pk,
                "name": self.person.full_name,
                "clinic": self.clinic.pk,
                "programme": self.programme.slug,
                "title": self.programme.title,
                "conditions": [[row.code, row.met, row.sentence] for row in self.conditions],
                "certificates": sorted(
                    [slug, row.number, row.facts_sha256, *self.scores[row.pk]]
                    for slug, row in self.certificates.items()
                ),
                "practicals": [
                    [row.version.code, row.standing.state, row.standing.seen.sheet if row.standing.seen else ""]
                    for row in self.practicals
                ],
                "sheets": sorted([sheet.public_id, sheet.seal_sha256] for sheet in self.basis_sheets),
                "rule": self.rule.number if self.rule else 0,
                "devices": self.devices,
            }
        )

    @property
    def sha256(self) -> str:
        return canonical.sha256(self.text)


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def treating_programmes() -> list[Programme]:
    """Those with practicals; who treats nobody holds certificates of knowledge alone."""
    return [row for row in Programme.objects.order_by("position") if row.observed]


WAY_OUT = "She passes it first; or a manager or physician of the clinic ends what was asked, on the module's page under her name."
Withheld = Mapping[int, Mapping[str, str]]  # by membership and module


def dossiers(
    memberships: Sequence[Membership], programmes: Sequence[Programme] | None = None, *, withheld: Withheld
) -> list[Dossier]:
    """For each of these (open) memberships each programme asked of its roles; statements do not grow with the people."""
    asked = treating_programmes() if programmes is None else list(programmes)
    people = {row.person_id: row.person for row in memberships}
    clinics = {row.clinic_id: row.clinic for row in memberships}
    sheets = signed_sheets(list(people.values()))
    by_person: dict[int, list[Observation]] = defaultdict(list)
    for sheet in sheets:
        by_person[whose(sheet)].append(sheet)
    seen, versions = seen_by_person(sheets), live_practicals()
    knowledge, scores = _knowledge(list(people))
    licences: dict[int, list[Licence]] = defaultdict(list)
    for licence in Licence.objects.filter(person__in=people).order_by("pk"):
        licences[licence.person_id].append(licence)
    rules = {row.clinic_id: row for row in StateRule.objects.filter(clinic__in=clinics).order_by("number")}
    held = _held(list(people))
    titles = {row.slug: _title(row) for row in Module.objects.prefetch_related("versions")}
    found = []
    for membership in memberships:
        person, today = membership.person_id, clock.today(membership.clinic.zone)
        for programme in asked:
            codes_asked = {row["code"] for row in programme.observed}
            before = held.get((person, membership.clinic_id, programme.pk))
            found.append(
                Dossier(
                    membership=membership,
                    programme=programme,
                    titles=titles,
                    certificates={s: knowledge[person][s] for s in programme.slugs if s in knowledge.get(person, {})},
                    scores=scores,
                    practicals=tuple(
                        PracticalShown(v, practicals.standing(seen.get(person, {}).get(v.code, ()), drill=v.drill))
                        for v in versions
                        if v.code in codes_asked
                    ),
                    sheets=tuple(sheet for sheet in by_person[person] if hasattr(sheet, "acknowledgement")),
                    rule=rules.get(membership.clinic_id),
                    licences=tuple(licences[person]),
                    held=before,
                    held_state=state_of(before) if before else "",
                    today=today,
                    withheld=withheld.get(membership.pk, {}),
                )
            )
    return found


def _title(module: Module) -> str:
    versions = sorted(module.versions.all(), key=lambda row: row.number)
    return versions[-1].title if versions else module.slug


def _knowledge(people: list[int]) -> tuple[dict[int, dict[str, Certificate]], dict[int, tuple[int, int]]]:
    """By person and module, the certificate in force that lasts longest; and by certificate its points of all items."""
    rows = with_events(
        Certificate.objects.filter(
            Q(person__in=people) | Q(person__merged_into__in=people), kind=Certificate.Kind.KNOWLEDGE
        ).select_related("attempt__parent", "candidacy__quiz__module", "person")
    )
    found: dict[int, dict[str, Certificate]] = defaultdict(dict)
    for row in rows.order_by("valid_until_on", "pk"):
        if row.candidacy and state_of(row) in validity.IN_FORCE:
            found[row.person.merged_into_id or row.person_id][row.candidacy.quiz.module.slug] = row
    chosen = [row for mine in found.values() for row in mine.values()]
    # A pass by re-test is scored on the whole attempt before it.
    whole = {row.pk: row.attempt.parent_id or row.attempt_id for row in chosen if row.attempt}
    outcomes = {
        row.attempt_id: (row.points, row.max_points)
        for row in Outcome.objects.filter(attempt__in=whole.values()).order_by("number")
    }
    return found, {pk: outcomes[attempt] for pk, attempt in whole.items() if attempt in outcomes}


def _held(people: list[int]) -> dict[tuple[int, int, int], Certificate]:
    """By person, clinic and programme, the newest that was neither revoked nor replaced."""
    rows = with_events(
        Certificate.objects.filter(kind=Certificate.Kind.PROGRAMME, person__in=people, superseded_by=None)
        .exclude(events__kind=CertificateEvent.Kind.REVOKED)
        .select_related("signing")
    )
    return {(row.person_id, row.clinic_id, row.signing.programme_id): row for row in rows.order_by("issued_at", "pk")}


def signer_missing(by: StaffMember, clinic: Clinic) -> str:
    """Why this physician's own papers do not let her sign, or nothing."""
    if signing.credentials_of(by, clinic.zone):
        return ""
    return "No unexpired licence of your own is on record. A manager of the clinic records it under People."


@transaction.atomic
def sign_programme(
    *, membership: Membership, programme: Programme, seen: signing.Seen, by: StaffMember, withheld: Withheld
) -> Certificate:
    """Sign and issue, in one transaction. Refused with the reason for each condition that is not met.

    What the floor above knows to stand in the way is its part: call `compliance.entrusting.sign_programme`.
    """
    if is_same(by, membership.person_id):
        raise signing.SigningRefused("Nobody signs their own programme. Ask another physician of the clinic.")
    # Whoever signs for the same person meanwhile waits here, and then finds the certificate.
    membership = (
        Membership.objects.select_for_update(of=("self",)).select_related("person", "clinic").get(pk=membership.pk)
    )
    clinic, person = membership.clinic, membership.person
    if membership.ended_at or not person.is_active:
        raise signing.SigningRefused(f"{person} works at {clinic} no longer. Nothing was signed.")
    if not set(programme.asked_of) & set(membership.roles.filter(ended_at=None).values_list("role", flat=True)):
        raise signing.SigningRefused(f"{programme} is not asked of {person}. Nothing was signed.")
    dossier = dossiers([membership], [programme], withheld=withheld)[0]
    reasons = [condition.sentence for condition in dossier.missing]
    own = signer_missing(by, clinic)
    if reasons or own:
        raise signing.SigningRefused(" ".join([*reasons, own]).strip() + " Nothing was signed.")
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="programme",
        subject=membership,
        record_sha256=dossier.sha256,
        seen=seen,
    )
    signing_row = ProgrammeSigning(
        programme=programme,
        physician=signature.signer_name,
        credentials=_credentials(by, clinic.zone),
        signed=_signed_line(signature.meaning_text, signature.signed_at, clinic.zone),
        versions=versions_line(row for _, row in sorted(dossier.certificates.items())),
        programme_sha256=canonical.sha256_of(_definition(programme)),
        dossier=dossier.text,
        signature=signature,
    )
    certificate = _issued(dossier, signing_row, signature.signed_at)
    certificate.save(force_insert=True)
    signing_row.certificate = certificate
    signing_row.save(force_insert=True)
    CertificateBasis.objects.bulk_create(
        [CertificateBasis(certificate=certificate, knowledge=row) for row in dossier.certificates.values()]
        + [CertificateBasis(certificate=certificate, observation=sheet) for sheet in dossier.basis_sheets]
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="certificate.issued",
        subject=certificate,
        body={"number": certificate.number, "attempt": None, "facts_sha256": certificate.facts_sha256},
    )
    mail.queue(
        to=person,
        key=f"certificate:{certificate.number}",
        subject=f"Your programme certificate: {certificate.title}",
        body=(
            f"{person.full_name},\n\n{by.full_name} signed your programme “{certificate.title}”. Certificate "
            f"{certificate.number} is valid through {_day(certificate.valid_until_on)}:\n"
            f"{settings.SITE_URL}{certificate.get_absolute_url()}\n"
        ),
    )
    return certificate


def facts_of(row: ProgrammeSigning) -> dict[str, str]:
    """What the certificate's facts say of the signing it rests on."""
    return {
        "slug": row.programme.slug,
        "physician": row.physician,
        "credentials": row.credentials,
        "signed": row.signed,
        "versions": row.versions,
        "programme_sha256": row.programme_sha256,
        "dossier_sha256": canonical.sha256(row.dossier),
    }


def versions_line(knowledge: Iterable[Certificate]) -> str:
    """Each module and the version in which it was passed, a line each."""
    return "\n".join(f"{row.title}, version {row.module_version_number}" for row in knowledge)


def _credentials(by: StaffMember, zone: str) -> str:
    """Her licences in force as a paper may say them: kind and authority, no number, and only what the fonts can write."""
    held = Licence.objects.filter(person=by, expires_on__gte=clock.today(zone)).order_by("expires_on", "pk")
    loaded = fonts.load(settings.CERTIFICATE_FONTS)
    said = dict.fromkeys(f"{row.type}, {row.authority}" for row in held)
    return "; ".join(text for text in said if not loaded.script_gaps(text))[:400]


def _definition(programme: Programme) -> dict[str, Any]:
    """All that the programme asks for; its hash is the programme's version."""
    names = ("slug", "title", "scope", "roles", "modules", "practicals", "occasions", "validity_months")
    return {name: getattr(programme, name) for name in (*names, "renewal_opens_days")}


def _signed_line(meaning: str, at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"“{meaning}” Signed electronically on {_day(local.date())} at {local:%H:%M} ({zone})"


def _issued(dossier: Dossier, row: ProgrammeSigning, signed_at: datetime) -> Certificate:
    person, clinic, programme = dossier.person, dossier.clinic, dossier.programme
    renewed = dossier.held if dossier.held and dossier.held_state in ("expiring", "expired", "ended") else None
    start, end = validity.term(
        dossier.today,
        months=programme.validity_months,
        old_end=renewed.valid_until_on if renewed and dossier.held_state == "expiring" else None,
    )
    chosen = name_choice(person)
    printed: dict[str, Any] = {
        "holder_name": person.full_name,
        "printed_name": names.shown_as(printable(person), chosen),
        "name_shown": chosen,
        "reissued_for": "",
        "title": programme.title,
        "kind_line": KIND_LINE,
        "statement": STATEMENT,
        "scope": "\n".join([programme.scope, *(f"Device: {device}" for device in dossier.devices)]),
        "clinic_name": clinic.name,
        "clinic_address": clinic.address,
        "module_version_number": None,
        "rule_line": (
            f"Basis: {len(dossier.certificates)} certificates of knowledge in force and {len(dossier.starred)} "
            "safety-critical practicals, observed and signed."
        ),
        "disclaimer": DISCLAIMER,
        "attempt_line": "",
        "passed_on": None,
        "valid_from_on": start,
        "valid_until_on": end,
        "zone": clinic.zone,
        "renewal_days": programme.renewal_opens_days,
        "design_version": drawing.DESIGN_VERSION,
        "site_url": settings.SITE_URL,
        "issued_at": signed_at,
        "kind": Certificate.Kind.PROGRAMME,
        "number": next_number(dossier.today.year),
        "code": codes.new(),
    }
    return _frozen(printed, person, clinic, facts_of(row), supersedes=renewed)


def _frozen(
    printed: dict[str, Any],
    person: StaffMember,
    clinic: Clinic,
    programme: dict[str, str],
    *,
    supersedes: Certificate | None,
) -> Certificate:
    """What is printed as columns, and the canonical JSON of it with the signing it rests on."""
    facts = canonical.text(
        {
            "format": FORMAT,
            **printed,
            "person": person.pk,
            "clinic": clinic.pk,
            "attempt": None,
            "seal_sha256": None,
            "module": None,
            "quiz_sha256": None,
            "supersedes": supersedes.number if supersedes else None,
            "programme": programme,
        }
    )
    return Certificate(
        person=person,
        clinic=clinic,
        supersedes=supersedes,
        facts=facts,
        facts_sha256=canonical.sha256(facts),
        **printed,
    )


@transaction.atomic
def reissue(*, certificate: Certificate, name_shown: str, by: StaffMember) -> Certificate:
    """The same certificate with the holder's present name, shown as she chooses; it replaces the one before for good.

    The physician signed what was proven, not how a name is shown: her signature, the dossier and the basis stand, and the copy
    carries them. What is the same already is left as it is.
    """
    if certificate.kind != Certificate.Kind.PROGRAMME:
        raise ReissueRefused("This is no programme certificate.")
    Certificate.objects.select_for_update().get(pk=certificate.pk)
    refuse_reissue(certificate, by)
    if reads_so(certificate, name_shown, by):
        return certificate
    before: ProgrammeSigning = certificate.signing
    newer = _frozen(
        printed_anew(certificate, name_shown, by),
        by,
        certificate.clinic,
        facts_of(before),
        supersedes=certificate,
    )
    newer.save(force_insert=True)
    ProgrammeSigning.objects.create(
        certificate=newer,
        programme=before.programme,
        physician=before.physician,
        credentials=before.credentials,
        signed=before.signed,
        versions=before.versions,
        programme_sha256=before.programme_sha256,
        dossier=before.dossier,
        signature=before.signature,
    )
    CertificateBasis.objects.bulk_create(
        [
            CertificateBasis(certificate=newer, knowledge=row.knowledge, observation=row.observation)
            for row in certificate.basis.all()
        ]
    )
    tell_reissue(newer, by)
    return newer


@transaction.atomic
def endorse_again(*, certificate: Certificate, seen: signing.Seen, by: StaffMember) -> CertificateEvent:
    """A successor takes over the supervision that ended when the signing physician left."""
    if is_same(by, certificate.person_id):
        raise signing.SigningRefused("Nobody endorses their own certificate. Ask another physician of the clinic.")
    certificate = with_events(Certificate.objects.select_for_update(of=("self",)).filter(pk=certificate.pk)).get()
    if not supervision_open(certificate):
        raise signing.SigningRefused("The supervision of this certificate is not open. Nothing was signed.")
    own = signer_missing(by, certificate.clinic)
    if own:
        raise signing.SigningRefused(f"{own} Nothing was signed.")
    signature = signing.sign(
        by=by,
        clinic=certificate.clinic,
        meaning="re-endorse",
        subject=certificate,
        record_sha256=certificate.facts_sha256,
        seen=seen,
    )
    text = "A successor supervises from now on."  # who: the signature says, since the audit trail keeps this for good
    return events.record(certificate, "endorsed", by, "supervision", text, "", signature)


def supervision_open(certificate: Certificate) -> bool:
    """Whether a successor is still wanted; uses the events fetched with it."""
    since = [e.kind for e in certificate.events.all() if e.kind in ("pending", "endorsed")]
    over = {e.kind for e in certificate.events.all()} & {"revoked", "ended"}
    return bool(since) and since[-1] == "pending" and not over


def successor_until(certificate: Certificate) -> date | None:
    """The last day on which a successor takes over before the certificate is suspended; None where none is wanted.

    Uses the events fetched with it.
    """
    if not supervision_open(certificate):
        return None
    pending = [e for e in certificate.events.all() if e.kind == CertificateEvent.Kind.PENDING][-1]
    until = validity.successor_by(validity.Event(pending.kind, pending.effective_at))
    return until.astimezone(ZoneInfo(certificate.zone)).date()
