"""Credit for outside training: who may do what, what a proof may be, and how long it counts."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from compliance import entrusting, outside
from compliance.models import OutsideCheck, OutsideDecision, OutsideTraining
from compliance.outside import proofs
from compliance.queries import board_of
from compliance.roll import Whom
from staff import clock, signing, uploads
from staff.models import AuditEvent, OutgoingMail
from tests import factories
from tests.people import PASSWORD
from training.models import Module
from training.pictures import Refused


def page(name, row):
    return reverse(f"compliance:{name}", args=[row.public_id])


def picture(kind="PNG", **more):
    out = BytesIO()
    Image.new("RGB", (400, 300), "white").save(out, kind, **more)
    return out.getvalue()


def typed(cast, data=factories.PDF, name="proof.pdf", **changes):
    return {
        "clinic": cast.lakeside.public_id,
        "provider": "Society of Example",
        "title": "Depth and endpoint",
        "held_on": "2026-10-01",
        "hours": "6.5",
        "trainer": "Ines Albrecht",
        "qualification": "Registered nurse",
        "key": "k1",
        "file": SimpleUploadedFile(name, data),
    } | changes


def signed(cast, row, **changes):
    return {
        "decision": "approve",
        "module": str(Module.objects.get(slug="needle-depth").pk),
        "valid_until_on": "2027-09-30",
        "text": "The same depths.",
        "shown_sha256": outside.shown_sha256(row),
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
    } | changes


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (factories.PDF, "application/pdf"),
        (picture(), "image/png"),
        (picture("JPEG"), "image/jpeg"),
    ],
    ids=["pdf", "png", "jpeg"],
)
def test_a_proof_is_known_by_what_is_in_it(data, kept):
    assert proofs.taken(data).media_type == kept


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"<html>", "no PDF, PNG or JPEG"),
        (picture("WEBP"), "no PDF, PNG or JPEG"),
        (picture("GIF"), "no PDF, PNG or JPEG"),
        (factories.PDF[:-8], "cut off"),
        (factories.PDF.replace(b"/Catalog", b"/Catalog /OpenAction << /S /JavaScript >>"), "script"),
        (factories.PDF.replace(b"/Catalog", b"/Catalog /#4a#53 (x)"), "script"),
        (factories.PDF.replace(b"/Catalog", b"/Catalog /EmbeddedFiles 2 0 R"), "another file"),
        (factories.PDF.replace(b"/Root", b"/Encrypt 3 0 R /Root"), "password"),
        (b"%PDF-1.7" + b"0" * proofs.MOST_BYTES, "too large"),
        (b"\x89PNG\r\n\x1a\nno picture", "no PNG, JPEG"),
    ],
)
def test_what_is_no_proof_is_refused_with_the_reason(data, sentence):
    with pytest.raises(Refused, match=sentence):
        proofs.taken(data)


def test_a_picture_is_drawn_anew():
    exif = Image.Exif()
    exif[0x010E] = "her address"
    sent = picture("JPEG", exif=exif)
    assert b"her address" in sent
    assert b"her address" not in proofs.taken(sent).data


def test_from_the_proof_to_the_signature(client, cast, module):
    client.force_login(cast.aesthetician)
    sent = client.post(reverse("compliance:outside-add"), typed(cast))
    row = OutsideTraining.objects.get()
    assert sent.url == page("outside-detail", row)
    assert "A manager of Lakeside Skin Clinic other than you" in client.get(sent.url).text
    client.force_login(cast.manager)
    assert "Record your check" in client.get(sent.url).text
    client.post(page("outside-check", row), {"text": "The original seen."})
    client.force_login(cast.physician)
    row.refresh_from_db()
    row = OutsideTraining.objects.get()
    assert "until 30\xa0September\xa02027 at the latest" in client.get(page("outside-sign", row)).text
    assert client.post(page("outside-sign", row), signed(cast, row, password="wrong")).status_code == 400
    assert not OutsideDecision.objects.exists()
    client.post(page("outside-sign", row), signed(cast, row))
    told = client.get(sent.url).text
    assert "Outside training, approved</strong>" in told
    assert "Signed by Elena Ruiz" in told
    assert "Counts for" in told
    assert "30\xa0September\xa02027" in told
    mail = OutgoingMail.objects.get(person=cast.aesthetician, dedupe_key=f"outside:{row.pk}:decided")
    assert "no certificate" in mail.body
    client.force_login(cast.aesthetician)
    client.post(page("outside-withdraw", row), {"reason": "Another file."})
    assert "Withdrawn</strong> by Maya Lindqvist" in client.get(sent.url).text
    acts = AuditEvent.objects.filter(subject_type="compliance.outsidetraining").order_by("seq")
    assert [event.action for event in acts] == [
        "outside.sent", "outside.checked", "outside.approved", "outside.withdrawn",
    ]  # fmt: skip


def test_the_same_form_sent_twice_is_one_row(client, cast, module):
    client.force_login(cast.aesthetician)
    url = reverse("compliance:outside-add")
    assert client.post(url, typed(cast)).url == client.post(url, typed(cast)).url
    assert OutsideTraining.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"held_on": "2026-11-04"}, "still to come"),
        ({"held_on": "2021-01-01"}, "three years back"),
        ({"hours": "0"}, "It took some time"),
        ({"data": b"<html>"}, "no PDF, PNG or JPEG"),
        ({"file": ""}, "Choose a PDF, PNG or JPEG"),
    ],
)
def test_what_is_typed_wrongly_is_said(client, cast, module, changes, sentence):
    client.force_login(cast.aesthetician)
    answer = client.post(reverse("compliance:outside-add"), typed(cast, **changes))
    assert answer.status_code == 400
    assert sentence in answer.text
    assert not OutsideTraining.objects.exists()


def test_a_form_from_elsewhere_and_one_too_large_are_not_read(cast, module):
    """The size is looked at before the token, and the token before anything is kept."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.aesthetician)
    url = reverse("compliance:outside-add")
    assert client.post(url, typed(cast)).status_code == 403
    client.get(url)
    token = client.cookies["csrftoken"].value
    ok = {"csrfmiddlewaretoken": token}
    larger = client.post(url, ok | typed(cast, data=b"%PDF-" + b"0" * proofs.MOST_BYTES))
    assert larger.status_code == 400
    assert "Choose a PDF, PNG or JPEG of at most 5 MB." in larger.text
    far = client.post(url, ok | typed(cast, data=b"%PDF-" + b"0" * (proofs.MOST_BYTES + uploads.ENVELOPE)), follow=True)
    assert "far too large" in far.text
    assert not OutsideTraining.objects.exists()
    assert client.post(url, ok | typed(cast)).status_code == 302


