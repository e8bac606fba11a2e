"""The programme certificate: refused with the reason for each missing condition, signed, held, ended, taken over."""

import json
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates import actions, holding, papers, programmes
from certificates.badges import issuing
from certificates.models import Certificate, CertificateEvent
from certificates.queries import state_of, with_events
from compliance import entrusting, records
from compliance.records import programmes as programme_records
from compliance.waiting import waiting_for
from staff import clock, signing
from staff.models import Signature
from tests import factories, people
from tests.people import PASSWORD


def membership(person):
    return person.membership_set.select_related("person", "clinic").get(ended_at=None)


def now_of(certificate):
    return state_of(with_events(Certificate.objects.filter(pk=certificate.pk)).get())


@pytest.fixture
def ready(cast, module):
    """Maya lacks nothing but the signature."""
    return factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)


@pytest.fixture
def signed(cast, ready):
    return factories.sign_programme(person=cast.aesthetician, programme=ready, by=cast.physician)


def test_with_nothing_in_order_every_reason_is_named(cast, module):
    programme = factories.programme_of("needle-depth")
    with pytest.raises(signing.SigningRefused) as refusal:
        factories.sign_programme(person=cast.aesthetician, programme=programme, by=cast.physician)
    said = str(refusal.value)
    for part in (
        "No certificate in force of",
        "P1 not seen yet; P2 not seen yet",
        "No procedure on a patient",
        "No physician has signed which licence types",
        "No unexpired licence of such a type",
        "No unexpired licence of your own",
    ):
        assert part in said
    assert not Certificate.objects.filter(kind="programme").exists()
    assert not Signature.objects.filter(meaning_code="programme").exists()


def test_signed_and_issued_with_its_basis(cast, signed):
    assert signed.valid_until_on == signed.valid_from_on.replace(year=signed.valid_from_on.year + 1) - timedelta(days=1)
    assert signed.scope.splitlines() == ["Mechanical microneedling; radiofrequency not included", "Device: Example pen"]
    basis = [(bool(row.knowledge), bool(row.observation)) for row in signed.basis.all()]
    assert basis == [(True, False), (False, True)]
    paper = papers.paper_of(signed)
    assert (paper.kind, paper.physician, paper.attempt_line, paper.module_version) == (
        "programme",
        "Elena Ruiz",
        "",
        "",
    )
    assert signing.MEANINGS["programme"] in paper.signed
    assert paper.credentials == "Physician, Example Board", "kind and authority, no number"
    assert paper.versions == "Needle depth, version 1"
    assert paper.record.replace(" ", "") == signed.signing.signature.record_sha256[:16]
    assert paper.programme_version == papers.short(signed.signing.programme_sha256)
    assert "6 of 6" not in signed.facts
    assert bytes(papers.file_of(signed, "pdf").bytes).startswith(b"%PDF")
    assert records.verify(everything=True).findings == []


def test_the_public_page_repeats_every_claim_of_the_paper(client, signed):
    page = unescape(client.get(reverse("certificates:verify-code", args=[signed.code])).text)
    paper = papers.paper_of(signed)
    for name, value in vars(paper).items():
        if isinstance(value, str) and name not in ("kind", "lang", "code_url"):
            assert value in page, name
    assert papers.record_of(signed) in page, "the whole hash, of which the paper shows the beginning"


def test_facts_of_earlier_formats_are_held_against_what_they_knew(signed):
    told = programme_records.told_of(signed.signing, "pinpoint-certificate-2")
    assert set(told) == {"slug", "physician", "signed", "dossier_sha256"}
    assert programme_records.told_of(signed.signing, "pinpoint-certificate-3") == json.loads(signed.facts)["programme"]


def test_twice_is_refused(cast, ready, signed):
    with pytest.raises(signing.SigningRefused, match=f"{signed.number} is in force"):
        factories.sign_programme(person=cast.aesthetician, programme=ready, by=cast.physician)
    assert Certificate.objects.filter(kind="programme").count() == 1


def test_what_changed_on_the_screen_is_not_signed(cast, ready):
    before = entrusting.dossier_of(membership(cast.aesthetician), ready).sha256
    factories.pass_practicals(learner=cast.aesthetician, by=cast.physician, codes=["P6"])
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        entrusting.sign_programme(
            membership=membership(cast.aesthetician),
            programme=ready,
            seen=factories.seen(before, cast.physician),
            by=cast.physician,
        )
    assert not Certificate.objects.filter(kind="programme").exists()


