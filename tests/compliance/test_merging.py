"""Two accounts of one person: who may say so, what moves, what stays as it was recorded, and what is shown together."""

import io
import json
import zipfile
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from certificates.actions import end_membership, suspend
from certificates.holding import settle_programmes
from certificates.models import Certificate
from certificates.queries import state_of, with_events
from compliance import actions, entrusting, merging
from compliance.keeping import deleting, erasing, own_data
from compliance.models import Merge, MergeDecision
from compliance.packs import building, tables
from compliance.packs.scope import clinic_scope
from compliance.queries import board_of
from compliance.records import verify
from compliance.roster import applying
from quizzes.models import Accommodation, Attempt
from staff import actions as staff_actions
from staff import clock
from staff import keeping as rules
from staff.access import is_same
from staff.models import AuditEvent, Licence, Membership, StaffMember
from tests import factories
from tests.people import PASSWORD, make_person


@pytest.fixture
def second(cast):
    """Another manager of Lakeside."""
    return make_person(cast.lakeside, "Sam Second", "manager", by=cast.pinpoint)


@pytest.fixture
def twice(cast):
    """Maya, added once more under another address."""
    return make_person(cast.lakeside, "M Lindqvist", "aesthetician", "support", by=cast.pinpoint)


def proposed(cast, twice, by=None) -> Merge:
    return merging.propose(kept=cast.aesthetician, alias=twice, reason="Added twice", by=by or cast.manager)


def merged(cast, twice, second):
    merge = proposed(cast, twice)
    shown = merging.plan(cast.aesthetician, twice).sha256
    merging.decide(merge=merge, confirmed=True, shown=shown, by=second)
    twice.refresh_from_db()
    return merge


def open_clinics(person):
    return list(Membership.objects.filter(person=person, ended_at=None).values_list("clinic__name", flat=True))


# Who decides


def test_two_people_make_it(cast, twice, second):
    merge = proposed(cast, twice)
    shown = merging.plan(cast.aesthetician, twice).sha256
    assert proposed(cast, twice) == merge, "proposed again it is the same"
    for alone in (cast.manager, cast.aesthetician, twice, cast.physician, cast.other_manager, cast.author):
        with pytest.raises(merging.Refused):
            merging.decide(merge=merge, confirmed=True, shown=shown, by=alone)
    assert StaffMember.objects.get(pk=twice.pk).is_active
    merging.decide(merge=merge, confirmed=True, shown=shown, by=second)
    assert StaffMember.objects.get(pk=twice.pk).merged_into == cast.aesthetician


def test_declined_changes_nothing(cast, twice, second):
    before = AuditEvent.objects.count()
    decision = merging.decide(merge=proposed(cast, twice), confirmed=False, shown="", by=second)
    assert (decision.confirmed, AuditEvent.objects.count()) == (False, before + 2)
    assert open_clinics(twice) == ["Lakeside Skin Clinic"]
    assert proposed(cast, twice) != decision.merge, "it may be proposed anew"


def test_another_plan_than_the_one_seen_is_not_carried_out(cast, twice, second):
    merge, shown = proposed(cast, twice), merging.plan(cast.aesthetician, twice).sha256
    staff_actions.record_licence(
        person=twice, type="RN", number="1", authority="Board", expires_on=date(2028, 1, 1), clinic=cast.lakeside,
        by=cast.manager,
    )  # fmt: skip
    with pytest.raises(merging.Changed):
        merging.decide(merge=merge, confirmed=True, shown=shown, by=second)
    assert not MergeDecision.objects.exists()


def test_all_of_it_or_nothing(cast, twice, second, monkeypatch):
    merge, shown = proposed(cast, twice), merging.plan(cast.aesthetician, twice).sha256

    def breaks(**given):
        raise RuntimeError("the last step")

    monkeypatch.setattr(staff_actions, "make_alias", breaks)
    with pytest.raises(RuntimeError):
        merging.decide(merge=merge, confirmed=True, shown=shown, by=second)
    assert open_clinics(twice) == ["Lakeside Skin Clinic"]
    assert not MergeDecision.objects.exists()


