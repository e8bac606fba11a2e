import hashlib
import io
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import date

import pypdf
import pytest
import segno
import zxingcpp
from django.conf import settings
from PIL import Image, ImageChops

from certificates import drawing
from certificates.drawing import Paper, pdf, png
from certificates.fonts import Fonts, Unprintable, load

PAPER = Paper(
    kind="knowledge",
    kind_line="Certificate of knowledge",
    title="Sterilisation and infection control",
    name="Maya Lindqvist",
    statement="has completed the training and passed the quiz in",
    clinic_name="Lakeside Skin Clinic",
    clinic_address="14 Shore Road, Example Town",
    scope=("Mechanical microneedling; radiofrequency not included",),
    number="PP-2026-004182",
    code="K7QF-2M9X-TR4W-8HNP-3VCD-J",
    verify_url="https://pinpoint.lakeside.example/verify/",
    code_url="https://pinpoint.lakeside.example/verify/K7QF-2M9X-TR4W-8HNP-3VCD-J",
    issued="4 November 2026",
    valid_from="4 November 2026",
    valid_until="3 November 2027",
    issued_on=date(2026, 11, 4),
    rule_line=("12 of 15 needed, every safety-critical question right; cut score provisional: no panel has rated it"),
    module_version="Module version 3",
    disclaimer="Knowledge quiz completed, unproctored. Not a permit to treat.",
    record="3f08 91ce 5d27 a4b6",
    issued_at="4 November 2026 at 16:20:07 UTC",
    note="Valid only as shown at https://pinpoint.lakeside.example/verify/",
)
PROGRAMME = replace(
    PAPER,
    kind="programme",
    kind_line="Certificate of programme completion",
    title="Mechanical microneedling",
    statement="has completed the programme and shown its practicals in",
    scope=("Devices: Example Pen 1, Example Pen 2", "Sites: face outside the orbital rim, neck, abdomen"),
    rule_line="",
    module_version="",
    disclaimer="Shows training and a passed test for the scope above.",
    physician="Dr. Elena Ruiz, MD",
    signed="Signed electronically on 5 November 2026",
    credentials="Physician, Colorado Medical Board; Physician, Wyoming Board of Medicine",
    versions="Complications, version 3; Contraindications and patient selection, version 2; Needle depth, version 5",
    programme_version="91ce 5d27 a4b6 3f08",
)
MARGIN = 24 / 297  # of the sheet's width


@pytest.fixture(scope="module")
def fonts():
    return Fonts()


def read(made):
    return pypdf.PdfReader(io.BytesIO(made))


def words(made):
    """The text of all pages, without the line breaks that the layout chose."""
    return " ".join(" ".join(page.extract_text() for page in read(made).pages).split())


def letters(text):
    return "".join(text.split())


def scanned(made):
    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(made)).convert("L"))]


def test_same_paper_gives_the_same_bytes(fonts):
    assert pdf(PAPER, fonts=fonts) == pdf(PAPER, fonts=Fonts())
    assert png(PAPER, fonts=fonts) == png(PAPER, fonts=Fonts())


def test_bytes_do_not_depend_on_the_process_its_zone_or_its_clock(fonts):
    script = (
        "import hashlib; from certificates.fonts import Fonts; from certificates.drawing import pdf, png;"
        "from tests.certificates.test_drawing import PAPER;"
        "print(*(hashlib.sha256(draw(PAPER, fonts=Fonts())).hexdigest() for draw in (pdf, png)))"
    )
    environment = os.environ | {"TZ": "Pacific/Auckland", "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}
    made = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert made.stdout.split() == [hashlib.sha256(draw(PAPER, fonts=fonts)).hexdigest() for draw in (pdf, png)]


def test_threads_share_the_fonts(fonts):
    alone = pdf(PAPER, fonts=fonts)
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: pdf(replace(PAPER, number=number), fonts=fonts), [PAPER.number] * 16))
    assert set(made) == {alone}


