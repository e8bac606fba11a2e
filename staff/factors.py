"""Second factors: the codes of an authenticator app, passkeys, and recovery codes for when both are lost.

allauth keeps them and does the cryptography. What changes them is done here, so that the event and the mail stand in the same
transaction, and each code is taken here, so that it is taken once, whichever door it was typed at.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from staff import audit, clock, mail
from staff.access import memberships
from staff.models import Clinic, FactorRule, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.sealing import NotOpened, open_sealed

log = logging.getLogger(__name__)

Type = Authenticator.Type
FACTORS = (Type.TOTP, Type.WEBAUTHN)
WINDOW_SECONDS = 3600
MOST_WRONG = 10
TELL_AT = 3
KINDS = {Type.TOTP: "app", Type.WEBAUTHN: "passkey"}


class TooManyCodes(Exception):
    """Ten codes were wrong within an hour."""

    sentence = "Ten codes were wrong within an hour. Wait an hour, or use a passkey if you have one."


class StillRequired(Exception):
    """Says in a sentence why the last factor stays."""


@dataclass(frozen=True)
class Proof:
    """That this person showed a second factor, just now. Made by the functions of this module alone."""

    person_id: int
    means: str
    at: datetime


@dataclass(frozen=True)
class Held:
    """What somebody has set up."""

    app: Authenticator | None
    passkeys: tuple[Authenticator, ...]
    codes_left: int | None

    @property
    def any(self) -> bool:
        return bool(self.app or self.passkeys)


def held_by(person: StaffMember) -> Held:
    rows = list(Authenticator.objects.filter(user=person).order_by("created_at", "pk"))
    by_type = {row.type: row for row in rows}
    codes = by_type.get(Type.RECOVERY_CODES)
    return Held(
        by_type.get(Type.TOTP),
        tuple(row for row in rows if row.type == Type.WEBAUTHN),
        None if codes is None else len(_unused(codes)),
    )


def _unused(codes: Authenticator) -> list[str]:
    try:
        return list(codes.wrap().get_unused_codes())
    except NotOpened as error:
        log.error("%s", error)
        return []


def recovery_codes(person: StaffMember) -> Authenticator | None:
    found: Authenticator | None = Authenticator.objects.filter(user=person, type=Type.RECOVERY_CODES).first()
    return found


def unused_codes(person: StaffMember, *, made: int | None = None) -> list[str]:
    """With `made`, none but those of that making."""
    codes = recovery_codes(person)
    return _unused(codes) if codes and made in (None, codes.pk) else []


def has_app(person: StaffMember) -> bool:
    return bool(Authenticator.objects.filter(user=person, type=Type.TOTP).exists())


def passkeys_possible() -> bool:
    """A passkey belongs to a host name and needs https; browsers except this machine's own name from both."""
    site = urlsplit(settings.SITE_URL)
    name = site.hostname or ""
    if name == "localhost":
        return True
    return site.scheme == "https" and ":" not in name and not name.replace(".", "").isdigit()


# What a clinic requires


def due_at(person: StaffMember) -> datetime | None:
    """When she must have a factor and has none: asked together with the person at the beginning of each request."""
    found = getattr(person, "factor_due_at", None)
    if isinstance(found, str):  # SQLite has no type for instants
        return datetime.fromisoformat(found).replace(tzinfo=UTC)
    return found


def rule_of(clinic: Clinic) -> FactorRule | None:
    return FactorRule.objects.filter(clinic=clinic).order_by("-number").first()


def required_by(person: StaffMember) -> FactorRule | None:
    """The rule that asks a factor of her by now."""
    for membership in memberships(person):
        rule, held = rule_of(membership.clinic), set(membership.open_roles)  # type: ignore[attr-defined]
        asked = rule and (
            (rule.of_physicians and Role.PHYSICIAN in held) or (rule.of_managers and Role.MANAGER in held)
        )
        if rule and asked and rule.holds_at <= clock.now():
            return rule
    return None


def who_have(people: Any) -> set[int]:
    """The ids of those who have a factor, in one statement."""
    rows: QuerySet[Authenticator] = Authenticator.objects.filter(user__in=people, type__in=FACTORS)
    return set(rows.values_list("user_id", flat=True))