def test_never_across_what_the_manager_does_not_see(cast, twice):
    """Either account working, or having worked, in a clinic of somebody else's is enough."""
    staff_actions.add_member(
        clinic=cast.harbour, email=twice.email, full_name="", job_title="Locum", hired_on=date(2026, 1, 1),
        roles=["support"], by=cast.other_manager,
    )  # fmt: skip
    with pytest.raises(merging.Refused, match="cannot be merged here"):
        proposed(cast, twice)
    with pytest.raises(merging.Refused, match="cannot be merged here"):
        merging.propose(kept=twice, alias=cast.aesthetician, reason="x", by=cast.manager)
    assert proposed(cast, twice, by=cast.administrator).clinic == cast.lakeside


@pytest.mark.parametrize(
    ("kept", "alias", "said"),
    [
        ("aesthetician", "aesthetician", "two accounts"),
        ("leaver", "aesthetician", "works nowhere now"),
        ("physician", "colleague", "would have decided about herself"),
        ("colleague", "physician", "would have decided about herself"),
    ],
)
def test_refused(cast, module, kept, alias, said):
    factories.make_attempt(person=cast.colleague, course=module)
    with pytest.raises(merging.Refused, match=said):
        merging.propose(kept=getattr(cast, kept), alias=getattr(cast, alias), reason="x", by=cast.administrator)


def test_an_alias_stays_one(cast, twice, second):
    merged(cast, twice, second)
    with pytest.raises(merging.Refused, match="merged before"):
        merging.propose(kept=cast.colleague, alias=cast.aesthetician, reason="x", by=cast.manager)
    for change in ({"merged_into": None}, {"merged_into": cast.colleague}, {"is_active": True}):
        with pytest.raises(DatabaseError), transaction.atomic():
            StaffMember.objects.filter(pk=twice.pk).update(**change)


# What moves, what stays


def test_what_moves_and_what_stays(cast, module, twice, second):
    done = factories.make_finished(person=twice, course=module)
    staff_actions.record_licence(
        person=twice, type="RN", number="1", authority="Board", expires_on=date(2028, 1, 1), clinic=cast.lakeside,
        by=cast.manager,
    )  # fmt: skip
    factories.accommodate(person=twice, by=cast.manager)
    plan = merging.plan(cast.aesthetician, twice)
    assert "with it the role Support staff: the kept account works there already" in " ".join(plan.ends)
    assert "1 certificate" in plan.stays
    merged(cast, twice, second)
    done.certificate.refresh_from_db()
    assert done.certificate.person == twice
    assert Attempt.objects.get(pk=done.attempt.pk).candidacy.person == twice
    assert state_of(done.certificate) == "valid"
    assert Licence.objects.get().person == cast.aesthetician
    assert Accommodation.objects.get(ended_at=None).person == cast.aesthetician
    assert open_clinics(twice) == []
    assert open_clinics(cast.aesthetician) == ["Lakeside Skin Clinic"]
    assert is_same(cast.aesthetician, twice.pk)
    assert verify().clean


def test_a_membership_that_only_the_alias_had_moves(cast, second):
    alias = make_person(cast.lakeside, "D Osei", "aesthetician", "manager", by=cast.pinpoint)
    for person in (second, cast.manager):
        staff_actions.add_member(
            clinic=cast.harbour, email=person.email, full_name="", job_title="Owner", hired_on=date(2026, 1, 1),
            roles=["manager"], by=cast.pinpoint,
        )  # fmt: skip
    kept = make_person(cast.harbour, "Danielle Two", "aesthetician", by=cast.pinpoint)
    merge = merging.propose(kept=kept, alias=alias, reason="x", by=cast.manager)
    merging.decide(merge=merge, confirmed=True, shown=merging.plan(kept, alias).sha256, by=second)
    assert sorted(open_clinics(kept)) == ["Harbour Aesthetics", "Lakeside Skin Clinic"]