@pytest.mark.parametrize(
    ("signer", "sentence"),
    [("other_physician", "No unexpired licence of your own"), ("manager", "No unexpired licence of your own")],
)
def test_others_do_not_sign(cast, ready, signer, sentence):
    with pytest.raises(signing.SigningRefused, match=sentence):
        factories.sign_programme(person=cast.aesthetician, programme=ready, by=getattr(cast, signer))
    factories.licence(person=getattr(cast, signer), type="Physician")
    with pytest.raises(signing.SigningRefused, match="not a supervising physician"):
        factories.sign_programme(person=cast.aesthetician, programme=ready, by=getattr(cast, signer))


def test_a_licence_of_another_type_or_expired_is_none(cast, module, now):
    programme = factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)
    factories.sign_rule(by=cast.physician, types=["Registered nurse"])
    assert [c.code for c in entrusting.dossier_of(membership(cast.aesthetician), programme).missing] == ["licence"]
    factories.sign_rule(by=cast.physician, types=["AESTHETICIAN"])
    assert entrusting.dossier_of(membership(cast.aesthetician), programme).ready
    with clock.at(now + timedelta(days=190)):
        assert [c.code for c in entrusting.dossier_of(membership(cast.aesthetician), programme).missing] == ["recent"]


def test_a_starred_failure_stands_in_the_way(cast, module, now):
    programme = factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)
    with clock.at(now + timedelta(days=1)):
        failed = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, score=1)
        factories.sign_sheet(sheet=failed, by=cast.physician)
        found = entrusting.dossier_of(membership(cast.aesthetician), programme)
        assert "P6 repeat it" in " ".join(condition.sentence for condition in found.missing)


def test_a_suspended_module_holds_the_programme_and_lets_it_go(cast, signed):
    knowledge = cast.aesthetician.certificates.get(kind="knowledge")
    actions.suspend(certificate=knowledge, reason_class="other", public_text="Held.", private_note="", by=cast.manager)
    assert now_of(signed) == "suspended"
    actions.lift(certificate=knowledge, private_note="", by=cast.manager)
    assert now_of(signed) == "valid"
    assert records.verify(everything=True).findings == []


def said(client, certificate, now, days: int = 0) -> str:
    """The verdict of the public page."""
    with clock.at(now + timedelta(days=days)):
        page = client.get(reverse("certificates:verify-code", args=[certificate.code])).text
    return " ".join(page.split('class="verdict')[1].split("</section>")[0].replace("\u00a0", " ").split())


def test_the_public_page_tells_day_and_reason_of_the_state_it_shows(client, cast, signed, now):
    """Suspended, then the physician leaves, then the holder: whatever came last, what is told belongs to the state."""
    actions.suspend(
        certificate=signed, reason_class="conduct", public_text="Under inquiry", private_note="", by=cast.manager
    )
    held = "It is held since 2 November 2026 at 15:00 UTC. Reason: Conduct of the assessment. Under inquiry."
    with clock.at(now + timedelta(days=3)):
        actions.end_membership(membership=membership(cast.physician), reason="", by=cast.manager)
    assert held in said(client, signed, now, 4)
    assert "supervis" not in said(client, signed, now, 4)
    with clock.at(now + timedelta(days=4)):
        actions.lift(certificate=signed, private_note="cleared", by=cast.manager)
    pending = said(client, signed, now, 5)
    assert "no longer since 5 November 2026 at 15:00 UTC" in pending
    assert "until 5 December 2026 at 15:00 UTC" in pending
    assert "Reason: The supervising physician changed." in pending
    lapsed = said(client, signed, now, 34)
    assert (
        "It is held since 5 December 2026 at 15:00 UTC. Reason: The supervising physician changed. No successor"
        in lapsed
    )
    with clock.at(now + timedelta(days=35)):
        actions.end_membership(membership=membership(cast.aesthetician), reason="", by=cast.manager)
    ended = said(client, signed, now, 36)
    assert "It ended on 7 December 2026 at 15:00 UTC. Reason: The holder left the clinic." in ended


