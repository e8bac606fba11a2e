import json
import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape

from certificates import actions
from certificates.models import Certificate
from staff import canonical, clock, mail, signing
from staff.models import AuditEvent, OutgoingMail
from tests import factories
from tests.certificates.test_actions import Broken, broken, rows
from tests.people import PASSWORD
from training import protocol
from training.models import Adoption, ModuleVersion, ProtocolItem, ProtocolValue

DAY = timedelta(days=1)


@pytest.fixture
def unadopted(cast) -> factories.Course:
    return factories.make_module(by=cast.pinpoint)


def adopt(cast, course, *, by=None, sha256=None, with_defaults=True) -> Adoption:
    signer = by or cast.physician
    return actions.adopt(
        clinic=cast.lakeside,
        version=course.version,
        with_defaults=with_defaults,
        seen=factories.seen(sha256 or course.version.sha256, signer),
        by=signer,
    )


def successor(course, number: int, change: str) -> factories.Course:
    """The next version of the module, with the same sections."""
    before = course.version
    version = ModuleVersion.objects.create(
        module=course.module,
        number=number,
        title=before.title,
        details=before.details,
        change=change,
        sha256=f"{number:064}",
        published_by=before.published_by,
    )
    for place in before.places.all():
        version.places.create(position=place.position, section_version=place.section_version)
    return factories.Course(course.module, course.quiz, version)


def test_pass_before_adoption_is_recorded_without_a_certificate(cast, unadopted):
    done = factories.make_finished(person=cast.aesthetician, course=unadopted)
    assert (done.outcome.passed, done.certificate) == (True, None)
    assert not OutgoingMail.objects.exists()


def test_adoption_later_issues_from_the_day_of_passing(cast, unadopted, now):
    done = factories.make_finished(person=cast.aesthetician, course=unadopted)
    factories.make_finished(person=cast.colleague, course=unadopted, wrong=2)
    with clock.at(now + 20 * DAY):
        adopt(cast, unadopted)
    paper = Certificate.objects.get()
    assert (paper.attempt, paper.person) == (done.attempt, cast.aesthetician)
    assert (paper.passed_on, paper.valid_from_on, paper.valid_until_on) == (
        date(2026, 11, 2),
        date(2026, 11, 2),
        date(2027, 11, 1),
    )
    assert paper.issued_on == date(2026, 11, 22)
    assert OutgoingMail.objects.get().person == cast.aesthetician


def test_adoption_counts_for_the_clinic_that_signed(cast, unadopted):
    factories.make_finished(person=cast.other_aesthetician, course=unadopted)
    adopt(cast, unadopted)
    assert not Certificate.objects.exists()


