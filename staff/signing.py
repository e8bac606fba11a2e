"""Electronic signatures, designed after 21 CFR Part 11: who, when, what it means, over exactly what was on screen."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import models, transaction
from django.http import HttpRequest

from staff import audit, canonical, clock, factors, mail, security
from staff.accounts import client_address
from staff.models import Clinic, Licence, Membership, MembershipRole, Signature, SigningAcceptance, StaffMember
from staff.models.clinics import Role

CONTINUOUS_SECONDS = 15 * 60
PROOF_SECONDS = 60  # within the request that shows it; up to twenty records are signed in one
MEANINGS: dict[str, str] = {
    "adopt": "I have read the critical points, the positions taken and the open decisions of this module version, and "
    "adopt it for my clinic.",
    "adopt-defaults": "I have read the critical points, the positions taken and the open decisions of this module version, "
    "adopt it for my clinic, and take every cautious default as my clinic's protocol until I sign another value.",
    "endorse": "I have reviewed this attempt and its answers, and endorse its result.",
    "return": "I have reviewed this attempt and its answers, and return it with what is to be studied again.",
    "talk": "I have talked with this person about the attempts and what was missed; two more attempts are open.",
    "open-early": "I open the next attempt before its time, for the reason given.",
    "regrade": "I have read what this does to each attempt on the list, and have the question scored anew for my clinic in the "
    "way chosen, for the reason given.",
    "keep": "I have seen that the corrected score does not meet the rule, and let this certificate stand for the reason given.",
    "revoke": "I revoke this certificate for the reason given.",
    "suspend": "I suspend this certificate for the reason given.",
    "lift": "I lift the suspension of this certificate for the reason given.",
    "approve-observer": "I know who this person is and what she can do, and approve her to observe practicals in my clinic.",
    "withdraw-observer": "This person observes practicals in my clinic no longer.",
    "protocol": "I decide this for my clinic, as it stands here.",
    "protocol-default": "I take the cautious default of this item as my clinic's protocol.",
    "protocol-defaults": "I take every cautious default shown here as my clinic's protocol until I sign another value.",
    "state-rule": "These licence types may perform in my clinic under the rule named here.",
    "programme": "I have reviewed the certificates and practicals, and endorse this person for the programme in my clinic.",
    "re-endorse": "I take over the supervision, and endorse this certificate again.",
    "credit": "I have read the proof of this outside training and how it was checked, and let it count in my clinic for the "
    "module named, until the day named. It is no certificate.",
    "decline-credit": "I have read the proof of this outside training, and do not let it count, for the reason given.",
    "record-session": "I record that this session took place as it stands here, with the people named.",
    "reset-factors": "I know that this person asks for it herself, and take away her passkeys, authenticator app and recovery "
    "codes for the reason given.",
    "observe": "I watched this myself, and these are my own scores.",
}


# What whoever signs has accepted once, before the first signature under it. A wording is never changed: a new one is added,
# and asked of everybody at the next signature.
ACCEPTANCES: dict[int, str] = {
    1: "I accept that my electronic signature on this site binds me as my handwritten one does, and that nobody but me gives it.",
}
WORDING = max(ACCEPTANCES)


class SigningRefused(Exception):
    """Says, in a sentence for the signer, why nothing was signed."""


class RecordChanged(SigningRefused):
    """It is another than what was on screen."""


class SigningWaits(SigningRefused):
    """Nothing that was typed is wrong, or was looked at: it is too early."""


@dataclass(frozen=True)
class Evidence:
    """How the signer showed who she is: the typed password, or a factor shown just now; and the e-mail where the session is
    not continuous."""

    password: str
    email: str = ""
    proof: factors.Proof | None = None
    continuous: bool = False
    session_hash: str = ""
    ip: str | None = None
    agent: str = ""

    @property
    def means(self) -> str:
        """As the signature keeps it."""
        shown = self.proof.means if self.proof else "password"
        return shown if self.continuous else f"email+{shown}"


@dataclass(frozen=True)
class Seen:
    """The hash of what the signer had on screen, since when, and how she showed who she is; and whether she accepts there what
    an electronic signature is, which is asked once."""

    sha256: str
    opened_at: datetime
    evidence: Evidence
    accepts: bool = False

    def with_typed(self, sha256: str, *, on: str) -> "Seen":
        """For what is typed on the very page that is signed, whose own hash is that of what stood there before.

        Where she saw `on`, which is what stands there now, she signs what she typed beside it: `sha256`.
        """
        return replace(self, sha256=sha256) if self.sha256 == on else self


def has_accepted(person: StaffMember) -> bool:
    return SigningAcceptance.objects.filter(person=person, wording=WORDING).exists()


@transaction.atomic
def accept(*, person: StaffMember, clinic: Clinic) -> None:
    """What an electronic signature is; for `clinic`, in whose trail it stands. The same again changes nothing."""
    row, new = SigningAcceptance.objects.get_or_create(
        person=person, wording=WORDING, defaults={"clinic": clinic, "text": ACCEPTANCES[WORDING]}
    )
    if new:
        audit.record(clinic=clinic, by=person, action="signing.accepted", subject=row, body=told_of_acceptance(row))


def told_of_acceptance(row: SigningAcceptance) -> dict[str, object]:
    return {"person": row.person_id, "wording": row.wording, "text_sha256": canonical.sha256(row.text)}


def is_continuous(request: HttpRequest) -> bool:
    """True within 15 minutes of the session's last signing: then the password alone signs again."""
    last = request.session.get("signed_at", 0)
    return bool(0 <= clock.now().timestamp() - last < CONTINUOUS_SECONDS)


