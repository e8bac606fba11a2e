"""Erasing who left: what goes, what stays and holds, holds and rules, the run with its cap, and the ledger after a restore."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse
from psycopg import sql

from certificates.actions import end_membership
from certificates.models import Certificate
from compliance import backups, records, trail
from compliance.keeping import erasing, own_data
from compliance.management.commands import tick
from staff import actions, clock, mail
from staff import keeping as rules
from staff.models import (
    ActorName,
    AuditEvent,
    Erasure,
    LegalHold,
    Membership,
    OutgoingMail,
    RetentionRule,
    StaffMember,
)
from tests import factories
from tests.people import make_person

EMAIL = "maya.lindqvist@lakeside.example"
NAME = "Maya Lindqvist"


@pytest.fixture
def gone(cast, module):
    """Maya passed, holds a certificate, and left."""
    done = factories.make_finished(person=cast.aesthetician, course=module)
    end_membership(membership=cast.aesthetician.membership_set.get(), by=cast.manager, reason="moved away")
    cast.aesthetician.refresh_from_db()
    return done


def rule(cast, **changes):
    said = {
        "country": "Denmark",
        "basis": "law",
        "basis_text": "Bogføringsloven",
        "years": 7,
        "public_name": "initials",
    }
    return rules.set_rule(clinic=cast.lakeside, by=cast.manager, **(said | changes))


def erased(cast) -> StaffMember:
    erasing.erase(person=cast.aesthetician, by=cast.manager)
    return StaffMember.objects.get(pk=cast.aesthetician.pk)


def test_erasing_leaves_a_tombstone_and_every_record_adds_up(cast, gone, client):
    rule(cast)
    before = records.verify(everything=True)
    person = erased(cast)
    assert (person.full_name, person.latin_name) == (f"Former staff member {person.pk}", "")
    assert person.email == f"erased-{person.pk}@erased.invalid"
    assert not person.is_active
    assert not person.has_usable_password()
    assert person.erased_at
    assert not ActorName.objects.filter(person=person).exists()
    assert Certificate.objects.get(pk=gone.certificate.pk).holder_name == NAME
    after = records.verify(everything=True)
    assert before.findings == after.findings == []
    assert after.checked["certificates"] == before.checked["certificates"] == 1
    client.force_login(cast.manager)
    said = [line.sentence for line in client.get("/trail/").context["lines"]]
    assert f"Priya Raman erased Former staff member {person.pk} at her request; sealed records stay" in said
    assert any(line.startswith(f"{trail.ERASED} handed in") for line in said)


@pytest.mark.parametrize(("public_name", "shown"), [("initials", "M. L."), ("status", "not shown any more")])
def test_a_certificate_of_somebody_erased_is_verified_without_her_name(cast, gone, client, public_name, shown):
    url = reverse("certificates:verify-code", args=[gone.certificate.code])
    assert NAME in client.get(url).content.decode()
    rule(cast, public_name=public_name)
    erased(cast)
    page = client.get(url)
    html = page.content.decode()
    assert page.context["state"] == "valid"
    assert shown in html
    assert "Maya" not in html
    assert "Lindqvist" not in html
    altered = io.BytesIO(b"%PDF-1.4 not a paper")
    found = client.post(reverse("certificates:verify-file"), {"file": altered, "code": gone.certificate.code})
    assert NAME not in found.content.decode()


def test_the_person_is_told_and_then_the_address_goes_too(cast, gone):
    rule(cast)
    mail.queue(to=cast.aesthetician, subject=f"For {NAME}", body=f"Dear {NAME}, write to {EMAIL}")
    erased(cast)
    mail.send_due()
    (letter,) = [one for one in outbox.outbox if one.to == [EMAIL]]
    for words in (
        "this was erased at Lakeside Skin Clinic",
        "Bogføringsloven",
        "1 × certificates: until 2034-",
        "7 years",
    ):
        assert words in letter.body
    assert erasing.settle_letters() == 1
    assert erasing.settle_letters() == 0
    held = json.dumps([[str(value) for value in row] for row in OutgoingMail.objects.values_list()])
    assert EMAIL not in held
    assert NAME not in held
    assert erasing.settle_letters in tick.PARTS.values()


def test_erasing_twice_is_once(cast, gone):
    first = erasing.erase(person=cast.aesthetician, by=cast.manager)
    assert erasing.erase(person=cast.aesthetician, by=cast.manager) == first
    assert AuditEvent.objects.filter(action="erasure.person").count() == 1


def test_who_still_works_here_is_not_erased(cast, module):
    with pytest.raises(erasing.StillHere):
        erasing.erase(person=cast.aesthetician, by=cast.manager)
    cast.aesthetician.refresh_from_db()
    assert cast.aesthetician.email == EMAIL


@pytest.mark.parametrize("whom", ["person", "clinic"])
def test_a_hold_beats_erasing_until_two_people_lift_it(cast, gone, whom):
    hold = rules.place_hold(
        clinic=cast.lakeside, person=cast.aesthetician if whom == "person" else None, reason="Case 12", by=cast.manager
    )
    with pytest.raises(rules.OnHold):
        erased(cast)
    assert all(one.until_on is None for one in erasing.kept_of(cast.aesthetician))
    for _ in range(2):
        assert rules.release_hold(hold=hold, by=cast.manager).lifted_at is None
    with pytest.raises(rules.OnHold):
        erased(cast)
    assert rules.release_hold(hold=hold, by=cast.physician).lifted_at
    assert erased(cast).erased_at


def test_the_database_keeps_holds_rules_and_ledger(cast, gone):
    hold = rules.place_hold(clinic=cast.lakeside, person=None, reason="Case 12", by=cast.manager)
    rule(cast)
    with pytest.raises(IntegrityError), transaction.atomic():
        RetentionRule.objects.create(
            clinic=cast.lakeside, number=2, country="X", basis="hipaa", years=5, set_by=cast.manager
        )
    now = clock.now()
    for change in (
        lambda: LegalHold.objects.filter(pk=hold.pk).delete(),
        lambda: LegalHold.objects.filter(pk=hold.pk).update(reason="none"),
        lambda: LegalHold.objects.filter(pk=hold.pk).update(
            release_at=now, release_by=cast.manager, lifted_at=now, lifted_by=cast.manager
        ),
        lambda: RetentionRule.objects.update(years=50),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2026, 11, 2), 6, date(2032, 11, 2)),
        (date(2024, 2, 29), 6, date(2030, 3, 1)),
        (date(2024, 2, 29), 8, date(2032, 2, 29)),
    ],
)
def test_years_are_counted_to_the_day_and_never_short(day, years, expected):
    assert rules.years_after(day, years) == expected


def test_kept_is_counted_from_when_it_was_last_in_effect(cast, gone):
    rule(cast, years=6)
    kept = {one.what: one.until_on for one in erasing.kept_of(cast.aesthetician)}
    assert kept["certificates"] == rules.years_after(gone.certificate.valid_until_on, 6)
    assert kept["attempts with their answers and scores"] == date(2032, 11, 2)


def test_the_manager_erases_who_left_and_nobody_elses(cast, gone, client):
    client.force_login(cast.manager)
    url = reverse("compliance:person-erase", args=[cast.aesthetician.public_id])
    detail = reverse("compliance:person-detail", args=[cast.aesthetician.public_id])
    assert url in client.get(detail).content.decode()
    assert client.post(url, {}).status_code == 200
    assert not Erasure.objects.exists()
    actions.add_member(
        clinic=cast.harbour,
        email=EMAIL,
        full_name=NAME,
        job_title="Aesthetician",
        hired_on=date(2026, 2, 2),
        roles=["aesthetician"],
        by=cast.other_manager,
    )
    assert client.get(url).status_code == 403
    assert url not in client.get(detail).content.decode()
    colleague = reverse("compliance:person-erase", args=[cast.colleague.public_id])
    assert "has not ended yet" in client.post(colleague, {"read": "on"}).content.decode()
    leaver = reverse("compliance:person-erase", args=[cast.leaver.public_id])
    client.force_login(cast.manager)
    assert client.post(leaver, {"read": "on"}).status_code == 302
    assert Erasure.objects.get().person == cast.leaver


def test_the_manager_sets_the_rule_and_holds(cast, client):
    client.force_login(cast.manager)
    url = reverse("compliance:keeping")
    asked = {"country": "Denmark", "basis": "law", "basis_text": "", "years": 5, "public_name": "status"}
    html = client.post(url, asked).content.decode()
    assert "6 years at least" in html
    assert "Name the law or the contract" in html
    assert client.post(url, asked | {"basis_text": "A law", "years": 10}).status_code == 302
    assert rules.rule_of(cast.lakeside).years == 10
    place = reverse("compliance:hold-place")
    assert client.post(place, {"person": cast.other_aesthetician.public_id, "reason": "x"}).status_code == 200
    assert client.post(place, {"person": cast.colleague.public_id, "reason": "Case 12"}).status_code == 302
    hold = LegalHold.objects.get()
    for _ in range(2):
        client.post(reverse("compliance:hold-release", args=[hold.pk]))
    hold.refresh_from_db()
    assert (hold.release_by, hold.lifted_at) == (cast.manager, None)
    assert "waits for a second manager" in client.get(url).content.decode()


# The run.


def retention(**options) -> str:
    out = StringIO()
    call_command("retention", stdout=out, **options)
    return out.getvalue()


def test_an_author_who_was_dismissed_goes_like_a_leaver(cast, now):
    both = cast.aesthetician
    actions.appoint(person=both, role="author", by=cast.administrator)
    for person in (cast.author, both):
        actions.dismiss(person=person, role="author", by=cast.administrator)
    with clock.at(now + timedelta(days=20)):
        actions.close_membership(membership=Membership.objects.get(person=both), by=cast.manager)
    for days, gone in ((29, set()), (31, {cast.author}), (49, {cast.author}), (51, {cast.author, both})):
        with clock.at(now + timedelta(days=days)):
            assert {cast.author, both} & set(erasing.due().accounts) == gone


def test_the_run_is_dry_first_and_clears_who_left_a_month_ago(cast, gone, now):
    otto = cast.administrator.email
    with clock.at(now + timedelta(days=29)):
        assert [person.pk for person in erasing.due().accounts] == []
    with clock.at(now + timedelta(days=31)):
        rules.place_hold(clinic=cast.lakeside, person=cast.leaver, reason="Case 12", by=cast.manager)
        said = retention()
        assert "1 accounts" in said
        assert "1 more are held" in said
        assert "Nothing was changed" in said
        assert not Erasure.objects.exists()
        for wrong in ({}, {"by": cast.manager.email}):
            with pytest.raises(CommandError):
                retention(apply=True, **wrong)
        assert "Cleared 1 accounts" in retention(apply=True, by=otto)
        person = StaffMember.objects.get(pk=cast.aesthetician.pk)
        assert person.full_name == NAME
        assert person.email.endswith("@erased.invalid")
        assert person.erased_at is None
        assert "0 accounts" in retention()
        assert erased(cast).full_name != NAME
        assert records.verify(everything=True).findings == []


def test_more_than_one_in_a_hundred_asks_for_a_second_person(cast, now):
    for number in range(3):
        person = make_person(cast.lakeside, f"Gone {number}", "support", by=cast.pinpoint)
        actions.close_membership(membership=person.membership_set.get(), by=cast.manager)
    second = StaffMember.objects.create_user("second@house.example", "Second Administrator")
    actions.appoint(person=second, role="administrator", by=cast.pinpoint)
    with clock.at(now + timedelta(days=31)):
        otto = cast.administrator.email
        for options in ({}, {"second": otto}):
            with pytest.raises(CommandError, match="Name a second administrator"):
                retention(apply=True, by=otto, **options)
        assert not Erasure.objects.exists()
        assert "Cleared 4 accounts" in retention(apply=True, by=otto, second=second.email)
    assert AuditEvent.objects.filter(action="erasure.account").count() == 4
    assert json.loads(AuditEvent.objects.get(action="retention.ran").body)["second"] == second.pk


def test_old_mails_lose_their_text_and_are_not_sent_again(cast, now):
    assert mail.queue(to=cast.colleague, subject="Hello", body="Dear Danielle", key="hello")
    mail.send_due()
    with clock.at(now + timedelta(days=91)):
        assert "The text of 1 mails" in retention()
        assert "the text of 1 mails" in retention(apply=True, by=cast.administrator.email)
        assert not mail.queue(to=cast.colleague, subject="Hello", body="Dear Danielle", key="hello")
        mail.send_due()
    assert [one.to for one in outbox.outbox].count([cast.colleague.email]) == 1
    assert OutgoingMail.objects.get(dedupe_key="hello").body == ""


def test_the_ledger_is_carried_out_again(cast, gone, tmp_path):
    file = tmp_path / "erasures.jsonl"
    point = transaction.savepoint()
    erased(cast)
    call_command("erasures", output=str(file))
    transaction.savepoint_rollback(point)
    assert StaffMember.objects.get(pk=cast.aesthetician.pk).email == EMAIL
    assert NAME not in file.read_text()
    out = StringIO()
    call_command("erasures", replay=str(file), stdout=out)
    assert "Erased 1 again, of 1" in out.getvalue()
    assert StaffMember.objects.get(pk=cast.aesthetician.pk).erased_at
    assert not OutgoingMail.objects.filter(address=EMAIL).exists()
    file.write_text('{"person": "nobody", "kind": "person"}\n')
    with pytest.raises(SystemExit):
        call_command("erasures", replay=str(file), stdout=StringIO())
    file.write_text("[]")
    with pytest.raises(CommandError, match="not a ledger"):
        call_command("erasures", replay=str(file), stdout=StringIO())


# One's own data.


def test_own_data_is_a_zip_with_the_papers_and_no_key(cast, module, client):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    failed = factories.make_finished(person=cast.colleague, course=module, wrong=1)
    client.force_login(cast.aesthetician)
    assert "Download my data" in client.get(reverse("compliance:own-data")).content.decode()
    response = client.post(reverse("compliance:own-download"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    paper = archive.read(f"certificates/{done.certificate.number}.pdf")
    assert paper == bytes(done.certificate.files.get(format="pdf").file.bytes)
    held = json.loads(archive.read("data.json"))
    assert held["person"]["email"] == EMAIL
    assert [one["number"] for one in held["certificates"]] == [done.certificate.number]
    (attempt,) = held["attempts"]
    assert attempt["outcomes"][0]["passed"] is True
    assert all(one["your_answer"] for one in attempt["answers"])
    text = archive.read("data.json").decode()
    for stranger in (cast.colleague, cast.other_aesthetician):
        assert stranger.full_name not in text
        assert stranger.email not in text
    theirs = own_data.collected(cast.colleague)
    sealed = json.loads(failed.attempt.seal.text)["items"]
    answers = theirs["attempts"][0]["answers"]
    assert {frozenset(one) for one in answers} == {frozenset({"position", "question", "your_answer"})}
    assert len(answers) == len(sealed)


# Nothing left in the file itself.

PROGRAM = """
import sys, django
django.setup()
from datetime import date
from django.db import transaction
from compliance.trail import heads
from compliance.keeping import erasing
from staff import actions, mail
from staff.models import StaffMember
site = StaffMember.objects.pinpoint()
def added(email, name):
    return actions.add_member(clinic=clinic, email=email, full_name=name, job_title="Aesthetician", hired_on=date(2026, 1, 5),
        roles=["aesthetician"], by=site)
