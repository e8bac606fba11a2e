"""Check a file: what was issued, byte for byte; a genuine badge; altered, and where; and what is none of ours."""

import io
import json
import random

import pypdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image, ImageDraw

from certificates import actions, checking, codes, drawing, fonts, papers, reading
from certificates.badges import baking, documents, issuing, proofs
from certificates.models import Certificate
from certificates.queries import state_of
from staff import signing
from staff.models import StoredFile
from tests import factories
from tests.certificates.test_actions import revoke


@pytest.fixture
def paper(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


@pytest.fixture
def pdf(paper) -> bytes:
    return bytes(papers.file_of(paper, "pdf").bytes)


@pytest.fixture
def badge(paper):
    with factories.badges():
        yield bytes(issuing.bake(paper).file.bytes)


def redrawn(paper, **changes) -> bytes:
    """A forger with our typesetter: the paper with other words, and its own code."""
    sheet = papers.paper_of(paper)
    made = drawing.Paper(**(vars(sheet) | changes))
    return drawing.pdf(made, fonts=fonts.load(settings.CERTIFICATE_FONTS))


def told(found) -> list[tuple[str, str, str]]:
    return [(row.where, row.ours, row.theirs) for row in found.differences]


def test_the_very_files_that_were_issued(paper, pdf, badge):
    png = bytes(papers.file_of(paper, "png").bytes)
    for data, what in ((pdf, "PDF"), (png, "picture"), (badge, "badge")):
        assert checking.check(data) == checking.Found("identical", paper, what)


FORGERIES = [
    ({"name": "Tom Lindqvist"}, "Name", "Maya", "Tom"),
    ({"title": "Laser safety"}, "Title", "Needle depth", "Laser safety"),
    ({"valid_until": "1 November 2037"}, "Valid to the end of", "2027", "2037"),
    ({"clinic_name": "Harbour Aesthetics"}, "Issued by", "Lakeside Skin Clinic", "Harbour Aesthetics"),
    ({"disclaimer": "Permit to treat."}, "Note", "Knowledge quiz completed, unproctored. Not a permit", "Permit"),
    ({"number": "PP-2026-000009"}, "Number", "PP-2026-000001", "PP-2026-000009"),
]


def test_an_altered_pdf_and_where(paper):
    for change, where, ours, theirs in FORGERIES:
        found = checking.check(redrawn(paper, **change))
        assert (found.outcome, found.certificate) == ("altered", paper)
        assert (where, ours, theirs) in told(found)
    other = checking.check(redrawn(paper, record="0000 1111 2222 3333"))
    assert {row.where for row in other.differences} == {"Record"}


def test_a_line_that_was_added(paper):
    found = checking.check(redrawn(paper, scope=("Mechanical microneedling; radiofrequency not included", "Laser")))
    assert found.outcome == "altered"
    assert any("Laser" in row.theirs for row in found.differences)


def test_a_pdf_saved_again_by_another_program(paper, pdf):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf))
    out = io.BytesIO()
    writer.write(out)
    assert checking.check(out.getvalue()) == checking.Found("same-words", paper, "PDF")
    assert checking.check(pdf + b"\n").outcome == "same-words"


def test_a_code_of_somebody_else_on_the_paper(cast, module, paper):
    """Looked up by the code that it prints; the rest then differs."""
    other = factories.make_finished(person=cast.colleague, course=module).certificate
    found = checking.check(redrawn(paper, code=codes.grouped(other.code), code_url=papers.paper_of(other).code_url))
    assert (found.outcome, found.certificate) == ("altered", other)


def test_a_number_alone_finds_nothing(paper):
    """Numbers can be counted up, so they open nothing."""
    made = redrawn(paper, code=codes.grouped(codes.new()), code_url="https://training.example.com/verify/")
    found = checking.check(made)
    assert (found.outcome, found.certificate) == ("not-ours", None)
    assert checking.check(made, code=paper.code).outcome == "altered"


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7\nnonsense", b"\x89PNG\r\n\x1a\nnonsense", b"PK\x03\x04"])
def test_what_cannot_be_looked_into(db, data):
    assert checking.check(data).outcome == "unreadable"


def test_random_bytes_after_a_true_beginning(paper, pdf, badge):
    """Whatever is sent, an answer comes, and never that it is ours."""
    dice = random.Random(11)
    for data in (pdf, badge):
        for _ in range(3):
            torn = bytearray(data)
            start = dice.randrange(9, len(torn) - 400)
            torn[start : start + 300] = dice.randbytes(300)
            assert checking.check(bytes(torn)).outcome not in ("identical", "genuine")


def test_a_badge_saved_again_is_genuine(paper, badge):
    text = baking.baked(badge)
    out = io.BytesIO()
    Image.open(io.BytesIO(badge)).convert("RGB").save(out, "png")
    found = checking.check(baking.bake(out.getvalue(), text))
    assert found == checking.Found("genuine", paper, "badge")


