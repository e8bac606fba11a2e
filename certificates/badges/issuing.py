"""This installation as an issuer of badges: signs them once, keeps them as bytes, and publishes what checks them.

Off until BADGE_URL names the public address. The private keys stand in the environment, never in the database.
"""

import json
import logging
import secrets
import uuid
from datetime import UTC, datetime, time, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet

from certificates import fonts, papers
from certificates.badges import baking, documents, proofs
from certificates.badges.proofs import Document
from certificates.models import Badge, BadgeKey, BadgeSubject, Certificate, CertificateEvent
from staff import audit, canonical, clock
from staff.models import StaffMember, StoredFile

log = logging.getLogger(__name__)
FULL = documents.LIST_LENGTH // 2  # a list with half its places taken makes room for the next
NOON = time(12)  # in UTC: the day before is over in every zone
WITHDRAWN_BY = (CertificateEvent.Kind.REVOKED, CertificateEvent.Kind.ENDED)


def is_on() -> bool:
    return bool(settings.BADGE_URL)


def issuer() -> documents.Issuer:
    return documents.Issuer(
        address=settings.BADGE_URL, name=settings.BADGE_ISSUER_NAME, form=settings.BADGE_ISSUER_FORM
    )


def signing_key() -> Ed25519PrivateKey:
    """The newest that was not withdrawn."""
    for seed in settings.BADGE_KEYS:
        key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        if proofs.multikey(key.public_key()) not in withdrawn_keys():
            return key
    raise ImproperlyConfigured("BADGE_KEYS holds no key that was not withdrawn: put a new one first.")


def public_keys() -> list[str]:
    """Every key that has signed a badge, the oldest first, and the one that will sign the next."""
    known = list(BadgeKey.objects.order_by("pk").values_list("public", flat=True))
    current = proofs.multikey(signing_key().public_key())
    return known if current in known else [*known, current]


def withdrawn_keys() -> list[str]:
    return list(settings.BADGE_KEYS_WITHDRAWN)


def ends_of_keys() -> documents.Ends:
    """When each key that signs no more was withdrawn, or when the last badge that it signed is over.

    A withdrawn key's badges are signed anew within the minute: the first of those says when. One that was replaced may prove
    what it signed as long as that holds, so it does not expire on the day of the rotation.
    """
    current = proofs.multikey(signing_key().public_key())
    retired = Badge.objects.exclude(key__public=current).order_by()
    withdrawn = withdrawn_keys()
    again = retired.filter(
        key__public__in=withdrawn,
        certificate__badges__number=F("number") + 1,
    )
    revoked = again.values_list("key__public").annotate(Min("certificate__badges__signed_at"))
    replaced = retired.exclude(key__public__in=withdrawn)
    lasting = replaced.values_list("key__public").annotate(Max("certificate__valid_until_on"))
    over = {key: datetime.combine(day + timedelta(days=1), NOON, tzinfo=UTC) for key, day in lasting}
    return {key: {"revoked": at} for key, at in revoked} | {key: {"expires": at} for key, at in over.items()}


def issuer_document() -> Document:
    """The issuer's own, under the name its credentials carry."""
    written = documents.did_document if settings.BADGE_ISSUER_FORM == "did:web" else documents.issuer_profile
    return written(issuer(), keys=public_keys(), withdrawn=withdrawn_keys(), ends=ends_of_keys())


def badge_of(certificate: Certificate) -> Badge | None:
    """The one to hand out: signed with a key that still speaks for the issuer."""
    rows = certificate.badges.exclude(key__public__in=withdrawn_keys())
    return rows.select_related("file", "key").order_by("-number").first()