def test_a_lapsed_supervision_is_taken_over_and_not_lifted(client, cast, signed, now):
    actions.end_membership(membership=membership(cast.physician), reason="", by=cast.manager)
    path = reverse("certificates:certificate-lift", args=[signed.number])
    with clock.at(now + timedelta(days=31)):
        client.force_login(cast.manager)
        assert path not in client.get(signed.get_absolute_url()).text
        got = client.post(path, {"private_note": "we need her"})
        assert (got.status_code, "takes over the supervision" in got.text) == (400, True)
        assert not CertificateEvent.objects.filter(kind="lifted").exists()
        actions.suspend(certificate=signed, reason_class="other", public_text="Held", private_note="", by=cast.manager)
        assert not CertificateEvent.objects.filter(kind="suspended").exists()


def test_what_a_suspended_module_holds_is_not_lifted_by_hand(cast, signed):
    knowledge = cast.aesthetician.certificates.get(kind="knowledge")
    actions.suspend(
        certificate=knowledge, reason_class="other", public_text="Held.", private_note="", by=cast.physician
    )
    with pytest.raises(actions.LiftRefused, match=f"rests on is not in force: {knowledge.title}"):
        actions.lift(certificate=signed, private_note="", by=cast.manager)


def test_an_expired_module_holds_the_programme(cast, signed, now):
    knowledge = cast.aesthetician.certificates.get(kind="knowledge")
    with clock.at(now + timedelta(days=(knowledge.valid_until_on - now.date()).days - 1)):
        assert holding.settle_programmes() == 0
    with clock.at(now + timedelta(days=(knowledge.valid_until_on - now.date()).days + 2)):
        # The programme was signed on the same day, so it has expired as well and needs no holding.
        assert now_of(signed) == "expired"
        assert holding.settle_programmes() == 0


def test_a_suspension_by_hand_is_not_lifted_by_the_site(cast, signed):
    actions.suspend(certificate=signed, reason_class="conduct", public_text="Held.", private_note="", by=cast.physician)
    assert holding.settle_programmes() == 0
    assert now_of(signed) == "suspended"


def test_it_ends_when_the_holder_leaves_and_knowledge_stays(cast, signed):
    actions.end_membership(membership=membership(cast.aesthetician), reason="", by=cast.manager)
    assert now_of(signed) == "ended"
    assert now_of(cast.aesthetician.certificates.get(kind="knowledge")) == "valid"


def test_a_successor_takes_over_within_thirty_days(client, cast, signed, now):
    successor = people.make_person(cast.lakeside, "Sara Lund", "physician", by=cast.pinpoint)
    actions.end_membership(membership=membership(cast.physician), reason="", by=cast.manager)
    assert now_of(signed) == "supervision-pending"
    with clock.at(now + timedelta(days=31)):
        assert now_of(signed) == "suspended"
    assert [row.pending for row in waiting_for(successor).programmes] == [True]
    for days, state, word in (
        (0, "supervision-pending", "30\xa0days left"),
        (22, "supervision-pending", "8\xa0days left"),
        (23, "overdue", "7\xa0days left"),
        (29, "overdue", "1\xa0day left"),
        (31, "suspended", "Suspended"),
    ):
        with clock.at(now + timedelta(days=days)):
            (row,) = waiting_for(successor).programmes
            assert (row.state, row.word) == (state, word)
    client.force_login(successor)
    assert "takes over by 2\xa0December\xa02026" in client.get(signed.get_absolute_url()).text
    arguments = {
        "certificate": signed,
        "seen": factories.seen(signed.facts_sha256, successor),
        "by": successor,
    }
    with pytest.raises(signing.SigningRefused, match="No unexpired licence of your own"):
        programmes.endorse_again(**arguments)
    factories.licence(person=successor, type="Physician")
    programmes.endorse_again(**arguments)
    assert now_of(signed) == "valid"
    with pytest.raises(signing.SigningRefused, match="is not open"):
        programmes.endorse_again(**arguments)
    assert waiting_for(successor).programmes == ()
    assert records.verify(everything=True).findings == []


def test_revoked_and_signed_anew(cast, ready, signed):
    actions.revoke(
        certificate=signed,
        reason_class="retraining",
        public_text="Re-training required.",
        private_note="",
        seen=factories.seen(signed.facts_sha256, cast.physician),
        by=cast.physician,
    )
    assert now_of(signed) == "revoked"
    again = factories.sign_programme(person=cast.aesthetician, programme=ready, by=cast.physician)
    assert again.supersedes is None
    assert CertificateEvent.objects.filter(certificate=signed).count() == 1