@pytest.mark.parametrize("paper", [PAPER, PROGRAMME], ids=["knowledge", "programme"])
def test_pdf_declares_archival_and_accessible(fonts, paper):
    reader = read(pdf(paper, fonts=fonts))
    xmp = reader.xmp_metadata.stream.get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert reader.metadata.title == f"{paper.kind_line}: {paper.title}, {paper.name}"
    assert reader.metadata["/CreationDate"] == reader.metadata["/ModDate"] == "D:20261104000000Z"
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_pdf_text_holds_everything_printed(fonts):
    paper = replace(PAPER, attempt_line="Passed with a cited re-test on 6 November 2026")
    text = words(pdf(paper, fonts=fonts))
    for field in fields(paper):
        value = getattr(paper, field.name)
        if isinstance(value, str) and field.name not in ("kind", "lang", "verify_url", "code_url"):
            assert value in text, field.name
    assert "Valid to the end of 3 November 2027" in text
    assert "Quiz taken unproctored · Module version 3" in text
    assert "pinpoint.lakeside.example/verify" in text
    assert paper.scope[0] in text


def test_qr_is_a_link_in_the_pdf(fonts):
    (page,) = read(pdf(PAPER, fonts=fonts)).pages
    assert [note.get_object()["/A"]["/URI"] for note in page["/Annots"]] == [PAPER.code_url]


def test_knowledge_certificate_names_no_physician(fonts):
    text = words(pdf(PAPER, fonts=fonts)).lower()
    assert not any(word in text for word in ("physician", "licence", "job title", "depth", "signed"))
    assert {field.name for field in fields(Paper)}.isdisjoint({"job_title", "licence", "score", "depth", "trainer"})


def test_programme_certificate_names_its_physician(fonts):
    text = words(pdf(PROGRAMME, fonts=fonts))
    assert (
        "Supervising physician Dr. Elena Ruiz, MD Physician, Colorado Medical Board; Physician, Wyoming Board of Medicine "
        "Signed electronically on 5 November 2026"
    ) in text
    assert f"Modules: {PROGRAMME.versions}" in text
    assert f"Record (SHA-256) {PROGRAMME.record} · Programme version {PROGRAMME.programme_version} · Issued 4" in text
    assert "unproctored" not in text


def test_png_is_a_whole_sheet_without_metadata(fonts):
    made = png(PAPER, fonts=fonts)
    picture = Image.open(io.BytesIO(made))
    assert picture.size == (1600, 1131)
    assert len(made) < 200_000
    picture.load()
    assert picture.info.keys() <= {"dpi"}


@pytest.mark.parametrize("host", ["https://pinpoint.lakeside.example", f"https://{'training.' * 20}example"])
def test_qr_decodes_to_the_code_address(fonts, host):
    paper = replace(PAPER, verify_url=f"{host}/verify/", code_url=f"{host}/verify/{PAPER.code}")
    assert scanned(png(paper, fonts=fonts)) == [paper.code_url]


@pytest.mark.parametrize("url", [PAPER.code_url, "HTTPS://PINPOINT.EXAMPLE/1", "https://a.example/" + "x" * 90])
def test_qr_is_drawn_as_its_maker_draws_it(url):
    theirs = segno.make(url, error="m", micro=False, mask=drawing.QR_MASK).svg_inline(border=0, omitsize=True)
    drawn, wanted = (re.search(' d="M0 0.5(?:m0 0)?([^"]+)"', svg)[1] for svg in (drawing.qr(url), theirs))
    assert drawn == wanted


def test_second_page_hangs_below_the_first(fonts):
    paper = replace(PAPER, scope=tuple(f"Device {n}, {n * 7}" for n in range(90)))
    sheets = drawing._pages(drawing._compiler(paper, fonts).compile(format="png", ppi=drawing.PPI))
    picture = Image.open(io.BytesIO(png(paper, fonts=fonts)))
    assert len(sheets) == 2
    assert picture.size == (1600, 2 * 1131)
    for number, sheet in enumerate(sheets):
        part = picture.crop((0, number * 1131, 1600, (number + 1) * 1131))
        assert ImageChops.difference(part, Image.open(io.BytesIO(sheet)).convert("RGB")).getbbox() is None


