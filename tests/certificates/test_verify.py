from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.urls import reverse

from certificates import actions, codes, papers
from certificates.models import Certificate
from certificates.views.verify import count
from staff import clock
from tests import factories
from tests.certificates.test_actions import give_back, revoke

DAY = timedelta(days=1)


@pytest.fixture
def paper(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=1).certificate


def page(client, code: str):
    return client.get(reverse("certificates:verify-code", args=[code]))


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def heading(response) -> str:
    return plain(response.text.split("<h1>")[1].split("</h1>")[0])


def test_valid(client, paper):
    got = page(client, paper.code)
    assert (got.status_code, heading(got)) == (200, "Valid")
    assert "This certificate is in force through 1 November 2027." in plain(got.text)


def test_expiring_and_expired(client, paper, now):
    with clock.at(now + 340 * DAY):
        got = page(client, paper.code)
        assert heading(got) == "Expiring"
        assert "in force through 1 November 2027" in plain(got.text)
    with clock.at(now + 366 * DAY):
        got = page(client, paper.code)
        assert heading(got) == "Expired"
        assert "Its last valid day was 1 November 2027." in plain(got.text)


def test_revoked_says_when_and_why(client, cast, paper, now):
    with clock.at(now + 3 * DAY):
        revoke(cast, paper, private_note="she told us in confidence")
        got = page(client, paper.code)
    assert heading(got) == "Revoked"
    assert "It was withdrawn on 5 November 2026" in plain(got.text)
    assert "Re-training required" in got.text
    assert "in confidence" not in got.text


def test_suspended_and_then_revoked_says_the_revocation(client, cast, paper, now):
    hold(cast, paper, "conduct", "Under inquiry")
    with clock.at(now + 3 * DAY):
        revoke(cast, paper, reason_class="error", public_text="It was issued to another person")
    with clock.at(now + 4 * DAY):
        text = plain(page(client, paper.code).text)
    assert (
        "It was withdrawn on 5 November 2026 at 15:00 UTC. Reason: Issued in error. It was issued to another person."
        in text
    )
    assert "inquiry" not in text


def test_held_for_two_reasons_says_both(client, cast, paper, now):
    hold(cast, paper, "conduct", "Under inquiry")
    with clock.at(now + DAY):
        give_back(cast, paper.attempt)
        text = plain(page(client, paper.code).text)
    assert "It is held since 2 November 2026 at 15:00 UTC. Reason: Conduct of the assessment. Under inquiry." in text
    assert "It is held also since 3 November 2026 at 15:00 UTC. Reason: Re-study after a review." in text


def hold(cast, paper, reason_class: str, public_text: str) -> None:
    actions.suspend(
        certificate=paper, reason_class=reason_class, public_text=public_text, private_note="", by=cast.manager
    )


def test_suspended_says_since_when_and_nothing_private(client, cast, paper):
    give_back(cast, paper.attempt, text="She mixed up lids and brows.")
    got = page(client, paper.code)
    assert heading(got) == "Suspended"
    assert "It is held since 2 November 2026" in plain(got.text)
    assert "Re-study after a review" in got.text
    assert "lids and brows" not in got.text


