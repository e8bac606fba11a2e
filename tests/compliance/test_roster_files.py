"""What is read of a file, and what is refused before anything is looked up. No database."""

import pytest

from compliance.roster.applying import sheet_of
from compliance.roster.base import MOST_ROWS, Unreadable
from compliance.roster.columns import Wrong, checked, day_of, heads_of, read_rows
from tests.compliance.sheets import csv_of, rows_xml, workbook

ZOE = "zoë@lakeside.example,Zoë Brøgger,Nurse,aesthetician,2026-11-01"
TEXT = f"email,full_name,job_title,roles,hired_on\r\n{ZOE}\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_encoding_and_separator(encoding, separator):
    sheet = sheet_of(TEXT.replace(",", separator).encode(encoding))
    assert sheet.heads[1] == "full_name"
    assert sheet.rows[0][1] == "Zoë Brøgger"
    assert sheet.lines == [2]


def test_a_separator_declared_above_the_heads():
    sheet = sheet_of(b"sep=;\r\nemail;full_name\r\na@x.example;Ann, A.\r\n")
    assert (sheet.rows, sheet.lines) == ([["a@x.example", "Ann, A."]], [3])


def test_lines_are_numbered_as_in_the_file():
    sheet = sheet_of(b'email,full_name\n\na@x.example,"Ann\nLee"\n\n\nb@x.example,Bo\n')
    assert sheet.lines == [3, 7]
    assert sheet.rows[0][1] == "Ann Lee"


def test_a_workbook_with_days_and_numbers():
    sheet = sheet_of(workbook(rows_xml([["staff_number", "full_name"], [12, "Ann Lee"], [], ["A-7", "Bo"]])))
    assert sheet.rows == [["12", "Ann Lee"], ["A-7", "Bo"]]
    assert sheet.lines == [2, 4]


def test_a_formula_is_read_as_it_was_last_shown_and_never_worked_out():
    data = workbook('<row r="1"><c r="A1" t="str"><f>WEBSERVICE("http://x.example")</f><v>email</v></c></row>')
    assert sheet_of(data).heads == ["email"]