def evidence_from(
    request: HttpRequest, *, password: str, email: str = "", proof: factors.Proof | None = None
) -> Evidence:
    return Evidence(
        password=password,
        email=email,
        proof=proof,
        continuous=is_continuous(request),
        session_hash=canonical.sha256(request.session.session_key or ""),
        ip=client_address(request) or None,
        agent=request.headers.get("User-Agent", "")[:300],
    )


def signed(request: HttpRequest) -> None:
    request.session["signed_at"] = clock.now().timestamp()


def credentials_of(person: StaffMember, zone: str) -> str:
    """The licences in force today, for the record of the signature (never on a paper)."""
    today = clock.today(zone)
    held = Licence.objects.filter(person=person, expires_on__gte=today).order_by("expires_on", "pk")
    return "; ".join(f"{licence.type} {licence.number}, {licence.authority}" for licence in held)[:300]


def mac_of(signature: Signature) -> str:
    """HMAC-SHA256 over the canonical JSON of every field."""
    key = settings.SIGNING_KEYS.get(signature.key_id, "")
    fields = {
        field.attname: getattr(signature, field.attname)
        for field in Signature._meta.concrete_fields
        if field.attname not in ("id", "mac")
    }
    return hmac.new(key.encode(), canonical.text(fields).encode(), hashlib.sha256).hexdigest()


def is_genuine(signature: Signature) -> bool:
    return signature.key_id in settings.SIGNING_KEYS and hmac.compare_digest(mac_of(signature), signature.mac)


def physician_role(signer: StaffMember, clinic: Clinic) -> MembershipRole:
    """The role that allows signing, read again at the moment of signing and held until the signature stands."""
    held = (
        MembershipRole.objects.select_for_update(of=("self",))
        .filter(
            membership__person=signer,
            membership__clinic=clinic,
            membership__ended_at=None,
            role=Role.PHYSICIAN,
            ended_at=None,
        )
        .first()
    )
    if held is None or not StaffMember.objects.filter(pk=signer.pk, is_active=True).exists():
        raise SigningRefused(f"You are not a supervising physician of {clinic} any more, so nothing was signed.")
    if held.identity_checked_at is None:
        raise SigningRefused(
            "Nobody has recorded yet that your identity was checked. Ask a manager other than the one who added you, or "
            "the administrator, to record it; then you can sign."
        )
    return held