def test_the_proof_is_handed_out_to_be_saved_and_never_opened(client, cast, module):
    row = factories.outside_training(person=cast.aesthetician, by=cast.manager)
    client.force_login(cast.physician)
    answer = client.get(page("outside-file", row))
    assert answer.content == factories.PDF
    assert answer["Content-Disposition"] == f'attachment; filename="outside-{row.public_id}.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Cache-Control"] == "private, no-store"


def test_nobody_acts_for_herself(cast, module):
    """Not even who is manager and physician as well."""
    own = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician)
    for role in ("manager", "physician"):
        membership = cast.aesthetician.membership_set.get()
        membership.roles.create(role=role, granted_by=cast.pinpoint)
    with pytest.raises(outside.NotAllowed, match="their own"):
        outside.check(training=own, text="Fine.", by=cast.aesthetician)
    outside.check(training=own, text="Fine.", by=cast.manager)
    own = OutsideTraining.objects.get()
    with pytest.raises(signing.SigningRefused, match="their own"):
        factories.decide_outside(training=own, by=cast.aesthetician)


def test_strangers_do_nothing(cast, module):
    row = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician)
    with pytest.raises(outside.NotAllowed):
        outside.check(training=row, text="Fine.", by=cast.other_manager)
    with pytest.raises(outside.NotAllowed):
        outside.withdraw(training=row, reason="x", by=cast.colleague)
    with pytest.raises(outside.NotAllowed):
        factories.outside_training(person=cast.aesthetician, by=cast.colleague)
    with pytest.raises(signing.SigningRefused):
        factories.decide_outside(training=row, by=cast.other_physician, approved=False)
    with pytest.raises(signing.SigningRefused):
        factories.decide_outside(training=row, by=cast.manager, approved=False)
    assert not OutsideCheck.objects.exists()


def test_without_a_check_it_can_only_be_declined(cast, module):
    row = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician)
    with pytest.raises(signing.SigningRefused, match="No manager has checked"):
        factories.decide_outside(training=row, by=cast.physician)
    assert not factories.decide_outside(training=row, by=cast.physician, approved=False).approved


