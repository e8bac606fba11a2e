"""One person's dossier: as a page, a PDF and a ZIP; for herself, her managers and her physicians."""

import io
import json
import re
import zipfile
from datetime import date

import pypdf
import pytest

from compliance import bloodborne
from compliance.packs import check_pack, dossier
from compliance.packs.building import Making
from staff import clock
from staff.models import AuditEvent
from tests import factories
from tests.people import make_person


@pytest.fixture
def passed(cast, module):
    finished = factories.make_finished(person=cast.aesthetician, course=module)
    factories.sign_sheet(sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician)
    bloodborne.record_offer(
        person=cast.aesthetician, clinic=cast.lakeside, offered_on=date(2026, 1, 8), by=cast.manager
    )
    return finished


def path(person, format: str = "") -> str:
    return f"/people/{person.public_id}/dossier{'.' + format if format else '/'}"


def test_the_page_and_the_pdf_say_the_same(client, cast, passed):
    client.force_login(cast.manager)
    page = client.get(path(cast.aesthetician)).content.decode()
    sent = client.get(path(cast.aesthetician, "pdf"))
    assert sent["Content-Disposition"] == 'attachment; filename="dossier-Maya-Lindqvist-2026-11-02.pdf"'
    read = pypdf.PdfReader(io.BytesIO(sent.content))
    assert read.metadata.title == "Training records of Maya Lindqvist"
    text = " ".join(page.extract_text() for page in read.pages)
    for said in (
        passed.certificate.number,
        "Supervised procedure",
        "Needle depth",
        "Elena Ruiz",
        "8\u00a0Jan\u00a02026",
        "No leave was recorded",
    ):
        assert said in page
        assert re.sub(r"\s", "", said) in re.sub(r"\s", "", text)
    for item in passed.attempt.items.select_related("question_version"):
        assert item.question_version.content["stem"] not in page + text


def test_the_zip_is_checked_by_its_own_checker(client, cast, passed, tmp_path, capsys):
    client.force_login(cast.aesthetician)
    (tmp_path / "d.zip").write_bytes(client.get(path(cast.aesthetician, "zip")).content)
    assert check_pack.main([str(tmp_path / "d.zip")]) == 0
    archive = zipfile.ZipFile(tmp_path / "d.zip")
    names = {name.partition("/")[2] for name in archive.namelist()}
    assert {"index.html", "dossier.pdf", "check_pack.py", f"certificates/{passed.certificate.number}.pdf"} <= names
    everything = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".pdf"))
    for other in ("Danielle Osei", "Tom Reyes", "Noor Haddad"):
        assert other.encode() not in everything
    offers = archive.read(next(name for name in archive.namelist() if name.endswith("hepatitis-b-offers.json")))
    assert json.loads(offers)["rows"][0]["offered_on"] == "2026-01-08"
    assert "1 certificates are the papers" in capsys.readouterr().out


def test_others_see_what_belongs_to_their_clinics(cast, passed, module):
    """Maya works at Harbour too, and has read there."""
    make_person(cast.harbour, "Maya Lindqvist", "aesthetician", by=cast.pinpoint)
    member = cast.other_aesthetician.membership_set.get()
    twice = member.__class__.objects.create(
        person=cast.aesthetician,
        clinic=cast.harbour,
        job_title="Locum",
        hired_on=member.hired_on,
        began_by=cast.pinpoint,
    )
    seen = dossier.dossier_of(cast.aesthetician, viewer=cast.other_manager)
    assert seen.clinics == "Harbour Aesthetics"
    text = json.dumps([[part.table.slug, part.rows] for part in seen.parts])
    assert "Locum" in text
    assert passed.certificate.number not in text
    assert "Lakeside" not in text
    whole = dossier.dossier_of(cast.aesthetician, viewer=cast.aesthetician)
    assert whole.clinics == "Harbour Aesthetics and Lakeside Skin Clinic"
    assert twice.job_title in json.dumps([part.rows for part in whole.parts])


@pytest.mark.parametrize("format", ["", "pdf", "zip"])
def test_strangers_find_nothing(client, cast, format):
    for person in (cast.colleague, cast.other_manager, cast.author, cast.administrator):
        client.force_login(person)
        assert client.get(path(cast.aesthetician, format)).status_code == 404
    client.force_login(cast.aesthetician)
    assert client.get(path(cast.aesthetician, "docx")).status_code == 404


def test_that_another_took_it_is_in_the_trail(client, cast, module):
    for person in (cast.aesthetician, cast.physician):
        client.force_login(person)
        assert client.get(path(cast.aesthetician, "pdf")).status_code == 200
    (event,) = AuditEvent.objects.filter(action="dossier.taken")
    assert (event.actor, event.chain.clinic, event.subject_id) == (
        cast.physician,
        cast.lakeside,
        str(cast.aesthetician.pk),
    )


def test_a_name_that_no_font_here_writes_is_printed_in_latin_letters(cast, module):
    person = cast.aesthetician
    person.full_name, person.latin_name = "\U00012000\U00012001", "Enheduanna"
    made = dossier.pdf(dossier.dossier_of(person, viewer=person), making=Making(at=clock.now(), by=person.full_name))
    text = pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()
    assert "Training records of Enheduanna" in text
    assert "by ??" in text


@pytest.mark.one_engine  # as many statements on both
def test_the_page_costs_the_same_for_few_and_for_many_rows(cast, passed, crowd):
    def ask() -> None:
        list(dossier.dossier_of(cast.aesthetician, viewer=cast.manager).parts)

    ask()
    few = crowd.count(ask)
    for code in ("P3", "P4", "P5"):
        sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=[code])
        factories.sign_sheet(sheet=sheet, by=cast.physician)
    assert crowd.count(ask) == few
