import re

import pytest

from certificates import codes
from certificates.codes import ALPHABET, cleaned, grouped


@pytest.fixture(scope="module")
def thousand() -> list[str]:
    return [codes.new() for _ in range(1000)]


def test_thousand_codes(thousand):
    assert len(set(thousand)) == 1000
    assert all(re.fullmatch(f"[{ALPHABET}]{{21}}", code) for code in thousand)
    assert all(cleaned(code) == code for code in thousand)


def test_every_character_is_used_in_every_place(thousand):
    """A thousand draws of 32 characters leave one out of a place about once in 10^12 times."""
    assert all({code[place] for code in thousand} == set(ALPHABET) for place in range(codes.LENGTH))


def test_no_look_alikes():
    assert len(ALPHABET) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_every_single_mistyping_is_found(thousand):
    for code in thousand[:20]:
        for place, right in enumerate(code):
            for wrong in ALPHABET.replace(right, ""):
                assert cleaned(code[:place] + wrong + code[place + 1 :]) == ""


CODE = "0123456789ABCDEFGHJK"
WHOLE = CODE + codes.check(CODE)


def test_grouped_as_printed():
    assert grouped(WHOLE) == f"0123-4567-89AB-CDEF-GHJK-{codes.check(CODE)}"


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(WHOLE, id="as stored"),
        pytest.param(grouped(WHOLE), id="as printed"),
        pytest.param(WHOLE.lower(), id="small letters"),
        pytest.param(grouped(WHOLE).replace("-", " "), id="spaces"),
        pytest.param(grouped(WHOLE).replace("-", "\u2013"), id="en dashes"),
        pytest.param(grouped(WHOLE).replace("-", "\u00a0\u2014"), id="no-break spaces and em dashes"),
        pytest.param(f"  {WHOLE}.\n", id="space, full stop and line end around"),
        pytest.param(WHOLE.replace("0", "O").replace("1", "I"), id="O and I for digits"),
        pytest.param(WHOLE.replace("0", "o").replace("1", "l"), id="o and l for digits"),
    ],
)
def test_cleaned_forgives(typed):
    assert cleaned(typed) == WHOLE


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "hello",
        WHOLE[:-1],
        WHOLE + "0",
        WHOLE.replace("A", "U"),
        WHOLE.replace("A", "*"),
        "\x00" * 21,
        "é" * 21,
        "٣" * 21,
    ],
)
def test_cleaned_refuses(typed):
    assert cleaned(typed) == ""
