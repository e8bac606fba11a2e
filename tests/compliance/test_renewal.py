"""Renewal: sterilisation is read in full again; elsewhere the quiz comes first, and only what changed or was missed is read."""

from dataclasses import replace
from datetime import date, timedelta
from importlib import import_module

import pytest
from django.apps import apps

from certificates import actions as proof
from quizzes import eligibility, material
from quizzes.models import Candidacy
from quizzes.queries import standing
from staff import clock
from staff.models import AuditEvent
from tests import factories
from training import markdown
from training.models import Reading, Rereading

DUE = timedelta(days=320)


def code(person, course) -> str:
    where = standing(person, course.quiz, person.membership_set.get(ended_at=None).clinic)
    return eligibility.verdict(where, clock.now()).code


def page(client, person, path: str) -> str:
    client.force_login(person)
    return str(client.get(path).text).replace("\u00a0", " ")


@pytest.fixture
def full(cast) -> factories.Course:
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, slug="sterilisation")


def changed(course: factories.Course, slug: str, by) -> None:
    """Publish the module with a few words added."""
    found = factories.likeness(slug=slug, course=factories.course_of(factories.SLICE))
    (module, items, quiz) = found.modules[0]
    text = f"{module.sections[0].text}\n\nA few words more.\n"
    section = replace(module.sections[0], text=text, blocks=tuple(markdown.blocks(text)))
    modules = ((replace(module, sections=(section,)), items, quiz),)
    material.load(material.Course(found.library, modules), by=by)


def test_rules_come_from_the_file(cast, full, module):
    assert (full.module.renewal, module.module.renewal) == ("full", "missed")
    assert (full.module.validity_days, module.module.validity_days) == (364, None)


def test_sterilisation_is_read_in_full_before_the_quiz_opens(cast, full, now):
    factories.make_finished(person=cast.support, course=full)
    with clock.at(now + DUE):
        assert proof.open_renewals() == 1
        assert code(cast.support, full) == "read"
        factories.read_all(person=cast.support, course=full)
        assert code(cast.support, full) == "start"
        done = factories.make_finished(person=cast.support, course=full, read=False)
        passed_on = date(2027, 9, 18)
        assert done.certificate.valid_from_on == passed_on
        assert done.certificate.valid_until_on == passed_on + timedelta(days=364)


def test_every_cycle_asks_anew(cast, full, now):
    factories.make_finished(person=cast.support, course=full)
    for year in (1, 2):
        with clock.at(now + year * DUE):
            proof.open_renewals()
            assert code(cast.support, full) == "read"
            factories.make_finished(person=cast.support, course=full)
    assert Rereading.objects.filter(person=cast.support).count() == 2


def test_asking_is_on_record_and_only_hers(cast, full, now):
    factories.make_finished(person=cast.support, course=full)
    factories.make_finished(person=cast.aesthetician, course=full)
    with clock.at(now + DUE):
        proof.open_renewals(cast.support)
        assert code(cast.support, full) == "read"
        assert code(cast.aesthetician, full) == "closed"
        row = Rereading.objects.get()
        assert (row.person, row.module, row.asked_by) == (cast.support, full.module, cast.pinpoint)
        event = AuditEvent.objects.get(action="reading.anew")
        assert (event.chain.clinic, event.subject_id) == (cast.lakeside, str(row.pk))


def test_the_reader_s_pages_know_it_too(client, cast, full, now):
    """Contents, overview and home count from nothing again, and no place is kept from a year ago."""
    factories.make_finished(person=cast.support, course=full)
    Reading.objects.update(place="bone-and-eyes")
    assert "1 of 1 section read" in page(client, cast.support, "/modules/")
    with clock.at(now + DUE):
        home = page(client, cast.support, "/")
        assert "Renew Sterilisation: Technique and endpoint" in home
        assert "this module is read again in full, then the quiz opens" in home
        assert "The new certificate counts from the day you pass." in home
        assert "0 of 1 section read" in page(client, cast.support, "/modules/")
        section = page(client, cast.support, "/modules/sterilisation/technique-and-endpoint/")
        assert "I have read this" in section
        assert "Go on where you stopped" not in section
        factories.read_all(person=cast.support, course=full)
        assert "you have read the module again in full, so the quiz is open" in page(client, cast.support, "/")


