"""Every named URL × every person. A URL without a row fails; so does a row whose URL is gone.

Cells: what a GET answers. 200 shown, 302 sent on (to sign-in for nobody), 403 not for this kind of person, 404 not theirs
to see, 405 not a GET. `own` is Maya's; `other` belongs to the other clinic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import get_resolver, reverse

from compliance import merging
from compliance.models import Pack, PackPart
from compliance.packs import work
from compliance.reminders import feeds
from compliance.requirements import assigning, incidents
from compliance.trail import heads
from quizzes import asking
from quizzes.models import Candidacy
from staff import clock, keeping
from tests import factories, people
from tests.conftest import NOW

PEOPLE = (
    "aesthetician", "colleague", "support", "physician", "manager",
    "other_aesthetician", "other_physician", "other_manager", "author", "administrator", "leaver", "nobody",
)  # fmt: skip
SIGN_IN = 302


def row(default: int, *, nobody: int = SIGN_IN, leaver: int | None = None, **cells: int) -> dict[str, int]:
    """One line of the table: everybody gets `default` unless named. A leaver is signed out, so she is nobody."""
    return dict.fromkeys(PEOPLE, default) | cells | {"nobody": nobody, "leaver": nobody if leaver is None else leaver}


EVERYBODY = row(200)
LEARNERS = {"aesthetician": 200, "colleague": 200, "support": 200, "other_aesthetician": 200}
PHYSICIANS = {"physician": 200, "other_physician": 200}
MANAGERS = {"manager": 200, "other_manager": 200}
PUBLIC = row(200, nobody=200)
BANK = row(403, **PHYSICIANS, author=200, administrator=200)
NOT_SET = row(404, nobody=404)  # where it is, everybody gets it: tests/test_security_txt.py
NO_BADGES = row(404, nobody=404)  # where they are issued, everybody gets them: tests/certificates/test_badges.py
POST_ONLY = 405

# Maya's attempt and certificate at Lakeside: hers, her physician's, her manager's (certificate only).
OWN_ATTEMPT = {
    "aesthetician": 200,
    "physician": 403,
    "manager": 403,
    "other_physician": 403,
    "other_manager": 403,
    "author": 403,
    "administrator": 403,
}
NO_LEARNERS = {name: code for name, code in OWN_ATTEMPT.items() if code == 403}
REVIEW_OF_HERS = {"physician": 200, "other_physician": 404}
HER_CERTIFICATE = {"aesthetician": 200, "physician": 200, "manager": 200}

HER_PROOF = row(404, **HER_CERTIFICATE, author=403, administrator=403)

TABLE: dict[str, tuple[tuple[str | int, ...], dict[str, int]]] = {
    "healthz": ((), PUBLIC),
    "readyz": ((), PUBLIC),
    "security-txt": ((), NOT_SET),
    "styleguide": ((), row(403, author=200, administrator=200)),
    "training:binder": ((), EVERYBODY),
    "training:binder-card": (("aftercare-clock",), EVERYBODY),
    "training:search": ((), EVERYBODY),
    "training:glossary": ((), EVERYBODY),
    "training:module-list": ((), EVERYBODY),
    "training:module-detail": (("needle-depth",), EVERYBODY),
    "training:module-print": (("needle-depth",), EVERYBODY),
    "training:module-points": (("needle-depth",), EVERYBODY),
    "training:section-detail": (("needle-depth", "technique-and-endpoint"), EVERYBODY),
    "training:section-confirm": (("needle-depth", "technique-and-endpoint"), row(POST_ONLY, nobody=302)),
    "training:section-place": (("needle-depth", "technique-and-endpoint"), row(POST_ONLY, nobody=302)),
    "quizzes:quiz-detail": (("needle-depth",), EVERYBODY),
    "quizzes:practice": (("needle-depth",), EVERYBODY),
    "quizzes:practice-summary": (("needle-depth",), row(403, **PHYSICIANS)),
    "quizzes:practice-section": (("needle-depth", "technique-and-endpoint"), EVERYBODY),
    "quizzes:attempt-take": (("open",), row(404, **OWN_ATTEMPT)),
    "quizzes:attempt-check": (("open",), row(404, **OWN_ATTEMPT)),
    "quizzes:attempt-save": (("open", 1), row(POST_ONLY, nobody=302)),
    "quizzes:attempt-clock": (("open",), row(404, **OWN_ATTEMPT)),
    "certificates:attempt-submit": (("open",), row(POST_ONLY, nobody=302)),
    "certificates:attempt-result": (
        ("finished",),
        row(404, aesthetician=200, physician=302, manager=403, other_manager=403, author=403, administrator=403),
    ),
    "certificates:review-read": (("finished",), row(POST_ONLY, nobody=302)),
    "certificates:item-question": (("finished", 1), row(404, **OWN_ATTEMPT)),
    "certificates:section-ask": (("needle-depth", "technique-and-endpoint"), row(200, author=403, administrator=403)),
    "certificates:enquiry-list": ((), row(200, administrator=403)),
    "certificates:enquiry-detail": (
        ("asked",), row(404, aesthetician=200, physician=200, author=200, administrator=403),
    ),
    "certificates:certificate-list": ((), EVERYBODY),
    "certificates:certificate-detail": (("number",), row(404, **HER_CERTIFICATE)),
    "certificates:certificate-file": (("number", "json"), row(404, **HER_CERTIFICATE)),
    "certificates:certificate-mail": (("number",), row(POST_ONLY, nobody=302)),
    "certificates:certificate-name": (("number",), row(404, aesthetician=200, physician=403, manager=403)),
    "certificates:certificate-sheet": (("number", "card"), row(404, **HER_CERTIFICATE)),
    "certificates:certificate-revoke": (("number",), row(403, physician=200, other_physician=404)),
    "certificates:certificate-suspend": (
        ("number",), row(403, physician=200, manager=200, other_physician=404, other_manager=404),
    ),
    "certificates:certificate-lift": (
        ("number",), row(403, physician=200, manager=200, other_physician=404, other_manager=404),
    ),
    "certificates:verify": ((), PUBLIC),
    "certificates:verify-code": (("code",), PUBLIC),
    "certificates:verify-file": ((), PUBLIC),
    "certificates:verify-name": (("code",), row(POST_ONLY, nobody=POST_ONLY)),
    "certificates:did": ((), NO_BADGES),
    "certificates:issuer-profile": ((), NO_BADGES),
    "certificates:issuer-key": (("z6Mk",), NO_BADGES),
    "certificates:status-list": ((1,), NO_BADGES),
    "certificates:badge-file": (("code", "png"), NO_BADGES),
    "certificates:review-queue": ((), row(403, **PHYSICIANS)),
    "certificates:review-together": ((), row(403, **PHYSICIANS)),
    "certificates:review-detail": (("finished",), row(403, **REVIEW_OF_HERS)),
    "certificates:review-talk": (("finished",), row(403, **REVIEW_OF_HERS)),
    "certificates:review-early": (("finished",), row(403, **REVIEW_OF_HERS)),
    "quizzes:bank": ((), BANK),
    "quizzes:bank-module": (("needle-depth",), BANK),
    "quizzes:bank-import": (("needle-depth",), row(403, author=200)),
    "quizzes:bank-export": (("needle-depth", "gift"), BANK),
    "quizzes:form-preview": (("needle-depth",), BANK),
    "quizzes:cut-score": (("needle-depth",), BANK),
    "quizzes:cut-rate": (("needle-depth",), row(403, physician=302, other_physician=302)),
    "quizzes:cut-file": (("needle-depth", 1), row(403, physician=404, other_physician=404, author=404, administrator=404)),
    "quizzes:item-new": (("needle-depth",), row(403, author=200)),
    "quizzes:item-drafts": (("needle-depth", "nd-17"), row(403, author=200)),
    "quizzes:item-edit": (("needle-depth", "nd-17-q1"), row(403, author=200)),
    "quizzes:bank-item": (("needle-depth", "nd-17-q1"), BANK),
    "quizzes:coverage": ((), row(403, **PHYSICIANS, author=200, administrator=200)),
    "staff:display": ((), EVERYBODY),
    "staff:signing-in": ((), EVERYBODY),
    # What changes how one signs in asks for the password once more first; after that: tests/staff/test_second_factor.py.
    "staff:app-add": ((), row(302)),
    "staff:passkey-add": ((), row(302)),
    "staff:factor-remove": ((1,), row(302)),
    "staff:passkey-rename": ((1,), row(302)),
    "staff:sign-options": ((), row(404)),  # of whoever has no passkey
    "staff:recovery-codes": ((), row(302)),
    "staff:recovery-codes-make": ((), row(POST_ONLY, nobody=302)),
    "staff:recovery-codes-file": ((), row(302)),
    "compliance:home": ((), EVERYBODY),
    "compliance:programme-list": ((), EVERYBODY),
    "compliance:programme-detail": (("infection-control",), EVERYBODY),
    "compliance:programme-sign": (
        ("mechanical-microneedling", "lakeside", "maya"), row(403, physician=200, other_physician=404),
    ),
    "compliance:matrix": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:matrix-print": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:cell": (
        ("maya", "lakeside", "needle-depth"),
        row(403, physician=200, manager=200, other_physician=404, other_manager=404),
    ),
    "compliance:sheet": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:people-csv": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:certificates-download": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:certificates-pdf": ((), row(403, physician=200, manager=200, other_physician=404, other_manager=404)),
    "compliance:certificates-zip": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:trail": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:trail-csv": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:head-addresses": ((), row(403, **MANAGERS)),
    "compliance:head-address-end": (("head",), row(POST_ONLY, nobody=302)),
    "compliance:person-dossier": (("maya",), row(404, aesthetician=200, physician=200, manager=200)),
    "compliance:dossier-file": (("maya", "zip"), row(404, aesthetician=200, physician=200, manager=200)),
    "compliance:pack-list": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:pack-detail": (("pack",), row(403, physician=200, manager=200, other_physician=404, other_manager=404)),
    "compliance:pack-file": (("pack",), row(403, physician=200, manager=200, other_physician=404, other_manager=404)),
    "compliance:pack-keys": ((), PUBLIC),
    "compliance:pack-checker": ((), PUBLIC),
    "compliance:bloodborne": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:bloodborne-trainer": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:session-add": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:session-detail": (
        ("session",), row(403, physician=200, manager=200, other_physician=404, other_manager=404),
    ),
    "compliance:session-withdraw": (
        ("session",), row(403, physician=200, manager=200, other_physician=404, other_manager=404),
    ),
    "compliance:hepatitis-offer": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:outside-list": ((), row(200, author=403, administrator=403)),
    "compliance:outside-add": ((), row(403, **LEARNERS)),
    "compliance:outside-add-for": (("maya",), row(403, manager=200, other_manager=404)),
    "compliance:outside-detail": (("proof",), HER_PROOF),
    "compliance:outside-file": (("proof",), HER_PROOF),
    "compliance:outside-withdraw": (("proof",), HER_PROOF),
    "compliance:outside-check": (("proof",), row(403, manager=200, other_manager=404)),
    "compliance:outside-sign": (("proof",), row(403, physician=200, other_physician=404)),
    "compliance:keeping": ((), row(403, **MANAGERS)),
    "compliance:hold-place": ((), row(403, **MANAGERS)),
    "compliance:hold-release": (("hold",), row(POST_ONLY, nobody=302)),
    "compliance:person-erase": (("leaver",), row(403, manager=200, other_manager=404)),
    "compliance:own-data": ((), EVERYBODY),
    "compliance:own-download": ((), row(POST_ONLY, nobody=302)),
    "compliance:person-list": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:person-add": ((), row(403, **MANAGERS)),
    "compliance:merge-propose": (("maya",), row(403, manager=200, other_manager=404)),
    "compliance:merge-detail": (("merge",), row(403, manager=200, other_manager=404)),
    "compliance:people-invite": ((), row(POST_ONLY, nobody=302)),
    "compliance:people-import": ((), row(403, **MANAGERS)),
    "compliance:import-template": ((), row(403, **MANAGERS)),
    "compliance:import-detail": (("import",), row(403, manager=200, other_manager=404)),
    "compliance:import-errors": (("import",), row(403, manager=200, other_manager=404)),
    "compliance:person-detail": (("maya",), row(403, physician=200, manager=200, other_physician=404, other_manager=404)),
    "compliance:person-rename": (("maya",), row(403, manager=200, other_manager=404)),
    "compliance:licence-add": (("maya",), row(403, manager=200, other_manager=404)),
    "compliance:person-invite": (("maya", "lakeside"), row(POST_ONLY, nobody=302)),
    "compliance:accommodation-add": (("maya",), row(403, manager=200, other_manager=404)),
    "compliance:accommodation-end": (("maya", "extra"), row(POST_ONLY, nobody=302)),
    "compliance:clinic-clock": ((), row(403, **MANAGERS)),
    "compliance:factor-rule": ((), row(403, **MANAGERS)),
    "compliance:factor-reset": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:identity-check": (("maya", "lakeside"), row(403, manager=302, other_manager=404)),
    "compliance:membership-change": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:membership-transfer": (("maya", "lakeside"), row(403, manager=302, other_manager=404)),
    "compliance:membership-end": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:assignment-list": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:rule-add": ((), row(403, **MANAGERS)),
    "compliance:rule-end": (("rule",), row(403, manager=200, other_manager=404)),
    "compliance:standard-end": (
        ("lakeside", "infection-control", "support"), row(403, manager=200, other_manager=404),
    ),
    "compliance:ask-by-hand": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:waiver-add": (
        ("maya", "lakeside"), row(403, manager=200, physician=200, other_manager=404, other_physician=404),
    ),
    "compliance:waiver-end": (("waiver",), row(403, manager=200, physician=200, other_manager=404, other_physician=404)),
    "compliance:incident-add": (
        ("maya", "lakeside"), row(403, manager=200, physician=200, other_manager=404, other_physician=404),
    ),
    "compliance:incident-end": (
        ("incident",), row(403, manager=200, physician=200, other_manager=404, other_physician=404),
    ),
    "compliance:leave-add": (("maya", "lakeside"), row(403, manager=200, other_manager=404)),
    "compliance:leave-end": (("leave",), row(403, manager=200, other_manager=404)),
    "compliance:section-list": ((), row(403, author=200)),
    "compliance:register": ((), row(403, author=200)),
    "compliance:picture-list": (("needle-depth",), row(403, author=200)),
    "training:picture": (("none",), row(404)),
    "compliance:section-edit": (("needle-depth", "technique-and-endpoint"), row(403, author=200)),
    "compliance:section-check": (("needle-depth", "technique-and-endpoint"), row(POST_ONLY, nobody=302)),
    "compliance:section-publish": (("needle-depth", "technique-and-endpoint"), row(403, author=302)),
    "compliance:section-settle": (("needle-depth", "technique-and-endpoint"), row(POST_ONLY, nobody=302)),
    "compliance:approval-list": ((), row(403, **PHYSICIANS, author=200)),
    "compliance:approval-detail": (("nd-19-q1",), row(403, **dict.fromkeys(PHYSICIANS, 404), author=404)),
    "compliance:reminder-list": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:reminder-next": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:reminder-send": ((), row(403, **MANAGERS)),
    "compliance:reminder-hours": ((), row(403, **MANAGERS)),
    "compliance:calendar": ((), EVERYBODY),
    "compliance:calendar-make": ((), row(POST_ONLY, nobody=302)),
    "compliance:calendar-end": ((), row(POST_ONLY, nobody=302)),
    "compliance:calendar-feed": (("feed",), PUBLIC),  # taken back, everybody gets 404: tests/compliance/reminders/test_feeds.py
    "compliance:trends": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "compliance:task": (("none",), row(404, **NO_LEARNERS)),
    "certificates:regrade-list": ((), row(403, **PHYSICIANS, author=200)),
    "certificates:regrade-new": ((), row(403, **PHYSICIANS)),
    "certificates:regrade-detail": (("regrade",), row(403, physician=200, other_physician=404)),
    "certificates:certificate-dispose": (("number",), row(403, physician=302, other_physician=404)),
    "certificates:protocol-decide": (("depth-order",), row(403, **PHYSICIANS)),
    "certificates:protocol-defaults": ((), row(403, **PHYSICIANS)),
    "certificates:state-rule": ((), row(403, **PHYSICIANS)),
    "certificates:certificate-endorse": (("number",), row(403, physician=200, other_physician=404)),
    "certificates:practical-list": ((), EVERYBODY),
    "certificates:observer-list": ((), row(403, **PHYSICIANS)),
    "certificates:observer-decide": (("lakeside", "tom"), row(403, physician=200, other_physician=404)),
    "certificates:observation-start": (("lakeside", "maya"), row(403, physician=200, other_physician=404)),
    "certificates:observation-sheet": (("sheet",), row(404, physician=200)),
    "certificates:observation-sign": (("sheet",), row(404, physician=200)),
    "certificates:observation-save": (("sheet", 1), row(POST_ONLY, nobody=302)),
    "certificates:observation-detail": (("signed",), row(404, aesthetician=200, physician=200, manager=200)),
    "certificates:protocol": ((), row(403, **PHYSICIANS, **MANAGERS)),
    "certificates:module-adopt": (("needle-depth",), row(403, **PHYSICIANS)),
}  # fmt: skip

# allauth's pages and Django's admin have one rule each; the admin is walked in tests/test_admin.py.
ACCOUNT_PAGES = {
    "account_login": 200, "account_logout": 302, "account_inactive": 200, "account_signup": 200, "account_email": 302,
    "account_reset_password": 200, "account_reset_password_done": 200, "account_reset_password_from_key_done": 200,
    "account_change_password": 302, "account_set_password": 302, "account_reauthenticate": 302, "usersessions_list": 302,
    "mfa_authenticate": 302, "mfa_reauthenticate": 302, "mfa_reauthenticate_webauthn": 302, "mfa_login_webauthn": 302,
}  # fmt: skip
ACCOUNT_ELSEWHERE = {
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email_verification_sent",
    "account_reset_password_from_key",
}


@dataclass
class Stage:
    cast: object
    names: dict[str, str]

    def path(self, name: str) -> str:
        args = [self.names.get(arg, arg) if isinstance(arg, str) else arg for arg in TABLE[name][0]]
        return reverse(name, args=args)


@pytest.fixture(scope="module")
def kept_stage(nothing_begun, django_db_blocker) -> Iterator[Stage]:
    """One stage for the whole table, rolled back at its end; what a test does to it is undone after each."""
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), quick, clock.at(NOW), transaction.atomic():
        cast = people.make_cast()
        yield made(cast, factories.make_module(by=cast.pinpoint, adopted_by=cast.physician))
        transaction.set_rollback(True)


@pytest.fixture
def stage(kept_stage, db, now) -> Stage:
    found: Stage = kept_stage
    return found


def made(cast: people.Cast, module: factories.Course) -> Stage:
    """Maya holds a certificate; a second attempt of hers is open in a renewal."""
    done = factories.make_finished(person=cast.aesthetician, course=module)
    Candidacy.objects.create(
        person=cast.aesthetician,
        quiz=module.quiz,
        clinic=cast.lakeside,
        cycle=2,
        reason="renewal",
        opened_by=cast.pinpoint,
    )
    opened = factories.make_attempt(person=cast.aesthetician, course=module, read=False)
    regrade = factories.make_regrade(
        plan=factories.plan_for(done.attempt.items.get(position=2), "credit"), by=cast.physician
    )
    item = done.attempt.items.get(position=1)
    names = {
        "hold": str(
            keeping.place_hold(clinic=cast.lakeside, person=cast.colleague, reason="A case.", by=cast.manager).pk
        ),
        "leaver": cast.leaver.public_id,
        "head": str(heads.add_address(clinic=cast.lakeside, email="counsel@outside.example", by=cast.manager).pk),
        "feed": feeds.make(clinic=None, by=cast.aesthetician).rsplit("/", 1)[1].removesuffix(".ics"),
        "asked": asking.question_item(item=item, text="Unclear.", by=cast.aesthetician).public_id,
        "open": opened.public_id,
        "regrade": regrade.public_id,
        "finished": done.attempt.public_id,
        "number": done.certificate.number,
        "code": done.certificate.code,
        "maya": cast.aesthetician.public_id,
        "lakeside": cast.lakeside.public_id,
        "tom": cast.support.public_id,
        "signed": factories.sign_sheet(
            sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
        ).public_id,
        "sheet": factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=["P3"]).public_id,
        "merge": merging.propose(
            kept=cast.aesthetician, alias=cast.leaver, reason="Added twice", by=cast.manager
        ).public_id,
        "import": factories.make_import(clinic=cast.lakeside, by=cast.manager).public_id,
        "pack": made_pack(cast).public_id,
        **decided(cast, module),
        "proof": factories.outside_training(person=cast.aesthetician, by=cast.aesthetician).public_id,
        "session": factories.site_session(people=[cast.aesthetician], by=cast.manager).public_id,
        "extra": str(factories.accommodate(person=cast.aesthetician, by=cast.manager).pk),
    }
    return Stage(cast, names)


def made_pack(cast: people.Cast) -> Pack:
    """A pack whose ZIP is one byte: what is in it is tests/compliance/packs' to say."""
    pack = work.ask(clinic=cast.lakeside, from_on=None, to_on=clock.today(cast.lakeside.zone), by=cast.manager)
    pack.made_at, pack.size, pack.manifest_sha256 = clock.now(), 1, "0" * 64
    pack.save(update_fields=["made_at", "size", "manifest_sha256"])
    PackPart.objects.create(pack=pack, position=0, bytes=b"0")
    return pack