def test_page_refuses_in_words_then_signs(client, cast, ready):
    client.force_login(cast.physician)
    url = reverse("compliance:programme-sign", args=[ready.slug, cast.lakeside.public_id, cast.aesthetician.public_id])
    shown = client.get(url)
    assert shown.context["may_sign"]
    assert "give or take" in shown.text
    signature = {
        "shown_sha256": shown.context["shown_sha256"],
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
    }
    assert client.post(url, signature | {"password": "wrong"}).status_code == 400
    answer = client.post(url, signature | {"password": PASSWORD})
    certificate = Certificate.objects.get(kind="programme")
    assert answer.url == certificate.get_absolute_url()
    page = client.get(answer.url).text
    assert "Elena Ruiz" in page
    assert "give or take" in page or "6 of 6" in page
    public = client.get(reverse("certificates:verify-code", args=[certificate.code])).text
    assert "Elena Ruiz" in public
    assert "gives no licence" in public
    assert "give or take" not in public


@pytest.mark.one_engine  # as many statements on both
def test_the_queue_costs_the_same_with_one_and_with_many(client, cast, module, ready):
    client.force_login(cast.physician)

    def count():
        with CaptureQueriesContext(connection) as queries:
            page = client.get("/")
        return len(queries), page.context["work"]

    client.get("/")
    one, work = count()
    assert [row.person for row in work.programmes] == [cast.aesthetician]
    third = people.make_person(cast.lakeside, "Ida Third", "aesthetician", by=cast.pinpoint)
    factories.make_finished(person=third, course=module)
    factories.pass_practicals(learner=third, by=cast.physician)
    factories.licence(person=third)
    many, work = count()
    assert {row.person for row in work.programmes} == {cast.aesthetician, third}
    assert many == one


def test_issued_again_under_another_name_it_carries_the_signature(client, cast, signed):
    """Links both ways, the same basis and dates, the badge of the one before withdrawn, and all of it adds up."""
    with factories.badges():
        issuing.bake_waiting()
        client.force_login(cast.aesthetician)
        assert client.get(reverse("certificates:certificate-name", args=[signed.number])).status_code == 200
        posted = client.post(reverse("certificates:certificate-name", args=[signed.number]), {"name_shown": "initials"})
        newer = Certificate.objects.get(supersedes=signed)
        assert posted["Location"] == newer.get_absolute_url()
        issuing.bake_waiting()
        assert newer.badges.count() == 1
        assert list(issuing.withdrawn()) == [signed]
    assert (newer.printed_name, newer.valid_until_on, newer.signing.signature) == (
        "M. L.", signed.valid_until_on, signed.signing.signature,
    )  # fmt: skip
    assert newer.basis.count() == signed.basis.count()
    assert (now_of(signed), now_of(newer)) == ("superseded", "valid")
    for one, other in ((signed, newer), (newer, signed)):
        assert other.number in client.get(one.get_absolute_url()).text
    public = client.get(reverse("certificates:verify-code", args=[newer.code])).text
    assert "M. L." in public
    assert "Maya Lindqvist" not in public
    assert "Elena Ruiz" in public
    assert records.verify(everything=True).findings == []
    client.force_login(cast.physician)
    assert client.post(reverse("certificates:certificate-name", args=[newer.number])).status_code == 403


def test_the_copy_stays_with_whoever_took_over_the_supervision(cast, signed):
    """Signed by Elena, who leaves; Paul takes over; issued again; he leaves too, and the copy waits for somebody."""
    paul = people.make_person(cast.lakeside, "Paul Novak", "physician", by=cast.pinpoint)
    factories.licence(person=paul, type="Physician")
    holding.supervisor_gone(membership=membership(cast.physician), by=cast.manager)
    with pytest.raises(actions.ReissueRefused, match="not in force"):
        programmes.reissue(certificate=signed, name_shown="initials", by=cast.aesthetician)
    programmes.endorse_again(certificate=signed, seen=factories.seen(signed.facts_sha256, paul), by=paul)
    newer = programmes.reissue(certificate=signed, name_shown="initials", by=cast.aesthetician)
    holding.supervisor_gone(membership=membership(cast.physician), by=cast.manager)
    assert now_of(newer) == "valid", "she supervises no more"
    holding.supervisor_gone(membership=membership(paul), by=cast.manager)
    assert now_of(newer) == "supervision-pending"