@transaction.atomic
def set_rule(*, clinic: Clinic, of_physicians: bool, of_managers: bool, holds_on: date, by: StaffMember) -> FactorRule:
    """From the beginning of that day in the clinic's zone; whoever it asks and has none is told by mail. The same again
    changes nothing."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    before = rule_of(clinic)
    wanted = {
        "of_physicians": of_physicians,
        "of_managers": of_managers,
        "holds_at": datetime.combine(holds_on, time(), ZoneInfo(clinic.zone)),
    }
    if before and wanted == {name: getattr(before, name) for name in wanted}:
        return before
    row = FactorRule.objects.create(clinic=clinic, number=before.number + 1 if before else 1, set_by=by, **wanted)
    audit.record(clinic=clinic, by=by, action="factor.required", subject=row, body=told_of_rule(row))
    _tell_of_rule(row, holds_on)
    return row


def _tell_of_rule(row: FactorRule, holds_on: date) -> None:
    wanted = [role for role, asked in ((Role.PHYSICIAN, row.of_physicians), (Role.MANAGER, row.of_managers)) if asked]
    holders = MembershipRole.objects.filter(
        membership__clinic=row.clinic, membership__ended_at=None, role__in=wanted, ended_at=None
    )
    people = StaffMember.objects.filter(pk__in=holders.values("membership__person"), is_active=True)
    for person in people.exclude(pk__in=who_have(people)).order_by("pk"):
        mail.queue(
            to=person,
            key=f"factor-rule:{row.pk}:{person.pk}",
            subject=f"{row.clinic} asks for a second step at sign-in",
            body=(
                f"{person.full_name},\n\n{row.clinic} requires a second step of its {row.whom} from "
                f"{holds_on.day} {holds_on:%B %Y} on: a passkey, or the code of an authenticator app, beside the password. "
                f"It takes two minutes to set up:\n{settings.SITE_URL}{reverse('staff:signing-in')}\n\n"
                "From that day on the rest of the site stays closed until you have one; a quiz that is running does not.\n"
            ),
        )


def told_of_rule(row: FactorRule) -> dict[str, Any]:
    return {
        "number": row.number,
        "of_physicians": row.of_physicians,
        "of_managers": row.of_managers,
        "holds_at": row.holds_at,
    }


# Codes


def new_secret() -> str:
    return str(generate_totp_secret())


def address_of(secret: str, person: StaffMember) -> str:
    """What the QR code says to the app."""
    host = urlsplit(settings.SITE_URL).netloc
    asked = urlencode({"secret": secret, "issuer": f"Pinpoint {host}"}, quote_via=quote)
    return f"otpauth://totp/{quote(f'Pinpoint {host}:{person.email}')}?{asked}"


def step_of(secret: str, code: str) -> int | None:
    """The half minute whose code this is: this one, the one before or the one after, since clocks differ."""
    now = int(clock.now().timestamp()) // app_settings.TOTP_PERIOD
    for step in range(now - app_settings.TOTP_TOLERANCE, now + app_settings.TOTP_TOLERANCE + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


def take_code(*, person: StaffMember, code: str, recovery: bool = True) -> Authenticator | None:
    """What the code belongs to, and it is used up; None if it is wrong or was used. Raises TooManyCodes.

    Taken and counted under a lock on the person: two windows at once never use a code twice or guess beyond the limit. A right
    code forgives no wrong ones: whoever guesses would be helped by each sign-in of hers.
    """
    with transaction.atomic():
        _locked(person)
        key, now = f"wrong-codes:{person.pk}", clock.now().timestamp()
        wrong = [at for at in cache.get(key, []) if now - at < WINDOW_SECONDS]
        if len(wrong) >= MOST_WRONG:
            raise TooManyCodes
        taken = _taken(person, code, recovery)
        if taken is None:
            wrong.append(now)
            cache.set(key, wrong, WINDOW_SECONDS)
            if len(wrong) == TELL_AT:
                _tell_of_wrong_codes(person)
        return taken


def _taken(person: StaffMember, code: str, recovery: bool) -> Authenticator | None:
    try:
        app = Authenticator.objects.filter(user=person, type=Type.TOTP).first()
        if app and _take_from_app(app, code):
            return app
        codes = Authenticator.objects.filter(user=person, type=Type.RECOVERY_CODES).first() if recovery else None
        if codes and RecoveryCodes(codes).validate_code(code):
            codes.refresh_from_db()
            _tell_of_recovery(person, len(_unused(codes)))
            return codes
    except NotOpened as error:
        log.error("%s", error)
    return None


def _take_from_app(app: Authenticator, code: str) -> bool:
    """Once: neither this code nor an earlier one is taken again, even while the half minutes around it still count."""
    step = step_of(open_sealed(app.data["secret"]), code)
    if step is None or step <= app.data.get("last_step", 0):
        return False
    app.data["last_step"] = step
    app.save(update_fields=["data"])
    return True


def prove_by_code(*, person: StaffMember, code: str) -> Proof | None:
    """By the app alone: a recovery code lets somebody in, and signs nothing."""
    taken = take_code(person=person, code=code, recovery=False)
    if taken is None:
        return None
    taken.record_usage()
    return Proof(person.pk, "code", clock.now())


# What changes them


def _recorded(person: StaffMember, action: str, **body: Any) -> None:
    """In the trail of each clinic where she works; in the house's if there is none."""
    clinics: list[Clinic | None] = [membership.clinic for membership in memberships(person)]
    for clinic in clinics or [None]:
        audit.record(clinic=clinic, by=person, action=f"factor.{action}", subject=person, body=body)