def test_a_genuine_badge_in_a_picture_that_was_painted_over(paper, badge):
    picture = Image.open(io.BytesIO(badge)).convert("RGB")
    ImageDraw.Draw(picture).rectangle((160, 339, 480, 452), fill="white")
    out = io.BytesIO()
    picture.save(out, "png")
    found = checking.check(baking.bake(out.getvalue(), baking.baked(badge)))
    assert (found.outcome, found.what) == ("altered", "badge")
    assert told(found)[0][0].startswith("In the picture, ")
    smaller = io.BytesIO()
    picture.resize((800, 566)).save(smaller, "png")
    found = checking.check(baking.bake(smaller.getvalue(), baking.baked(badge)))
    assert told(found) == [("The picture's size", "1600 × 1131 pixels", "800 × 566 pixels")]


def test_an_altered_badge_and_where(paper, badge):
    said = json.loads(baking.baked(badge))
    said["credentialSubject"]["achievement"]["name"] = "Laser safety"
    said["credentialSubject"]["result"] = ["100 %"]
    found = checking.check(baking.bake(badge, json.dumps(said)))
    assert (found.outcome, found.certificate) == ("altered", paper)
    assert told(found) == [
        ("credentialSubject.achievement.name", "Needle depth", "Laser safety"),
        ("credentialSubject.result", "nothing", '["100 %"]'),
    ]


def test_a_badge_that_we_never_issued(paper, badge):
    """Signed well, by somebody else, in our name; and what is no badge at all."""
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    held = documents.Holding(**(vars(issuing.holding(paper, paper.badge_subject)) | {"code": codes.new()}))
    method = issuing.issuer().method(proofs.multikey(thief.public_key()))
    made = proofs.sign(
        documents.credential(issuing.issuer(), held), key=thief, method=method, created="2026-11-02T15:00:00Z"
    )
    for text in (documents.text_of(made), "eyJhbGciOiJub25lIn0.e30.", "[]", "{}", "[" * 5000, '{"id": 7}'):
        found = checking.check(baking.bake(badge, text))
        assert (found.outcome, found.certificate) == ("not-ours", None)


def test_a_badge_whose_key_was_withdrawn(paper, badge):
    out = io.BytesIO()
    Image.open(io.BytesIO(badge)).convert("RGB").save(out, "png")
    again = baking.bake(out.getvalue(), baking.baked(badge))
    withdrawn = proofs.multikey(issuing.signing_key().public_key())
    with factories.badges(BADGE_KEYS=["a" * 64], BADGE_KEYS_WITHDRAWN=[withdrawn]):
        found = checking.check(again)
    assert found.outcome == "not-ours"
    assert "does not list the key" in found.reason


def test_a_picture_that_names_nothing_is_held_against_a_code(paper):
    out = io.BytesIO()
    Image.open(io.BytesIO(bytes(papers.file_of(paper, "png").bytes))).convert("RGB").save(out, "png")
    assert checking.check(out.getvalue()).outcome == "not-ours"
    assert checking.check(out.getvalue(), code=paper.code).outcome == "same-words"


def test_a_huge_picture_is_not_unpacked(db):
    out = io.BytesIO()
    Image.new("1", (3000, 3000)).save(out, "png")
    found = checking.check(out.getvalue())
    assert (found.outcome, "more pixels" in found.reason) == ("unreadable", True)


def test_our_own_paper_unread_makes_nobody_a_forger(paper, pdf, monkeypatch):
    checking._own_words.cache_clear()
    real = reading.text_of
    monkeypatch.setattr(reading, "text_of", lambda data: None if data == pdf else real(data))
    assert checking.check(pdf + b"\n").outcome == "unreadable"
    monkeypatch.setattr(reading, "text_of", real)
    assert checking.check(pdf + b"\n").outcome == "same-words"


def test_reading_ends_in_time(monkeypatch):
    monkeypatch.setattr(reading, "SECONDS", 0.01)
    assert reading.text_of(b"%PDF-1.7") is None


# The page


def send(client, data: bytes, **more):
    file = SimpleUploadedFile("certificate.pdf", data)
    return client.post(reverse("certificates:verify-file"), {"file": file, **more})


def test_page_says_what_it_is_and_what_is_true_now(client, cast, paper, pdf):
    kept = StoredFile.objects.count()
    got = send(client, pdf)
    assert got.status_code == 200
    assert "This PDF is ours, byte for byte" in got.text
    assert f"/verify/{paper.code}/" in got.text
    revoke(cast, paper)
    assert "Re-training required" in send(client, pdf).text
    altered = send(client, redrawn(paper, name="<b>Tom</b>"))
    assert "This PDF was altered" in altered.text
    assert "<b>Tom" not in altered.text
    assert StoredFile.objects.count() == kept
    for name, value in (("X-Robots-Tag", "noindex, nofollow"), ("Referrer-Policy", "no-referrer")):
        assert got[name] == value
    assert not got.cookies