def test_elsewhere_the_quiz_comes_first(client, cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + DUE):
        proof.open_renewals()
        assert code(cast.aesthetician, module) == "start"
        assert not Rereading.objects.exists()
        home = page(client, cast.aesthetician, "/")
        assert "take the quiz first" in home
        assert "Renewing early costs no day." in home


def test_elsewhere_only_what_changed_is_read(client, cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + DUE):
        proof.open_renewals()
        changed(module, "needle-depth", cast.pinpoint)
        assert code(cast.aesthetician, module) == "read"
        assert "read what changed, then take the quiz" in page(client, cast.aesthetician, "/")


def test_elsewhere_only_what_was_missed_is_read(cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + DUE):
        proof.open_renewals()
        factories.make_finished(person=cast.aesthetician, course=module, wrong=4, read=False)
        assert code(cast.aesthetician, module) == "reread"
    with clock.at(now + DUE + timedelta(minutes=10)):
        factories.read_all(person=cast.aesthetician, course=module)
        assert code(cast.aesthetician, module) == "wait"


def test_sterilisation_missed_at_renewal_is_read_once_more(cast, full, now):
    factories.make_finished(person=cast.support, course=full)
    with clock.at(now + DUE):
        proof.open_renewals()
        factories.make_finished(person=cast.support, course=full, wrong=4)
        assert code(cast.support, full) == "reread"


def test_an_expired_one_is_renewed_in_the_same_way(client, cast, full, now):
    factories.make_finished(person=cast.support, course=full)
    with clock.at(now + timedelta(days=500)):
        home = page(client, cast.support, "/")
        assert "Your certificate expired on 1 November 2027. 1 section of Sterilisation left" in home
        assert code(cast.support, full) == "read"


def revoke(cast, certificate) -> None:
    proof.revoke(
        certificate=certificate,
        reason_class="retraining",
        public_text="Re-training required",
        private_note="",
        seen=factories.seen(certificate.facts_sha256, cast.physician),
        by=cast.physician,
    )


def test_after_a_revocation_everything_is_read_again_in_any_module(client, cast, module, now):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=3)):
        revoke(cast, done.certificate)
        assert code(cast.aesthetician, module) == "read"
        assert Rereading.objects.get().asked_by == cast.physician
        assert "Your certificate was revoked on 5 November 2026. 1 section of" in page(client, cast.aesthetician, "/")
        assert "0 of 1 section read" in page(client, cast.aesthetician, "/modules/")


def test_cycles_open_before_the_rows_were_there_get_theirs(cast, module, now):
    factories.read_all(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=1)):
        for person, reason in ((cast.aesthetician, "incident"), (cast.colleague, "renewal")):
            Candidacy.objects.create(
                person=person,
                quiz=module.quiz,
                clinic=cast.lakeside,
                cycle=2,
                reason=reason,
                opened_by=cast.physician,
                opened_at=clock.now(),
            )
        ask = import_module("quizzes.migrations.0006_revoked_read_anew").ask
        ask(apps, None)
        ask(apps, None)
        row = Rereading.objects.get()
        assert (row.person, row.asked_at, row.asked_by) == (cast.aesthetician, clock.now(), cast.physician)
        assert code(cast.aesthetician, module) == "read"


@pytest.mark.parametrize(
    ("slug", "sentence"),
    [
        ("sterilisation", "every section is read again and confirmed anew, then the quiz"),
        (
            "needle-depth",
            "the quiz first; only what changed since you passed, or what an attempt misses, is read again",
        ),
    ],
)
def test_the_rules_page_says_it(client, cast, full, module, slug, sentence):
    assert sentence in page(client, cast.aesthetician, f"/modules/{slug}/quiz/")
