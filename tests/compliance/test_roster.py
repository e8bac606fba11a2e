"""People by a file: what would become of each line, what does, and who may."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates.models import CertificateEvent
from compliance.models import PeopleImport, PeopleImportRow
from compliance.roster import applying
from quizzes.models import Attempt
from staff import actions as staff_actions
from staff import clock
from staff.models import AuditEvent, Membership, MembershipRole, OutgoingMail, StaffMember
from tests import factories
from tests.compliance.sheets import csv_of
from tests.people import make_person

NIA = "nia@lakeside.example,Nia Newcomer,Aesthetician,aesthetician,2026-11-01"
OLE = "ole@lakeside.example,Ole Strand,Physician,physician; manager,2026-11-01"
DANIELLE = "danielle.osei@lakeside.example,Danielle Osei,Registered nurse,aesthetician,2026-01-05"
NUMBERED = "staff_number,email,full_name,job_title,roles,hired_on"


@pytest.fixture(autouse=True)
def _only_shipped_fonts(settings):
    settings.CERTIFICATE_FONTS = ""


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def send(cast, *lines, key="email", mode="both", full_roster=False, heads=None, by=None):
    data = lines[0] if isinstance(lines[0], bytes) else csv_of(*lines, **({"heads": heads} if heads else {}))
    return applying.send(
        clinic=cast.lakeside, data=data, file_name="staff.csv", key=key, mode=mode, full_roster=full_roster,
        by=by or cast.manager,
    )  # fmt: skip


def plan(cast, *lines, **chosen):
    return applying.plan_of(send(cast, *lines, **chosen), by=chosen.get("by") or cast.manager)


def do(cast, *lines, drop=(), invites=False, **chosen):
    sent = send(cast, *lines, **chosen)
    by = chosen.get("by") or cast.manager
    applying.begin(sent=sent, shown=applying.plan_of(sent, by=by).sha256, drop=drop, invites=invites, by=by)
    applying.work(sent)
    sent.refresh_from_db()
    return sent


def verdicts(found):
    return [one.verdict for one in found.verdicts]


def faults(found):
    return [(fault.code, fault.column) for one in found.verdicts for fault in one.faults]


def outcomes(sent):
    return list(sent.rows.values_list("outcome", flat=True))


def membership_of(person):
    return Membership.objects.get(person=person, ended_at=None)


# What would become of each line


def test_a_verdict_for_each_line(cast):
    changed = DANIELLE.replace("Registered nurse", "Lead nurse")
    support = "tom.reyes@lakeside.example,Tom Reyes,Room assistant,support,2026-01-05"
    found = plan(cast, NIA, changed, support, "nobody,,,,")
    assert verdicts(found) == ["created", "updated", "unchanged", "error"]
    assert found.verdicts[1].changes[0].sentence == "Job title: Registered nurse → Lead nurse"
    assert not StaffMember.objects.filter(email="nia@lakeside.example").exists()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("create", ["created", "skipped-existing"]),
        ("update", ["error", "updated"]),
        ("both", ["created", "updated"]),
    ],
)
def test_modes(cast, mode, expected):
    assert verdicts(plan(cast, NIA, DANIELLE.replace("nurse", "nurse II"), mode=mode)) == expected


def test_an_empty_cell_changes_nothing(cast):
    assert verdicts(plan(cast, "danielle.osei@lakeside.example,,,,")) == ["unchanged"]


@pytest.mark.parametrize(
    ("lines", "heads", "key", "expected", "said"),
    [
        ([NIA, NIA], None, "email", [("twice", "email")], "Line 2 has the same e-mail"),
        (["7,nia@lakeside.example,Nia,Nurse,support,2026-11-01", "7,b@lakeside.example,Bo,Nurse,support,2026-11-01"],
         NUMBERED, "email", [("twice", "staff_number")], "Line 2 has the same staff number, 7"),
        ([NIA.replace("nia@lakeside.example", "")], None, "email", [("empty-key", "email")], "nobody can tell whom"),
        (["nia@lakeside.example,Nia,,,"], None, "email",
         [("empty", "job_title"), ("empty", "roles"), ("empty", "hired_on")], "needed to add somebody"),
        ([NIA.replace("2026-11-01", "3/4/2026")], None, "email", [("ambiguous", "hired_on")], "3 April or 4 March"),
        ([NIA.replace("Nia Newcomer", "何小龍")], None, "email", [("name", "latin_name")], "enter the name's Latin form"),
        ([NIA.replace("nia@lakeside.example", "pinpoint@system.invalid")], None, "email", [("address", "email")], "itself"),
        (["D-1,nia@lakeside.example,Nia,Nurse,support,2026-11-01"], NUMBERED, "email", [("clash", "staff_number")],
         "The staff number is that of Danielle Osei, Registered nurse, danielle.osei@lakeside.example, staff number D-1"),
        (["9,danielle.osei@lakeside.example,Danielle,Nurse,support,2026-11-01"], NUMBERED, "staff_number",
         [("clash", "email")], "The e-mail is that of Danielle Osei"),
        (["9,tom.reyes@lakeside.example,Tom Reyes,Room assistant,support,2026-01-05"], NUMBERED, "staff_number",
         [("clash", "email")], "Import once by e-mail to record it"),
        (["D-1,other@lakeside.example,Danielle Osei,Nurse,support,2026-11-01"], NUMBERED, "staff_number",
         [("address", "email")], "a file does not change it"),
    ],
    ids=lambda value: value[0][0] if isinstance(value, list) and value and isinstance(value[0], tuple) else None,
)  # fmt: skip
def test_errors_name_code_column_and_who_is_in_the_way(cast, lines, heads, key, expected, said):
    Membership.objects.filter(person=cast.colleague).update(staff_number="D-1")
    found = plan(cast, *lines, heads=heads, key=key)
    assert faults(found) == expected
    assert said in " ".join(fault.sentence for one in found.verdicts for fault in one.faults)


def test_nobody_imports_herself_into_a_role(cast):
    own = "priya.raman@lakeside.example,Priya Raman,Clinic manager,manager; physician,2026-01-05"
    assert faults(plan(cast, own)) == [("self", "roles")]
    otto = "administrator@house.example,Otto Administrator,Doctor,physician,2026-01-05"
    assert faults(plan(cast, otto, by=cast.administrator)) == [("self", "roles")]


def test_the_plan_says_nothing_of_another_clinic(cast):
    """Somebody known elsewhere is planned as anybody is; her name on record is told once she works here."""
    noor = "noor.haddad@harbour.example,N. Haddad,Locum,aesthetician,2026-11-01"
    (one,) = plan(cast, noor).verdicts
    assert (one.verdict, one.faults, one.membership) == ("created", (), None)
    sent = do(cast, noor)
    assert "the name on record stays: Noor Haddad" in sent.rows.get().said
    assert Membership.objects.filter(person=cast.other_aesthetician, ended_at=None).count() == 2


def test_a_leaver_comes_back_and_is_told_before(cast):
    """Under the name on record; under another one the line is not taken, and says what to do."""
    name, email = cast.leaver.full_name, cast.leaver.email
    line = f"{email},{name},Aesthetician,aesthetician,2026-11-01"
    (other,) = plan(cast, line.replace(name, "Bo Ek")).verdicts
    assert [fault.code for fault in other.faults] == ["another"]
    assert f"the address of {name}, who works nowhere now; the file says Bo Ek" in other.faults[0].sentence
    (back,) = plan(cast, line).verdicts
    assert (back.verdict, back.told) == ("returns", f"Returns: {name}, with what is on record of her from before.")
    sent = do(cast, line)
    assert outcomes(sent) == ["returns"]
    assert membership_of(cast.leaver).clinic == cast.lakeside


def test_a_file_tells_no_other_clinics_people(cast):
    gone = make_person(cast.harbour, "Ines Marsh", "aesthetician", by=cast.administrator)
    staff_actions.close_membership(membership=gone.membership_set.get(), by=cast.administrator)
    (one,) = plan(cast, f"{gone.email},Bo Ek,Locum,aesthetician,2026-11-01").verdicts
    assert one.verdict == "error"
    assert "Ines" not in one.faults[0].sentence


def test_a_plan_asks_as_much_for_one_as_for_many(cast):
    counted = []
    for sent in (send(cast, NIA), send(cast, *[NIA.replace("nia", f"n{n}") for n in range(40)], DANIELLE)):
        sent = PeopleImport.objects.select_related("clinic").get(pk=sent.pk)
        with CaptureQueriesContext(connection) as asked:
            applying.plan_of(sent, by=cast.manager)
        counted.append(len(asked))
    assert counted[0] == counted[1]


# What becomes of it


def test_added_as_the_form_would(cast):
    sent = do(cast, NIA, OLE)
    assert outcomes(sent) == ["created", "created"]
    assert json.loads(sent.counts)["created"] == 2
    nia = membership_of(StaffMember.objects.get(email="nia@lakeside.example"))
    assert (nia.clinic, nia.job_title, str(nia.hired_on), nia.began_by) == (
        cast.lakeside, "Aesthetician", "2026-11-01", cast.manager,
    )  # fmt: skip
    assert not OutgoingMail.objects.exists(), "invited only if that was chosen"
    physician = MembershipRole.objects.get(membership__person__email="ole@lakeside.example", role="physician")
    assert physician.identity_checked_at is None
    assert AuditEvent.objects.get(action="people.imported").actor == cast.manager


def test_invited_at_once_if_chosen(cast):
    do(cast, NIA, DANIELLE, invites=True)
    assert [row.person.email for row in OutgoingMail.objects.all()] == ["nia@lakeside.example"]


def test_the_same_file_again_does_nothing(cast):
    do(cast, NIA, OLE)
    before = AuditEvent.objects.count()
    sent = do(cast, NIA, OLE)
    assert outcomes(sent) == ["unchanged", "unchanged"]
    assert AuditEvent.objects.count() == before + 2, "that it was begun, and carried out"


def test_a_change_ends_one_row_and_begins_the_next(cast):
    old = membership_of(cast.physician)
    line = "9,elena.ruiz@lakeside.example,Elena M. Ruiz,Chief physician,physician,2025-01-05"
    sent = do(cast, line, heads=NUMBERED)
    assert outcomes(sent) == ["updated"]
    new = membership_of(cast.physician)
    old.refresh_from_db()
    assert (old.ended_at, old.ended_by, old.job_title) == (new.began_at, cast.manager, "Medical director")
    assert (new.job_title, new.staff_number, str(new.hired_on)) == ("Chief physician", "9", "2025-01-05")
    role = new.roles.get()
    assert role.identity_checked_how == "passport seen", "she was checked, whatever her title"
    cast.physician.refresh_from_db()
    assert cast.physician.full_name == "Elena M. Ruiz"
    assert AuditEvent.objects.get(action="person.renamed").reason == "Import of staff.csv"


def test_a_role_lost_closes_what_it_opened(cast, module):
    attempt = factories.make_attempt(person=cast.colleague, course=module)
    do(cast, DANIELLE.replace(",aesthetician,", ",manager,"))
    assert Attempt.objects.get(pk=attempt.pk).state == "expired"
    held = membership_of(cast.colleague).roles
    assert [(row.role, row.ended_by) for row in held.order_by("pk")] == [
        ("aesthetician", cast.manager), ("manager", None),
    ]  # fmt: skip


def test_a_physicians_role_lost_leaves_her_programmes_waiting(cast, module):
    programme = factories.ready_for_programme(person=cast.colleague, course=module, by=cast.physician)
    factories.sign_programme(person=cast.colleague, programme=programme, by=cast.physician)
    do(cast, "elena.ruiz@lakeside.example,,,manager,")
    assert CertificateEvent.objects.filter(kind="pending").count() == 1


def test_a_faulty_line_stops_no_other(cast):
    sent = do(cast, "bad,,,,", NIA)
    assert outcomes(sent) == ["error", "created"]
    assert sent.ended_at


def test_what_was_not_shown_is_not_done(cast):
    sent = send(cast, NIA)
    shown = applying.plan_of(sent, by=cast.manager).sha256
    do(cast, NIA)
    with pytest.raises(applying.Changed):
        applying.begin(sent=sent, shown=shown, drop=[], invites=False, by=cast.manager)
    assert PeopleImport.objects.get(pk=sent.pk).began_at is None


def begun(cast, *lines, **chosen):
    sent = send(cast, *lines, **chosen)
    applying.begin(
        sent=sent, shown=applying.plan_of(sent, by=cast.manager).sha256, drop=[], invites=False, by=cast.manager
    )
    return sent


def test_a_line_whose_person_changed_meanwhile_is_left(cast):
    sent = begun(cast, DANIELLE.replace("Registered", "Lead"), NIA)
    staff_actions.correct_name(
        person=cast.colleague, full_name="Danielle O.", latin_name="", clinic=cast.lakeside, reason="x", by=cast.manager
    )
    applying.work(sent)
    assert outcomes(sent) == ["error", "created"]
    assert "has changed since you looked" in sent.rows.first().said


def test_goes_on_after_a_failure(cast, monkeypatch):
    sent = begun(cast, *[NIA.replace("nia", f"n{n}") for n in range(5)])
    add, calls = applying._add, []

    def fails_once(*given):
        calls.append(1)
        if len(calls) == 3:
            raise OperationalError("the database went away")
        return add(*given)

    monkeypatch.setattr(applying, "_add", fails_once)
    with pytest.raises(OperationalError):
        applying.work(sent)
    assert outcomes(sent) == ["created", "created", "", "", ""]
    assert applying.go_on() == 3
    assert outcomes(sent) == ["created"] * 5
    assert Membership.objects.filter(person__full_name="Nia Newcomer").count() == 5
    assert applying.go_on() == 0


def test_a_line_that_cannot_be_done_is_told_and_does_not_stop_the_rest(cast, monkeypatch, caplog):
    sent = begun(cast, NIA, OLE)
    add = applying._add

    def breaks(cells, *more):
        if cells["email"].startswith("nia"):
            StaffMember.objects.filter(email=cast.colleague.email).update(full_name="Half done")
            raise RuntimeError("a mistake of ours")
        return add(cells, *more)

    monkeypatch.setattr(applying, "_add", breaks)
    applying.work(sent)
    assert outcomes(sent) == ["error", "created"]
    assert "row" in caplog.text
    cast.colleague.refresh_from_db()
    assert cast.colleague.full_name == "Danielle Osei", "of a line everything or nothing"


def test_stops_with_its_manager(cast):
    sent = begun(cast, NIA)
    staff_actions.close_membership(membership=membership_of(cast.manager), by=cast.pinpoint)
    applying.go_on()
    assert outcomes(sent) == ["error"]
    assert not StaffMember.objects.filter(email="nia@lakeside.example").exists()


def test_lines_go_after_a_month_and_the_count_stays(cast, now):
    done, looked_at = do(cast, NIA), send(cast, OLE)
    with clock.at(now + timedelta(days=31)):
        assert applying.forget_old() == 2
    done.refresh_from_db()
    assert json.loads(done.counts)["created"] == 1
    assert not PeopleImport.objects.filter(pk=looked_at.pk).exists()
    assert not PeopleImportRow.objects.exists()


# The full roster


def test_nobody_is_dropped_unless_ticked(cast):
    found = plan(cast, DANIELLE, full_roster=True)
    assert {row.person for row in found.absent} == {cast.aesthetician, cast.support, cast.physician}, "never oneself"
    do(cast, DANIELLE, full_roster=True)
    assert Membership.objects.filter(clinic=cast.lakeside, ended_at=None).count() == 5
    assert plan(cast, DANIELLE).absent == ()


def test_who_is_ticked_leaves(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    sent = do(cast, DANIELLE, full_roster=True, drop=[cast.aesthetician.public_id])
    assert outcomes(sent) == ["unchanged", "dropped"]
    cast.aesthetician.refresh_from_db()
    assert not cast.aesthetician.is_active
    assert Attempt.objects.get(pk=attempt.pk).state == "expired"
    ended = AuditEvent.objects.get(action="membership.ended", subject_id=sent.rows.get(line=0).membership_id)
    assert ended.reason == "Not in the full roster staff.csv"


def test_who_was_not_listed_cannot_be_ticked(cast):
    for who in (cast.colleague, cast.manager, cast.other_aesthetician):
        with pytest.raises(applying.Changed):
            do(cast, DANIELLE, full_roster=True, drop=[who.public_id])


def test_nobody_is_absent_while_a_line_means_nobody(cast):
    found = plan(cast, DANIELLE, "not an address,Maya Lindqvist,,,", full_roster=True)
    assert found.keyless == [3]
    with pytest.raises(applying.Changed):
        do(cast, DANIELLE, "not an address,,,,", full_roster=True, drop=[cast.aesthetician.public_id])


def test_who_has_no_staff_number_is_not_told_absent_by_it(cast):
    Membership.objects.filter(person=cast.colleague).update(staff_number="D-1")
    Membership.objects.filter(person=cast.support).update(staff_number="T-1")
    found = plan(cast, "d-1", heads="staff_number", key="staff_number", full_roster=True)
    assert [row.person for row in found.absent] == [cast.support]
    assert found.unkeyed == 3


# The pages


def upload(client, cast, data, **chosen):
    given = {"clinic": cast.lakeside.public_id, "key": "email", "mode": "both"} | chosen
    return client.post("/people/import/", given | {"file": SimpleUploadedFile("staff.csv", data)})


def words(response) -> str:
    return " ".join(response.text.replace("\u00a0", " ").replace("&#x27;", "'").split())


def test_from_the_file_to_the_people(manager, cast):
    response = upload(manager, cast, csv_of(NIA, OLE, "x,,,,"))
    page = words(manager.get(response["Location"]))
    assert "3 lines for Lakeside Skin Clinic. 1 line cannot be taken. Nothing was changed yet." in page
    assert "“x” is no e-mail address" in page
    assert "Take 2 lines, leave out 1" in page
    shown = manager.get(response["Location"]).context["plan"].sha256
    done = words(manager.post(response["Location"], {"shown": shown, "invites": "yes"}, follow=True))
    assert "Done, 2 November 2026" in done
    assert "“x” is no e-mail address" in done
    assert "Nia Newcomer" in words(manager.get(response["Location"] + "?show=created"))
    assert OutgoingMail.objects.count() == 2
    again = manager.post(response["Location"], {"shown": shown}, follow=True)
    assert again.status_code == 200
    assert OutgoingMail.objects.count() == 2


def test_the_page_says_that_the_clinic_changed(manager, cast):
    path = upload(manager, cast, csv_of(NIA))["Location"]
    shown = manager.get(path).context["plan"].sha256
    do(cast, NIA)
    assert "Lakeside Skin Clinic has changed since you looked" in words(
        manager.post(path, {"shown": shown}, follow=True)
    )


def test_the_page_of_a_full_roster(manager, cast):
    path = upload(manager, cast, csv_of(DANIELLE), full_roster="on")["Location"]
    page = words(manager.get(path))
    assert "3 people work at Lakeside Skin Clinic and are not named" in page
    assert "Tom Reyes" in page
    shown = manager.get(path).context["plan"].sha256
    assert "Ended" in words(manager.post(path, {"shown": shown, "drop": [cast.support.public_id]}, follow=True))
    cast.support.refresh_from_db()
    assert not cast.support.is_active


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty"),
        (b"name,role\nx,y\n", "No column is called email"),
        (b"email\n", "nobody beneath them"),
        (b"email\n" + b"a" * 2_050_000, "at most 2 MB"),
        (b"email\n" + b"a" * 10_000_000, "more than 2 MB"),
    ],
)
def test_files_refused_on_the_page(manager, cast, data, sentence):
    response = upload(manager, cast, data)
    assert sentence in words(response)
    assert not PeopleImport.objects.exists()


def test_the_page_takes_a_token(cast, client):
    """It reads the file before the token is checked, and still checks it."""
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(cast.manager)
    assert upload(strict, cast, csv_of(NIA)).status_code == 403
    assert not PeopleImport.objects.exists()


def test_lines_not_taken_come_back_inert(manager, cast):
    path = upload(manager, cast, csv_of('x,"=cmd|calc",,,', NIA.replace("2026-11-01", "3/4/2026")))["Location"]
    for _ in range(2):  # before it is applied, and after
        text = manager.get(path + "errors.csv").content.decode("utf-8-sig")
        head, first, second = csv.reader(io.StringIO(text))
        assert head == [
            "email",
            "full_name",
            "job_title",
            "roles",
            "hired_on",
            "line",
            "code",
            "column",
            "what is wrong",
        ]
        assert first[1] == "'=cmd|calc"
        assert (first[5], first[6]) == ("2", "email; formula; key")
        assert second[5:8] == ["3", "ambiguous", "hired_on"]
        manager.post(path, {"shown": manager.get(path).context["plan"].sha256} if _ == 0 else {})


def test_the_template_names_the_columns(manager, cast):
    assert manager.get("/people/import/template.csv").content.decode("utf-8-sig").split() == [
        "email,staff_number,full_name,latin_name,job_title,roles,hired_on"
    ]


def test_another_clinics_file_is_not_there(client, cast):
    sent = send(cast, NIA)
    client.force_login(cast.other_manager)
    for name in ("import-detail", "import-errors"):
        assert client.get(reverse(f"compliance:{name}", args=[sent.public_id])).status_code == 404
    assert "staff.csv" not in client.get("/people/import/").text
    assert upload(client, cast, csv_of(NIA)).status_code == 200, "not into a clinic she does not manage"
    assert PeopleImport.objects.count() == 1


def test_pages_ask_as_much_for_one_as_for_many(manager, cast):
    manager.get("/people/import/")  # what the first page of a session asks besides
    counted = []
    for lines in ([NIA], [NIA.replace("nia", f"n{n}") for n in range(30)]):
        sent = send(cast, *lines, "x,,,,")
        path = reverse("compliance:import-detail", args=[sent.public_id])
        pair = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as asked:
                shown = manager.get(path + "?show=all").context.get("plan")
            pair.append(len(asked))
            if shown:
                applying.begin(sent=sent, shown=shown.sha256, drop=[], invites=False, by=cast.manager)
                applying.work(sent)
        counted.append(pair)
    assert counted[0] == counted[1]


# On the command line


def command(tmp_path, *args, by="priya.raman@lakeside.example", lines=(NIA, DANIELLE)):
    file = tmp_path / "staff.csv"
    file.write_bytes(csv_of(*lines))
    out = io.StringIO()
    call_command("import_people", str(file), "--clinic", "lakeside-skin-clinic", "--by", by, *args, stdout=out)
    return out.getvalue()


def test_the_command_says_and_does(cast, tmp_path):
    said = command(tmp_path)
    assert "created" in said
    assert "Nia Newcomer, nia@lakeside.example" in said
    assert "Dry run: nothing was changed" in said
    assert not PeopleImport.objects.exists()
    assert "1 created, 1 unchanged: done." in command(tmp_path, "--apply")
    dropped = command(tmp_path, "--apply", "--full-roster", "--drop", cast.support.email)
    assert "1 dropped" in dropped


def test_the_command_refuses(cast, tmp_path):
    with pytest.raises(CommandError, match="neither manages Lakeside Skin Clinic nor"):
        command(tmp_path, by=cast.other_manager.email)
    with pytest.raises(CommandError, match="not among those whom the full roster leaves out"):
        command(tmp_path, "--apply", "--full-roster", "--drop", cast.manager.email)
    with pytest.raises(CommandError, match="There are: harbour-aesthetics, lakeside-skin-clinic"):
        call_command("import_people", "x.csv", "--clinic", "nowhere", "--by", "x")
    with pytest.raises(SystemExit):
        command(tmp_path, "--apply", lines=(NIA, "x,,,,"))
    assert StaffMember.objects.filter(email="nia@lakeside.example").exists()