@pytest.mark.parametrize("data", [b"", None, b"%PDF-" + b"x" * checking.MOST_BYTES])
def test_page_refuses_nothing_and_too_much(client, db, data):
    got = send(client, data) if data is not None else client.post(reverse("certificates:verify-file"))
    assert got.status_code == 400
    assert "Nothing was checked" in got.text


def test_a_body_that_says_it_is_large_is_not_read(client, db, monkeypatch):
    monkeypatch.setattr(checking, "MOST_BYTES", 10)
    assert send(client, b"x" * 100_000).status_code == 400


def test_ten_files_a_minute(client, db):
    assert [send(client, b"nothing").status_code for _ in range(11)] == [200] * 10 + [429]


def test_every_page_to_check_at_leads_to_it(client, paper):
    for path in (reverse("certificates:verify"), f"/verify/{paper.code}/", reverse("certificates:verify-file")):
        assert 'name="file"' in client.get(path).text


# The holder's name


def choose(client, person, certificate, choice="initials"):
    client.force_login(person)
    return client.post(reverse("certificates:certificate-name", args=[certificate.number]), {"name_shown": choice})


def test_initials_replace_the_certificate(client, cast, paper):
    assert choose(client, cast.aesthetician, paper).status_code == 302
    newer = Certificate.objects.get(supersedes=paper)
    same = ("title", "passed_on", "valid_from_on", "valid_until_on", "attempt", "candidacy", "kind", "rule_line")
    assert all(getattr(newer, name) == getattr(paper, name) for name in same)
    assert (newer.printed_name, newer.holder_name, newer.reissued_for) == ("M. L.", "Maya Lindqvist", "name-shown")
    client.logout()
    page = client.get(f"/verify/{newer.code}/").text
    assert "M. L." in page
    assert "Lindqvist" not in page
    assert "Lindqvist" not in reading.text_of(bytes(papers.file_of(newer, "pdf").bytes))
    assert "Superseded" in client.get(f"/verify/{paper.code}/").text


def test_type_the_name(client, cast, paper):
    choose(client, cast.aesthetician, paper)
    newer = Certificate.objects.get(supersedes=paper)
    client.logout()
    path = reverse("certificates:verify-name", args=[newer.code])
    assert "<strong>Yes.</strong>" in client.post(path, {"name": "lindqvist maya"}).text
    assert "<strong>No.</strong>" in client.post(path, {"name": "Maya Lindquist"}).text
    assert client.post(path, {"name": ""}).status_code == 200
    for number in range(18):
        client.post(path, {"name": f"Maya {number}"})
    assert client.post(path, {"name": "Maya Lindqvist"}).status_code == 429
    assert client.post(reverse("certificates:verify-name", args=[paper.code]), {"name": "Maya"}).status_code == 302
    assert client.post(reverse("certificates:verify-name", args=[codes.new()]), {"name": "Maya"}).status_code == 404


def test_the_choice_is_followed_by_the_next_certificate(client, cast, module, paper):
    choose(client, cast.aesthetician, paper)
    other = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, slug="sterilisation")
    assert factories.make_finished(person=cast.aesthetician, course=other).certificate.printed_name == "M. L."


def test_a_corrected_name_is_carried_by_the_copy(client, cast, paper):
    cast.aesthetician.full_name = "Maya Berg"
    cast.aesthetician.save()
    choose(client, cast.aesthetician, paper, "full")
    newer = Certificate.objects.get(supersedes=paper)
    assert (newer.printed_name, newer.reissued_for) == ("Maya Berg", "name")


def test_not_again_and_not_what_is_over(client, cast, paper):
    assert choose(client, cast.aesthetician, paper, "full").status_code == 302
    assert Certificate.objects.count() == 1
    choose(client, cast.aesthetician, paper)
    assert choose(client, cast.aesthetician, paper, "full").status_code == 400
    newer = Certificate.objects.get(supersedes=paper)
    revoke(cast, newer)
    assert choose(client, cast.aesthetician, newer, "full").status_code == 400
    assert Certificate.objects.count() == 2


def test_the_badge_of_a_replaced_certificate_is_withdrawn(client, cast, paper, badge):
    choose(client, cast.aesthetician, paper)
    assert list(issuing.withdrawn()) == [paper]
    assert issuing.bake_waiting() == 1


def test_a_page_left_open_cannot_miss_the_copy_that_holds(cast, paper):
    """The holder has it issued again while a physician is deciding about the one before."""
    newer = actions.reissue(certificate=paper, name_shown="initials", by=cast.aesthetician)
    with pytest.raises(signing.SigningRefused, match=f"replaced by {newer.number}"):
        revoke(cast, paper)
    actions.suspend(certificate=paper, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    assert [state_of(Certificate.objects.get(pk=row.pk)) for row in (paper, newer)] == ["superseded", "suspended"]


def test_not_while_a_physician_has_to_decide_about_it(cast, paper, monkeypatch):
    monkeypatch.setattr(actions, "is_lost", lambda certificate: True)
    with pytest.raises(actions.ReissueRefused, match="still to decide"):
        actions.reissue(certificate=paper, name_shown="initials", by=cast.aesthetician)
