"""Asking for an inspector's pack, making it as deferred work, and letting it go again."""

import logging
import time
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from compliance.models import Pack, PackPart
from compliance.packs import building
from compliance.packs.building import Making
from compliance.packs.keys import signing_key
from compliance.packs.scope import Scope, clinic_scope
from compliance.packs.writing import Made
from staff import audit, canonical, clock
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role

log = logging.getLogger(__name__)
MOST_TRIES = 3
LEASE = timedelta(hours=1)  # longer than any making takes: until then nobody else begins it
KEPT_DAYS = 7
PART = 1024 * 1024
TOLD_SECONDS = 1.0  # how often progress is written
FAILED = (
    "It was begun three times and not finished. Ask for it again; if that fails too, your administrator finds the reason in "
    "the site's log."
)


class Overtaken(Exception):
    """Another tick has begun the same pack since."""


@transaction.atomic
def ask(*, clinic: Clinic, from_on: date | None, to_on: date, by: StaffMember) -> Pack:
    """The same days, asked for again while they wait, are the same pack."""
    now = clock.now()
    scope = clinic_scope(clinic, from_on=from_on, to_on=to_on, asked_at=now)
    key = _key(clinic.pk, by.pk, from_on, to_on)
    waiting = Pack.objects.filter(dedupe_key=key, made_at=None, problem="")
    known = waiting.first()
    if known:
        return known
    try:
        with transaction.atomic():
            pack = Pack.objects.create(
                dedupe_key=key,
                clinic=clinic,
                from_on=from_on,
                to_on=to_on,
                facts_at=scope.facts_at,
                asked_at=now,
                asked_by=by,
                due_at=now,
            )
    except IntegrityError:
        return waiting.get()
    audit.record(
        clinic=clinic,
        by=by,
        action="pack.asked",
        subject=pack,
        body=told_of(pack),
    )
    return pack


def _key(clinic_id: int, person_id: int, from_on: date | None, to_on: date) -> str:
    return f"{clinic_id}:{person_id}:{from_on or ''}:{to_on}"


def key_of(pack: Pack) -> str:
    """What makes it the same as another that waits."""
    return _key(pack.clinic_id, pack.asked_by_id, pack.from_on, pack.to_on)


def told_of(pack: Pack) -> dict[str, Any]:
    held = {"pack": pack.public_id, "from": pack.from_on, "to": pack.to_on, "facts_at": pack.facts_at}
    return dict(canonical.plain(held))


def told_of_making(pack: Pack) -> dict[str, Any]:
    return {
        "pack": pack.public_id,
        "manifest_sha256": pack.manifest_sha256,
        "size": pack.size,
        "key": pack.key_fingerprint,
    }


def scope_of(pack: Pack) -> Scope:
    return Scope((pack.clinic,), pack.from_on, pack.to_on, pack.facts_at)