def test_the_alias_cannot_sign_in_and_its_address_leads_to_the_kept(client, cast, twice, second):
    merged(cast, twice, second)
    client.post("/accounts/login/", {"login": twice.email, "password": PASSWORD})
    assert client.get("/certificates/").status_code == 302
    again = staff_actions.add_member(
        clinic=cast.harbour, email=twice.email, full_name="M", job_title="Locum", hired_on=date(2026, 11, 1),
        roles=["support"], by=cast.other_manager,
    )  # fmt: skip
    assert again.person == cast.aesthetician
    with pytest.raises(actions.AlreadyMember) as known:
        actions.add_person(
            clinic=cast.lakeside, email=twice.email, full_name="M", latin_name="", job_title="Nurse",
            hired_on=date(2026, 11, 1), roles=["support"], by=cast.manager,
        )  # fmt: skip
    assert known.value.membership.person == cast.aesthetician
    line = f"{twice.email},,Lead aesthetician,,"
    sent = factories.send_list(clinic=cast.lakeside, lines=[line], by=cast.manager)
    (verdict,) = applying.plan_of(sent, by=cast.manager).verdicts
    assert (verdict.verdict, verdict.membership.person) == ("updated", cast.aesthetician)


def test_the_record_is_shown_together(client, cast, module, twice, second):
    done = factories.make_finished(person=twice, course=module)
    merged(cast, twice, second)
    client.force_login(cast.manager)
    page = client.get(reverse("compliance:person-detail", args=[cast.aesthetician.public_id])).text
    assert done.certificate.number in page
    assert "6 of 6, passed" in page
    assert twice.email in page
    (row,) = [row for row in board_of([cast.lakeside]).rows if row.person == cast.aesthetician]
    assert row.word == "current"
    assert "is the one that was kept" in client.get(reverse("compliance:person-detail", args=[twice.public_id])).text
    assert "M Lindqvist" not in client.get("/people/?who=left").text
    client.force_login(cast.aesthetician)
    assert done.certificate.number in client.get("/certificates/").text
    assert client.get(reverse("certificates:certificate-detail", args=[done.certificate.number])).status_code == 200


# The pages and the command


def test_from_the_page_of_the_kept_to_the_decision(client, cast, twice, second):
    client.force_login(cast.manager)
    path = reverse("compliance:merge-propose", args=[cast.aesthetician.public_id])
    for unknown in (cast.other_aesthetician.email, "nobody@lakeside.example"):
        assert "Nobody with this address works or worked" in client.post(path, {"email": unknown, "reason": "x"}).text
    detail = client.post(path, {"email": twice.email, "reason": "Added twice"})["Location"]
    assert "A second person decides" in client.get(detail).text
    assert client.post(detail, {"do": "confirm"}).status_code == 403
    client.force_login(second)
    assert "proposes that Maya Lindqvist has two accounts" in client.get("/people/").text
    page = client.get(detail)
    assert "Signing in: its address leads to the kept account" in page.text
    assert "m.lindqvist@lakeside.example" in page.text
    assert "nothing was done" in client.post(detail, {"do": "confirm", "shown": "x"}, follow=True).text
    shown = page.context["plan"].sha256
    assert "now leads to Maya Lindqvist" in client.post(detail, {"do": "confirm", "shown": shown}, follow=True).text
    assert "Merged by Sam Second" in client.get(detail).text
    assert "has two accounts" not in client.get("/people/").text
    client.force_login(cast.other_manager)
    assert client.get(detail).status_code == 404