def decided(cast: people.Cast, module: factories.Course) -> dict[str, str]:
    """A rule, a waiver, a leave and a request after an incident at Lakeside."""
    day, module_of = clock.now().date(), module.module
    until = day + timedelta(days=9)
    known: dict[str, Any] = {"clinic": cast.lakeside, "by": cast.manager, "starts_on": day}
    rule = assigning.add_rule(role="support", module=module_of, days=30, **known)
    waiver = assigning.waive(person=cast.colleague, module=module_of, reason="Elsewhere.", until_on=until, **known)
    leave = assigning.record_leave(person=cast.colleague, until_on=until, **known)
    (incident,) = incidents.ask_again(
        person=cast.aesthetician, modules=[module_of], reason="Needlestick.", due_on=until, clinic=cast.lakeside,
        by=cast.manager,
    )  # fmt: skip
    return {
        "rule": rule.public_id,
        "waiver": waiver.public_id,
        "leave": leave.public_id,
        "incident": incident.public_id,
    }


def all_names() -> set[str]:
    """Every URL name of ours, with its namespace."""
    names: set[str] = set()

    def walk(patterns, namespace: str) -> None:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                walk(pattern.url_patterns, inner)
            elif pattern.name:
                names.add(f"{namespace}{pattern.name}")

    walk(get_resolver().url_patterns, "")
    return {name for name in names if not name.startswith("admin:")}