def bake(certificate: Certificate) -> Badge:
    """Its badge, signed and baked first if there is none yet. Two at once store one."""
    found = badge_of(certificate)
    if found:
        return found
    number = 1 + certificate.badges.count()
    subject = subject_of(certificate)
    now, key = clock.now(), signing_key()
    public = proofs.multikey(key.public_key())
    signed = proofs.sign(
        documents.credential(issuer(), holding(certificate, subject)),
        key=key,
        method=issuer().method(public),
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    text = documents.text_of(signed)
    picture = baking.bake(bytes(papers.file_of(certificate, "png").bytes), text)
    try:
        with transaction.atomic():
            known, _ = BadgeKey.objects.get_or_create(public=public, defaults={"recorded_at": now})
            file, _ = StoredFile.objects.get_or_create(
                sha256=canonical.sha256(picture), defaults={"bytes": picture, "media_type": "image/png"}
            )
            badge = Badge.objects.create(
                certificate=certificate,
                number=number,
                key=known,
                credential=text,
                sha256=canonical.sha256(text),
                file=file,
                signed_at=now,
            )
            audit.record(
                clinic=certificate.clinic,
                by=StaffMember.objects.pinpoint(),
                action="certificate.badge",
                subject=certificate,
                body={"number": number, "sha256": badge.sha256, "picture": file.sha256, "key": public},
            )
    except IntegrityError:
        found = badge_of(certificate)
        if found is None:
            raise
        return found
    return badge


def subject_of(certificate: Certificate) -> BadgeSubject:
    """Random in everything that is public; the address is in it only as a salted hash."""
    for _ in range(20):
        found = BadgeSubject.objects.filter(certificate=certificate).first()
        if found:
            return found
        salt = secrets.token_hex(16)
        try:
            with transaction.atomic():
                return BadgeSubject.objects.create(
                    certificate=certificate,
                    subject=f"urn:uuid:{uuid.uuid4()}",
                    salt=salt,
                    identity_hash=documents.identity_hash(certificate.person.email, salt),
                    status_list=_list_with_room(),
                    status_index=secrets.randbelow(documents.LIST_LENGTH),
                )
        except IntegrityError:  # that place is taken, or the certificate has one now
            continue
    raise RuntimeError(f"no free place in the status list for {certificate.number}")


def _list_with_room() -> int:
    last = BadgeSubject.objects.values("status_list").annotate(taken=Count("pk")).order_by("-status_list").first()
    if last is None:
        return 1
    return int(last["status_list"] + (last["taken"] >= FULL))


def holding(certificate: Certificate, subject: BadgeSubject) -> documents.Holding:
    """From what was frozen at issue alone."""
    module = json.loads(certificate.facts).get("module") or {}
    return documents.Holding(
        code=certificate.code,
        kind=certificate.kind,
        title=certificate.title,
        statement=certificate.statement,
        disclaimer=certificate.disclaimer,
        scope=certificate.scope,
        rule_line=certificate.rule_line,
        module_slug=module.get("slug", certificate.title),
        module_version=str(certificate.module_version_number or ""),
        clinic_id=certificate.clinic.public_id,
        clinic_name=certificate.clinic_name,
        issued_at=certificate.issued_at,
        valid_from_on=certificate.valid_from_on,
        valid_until_on=certificate.valid_until_on,
        zone=certificate.zone,
        subject=subject.subject,
        identity_hash=subject.identity_hash,
        salt=subject.salt,
        status_list=subject.status_list,
        status_index=subject.status_index,
    )


def withdrawn() -> "QuerySet[Certificate]":
    """Certificates whose badge is void for good. A suspension is not among them: the list's word cannot be taken back."""
    ended = CertificateEvent.objects.filter(
        certificate=OuterRef("pk"), kind__in=WITHDRAWN_BY, effective_at__lte=clock.now()
    )
    corrected = Certificate.objects.filter(supersedes=OuterRef("pk")).exclude(reissued_for="")
    return Certificate.objects.filter(Q(Exists(ended)) | Q(Exists(corrected)))


def status_list(number: int) -> Document | None:
    """List `number`, signed; the same bytes all day while nothing is withdrawn. None if no badge has a place in it."""
    if not BadgeSubject.objects.filter(status_list=number).exists():
        return None
    places = list(
        withdrawn()
        .filter(badge_subject__status_list=number)
        .order_by("badge_subject__status_index")
        .values_list(F("badge_subject__status_index"), flat=True)
    )
    day = datetime.combine(clock.now().astimezone(UTC).date(), time.min, tzinfo=UTC)
    key = signing_key()
    public = proofs.multikey(key.public_key())
    named = canonical.sha256_of([issuer().id, public, number, places, day])
    kept = cache.get(f"status-list:{named}")
    if kept:
        return dict(json.loads(kept))
    signed = proofs.sign(
        documents.status_list(issuer(), number=number, withdrawn=places, day=day),
        key=key,
        method=issuer().method(public),
        created=day.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    cache.set(f"status-list:{named}", documents.text_of(signed), 24 * 60 * 60)
    return signed


def waiting() -> "QuerySet[Certificate]":
    """Not yet over, replaced or withdrawn, and without a badge that holds."""
    held = Badge.objects.filter(certificate=OuterRef("pk")).exclude(key__public__in=withdrawn_keys())
    over = CertificateEvent.objects.filter(certificate=OuterRef("pk"), kind__in=WITHDRAWN_BY)
    return Certificate.objects.filter(
        ~Exists(held), ~Exists(over), superseded_by=None, valid_until_on__gte=clock.now().date()
    ).select_related("clinic", "person")


def bake_waiting(limit: int = 100) -> int:
    """Sign and bake what has no badge yet; from `tick`. One that fails is tried again next time."""
    if not is_on():
        return 0
    done = 0
    for certificate in waiting().order_by("pk")[:limit]:
        try:
            bake(certificate)
            done += 1
        except (fonts.Unprintable, RuntimeError) as error:
            log.warning("badge of %s not baked: %s", certificate.number, type(error).__name__)
    return done