def _write(person: StaffMember, subject: str, said: str) -> None:
    mail.queue(
        to=person,
        subject=subject,
        body=(
            f"{clock.now():%d %B %Y, %H:%M} UTC, {settings.SITE_URL}\n\n{said}\n\n"
            "If that was not you: choose a new password with “I have forgotten my password” on the sign-in page, sign out "
            "everywhere else, and tell your manager."
        ),
    )


def _locked(person: StaffMember) -> None:
    StaffMember.objects.select_for_update().get(pk=person.pk)


@transaction.atomic
def add_app(*, person: StaffMember, secret: str, step: int) -> bool:
    """False if she has one already. `step` is that of the code which showed that the app works: it is used up."""
    _locked(person)
    if has_app(person):
        return False
    app = TOTP.activate(person, secret).instance
    app.data["last_step"] = step
    app.save(update_fields=["data"])
    _recorded(person, "app-added", factor=app.pk)
    _write(
        person,
        "An authenticator app was set up for your account",
        "From now on you sign in with your password and the code that the app shows.",
    )
    return True


@transaction.atomic
def add_passkey(*, person: StaffMember, name: str, credential: dict[str, Any]) -> Authenticator:
    _locked(person)
    passkey: Authenticator = WebAuthn.add(person, name, credential).instance
    _recorded(person, "passkey-added", factor=passkey.pk)
    _write(
        person,
        "A passkey was added to your account",
        f"“{name}” now signs you in without a password, and is asked for after one.",
    )
    return passkey


@transaction.atomic
def rename_passkey(*, number: int, name: str, person: StaffMember) -> bool:
    """False if it is gone. Only its holder sees the name, but the mails about it use it, so the trail tells that it changed."""
    _locked(person)
    passkey = Authenticator.objects.filter(pk=number, user=person, type=Type.WEBAUTHN).first()
    if passkey is None:
        return False
    if passkey.data["name"] != name:
        passkey.data["name"] = name
        passkey.save(update_fields=["data"])
        _recorded(person, "passkey-renamed", factor=passkey.pk)
    return True


@transaction.atomic
def remove(*, factor: Authenticator, person: StaffMember) -> bool:
    """False if it was gone before. With the last one go the recovery codes, which stand for nothing else.

    Raises StillRequired where a clinic asks a factor of her and this is the last.
    """
    _locked(person)
    others = Authenticator.objects.filter(user=person, type__in=FACTORS).exclude(pk=factor.pk)
    rule = None if others.exists() else required_by(person)
    if rule:
        raise StillRequired(
            f"{rule.clinic} requires a second step of its {rule.whom}, and this is your last one. Add another one first, then "
            "remove this."
        )
    name, kind, pk = str(factor), KINDS[Type(factor.type)], factor.pk
    gone, _ = Authenticator.objects.filter(pk=pk, user=person, type__in=FACTORS).delete()
    if not gone:
        return False
    left = Authenticator.objects.filter(user=person)
    last = not left.filter(type__in=FACTORS).exists()
    if last:
        left.delete()
    _recorded(person, f"{kind}-removed", factor=pk, last=last)
    what = "Your authenticator app" if kind == "app" else f"The passkey “{name}”"
    after = " Your password alone now signs you in." if last else ""
    _write(person, f"{what} was removed from your account", f"It no longer signs you in.{after}")
    return True


@transaction.atomic
def make_codes(*, person: StaffMember) -> list[str]:
    """Ten new ones; those made before stop working. Asked for without a factor, there are none."""
    _locked(person)
    rows = Authenticator.objects.filter(user=person)
    if not rows.filter(type__in=FACTORS).exists():
        return []
    rows.filter(type=Type.RECOVERY_CODES).delete()
    codes = RecoveryCodes.activate(person)
    _recorded(person, "codes-made", factor=codes.instance.pk)
    _write(
        person,
        "Recovery codes were made for your account",
        "Each of them signs you in once, after your password, in place of the app or passkey. Codes made before no longer "
        "work.",
    )
    return list(codes.get_unused_codes())


def _tell_of_recovery(person: StaffMember, left: int) -> None:
    _recorded(person, "code-used", left=left)
    _write(person, "A recovery code was used", f"It signed you in, and works no more. You have {left} left.")


def _tell_of_wrong_codes(person: StaffMember) -> None:
    mail.queue(
        to=person,
        key=f"wrong-codes:{person.pk}:{clock.now():%Y-%m-%dT%H}",
        subject="Three wrong codes for your account",
        body=(
            f"At {clock.now():%H:%M} UTC a third wrong code was typed for your account at {settings.SITE_URL}.\n\n"
            "If that was you, there is nothing to do. If not, somebody may know your password: choose a new one with “I have "
            "forgotten my password” on the sign-in page, and tell your manager."
        ),
    )


def forget(person: StaffMember) -> int:
    """All of hers, without a word: for whoever leaves, is merged or is erased."""
    count, _ = Authenticator.objects.filter(user=person).delete()
    return int(count)