def test_every_url_has_its_row():
    assert all_names() == set(TABLE) | set(ACCOUNT_PAGES) | ACCOUNT_ELSEWHERE


def signed_in(stage, person: str) -> Client:
    client = Client()
    if person != "nobody":
        client.force_login(getattr(stage.cast, person))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_access(stage, person):
    """One person against the whole table, so that a wrong cell names its URL."""
    wrong, client = {}, signed_in(stage, person)
    for name, (_, cells) in TABLE.items():
        got = client.get(stage.path(name)).status_code
        if got != cells[person]:
            wrong[name] = f"{got}, expected {cells[person]}"
    assert not wrong


# What a POST answers where nothing can be got: an empty form, sent by each person. 302 may be a refusal put in words.
POSTS: dict[str, dict[str, int]] = {
    "training:section-confirm": row(403, aesthetician=302, colleague=302, support=302, other_aesthetician=302),
    "training:section-place": row(204, nobody=302),
    "quizzes:attempt-save": row(404, aesthetician=302),
    "certificates:attempt-submit": row(404, **OWN_ATTEMPT) | {"aesthetician": 302},
    "certificates:review-read": row(404, **NO_LEARNERS),
    "compliance:section-check": row(403, author=200),
    "compliance:section-settle": row(403, author=302),
    "certificates:certificate-mail": row(404, aesthetician=302, physician=403, manager=403),
    "certificates:verify-name": row(302, nobody=302),
    "certificates:observation-save": row(404, physician=400),
    "compliance:people-invite": row(403, manager=302, other_manager=302),
    "compliance:person-invite": row(403, manager=302, other_manager=404),
    "compliance:calendar-make": row(200, nobody=302),
    "compliance:calendar-end": row(302),
    "compliance:accommodation-end": row(403, manager=302, other_manager=404),
    "compliance:head-address-end": row(403, manager=302, other_manager=404),
    "compliance:hold-release": row(403, manager=302, other_manager=404),
    "compliance:own-download": row(200, nobody=302),
    "staff:recovery-codes-make": row(302),
}


@pytest.mark.one_engine
@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_access_by_post(stage, person):
    """Whoever may not see a page may not post to it either. Were she signed out on the way, what follows would be wrong."""
    wrong, client = {}, signed_in(stage, person)
    for name, (_, cells) in TABLE.items():
        expected = POSTS.get(name, cells)[person]
        if name in POSTS or expected in (403, 404) or (person == "nobody" and expected == SIGN_IN):
            got = client.post(stage.path(name), {}).status_code
            if got not in (expected, 405):
                wrong[name] = f"{got}, expected {expected}"
    assert not wrong


def test_every_post_only_url_has_its_posts():
    assert {name for name, (_, cells) in TABLE.items() if POST_ONLY in cells.values()} == set(POSTS)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "expected"), ACCOUNT_PAGES.items())
def test_account_pages_for_nobody(client, name, expected):
    assert client.get(reverse(name)).status_code == expected