class _Parts:
    """Writes what it is given into rows of a mebibyte, each in a transaction of its own."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.position = 0
        self.waiting = bytearray()

    def write(self, data: bytes) -> None:
        self.waiting += data
        while len(self.waiting) >= PART:
            self._put(PART)

    def close(self) -> None:
        if self.waiting:
            self._put(len(self.waiting))

    def _put(self, size: int) -> None:
        PackPart.objects.create(pack=self.pack, position=self.position, bytes=bytes(self.waiting[:size]))
        self.position += 1
        del self.waiting[:size]


def make_waiting() -> int:
    """Make the pack that has waited longest; from `tick`, one at a time. A row is claimed by raising its tries."""
    now = clock.now()
    pack = (
        Pack.objects.filter(made_at=None, problem="", due_at__lte=now)
        .select_related("clinic", "asked_by")
        .order_by("due_at", "pk")
        .first()
    )
    if pack is None:
        return 0
    if pack.tries >= MOST_TRIES:  # the last try was killed: it left no word
        _give_up(pack)
        return 0
    claimed = Pack.objects.filter(pk=pack.pk, tries=pack.tries, made_at=None, problem="")
    steps = building.steps(scope_of(pack))
    if not claimed.update(tries=pack.tries + 1, due_at=now + LEASE, done=0, steps=steps):
        return 0
    pack.tries += 1
    try:
        _settle(pack, _make(pack))
    except Overtaken:
        log.warning("pack %s: another tick has begun it since", pack.public_id)
        return 0
    except Exception:
        log.exception("pack %s was not made, try %s", pack.public_id, pack.tries)
        _after_a_failure(pack)
        return 0
    return 1


def _after_a_failure(pack: Pack) -> None:
    mine = Pack.objects.filter(pk=pack.pk, tries=pack.tries, made_at=None, problem="")
    later = clock.now() + timedelta(minutes=2**pack.tries)
    if not mine.update(due_at=later, done=0, steps=0):
        return  # another tick has begun it since: the parts are that one's
    if pack.tries >= MOST_TRIES:
        _give_up(pack)
    else:
        PackPart.objects.filter(pack=pack).delete()


def _make(pack: Pack) -> Made:
    PackPart.objects.filter(pack=pack).delete()
    parts = _Parts(pack)
    done, told = 0, time.monotonic()

    def step() -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told >= TOLD_SECONDS:
            told = time.monotonic()
            if not Pack.objects.filter(pk=pack.pk, tries=pack.tries, made_at=None).update(done=done):
                raise Overtaken

    making = Making(at=clock.now(), by=pack.asked_by.full_name)
    made = building.build(scope_of(pack), parts, making=making, step=step)
    parts.close()
    return made


@transaction.atomic
def _settle(pack: Pack, made: Made) -> None:
    mine = Pack.objects.filter(pk=pack.pk, tries=pack.tries, made_at=None)
    if not mine.update(
        made_at=clock.now(),
        done=F("steps"),
        size=made.size,
        manifest_sha256=made.manifest_sha256,
        key_fingerprint=signing_key().fingerprint,
    ):
        raise Overtaken
    audit.record(
        clinic=pack.clinic,
        by=StaffMember.objects.pinpoint(),
        action="pack.made",
        subject=pack,
        body=told_of_making(Pack.objects.get(pk=pack.pk)) | {"files": made.files},
    )


@transaction.atomic
def _give_up(pack: Pack) -> None:
    PackPart.objects.filter(pack=pack).delete()
    if Pack.objects.filter(pk=pack.pk, made_at=None, problem="").update(problem=FAILED):
        audit.record(
            clinic=pack.clinic,
            by=StaffMember.objects.pinpoint(),
            action="pack.failed",
            subject=pack,
            body={"pack": pack.public_id, "tries": pack.tries},
        )


def let_go() -> int:
    """From `tick`: the ZIPs of packs made a week ago. Who asked for what stays on record."""
    return _let_go(Pack.objects.filter(made_at__lt=clock.now() - timedelta(days=KEPT_DAYS)))


def let_go_at_once(clinics: Collection[Clinic]) -> int:
    """Where somebody of these clinics is erased: what names her is not kept until its week is over."""
    return _let_go(Pack.objects.filter(clinic__in=clinics, made_at__isnull=False))


def _let_go(packs: "QuerySet[Pack]") -> int:
    done = 0
    for pack in packs.filter(removed_at=None):
        with transaction.atomic():
            PackPart.objects.filter(pack=pack).delete()
            done += Pack.objects.filter(pk=pack.pk, removed_at=None).update(removed_at=clock.now())
    return done


def kept_until(pack: Pack) -> datetime | None:
    return pack.made_at + timedelta(days=KEPT_DAYS) if pack.made_at else None


def stream(pack: Pack) -> Iterator[bytes]:
    """The ZIP, a part at a time."""
    position = 0
    while True:
        part = PackPart.objects.filter(pack=pack, position=position).values_list("bytes", flat=True).first()
        if part is None:
            return
        yield bytes(part)
        position += 1


def visible_to(viewer: StaffMember) -> "QuerySet[Pack]":
    """Those of the clinics that she manages or supervises."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    return Pack.objects.filter(clinic__in=clinics).select_related("clinic", "asked_by")