clinic = actions.open_clinic(name="Lakeside", address="1 Lake Road", zone="America/Denver", by=site)
other = added("other@lakeside.example", "Other Person").person
for number in range(int(sys.argv[1])):
    row = added(f"needle{number}@haystack.example", f"Needle {number} Findme")
    mail.queue(to=other, subject=f"{row.person.full_name} is late", body=f"Write to {row.person.email}")
    if not number:
        heads.add_address(clinic=clinic, email=row.person.email, by=site)
        first = row.person
    if number == 1:
        with transaction.atomic():
            actions.make_alias(alias=row.person, of=first, clinic=clinic, by=site)
    mail.queue(to=row.person, subject="Hello", body=f"Write to needle{number}@haystack.example")
    actions.record_licence(person=row.person, type="RN", number=str(number), authority="State", expires_on=date(2030, 1, 1),
        clinic=clinic, by=row.person)
    actions.close_membership(membership=row, by=site)
print("before", flush=True)
sys.stdin.readline()
for person in StaffMember.objects.filter(email__endswith="@haystack.example"):
    erasing.erase(person=person, by=site)
while mail.send_due():
    pass
erasing.settle_letters()
print("after", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("count", [5, pytest.param(1000, marks=pytest.mark.proof)])
def test_after_erasing_the_file_holds_neither_address_nor_name(tmp_path, count, request):
    """Read as bytes while the site still has it open: the database, its write-ahead log, free pages and all."""
    made = tmp_path / "site.sqlite3"
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{made}", "DATA_DIR": str(tmp_path / "data")}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "EMAIL_URL": "memorymail://"}
    kept = sorted(Path(request.config.cache.mkdir("migrated")).glob("*.sqlite3"))
    if connection.vendor == "sqlite" and kept:
        shutil.copy(kept[0], made)
    else:
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=settings.BASE_DIR, env=environment, check=True)

    def holds(*words: bytes) -> bool:
        files = [path for path in tmp_path.glob("site.sqlite3*") if path.suffix != ".lock"]
        return any(word in path.read_bytes() for path in files for word in words)

    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(count)],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as site:
        assert site.stdin
        assert site.stdout
        assert site.stdout.readline() == "before\n"
        assert holds(b"@haystack.example")
        assert holds(b"Findme")
        site.stdin.write("\n")
        site.stdin.flush()
        assert site.stdout.readline() == "after\n"
        assert not holds(b"@haystack.example")
        assert not holds(b"Findme")
        site.stdin.write("\n")
        site.stdin.flush()
        assert site.wait(60) == 0