def test_the_administrator_decides_by_command(cast, twice):
    proposed(cast, twice)
    out = io.StringIO()
    pair = (cast.aesthetician.email, twice.email)
    call_command("merge_people", *pair, "--by", cast.administrator.email, stdout=out)
    assert "Nothing was changed." in out.getvalue()
    with pytest.raises(CommandError, match="A second person decides"):
        call_command("merge_people", *pair, "--by", cast.manager.email, "--confirm", stdout=out)
    with pytest.raises(CommandError, match="neither manages"):
        call_command("merge_people", *pair, "--by", cast.other_manager.email, "--confirm", stdout=out)
    call_command("merge_people", *pair, "--by", cast.administrator.email, "--confirm", stdout=out)
    assert "Merged." in out.getvalue()
    assert StaffMember.objects.get(pk=twice.pk).merged_into == cast.aesthetician


# What rests on both accounts


@pytest.fixture
def rests_on_both(cast, module, twice, second):
    """The other account passed the module and was observed; a programme was signed over that after the merge."""
    done = factories.make_finished(person=twice, course=module)
    factories.pass_practicals(learner=twice, by=cast.physician)
    programme = factories.programme_of(module.module.slug)
    membership = cast.aesthetician.membership_set.get()
    factories.licence(person=cast.aesthetician)
    factories.licence(person=cast.physician, type="Physician")
    factories.sign_rule(by=cast.physician)
    before = entrusting.dossier_of(membership, programme)
    assert [condition.code for condition in before.missing] == ["modules", "practicals", "recent"]
    merged(cast, twice, second)
    return done.certificate, programme, membership


def test_a_programme_rests_on_both_accounts_and_says_so(client, cast, rests_on_both, twice, now):
    proof, programme, membership = rests_on_both
    dossier = entrusting.dossier_of(membership, programme)
    assert dossier.ready
    said = dossier.conditions[-1].sentence
    assert (dossier.conditions[-1].code, proof.number in said, "1 sheet of practicals" in said) == (
        "accounts",
        True,
        True,
    )
    assert proof.number in json.dumps(json.loads(dossier.text)["conditions"])
    client.force_login(cast.physician)
    page = client.get(
        reverse(
            "compliance:programme-sign", args=[programme.slug, cast.lakeside.public_id, cast.aesthetician.public_id]
        )
    ).text
    assert said in page
    assert f"{proof.number}, to" in page
    assert "under her other account" in page
    signed = factories.sign_programme(person=cast.aesthetician, programme=programme, by=cast.physician)
    settle_programmes()
    assert state_of(signed) == "valid"
    assert verify().clean
    suspend(certificate=proof, reason_class="other", public_text="Looked into.", private_note="", by=cast.manager)
    signed = with_events(Certificate.objects.filter(pk=signed.pk)).get()
    assert state_of(signed) == "suspended", "what it rests on does not hold, whichever account it stands under"


def test_ones_own_data_hold_both_accounts(cast, rests_on_both, twice):
    proof, *_ = rests_on_both
    archive = zipfile.ZipFile(io.BytesIO(b"".join(own_data.archive(cast.aesthetician))))
    assert f"certificates/{proof.number}.pdf" in archive.namelist()
    data = json.loads(archive.read("data.json"))
    assert data["certificates"] == []
    (other,) = data["merged_accounts"]
    assert other["person"]["email"] == twice.email
    assert [row["number"] for row in other["certificates"]] == [proof.number]
    assert len(other["attempts"]) == 1
    assert len(other["practicals"]) > 0


