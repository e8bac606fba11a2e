"""A pack of a small clinic: what stands in it, what does not, and that its own checker finds every change."""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from certificates.models import CertificateFile
from certificates.papers import file_of
from compliance import bloodborne
from compliance.packs import building, check_pack, tables
from compliance.packs.building import Making
from compliance.packs.keys import all_keys, signing_key
from compliance.packs.scope import clinic_scope
from compliance.packs.tables.records import EXCEPTIONS
from compliance.requirements import assigning
from quizzes.models import AttemptItem
from staff import clock
from staff.models import AuditEvent
from tests import factories
from tests.people import make_person

MAKING = Making(at=datetime(2026, 11, 2, 15, 30, tzinfo=UTC), by="Priya Raman")
HOSTILE = '=HYPERLINK("http://evil.example/")<script>'


def built(clinic, *, from_on=None, to_on=date(2026, 11, 2), making=MAKING) -> bytes:
    out = io.BytesIO()
    building.build(clinic_scope(clinic, from_on=from_on, to_on=to_on), out, making=making)
    return out.getvalue()


def files_of(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def rows_of(files, slug):
    rows = json.loads(files[f"tables/{slug}.json"])["rows"]
    read = list(csv.DictReader(io.StringIO(files[f"tables/{slug}.csv"].decode("utf-8-sig"))))
    assert len(read) == len(rows)
    return rows


@pytest.fixture
def stage(cast, module):
    """Maya has passed and is reviewed, observed and licensed; Danielle has failed; a member has a name that attacks."""
    passed = factories.make_finished(person=cast.aesthetician, course=module)
    failed = factories.make_finished(person=cast.colleague, course=module, wrong=4)
    factories.licence(person=cast.aesthetician, type="Esthetician")
    sheet = factories.sign_sheet(
        sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
    )
    assigning.waive(
        person=cast.colleague, clinic=cast.lakeside, module=module.module, reason="On light duty until the audit.",
        starts_on=date(2026, 11, 1), until_on=date(2026, 12, 1), by=cast.manager,
    )  # fmt: skip
    leave = {"person": cast.support, "clinic": cast.lakeside, "by": cast.manager}
    assigning.record_leave(starts_on=date(2026, 11, 1), until_on=date(2026, 11, 20), **leave)
    assigning.record_leave(starts_on=date(2026, 11, 3), until_on=date(2026, 11, 20), **leave)
    for day in (date(2026, 1, 8), date(2026, 1, 9)):
        bloodborne.record_offer(person=cast.colleague, clinic=cast.lakeside, offered_on=day, by=cast.manager)
    factories.site_session(people=[cast.aesthetician, cast.support], by=cast.manager)
    proof = factories.outside_training(person=cast.aesthetician, by=cast.aesthetician, checked_by=cast.manager)
    factories.decide_outside(training=proof, by=cast.physician)
    make_person(cast.lakeside, HOSTILE, "support", by=cast.pinpoint)
    theirs = factories.make_finished(person=cast.other_aesthetician, course=module)
    return cast, passed, failed, sheet, theirs


def test_what_stands_in_it(stage):
    cast, passed, _, sheet, _ = stage
    files = files_of(built(cast.lakeside))

    roster = {row["name"]: row for row in rows_of(files, "roster")}
    assert roster["Danielle Osei"]["job_title"] == "Registered nurse"
    assert roster["Lea Leaver"]["ended_at"] == "2026-11-02T08:00:00-07:00"
    licences = {row["name"]: row for row in rows_of(files, "licences")}
    assert licences["Maya Lindqvist"]["type"] == "Esthetician"
    assert licences["Danielle Osei"]["type"] == "not recorded"

    training = [row for row in rows_of(files, "training") if row["name"] == "Maya Lindqvist"]
    assert training[0]["confirmed_at"] == "2026-11-02T08:00:00-07:00"
    assert training[0]["job_title"] == "Aesthetician"
    contents = rows_of(files, "contents")
    assert {row["point"] for row in contents if row["critical"]} == {"nd-17", "nd-18"}
    assert {row["section"] for row in training} <= {row["section"] for row in contents}
    trainers = rows_of(files, "trainers")
    assert {row["name"]: row["qualification"] for row in trainers} == {
        "not recorded": "not recorded", "Ines Albrecht": "Infection control nurse", "Elena Ruiz": "not recorded",
    }  # fmt: skip
    (session,) = rows_of(files, "site-sessions")
    assert (session["came"], session["questions_answered"], session["recorded_by"]) == (2, True, "Priya Raman")
    came = {row["name"]: row["job_title"] for row in rows_of(files, "site-attendances")}
    assert came == {"Maya Lindqvist": "Aesthetician", "Tom Reyes": "Room assistant"}
    (outside,) = rows_of(files, "outside-training")
    assert (outside["decision"], outside["hours"], outside["physician"]) == ("approved", "6.50", "Elena Ruiz")

    results = {row["name"]: row for row in rows_of(files, "attempts")}
    assert (results["Maya Lindqvist"]["passed"], results["Maya Lindqvist"]["points"]) == (True, 6)
    assert results["Maya Lindqvist"]["certificates"] == passed.certificate.number
    assert results["Danielle Osei"]["passed"] is False
    (practical,) = rows_of(files, "practicals")
    assert (practical["sheet"], practical["observer"], practical["passed"]) == (sheet.public_id, "Elena Ruiz", True)

    (certificate,) = rows_of(files, "certificates")
    assert certificate["state"] == "Valid"
    stored = CertificateFile.objects.get(certificate=passed.certificate, format="pdf").file
    assert files[certificate["file"]] == bytes(stored.bytes)
    signatures = rows_of(files, "signatures")
    assert all(row["signer"] and row["signed_at"] and row["meaning"] and row["genuine"] for row in signatures)
    assert {row["whom"] for row in signatures if row["about"] == "practical"} == {"Maya Lindqvist"}
    assert [row["physician"] for row in rows_of(files, "adoptions")] == ["Elena Ruiz"]
    assert {row["what"] for row in rows_of(files, "exceptions") if row["name"] == "Danielle Osei"} >= {"Licence"}
    (waiver,) = rows_of(files, "waivers")
    assert (waiver["name"], waiver["approved_by"]) == ("Danielle Osei", "Priya Raman")
    (leave,) = rows_of(files, "leave")  # the other one begins after the last of the days
    assert (leave["name"], leave["job_title"], leave["until"]) == ("Tom Reyes", "Room assistant", "2026-11-20")
    offers = {row["name"]: (row["offered_on"], row["recorded_by"]) for row in rows_of(files, "hepatitis-b-offers")}
    assert offers["Danielle Osei"] == ("2026-01-09", "Priya Raman")
    assert offers["Maya Lindqvist"] == ("not recorded", "")
    events = rows_of(files, "audit")
    assert [row["seq"] for row in events] == list(range(1, len(events) + 1))


def test_nothing_of_another_clinic_and_no_answer_is_in_it(stage):
    cast, passed, failed, _, theirs = stage
    files = files_of(built(cast.lakeside))
    everything = b"\n".join(data for path, data in files.items() if not path.endswith(".pdf"))
    foreign = ["Noor Haddad", "Hugh Brandt", "Ada Quist", "Harbour", "Quay Street", cast.other_aesthetician.public_id]
    foreign += [theirs.attempt.public_id, cast.harbour.public_id]
    for text in foreign:
        assert text.encode() not in everything, text
    assert b"Priya Raman" in everything
    for item in AttemptItem.objects.filter(attempt__in=[passed.attempt, failed.attempt]).select_related(
        "question_version"
    ):
        assert item.question_version.content["stem"].encode() not in everything
        assert re.search(rb"\b%s\b" % item.question_version.question.code.encode(), everything) is None
    assert passed.attempt.seed.encode() not in everything


def test_hostile_names_stay_text(stage):
    files = files_of(built(stage[0].lakeside))
    pages = b"".join(data for path, data in files.items() if path.endswith(".html"))
    assert b"<script" not in pages
    assert b"&lt;script&gt;" in pages
    text = files["tables/roster.csv"].decode("utf-8-sig")
    cells = {cell for line in csv.reader(io.StringIO(text)) for cell in line}
    assert f"'{HOSTILE}" in cells
    assert HOSTILE not in cells


def test_the_same_facts_give_the_same_bytes_but_for_when_and_by_whom(stage):
    clinic = stage[0].lakeside
    with clock.at(clock.now() + timedelta(hours=1)):
        scope = clinic_scope(clinic, from_on=None, to_on=date(2026, 11, 1))
    once, again = (files_of(built(clinic, to_on=scope.to_on)) for _ in range(2))
    assert once == again
    other = files_of(
        built(clinic, to_on=scope.to_on, making=Making(at=MAKING.at + timedelta(hours=1), by="Elena Ruiz"))
    )
    assert {path for path in once if once[path] != other[path]} == {"index.html", "manifest.json", "manifest.sig"}


def test_days_narrow_it(stage):
    cast, passed, *_ = stage
    with clock.at(clock.now() + timedelta(days=9)):
        files = files_of(built(cast.lakeside, from_on=date(2026, 11, 10), to_on=date(2026, 11, 11)))
        before = files_of(built(cast.lakeside, to_on=date(2026, 11, 1)))
    assert rows_of(before, "exceptions") == []
    assert [row["from"] for row in rows_of(files, "leave")] == ["2026-11-01", "2026-11-03"]
    assert rows_of(files, "training") == rows_of(files, "attempts") == rows_of(files, "audit") == []
    assert [row["number"] for row in rows_of(files, "certificates")] == [passed.certificate.number]
    assert "Lea Leaver" not in {row["name"] for row in rows_of(files, "roster")}
    assert rows_of(before, "roster") == rows_of(before, "certificates") == rows_of(before, "leave") == []


def test_exceptions_are_those_of_the_last_day(stage):
    """Danielle is excused until 1 December, and overdue from the next day on."""

    def lacking(day: date) -> list[tuple[str, str]]:
        rows = EXCEPTIONS.rows(clinic_scope(stage[0].lakeside, from_on=None, to_on=day))
        return [(name, what) for _, name, _, _, what, *_ in rows if what != "Licence"]

    with clock.at(datetime(2026, 12, 20, tzinfo=UTC)):
        assert lacking(date(2026, 11, 11)) == []
        assert lacking(date(2026, 12, 3)) == [("Danielle Osei", "Needle depth")]


def unpacked(folder, data: bytes):
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    (inside,) = folder.iterdir()
    return inside


def test_its_own_checker_in_an_empty_folder_names_every_change(stage, tmp_path, capsys):
    file_of(stage[1].certificate, "pdf")
    folder = unpacked(tmp_path, built(stage[0].lakeside))
    run = subprocess.run(
        [sys.executable, "-I", "check_pack.py", "--key", signing_key().fingerprint],
        cwd=folder, env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "That is the key you named." in run.stdout
    assert "linked to the event before" in run.stdout

    one_of_each = {path.suffix: path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".sig"}
    assert set(one_of_each) == {".csv", ".json", ".html", ".pdf", ".py", ".css"}
    for path in [*one_of_each.values(), folder / "manifest.json", folder / "manifest.sig"]:
        whole = path.read_bytes()
        place = len(whole) // 2
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert check_pack.main([str(folder)]) == 1
        assert path.name in capsys.readouterr().out
        path.write_bytes(whole)

    (removed,) = folder.glob("certificates/*.pdf")
    kept = removed.read_bytes()
    removed.unlink()
    (folder / "tables/added.csv").write_text("")
    assert check_pack.main([str(folder)]) == 1
    said = capsys.readouterr().out
    assert f"certificates/{removed.name} is missing" in said
    assert "tables/added.csv does not belong" in said
    (folder / "tables/added.csv").unlink()
    removed.write_bytes(kept)
    assert check_pack.main([str(folder)]) == 0


def test_an_event_taken_out_of_the_trail_is_seen_even_under_a_good_signature(stage, capsys):
    """The links stand in the events themselves: whoever signs a trail with a changed link is found out."""
    cast = stage[0]
    files = files_of(built(cast.lakeside))
    report = check_pack.Report()

    class Trail:
        names = {"tables/audit.json": ""}

        def read(self, name):
            return files["tables/audit.json"].replace(
                AuditEvent.objects.get(chain__clinic=cast.lakeside, seq=2).hash.encode(), b"0" * 64, 1
            )

    check_pack.check_chain(Trail(), report)
    assert report.wrong == 1
    assert "Event 3 of the audit trail does not follow" in capsys.readouterr().out


def test_every_earlier_key_is_known(settings):
    settings.SIGNING_KEYS = {"new": "n" * 64, "old": "o" * 64}
    first, second = all_keys()
    assert signing_key().fingerprint == first.fingerprint != second.fingerprint
    settings.SIGNING_KEYS = {"newest": "x" * 64, "new": "n" * 64, "old": "o" * 64}
    assert [key.fingerprint for key in all_keys()][1:] == [first.fingerprint, second.fingerprint]


def test_the_command_writes_it_and_records_who_asked(stage, tmp_path, capsys):
    cast = stage[0]
    target = tmp_path / "pack.zip"
    call_command("inspector_pack", clinic="lakeside-skin-clinic", to_on="2026-11-02", output=str(target))
    assert check_pack.main([str(target), "--key", signing_key().fingerprint]) == 0
    actions = AuditEvent.objects.filter(chain__clinic=cast.lakeside, action__startswith="pack.").values_list(
        "action", flat=True
    )
    assert list(actions) == ["pack.asked", "pack.made"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"clinic": "nowhere"}, "There is no clinic nowhere"),
        ({"to_on": "soon"}, "--to is soon"),
        ({"to_on": "2026-11-03"}, "still to come"),
        ({"from_on": "2026-11-02", "to_on": "2026-11-01"}, "after --to"),
    ],
)
def test_the_command_refuses(cast, tmp_path, options, sentence):
    asked = {"clinic": "lakeside-skin-clinic", "to_on": "2026-11-02", "output": str(tmp_path / "x.zip")} | options
    with pytest.raises(CommandError, match=sentence):
        call_command("inspector_pack", **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_table_asks_the_same_number_of_questions_for_few_and_for_many(crowd):
    def asked():
        scopes = {
            table: clinic_scope(crowd.cast.lakeside, from_on=None, to_on=date(2026, 11, 2))
            for table in tables.OF_A_CLINIC
        }
        return {table.slug: crowd.count(lambda: list(table.rows(scope))) for table, scope in scopes.items()}  # noqa: B023

    few = asked()
    crowd.grow(20)
    assert asked() == few
