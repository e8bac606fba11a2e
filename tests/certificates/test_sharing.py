"""Take it along: a link, a profile, a mail to oneself; and the holder's page with its history."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail as sent
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates import actions, drawing, sharing
from certificates.queries import history
from staff import clock, mail
from staff.models import OutgoingMail
from tests import factories
from tests.certificates.test_actions import revoke


@pytest.fixture
def paper(cast, module, monkeypatch):
    monkeypatch.setattr(drawing, "pdf", lambda paper, *, fonts: b"%PDF-of " + paper.number.encode())
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


def test_profile_link_says_what_the_paper_says(paper):
    parts = urlsplit(sharing.linkedin(paper))
    assert (parts.netloc, parts.path) == ("www.linkedin.com", "/profile/add")
    assert {name: value[0] for name, value in parse_qs(parts.query).items()} == {
        "startTask": "CERTIFICATION_NAME",
        "name": "Needle depth: certificate of knowledge",
        "organizationName": "Lakeside Skin Clinic",
        "issueYear": "2026",
        "issueMonth": "11",
        "expirationYear": "2027",
        "expirationMonth": "11",
        "certUrl": f"https://training.example.com/verify/{paper.code}/",
        "certId": "PP-2026-000001",
    }


def test_page_offers_it_to_the_holder_alone_and_no_profile_once_it_is_over(client, cast, paper):
    page = paper.get_absolute_url()
    client.force_login(cast.aesthetician)
    assert "linkedin.com" in client.get(page).text
    assert f'value="https://training.example.com/verify/{paper.code}/"' in client.get(page).text
    client.force_login(cast.physician)
    assert "Take it along" not in client.get(page).text
    revoke(cast, paper)
    client.force_login(cast.aesthetician)
    assert "linkedin.com" not in client.get(page).text


def test_mail_to_oneself_once_a_day_with_the_stored_pdf(client, cast, paper, now):
    client.force_login(cast.aesthetician)
    path = reverse("certificates:certificate-mail", args=[paper.number])
    for _ in range(2):
        assert client.post(path).status_code == 302
    assert OutgoingMail.objects.filter(dedupe_key__startswith="own-copy:").count() == 1
    with clock.at(now + timedelta(days=1)):
        client.post(path)
        assert OutgoingMail.objects.filter(dedupe_key__startswith="own-copy:").count() == 2
        mail.send_due()
    copies = [message for message in sent.outbox if message.attachments]
    assert [message.to for message in copies] == [[cast.aesthetician.email]] * 2
    assert copies[0].attachments[0][:] == ("PP-2026-000001.pdf", b"%PDF-of PP-2026-000001", "application/pdf")
    assert f"/verify/{paper.code}/" in copies[0].body


def test_nobody_mails_a_certificate_of_somebody_else(cast, paper):
    with pytest.raises(ValueError, match="holder alone"):
        actions.mail_to_holder(certificate=paper, by=cast.manager)


def test_history_of_a_certificate(client, cast, paper, now):
    with clock.at(now + timedelta(days=1)):
        actions.suspend(certificate=paper, reason_class="other", public_text="Held", private_note="x", by=cast.manager)
        actions.lift(certificate=paper, private_note="cleared", by=cast.manager)
    with clock.at(now + timedelta(days=2)):
        newer = actions.reissue(certificate=paper, name_shown="initials", by=cast.aesthetician)
    assert [(step.what, step.why) for step in history(paper)] == [
        ("Issued", ""),
        ("Suspended", "Held"),
        ("Suspension lifted", ""),
        ("Replaced by PP-2026-000002", "The holder chose how the name is shown"),
    ]
    assert history(newer)[0].what == "Issued, replacing PP-2026-000001"
    client.force_login(cast.aesthetician)
    with clock.at(now + timedelta(days=3)):
        page = client.get("/certificates/").text
    assert page.index("PP-2026-000002") < page.index('id="earlier"') < page.index("Suspension lifted")
    assert "cleared" not in page


def test_the_holders_page_costs_the_same_for_one_and_many(client, cast, paper):
    client.force_login(cast.aesthetician)
    client.get("/certificates/")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/certificates/")
        return len(captured)

    one = cost()
    last = paper
    for choice in ("initials", "full", "initials"):
        last = actions.reissue(certificate=last, name_shown=choice, by=cast.aesthetician)
    assert cost() == one
