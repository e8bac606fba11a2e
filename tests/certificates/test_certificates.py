import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from certificates import drawing
from certificates.models import Certificate, CertificateEvent
from certificates.queries import state_of
from certificates.views import attempts
from staff import canonical, clock
from tests import factories
from tests.certificates.test_actions import give_back
from tests.people import PASSWORD


@pytest.fixture
def paper(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


def address(name: str, paper: Certificate, *args) -> str:
    return reverse(f"certificates:certificate-{name}", args=[paper.number, *args])


def test_list_shows_ones_own(client, cast, paper):
    client.force_login(cast.aesthetician)
    assert "PP-2026-000001" in client.get("/certificates/").text
    client.force_login(cast.colleague)
    page = client.get("/certificates/").text
    assert "PP-2026-000001" not in page
    assert "No certificate yet" in page


def test_detail(client, cast, paper):
    client.force_login(cast.aesthetician)
    page = client.get(address("detail", paper)).text.replace("\u00a0", " ")
    for text in ("Needle depth", "PP-2026-000001", "1 November 2027", "Lakeside Skin Clinic"):
        assert text in page, text
    assert address("revoke", paper) not in page


def test_facts_as_json_are_the_frozen_ones(client, cast, paper):
    client.force_login(cast.aesthetician)
    got = client.get(address("file", paper, "json"))
    assert canonical.sha256(got.content) == paper.facts_sha256
    facts = json.loads(got.content)
    assert (facts["number"], facts["holder_name"], facts["seal_sha256"]) == (
        "PP-2026-000001", "Maya Lindqvist", paper.attempt.seal_sha256,
    )  # fmt: skip
    assert got["Content-Disposition"] == 'attachment; filename="PP-2026-000001.json"'


def test_files(client, cast, paper, monkeypatch):
    monkeypatch.setattr(drawing, "pdf", lambda paper, *, fonts: b"%PDF-made up")
    client.force_login(cast.aesthetician)
    got = client.get(address("file", paper, "pdf"))
    assert (got.content, got["Content-Type"]) == (b"%PDF-made up", "application/pdf")
    assert client.get(address("file", paper, "exe")).status_code == 404


def test_facts_hold_every_printed_column(paper):
    facts = json.loads(paper.facts)
    for name in facts:
        if hasattr(paper, name) and name not in ("person", "clinic", "attempt", "module"):
            assert canonical.plain(getattr(paper, name)) == facts[name], name


def revocation(cast, paper, **changes) -> dict:
    return {
        "shown_sha256": paper.facts_sha256,
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
        "reason_class": "retraining",
        "public_text": "Re-training required",
        **changes,
    }


def test_revoke_on_the_page(client, cast, paper):
    client.force_login(cast.physician)
    assert client.get(address("revoke", paper)).status_code == 200
    got = client.post(address("revoke", paper), revocation(cast, paper))
    assert (got.status_code, got["Location"]) == (302, address("detail", paper))
    assert state_of(Certificate.objects.get()) == "revoked"
    assert "Revoked" in client.get(address("detail", paper)).text


def test_revoke_says_why_nothing_was_signed(client, cast, paper):
    client.force_login(cast.physician)
    for changes, sentence in (
        ({"public_text": ""}, "Choose the reason and say it in one sentence for the public"),
        ({"password": ""}, "<p>Type your password to sign. Nothing was signed.</p>"),
        ({"password": "wrong"}, "The password is not right"),
        ({"shown_sha256": "0" * 64}, "The record changed while it was on your screen"),
    ):
        got = client.post(address("revoke", paper), revocation(cast, paper, **changes))
        assert got.status_code == (409 if "shown_sha256" in changes else 400)
        assert sentence in got.text
    assert not CertificateEvent.objects.exists()


def test_suspend_and_lift_on_the_page(client, cast, paper):
    client.force_login(cast.manager)
    form = {"reason_class": "conduct", "public_text": "Under inquiry", "private_note": "see the file"}
    assert client.post(address("suspend", paper), form).status_code == 302
    assert state_of(Certificate.objects.get()) == "suspended"
    assert client.post(address("lift", paper), {"private_note": ""}).status_code == 200
    assert state_of(Certificate.objects.get()) == "suspended"
    assert client.post(address("lift", paper), {"private_note": "cleared"}).status_code == 302
    assert state_of(Certificate.objects.get()) == "valid"


def result_of(client, paper) -> str:
    return str(client.get(reverse("certificates:attempt-result", args=[paper.attempt.public_id])).text).replace(
        "\u00a0", " "
    )


def test_the_result_says_how_the_certificate_stands(client, cast, paper):
    client.force_login(cast.aesthetician)
    page = result_of(client, paper)
    assert "Your certificate is ready" in page
    assert "Download PDF" in page
    manager = Client()
    manager.force_login(cast.manager)
    manager.post(address("suspend", paper), {"reason_class": "conduct", "public_text": "Under inquiry"})
    page = result_of(client, paper)
    assert "Passed, and your certificate is suspended" in page
    assert address("detail", paper) in page
    assert "is ready" not in page
    assert "Download PDF" not in page
    manager.post(address("lift", paper), {"private_note": "cleared"})
    assert "Your certificate is ready" in result_of(client, paper)
    with clock.at(clock.now() + timedelta(days=400)):
        client.force_login(cast.aesthetician)
        assert "Passed, and your certificate has run out" in result_of(client, paper)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("revoked", "Passed, and your certificate was revoked"),
        ("superseded", "Another certificate stands for it now"),
        ("expiring", "Your certificate is ready"),
        ("supervision-pending", "Your certificate is ready"),
        ("not-yet-valid", "Your certificate is ready"),
    ],
)
def test_the_result_has_a_word_for_each_state(client, cast, paper, monkeypatch, state, said):
    monkeypatch.setattr(attempts, "state_of", lambda certificate: state)
    client.force_login(cast.aesthetician)
    assert said in result_of(client, paper)