def check_email(signer: StaffMember, evidence: Evidence) -> None:
    if not evidence.continuous and evidence.email.strip().lower() != signer.email:
        raise SigningRefused("The e-mail address is not the one you sign in with. Nothing was signed; type both again.")


def check_evidence(signer: StaffMember, evidence: Evidence) -> None:
    """Both parts when a signing session begins; the password, or a second factor in its place, each time."""
    check_email(signer, evidence)
    if opens := security.may_sign_from(signer):
        raise SigningWaits(
            f"Your password was reset, so nothing can be signed in your name until {opens:%d %B %Y, %H:%M} UTC. Nothing was "
            "signed."
        )
    proof = evidence.proof
    if proof:
        fresh = 0 <= (clock.now() - proof.at).total_seconds() < PROOF_SECONDS
        if proof.person_id != signer.pk or not fresh:
            raise SigningRefused("What you showed is not yours, or it is too old. Nothing was signed; show it again.")
        return
    if not check_password(evidence.password, signer.password):
        raise SigningRefused("The password is not right. Nothing was signed; type it again.")


def sign(
    *,
    by: StaffMember,
    clinic: Clinic,
    meaning: str,
    subject: models.Model,
    record_sha256: str,
    seen: Seen,
    authority: Callable[[], str] | None = None,
) -> Signature:
    """Sign `subject` for `clinic`, as a supervising physician unless `authority` says as what.

    `authority` is asked at the moment of signing, and refuses as this does. The hash in `seen` must be
    the record's now, so that what is signed is what was seen. Raises SigningRefused with nothing
    written.
    """
    check_evidence(by, seen.evidence)
    with transaction.atomic():
        role = authority() if authority else physician_role(by, clinic).role
        if seen.sha256 != record_sha256:
            raise RecordChanged("The record changed while it was on your screen. Nothing was signed: read it again.")
        if not has_accepted(by):
            if not seen.accepts:
                raise SigningRefused("Tick first that you accept what an electronic signature is. Nothing was signed.")
            accept(person=by, clinic=clinic)
        signature = Signature(
            signer=by,
            signer_name=by.full_name,
            credentials=credentials_of(by, clinic.zone),
            role=role,
            clinic=clinic,
            meaning_code=meaning,
            meaning_text=MEANINGS[meaning],
            subject_type=subject._meta.label_lower,
            subject_id=str(subject.pk),
            record_sha256=record_sha256,
            opened_at=min(seen.opened_at, clock.now()),
            signed_at=clock.now(),
            zone=clinic.zone,
            nonce=secrets.token_hex(32),
            auth_method=seen.evidence.means,
            session_hash=seen.evidence.session_hash,
            ip=seen.evidence.ip,
            agent=seen.evidence.agent,
            key_id=next(iter(settings.SIGNING_KEYS)),
        )
        signature.mac = mac_of(signature)
        signature.save(force_insert=True)
        audit.record(
            clinic=clinic,
            by=by,
            role=role,
            action=f"signature.{meaning}",
            subject=signature,
            body={"subject": [signature.subject_type, signature.subject_id], "record_sha256": record_sha256},
        )
    return signature


def report_failed_signing(*, signer: StaffMember, count: int) -> None:
    """After three wrong passwords or codes the signer and the managers of her clinics are told."""
    if count != 3:
        return
    hour = clock.now().strftime("%Y-%m-%dT%H")
    clinics = Membership.objects.filter(person=signer, ended_at=None).values("clinic")
    managers = StaffMember.objects.filter(
        membership__clinic__in=clinics,
        membership__ended_at=None,
        membership__roles__role=Role.MANAGER,
        membership__roles__ended_at=None,
    )
    for person in {signer, *managers}:
        mail.queue(
            to=person,
            key=f"failed-signing:{signer.pk}:{hour}:{person.pk}",
            subject="Three failed attempts to sign",
            body=(
                f"At {clock.now():%H:%M} UTC the third wrong password or code was typed to sign as {signer.full_name}.\n\n"
                "If that was not you: sign out everywhere on your account page, change your password and tell your manager."
            ),
        )