@pytest.fixture
def of_its_own(tmp_path) -> Iterator[str]:
    """The address of an empty database on the engine of this run."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'site.sqlite3'}"
        return
    url = f"{backups._own_url()}_search".replace("postgresql://", "postgres://", 1)
    server, name = backups._server_of(url)
    backups._drop(url)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield url
    backups._drop(url)


@pytest.mark.proof
@pytest.mark.django_db
def test_after_erasing_no_dump_holds_address_or_name(tmp_path, of_its_own):
    """A dump as text on PostgreSQL; on SQLite the file, written anew by VACUUM."""
    environment = os.environ | {"DATABASE_URL": of_its_own, "DATA_DIR": str(tmp_path / "data")}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "EMAIL_URL": "memorymail://"}

    def dumped() -> bytes:
        if connection.vendor == "sqlite":
            with closing(sqlite3.connect(tmp_path / "site.sqlite3")) as database:
                database.execute("VACUUM")
            return b"".join(path.read_bytes() for path in tmp_path.glob("site.sqlite3*") if path.suffix != ".lock")
        target = tmp_path / "dump.sql"
        address = of_its_own.replace("postgres://", "postgresql://", 1)
        backups._tool("pg_dump", "--inserts", f"--file={target}", f"--dbname={address}")
        made: bytes = target.read_bytes()
        return made

    said = {"cwd": settings.BASE_DIR, "env": environment}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], check=True, **said)
    program = [sys.executable, "-c", PROGRAM, "20"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **said) as site:
        assert site.stdin
        assert site.stdout
        assert site.stdout.readline() == "before\n"
        assert b"Findme" in dumped()
        site.stdin.write("\n\n")
        site.stdin.flush()
        assert site.stdout.readline() == "after\n"
        assert site.wait(60) == 0
    left = dumped()
    assert b"other@lakeside.example" in left, "the search can see"
    for word in (b"@haystack.example", b"Findme"):
        assert word.lower() not in left.lower(), word