def test_the_result_tells_of_the_attempt(client, cast, paper, module):
    client.force_login(cast.aesthetician)
    page = result_of(client, paper)
    for told in ("None so far", f"Version {module.version.number}", paper.attempt.seal_sha256[:12]):
        assert f">{told}</dd>" in page
    assert "Attempts left" not in page
    assert re.search(r">\d+ min</dd>", page), "of no limit where there is no clock"
    failed = factories.make_finished(person=cast.colleague, course=module, wrong=6).attempt
    client.force_login(cast.colleague)
    page = client.get(reverse("certificates:attempt-result", args=[failed.public_id])).text
    assert "<dt>Attempts left</dt><dd>2</dd>" in page
    assert failed.seal_sha256[:12] not in page


def test_lifting_does_not_claim_a_reason(client, cast, paper):
    """A suspension for conduct that a manager lifts was not about a re-study."""
    client.force_login(cast.manager)
    form = {"reason_class": "conduct", "public_text": "Under inquiry"}
    client.post(address("suspend", paper), form)
    client.post(address("lift", paper), {"private_note": "cleared"})
    assert CertificateEvent.objects.get(kind="lifted").reason_class != "restudy"


def test_who_may_do_what(client, cast, paper):
    """Physician: all; manager: suspend and lift; the holder: none; another clinic does not see that it exists."""
    expected = {
        "aesthetician": (200, 403, 403, 403),
        "colleague": (404, 403, 403, 403),
        "manager": (200, 403, 200, 200),
        "physician": (200, 200, 200, 200),
        "other_physician": (404, 404, 404, 404),
        "other_manager": (404, 403, 404, 404),
    }
    for who, statuses in expected.items():
        client.force_login(getattr(cast, who))
        got = tuple(client.get(address(name, paper)).status_code for name in ("detail", "revoke", "suspend", "lift"))
        assert got == statuses, who


def test_nobody_decides_about_her_own(client, cast, module):
    """A physician who also treats sees her own certificate, without the buttons and the pages behind them."""
    from staff.models import MembershipRole

    membership = cast.physician.membership_set.get()
    MembershipRole.objects.create(membership=membership, role="aesthetician", granted_by=cast.manager)
    cast.physician.__dict__.pop("_memberships", None)
    own = factories.make_finished(person=cast.physician, course=module).certificate
    client.force_login(cast.physician)
    assert address("revoke", own) not in client.get(address("detail", own)).text
    for name in ("revoke", "suspend", "lift"):
        assert client.get(address(name, own)).status_code == 403


def test_leavers_keep_their_certificates(cast, paper):
    """Whoever has left cannot sign in; the paper stays valid and verifiable."""
    from certificates.actions import end_membership
    from staff.models import Membership

    end_membership(membership=Membership.objects.get(person=cast.aesthetician), reason="", by=cast.manager)
    assert state_of(Certificate.objects.get()) == "valid"


def test_a_manager_does_not_undo_a_physicians_return(client, cast, paper):
    """She reads who may and what is missing; a physician lifts it."""
    give_back(cast, paper.attempt)
    client.force_login(cast.manager)
    page = client.get(address("detail", paper)).text
    assert address("lift", paper) not in page
    assert "Still to be read and confirmed again: Technique and endpoint." in page
    assert "only a physician of the clinic lifts it: Elena Ruiz." in page
    assert client.post(address("lift", paper), {"private_note": "she is needed"}).status_code == 403
    assert state_of(Certificate.objects.get()) == "suspended"
    client.force_login(cast.physician)
    assert address("lift", paper) in client.get(address("detail", paper)).text
    assert client.post(address("lift", paper), {"private_note": "talked through"}).status_code == 302
    assert state_of(Certificate.objects.get()) == "valid"


def test_what_is_not_suspended_is_not_lifted(client, cast, paper):
    client.force_login(cast.manager)
    got = client.post(address("lift", paper), {"private_note": "to be sure"})
    assert (got.status_code, "nothing to lift" in got.text) == (400, True)
    assert not CertificateEvent.objects.exists()


def test_its_page_says_the_class_of_the_reason(client, cast, paper):
    client.force_login(cast.manager)
    client.post(address("suspend", paper), {"reason_class": "scope", "public_text": "The licence is being renewed"})
    assert (
        "Reason: Change of scope or licence. The licence is being renewed." in client.get(address("detail", paper)).text
    )