LONG = f"<sst><si><t>{'ab' * 600}</t></si></sst>"
BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>"
HOSTILE = {
    "empty": (b"", "The file is empty"),
    "only separators": (b",,,\n,,\n", "The file is empty"),
    "a zero byte": (b"email,full_name\na@x.example,An\0n\n", "Line 2 holds a zero byte"),
    "two encodings": ("email\nzoë@x.example\n".encode() + "bjørn@x.example\n".encode("cp1252"), "another encoding"),
    "no letters": (b"email\n\x81\x8d\n", "no letters in any known encoding"),
    "half a letter of UTF-16": (b"\xff\xfee\x00m\x00a", "no letters in any known encoding"),
    "a quotation mark left open": (b'email,full_name\na@x.example,"Ann\n', "a quotation mark is opened"),
    "a long cell": (b"email\n" + b"a" * 501, "more than 500 letters"),
    "more than can be sent": (b"email\n" + b"a" * 10_000_000, "more than 2 MB"),
    "wide": (b"email" + b",a" * 40 + b"\n", "41 cells"),
    "5,001 people": (csv_of(*["a@x.example"] * (MOST_ROWS + 1), heads="email"), "more than 5000 people"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "workbook of the old kind"),
    "half a ZIP": (workbook("")[:300], "not a whole XLSX"),
    "a ZIP of something else": (workbook("").replace(b"xl/workbook.xml", b"xl/workbuch.xml"), "no XLSX workbook"),
    "a cell far below": (workbook('<row r="1048576"><c r="A1048576"><v>1</v></c></row>'), "beyond row"),
    "a cell far right": (workbook('<row r="1"><c r="A1"/><c r="XFD1"><v>1</v></c></row>'), "beyond column"),
    "a cell in no row": (workbook('<row><c r="XFD1048576"><v>1</v></c></row>'), "beyond row"),
    "cells without a place": (workbook("<row>" + "<c><v>1</v></c>" * 40 + "</row>"), "beyond column"),
    "rows without a number": (workbook("<row/>" * 6000), "beyond row"),
    "a place that is none": (workbook('<row r="1"><c r="A-1"/></row>'), "not a whole XLSX"),
    "a row that is none": (workbook('<row r="9e9"/>'), "not a whole XLSX"),
    "a bomb": (workbook(" " * 3_000_000), "swells far beyond its size"),
    "a long shared text": (
        workbook('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', **{"xl__sharedStrings.xml": LONG}),
        "more than 1000 letters",
    ),
    "a document type": (workbook("", **{"xl__styles.xml": f"{BOMB}<x>&b;</x>"}), "declares a document type"),
    "broken XML": (workbook("<row>"), "not a whole XLSX"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_refused_with_a_sentence(data, sentence):
    with pytest.raises(Unreadable, match=sentence):
        sheet_of(data)


HEADS = ["E-mail", "Employee number", "NAME", "Job title", "Role", "Hire date", "Shoe size"]


def test_heads_as_payrolls_call_them():
    sheet = sheet_of(",".join(HEADS).encode() + b"\na@x.example,7,Ann,Nurse,support,2026-11-01,38\n")
    places, unread = heads_of(sheet, "email")
    assert list(places.values()) == ["email", "staff_number", "full_name", "job_title", "roles", "hired_on"]
    assert unread == ["Shoe size"]


@pytest.mark.parametrize(
    ("heads", "sentence"),
    [(b"email,E-Mail,name", "Two columns are the E-mail"), (b"name,role", "No column is called email")],
)
def test_heads_refused(heads, sentence):
    with pytest.raises(Unreadable, match=sentence):
        heads_of(sheet_of(heads + b"\na,b,c\n"), "email")


def test_more_cells_than_heads():
    sheet = sheet_of(b"email,full_name\na@x.example,Lee,Ann\n")
    (row,) = read_rows(sheet, heads_of(sheet, "email")[0])
    assert [fault.code for fault in row.faults] == ["cells"]


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2026-11-02", "2026-11-02"),
        ("2026-11-02 00:00:00", "2026-11-02"),
        ("13/11/2026", "2026-11-13"),
        ("11/13/2026", "2026-11-13"),
        ("11/11/2026", "2026-11-11"),
        ("3.4.2026", "2026-04-03"),
        ("2 November 2026", "2026-11-02"),
        ("Nov 2, 2026", "2026-11-02"),
        ("2 sept 2026", "2026-09-02"),
    ],
)
def test_days(given, day):
    assert day_of(given).isoformat() == day


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("3/4/2026", "ambiguous"), ("03-04-2026", "ambiguous"), ("2026-02-30", "date"), ("31/02/2026", "date"),
        ("3/4/26", "date"), ("46000", "date"), ("soon", "date"), ("2026-11-02T14:30", "date"), ("2026", "date"),
    ],
)  # fmt: skip
def test_days_refused(given, code):
    with pytest.raises(Wrong) as refused:
        day_of(given)
    assert refused.value.code == code


def test_an_ambiguous_day_says_both():
    with pytest.raises(Wrong, match=r"can be 3 April or 4 March\. Write 2026-04-03 or 2026-03-04"):
        day_of("3/4/2026")


@pytest.mark.parametrize(
    ("column", "given", "code"),
    [
        ("full_name", '=HYPERLINK("http://x.example")', "formula"), ("job_title", "@SUM(1)", "formula"),
        ("full_name", "Nia\u202eNew", "signs"), ("full_name", "a" * 201, "long"), ("email", "nia at x", "email"),
        ("roles", "boss", "roles"), ("roles", ";", "roles"), ("hired_on", "1900-01-01", "date"),
    ],
)  # fmt: skip
def test_cells_refused(column, given, code):
    with pytest.raises(Wrong) as refused:
        checked(column, given)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Manager; Treating staff", "aesthetician manager"),
        ("SUPPORT", "support"),
        ("Supervising Physician", "physician"),
    ],
)
def test_roles(given, kept):
    assert checked("roles", given) == kept