def test_both_accounts_are_erased_and_their_records_go_together(cast, rests_on_both, twice):
    proof, programme, membership = rests_on_both
    factories.sign_programme(person=cast.aesthetician, programme=programme, by=cast.physician)
    with pytest.raises(erasing.StillHere):
        erasing.erase(person=twice, by=cast.manager)
    assert twice not in erasing.due().accounts
    end_membership(membership=membership, by=cast.manager, reason="")
    maya = StaffMember.objects.get(pk=cast.aesthetician.pk)
    hold = rules.place_hold(clinic=cast.lakeside, person=twice, reason="Case 16", by=cast.manager)
    with clock.at(clock.now() + timedelta(days=31)):
        assert maya not in erasing.due().accounts, "a hold on either account keeps both"
        with pytest.raises(rules.OnHold):
            erasing.erase(person=maya, by=cast.manager)
        assert deleting.over_on(maya) is None
        for person in (cast.manager, cast.physician):
            rules.release_hold(hold=hold, by=person)
        assert maya in erasing.due().accounts
    assert deleting.over_on(twice) is None
    over = deleting.over_on(maya)
    with clock.at(clock.now().replace(year=over.year, month=over.month, day=over.day)):
        assert maya in deleting.due()
        assert twice not in deleting.due()
        deleting.delete(person=maya, by=cast.manager)
    twice.refresh_from_db()
    assert twice.email.endswith("@erased.invalid")
    assert not Certificate.objects.filter(pk=proof.pk).exists()
    assert not Attempt.objects.filter(candidacy__person=twice).exists()
    assert verify(everything=True).findings == []


# What an inspector reads


def test_a_pack_lists_her_once_with_the_name_that_stands(client, cast, module, twice, second, tmp_path):
    """Under the alias she passed, was watched and was away; each row says under which name."""
    passed = factories.make_finished(person=twice, course=module).certificate
    factories.sign_sheet(sheet=factories.make_sheet(learner=twice, by=cast.physician), by=cast.physician)
    with clock.at(clock.now() + timedelta(days=2)):
        merged(cast, twice, second)
        scope = clinic_scope(cast.lakeside, from_on=None, to_on=clock.now().date())
        both = f"{cast.aesthetician.full_name}, formerly recorded as M Lindqvist"
        hers = {
            table.slug: {row[place + 1] for row in table.rows(scope) for place in [table.keys.index("person")]
                         if row[place] == cast.aesthetician.public_id}
            for table in (tables.ROSTER, tables.ATTEMPTS, tables.PRACTICALS, tables.CERTIFICATES, tables.TRAINING)
        }  # fmt: skip
        assert hers.pop("roster") == {cast.aesthetician.full_name, both}
        assert set(map(frozenset, hers.values())) == {frozenset({both})}
        keys = {row[table.keys.index("person")] for table in tables.OF_A_CLINIC if "person" in table.keys
                for row in table.rows(scope)}  # fmt: skip
        assert twice.public_id not in keys
        out = io.BytesIO()
        building.build(scope, out, making=building.Making(at=clock.now(), by="Priya Raman"))
        archive = zipfile.ZipFile(out)
        index = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("index.html"))
        assert index.count(f'<th scope="row">{cast.aesthetician.full_name}<br><small>{both}</small></th>') == 1
        assert "M Lindqvist</th>" not in index
        assert passed.number in index
        client.force_login(cast.manager)
        pages = [
            client.get(reverse("compliance:person-dossier", args=[one.public_id])) for one in (cast.aesthetician, twice)
        ]
        for page in pages:
            assert f"Dossier of {cast.aesthetician.full_name}" in page.content.decode()
            assert passed.number in page.content.decode()
            assert page.content.decode().count(both) == len(
                ["work", "certificate", "reading", "attempt", "practical", "its signature"]
            )


def test_a_day_before_the_merge_shows_two_people(cast, module, twice, second):
    factories.make_finished(person=twice, course=module)
    with clock.at(clock.now() + timedelta(days=2)):
        merged(cast, twice, second)
        before = board_of([cast.lakeside], on=clock.now().date() - timedelta(days=1))
        words = {row.person_id: row.word for row in before.rows}
        now = {row.person_id: row.word for row in board_of([cast.lakeside]).rows}
    assert (words[twice.pk], words[cast.aesthetician.pk]) == ("current", "not-current")
    assert now[cast.aesthetician.pk] == "current"
    assert twice.pk not in now