def test_lifted_is_valid_again(client, cast, paper):
    actions.suspend(certificate=paper, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    actions.lift(certificate=paper, private_note="cleared", by=cast.manager)
    got = page(client, paper.code)
    assert heading(got) == "Valid"
    assert "cleared" not in got.text


def test_every_claim_of_the_paper(client, paper):
    text = plain(page(client, paper.code).text)
    for claim in (
        "Certificate of knowledge",
        "Maya Lindqvist",
        "has passed the knowledge quiz in",
        "Needle depth",
        "Mechanical microneedling; radiofrequency not included",
        "Lakeside Skin Clinic, 1 Lake Road, Example Town",
        "PP-2026-000001",
        codes.grouped(paper.code),
        "2 November 2026",
        "1 November 2027 (America/Denver)",
        "Module version 1",
        "5 of 6 right and every safety-critical question right",
        "provisional: no panel has rated it",
        "Knowledge quiz completed, unproctored. Not a permit to treat.",
        "2 November 2026 at 15:00:00 UTC",
        "Valid only as shown at https://training.example.com/verify/",
        papers.short(paper.attempt.seal_sha256),
        paper.attempt.seal_sha256,
    ):
        assert claim in text, claim


def test_nothing_that_the_paper_does_not_say(client, cast, paper):
    """No e-mail, no score (5 of 6 is the rule's), no job title, no reviewer, no person's or attempt's id, no account."""
    text = page(client, paper.code).text
    for secret in (
        cast.aesthetician.email,
        "Aesthetician",
        "Elena Ruiz",
        cast.aesthetician.public_id,
        paper.attempt.public_id,
        "/attempts/",
        "Sign out",
    ):
        assert secret not in text, secret


def test_facts_stay_when_the_person_and_the_clinic_change(client, cast, paper):
    cast.aesthetician.full_name = "Maya Berg"
    cast.aesthetician.save()
    cast.lakeside.name = "Lakeside Dermatology"
    cast.lakeside.save()
    text = page(client, paper.code).text
    assert "Maya Lindqvist" in text
    assert "Lakeside Skin Clinic" in text


def test_unknown_and_malformed_answer_alike(client, db, now):
    answers = {
        (got.status_code, got.content, tuple(sorted((k, v) for k, v in got.items() if k != "X-Request-ID")))
        for code in (codes.new(), codes.new(), "hello", "0" * 21, "x" * 500, "PP-2026-000001", "%00", "é")
        for got in [page(client, code)]
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404


@pytest.mark.parametrize("spelling", [str.lower, codes.grouped, lambda code: codes.grouped(code).replace("-", " ")])
def test_code_as_people_type_it(client, paper, spelling):
    assert heading(page(client, spelling(paper.code))) == "Valid"


def test_form_leads_to_the_code(client, paper):
    got = client.get(reverse("certificates:verify"), {"code": f" {codes.grouped(paper.code).lower()} "})
    assert (got.status_code, got["Location"]) == (302, f"/verify/{paper.code}/")
    assert client.get(reverse("certificates:verify")).status_code == 200


def test_form_with_nonsense_leads_to_the_one_answer(client, db):
    got = client.get(reverse("certificates:verify"), {"code": "my certificate"}, follow=True)
    assert got.status_code == 404
    assert "my certificate" not in got.text


def test_no_page_of_it_is_kept_indexed_or_told_on(client, paper, settings):
    """The form, its redirect, a certificate, an unknown code, too many tries."""
    answers = [
        client.get(reverse("certificates:verify")),
        client.get(reverse("certificates:verify"), {"code": paper.code}),
        page(client, paper.code),
        page(client, "unknown"),
    ]
    for _ in range(60):
        answers.append(page(client, "unknown"))
    assert answers[-1].status_code == 429
    for got in answers:
        assert got["X-Robots-Tag"] == "noindex, nofollow"
        assert got["Referrer-Policy"] == "no-referrer"
        assert "no-store" in got["Cache-Control"]
        assert "sessionid" not in got.cookies


def test_sixty_misses_a_minute(client, paper, now):
    statuses = [page(client, "unknown").status_code for _ in range(61)]
    assert statuses == [404] * 60 + [429]
    assert page(client, "unknown").status_code == 429
    assert client.get(reverse("certificates:verify-code", args=["unknown"]), REMOTE_ADDR="192.0.2.7").status_code == 404
    with clock.at(now + timedelta(minutes=1)):
        assert page(client, paper.code).status_code == 200


def test_finding_is_no_miss(client, paper):
    for _ in range(70):
        assert page(client, paper.code).status_code == 200
    assert cache.get("verify-miss:127.0.0.1:1500") is None


def test_superseded_leads_to_the_newer_one(client, cast, paper):
    """A re-issue, as a later floor will make it: the same facts under a new number, naming the one it replaces."""
    fields = {f.name: getattr(paper, f.name) for f in paper._meta.concrete_fields if f.name != "id"}
    newer = Certificate.objects.create(
        **(fields | {"number": "PP-2026-000002", "code": codes.new(), "supersedes": paper, "holder_name": "Maya Berg"})
    )
    got = page(client, paper.code)
    assert heading(got) == "Superseded"
    assert "A newer certificate replaces it since 2 November 2026 at 15:00 UTC." in plain(got.text)
    assert f"/verify/{newer.code}/" in got.text
    assert heading(page(client, newer.code)) == "Valid"


def test_not_yet_valid(client, paper):
    fields = {f.name: getattr(paper, f.name) for f in paper._meta.concrete_fields if f.name != "id"}
    changes = {"number": "PP-2026-000003", "code": codes.new(), "supersedes": paper, "valid_from_on": date(2026, 12, 1)}
    later = Certificate.objects.create(**(fields | changes))
    got = page(client, later.code)
    assert heading(got) == "Not yet valid"
    assert "It is valid from 1 December 2026." in plain(got.text)


def test_what_is_counted_is_kept_as_long_as_it_was_begun_with(db, settings, monkeypatch):
    """Django's cache in the database keeps for five minutes what was only counted on."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "counted"}}
    call_command("createcachetable")
    assert [count("hourly", 3600) for _ in range(3)] == [1, 2, 3]
    at = clock.now()
    for later, counted in ((timedelta(minutes=50), 4), (timedelta(minutes=51), 5), (timedelta(hours=3), 1)):
        monkeypatch.setattr("django.core.cache.backends.db.tz_now", lambda at=at + later: at)
        assert count("hourly", 3600) == counted
