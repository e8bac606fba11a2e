"""The CSV and the ZIP: what is in them, what is not, and that hostile names stay text."""

import csv
import hashlib
import io
import re
import tracemalloc
import zipfile

import pypdf
import pytest
from django.core.management import CommandError, call_command

from certificates import actions as proof
from certificates import papers
from certificates.models import Certificate, CertificateFile
from compliance import exports
from staff.models import StaffMember
from tests import factories
from tests.people import make_person

HOSTILE = '=HYPERLINK("http://evil.example/","../../etc/passwd")'


@pytest.fixture
def passed(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def unzipped(response) -> zipfile.ZipFile:
    assert response.status_code == 200
    assert response.streaming
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    assert archive.testzip() is None
    return archive


def lines(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def manifest(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return lines(archive.read("manifest.csv").decode())


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Maya", "Maya"),
        ("=1+1", "'=1+1"),
        ("+41", "'+41"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        (" =1", " =1"),
        ("O'Neil", "O'Neil"),
        ("", ""),
    ],
)
def test_inert(value, written):
    assert exports.inert(value) == written


def test_people_csv(manager, cast, passed):
    response = manager.get("/compliance/people.csv")
    assert response["Content-Disposition"] == 'attachment; filename="people-5-2026-11-02.csv"'
    rows = {row["name"]: row for row in lines(response.content.decode())}
    assert set(rows) == {"Maya Lindqvist", "Danielle Osei", "Tom Reyes", "Elena Ruiz", "Priya Raman"}
    assert rows["Maya Lindqvist"]["needle-depth certificate"] == passed.number
    assert rows["Maya Lindqvist"]["word"] == "current"
    assert rows["Danielle Osei"]["needle-depth state"] == "overdue"


def test_people_csv_is_filtered_and_ticked(manager, cast, passed):
    filtered = lines(manager.get("/compliance/people.csv?word=current").content.decode())
    assert [row["name"] for row in filtered] == ["Maya Lindqvist"]
    ticked = lines(manager.get(f"/compliance/people.csv?word=current&p={cast.colleague.public_id}").content.decode())
    assert [row["name"] for row in ticked] == ["Danielle Osei"]


def test_csv_of_a_hostile_name(manager, cast, module):
    StaffMember.objects.filter(pk=cast.colleague.pk).update(full_name=HOSTILE)
    text = manager.get("/compliance/people.csv").content.decode()
    assert HOSTILE not in {row["name"] for row in lines(text)}
    assert f"'{HOSTILE}" in {row["name"] for row in lines(text)}


def test_zip_holds_the_papers_and_a_manifest(manager, cast, passed):
    response = manager.get("/compliance/certificates.zip")
    assert response["Content-Disposition"] == 'attachment; filename="certificates-1-2026-11-02.zip"'
    archive = unzipped(response)
    name = f"Maya-Lindqvist-{passed.number}.pdf"
    assert archive.namelist() == [name, "manifest.csv"]
    stored = papers.file_of(passed, "pdf")
    assert archive.read(name) == bytes(stored.bytes)
    (row,) = manifest(archive)
    assert row["sha256"] == hashlib.sha256(archive.read(name)).hexdigest() == stored.sha256
    assert (row["number"], row["holder"], row["state"]) == (passed.number, "Maya Lindqvist", "valid")
    assert (row["valid_from"], row["valid_until"]) == ("2026-11-02", "2027-11-01")


def test_zip_by_post(manager, cast, passed):
    assert len(unzipped(manager.post("/compliance/certificates.zip", {"word": "current"})).namelist()) == 2


def test_zip_of_nobody_has_only_its_manifest(manager, cast, module):
    archive = unzipped(manager.get("/compliance/certificates.zip"))
    assert archive.namelist() == ["manifest.csv"]
    assert manifest(archive) == []


def test_zip_of_two_people_of_one_name_and_of_hostile_ones(manager, cast, module):
    twins = [make_person(cast.lakeside, "Sam Same", "aesthetician", by=cast.manager)]
    twins.append(make_person(cast.lakeside, "Sam  Same", "aesthetician", by=cast.manager))
    StaffMember.objects.filter(pk=twins[1].pk).update(full_name="Sam Same")
    StaffMember.objects.filter(pk=cast.colleague.pk).update(full_name=HOSTILE)
    StaffMember.objects.filter(pk=cast.aesthetician.pk).update(full_name="Łucja Żółć")
    other = make_person(cast.lakeside, "Ada Ho", "aesthetician", by=cast.manager)
    StaffMember.objects.filter(pk=other.pk).update(full_name="何", latin_name="Ada Ho")
    for person in StaffMember.objects.filter(membership__roles__role="aesthetician", membership__clinic=cast.lakeside):
        if person.is_active:
            factories.make_finished(person=person, course=module)
    archive = unzipped(manager.get("/compliance/certificates.zip"))
    names = archive.namelist()
    assert len(set(names)) == len(names) == 6
    assert all(name.isascii() and "/" not in name and ".." not in name for name in names)
    assert {name.rsplit("-PP", 1)[0] for name in names} >= {"Sam-Same", "Ada-Ho", "ucja-Zoc"}
    assert "'" + HOSTILE in {row["holder"] for row in manifest(archive)}
    assert {row["file"] for row in manifest(archive)} == set(names) - {"manifest.csv"}


def test_zip_keeps_what_is_not_in_force_apart(manager, cast, passed):
    proof.suspend(certificate=passed, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    archive = unzipped(manager.get("/compliance/certificates.zip"))
    assert f"not-in-force/Maya-Lindqvist-{passed.number}.pdf" in archive.namelist()
    (row,) = manifest(archive)
    assert (row["state"], row["since"]) == ("suspended", "2026-11-02")


def test_zip_goes_on_when_one_paper_cannot_be_drawn(manager, cast, module, passed, monkeypatch):
    second = factories.make_finished(person=cast.colleague, course=module).certificate
    drawn = papers.file_of

    def broken(certificate, format):
        if certificate.pk == passed.pk:
            raise RuntimeError("no font")
        return drawn(certificate, format)

    monkeypatch.setattr(papers, "file_of", broken)
    archive = unzipped(manager.get("/compliance/certificates.zip"))
    assert archive.namelist() == [f"Danielle-Osei-{second.number}.pdf", "manifest.csv"]
    assert {row["number"]: row["sha256"] for row in manifest(archive)}[passed.number].startswith("not drawn")


def test_zip_never_holds_another_clinics(client, cast, module, passed):
    client.force_login(cast.other_manager)
    assert unzipped(client.get("/compliance/certificates.zip")).namelist() == ["manifest.csv"]
    assert client.get(f"/compliance/certificates.zip?p={cast.aesthetician.public_id}").status_code == 404
    assert client.get(f"/compliance/people.csv?p={cast.aesthetician.public_id}").status_code == 404
    assert "Maya" not in client.get("/compliance/people.csv").content.decode()


def test_zip_tells_its_length_once_the_papers_are_drawn(manager, cast, module, passed):
    factories.make_finished(person=cast.colleague, course=module)
    first = manager.get("/compliance/certificates.zip")
    assert "Content-Length" not in first
    drawn = unzipped(first)
    second = manager.get("/compliance/certificates.zip")
    body = b"".join(second.streaming_content)
    assert int(second["Content-Length"]) == len(body)
    again = zipfile.ZipFile(io.BytesIO(body))
    assert again.testzip() is None
    assert again.namelist() == drawn.namelist()
    assert manifest(again) == manifest(drawn)
    assert [again.read(name) for name in again.namelist()] == [drawn.read(name) for name in drawn.namelist()]


def test_zip_is_made_piece_by_piece(cast, module, passed, monkeypatch):
    """However many there are, a chunk of certificates is held at a time, and nothing is drawn before it is asked for."""
    drawn = []
    monkeypatch.setattr(exports, "CHUNK", 1)
    file_of = papers.file_of

    def counted(certificate, format):
        drawn.append(certificate.pk)
        return file_of(certificate, format)

    monkeypatch.setattr(papers, "file_of", counted)
    pieces = exports.zip_chunks([passed.pk] * 3)
    assert drawn == []
    next(pieces)
    assert drawn == [passed.pk]


def test_download_page_counts_first(manager, cast, passed):
    page = manager.get(f"/compliance/download/?word=current&p={cast.aesthetician.public_id}&page=1").text
    assert "1\u00a0certificate of 1\u00a0person" in page
    assert "certificates-1-2026-11-02.zip" in page
    assert f'name="p" value="{cast.aesthetician.public_id}"' in page
    assert 'name="page"' not in page


def test_download_page_of_nobody(manager, cast, module):
    assert "No certificates to download" in manager.get("/compliance/download/").text


def test_thousands_are_selected_in_a_fixed_number_of_queries(manager, cast, passed, crowd, django_assert_num_queries):
    manager.get("/compliance/download/")
    few = crowd.count(lambda: manager.get("/compliance/download/"))
    crowd.grow()
    assert Certificate.objects.count() == 1
    with django_assert_num_queries(few):
        manager.get("/compliance/download/")


# To print, and from the command line


def many(certificate: Certificate, count: int) -> None:
    """Corrected copies of one, as rows: the form of a large clinic without its quizzes."""
    file = papers.file_of(certificate, "pdf")
    fields = {f.name: getattr(certificate, f.name) for f in Certificate._meta.concrete_fields if f.name != "id"}
    first = certificate.pk
    rows = [
        Certificate(
            **fields | {"id": n, "number": f"PP-2026-{100_000 + n}", "code": f"C{n:020d}", "supersedes_id": n - 1}
        )
        for n in range(first + 1, first + count + 1)
    ]
    Certificate.objects.bulk_create(rows, batch_size=500)
    CertificateFile.objects.bulk_create(
        [CertificateFile(certificate=row, format="pdf", file=file) for row in rows], batch_size=500
    )


def peak_of(certificate: Certificate) -> tuple[int, int]:
    """The most memory the archive of all needed at once, and how long the archive is."""
    pks = list(Certificate.objects.order_by("pk").values_list("pk", flat=True))
    tracemalloc.start()
    archive, length = exports.zip_of(pks)
    sent = sum(len(piece) for piece in archive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent == length
    return peak, sent


def test_zip_of_many_holds_no_papers(passed):
    """They pass through: what stays is a chunk of certificates, the list, and a line each in the archive's own directory."""
    assert_little_memory(passed, 400)


@pytest.mark.proof
def test_zip_of_ten_thousand(passed):
    assert_little_memory(passed, 10_000)


def assert_little_memory(passed, count: int) -> None:
    many(passed, count)
    paper = len(bytes(papers.file_of(passed, "pdf").bytes))
    peak, sent = peak_of(passed)
    assert sent > count * paper
    assert peak < 8_000_000 + 4_000 * count < 8_000_000 + paper * count / 4


def test_print_holds_those_in_force(manager, cast, module, passed):
    other = factories.make_finished(person=cast.colleague, course=module).certificate
    pages = pypdf.PdfReader(io.BytesIO(manager.get("/compliance/certificates.pdf").content)).pages
    assert [number for page in pages for number in re.findall(r"PP-2026-\d{6}", page.extract_text())] == [
        other.number,
        passed.number,
    ]
    proof.suspend(certificate=other, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    cards = manager.get("/compliance/certificates.pdf?sheet=card").content
    (page,) = pypdf.PdfReader(io.BytesIO(cards)).pages
    assert round(float(page.mediabox.width)) == 243
    proof.suspend(certificate=passed, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    got = manager.get("/compliance/certificates.pdf", follow=True)
    assert "nothing to print" in got.text


def test_print_comes_in_parts(manager, cast, module, passed, monkeypatch):
    monkeypatch.setattr(exports, "MOST_PRINTED", 1)
    factories.make_finished(person=cast.colleague, course=module)
    page = manager.get("/compliance/download/").text
    assert "1 to 1</option>" in page
    assert "2 to 2</option>" in page
    got = manager.get("/compliance/certificates.pdf?part=2")
    assert "certificates-2-to-2-" in got["Content-Disposition"]
    assert len(pypdf.PdfReader(io.BytesIO(got.content)).pages) == 1
    for wrong in ("part=3", "part=0", "part=x", "sheet=png"):
        assert manager.get(f"/compliance/certificates.pdf?{wrong}").status_code == 404


def test_export_command(cast, module, passed, tmp_path, capfd):
    theirs = factories.make_module(by=cast.pinpoint, adopted_by=cast.other_physician, clinic=cast.harbour)
    factories.make_finished(person=cast.other_aesthetician, course=theirs)
    everything, ours = tmp_path / "all.zip", tmp_path / "ours.zip"
    call_command("export_certificates", output=str(everything))
    call_command("export_certificates", output=str(ours), clinic="lakeside-skin-clinic")
    assert [len(manifest(zipfile.ZipFile(path))) for path in (everything, ours)] == [2, 1]
    (line,) = manifest(zipfile.ZipFile(ours))
    data = zipfile.ZipFile(ours).read(line["file"])
    assert hashlib.sha256(data).hexdigest() == line["sha256"]
    assert ours.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "ours.zip"]


def test_export_command_says_what_is_wrong(cast, module, passed, tmp_path):
    with pytest.raises(CommandError, match="There is no clinic nowhere"):
        call_command("export_certificates", output=str(tmp_path / "x.zip"), clinic="nowhere")
    with pytest.raises(CommandError, match="was not written"):
        call_command("export_certificates", output=str(tmp_path / "none" / "x.zip"))


def test_export_command_leaves_no_half_file(cast, passed, tmp_path, monkeypatch):
    def torn(*_, **__):
        yield b"PK"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "zip_chunks", torn)
    with pytest.raises(CommandError, match="No space left"):
        call_command("export_certificates", output=str(tmp_path / "x.zip"))
    assert list(tmp_path.iterdir()) == []