def test_it_counts_no_longer_than_a_certificate_would(cast, module):
    """Of 3 October 2026: to 2 October 2027, or through 364 days where the module counts days."""
    row = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician, checked_by=cast.manager)
    assert outside.latest_until(row, module.module) == date(2027, 10, 2)
    yearly = Module(slug="sterilisation", validity_months=12, validity_days=364)
    assert outside.latest_until(row, yearly) == row.held_on + timedelta(days=364)
    for until in (date(2027, 10, 3), clock.today("America/Denver") - timedelta(days=1)):
        with pytest.raises(signing.SigningRefused, match="at the latest"):
            factories.decide_outside(training=row, by=cast.physician, valid_until_on=until)
    factories.decide_outside(training=row, by=cast.physician, valid_until_on=date(2027, 10, 2))
    with pytest.raises(signing.SigningRefused, match="decided this already"):
        factories.decide_outside(training=row, by=cast.physician)


def test_what_was_checked_meanwhile_is_read_again(cast, module):
    row = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician)
    before = outside.shown_sha256(row)
    outside.check(training=row, text="The original seen.", by=cast.manager)
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        factories.decide_outside(training=row, by=cast.physician, seen=factories.seen(before, cast.physician))
    assert not OutsideDecision.objects.exists()


def test_a_credit_is_no_part_of_a_programme_certificate(cast, module):
    """Everything else in order, and the module only credited: the programme is not ready."""
    programme = factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)
    membership = cast.colleague.membership_set.get()
    row = factories.outside_training(person=cast.colleague, by=cast.colleague, checked_by=cast.manager)
    factories.decide_outside(training=row, by=cast.physician)
    dossier = entrusting.dossier_of(membership, programme)
    assert "modules" in {condition.code for condition in dossier.missing}
    assert row.public_id not in dossier.text


@pytest.mark.one_engine  # as many statements on both
def test_the_list_costs_the_same_with_one_and_with_many(client, cast, module, django_assert_num_queries):
    client.force_login(cast.manager)
    url = reverse("compliance:outside-list")

    def more(person):
        row = factories.outside_training(person=person, by=cast.manager, checked_by=cast.manager)
        factories.decide_outside(training=row, by=cast.physician)
        outside.withdraw(training=row, reason="x", by=cast.manager)
        factories.outside_training(person=person, by=cast.manager)

    more(cast.aesthetician)
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    for person in (cast.aesthetician, cast.colleague, cast.support):
        more(person)
    with django_assert_num_queries(len(one)):
        client.get(url)


def cell_of(cast, person, **asked):
    (row,) = board_of([cast.lakeside], person, **asked).rows
    return next(cell for cell in row.cells if cell.column.slug == "needle-depth")


def test_the_clinics_matrix_says_what_it_is(client, cast, module, now):
    """Credited here, on the pages and in the file, until it is withdrawn; as of a day before, it was not."""
    person = cast.colleague
    before = cell_of(cast, person).standing
    with clock.at(now + timedelta(days=2)):
        row = factories.outside_training(person=person, by=person, checked_by=cast.manager)
        factories.decide_outside(training=row, by=cast.physician)
        found = cell_of(cast, person)
        assert (found.standing.word, found.standing.state, found.certificate) == ("current", "credited", None)
        client.force_login(cast.manager)
        pages = (reverse("compliance:matrix"), reverse("compliance:person-detail", args=[person.public_id]), found.page)
        for path in pages:
            assert "approved by Elena Ruiz on" in client.get(path).text
        client.force_login(person)
        assert client.get("/").status_code == 200
        assert cell_of(cast, person, on=now.date()).standing.state == before.state
    with clock.at(now + timedelta(days=4)):
        outside.withdraw(training=row, reason="Another file.", by=cast.manager)
        assert cell_of(cast, person).standing.state == before.state
        assert cell_of(cast, person, on=now.date() + timedelta(days=3)).standing.state == "credited"


def test_another_clinic_does_not_count_it(cast, module):
    row = factories.outside_training(person=cast.colleague, by=cast.manager, checked_by=cast.manager)
    factories.decide_outside(training=row, by=cast.physician)
    (found,) = outside.credits_at(Whom(clock.now(), None, (cast.colleague.pk,)))
    assert found == (cast.colleague.pk, module.module.pk, cast.lakeside.pk)
