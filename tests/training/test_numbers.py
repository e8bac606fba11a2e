import pytest

from training.numbers import carried, stated, uncarried


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        pytest.param("needles of 1.5 mm", ["1.5"], id="decimal"),
        pytest.param("after 24 hours and 7 days", ["24", "7"], id="two"),
        pytest.param("1,200 words", ["1200"], id="thousands"),
        pytest.param("3 to 5, about 90 %", ["3", "5", "90"], id="range in words"),
        pytest.param("days 1–3", ["1", "3"], id="range with a dash"),
        pytest.param("days 1-3", ["1", "3"], id="range with a hyphen"),
        pytest.param("10mm, 24h and 0.5mm", ["10", "24", "0.5"], id="unit without a space"),
        pytest.param("in 2026.", ["2026"], id="at the end of a sentence"),
        pytest.param("(12)", ["12"], id="in brackets"),
        pytest.param("point nd-06 and source V12.1", [], id="codes"),
        pytest.param("three needles", [], id="in words"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_stated(text, numbers):
    assert stated(text) == numbers


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("up to 1.5 mm", "1.5"),
        ("up to three times", "3"),
        ("Twelve months", "12"),
        ("600 um deep", "0.6"),
        ("600 µm deep", "0.60"),
        ("1250 um", "1.25"),
        ("1250 um", "1.3"),
    ],
)
def test_carried(source, number):
    assert number in carried(source)


@pytest.mark.parametrize(
    ("text", "source", "lost"),
    [
        pytest.param("0.5 mm", "0.50 mm", [], id="trailing zero in the source"),
        pytest.param("0.50 mm", "0.5 mm", [], id="trailing zero in the text"),
        pytest.param("1 mm", "1.0 mm", [], id="whole in the text"),
        pytest.param("1.0 mm", "1 mm", [], id="whole in the source"),
        pytest.param("0.6 mm", "600 um", [], id="micrometres"),
        pytest.param("24 hours", "48 hours", ["24"], id="another number"),
        pytest.param("2 and 3 and 4", "two or 3", ["4"], id="one of three"),
        pytest.param("10 days", "1.0 days", ["10"], id="a zero that counts"),
        pytest.param("no number", "", [], id="nothing stated"),
        pytest.param("7 days", "", ["7"], id="nothing cited"),
    ],
)
def test_uncarried(text, source, lost):
    assert uncarried(text, source) == lost


def test_sources_are_read_together():
    assert uncarried("between 3 and 5 days", "three days", "5 days") == []