SPACED = "Wilhelmina Konstantinopoulou-Featherstonehaugh de la Fuente y Montenegro "


@pytest.mark.parametrize("length", [1, 20, 60, 120, 200])
@pytest.mark.parametrize(
    "material", [SPACED, "Wolfeschlegelsteinhausen", "W", "王小明"], ids=["spaced", "solid", "wide", "cjk"]
)
def test_name_of_any_length_is_whole_and_inside_the_margins(fonts, material, length):
    name = (material * 200)[:length].strip()
    if fonts.script_gaps(name):
        fonts = load(settings.CERTIFICATE_FONTS)
        if fonts.script_gaps(name):
            pytest.skip(f"no Noto font for {name[:3]} installed")
    paper = replace(PAPER, name=name)
    made = pdf(paper, fonts=fonts)
    assert len(read(made).pages) == 1
    assert letters(name) in letters(words(made))
    assert_inside_margins(png(paper, fonts=fonts))


def assert_inside_margins(made):
    picture = Image.open(io.BytesIO(made)).convert("L")
    side = round(picture.width * MARGIN) - 12  # letters such as J reach a little into the margin
    for box in ((0, 0, side, picture.height), (picture.width - side, 0, picture.width, picture.height)):
        assert picture.crop(box).getextrema() == (255, 255)


def test_longest_texts_of_every_column_stay_on_one_page(fonts):
    def long(text, length):
        return (f"{text} " * 100)[:length].strip()

    paper = replace(
        PROGRAMME,
        kind_line=long("Certificate of knowledge", 120),
        title=long("Contraindications and patient selection", 200),
        name=long("Wilhelmina Konstantinopoulou", 200),
        statement=long("has completed the training and passed the quiz in", 200),
        clinic_name=long("Lakeside Skin Clinic", 200),
        clinic_address=long("14 Shore Road, Example Town", 300),
        rule_line=long("12 of 15 needed, every safety-critical question right", 300),
        attempt_line=long("passed with a cited re-test", 120),
        disclaimer=long("Not a permit to treat.", 300),
        verify_url=f"https://{'very-long-' * 19}.example/verify/",
        physician=long("Elena Ruiz", 200),
        credentials=long("Physician, Colorado Medical Board;", 400),
        signed=long("I reviewed this", 400),
        versions="; ".join([long("Contraindications and patient selection", 200)] * 4),
        note=f"Valid only as shown at https://{'very-long-' * 19}.example/verify/",
    )
    made = pdf(paper, fonts=fonts)
    assert len(read(made).pages) == 1
    particulars = (paper.physician, paper.credentials, paper.signed, paper.versions, paper.note)
    for text in (
        paper.title,
        paper.clinic_address,
        paper.rule_line,
        paper.attempt_line,
        paper.disclaimer,
        *particulars,
    ):
        assert letters(text) in letters(words(made))
    assert_inside_margins(png(paper, fonts=fonts))


def test_scope_that_does_not_fit_goes_on_a_second_page(fonts):
    paper = replace(PROGRAMME, scope=tuple(f"Line {line} of a long scope" for line in range(1, 100)))
    made = pdf(paper, fonts=fonts)
    assert "99 items, listed on the next page" in words(made)
    assert "Line 99 of a long scope" in words(made)
    picture = png(paper, fonts=fonts)
    assert Image.open(io.BytesIO(picture)).size == (1600, 1131 * len(read(made).pages))
    assert scanned(picture) == [paper.code_url]


@pytest.mark.parametrize("draw", [pdf, png])
@pytest.mark.parametrize("field", ["name", "clinic_name", "title"])
def test_text_without_a_font_is_refused_not_boxed(fonts, draw, field):
    with pytest.raises(Unprintable, match=r"cannot write 王 .* in “王小明”\. To add a font that can"):
        draw(replace(PAPER, **{field: "王小明"}), fonts=fonts)