def test_adopting_twice_gives_the_first(cast, unadopted):
    factories.make_finished(person=cast.aesthetician, course=unadopted)
    first = adopt(cast, unadopted)
    assert adopt(cast, unadopted) == first
    assert (Adoption.objects.count(), Certificate.objects.count(), OutgoingMail.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize(("with_defaults", "taken"), [(True, ProtocolItem), (False, None)])
def test_adoption_takes_the_cautious_defaults_only_when_asked(cast, unadopted, with_defaults, taken):
    adopt(cast, unadopted, with_defaults=with_defaults)
    assert ProtocolValue.objects.count() == (taken.objects.count() if taken else 0)
    assert set(ProtocolValue.objects.values_list("is_default", flat=True)) <= {True}
    told = [json.loads(event.body)["items"] for event in AuditEvent.objects.filter(action="protocol.defaults")]
    words = {item.code: canonical.sha256(item.default) for item in ProtocolItem.objects.all()}
    assert told == ([words] if with_defaults else []), "the trail tells what was taken, word by word"


def test_adoption_carries_on_over_cosmetic_versions(cast, unadopted):
    adopt(cast, unadopted)
    cosmetic = successor(unadopted, 2, "cosmetic")
    assert factories.make_finished(person=cast.aesthetician, course=cosmetic).certificate.module_version_number == 2
    clinical = successor(cosmetic, 3, "clinical")
    assert factories.make_finished(person=cast.colleague, course=clinical).certificate is None


def test_adoption_issues_for_passes_of_its_cosmetic_successors(cast, unadopted):
    cosmetic = successor(unadopted, 2, "cosmetic")
    factories.make_finished(person=cast.aesthetician, course=cosmetic)
    clinical = successor(cosmetic, 3, "clinical")
    factories.make_finished(person=cast.colleague, course=clinical)
    adopt(cast, unadopted)
    assert Certificate.objects.get().person == cast.aesthetician


def test_adoption_is_refused(cast, unadopted):
    factories.make_finished(person=cast.aesthetician, course=unadopted)
    before = rows()
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        adopt(cast, unadopted, sha256="0" * 64)
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        adopt(cast, unadopted, by=cast.other_physician)
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        adopt(cast, unadopted, by=cast.manager)
    assert rows() == before


def test_adoption_broken_at_its_last_step_keeps_nothing(cast, unadopted, monkeypatch):
    factories.make_finished(person=cast.aesthetician, course=unadopted)
    before = rows()
    monkeypatch.setattr(mail, "queue", broken)
    with pytest.raises(Broken):
        adopt(cast, unadopted)
    assert rows() == before


def form(cast, course, **changes) -> dict[str, str]:
    fields = {
        "shown_sha256": course.version.sha256,
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
        "read_points": "on",
        "defaults": "on",
    }
    return {name: value for name, value in (fields | changes).items() if value}


def test_adopting_on_the_page(client, cast, unadopted):
    client.force_login(cast.physician)
    path = reverse("certificates:module-adopt", args=["needle-depth"])
    page = client.get(path).text
    assert "nd-17" in page
    assert "nd-18" in page
    assert "D25" in page
    shown = actions.before_adopting(cast.lakeside, unadopted.version)
    assert f'value="{shown}"' in page
    assert signing.MEANINGS["adopt"] in page
    assert escape(signing.MEANINGS["adopt-defaults"]) in page
    got = client.post(path, form(cast, unadopted, shown_sha256=shown))
    assert (got.status_code, got["Location"]) == (302, "/protocol/")
    assert Adoption.objects.get().signature.signer == cast.physician


def test_page_says_why_nothing_was_signed(client, cast, unadopted):
    client.force_login(cast.physician)
    path = reverse("certificates:module-adopt", args=["needle-depth"])
    for changes, status, sentence in (
        ({"read_points": ""}, 400, "Tick that you have read what stands above"),
        ({"defaults": ""}, 400, "choose about the open decisions"),
        ({"password": "wrong"}, 400, "The password is not right"),
        ({"email": "other@example.com"}, 400, "The e-mail address is not the one you sign in with"),
        ({"shown_sha256": "0" * 64}, 409, "The record changed while it was on your screen"),
    ):
        got = client.post(path, form(cast, unadopted, **changes))
        assert got.status_code == status
        assert sentence in got.text


def test_what_was_chosen_stays_after_a_mistyped_password(client, cast, unadopted):
    client.force_login(cast.physician)
    path = reverse("certificates:module-adopt", args=["needle-depth"])
    page = client.post(path, form(cast, unadopted, password="wrong", defaults="no")).text
    assert re.search('name="defaults" value="no" checked', page)
    assert not re.search('name="defaults" value="on"[^>]*checked', page)
    assert 'name="read_points" required checked' in page


def test_adoption_is_refused_where_a_default_changed_on_screen(cast, unadopted):
    shown = actions.before_adopting(cast.lakeside, unadopted.version)
    item = protocol.undecided(cast.lakeside)[0]
    ProtocolItem.objects.filter(pk=item.pk).update(default="Another default.")
    with pytest.raises(signing.RecordChanged):
        actions.adopt(
            clinic=cast.lakeside,
            version=unadopted.version,
            with_defaults=True,
            seen=factories.seen(shown, cast.physician),
            by=cast.physician,
        )
    assert not Adoption.objects.exists()