def test_markup_in_a_name_is_printed_as_it_stands(fonts):
    name = '#panic() *x* $1$ "y" \\ -- <z>'
    assert name in words(pdf(replace(PAPER, name=name), fonts=fonts))


def test_address_of_several_lines_is_printed_in_one(fonts):
    paper = replace(PAPER, clinic_address="14 Shore Road,\r\nExample Town\n")
    assert pdf(paper, fonts=fonts) == pdf(PAPER, fonts=fonts)


def test_an_earlier_design_prints_none_of_what_came_later(fonts):
    """Such a certificate is drawn on another sheet when somebody asks for it, and says no more than it did."""
    earlier = replace(PAPER, record="", issued_at="", note="")
    for sheet in ("letter", "card"):
        text = words(pdf(earlier, fonts=fonts, sheet=sheet))
        assert "Valid only" not in text
        assert "Record" not in text


@pytest.mark.parametrize("paper", [PAPER, PROGRAMME], ids=["knowledge", "programme"])
def test_what_is_empty_leaves_no_label(fonts, paper):
    paper = replace(paper, scope=(), clinic_address="", rule_line="", module_version="", signed="", disclaimer="")
    text = words(pdf(paper, fonts=fonts))
    assert "Scope" not in text
    assert paper.clinic_name in text


LONG = replace(
    PROGRAMME,
    name="Maria-Theresia Wolkenstein-Oberhausen von und zu Hohenlohe-Schillingsfürst",
    title="Sterilisation and infection control in the treatment of complicated cases of the skin",
    clinic_name="The Centre for Aesthetic Medicine, Laser Surgery and Dermatology of the Upper Valley",
    physician="Dr. Elena Ruiz y Fernández de Castro, MD, board certified in dermatology",
    disclaimer="Shows training and a passed test for the scope above, on the day named, and nothing that a licence would show.",
)


@pytest.mark.parametrize("paper", [PAPER, PROGRAMME, LONG], ids=["knowledge", "programme", "long"])
@pytest.mark.parametrize(("sheet", "size"), [("letter", (792, 612)), ("card", (243, 153))])
def test_other_sheets(fonts, paper, sheet, size):
    """US Letter says all that A4 says; the card says whose, what, until when, what it is not, and where to check it."""
    made = pdf(paper, fonts=fonts, sheet=sheet)
    (page,) = read(made).pages
    assert [round(float(side)) for side in page.mediabox[2:]] == list(size)
    metadata = read(made).xmp_metadata.stream.get_data().decode()
    assert "pdfaid:part" in metadata
    assert "pdfuaid:part" in metadata
    text = letters(words(made))
    on_the_card = (
        paper.name,
        paper.title,
        paper.clinic_name,
        paper.number,
        paper.code,
        paper.valid_until,
        paper.disclaimer,
        paper.note,
    )
    everything = (*on_the_card, paper.statement, paper.issued, paper.rule_line, paper.credentials, paper.versions)
    everything = (*everything, paper.record, paper.programme_version, paper.issued_at, *paper.scope)
    for said in on_the_card if sheet == "card" else everything:
        assert letters(said) in text.replace("\u200b", ""), said
    assert paper.code_url in [note.get_object()["/A"]["/URI"] for note in page.annotations]
    assert pdf(paper, fonts=fonts, sheet=sheet) == made


def test_card_keeps_the_longest_name_on_it(fonts):
    """However long, all of it is there, on one card and inside its margins."""
    made = pdf(replace(PAPER, name="Wolkenstein" * 18), fonts=fonts, sheet="card")
    assert len(read(made).pages) == 1
    assert words(made).replace("\u200b", "").replace(" ", "").count("Wolkenstein") == 18


def test_card_is_read_by_a_scanner(fonts):
    picture = drawing._compiler(PAPER, fonts, "card").compile(format="png", ppi=300)
    assert scanned(picture) == [PAPER.code_url]
